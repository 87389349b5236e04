"""How alike two poses are: OKS over joints that both are sure of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# OKS was made for annotations of one image, and a person moves between two frames: distances
# count as if this many times shorter.
MOTION_ALLOWANCE = 2.0

Array = NDArray[np.floating]


def keypoint_variances(sigmas: Array) -> Array:
    """Returns the (K,) variances of joints, of units of the area, for ``pose_similarity``."""
    return np.asarray((2 * MOTION_ALLOWANCE * sigmas.astype(np.float64)) ** 2)


def pose_similarity(
    first: Array,
    first_scores: Array,
    second: Array,
    second_scores: Array,
    area: Array,
    variances: Array,
) -> Array:
    """Returns the OKS of P pairs of poses, joints weighted by both their scores.

    Args:
        first: (P, K, 2), img px.
        first_scores: (P, K).
        second: (P, K, 2), img px.
        second_scores: (P, K).
        area: (P,), img px². Area of the two people.
        variances: (K,), of ``keypoint_variances``.

    Returns:
        (P,), from 0 to 1; 0 where no joint has a score in both.
    """
    squared = ((first - second) ** 2).sum(axis=-1)  # (P, K)
    closeness = np.exp(-squared / (2 * np.maximum(area, 1e-9)[:, None] * variances))
    weights = np.maximum(first_scores * second_scores, 0)
    return np.asarray((closeness * weights).sum(-1) / np.maximum(weights.sum(-1), 1e-12))
