"""Interface of message sinks, and rate-limited logging of their outages."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Protocol

from realtime_pose.communication.message import PoseMessage

logger = logging.getLogger('realtime_pose')


class MessageSink(Protocol):
    """Receiver of messages. Sinks are used by one thread at a time."""

    def send(self, message: PoseMessage) -> None:
        """Sends a message. Never raises because of a receiver, and never waits for one."""

    def close(self) -> None:
        """Releases sockets and files; may be called twice."""


class Outage:
    """Log of an outage: reports a failure and the recovery once each, not once per frame.

    Intermittent failures are reported no more often than permanent ones.

    Args:
        name: Name in the log.
        repeat_s: Seconds after which a lasting failure is reported again.
        steady_s: Seconds without failure after which a new one is reported at once.
        clock: Monotonic clock, s.

    Attributes:
        num_lost: Messages lost in the current outage.
        is_out: Whether the last attempt failed.
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
        """Notes a lost message."""
        self.num_lost += 1
        now = self._clock()
        was_well = not self.is_out and now - self._back_s >= self.steady_s
        self.is_out = True
        if was_well or now - self._said_s >= self.repeat_s:
            self._is_said, self._said_s = True, now
            logger.warning('%s: %s (%d messages lost)', self.name, reason, self.num_lost)

    def worked(self) -> None:
        """Notes a successful message."""
        if not self.is_out:
            return
        self.is_out = False
        self._back_s = self._clock()
        if self._is_said:
            self._is_said = False
            logger.warning('%s: works again after %d lost messages', self.name, self.num_lost)
            self.num_lost = 0
