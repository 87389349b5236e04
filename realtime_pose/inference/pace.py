"""Holds a frame rate by doing less."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY = 0.15  # weight of the newest frame in the mean time, once there are as many as it takes
TOO_SLOW, FAST_ENOUGH = 1.0, 0.6  # of the time that a frame may take
# Before less is done: so many frames, or where these take long, so many seconds and a few frames.
PATIENCE, PATIENCE_S, MIN_FRAMES = 15, 2.0, 3
FIRST_TRIAL, MAX_TRIAL = 60, 1920  # frames before more is tried; doubled each time that fails


@dataclass(frozen=True)
class Effort:
    """How much is done for a frame.

    Attributes:
        det_factor: Factor on the frames from one detection to the next.
        flip_test: Whether the mirror image may be looked at as well.
        max_people: Of the surest boxes; None takes all.
        text: What this is called.
    """

    det_factor: int
    flip_test: bool
    max_people: int | None
    text: str


EFFORTS = (
    Effort(1, True, None, 'full'),
    Effort(1, False, None, 'no flip test'),
    Effort(3, False, None, 'no flip test, detector three times as seldom'),
    Effort(10, False, None, 'no flip test, detector ten times as seldom'),
    Effort(10, False, 1, 'no flip test, detector ten times as seldom, one person'),
)


class PaceKeeper:
    """Decides how much is done, from how long frames take.

    Args:
        target_fps: Frames per second to hold; None always does everything.
    """

    def __init__(self, target_fps: float | None = None) -> None:
        if target_fps is not None and not target_fps > 0:
            raise ValueError(f'target fps is {target_fps}, expected more than 0')
        self.target_fps = target_fps
        self.level = 0
        self._is_warm = False
        self._mean_s = self._spent_s = 0.0
        self._num_since = 0
        self._trial = FIRST_TRIAL
        self._is_trying = False

    @property
    def effort(self) -> Effort:
        """What is done now."""
        return EFFORTS[self.level]

    def note(self, busy_s: float) -> None:
        """Takes the time that a frame took."""
        if self.target_fps is None or not self._is_warm:
            self._is_warm = True  # the first frame of a model takes longer than all others
            return
        self._num_since += 1
        self._spent_s += busy_s
        self._mean_s += max(MEMORY, 1 / self._num_since) * (busy_s - self._mean_s)
        share = self._mean_s * self.target_fps
        is_long = self._spent_s >= PATIENCE_S and self._num_since >= MIN_FRAMES
        is_sure = is_long or self._num_since >= PATIENCE
        if share > TOO_SLOW and is_sure and self.level + 1 < len(EFFORTS):
            if self._is_trying:
                self._trial = min(2 * self._trial, MAX_TRIAL)
            self._change(1)
        elif share < FAST_ENOUGH and self._num_since >= self._trial and self.level > 0:
            self._change(-1)

    def _change(self, step: int) -> None:
        self.level += step
        self._is_trying = step < 0
        self._num_since = 0
        self._mean_s = self._spent_s = 0.0
