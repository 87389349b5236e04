"""Average precision of each keypoint, the poses being matched to instances as a whole."""

from __future__ import annotations

import numpy as np

from mmpose.coco.keypoint_arrays import BoolArray, FloatArray
from mmpose.evaluation.functional.coco_ap import OKS_THRESHOLDS, precision_at_recalls
from mmpose.evaluation.functional.error_matching import NONE, counted
from mmpose.evaluation.functional.oks_errors import ErrorAnalysis


def keypoint_average_precision(analysis: ErrorAnalysis) -> FloatArray:
    """AP of each keypoint: precision of right keypoints over recall, missed instances included.

    Poses are matched to instances as the error analysis does, and ranked by their scores. A
    keypoint of a matched pose is right at a threshold if its similarity to its own annotated place
    reaches it: on the place of another instance it is wrong. It does not count where it is not
    labelled. Thresholds, recall points and the mean over categories are those of COCO's AP.

    Returns:
        (K,) in [0, 1]; NaN for a keypoint that is never labelled.
    """
    gt, dt = analysis.gt, analysis.dt
    values = np.full((len(gt.category_ids), gt.num_keypoints), np.nan)
    for c, category in enumerate(gt.category_ids):
        rows = np.flatnonzero(dt.category_id == category)
        rows = rows[np.argsort(-dt.scores[rows], kind='stable')]
        instances = counted(gt) & (gt.category_id == category)
        num_labelled = gt.keypoints_visible[instances].sum(axis=0)  # (K,)
        similarity = analysis.errors.similarity[rows]  # (d, K)
        counts = _counted_keypoints(analysis)[rows]
        for k in np.flatnonzero(num_labelled):
            own = similarity[counts[:, k], k]
            values[c, k] = _average_precision(own, int(num_labelled[k]))
    is_given = ~np.isnan(values)
    num = is_given.sum(axis=0)
    total = np.where(is_given, values, 0).sum(axis=0)
    return np.asarray(np.where(num > 0, total / np.maximum(num, 1), np.nan))


def _counted_keypoints(analysis: ErrorAnalysis) -> BoolArray:
    """Right and wrong keypoints: all of false positives, the labelled ones of others: (D, K)."""
    errors = analysis.errors
    is_matched = (errors.matched != NONE)[:, None]
    return np.asarray((is_matched & (errors.kinds >= 0)) | errors.is_false_positive[:, None])


def _average_precision(similarity: FloatArray, num_labelled: int) -> float:
    """AP of one keypoint.

    Args:
        similarity: (d,). To the own place, 0 for a false positive; best score first.
        num_labelled: Instances on which the keypoint is labelled.
    """
    curves = []
    for threshold in OKS_THRESHOLDS:
        hits = np.flatnonzero(similarity >= threshold)
        curves.append(precision_at_recalls(hits + 1, num_labelled))
    return float(np.mean(curves))
