"""Keypoint smoothing over time: the One-Euro filter, which steadies without lag at speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import PoseResult
from mmpose.tracking.instances import InstanceArrays

Array = NDArray[np.floating]


@dataclass(eq=False)
class _Filters(InstanceArrays):
    """Filter states of N instances at their last observation.

    Attributes:
        ids: (N,) int64.
        measured: (N, K, 2), img px. Last input.
        smoothed: (N, K, 2), img px. Last output.
        velocity: (N, K, 2), img px/s.
        seen_s: (N,). Time of the last observation, seconds.
    """

    ids: NDArray[np.int64]
    measured: Array
    smoothed: Array
    velocity: Array
    seen_s: Array


class KeypointSmoother:
    """One-Euro filter of every keypoint of every instance (Casiez et al., CHI 2012).

    A low-pass filter whose cutoff rises with the speed of the keypoint: ``min_cutoff_hz + beta *
    speed``. Speed counts in sizes of the instance (square root of the area of the box) per second,
    so that the parameters do not depend on resolution and distance. A keypoint at steady speed lags
    by less than ``1 / (2 pi beta)`` sizes however fast it is.

    Args:
        min_cutoff_hz: Cutoff for a keypoint at rest; lower is steadier.
        beta: Rise of the cutoff with the speed; higher lags less.
        speed_cutoff_hz: Cutoff of the filter of the speed itself.
        forget_after_s: The filter of an instance not seen for longer starts anew.

    Raises:
        ValueError: If a parameter is out of its range.
    """

    def __init__(
        self,
        min_cutoff_hz: float = 1.0,
        beta: float = 10.0,
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
        """Forgets all instances, as before another video."""
        self._filters: _Filters | None = None
        self._time_s = -np.inf

    def __call__(self, results: Sequence[PoseResult], time_s: float) -> list[PoseResult]:
        """Returns the poses of the next frame with steadier keypoints, in the same order.

        Args:
            results: The poses of the frame, with the ids of ``PoseTracker``.
            time_s: Time of the frame, seconds. A frame of the same time as the one before it is
                taken as it is.

        Raises:
            ValueError: If time runs back, or a pose has no ``track_id``.
        """
        if time_s < self._time_s:
            raise ValueError(
                f'time runs back from {self._time_s:g} s to {time_s:g} s; call reset() before '
                'another video'
            )
        self._time_s = time_s
        if any(result.track_id is None for result in results):
            raise ValueError(
                'a pose has no track_id, by which its keypoints are followed; run PoseTracker first'
            )
        if self._filters is not None:
            is_kept = time_s - self._filters.seen_s <= self.forget_after_s
            self._filters = self._filters.select(is_kept)
        if not results:
            return []
        after = self._follow(results, time_s)
        smoothed = dict(zip(after.ids.tolist(), after.smoothed, strict=True))
        return [
            replace(x, keypoints=smoothed[x.track_id].astype(x.keypoints.dtype))
            for x in results
            if x.track_id is not None
        ]

    def _follow(self, results: Sequence[PoseResult], time_s: float) -> _Filters:
        """Updates the filters with the poses of a frame; returns those of its instances."""
        ids = np.array([x.track_id for x in results], np.int64)
        measured = np.array([x.keypoints for x in results], np.float64)  # (N, K, 2)
        given = _Filters(
            ids, measured, measured, np.zeros_like(measured), np.full(len(ids), time_s)
        )
        before = self._filters
        if before is None:
            self._filters = given
            return given
        row_of = {number: row for row, number in enumerate(before.ids.tolist())}
        rows = np.array([row_of.get(number, -1) for number in ids.tolist()])
        is_known = rows >= 0
        sizes = _sizes(results)[is_known]
        known = self._step(before.select(rows[is_known]), given.select(is_known), sizes)
        given = given.select(~is_known).join(known)
        self._filters = before.select(~np.isin(before.ids, ids)).join(given)
        return given

    def _step(self, before: _Filters, given: _Filters, sizes: Array) -> _Filters:
        """Returns filters after one more measurement each; ``sizes`` (N,) is in img px."""
        elapsed_s = (given.seen_s - before.seen_s)[:, None, None]  # (N, 1, 1)
        has_elapsed = elapsed_s > 0
        newest = (given.measured - before.measured) / np.where(has_elapsed, elapsed_s, 1)
        share = _share(self.speed_cutoff_hz, elapsed_s)
        velocity = before.velocity + share * (newest - before.velocity)
        speed = np.sqrt((velocity**2).sum(-1, keepdims=True)) / sizes[:, None, None]  # (N, K, 1)
        share = _share(self.min_cutoff_hz + self.beta * speed, elapsed_s)
        smoothed = before.smoothed + share * (given.measured - before.smoothed)
        smoothed = np.where(has_elapsed, smoothed, given.measured)
        return _Filters(given.ids, given.measured, smoothed, velocity, given.seen_s)


def _sizes(results: Sequence[PoseResult]) -> Array:
    """Returns the square root of the area of each box, (N,) img px."""
    boxes = np.array([x.bbox_xywh for x in results], np.float64)
    return np.asarray(np.sqrt(np.maximum(boxes[:, 2] * boxes[:, 3], 1e-12)))


def _share(cutoff_hz: float | Array, elapsed_s: Array) -> Array:
    """Returns the weight of the newest value in a low-pass filter after some time."""
    turn = 2 * np.pi * cutoff_hz * elapsed_s
    return np.asarray(turn / (turn + 1))
