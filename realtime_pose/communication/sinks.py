"""What every way out has in common: it takes messages, and outlives its receiver."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from realtime_pose.communication.message import PoseMessage

logger = logging.getLogger('realtime_pose')


class MessageSink(Protocol):
    """Somewhere messages go. Sinks are used by one thread at a time."""

    def send(self, message: PoseMessage) -> None:
        """Takes a message. Never raises because of a receiver, and never waits for one."""

    def close(self) -> None:
        """Frees sockets and files; may be called twice."""


class Outage:
    """Says once that something is gone and once that it is back, not once per frame.

    Args:
        name: What is gone, as the log calls it.
        repeat_s: Seconds after which it is said again.
        clock: Monotonic clock, s.
    """

    def __init__(
        self, name: str, repeat_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.repeat_s = repeat_s
        self.num_lost = 0
        self._clock = clock
        self._said: float | None = None

    @property
    def is_out(self) -> bool:
        """Whether the last try failed."""
        return self._said is not None

    def failed(self, reason: object) -> None:
        """Notes a message that was lost."""
        self.num_lost += 1
        now = self._clock()
        if self._said is None or now - self._said >= self.repeat_s:
            self._said = now
            logger.warning('%s: %s (%d messages lost)', self.name, reason, self.num_lost)

    def worked(self) -> None:
        """Notes a message that went out."""
        if self._said is not None:
            self._said = None
            logger.warning('%s: works again after %d lost messages', self.name, self.num_lost)
            self.num_lost = 0
