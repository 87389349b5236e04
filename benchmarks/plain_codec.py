"""Baseline codec: UDP heatmaps person by person with NumPy and OpenCV.

It is written for readability: keypoints are vectorised where NumPy makes it easy, blurring is
OpenCV's. Tests compare it with the codec.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def encode_person(
    points_hm: NDArray[np.float64], heatmap_size: tuple[int, int], sigma: float
) -> FloatArray:
    """Returns the heatmaps (K, H, W) of one person.

    Args:
        points_hm: (K, 2), heatmap cells. All keypoints are drawn.
        heatmap_size: Width and height of the heatmaps.
        sigma: Cells.
    """
    width, height = heatmap_size
    reach = int(3 * sigma)
    heatmaps = np.zeros((len(points_hm), height, width), np.float32)
    for heatmap, (x, y) in zip(heatmaps, points_hm, strict=True):
        middle_x, middle_y = int(x + 0.5), int(y + 0.5)
        columns = np.arange(max(0, middle_x - reach), min(width, middle_x + reach + 1))
        rows = np.arange(max(0, middle_y - reach), min(height, middle_y + reach + 1))
        if not len(columns) or not len(rows):
            continue
        distance2 = (columns - x) ** 2 + (rows[:, None] - y) ** 2
        heatmap[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = np.exp(
            -distance2 / (2 * sigma**2)
        )
    return heatmaps


def decode_person(heatmaps: FloatArray, blur_size: int) -> tuple[NDArray[np.float64], FloatArray]:
    """Returns the points (K, 2), heatmap cells, and scores (K,) of one person.

    Args:
        heatmaps: (K, H, W).
        blur_size: Window of the blur, cells.
    """
    num, _, width = heatmaps.shape
    flat = heatmaps.reshape(num, -1)  # (K, H, W) -> (K, H * W)
    scores = flat.max(axis=1)
    y, x = np.divmod(flat.argmax(axis=1), width)
    logs = np.stack([cv2.GaussianBlur(heatmap, (blur_size, blur_size), 0) for heatmap in heatmaps])
    logs = np.log(np.clip(logs, 0.001, 50))
    logs = np.pad(logs, ((0, 0), (1, 1), (1, 1)), mode='edge')

    def at(dx: int, dy: int) -> FloatArray:
        return np.asarray(logs[np.arange(num), y + 1 + dy, x + 1 + dx])

    gradient = np.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], axis=1) / 2
    dxx = at(1, 0) - 2 * at(0, 0) + at(-1, 0)
    dyy = at(0, 1) - 2 * at(0, 0) + at(0, -1)
    dxy = (at(1, 1) + at(-1, -1) - dxx - dyy) / 2 - at(0, 0)
    hessian = np.stack([dxx, dxy, dxy, dyy], axis=1).reshape(num, 2, 2)  # (K, 4) -> (K, 2, 2)
    hessian = hessian + np.finfo(np.float32).eps * np.eye(2)
    step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
    points = np.stack([x, y], axis=1) - step
    points[scores <= 0] = -1
    return points, scores
