"""Hands the newest frame from one thread to another."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

from mmpose.structures import Frame

T = TypeVar('T')


@dataclass(frozen=True, eq=False)
class CapturedFrame:
    """A frame and when it was taken.

    Attributes:
        frame: Its ``index`` counts all frames of the source, also those that were dropped.
        t_capture: Unix seconds, for others.
        captured_s: Of the monotonic clock, to measure how old it is.
    """

    frame: Frame
    t_capture: float
    captured_s: float


class Mailbox(Generic[T]):
    """Holds one item. A newer one takes its place, so that whoever is slow never falls behind.

    Args:
        keep_all: The writer waits until the item was taken, instead.

    Attributes:
        num_dropped: Items that nobody took in time.
        is_closed: Whether nothing more comes.
    """

    def __init__(self, keep_all: bool = False) -> None:
        self.keep_all = keep_all
        self.num_dropped = 0
        self.is_closed = False
        self._item: T | None = None
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Leaves an item; one that nobody took is dropped. Nothing happens when closed."""
        with self._changed:
            if self.keep_all:
                self._changed.wait_for(lambda: self._item is None or self.is_closed)
            if self.is_closed:
                return
            self.num_dropped += self._item is not None
            self._item = item
            self._changed.notify_all()

    def take(self, timeout_s: float | None = None) -> T | None:
        """Returns the item, waiting for one; None after the timeout, or when closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self.is_closed, timeout_s)
            item, self._item = self._item, None
            self._changed.notify_all()
            return item

    @property
    def is_over(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return self.is_closed and self._item is None

    def close(self) -> None:
        """Ends it: the item that is left can still be taken."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()
