"""Error analysis: lost OKS by kind of error, keypoint, size of the instance and crowding."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    KeypointDetections,
    KeypointGroundTruth,
)
from mmpose.evaluation.functional.coco_ap import (
    AREA_RANGES,
    BOX_TO_OBJECT_AREA,
    MAX_DETECTIONS,
    OKS_THRESHOLDS,
    evaluate_coco,
    mean_of_given,
    precision_at_recalls,
)
from mmpose.evaluation.functional.coco_matching import group_index, image_index
from mmpose.evaluation.functional.error_correction import CorrectedAP, measure_corrections
from mmpose.evaluation.functional.error_kinds import (
    KEYPOINT_KINDS,
    NONE,
    PoseErrors,
    counted,
    find_errors,
)
from mmpose.evaluation.functional.ragged import best_in_groups, iterate_group_pairs
from mmpose.structures import box_iou_xywh

OVERLAP_IOU = 0.1  # of two boxes, as Ronchi and Perona (ICCV 2017) count crowding
Rows = IntArray | slice
GroupErrors = dict[str, int | float | None]
MOST_OVERLAPS = 3  # the last row of the table holds this many and more


@dataclass(frozen=True)
class ErrorAnalysis:
    """Errors of a result and the AP behind them.

    Attributes:
        gt: Ground truth with the object area in ``area``: G annotations.
        dt: The detections that the evaluation keeps, in the order of the file: D.
        errors: By row of ``gt`` and ``dt``.
        ap: AP before and after corrections.
        num_overlaps: (G,). Other instances whose box has an IoU above 0.1 with that of an instance.
    """

    gt: KeypointGroundTruth
    dt: KeypointDetections
    errors: PoseErrors
    ap: CorrectedAP
    num_overlaps: IntArray


def analyze_errors(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    sigmas: npt.NDArray[np.floating],
    flip_indices: npt.NDArray[np.integer],
    use_area: bool = True,
    corrects: bool = True,
) -> ErrorAnalysis:
    """Finds the errors of a result and what their correction would bring.

    Args:
        dt: Detections; of equal scores the earlier one ranks first.
        sigmas: (K,). OKS constants of the skeleton.
        flip_indices: (K,). Left/right partner of each keypoint, itself for keypoints without.
        use_area: Whether ``gt.area`` is the object area; else 0.53 of the box is.
        corrects: Whether to measure the corrections, which takes most of the time.

    Returns:
        The analysis; without corrections ``ap`` has the metrics of the result alone.

    Raises:
        ValueError: If the parts do not fit together or an area is needed and missing.
    """
    if not use_area:
        gt = replace(gt, area=gt.bbox_xywh[:, 2:].prod(axis=1) * BOX_TO_OBJECT_AREA)
    # first, for its checks: what follows relies on them
    metrics = evaluate_coco(gt, dt, sigmas).summary()
    dt = dt.take(np.sort(best_in_groups(group_index(gt, dt), dt.scores, MAX_DETECTIONS)))
    errors = find_errors(gt, dt, sigmas, flip_indices)
    return ErrorAnalysis(
        gt=gt,
        dt=dt,
        errors=errors,
        ap=(
            measure_corrections(gt, dt, errors, sigmas)
            if corrects
            else CorrectedAP(metrics, alone={}, progressive={})
        ),
        num_overlaps=count_overlaps(gt),
    )


def lost_oks(analysis: ErrorAnalysis) -> dict[str, float]:
    """The mean OKS that instances lose to each kind; with the mean OKS the values add up to 1.

    Returns:
        ``good`` (the error within the human margin), ``jitter``, ``inversion``, ``swap``,
        ``miss`` and ``false_negative``; 0 each where nobody counts.
    """
    errors = analysis.errors
    num_instances = max(int(counted(analysis.gt).sum()), 1)
    share = 1 / np.maximum((errors.kinds >= 0).sum(axis=1), 1)  # (D,), of one keypoint
    loss = (1 - errors.similarity) * share[:, None]
    lost = {
        kind: float(loss[errors.kinds == i].sum()) / num_instances
        for i, kind in enumerate(KEYPOINT_KINDS)
    }
    return {**lost, 'false_negative': float(errors.is_missed.sum()) / num_instances}


def count_errors(
    analysis: ErrorAnalysis, people: Rows = slice(None), poses: Rows = slice(None)
) -> dict[str, int]:
    """Keypoints of each kind, then detections and instances with errors.

    Args:
        people: Rows of the annotations that count.
        poses: Rows of the detections that count.

    Returns:
        The kinds of ``KEYPOINT_KINDS``, ``score``, ``false_positive`` and ``false_negative``.
    """
    errors = analysis.errors
    kinds = errors.kinds[poses]
    return {
        **{kind: int((kinds == i).sum()) for i, kind in enumerate(KEYPOINT_KINDS)},
        'score': int((errors.better[poses] != NONE).sum()),
        'false_positive': int(errors.is_false_positive[poses].sum()),
        'false_negative': int(errors.is_missed[people].sum()),
    }


def keypoint_table(analysis: ErrorAnalysis) -> IntArray:
    """Labelled keypoints of matched instances by keypoint and kind: (K, 5)."""
    kinds = analysis.errors.kinds
    return np.stack([(kinds == i).sum(axis=0) for i in range(len(KEYPOINT_KINDS))], axis=1)


def keypoint_average_precision(analysis: ErrorAnalysis) -> FloatArray:
    """AP of each keypoint: precision of right keypoints over recall, missed instances included.

    Poses are matched to instances as the error analysis does, and ranked by their scores. A
    keypoint of a matched pose is right at a threshold if its similarity to its own annotated place
    reaches it: on the place of another instance it is wrong. It does not count where it is not
    labelled. Thresholds, recall points and the mean over categories are those of COCO's AP.

    Returns:
        (K,) in [0, 1]; NaN for a keypoint that is never labelled.
    """
    gt, dt, errors = analysis.gt, analysis.dt, analysis.errors
    # all keypoints of false positives, the labelled ones of others: (D, K)
    is_counted = (errors.matched != NONE)[:, None] & (errors.kinds >= 0)
    is_counted |= errors.is_false_positive[:, None]
    values = np.full((len(gt.category_ids), gt.num_keypoints), np.nan)
    for c, category in enumerate(gt.category_ids):
        rows = np.flatnonzero(dt.category_id == category)
        rows = rows[np.argsort(-dt.scores[rows], kind='stable')]
        instances = counted(gt) & (gt.category_id == category)
        num_labelled = gt.keypoints_visible[instances].sum(axis=0)  # (K,)
        similarity = errors.similarity[rows]  # (d, K)
        for k in np.flatnonzero(num_labelled):
            own = similarity[is_counted[rows, k], k]  # 0 for a false positive
            curves = [
                precision_at_recalls(np.flatnonzero(own >= threshold) + 1, int(num_labelled[k]))
                for threshold in OKS_THRESHOLDS
            ]
            values[c, k] = np.mean(curves)
    return mean_of_given(values, axis=0)


def size_table(analysis: ErrorAnalysis) -> dict[str, GroupErrors]:
    """Errors of small, medium and large instances; the AP has metrics for the last two.

    Returns:
        ``people`` that count, their ``mean_oks`` (0 for a missed one; None where there is nobody),
        ``missed_people``, and the keypoints of those who were found by ``KEYPOINT_KINDS``.
    """
    area = analysis.gt.area
    low, high = AREA_RANGES['medium'][0], AREA_RANGES['large'][0]
    return {
        'small': _group(analysis, area < low),
        'medium': _group(analysis, (area >= low) & (area < high)),
        'large': _group(analysis, area >= high),
    }


def crowding_table(analysis: ErrorAnalysis) -> dict[str, GroupErrors]:
    """Errors of instances by the number of others whose boxes overlap theirs; see size_table."""
    overlaps = np.minimum(analysis.num_overlaps, MOST_OVERLAPS)
    names = [*map(str, range(MOST_OVERLAPS)), f'{MOST_OVERLAPS} or more']
    return {name: _group(analysis, overlaps == i) for i, name in enumerate(names)}


def image_losses(analysis: ErrorAnalysis) -> FloatArray:
    """How bad each image is, in instances: 0 where all is right.

    An instance adds the OKS that was lost, 1 if missed. A false positive adds the share of the
    matched detections that score lower than it: nearly 0 for one that hardly costs precision.

    Returns:
        (I,), images in ascending order of their ids.
    """
    gt, dt, errors = analysis.gt, analysis.dt, analysis.errors
    losses = np.zeros(len(np.unique(gt.image_ids)))
    np.add.at(losses, image_index(gt, gt)[errors.is_missed], 1.0)
    cost = np.where(errors.matched != NONE, 1 - errors.oks, false_positive_costs(analysis))
    np.add.at(losses, image_index(gt, dt), cost)
    return losses


def false_positive_costs(analysis: ErrorAnalysis) -> FloatArray:
    """Share of the matched detections that score below each false positive; 0 for others: (D,)."""
    errors, scores = analysis.errors, analysis.dt.scores
    found = np.sort(scores[errors.matched != NONE])
    share = np.searchsorted(found, scores, side='left') / max(len(found), 1)
    return np.asarray(np.where(errors.is_false_positive, share, 0.0))


def count_overlaps(gt: KeypointGroundTruth) -> IntArray:
    """Other instances of the same image whose box overlaps with an IoU above 0.1: (G,)."""
    num = np.zeros(len(gt.ann_id), dtype=np.int64)
    image = image_index(gt, gt)
    people = np.flatnonzero(~gt.iscrowd)
    for row, partner in iterate_group_pairs(image, image[people]):
        other = people[partner]
        overlaps = box_iou_xywh(gt.bbox_xywh[row], gt.bbox_xywh[other]) > OVERLAP_IOU
        np.add.at(num, row, overlaps & (row != other))
    return num


def _group(analysis: ErrorAnalysis, is_member: BoolArray) -> GroupErrors:
    errors = analysis.errors
    rows = np.flatnonzero(errors.matched != NONE)
    rows = rows[is_member[errors.matched[rows]]]
    kinds = errors.kinds[rows]
    num_instances = int((counted(analysis.gt) & is_member).sum())
    return {
        'people': num_instances,
        'mean_oks': float(errors.oks[rows].sum()) / num_instances if num_instances else None,
        'missed_people': int((errors.is_missed & is_member).sum()),
        **{kind: int((kinds == i).sum()) for i, kind in enumerate(KEYPOINT_KINDS)},
    }
