"""Object keypoint similarity (OKS): how close two poses are, from 0 to 1.

OKS = mean over keypoints of exp(-d_i^2 / (2 * s^2 * k_i^2)), with s^2 the object area and
k_i = 2 * sigma_i (https://cocodataset.org/#keypoints-eval).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import BoolArray, FloatArray

EPS = float(np.spacing(1))  # keeps an area of 0 from dividing by 0, as the COCO code does
MIN_EXPONENT = -700.0  # at about -708 exp becomes subnormal, then 0, and takes 20 times as long


def keypoint_variances(sigmas: npt.NDArray[np.floating]) -> FloatArray:
    """(2 * sigma)^2 of each keypoint: (K,).

    Args:
        sigmas: (K,). Standard deviation of the annotators, in units of the square root of the
            object area.
    """
    doubled = np.asarray(sigmas, dtype=np.float64) * 2
    return doubled**2


def keypoint_similarity(
    points: FloatArray, targets: FloatArray, area: FloatArray, variances: FloatArray
) -> FloatArray:
    """ks = exp(-d^2 / (2 s^2 k^2)) of each keypoint: (P, K), in (0, 1], with 1e-304 for less.

    Args:
        points: (P, K, 2), image px.
        targets: (P, K, 2), image px.
        area: (P,), px^2. s^2, of the annotated instance that the targets belong to.
        variances: (K,). k^2, of ``keypoint_variances``.
    """
    delta = points - targets
    np.square(delta, out=delta)
    exponent = (delta[..., 0] + delta[..., 1]) / variances  # (P, K)
    exponent /= area[:, None] + EPS
    exponent /= -2
    np.maximum(exponent, MIN_EXPONENT, out=exponent)
    return np.asarray(np.exp(exponent, out=exponent))


def oks_of_pairs(
    first: FloatArray, second: FloatArray, area: FloatArray, variances: FloatArray
) -> FloatArray:
    """OKS of each row of two arrays of poses, over all keypoints: (P,), in [0, 1].

    Args:
        first: (P, K, 2), image px.
        second: (P, K, 2), image px.
        area: (P,), px^2. Object area of each pair.
        variances: (K,), of ``keypoint_variances``.
    """
    return np.asarray(keypoint_similarity(first, second, area, variances).mean(axis=1))


def oks_iou(
    pose: FloatArray,
    others: FloatArray,
    pose_area: float,
    other_areas: FloatArray,
    sigmas: npt.NDArray[np.floating],
) -> FloatArray:
    """OKS between one pose and N others, with the mean of the two areas: (N,), in [0, 1].

    Args:
        pose: (K, 2), image px.
        others: (N, K, 2), image px.
        pose_area: px^2.
        other_areas: (N,), px^2.
        sigmas: (K,).
    """
    area = (pose_area + np.asarray(other_areas, dtype=np.float64)) / 2
    return oks_of_pairs(np.asarray(pose)[None], others, area, keypoint_variances(sigmas))


def oks_to_ground_truth(
    poses: FloatArray,
    gt_keypoints: FloatArray,
    gt_visible: BoolArray,
    gt_area: FloatArray,
    gt_bbox_xywh: FloatArray,
    variances: FloatArray,
) -> FloatArray:
    """OKS of each estimated pose with its annotated pose, over the labelled keypoints.

    An annotation without labelled keypoints is compared by its box: a keypoint is at distance 0
    inside the box enlarged to three times its size, which lets detections of unlabelled instances
    be ignored.

    Args:
        poses: (P, K, 2), image px.
        gt_keypoints: (P, K, 2), image px.
        gt_visible: (P, K). True where a keypoint is labelled.
        gt_area: (P,), px^2.
        gt_bbox_xywh: (P, 4), image px.
        variances: (K,), of ``keypoint_variances``.

    Returns:
        (P,), in [0, 1].
    """
    visible = gt_visible.astype(np.float64)  # sums of truth values take longer
    num_visible = np.einsum('pk->p', visible)
    unlabelled = np.flatnonzero(num_visible == 0)
    if len(unlabelled):
        gt_keypoints = gt_keypoints.copy()
        nearest = poses[unlabelled]
        flat = nearest.reshape(len(nearest), -1)  # (P, K, 2) -> (P, 2K)
        low, high = (np.tile(x, poses.shape[1]) for x in enlarged_box(gt_bbox_xywh[unlabelled]))
        np.minimum(np.maximum(flat, low, out=flat), high, out=flat)
        gt_keypoints[unlabelled] = nearest
    similarity = keypoint_similarity(poses, gt_keypoints, gt_area, variances)  # (P, K)
    oks = np.einsum('pk,pk->p', similarity, visible) / np.maximum(num_visible, 1)
    oks[unlabelled] = similarity[unlabelled].mean(axis=1)
    return np.asarray(oks)


def enlarged_box(bbox_xywh: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Low and high corners of boxes of three times the size around the same centres: (N, 2)."""
    return bbox_xywh[:, :2] - bbox_xywh[:, 2:], bbox_xywh[:, :2] + 2 * bbox_xywh[:, 2:]
