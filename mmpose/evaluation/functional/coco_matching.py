"""Greedy matching of detections to annotations for all images, thresholds and ranges at once.

Detections claim annotations in the order of their score inside their own image and category, so
the detections of one rank in all images are independent of each other: the loop runs over ranks,
at most as often as an image has detections. Pairs below the lowest threshold can never match and
are dropped first, which leaves far fewer pairs than there are.
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
from mmpose.evaluation.functional.oks import EPS, enlarged_box, oks_to_ground_truth
from mmpose.evaluation.functional.ragged import iterate_group_pairs, segment_starts

CEILING = 1 - 1e-10  # an OKS of 1 must pass a threshold of 1 in spite of rounding
POSES_PER_CHUNK = 2048  # 0.5 MB of 17 keypoints
MAX_TABLE = 1 << 20  # ids within such a range are looked up, others are searched for
COUNTED = 1 << 30  # added to the preference for an annotation that counts, above any rank


@dataclass(frozen=True)
class OksPairs:
    """Pairs of a detection and an annotation of the same image and category: P pairs.

    Attributes:
        detection: (P,). Row of the detection, ascending.
        annotation: (P,). Row of the annotation, ascending within a detection.
        oks: (P,).
    """

    detection: IntArray
    annotation: IntArray
    oks: FloatArray

    def take(self, rows: npt.NDArray[np.generic]) -> OksPairs:
        """Only these pairs, by index or mask."""
        return OksPairs(self.detection[rows], self.annotation[rows], self.oks[rows])


@dataclass(frozen=True)
class Matches:
    """Outcome for D detections in A ranges at T thresholds.

    Attributes:
        is_true: (A, T, D). Matched to an annotation that counts.
        is_ignored: (A, T, D). Neither true nor false positive.
    """

    is_true: BoolArray
    is_ignored: BoolArray

    def take(self, rows: IntArray) -> Matches:
        """Outcome for some of the detections: rows (M,) of D."""
        return Matches(*(np.take(x, rows, axis=-1) for x in (self.is_true, self.is_ignored)))


def image_index(
    gt: KeypointGroundTruth, rows: KeypointGroundTruth | KeypointDetections
) -> IntArray:
    """Number of the image of each row among the sorted images of ``gt``: (N,)."""
    known = np.unique(gt.image_ids)
    if known.dtype.kind != 'i' or not len(known) or known[-1] - known[0] >= MAX_TABLE:
        return np.searchsorted(known, rows.image_id)
    table = np.zeros(known[-1] - known[0] + 1, np.int64)
    table[known - known[0]] = np.arange(len(known))
    return np.asarray(table[rows.image_id - known[0]])


def group_index(
    gt: KeypointGroundTruth, rows: KeypointGroundTruth | KeypointDetections
) -> IntArray:
    """Number of the image and category of each row, ascending by image id: (N,)."""
    categories = np.unique(gt.category_ids)
    category = np.searchsorted(categories, rows.category_id)
    return np.asarray(image_index(gt, rows) * len(categories) + category, dtype=np.int64)


def find_pairs(
    gt: KeypointGroundTruth,
    gt_group: IntArray,
    gt_area: FloatArray,
    dt: KeypointDetections,
    dt_group: IntArray,
    dt_boxes: FloatArray,
    variances: FloatArray,
    min_oks: float,
) -> OksPairs:
    """Pairs of the same group with an OKS of at least ``min_oks``.

    Args:
        gt: G annotations.
        gt_group: (G,). Group (image and category) of each annotation.
        gt_area: (G,), px^2. Object area that the OKS takes.
        dt: D detections.
        dt_group: (D,). Group of each detection.
        dt_boxes: (4, D), image px. ``pose_boxes`` of the detections.
        variances: (K,), of ``oks.keypoint_variances``.
        min_oks: Above 0.
    """
    min_oks = min(min_oks, CEILING)
    kept = [OksPairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    low, high, reach = _reaches(gt, gt_area, float(variances.max()), min_oks)
    for detection, annotation in iterate_group_pairs(dt_group, gt_group):
        before = [low[i, annotation] - dt_boxes[i + 2, detection] for i in (0, 1)]
        behind = [dt_boxes[i, detection] - high[i, annotation] for i in (0, 1)]
        gaps = map(np.maximum, before, behind)
        near = sum(gap.clip(0) ** 2 for gap in gaps) <= reach[annotation]
        detection, annotation = detection[near], annotation[near]
        oks = oks_to_ground_truth(
            dt.keypoints[detection],
            gt.keypoints[annotation],
            gt.keypoints_visible[annotation],
            gt_area[annotation],
            gt.bbox_xywh[annotation],
            variances,
        )
        kept.append(OksPairs(detection, annotation, oks).take(oks >= min_oks))
    return OksPairs(
        np.concatenate([pairs.detection for pairs in kept]),
        np.concatenate([pairs.annotation for pairs in kept]),
        np.concatenate([pairs.oks for pairs in kept]),
    )


def pose_boxes(keypoints: FloatArray) -> FloatArray:
    """Lowest x and y and highest x and y of each pose: (N, K, 2) -> (4, N)."""
    boxes = np.empty((4, len(keypoints)))
    for start in range(0, len(keypoints), POSES_PER_CHUNK):
        rows = slice(start, start + POSES_PER_CHUNK)
        planes = np.ascontiguousarray(keypoints[rows].transpose(1, 2, 0))  # (K, 2, n)
        planes.min(axis=0, out=boxes[:2, rows])
        planes.max(axis=0, out=boxes[2:, rows])
    return boxes


def _reaches(
    gt: KeypointGroundTruth, gt_area: FloatArray, variance: float, min_oks: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Boxes that keypoints are compared with, and the square of the distance from which all miss.

    Where no keypoint of a detection comes that close, none has a similarity of ``min_oks``, and
    so neither has their mean.

    Returns:
        Low corners (2, G), high corners (2, G) and squared distances (G,).
    """
    visible = gt.keypoints_visible[..., None]
    low, high = (corner.T for corner in enlarged_box(gt.bbox_xywh))
    low = np.minimum(low, high)
    labelled = gt.keypoints_visible.any(axis=1)
    low = np.where(labelled, pose_boxes(np.where(visible, gt.keypoints, np.inf))[:2], low)
    high = np.where(labelled, pose_boxes(np.where(visible, gt.keypoints, -np.inf))[2:], high)
    reach = -2.000001 * np.log(min_oks) * variance * (gt_area + EPS)
    return low, high, np.where(gt_area < 0, np.inf, reach)


def match_detections(
    pairs: OksPairs,
    dt_rank: IntArray,
    dt_outside: BoolArray,
    gt_ignored: BoolArray,
    gt_iscrowd: BoolArray,
    thresholds: FloatArray,
) -> Matches:
    """The greedy matching of the COCO evaluation.

    A detection takes, among the free annotations that reach the threshold, one that counts
    before an ignored one, then the one with the highest OKS, then the last. A crowd stays free.

    Args:
        dt_rank: (D,). Position of a detection by score in its group.
        dt_outside: (A, D). True where a detection, if unmatched, is ignored in a range.
        gt_ignored: (A, G). True where an annotation does not count in a range.
        gt_iscrowd: (G,). True where an annotation can be matched any number of times.
        thresholds: (T,). OKS thresholds.

    Returns:
        True and ignored detections per range and threshold.
    """
    num_ranges, num_detections = dt_outside.shape
    preference = _preferences(pairs, gt_ignored)  # (P, A)
    best = np.zeros((num_detections, num_ranges, len(thresholds)), dtype=np.int32)
    taken = np.zeros((len(gt_iscrowd), num_ranges, len(thresholds)), dtype=np.bool_)
    limits = np.minimum(thresholds, CEILING)
    order = np.argsort(dt_rank[pairs.detection], kind='stable')
    rank_starts = segment_starts(dt_rank[pairs.detection][order])
    for rows in np.split(order, rank_starts[1:]) if len(order) else []:
        annotation = pairs.annotation[rows]
        is_free = ~taken[annotation] & (pairs.oks[rows, None, None] >= limits)  # (p, A, T)
        claim = np.where(is_free, preference[rows, :, None], 0)
        starts = segment_starts(pairs.detection[rows])
        winner = np.maximum.reduceat(claim, starts, axis=0)  # (d, A, T)
        best[pairs.detection[rows[starts]]] = winner
        sizes = np.diff(np.append(starts, len(rows)))
        has_won = is_free & (claim == np.repeat(winner, sizes, axis=0))
        # one detection per group and rank: no annotation occurs twice among these rows
        taken[annotation] |= has_won & ~gt_iscrowd[annotation, None, None]
    is_true = best > COUNTED
    is_ignored = np.where(best == 0, dt_outside.T[..., None], ~is_true)
    # (D, A, T) -> (A, T, D)
    return Matches(*(np.ascontiguousarray(x.transpose(1, 2, 0)) for x in (is_true, is_ignored)))


def _preferences(pairs: OksPairs, gt_ignored: BoolArray) -> IntArray:
    """Rank of each pair among all pairs by (OKS, annotation), from 1, ``COUNTED`` on top."""
    order = np.lexsort((pairs.annotation, pairs.oks))
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    counts = ~gt_ignored[:, pairs.annotation].T  # (P, A)
    return np.asarray(rank[:, None] + np.where(counts, COUNTED, 0).astype(np.int32))
