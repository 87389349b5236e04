"""Pose tracker: track ids by OKS and box IoU, Hungarian assignment, motion prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import DatasetMeta, PoseResult, box_iou_xywh
from mmpose.tracking.instances import TrackedInstances

# Of 0.5, 0.7 and 0.85 in 320 simulated walks through each other, 0.5 exchanged twice as many ids;
# the box helps where the keypoints are wrong altogether.
OKS_WEIGHT = 0.7
# A pose without a similar instance may still belong to one close by: at a distance of up to half a
# size plus what one runs until then (sizes per second: a sprinter makes about 10 m/s), at most 1.5
# sizes, and of similar size.
NEAR, RUN_PER_S, MAX_NEAR, MAX_SIZE_RATIO = 0.5, 8.0, 1.5, 2.0

# OKS compares poses of one image, and an instance moves between two frames: distances count as if
# this many times shorter.
MOTION_ALLOWANCE = 2.0

Array = NDArray[np.floating]
Rows = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class PoseTracker:
    """Multi-object tracker of poses: gives each instance a track id.

    Instances are predicted to move on at their velocity. Poses are assigned to them by the
    Hungarian method, which maximises the sum of the similarities; the rest is assigned by
    distance. The id of an unseen instance is kept for a while.

    Args:
        dataset_meta: The skeleton; its sigmas are those of OKS.
        oks_weight: Share of OKS in the similarity, the rest is the overlap (IoU) of the boxes: 1
            is OKS alone, 0 boxes alone. None is 0.7, and 0 where the skeleton has no sigmas.
        min_similarity: Pairs below it are assigned by distance only.
        time_to_live_s: How long the id of an unseen instance is kept.

    Raises:
        ImportError: If scipy, which makes the assignment, is not installed.
        ValueError: If an argument is out of its range, or the skeleton lacks sigmas.
    """

    def __init__(
        self,
        dataset_meta: DatasetMeta,
        oks_weight: float | None = None,
        min_similarity: float = 0.2,
        time_to_live_s: float = 1.0,
    ) -> None:
        try:
            from scipy.optimize import linear_sum_assignment
        except ImportError:
            raise ImportError('tracking needs scipy; pip install scipy') from None
        if oks_weight is None:
            oks_weight = 0.0 if dataset_meta.sigmas is None else OKS_WEIGHT
        for name, value in (('oks_weight', oks_weight), ('min_similarity', min_similarity)):
            if not 0 <= value <= 1:
                raise ValueError(f'{name} is {value}, expected a number from 0 to 1')
        if not time_to_live_s >= 0:
            raise ValueError(f'time_to_live_s is {time_to_live_s}, expected 0 or more seconds')
        if oks_weight:
            dataset_meta.oks_sigmas('; track with oks_weight=0')
        self.dataset_meta = dataset_meta
        self.oks_weight = oks_weight
        self.min_similarity = min_similarity
        self.time_to_live_s = time_to_live_s
        self._linear_sum_assignment = linear_sum_assignment
        self._variances = (
            None if dataset_meta.sigmas is None else keypoint_variances(dataset_meta.sigmas)
        )
        self.reset()

    def reset(self) -> None:
        """Forgets all instances, as before another video; ids start at 1 again."""
        self._time_s = -np.inf
        self._known = TrackedInstances.of([], self.dataset_meta, 0.0)
        self._num_ids = 0

    def __call__(self, results: Sequence[PoseResult], time_s: float) -> list[PoseResult]:
        """Returns the poses of the next frame with their ``track_id``, in the same order.

        Args:
            time_s: Time of the frame, seconds.

        Raises:
            ValueError: If time runs back, or a pose is of another skeleton.
        """
        if time_s < self._time_s:
            raise ValueError(
                f'time runs back from {self._time_s:g} s to {time_s:g} s; call reset() before '
                'another video'
            )
        self._time_s = time_s
        known = self._known.select(time_s - self._known.seen_s <= self.time_to_live_s)
        instances = TrackedInstances.of(results, self.dataset_meta, time_s)
        old, poses = self._assign(known.at(time_s), instances)
        instances.ids[poses] = known.ids[old]
        is_new = instances.ids == 0
        instances.ids[is_new] = self._num_ids + 1 + np.arange(is_new.sum())
        self._num_ids += int(is_new.sum())
        is_unseen = np.ones(len(known), bool)
        is_unseen[old] = False
        followed = known.select(old).seen_as(instances.select(poses))
        self._known = known.select(is_unseen).join(followed).join(instances.select(is_new))
        return [
            replace(result, track_id=number)
            for result, number in zip(results, instances.ids.tolist(), strict=True)
        ]

    def _assign(self, expected: TrackedInstances, instances: TrackedInstances) -> tuple[Rows, Rows]:
        """Returns the rows of known instances and of their poses, pair by pair."""
        distance = _distance(expected, instances)
        similarity = self._similarity(expected, instances, distance < MAX_NEAR)
        old, poses = self._best_pairs(similarity, self.min_similarity)
        old_left = np.setdiff1d(np.arange(len(expected)), old)
        poses_left = np.setdiff1d(np.arange(len(instances)), poses)
        if not (len(old_left) and len(poses_left)):
            return old, poses
        left = np.ix_(old_left, poses_left)
        nearness = _nearness(
            expected.select(old_left), instances.select(poses_left), distance[left]
        )
        more_old, more_poses = self._best_pairs(nearness, 0.0)
        return (
            np.concatenate([old, old_left[more_old]]),
            np.concatenate([poses, poses_left[more_poses]]),
        )

    def _similarity(
        self, expected: TrackedInstances, instances: TrackedInstances, is_near: BoolArray
    ) -> Array:
        """Returns the (N, M) similarity of known instances and poses, 0 for distant pairs."""
        similarity: Array = np.zeros(is_near.shape)
        rows, columns = np.nonzero(is_near)
        if not len(rows):
            return similarity
        first, second = expected.select(rows), instances.select(columns)
        overlap = box_iou_xywh(first.boxes, second.boxes)
        oks: Array = np.zeros(len(rows))
        if self._variances is not None and self.oks_weight > 0:
            area = (first.sizes**2 + second.sizes**2) / 2
            oks = pose_similarity(
                first.keypoints,
                first.keypoint_scores,
                second.keypoints,
                second.keypoint_scores,
                area,
                self._variances,
            )
        similarity[rows, columns] = self.oks_weight * oks + (1 - self.oks_weight) * overlap
        return similarity

    def _best_pairs(self, similarity: Array, minimum: float) -> tuple[Rows, Rows]:
        """Returns rows and columns of the pairs with the largest sum, all above a minimum."""
        is_pair = similarity > minimum
        # Pairs below the minimum weigh nothing, so that none above it is given up for two of them.
        rows, columns = self._linear_sum_assignment(similarity * is_pair, maximize=True)
        kept = is_pair[rows, columns]
        return rows[kept], columns[kept]


def _distance(expected: TrackedInstances, instances: TrackedInstances) -> Array:
    """Returns the (N, M) distances between the box centres of instances and poses, in box sizes."""
    sizes = np.sqrt(expected.sizes[:, None] * instances.sizes)  # (N, M)
    steps = expected.centers[:, None] - instances.centers  # (N, M, 2)
    return np.asarray(np.sqrt((steps**2).sum(axis=-1)) / sizes)


def _nearness(expected: TrackedInstances, instances: TrackedInstances, distance: Array) -> Array:
    """Returns the (N, M) nearness of known instances and poses: positive within reach, up to 1."""
    unseen_s = instances.seen_s - expected.seen_s[:, None]
    reach = np.minimum(NEAR + RUN_PER_S * unseen_s, MAX_NEAR)
    ratio = expected.sizes[:, None] / instances.sizes
    is_alike = np.maximum(ratio, 1 / ratio) <= MAX_SIZE_RATIO
    return np.asarray((1 - distance / reach) * is_alike)


def keypoint_variances(sigmas: Array) -> Array:
    """Returns the (K,) variances of keypoints, in units of the area, for ``pose_similarity``."""
    return np.asarray((2 * MOTION_ALLOWANCE * sigmas.astype(np.float64)) ** 2)


def pose_similarity(
    first: Array,
    first_scores: Array,
    second: Array,
    second_scores: Array,
    area: Array,
    variances: Array,
) -> Array:
    """Returns the OKS of P pairs of poses, keypoints weighted by both their scores.

    Args:
        first: (P, K, 2), img px.
        first_scores: (P, K).
        second: (P, K, 2), img px.
        second_scores: (P, K).
        area: (P,), img px². Area of the two instances.
        variances: (K,), of ``keypoint_variances``.

    Returns:
        (P,), from 0 to 1; 0 where no keypoint has a score in both.
    """
    squared = ((first - second) ** 2).sum(axis=-1)  # (P, K)
    closeness = np.exp(-squared / (2 * np.maximum(area, 1e-9)[:, None] * variances))
    weights = np.maximum(first_scores * second_scores, 0)
    return np.asarray((closeness * weights).sum(-1) / np.maximum(weights.sum(-1), 1e-12))
