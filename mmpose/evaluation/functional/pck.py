"""Percentage of correct keypoints (PCK)."""

from __future__ import annotations

import numpy as np

from mmpose.evaluation.functional.keypoint_arrays import BoolArray, FloatArray


def pck_accuracy(
    keypoints: FloatArray,
    gt_keypoints: FloatArray,
    gt_visible: BoolArray,
    norm: FloatArray,
    thr: float = 0.05,
) -> float:
    """Share of the visible joints that lie within ``thr * norm`` of the annotation.

    Args:
        keypoints: (N, K, 2), image px.
        gt_keypoints: (N, K, 2), image px.
        gt_visible: (N, K). True where a joint is labelled.
        norm: (N,), px. Length that counts as 1, such as the longer side of the box.
        thr: Largest distance of a correct joint in units of ``norm``.

    Returns:
        Value in [0, 1]; -1 if no joint is visible.
    """
    if not gt_visible.any():
        return -1.0
    distance = np.linalg.norm(keypoints - gt_keypoints, axis=2) / norm[:, None]  # (N, K)
    return float((distance[gt_visible] <= thr).mean())
