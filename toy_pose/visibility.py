"""COCO visibility flags, read from the id image after everything is painted."""

from functools import lru_cache

import numpy as np

from toy_pose.face import is_landmark_seen
from toy_pose.head import is_face_point_seen
from toy_pose.parts import (
    FACE_KEYPOINTS,
    PARTS_PER_PERSON,
    TRUNK_AT_KEYPOINT,
    parts_at_keypoint,
)
from toy_pose.person import Person

OUTSIDE, OCCLUDED, VISIBLE = 0, 1, 2  # COCO's v

_WINDOW_SHARE = 0.012  # half side of the inspected square, in body heights
_DETAIL_WINDOW_SHARE = 0.004  # the same for points of faces and fingers
_MIN_SHOWN = 0.3  # of the square must show a part that belongs to the keypoint
_FAR_SIDE = 0.7  # of the half width of shoulders or hips: from here on the trunk hides the joint


def keypoint_flag(
    ids: np.ndarray, person: Person, index: int, name: str, point: np.ndarray, height_px: float
) -> int:
    """Flag of one keypoint.

    A keypoint is visible when enough of a small square around it shows a body part that this
    joint belongs to. Shoulders and hips also show through the trunk unless they are on its far
    side, and face points must be on the near side of the head.

    Args:
        ids: (H, W) uint8, what is on top at each pixel.
        person: whose keypoint.
        index: number of the person in the image.
        name: Keypoint name, one of `landmark_points`.
        point: (2,) img px.
        height_px: body height, px.
    """
    height, width = ids.shape
    x, y = round(float(point[0])), round(float(point[1]))
    if not (0 <= point[0] <= width - 1 and 0 <= point[1] <= height - 1):
        return OUTSIDE
    if name in FACE_KEYPOINTS and not is_face_point_seen(person.body, person.outfit, name):
        return OCCLUDED
    is_detail = name in person.details
    if name.startswith('face-') and not is_landmark_seen(person.body, name, person.details[name]):
        return OCCLUDED
    share = _DETAIL_WINDOW_SHARE if is_detail else _WINDOW_SHARE
    reach = max(1, round(share * height_px))
    window = ids[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    belongs = _parts_table(name, not _is_on_far_side(person, name))
    shown = np.count_nonzero(belongs[window - np.uint8(PARTS_PER_PERSON * index)])
    return VISIBLE if shown >= _MIN_SHOWN * window.size else OCCLUDED


@lru_cache(maxsize=512)
def _parts_table(name: str, with_trunk: bool) -> np.ndarray:
    """Whether each body part shows a keypoint, (256,) bool; ids of other people wrap round."""
    parts = parts_at_keypoint(name)
    if with_trunk:
        parts = parts | TRUNK_AT_KEYPOINT.get(name, frozenset())
    table = np.zeros(256, bool)
    table[list(parts)] = True
    return table


def _is_on_far_side(person: Person, name: str) -> bool:
    joints, lengths = person.body.joints, person.body.proportions
    if name.endswith('_shoulder'):
        behind, half_width = joints['chest'][2] - joints[name][2], lengths.half_shoulders
    elif name.endswith('_hip'):
        behind, half_width = joints['pelvis'][2] - joints[name][2], lengths.half_hips
    else:
        return False
    return bool(behind > _FAR_SIDE * half_width)
