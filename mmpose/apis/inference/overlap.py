"""Stages that work at the same time: each in a thread of its own, with short queues between."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any


def overlap(
    items: Iterable[Any],
    *stages: Callable[[Any], Any],
    capacity: int = 1,
    busy_s: list[float] | None = None,
) -> Generator[Any, None, None]:
    """Yields what the stages make of the items, in their order, each exactly once.

    The iterable and every stage run in a thread of their own, so that all together take as long
    as the slowest of them. A stage that is ahead waits: at most ``capacity`` items lie between two
    stages. What a thread raises arrives here after the items before it. When the iterator ends or
    is closed, the iterable is closed if it is a generator, and the threads have ended.

    Args:
        items: Read in a thread, lazily.
        stages: Each takes an item and returns the one for the next stage.
        capacity: Items that may wait for each stage, and for the caller.
        busy_s: Gets the seconds for which the iterable and each stage have worked.
    """
    busy_s = [] if busy_s is None else busy_s
    busy_s[:] = [0.0] * (len(stages) + 1)
    channels = [_Channel(capacity) for _ in range(len(stages) + 1)]
    threads = [threading.Thread(target=_feed, args=(items, channels[0], busy_s), daemon=True)]
    for number, stage in enumerate(stages, start=1):
        arguments = (stage, channels[number - 1], channels[number], busy_s, number)
        threads.append(threading.Thread(target=_work, args=arguments, daemon=True))
    try:  # also a Ctrl-C between two starts ends those that run
        for thread in threads:
            thread.start()
        while not isinstance(item := channels[-1].get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        for channel in channels:
            channel.close()
        for thread in threads:
            if thread.ident is not None:  # it was started
                thread.join()


@dataclass(frozen=True)
class _End:
    """Comes after the last item; ``error`` is why there are no more, if something broke."""

    error: BaseException | None = None


class _Channel:
    """A bounded queue that either side can close."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[Any] = deque()
        self._capacity = capacity
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, item: Any) -> bool:
        """Waits for a place; returns whether anybody will still take the item."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._items) < self._capacity)
            if not self._is_closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._is_closed

    def get(self) -> Any:
        """Waits for an item; returns the end if the channel is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._items)
            if self._is_closed:
                return _End()
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Drops what waits, and lets nobody wait any more."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._changed.notify_all()


def _feed(items: Iterable[Any], target: _Channel, busy_s: list[float]) -> None:
    end, iterator = _End(), iter(items)
    try:
        while not isinstance(item := _timed(next, (iterator, end), busy_s, 0), _End):
            if not target.put(item):
                break
    except BaseException as raised:  # belongs to whoever reads the results
        end = _End(raised)
    finally:
        close = getattr(iterator, 'close', None)  # of a generator, in the thread that ran it
        if close is not None:
            close()
    target.put(end)


def _work(
    stage: Callable[[Any], Any],
    source: _Channel,
    target: _Channel,
    busy_s: list[float],
    number: int,
) -> None:
    end = _End()
    try:
        while not isinstance(item := source.get(), _End):
            if not target.put(_timed(stage, (item,), busy_s, number)):
                break
        else:
            end = item
    except BaseException as raised:
        end = _End(raised)
    source.close()
    target.put(end)


def _timed(
    function: Callable[..., Any], arguments: tuple[Any, ...], busy_s: list[float], number: int
) -> Any:
    started = time.perf_counter()
    try:
        return function(*arguments)
    finally:
        busy_s[number] += time.perf_counter() - started
