"""Triangulation of keypoints from several calibrated cameras.

A linear solution (DLT: Hartley and Zisserman, *Multiple View Geometry*, 12.2) is improved by
Gauss-Newton steps on the distances in the images, each weighted by the confidence of its keypoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_pose.ik.cameras import Camera

Array = NDArray[np.float64]

CONVERGED = 1e-8  # m. Without noise a step leaves about its square
MAX_STEP = 1.0  # m. Lines of sight that are almost parallel meet anywhere


@dataclass(frozen=True, eq=False)
class Triangulation:
    """Joints of one person.

    Attributes:
        joints_3d: (K, 3), m, y up. NaN where fewer than two cameras see the joint.
        error_px: (K,). Weighted mean distance in the images; NaN where unknown.
        num_views: (K,) int64. Number of cameras used.
    """

    joints_3d: Array
    error_px: Array
    num_views: NDArray[np.int64]


def triangulate(
    cameras: Sequence[Camera],
    keypoints: ArrayLike,
    scores: ArrayLike | None = None,
    min_score: float = 0.3,
    max_error_px: ArrayLike | None = None,
) -> Triangulation:
    """Triangulates the joints of one person from synchronised views.

    Args:
        cameras: C cameras at different positions.
        keypoints: (C, K, 2), px of each camera. NaN where unknown.
        scores: (C, K). Weights; keypoints below ``min_score`` do not count. 1 when not given.
        min_score: Threshold of scores.
        max_error_px: Reprojection threshold of all joints or (K,) each. Of three views or more
            the worst is omitted if it exceeds the threshold.

    Raises:
        ValueError: If the numbers of cameras and keypoints do not fit.
    """
    points = np.asarray(keypoints, np.float64)
    if points.ndim != 3 or points.shape[::2] != (len(cameras), 2):
        raise ValueError(
            f'keypoints have shape {points.shape}, expected ({len(cameras)}, K, 2): one set per '
            'camera of the calibration'
        )
    weights = np.ones(points.shape[:2]) if scores is None else np.asarray(scores, np.float64)
    if weights.shape != points.shape[:2]:
        raise ValueError(f'scores have shape {weights.shape}, expected {points.shape[:2]}')
    is_seen = np.isfinite(points).all(axis=-1) & (weights >= min_score)
    weights = np.where(is_seen, weights, 0.0)
    points = np.where(is_seen[..., None], points, 0.0)
    solved = _solve(cameras, points, weights)
    if max_error_px is not None:
        limits = np.broadcast_to(np.asarray(max_error_px, np.float64), points.shape[1])
        worst = np.argmax(np.where(weights > 0, solved[1], -1), axis=0)
        column = np.arange(points.shape[1])
        is_bad = (solved[1][worst, column] > limits) & ((weights > 0).sum(axis=0) > 2)
        if is_bad.any():
            weights[worst[is_bad], column[is_bad]] = 0
            solved = _solve(cameras, points, weights)
    joints, errors = solved
    num_views = (weights > 0).sum(axis=0)
    is_known = num_views >= 2
    total = np.where(is_known, weights.sum(axis=0), 1)
    mean = np.sum(weights * errors, axis=0) / total
    return Triangulation(
        np.where(is_known[:, None], joints, np.nan), np.where(is_known, mean, np.nan), num_views
    )


def _solve(cameras: Sequence[Camera], points: Array, weights: Array) -> tuple[Array, Array]:
    """Returns joints (K, 3) and distances in the images (C, K); garbage below two views."""
    is_known = (weights > 0).sum(axis=0) >= 2
    weights = np.where(is_known, weights, 0)  # of one view comes no point, but any number of them
    joints = _linear(cameras, points, weights)
    for _ in range(10):
        step = np.clip(_step(cameras, points, weights, joints), -MAX_STEP, MAX_STEP)
        joints = joints + step
        if np.abs(step).max(initial=0.0) < CONVERGED:
            break
    with np.errstate(invalid='ignore', divide='ignore'):
        seen = np.stack([camera.project(joints) for camera in cameras])
    return joints, np.where(weights > 0, np.linalg.norm(np.nan_to_num(seen) - points, axis=-1), 0)


def _linear(cameras: Sequence[Camera], points: Array, weights: Array) -> Array:
    rows = []
    for camera, seen, weight in zip(cameras, points, weights, strict=True):
        ray = camera.rays(seen)
        projection = np.column_stack([camera.rotation, camera.translation])
        pair = ray[..., None] * projection[2] - projection[:2]  # (K, 2, 4)
        rows.append(weight[:, None, None] * pair)
    matrix = np.concatenate(rows, axis=1)  # (K, 2 C, 4)
    solution = np.linalg.svd(matrix, full_matrices=True)[2][:, -1]
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.nan_to_num(solution[:, :3] / solution[:, 3:], nan=0, posinf=0, neginf=0)


def _step(cameras: Sequence[Camera], points: Array, weights: Array, joints: Array) -> Array:
    """Returns a Gauss-Newton step (K, 3); derivatives are central differences of 0.01 mm."""
    delta = 1e-5 * np.eye(3)
    normal = np.tile(1e-12 * np.eye(3), (len(joints), 1, 1))
    slope = np.zeros((len(joints), 3))
    with np.errstate(invalid='ignore', divide='ignore'):
        for camera, seen, weight in zip(cameras, points, weights, strict=True):
            ahead = camera.project(joints[:, None] + delta)  # (K, 3, 2)
            behind = camera.project(joints[:, None] - delta)
            jacobian = np.nan_to_num((ahead - behind) / 2e-5)
            residual = np.nan_to_num(seen - camera.project(joints))
            normal += np.einsum('k,kic,kjc->kij', weight, jacobian, jacobian)
            slope += np.einsum('k,kic,kc->ki', weight, jacobian, residual)
    normal += 1e-12 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    return np.asarray(np.linalg.solve(normal, slope[..., None])[..., 0], np.float64)
