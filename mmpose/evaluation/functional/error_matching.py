"""Which detection belongs to which annotation when errors are explained.

Within an image and category, as in the COCO evaluation, but with the partner of each detection as
the outcome and one more pass for poses that are too bad for the evaluation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    KeypointDetections,
    KeypointGroundTruth,
)
from mmpose.evaluation.functional.coco_matching import OksPairs, find_pairs, group_index, pose_boxes
from mmpose.evaluation.functional.oks import keypoint_variances

NONE = -1  # no row
FOUND_OKS = 0.5  # lowest threshold of the COCO evaluation
# Poses that are too bad for the evaluation are still explained down to here.
EXPLAINED_OKS = 0.1


def counted(gt: KeypointGroundTruth) -> BoolArray:
    """Which annotations the COCO evaluation counts: (G,)."""
    return np.asarray((gt.num_labelled > 0) & ~gt.iscrowd)


def oks_pairs(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    sigmas: npt.NDArray[np.floating],
    min_oks: float,
) -> OksPairs:
    """All pairs of the same image and category with an OKS of at least ``min_oks``."""
    groups, boxes = (group_index(gt, gt), group_index(gt, dt)), pose_boxes(dt.keypoints)
    variances = keypoint_variances(sigmas)
    return find_pairs(gt, groups[0], gt.area, dt, groups[1], boxes, variances, min_oks)


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
