"""Pipelined execution: stages that run at the same time, one thread each, with short queues."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from queue import Queue
from typing import Any


def run_pipelined(
    items: Iterable[Any],
    *stages: Callable[[Any], Any],
    capacity: int = 1,
    busy_s: list[float] | None = None,
) -> Generator[Any, None, None]:
    """Yields the items after all stages, in their order, each exactly once.

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
    queues = _Queues([Queue(capacity) for _ in range(len(stages) + 1)])
    threads = [threading.Thread(target=_feed, args=(items, queues, busy_s), daemon=True)]
    for number, stage in enumerate(stages, start=1):
        arguments = (stage, queues, number, busy_s)
        threads.append(threading.Thread(target=_work, args=arguments, daemon=True))
    try:  # also a Ctrl-C between two starts ends those that run
        for thread in threads:
            thread.start()
        while not isinstance(item := queues.get(len(stages)), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        queues.stop()
        for thread in threads:
            if thread.ident is not None:  # it was started
                thread.join()


@dataclass(frozen=True)
class _End:
    """Last item of a queue; ``error`` is why there are no more, if something broke."""

    error: BaseException | None = None


@dataclass(frozen=True)
class _Queues:
    """Queues before, between and after the stages, that stop together."""

    queues: list[Queue[Any]]
    is_stopped: threading.Event = field(default_factory=threading.Event)

    def put(self, number: int, item: Any) -> None:
        if not self.is_stopped.is_set():
            self.queues[number].put(item)

    def get(self, number: int) -> Any:
        item = _End() if self.is_stopped.is_set() else self.queues[number].get()
        return _End() if self.is_stopped.is_set() else item

    def stop(self) -> None:
        """Wakes every thread that waits; from now on ``get`` gives the end."""
        self.is_stopped.set()
        for queue in self.queues:
            with queue.not_full:
                queue.maxsize = sys.maxsize  # so that no writer waits
                queue.not_full.notify_all()
            queue.put(_End())


def _feed(items: Iterable[Any], queues: _Queues, busy_s: list[float]) -> None:
    end, iterator = _End(), iter(items)
    try:
        while not queues.is_stopped.is_set():
            item = _timed(next, (iterator, end), busy_s, 0)
            if isinstance(item, _End):
                break
            queues.put(0, item)
    except BaseException as raised:  # belongs to whoever reads the results
        end = _End(raised)
    finally:
        close = getattr(iterator, 'close', None)  # of a generator, in the thread that ran it
        if close is not None:
            close()
    queues.put(0, end)


def _work(stage: Callable[[Any], Any], queues: _Queues, number: int, busy_s: list[float]) -> None:
    try:
        while not isinstance(item := queues.get(number - 1), _End):
            queues.put(number, _timed(stage, (item,), busy_s, number))
    except BaseException as raised:  # the threads before it wait until the reader has read it
        item = _End(raised)
    queues.put(number, item)


def _timed(
    function: Callable[..., Any], arguments: tuple[Any, ...], busy_s: list[float], number: int
) -> Any:
    started = time.perf_counter()
    try:
        return function(*arguments)
    finally:
        busy_s[number] += time.perf_counter() - started
