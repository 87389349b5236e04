"""Queue of size one between two threads: a newer frame replaces one that nobody has taken."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

from mmpose.structures import Frame

T = TypeVar('T')


@dataclass(frozen=True, eq=False)
class CapturedFrame:
    """Frame with its time of capture.

    Attributes:
        frame: Its ``index`` counts all frames of the source, also those that were dropped.
        t_capture: Unix seconds, as in messages.
        captured_s: Monotonic clock, s; to measure its age.
    """

    frame: Frame
    t_capture: float
    captured_s: float


class LatestFrameQueue(Generic[T]):
    """Thread-safe queue of one item that drops the oldest, so that a slow reader never lags.

    Args:
        keep_all: Blocks the writer until the item was taken, instead of dropping it.

    Attributes:
        num_dropped: Items that were replaced before anybody took them.
        is_closed: Whether no more items come.
    """

    def __init__(self, keep_all: bool = False) -> None:
        self.keep_all = keep_all
        self.num_dropped = 0
        self.is_closed = False
        self._item: T | None = None
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Adds an item in place of one that nobody took; does nothing when closed."""
        with self._changed:
            if self.keep_all:
                self._changed.wait_for(lambda: self._item is None or self.is_closed)
            if self.is_closed:
                return
            self.num_dropped += self._item is not None
            self._item = item
            self._changed.notify_all()

    def get(self, timeout_s: float | None = None) -> T | None:
        """Waits for the item and removes it; None after the timeout, or when closed and empty."""
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
        """Ends the queue; the item that is left can still be taken."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()
