"""Which annotation a pose is for, and the kind of error of each of its keypoints.

Poses are matched within an image and category, as in the COCO evaluation, but with the partner of
each as the outcome and one more pass for poses that are too bad for the evaluation. The kinds are
those of Ronchi and Perona.

"Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation" (ICCV 2017), section 3. With
the similarity ks = exp(-d^2 / (2 s^2 k^2)), a labelled keypoint of a matched pose is good within
the error of human annotators (ks >= 0.85), and else of the kind whose annotated place is nearest:
jitter (its own place), inversion (the left/right partner of the same instance) or swap (the same
keypoint or its partner on another instance). It is a miss where none has ks >= 0.5.
"""

from __future__ import annotations

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
from mmpose.evaluation.functional.coco_matching import (
    OksPairs,
    find_pairs,
    group_index,
    image_index,
    pose_boxes,
)
from mmpose.evaluation.functional.oks import keypoint_similarity, keypoint_variances
from mmpose.evaluation.functional.ragged import iterate_group_pairs, segment_starts

KEYPOINT_KINDS = ('good', 'jitter', 'inversion', 'swap', 'miss')
GOOD, JITTER, INVERSION, SWAP, MISS = range(len(KEYPOINT_KINDS))
NONE = -1  # no row
NO_KIND = -1
FOUND_OKS = 0.5  # lowest threshold of the COCO evaluation
EXPLAINED_OKS = 0.1  # poses that are too bad for the evaluation are still explained down to here
GOOD_SIMILARITY = 0.85  # section 3.1 of the paper, as is the next
CLOSE_SIMILARITY = 0.5


@dataclass(frozen=True)
class PoseErrors:
    """Errors of D detections of K keypoints against G annotations.

    Attributes:
        matched: (D,). Row of the annotation that a detection was matched to, -1 for none.
        oks: (D,). OKS with that annotation, 0 for none.
        similarity: (D, K). Keypoint similarity of the keypoints to their own places; 0 without.
        kinds: (D, K). Index into ``KEYPOINT_KINDS``; -1 where unmatched or not labelled.
        is_false_positive: (D,). Neither matched nor on a region or instance that does not count.
        is_duplicate: (D,). False positive with OKS >= 0.5 to an instance that was matched already.
        better: (D,). Score error: row of the unmatched detection that has a higher OKS with the
            annotation but a lower score; -1 for none.
        is_missed: (G,). Annotation that counts and has no detection.
    """

    matched: IntArray
    oks: FloatArray
    similarity: FloatArray
    kinds: IntArray
    is_false_positive: BoolArray
    is_duplicate: BoolArray
    better: IntArray
    is_missed: BoolArray


def find_errors(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    sigmas: npt.NDArray[np.floating],
    flip_indices: npt.NDArray[np.integer],
) -> PoseErrors:
    """Matches detections to annotations and names the errors of each.

    Poses are matched as in the COCO evaluation and, where it has no match, down to OKS 0.1, so that
    a pose with many wrong keypoints is explained one by one instead of counting as missing and
    superfluous.

    Args:
        gt: Ground truth with the object area in ``area``.
        dt: Detections in images and categories of ``gt``.
        sigmas: (K,). OKS constants of the skeleton.
        flip_indices: (K,). Left/right partner of each keypoint, itself for keypoints without.

    Returns:
        Errors by row of ``dt`` and of ``gt``.
    """
    variances = keypoint_variances(sigmas)
    pairs = oks_pairs(gt, dt, sigmas, EXPLAINED_OKS)
    is_counted = counted(gt)
    claimed = match_for_errors(pairs, dt.scores, is_counted, gt.iscrowd)
    # -1 reads the last annotation, which the first condition discards
    is_matched = (claimed != NONE) & (is_counted[claimed] if len(is_counted) else False)
    matched = np.where(is_matched, claimed, NONE)
    oks = np.zeros(len(matched))
    own = pairs.annotation == matched[pairs.detection]
    oks[pairs.detection[own]] = pairs.oks[own]
    similarity, kinds = _joint_kinds(gt, dt, matched, variances, flip_indices)
    close = pairs.take((pairs.oks >= FOUND_OKS) & is_counted[pairs.annotation])
    is_duplicate = np.zeros(len(matched), dtype=np.bool_)
    is_duplicate[close.detection] = True
    is_duplicate &= claimed == NONE
    is_missed = is_counted.copy()
    is_missed[matched[is_matched]] = False
    return PoseErrors(
        matched=matched,
        oks=oks,
        similarity=similarity,
        kinds=kinds,
        is_false_positive=claimed == NONE,
        is_duplicate=is_duplicate,
        better=_better_detections(close.take(is_duplicate[close.detection]), matched, oks),
        is_missed=is_missed,
    )


def _better_detections(close: OksPairs, matched: IntArray, oks: FloatArray) -> IntArray:
    """Best duplicate that beats the matched detection in OKS, by detection, -1 for none: (D,)."""
    better = np.full(len(matched), NONE, dtype=np.int64)
    holder = {annotation: row for row, annotation in enumerate(matched.tolist())}
    for row in np.argsort(close.oks, kind='stable').tolist():
        owner = holder.get(int(close.annotation[row]), NONE)
        if owner != NONE and close.oks[row] > oks[owner]:
            better[owner] = close.detection[row]
    return better


def _joint_kinds(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    matched: IntArray,
    variances: FloatArray,
    flip_indices: npt.NDArray[np.integer],
) -> tuple[FloatArray, IntArray]:
    """Similarity to the own place and kind of error of each keypoint: (D, K) both."""
    similarity = np.zeros((len(matched), gt.num_keypoints))
    kinds = np.full(similarity.shape, NO_KIND, dtype=np.int64)
    rows = np.flatnonzero(matched != NONE)
    people = matched[rows]
    places, keypoints_visible, area = (
        gt.keypoints[people],
        gt.keypoints_visible[people],
        gt.area[people],
    )
    points = dt.keypoints[rows]
    own = keypoint_similarity(points, places, area, variances) * keypoints_visible
    # the sigma of the keypoint at whose place the point lies, the same for partners as a rule
    inverted = keypoint_similarity(points, places[:, flip_indices], area, variances[flip_indices])
    has_partner = keypoints_visible[:, flip_indices] & (
        flip_indices != np.arange(len(flip_indices))
    )
    swapped = _similarity_to_others(gt, dt, rows, people, variances, flip_indices)
    candidates = np.stack([own, inverted * has_partner, swapped])  # (3, M, K); ties: the first
    kind = np.array([JITTER, INVERSION, SWAP])[candidates.argmax(axis=0)]
    kind[candidates.max(axis=0) < CLOSE_SIMILARITY] = MISS
    kind[own >= GOOD_SIMILARITY] = GOOD
    similarity[rows] = own
    kinds[rows] = np.where(keypoints_visible, kind, NO_KIND)
    return similarity, kinds


def _similarity_to_others(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    rows: IntArray,
    people: IntArray,
    variances: FloatArray,
    flip_indices: npt.NDArray[np.integer],
) -> FloatArray:
    """Highest similarity to the same keypoint or its partner on any other instance: (M, K)."""
    highest = np.zeros((len(rows), gt.num_keypoints))
    others = np.flatnonzero(gt.keypoints_visible.any(axis=1) & ~gt.iscrowd)
    images = image_index(gt, gt)
    for first, second in iterate_group_pairs(image_index(gt, dt)[rows], images[others]):
        other = others[second]
        points, area = dt.keypoints[rows[first]], gt.area[other]
        places, keypoints_visible = gt.keypoints[other], gt.keypoints_visible[other]
        same = keypoint_similarity(points, places, area, variances) * keypoints_visible
        partner = keypoint_similarity(
            points, places[:, flip_indices], area, variances[flip_indices]
        )
        best = np.maximum(same, partner * keypoints_visible[:, flip_indices])
        best[other == people[first]] = 0
        starts = segment_starts(first)
        highest[first[starts]] = np.maximum.reduceat(best, starts, axis=0)
    return highest


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
