"""Steadies joints without letting fast ones lag: the One-Euro filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import PoseResult

Array = NDArray[np.floating]


@dataclass(eq=False)
class _State:
    """The filter of one person when last seen: (K, 2) in img px, and in px/s."""

    measured: Array
    smoothed: Array
    velocity: Array
    time_s: float


class KeypointSmoother:
    """One-Euro filter of every joint of every person (Casiez et al., CHI 2012).

    A low-pass filter whose cutoff rises with the speed of the joint: ``min_cutoff_hz + beta *
    speed``. Speed counts in sizes of the person (square root of the area of the box) per second,
    so that the parameters do not depend on resolution and distance. A joint at steady speed lags
    by less than ``1 / (2 pi beta)`` sizes however fast it is.

    Args:
        min_cutoff_hz: Cutoff for a joint at rest; lower is steadier.
        beta: Rise of the cutoff with the speed; higher lags less.
        speed_cutoff_hz: Cutoff of the filter of the speed itself.
        forget_after_s: A person not seen for longer starts anew.

    Raises:
        ValueError: If a parameter is out of its range.
    """

    def __init__(
        self,
        min_cutoff_hz: float = 1.0,
        beta: float = 5.0,
        speed_cutoff_hz: float = 1.0,
        forget_after_s: float = 0.5,
    ) -> None:
        given = {'min_cutoff_hz': min_cutoff_hz, 'speed_cutoff_hz': speed_cutoff_hz}
        for name, value in given.items():
            if not value > 0:
                raise ValueError(f'{name} is {value}, expected more than 0 Hz')
        for name, value in (('beta', beta), ('forget_after_s', forget_after_s)):
            if not value >= 0:
                raise ValueError(f'{name} is {value}, expected 0 or more')
        self.min_cutoff_hz = min_cutoff_hz
        self.beta = beta
        self.speed_cutoff_hz = speed_cutoff_hz
        self.forget_after_s = forget_after_s
        self.reset()

    def reset(self) -> None:
        """Forgets everybody, as before another video."""
        self._states: dict[int, _State] = {}
        self._time_s = -np.inf

    def __call__(self, results: Sequence[PoseResult], time_s: float) -> list[PoseResult]:
        """Returns the poses of the next frame with steadier joints, in the same order.

        Args:
            results: The people in the frame, with the numbers of ``PoseTracker``.
            time_s: Time of the frame, seconds. A frame of the same time as the one before it is
                taken as it is.

        Raises:
            ValueError: If time runs back, or somebody has no number.
        """
        if time_s < self._time_s:
            raise ValueError(
                f'time runs back from {self._time_s:g} s to {time_s:g} s; call reset() before '
                'another video'
            )
        self._time_s = time_s
        self._states = {
            number: state
            for number, state in self._states.items()
            if time_s - state.time_s <= self.forget_after_s
        }
        return [self._smooth(result, time_s) for result in results]

    def _smooth(self, result: PoseResult, time_s: float) -> PoseResult:
        if result.track_id is None:
            raise ValueError(
                'a pose has no track_id, by which its joints are followed; run PoseTracker first'
            )
        measured = result.keypoints.astype(np.float64)
        state = self._states.get(result.track_id)
        if state is None or time_s <= state.time_s:
            self._states[result.track_id] = _State(
                measured, measured, np.zeros_like(measured), time_s
            )
            return result
        elapsed_s = time_s - state.time_s
        newest = (measured - state.measured) / elapsed_s
        share = _share(self.speed_cutoff_hz, elapsed_s)
        velocity = state.velocity + share * (newest - state.velocity)
        size = max(float(np.sqrt(result.bbox_xywh[2] * result.bbox_xywh[3])), 1e-6)
        speed = np.sqrt((velocity**2).sum(axis=-1, keepdims=True)) / size  # (K, 1)
        share = _share(self.min_cutoff_hz + self.beta * speed, elapsed_s)
        keypoints = state.smoothed + share * (measured - state.smoothed)
        self._states[result.track_id] = _State(measured, keypoints, velocity, time_s)
        return replace(result, keypoints=keypoints.astype(result.keypoints.dtype))


def _share(cutoff_hz: float | Array, elapsed_s: float) -> float | Array:
    """Returns the weight of the newest value in a low-pass filter after some time."""
    turn = 2 * np.pi * cutoff_hz * elapsed_s
    return turn / (turn + 1)
