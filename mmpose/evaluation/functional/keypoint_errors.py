"""PCK, AUC, end-point error and NME: normalised distances of keypoints to their annotations.

The definitions are those of the published top-down results (MMPose): a keypoint is correct if its
normalised distance is *below* the threshold, and accuracies are averaged over the keypoints that
are labelled at least once, while errors are averaged over all labelled keypoints of all instances.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mmpose.coco.keypoint_arrays import BoolArray, FloatArray, KeypointGroundTruth

BBOX = 'bbox'
Norm = str | float | tuple[int, int]


@dataclass(frozen=True)
class DistanceMetric:
    """One metric over the distances of poses to their paired annotations.

    Attributes:
        name: Name of the metric.
        kind: ``pck`` (share of correct keypoints), ``auc`` (mean PCK) or ``mean`` (mean error).
        norm: Length that counts as 1, as ``norm_lengths`` takes it.
        thr: Threshold of PCK, in units of the norm.
        num_thrs: Thresholds of AUC.
    """

    name: str
    kind: str
    norm: Norm
    thr: float = 0.05
    num_thrs: int = 20

    def evaluate(self, keypoints: FloatArray, gt: KeypointGroundTruth) -> float:
        """Value for poses (N, K, 2), image px, against their N instances."""
        distances = distances_of(keypoints, gt, norm_lengths(gt, self.norm))
        if self.kind == 'pck':
            return pck_accuracy(distances, self.thr)
        if self.kind == 'auc':
            return area_under_curve(distances, self.num_thrs)
        return mean_distance(distances)


def stated_lengths(metrics: Iterable[DistanceMetric]) -> tuple[str, ...]:
    """Fields of the annotations that metrics divide by."""
    norms = dict.fromkeys(one.norm for one in metrics)
    return tuple(norm for norm in norms if isinstance(norm, str) and norm != BBOX)


def keypoint_distances(
    keypoints: FloatArray, gt_keypoints: FloatArray, gt_visible: BoolArray, norm: FloatArray
) -> FloatArray:
    """Distance of each keypoint to its annotation in units of ``norm``.

    Args:
        keypoints: (N, K, 2), image px.
        gt_keypoints: (N, K, 2), image px.
        gt_visible: (N, K). True where a keypoint is labelled.
        norm: (N,), px. Length that counts as 1; an instance where it is not above 0 is omitted.

    Returns:
        (N, K); NaN where a keypoint is not labelled or its instance is omitted.
    """
    delta = np.asarray(keypoints, dtype=np.float64) - gt_keypoints  # (N, K, 2)
    usable = norm > 0
    length = np.where(usable, norm, np.nan)[:, None]
    distances = np.hypot(delta[..., 0], delta[..., 1]) / length
    distances[~gt_visible] = np.nan
    return np.asarray(distances)


def keypoint_accuracies(distances: FloatArray, thr: float) -> FloatArray:
    """Share of the labelled instances of each keypoint whose distance is below ``thr``.

    Args:
        distances: (N, K), of ``keypoint_distances``.

    Returns:
        (K,) in [0, 1]; NaN where a keypoint is never labelled.
    """
    num_labelled = np.isfinite(distances).sum(axis=0)
    num_correct = (distances < thr).sum(axis=0)  # a comparison with NaN is false
    return np.where(num_labelled > 0, num_correct / np.maximum(num_labelled, 1), np.nan)


def pck_accuracy(distances: FloatArray, thr: float) -> float:
    """Percentage of correct keypoints as a share: the mean of the accuracies of the keypoints.

    Args:
        distances: (N, K), of ``keypoint_distances``.
        thr: Distance that is too far for a correct keypoint.

    Returns:
        Value in [0, 1]; -1 if no keypoint is labelled.
    """
    return mean_of_known(keypoint_accuracies(distances, thr))


def area_under_curve(distances: FloatArray, num_thrs: int = 20) -> float:
    """Mean of the PCK at the thresholds 0, 1/n, ..., (n - 1)/n.

    No distance is below the threshold 0, so perfect poses reach (n - 1)/n: 0.95 for 20.

    Args:
        distances: (N, K), of ``keypoint_distances``.
        num_thrs: n.

    Returns:
        Value in [0, 1); -1 if no keypoint is labelled.
    """
    return float(np.mean([pck_accuracy(distances, i / num_thrs) for i in range(num_thrs)]))


def mean_distance(distances: FloatArray) -> float:
    """Mean over all labelled keypoints of all instances.

    With a norm of 1 px this is the end-point error (EPE) in px, with the norm of a face dataset
    the normalised mean error (NME).

    Args:
        distances: (N, K), of ``keypoint_distances``.

    Returns:
        The mean; -1 if no keypoint is labelled.
    """
    return mean_of_known(distances)


def mean_of_known(values: FloatArray) -> float:
    """Mean of the finite values of any shape; -1 if there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else -1.0


def distances_of(keypoints: FloatArray, gt: KeypointGroundTruth, norm: FloatArray) -> FloatArray:
    """``keypoint_distances`` of poses (N, K, 2) to their ground truth of N instances."""
    return keypoint_distances(keypoints, gt.keypoints, gt.keypoints_visible, norm)


def norm_lengths(gt: KeypointGroundTruth, norm: Norm) -> FloatArray:
    """Normalisation length of each instance: what counts as 1.

    Args:
        gt: Ground truth of N instances.
        norm: ``'bbox'`` for the longer side of the box, another string for an extra of the ground
            truth such as ``'head_size'``, two keypoints for the distance between them, or px.

    Returns:
        (N,), px; 0 for an instance that has no such length.

    Raises:
        ValueError: If the ground truth does not have what the norm names.
    """
    if norm == BBOX:
        return np.asarray(gt.bbox_xywh[:, 2:].max(axis=1))
    if isinstance(norm, str):
        if norm not in gt.extras:
            raise ValueError(
                f"{gt.source}: the annotations have no '{norm}' (they have {sorted(gt.extras)}), "
                'which is to normalise the errors; add it to each annotation or choose another norm'
            )
        return np.asarray(gt.extras[norm], dtype=np.float64).reshape(len(gt.ann_id))
    if isinstance(norm, tuple):
        return _keypoint_pair_norm(gt, *norm)
    return np.full(len(gt.ann_id), float(norm))


def _keypoint_pair_norm(gt: KeypointGroundTruth, first: int, second: int) -> FloatArray:
    """Distance between two annotated keypoints: (G,), px; 0 where one is unlabelled."""
    for keypoint in (first, second):
        if not 0 <= keypoint < gt.num_keypoints:
            raise ValueError(
                f'keypoint {keypoint} is to normalise the errors, but {gt.source} has keypoints 0 '
                f'to {gt.num_keypoints - 1}; name two of them'
            )
    delta = gt.keypoints[:, first] - gt.keypoints[:, second]
    is_labelled = gt.keypoints_visible[:, first] & gt.keypoints_visible[:, second]
    return np.where(is_labelled, np.hypot(delta[:, 0], delta[:, 1]), 0.0)
