"""The people of a frame, or those that a tracker remembers, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import DatasetMeta, PoseResult
from mmpose.tracking.rows import Rows

VELOCITY_MEMORY_S = 0.1  # over which the velocity of a person is averaged
COASTING_S = 1.0  # after which somebody whom nobody sees has lost 1 - 1/e of the velocity

Array = NDArray[np.floating]


@dataclass(eq=False)
class People(Rows):
    """N people.

    Attributes:
        ids: (N,) int64. Number of each; 0 where there is none yet.
        keypoints: (N, K, 2), img px.
        keypoint_scores: (N, K).
        boxes: (N, 4) left, top, width, height, img px.
        velocity: (N, 2), img px/s.
        seen_s: (N,). When each was seen like this, seconds.
    """

    ids: NDArray[np.int64]
    keypoints: Array
    keypoint_scores: Array
    boxes: Array
    velocity: Array
    seen_s: Array

    @classmethod
    def of(cls, results: Sequence[PoseResult], dataset_meta: DatasetMeta, time_s: float) -> People:
        """Returns the people of a frame, standing still and without numbers.

        Raises:
            ValueError: If a pose is not of the skeleton.
        """
        num, num_joints = len(results), dataset_meta.num_keypoints
        for result in results:
            if result.keypoints.shape != (num_joints, 2):
                raise ValueError(
                    f'a pose has keypoints of shape {result.keypoints.shape}, and the skeleton '
                    f"'{dataset_meta.name}' of the tracker has {num_joints} joints"
                )
        return cls(
            np.zeros(num, np.int64),
            np.array([x.keypoints for x in results], np.float64).reshape(num, num_joints, 2),
            np.array([x.keypoint_scores for x in results], np.float64).reshape(num, num_joints),
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

    def at(self, time_s: float) -> People:
        """Returns where the people may be by now: they coast, ever slower, as they were going."""
        coasted_s = COASTING_S * (1 - np.exp(-(time_s - self.seen_s) / COASTING_S))
        moved = self.velocity * coasted_s[:, None]  # (N, 2)
        boxes = self.boxes.copy()
        boxes[:, :2] += moved
        return People(
            self.ids,
            self.keypoints + moved[:, None],
            self.keypoint_scores,
            boxes,
            self.velocity,
            self.seen_s,
        )

    def seen_as(self, poses: People) -> People:
        """Returns the people with the poses that they have now, one each."""
        elapsed_s = poses.seen_s - self.seen_s
        weights = np.maximum(self.keypoint_scores * poses.keypoint_scores, 0)[
            ..., None
        ]  # (N, K, 1)
        moved = ((poses.keypoints - self.keypoints) * weights).sum(axis=1)  # (N, 2)
        moved /= np.maximum(weights.sum(axis=1), 1e-12)
        newest = moved / np.maximum(elapsed_s, 1e-9)[:, None]
        share = (elapsed_s / (elapsed_s + VELOCITY_MEMORY_S))[:, None]  # 0 where no time passed
        velocity = self.velocity + share * (newest - self.velocity)
        return People(
            self.ids, poses.keypoints, poses.keypoint_scores, poses.boxes, velocity, poses.seen_s
        )
