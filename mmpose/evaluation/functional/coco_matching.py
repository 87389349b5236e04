"""Greedy matching of detections to annotations for all images, thresholds and ranges at once.

Detections claim annotations in the order of their score inside their own image and category, so
the detections of one rank in all images are independent of each other: the loop runs over ranks,
at most as often as an image has detections. Pairs below the lowest threshold can never match and
are dropped first, which leaves far fewer pairs than there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

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
from mmpose.evaluation.functional.ragged import iterate_group_pairs, rank_in_group, segment_starts

CEILING = 1 - 1e-10  # an OKS of 1 must pass a threshold of 1 in spite of rounding
POSES_PER_CHUNK = 2048  # 0.5 MB of 17 keypoints
MAX_TABLE = 1 << 20  # ids within such a range are looked up, others are searched for


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
    dt_rows: IntArray | None = None,
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
        dt_rows: (D,). Rows of ``dt`` that the detections are; None for all in their order.
    """
    min_oks = min(min_oks, CEILING)
    kept = [OksPairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    boxes, reach = _reaches(gt, gt_area, float(variances.max()), min_oks)
    poses, targets = (x.keypoints.reshape(-1, 2 * len(variances)) for x in (dt, gt))
    for detection, annotation in iterate_group_pairs(dt_group, gt_group):
        box, other = np.take(dt_boxes, detection, axis=1), np.take(boxes, annotation, axis=1)
        gaps = np.maximum(box[:2] - other[2:], other[:2] - box[2:]).clip(0)  # (2, P)
        near = np.square(gaps, out=gaps).sum(axis=0) <= reach[annotation]
        detection, annotation = detection[near], annotation[near]
        rows = detection if dt_rows is None else dt_rows[detection]
        oks = oks_to_ground_truth(
            np.take(poses, rows, axis=0).reshape(-1, len(variances), 2),
            np.take(targets, annotation, axis=0).reshape(-1, len(variances), 2),
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
) -> tuple[FloatArray, FloatArray]:
    """Boxes that keypoints are compared with, and the square of the distance from which all miss.

    Where no keypoint of a detection comes that close, none has a similarity of ``min_oks``, and
    so neither has their mean.

    Returns:
        Low and high corners (4, G), as of ``pose_boxes``, and squared distances (G,).
    """
    visible = gt.keypoints_visible
    one = gt.keypoints[np.arange(len(visible)), visible.argmax(axis=1)]  # (G, 2), labelled if any
    labelled = pose_boxes(np.where(visible[..., None], gt.keypoints, one[:, None]))
    enlarged = pose_boxes(np.stack(enlarged_box(gt.bbox_xywh), axis=1))
    boxes = np.where(visible.any(axis=1), labelled, enlarged)
    reach = -2.000001 * np.log(min_oks) * variance * (gt_area + EPS)
    return boxes, np.where(gt_area < 0, np.inf, reach)


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
    bits = 1 << np.arange(len(dt_outside) * len(thresholds)).reshape(len(dt_outside), -1)  # (A, T)
    assert bits.min() > 0, 'each range and threshold needs a bit of an integer'
    reached = (pairs.oks >= np.minimum(thresholds, CEILING)[:, None]).T @ bits.sum(axis=0)  # (P,)
    ignored, outside = (bits.sum(axis=1) @ x for x in (gt_ignored, dt_outside))  # (G,) and (D,)
    taken = np.zeros(len(gt_iscrowd), np.int64)
    won, is_true = np.zeros((2, len(dt_rank)), np.int64)
    for rows, counts in _turns(pairs, dt_rank):
        detection, annotation = pairs.detection[rows], pairs.annotation[rows]
        claim = reached[rows] & ~(won[detection] | taken[annotation])
        claim &= ~ignored[annotation] if counts else ignored[annotation]
        won[detection] |= claim
        is_true[detection] |= claim * counts
        # one detection per group and rank: no annotation occurs twice among these rows
        taken[annotation] |= claim * ~gt_iscrowd[annotation]
    outcome = is_true, won ^ is_true | outside & ~won
    # (D,) -> (A, T, D)
    return Matches(*(np.stack([[x & bit != 0 for bit in row] for row in bits]) for x in outcome))


def _turns(pairs: OksPairs, dt_rank: IntArray) -> Iterator[tuple[IntArray, bool]]:
    """Yields rows of pairs in the order in which detections may claim, and whether what counts.

    The rows of a turn have the same rank, and the same place in the preference of a detection.
    """
    rank, place = dt_rank[pairs.detection], np.zeros(len(pairs.oks), np.int64)
    rows = np.flatnonzero(np.bincount(pairs.detection)[pairs.detection] > 1)
    better = np.lexsort((-pairs.annotation[rows], -pairs.oks[rows], pairs.detection[rows]))
    place[rows[better]] = rank_in_group(pairs.detection[rows[better]])
    turn = rank * (place.max(initial=0) + 1) + place
    turn = turn.astype(np.min_scalar_type(turn.max(initial=0)))  # 16 bits sort much faster
    order = np.argsort(turn, kind='stable')
    turns = np.split(order, segment_starts(turn[order])[1:]) if len(order) else []
    for _, same in groupby(turns, lambda rows: rank[rows[0]]):
        of_rank = list(same)
        for counts in (True, False):
            for rows in of_rank:
                yield rows, counts
