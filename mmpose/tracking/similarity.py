"""How alike two poses are: OKS over joints that both are sure of, and overlap of boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# OKS was made for annotations of one image, and a person moves between two frames: distances
# count as if this many times shorter.
MOTION_ALLOWANCE = 2.0

Array = NDArray[np.floating]


def joint_variances(sigmas: Array) -> Array:
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
    """Returns the OKS of each of N poses with each of M, joints weighted by both their scores.

    Args:
        first: (N, K, 2), img px.
        first_scores: (N, K).
        second: (M, K, 2), img px.
        second_scores: (M, K).
        area: (N, M), img px². Area of the two people.
        variances: (K,), of ``joint_variances``.

    Returns:
        (N, M), from 0 to 1; 0 where no joint has a score in both.
    """
    squared = ((first[:, None] - second[None]) ** 2).sum(axis=-1)  # (N, M, K)
    closeness = np.exp(-squared / (2 * np.maximum(area, 1e-9)[..., None] * variances))
    weights = np.maximum(first_scores[:, None] * second_scores[None], 0)  # (N, M, K)
    return np.asarray((closeness * weights).sum(-1) / np.maximum(weights.sum(-1), 1e-12))
