"""Keypoint positions of all people datasets on a drawn body."""

from collections.abc import Callable

import numpy as np

from toy_pose.person import Person
from toy_pose.skeleton import SIDES, Body


def _head_point(body: Body, share: float) -> np.ndarray:
    """A point (3,) on the head's vertical axis, ``share`` of its radius above the centre."""
    return body.joints['head'] + share * body.proportions.head_radii[1] * body.head[:, 1]


def _foot_point(body: Body, side: str, along: float, outward: float) -> np.ndarray:
    """A point (3,) beside the toe joint: body heights beyond it, and away from the other foot."""
    toe = body.joints[f'{side}_toe']
    forward = toe - body.joints[f'{side}_heel']
    forward = forward / np.linalg.norm(forward)
    left = body.pelvis[:, 0] - (body.pelvis[:, 0] @ forward) * forward
    sign = dict(SIDES)[side]
    return toe + along * forward + sign * outward * left / max(float(np.linalg.norm(left)), 1e-6)


def _fingertip(body: Body, side: str) -> np.ndarray:
    wrist, tip = body.joints[f'{side}_wrist'], body.joints[f'{side}_hand']
    return wrist + 1.15 * (tip - wrist)


_DERIVED: dict[str, Callable[[Body], np.ndarray]] = {
    'head_top': lambda body: _head_point(body, 1.0),
    'top_head': lambda body: _head_point(body, 1.0),
    'upper_neck': lambda body: _head_point(body, -0.85),
    'thorax': lambda body: body.joints['chest'],
    'left_finger': lambda body: _fingertip(body, 'left'),
    'right_finger': lambda body: _fingertip(body, 'right'),
    'left_big_toe': lambda body: _foot_point(body, 'left', 0.010, -0.008),
    'right_big_toe': lambda body: _foot_point(body, 'right', 0.010, -0.008),
    'left_small_toe': lambda body: _foot_point(body, 'left', -0.002, 0.012),
    'right_small_toe': lambda body: _foot_point(body, 'right', -0.002, 0.012),
}


def landmark_points(person: Person, names: tuple[str, ...]) -> np.ndarray:
    """Positions (K, 3) of named keypoints in view axes, body heights.

    Args:
        person: The person; names of faces and fingers need a person with details.
        names: Names as in the skeleton tables of the people datasets.
    """
    joints = person.body.joints
    points = []
    for name in names:
        if name in joints:
            points.append(joints[name])
        elif name in _DERIVED:
            points.append(_DERIVED[name](person.body))
        else:
            points.append(person.details[name])
    return np.stack(points)
