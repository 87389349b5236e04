"""Who is who from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import DatasetMeta, PoseResult, box_iou_xywh
from mmpose.tracking.people import People
from mmpose.tracking.similarity import keypoint_variances, pose_similarity

# Of 0.5, 0.7 and 0.85 in 320 simulated walks through each other, 0.5 mixed up twice as many people;
# the box is for joints that are wrong altogether.
OKS_WEIGHT = 0.7
# A pose that resembles nobody may still be somebody close by: as far away as half a person and
# what one runs until then (people's sizes per second: a sprinter makes about 10 m/s), but no
# more than 1.5, and of a size alike.
NEAR, RUN_PER_S, MAX_NEAR, MAX_SIZE_RATIO = 0.5, 8.0, 1.5, 2.0

Array = NDArray[np.floating]
Rows = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class PoseTracker:
    """Gives each person a number that stays the same from frame to frame.

    People are expected to move on at their velocity. Poses are assigned to them by the Hungarian
    method, so that the sum of the similarities is largest; what is left over is assigned by
    distance. A person whom nobody sees keeps the number for a while.

    Args:
        dataset_meta: The skeleton; its sigmas are those of OKS.
        oks_weight: Share of OKS in the similarity, the rest is the overlap (IoU) of the boxes: 1
            is OKS alone, 0 boxes alone. None is 0.7, and 0 where the skeleton has no sigmas.
        min_similarity: Below it a pose and a person have nothing in common but the place.
        time_to_live_s: How long a number is kept for a person whom nobody sees.

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
        if oks_weight and dataset_meta.sigmas is None:
            raise ValueError(
                f"skeleton '{dataset_meta.name}' has no sigmas, which OKS needs; track with "
                'oks_weight=0'
            )
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
        """Forgets everybody, as before another video; numbers start at 1 again."""
        self._time_s = -np.inf
        self._known = People.of([], self.dataset_meta, 0.0)
        self._num_ids = 0

    def __call__(self, results: Sequence[PoseResult], time_s: float) -> list[PoseResult]:
        """Returns the poses of the next frame with their ``track_id``, in the same order.

        Args:
            results: The people in the frame.
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
        people = People.of(results, self.dataset_meta, time_s)
        old, poses = self._assign(known.at(time_s), people)
        people.ids[poses] = known.ids[old]
        is_new = people.ids == 0
        people.ids[is_new] = self._num_ids + 1 + np.arange(is_new.sum())
        self._num_ids += int(is_new.sum())
        is_unseen = np.ones(len(known), bool)
        is_unseen[old] = False
        followed = known.select(old).seen_as(people.select(poses))
        self._known = known.select(is_unseen).join(followed).join(people.select(is_new))
        return [
            replace(result, track_id=number)
            for result, number in zip(results, people.ids.tolist(), strict=True)
        ]

    def _assign(self, expected: People, people: People) -> tuple[Rows, Rows]:
        """Returns the rows of people and of their poses, pair by pair."""
        distance = _distance(expected, people)
        similarity = self._similarity(expected, people, distance < MAX_NEAR)
        old, poses = self._best_pairs(similarity, self.min_similarity)
        old_left = np.setdiff1d(np.arange(len(expected)), old)
        poses_left = np.setdiff1d(np.arange(len(people)), poses)
        if not (len(old_left) and len(poses_left)):
            return old, poses
        left = np.ix_(old_left, poses_left)
        nearness = _nearness(expected.select(old_left), people.select(poses_left), distance[left])
        more_old, more_poses = self._best_pairs(nearness, 0.0)
        return (
            np.concatenate([old, old_left[more_old]]),
            np.concatenate([poses, poses_left[more_poses]]),
        )

    def _similarity(self, expected: People, people: People, is_near: BoolArray) -> Array:
        """Returns the (N, M) similarity of those who are known and the poses, 0 of far pairs."""
        similarity: Array = np.zeros(is_near.shape)
        rows, columns = np.nonzero(is_near)
        if not len(rows):
            return similarity
        first, second = expected.select(rows), people.select(columns)
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
        # Only pairs that may be made count, so that none is given up for two that may not.
        rows, columns = self._linear_sum_assignment(similarity * is_pair, maximize=True)
        kept = is_pair[rows, columns]
        return rows[kept], columns[kept]


def _distance(expected: People, people: People) -> Array:
    """Returns the (N, M) distances between the boxes of N people and M poses, in their size."""
    sizes = np.sqrt(expected.sizes[:, None] * people.sizes)  # (N, M)
    steps = expected.centers[:, None] - people.centers  # (N, M, 2)
    return np.asarray(np.sqrt((steps**2).sum(axis=-1)) / sizes)


def _nearness(expected: People, people: People, distance: Array) -> Array:
    """Returns for N known people and M poses how near each is: above 0 if near enough, up to 1."""
    unseen_s = people.seen_s - expected.seen_s[:, None]
    reach = np.minimum(NEAR + RUN_PER_S * unseen_s, MAX_NEAR)
    ratio = expected.sizes[:, None] / people.sizes
    is_alike = np.maximum(ratio, 1 / ratio) <= MAX_SIZE_RATIO
    return np.asarray((1 - distance / reach) * is_alike)
