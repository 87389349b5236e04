"""What every way out has in common: it takes messages, and outlives its receiver."""

from __future__ import annotations

import logging
import math
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

    What fails and works in turns is said no more often than what is gone.

    Args:
        name: What is gone, as the log calls it.
        repeat_s: Seconds after which it is said again.
        steady_s: What has worked for so long is taken for well: that it fails is said at once.
        clock: Monotonic clock, s.

    Attributes:
        num_lost: Messages lost since it was last well.
        is_out: Whether the last try failed.
    """

    def __init__(
        self,
        name: str,
        repeat_s: float = 30.0,
        steady_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.repeat_s = repeat_s
        self.steady_s = steady_s
        self.num_lost = 0
        self.is_out = False
        self._clock = clock
        self._is_said = False
        self._said_s = self._back_s = -math.inf

    def failed(self, reason: object) -> None:
        """Notes a message that was lost."""
        self.num_lost += 1
        now = self._clock()
        was_well = not self.is_out and now - self._back_s >= self.steady_s
        self.is_out = True
        if was_well or now - self._said_s >= self.repeat_s:
            self._is_said, self._said_s = True, now
            logger.warning('%s: %s (%d messages lost)', self.name, reason, self.num_lost)

    def worked(self) -> None:
        """Notes a message that went out."""
        if not self.is_out:
            return
        self.is_out = False
        self._back_s = self._clock()
        if self._is_said:
            self._is_said = False
            logger.warning('%s: works again after %d lost messages', self.name, self.num_lost)
            self.num_lost = 0
