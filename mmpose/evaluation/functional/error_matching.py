"""Which detection belongs to which annotation when errors are explained.

Within an image and category, as in the COCO evaluation, but with the partner of each detection as
the outcome and one more pass for poses that are too bad for the evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    KeypointDetections,
    KeypointGroundTruth,
)
from mmpose.evaluation.functional.oks import keypoint_variances, oks_to_ground_truth
from mmpose.evaluation.functional.ragged import iterate_pairs

NONE = -1  # no row
FOUND_OKS = 0.5  # lowest threshold of the COCO evaluation
# Poses that are too bad for the evaluation are still explained down to here.
EXPLAINED_OKS = 0.1


@dataclass(frozen=True)
class OksPairs:
    """Detections and annotations of the same image and category: P pairs.

    Attributes:
        detection: (P,). Row of the detection, ascending.
        annotation: (P,). Row of the annotation.
        oks: (P,).
    """

    detection: IntArray
    annotation: IntArray
    oks: FloatArray

    def take(self, rows: npt.NDArray[np.generic]) -> OksPairs:
        """Only these pairs, by index or mask."""
        return OksPairs(self.detection[rows], self.annotation[rows], self.oks[rows])


def counted(gt: KeypointGroundTruth) -> BoolArray:
    """Which annotations the COCO evaluation counts: (G,)."""
    return np.asarray((gt.num_labelled > 0) & ~gt.iscrowd)


def image_index(
    gt: KeypointGroundTruth, rows: KeypointGroundTruth | KeypointDetections
) -> IntArray:
    """Number of the image of each row among the sorted images of ``gt``: (N,)."""
    return np.asarray(np.searchsorted(np.unique(gt.image_ids), rows.image_id), dtype=np.int64)


def group_index(
    gt: KeypointGroundTruth, rows: KeypointGroundTruth | KeypointDetections
) -> IntArray:
    """Number of the image and category of each row: (N,)."""
    categories = np.unique(gt.category_ids)
    category = np.searchsorted(categories, rows.category_id)
    return np.asarray(image_index(gt, rows) * len(categories) + category, dtype=np.int64)


def oks_pairs(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    sigmas: npt.NDArray[np.floating],
    min_oks: float,
) -> OksPairs:
    """All pairs of the same image and category with an OKS of at least ``min_oks``."""
    variances = keypoint_variances(sigmas)
    kept = [OksPairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for detection, annotation in iterate_group_pairs(group_index(gt, dt), group_index(gt, gt)):
        oks = oks_to_ground_truth(
            dt.keypoints[detection],
            gt.keypoints[annotation],
            gt.keypoints_visible[annotation],
            gt.area[annotation],
            gt.bbox_xywh[annotation],
            variances,
        )
        kept.append(OksPairs(detection, annotation, oks).take(oks >= min_oks))
    return OksPairs(
        np.concatenate([pairs.detection for pairs in kept]),
        np.concatenate([pairs.annotation for pairs in kept]),
        np.concatenate([pairs.oks for pairs in kept]),
    )


def iterate_group_pairs(
    first_group: IntArray, second_group: IntArray
) -> Iterator[tuple[IntArray, IntArray]]:
    """Pairs of rows of the same group in chunks; all pairs of a first row are in one chunk.

    Args:
        first_group: (N,). Group of each first row, in any order.
        second_group: (M,). Group of each second row, in any order.

    Yields:
        first: (P,). First rows, ascending.
        second: (P,). Second rows.
    """
    order = np.argsort(second_group, kind='stable')
    starts = np.searchsorted(second_group[order], first_group, side='left')
    counts = np.searchsorted(second_group[order], first_group, side='right') - starts
    for first, partner in iterate_pairs(starts, counts):
        yield first, order[partner]


def match_for_errors(
    pairs: OksPairs, scores: FloatArray, is_counted: BoolArray, iscrowd: BoolArray
) -> IntArray:
    """Annotation of each detection.

    The matching is that of the COCO evaluation at OKS 0.5: detections choose in the order of their
    scores, an annotation that counts before one that does not. What is left over on both sides is
    then matched in the same way down to the lowest OKS of the pairs.

    Args:
        pairs: Pairs of the same image and category.
        scores: (D,). Confidence of each detection.
        is_counted: (G,). Annotations that the evaluation counts.
        iscrowd: (G,). Annotations that any number of detections may have.

    Returns:
        (D,). Row of the annotation, -1 for none; it may be one that does not count.
    """
    rank = np.empty(len(scores), dtype=np.int64)
    rank[np.argsort(-scores, kind='stable')] = np.arange(len(scores))
    # within a detection the highest OKS first, then the last annotation, as COCO prefers
    order = np.lexsort((-pairs.annotation, -pairs.oks, rank[pairs.detection]))
    pairs = pairs.take(order)
    counts = is_counted[pairs.annotation]
    claimed = np.full(len(scores), NONE, dtype=np.int64)
    is_free = np.ones(len(is_counted), dtype=np.bool_)
    for usable in (counts & (pairs.oks >= FOUND_OKS), ~counts & (pairs.oks >= FOUND_OKS), counts):
        _claim(pairs.take(usable), claimed, is_free, iscrowd)
    return claimed


def _claim(pairs: OksPairs, claimed: IntArray, is_free: BoolArray, iscrowd: BoolArray) -> None:
    """Settles pairs in their order, in place; a crowd stays free."""
    for detection, annotation in zip(
        pairs.detection.tolist(), pairs.annotation.tolist(), strict=True
    ):
        if claimed[detection] == NONE and is_free[annotation]:
            claimed[detection] = annotation
            is_free[annotation] = iscrowd[annotation]
