"""Tracked instances as arrays: boxes, keypoints, velocities; motion prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.structures import DatasetMeta, PoseResult

VELOCITY_MEMORY_S = 0.1  # over which the velocity of an instance is averaged
COASTING_S = 1.0  # after which an unseen instance has lost 1 - 1/e of its velocity

Array = NDArray[np.floating]
ArraysType = TypeVar('ArraysType', bound='InstanceArrays')


@dataclass(eq=False)
class InstanceArrays:
    """Base of data classes whose fields are arrays with one row per instance."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def select(self: ArraysType, rows: ArrayLike) -> ArraysType:
        """Returns some of the rows, chosen by a mask or by indices."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def join(self: ArraysType, others: ArraysType) -> ArraysType:
        """Returns these rows and then others."""
        names = [field.name for field in fields(self)]
        return type(self)(
            *(np.concatenate([getattr(self, name), getattr(others, name)]) for name in names)
        )


@dataclass(eq=False)
class TrackedInstances(InstanceArrays):
    """State of N tracked instances.

    Attributes:
        ids: (N,) int64. Track ids; 0 where there is none yet.
        keypoints: (N, K, 2), img px.
        keypoint_scores: (N, K).
        boxes: (N, 4) left, top, width, height, img px.
        velocity: (N, 2), img px/s.
        seen_s: (N,). Time of the last observation, seconds.
    """

    ids: NDArray[np.int64]
    keypoints: Array
    keypoint_scores: Array
    boxes: Array
    velocity: Array
    seen_s: Array

    @classmethod
    def of(
        cls, results: Sequence[PoseResult], dataset_meta: DatasetMeta, time_s: float
    ) -> TrackedInstances:
        """Returns the instances of a frame with velocity 0 and without ids.

        Raises:
            ValueError: If a pose is not of the skeleton.
        """
        num, num_keypoints = len(results), dataset_meta.num_keypoints
        for result in results:
            if result.keypoints.shape != (num_keypoints, 2):
                raise ValueError(
                    f'a pose has keypoints of shape {result.keypoints.shape}, and the skeleton '
                    f"'{dataset_meta.name}' of the tracker has {num_keypoints} keypoints"
                )
        return cls(
            np.zeros(num, np.int64),
            np.array([x.keypoints for x in results], np.float64).reshape(num, num_keypoints, 2),
            np.array([x.keypoint_scores for x in results], np.float64).reshape(num, num_keypoints),
            np.array([x.bbox_xywh for x in results], np.float64).reshape(num, 4),
            np.zeros((num, 2)),
            np.full(num, time_s, np.float64),
        )

    @property
    def centers(self) -> Array:
        """(N, 2), img px. Of the box."""
        return self.boxes[:, :2] + self.boxes[:, 2:] / 2

    @property
    def sizes(self) -> Array:
        """(N,), img px. Square root of the area of the box."""
        return np.sqrt(np.maximum(self.boxes[:, 2] * self.boxes[:, 3], 1e-9))

    def at(self, time_s: float) -> TrackedInstances:
        """Motion prediction: the instances at a time, moved on at a decaying velocity."""
        coasted_s = COASTING_S * (1 - np.exp(-(time_s - self.seen_s) / COASTING_S))
        moved = self.velocity * coasted_s[:, None]  # (N, 2)
        boxes = self.boxes.copy()
        boxes[:, :2] += moved
        return replace(self, keypoints=self.keypoints + moved[:, None], boxes=boxes)

    def seen_as(self, poses: TrackedInstances) -> TrackedInstances:
        """Returns the instances updated with their new poses, one each; velocities are filtered."""
        elapsed_s = poses.seen_s - self.seen_s
        weights = np.maximum(self.keypoint_scores * poses.keypoint_scores, 0)[..., None]
        moved = ((poses.keypoints - self.keypoints) * weights).sum(axis=1)  # (N, 2)
        moved /= np.maximum(weights.sum(axis=1), 1e-12)
        newest = moved / np.maximum(elapsed_s, 1e-9)[:, None]
        share = (elapsed_s / (elapsed_s + VELOCITY_MEMORY_S))[:, None]  # 0 where no time passed
        velocity = self.velocity + share * (newest - self.velocity)
        return replace(poses, ids=self.ids, velocity=velocity)
