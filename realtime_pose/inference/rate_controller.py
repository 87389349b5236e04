"""Controller that holds a target frame rate by lowering the quality level."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY = 0.15  # weight of the newest frame in the moving average, once there are enough frames
TOO_SLOW, FAST_ENOUGH = 1.0, 0.6  # of the time budget of a frame
# Before quality is lowered: so many frames, or where these are slow, so many seconds and a few
# frames.
PATIENCE, PATIENCE_S, MIN_FRAMES = 15, 2.0, 3
FIRST_TRIAL, MAX_TRIAL = 60, 1920  # frames before quality is raised; doubled after each failure


@dataclass(frozen=True)
class QualityLevel:
    """Amount of work per frame, traded against speed.

    Attributes:
        det_factor: Factor on the detection interval.
        flip_test: Whether the flip test may run.
        max_people: Number of boxes with the highest scores; None takes all.
        text: Name, as in messages.
    """

    det_factor: int
    flip_test: bool
    max_people: int | None
    text: str


QUALITY_LEVELS = (
    QualityLevel(1, True, None, 'full'),
    QualityLevel(1, False, None, 'no flip test'),
    QualityLevel(3, False, None, 'no flip test, detector three times as seldom'),
    QualityLevel(10, False, None, 'no flip test, detector ten times as seldom'),
    QualityLevel(10, False, 1, 'no flip test, detector ten times as seldom, one person'),
)


class RateController:
    """Feedback controller of the quality level, driven by the time that frames take.

    Args:
        target_fps: Frames per second to hold; None stays at full quality.
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
    def quality(self) -> QualityLevel:
        """The current quality level."""
        return QUALITY_LEVELS[self.level]

    def update(self, busy_s: float) -> None:
        """Adds the processing time of a frame and adapts the level."""
        if self.target_fps is None or not self._is_warm:
            self._is_warm = True  # the first frame of a model takes longer than all others
            return
        self._num_since += 1
        self._spent_s += busy_s
        self._mean_s += max(MEMORY, 1 / self._num_since) * (busy_s - self._mean_s)
        share = self._mean_s * self.target_fps
        is_long = self._spent_s >= PATIENCE_S and self._num_since >= MIN_FRAMES
        is_sure = is_long or self._num_since >= PATIENCE
        if share > TOO_SLOW and is_sure and self.level + 1 < len(QUALITY_LEVELS):
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
