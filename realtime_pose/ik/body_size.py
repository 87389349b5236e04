"""Estimation of a person's bone lengths from many frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.rig import Proportions

Array = NDArray[np.float64]

# The parts of a body that are seen between joints, and their joints on the left side.
SEGMENTS = {
    'thigh': ('hip', 'knee'),
    'shank': ('knee', 'ankle'),
    'upper_arm': ('shoulder', 'elbow'),
    'forearm': ('elbow', 'wrist'),
}


def measure_body(
    joints_3d: ArrayLike, joints: BodyJoints, prior: Proportions | None = None
) -> Proportions:
    """Returns body proportions from measured 3D joints: the median of all frames.

    Args:
        joints_3d: (T, K, 3), m. NaN where unknown.
        joints: Mapping from keypoints to joints.
        prior: Proportions of parts that are never seen (hands, feet), scaled to the others.
    """
    return _measure(np.asarray(joints_3d, np.float64), joints, prior, share=0.5)


def estimate_body(
    keypoints: ArrayLike, joints: BodyJoints, height: float = 1.70, prior: Proportions | None = None
) -> Proportions:
    """Returns body proportions from 2D keypoints in many poses at about the same distance.

    A part looks as long as it is when it lies across the line of sight, so nearly the greatest
    length that is seen counts. One camera does not show the size, so the height is given.

    Args:
        keypoints: (T, K, 2), img px. NaN where unknown.
        joints: Mapping from keypoints to joints.
        height: Height of the person, m.
        prior: As in :func:`measure_body`.
    """
    body = _measure(np.asarray(keypoints, np.float64), joints, prior, share=0.95)
    return body.scaled(height / body.height)


def _measure(
    points: Array, joints: BodyJoints, prior: Proportions | None, share: float
) -> Proportions:
    prior = prior or Proportions()
    at = {name: points[:, i] for name, i in zip(joints.names, joints.indices, strict=True)}
    seen = {
        part: [at[f'{side}_{end}'] - at[f'{side}_{start}'] for side in ('left', 'right')]
        for part, (start, end) in SEGMENTS.items()
    }
    middle = {x: 0.5 * (at[f'left_{x}'] + at[f'right_{x}']) for x in ('hip', 'shoulder')}
    seen['trunk'] = [middle['shoulder'] - middle['hip']]
    seen['hip_width'] = [at['left_hip'] - at['right_hip']]
    seen['shoulder_width'] = [at['left_shoulder'] - at['right_shoulder']]
    lengths = {
        part: float(np.quantile(values, share))
        for part, vectors in seen.items()
        if len(values := _known_lengths(np.concatenate(vectors)))
    }
    if not lengths:
        raise ValueError('no part of the body is seen in any frame; its size cannot be measured')
    scale = sum(lengths.values()) / sum(getattr(prior, part) for part in lengths)
    return Proportions(**(vars(prior.scaled(scale)) | lengths))


def _known_lengths(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors, axis=-1)
    return lengths[np.isfinite(lengths) & (lengths > 0)]
