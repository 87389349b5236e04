"""Distances between estimated and annotated joints: PCK, AUC, end-point error, NME.

The definitions are those of the published top-down results (MMPose): a joint is correct if its
normalised distance is *below* the threshold, and accuracies are averaged over the joints that are
labelled at least once, while errors are averaged over all labelled joints of all instances.
"""

from __future__ import annotations

import numpy as np

from mmpose.coco.keypoint_arrays import BoolArray, FloatArray

NO_JOINT = -1.0  # the figure when no joint is labelled


def joint_distances(
    keypoints: FloatArray, gt_keypoints: FloatArray, gt_visible: BoolArray, norm: FloatArray
) -> FloatArray:
    """Distance of each joint to its annotation in units of ``norm``.

    Args:
        keypoints: (N, K, 2), image px.
        gt_keypoints: (N, K, 2), image px.
        gt_visible: (N, K). True where a joint is labelled.
        norm: (N,), px. Length that counts as 1; an instance where it is not above 0 is left out.

    Returns:
        (N, K); NaN where a joint is not labelled or its instance is left out.
    """
    delta = np.asarray(keypoints, dtype=np.float64) - gt_keypoints  # (N, K, 2)
    usable = norm > 0
    length = np.where(usable, norm, np.nan)[:, None]
    distances = np.hypot(delta[..., 0], delta[..., 1]) / length
    distances[~gt_visible] = np.nan
    return np.asarray(distances)


def joint_accuracies(distances: FloatArray, thr: float) -> FloatArray:
    """Share of the labelled instances of each joint whose distance is below ``thr``.

    Args:
        distances: (N, K), of ``joint_distances``.
        thr: Threshold.

    Returns:
        (K,) in [0, 1]; NaN where a joint is never labelled.
    """
    num_labelled = np.isfinite(distances).sum(axis=0)
    num_correct = (distances < thr).sum(axis=0)  # a comparison with NaN is false
    return np.where(num_labelled > 0, num_correct / np.maximum(num_labelled, 1), np.nan)


def pck_accuracy(distances: FloatArray, thr: float = 0.2) -> float:
    """Percentage of correct keypoints as a share: the mean of the accuracies of the joints.

    Args:
        distances: (N, K), of ``joint_distances``.
        thr: Distance that is too far for a correct joint.

    Returns:
        Value in [0, 1]; -1 if no joint is labelled.
    """
    accuracies = joint_accuracies(distances, thr)
    labelled = accuracies[~np.isnan(accuracies)]
    return float(labelled.mean()) if labelled.size else NO_JOINT


def area_under_curve(distances: FloatArray, num_thresholds: int = 20) -> float:
    """Mean of the PCK at the thresholds 0, 1/n, ..., (n - 1)/n.

    No distance is below the threshold 0, so perfect poses reach (n - 1)/n: 0.95 for 20.

    Args:
        distances: (N, K), of ``joint_distances``.
        num_thresholds: n.

    Returns:
        Value in [0, 1); -1 if no joint is labelled.
    """
    thresholds = [1.0 * i / num_thresholds for i in range(num_thresholds)]
    return float(np.mean([pck_accuracy(distances, thr) for thr in thresholds]))


def mean_distance(distances: FloatArray) -> float:
    """Mean over all labelled joints of all instances.

    With a norm of 1 px this is the end-point error (EPE) in px, with the norm of a face data set
    the normalised mean error (NME).

    Args:
        distances: (N, K), of ``joint_distances``.

    Returns:
        The mean; -1 if no joint is labelled.
    """
    labelled = distances[np.isfinite(distances)]
    return float(labelled.mean()) if labelled.size else NO_JOINT
