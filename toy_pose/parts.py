"""Body part ids of the id image, and the parts on which each keypoint is visible."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from toy_pose.appearance import Color


class BodyPart(IntEnum):
    """Body parts in the id image; 0 is left free."""

    TORSO = 1
    PELVIS = 2
    SKIRT = 3
    NECK = 4
    HEAD = 5
    LEFT_UPPER_ARM = 6
    LEFT_FOREARM = 7
    LEFT_HAND = 8
    RIGHT_UPPER_ARM = 9
    RIGHT_FOREARM = 10
    RIGHT_HAND = 11
    LEFT_THIGH = 12
    LEFT_SHANK = 13
    LEFT_FOOT = 14
    RIGHT_THIGH = 15
    RIGHT_SHANK = 16
    RIGHT_FOOT = 17


PARTS_PER_PERSON = 20  # the ids of person i are 20 * i + part
MAX_PERSONS = 12  # so that all ids stay below OBJECT_ID

_LIMBS_OF_JOINT = {
    'shoulder': ('UPPER_ARM',),
    'elbow': ('UPPER_ARM', 'FOREARM'),
    'wrist': ('FOREARM', 'HAND'),
    'hip': ('THIGH',),
    'knee': ('THIGH', 'SHANK'),
    'ankle': ('SHANK', 'FOOT'),
}
FACE_KEYPOINTS = ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear')

PARTS_AT_KEYPOINT: dict[str, frozenset[BodyPart]] = {
    name: frozenset({BodyPart.HEAD}) for name in FACE_KEYPOINTS
} | {
    f'{side}_{joint}': frozenset(BodyPart[f'{side.upper()}_{limb}'] for limb in limbs)
    for side in ('left', 'right')
    for joint, limbs in _LIMBS_OF_JOINT.items()
}

_FEET = ('toe', 'big_toe', 'small_toe', 'heel')
_AXIAL: dict[str, frozenset[BodyPart]] = {
    'head_top': frozenset({BodyPart.HEAD}),
    'top_head': frozenset({BodyPart.HEAD}),
    'upper_neck': frozenset({BodyPart.HEAD, BodyPart.NECK, BodyPart.TORSO}),
    'neck': frozenset({BodyPart.NECK, BodyPart.TORSO}),
    'thorax': frozenset({BodyPart.NECK, BodyPart.TORSO}),
    'pelvis': frozenset(
        {
            *(BodyPart.TORSO, BodyPart.PELVIS, BodyPart.SKIRT),
            *(BodyPart.LEFT_THIGH, BodyPart.RIGHT_THIGH),
        }
    ),
}


def parts_at_keypoint(name: str) -> frozenset[BodyPart]:
    """Returns the body parts on which a keypoint of any people dataset is visible."""
    if name in PARTS_AT_KEYPOINT:
        return PARTS_AT_KEYPOINT[name]
    if name in _AXIAL:
        return _AXIAL[name]
    if name.startswith('face-'):
        return frozenset({BodyPart.HEAD})
    side, joint = name.split('_', 1)
    return frozenset({BodyPart[f'{side.upper()}_{"FOOT" if joint in _FEET else "HAND"}']})


# The trunk also shows these joints, unless they are on its far side.
TRUNK_AT_KEYPOINT: dict[str, frozenset[BodyPart]] = {
    'left_shoulder': frozenset({BodyPart.TORSO}),
    'right_shoulder': frozenset({BodyPart.TORSO}),
    'left_hip': frozenset({BodyPart.TORSO, BodyPart.PELVIS, BodyPart.SKIRT}),
    'right_hip': frozenset({BodyPart.TORSO, BodyPart.PELVIS, BodyPart.SKIRT}),
}


@dataclass(frozen=True)
class Patch:
    """Painted piece of a body; all polygons are convex, (N, 2) px."""

    part: BodyPart
    depth: float  # view axes, larger is nearer to the camera
    outlines: tuple[np.ndarray, ...]  # what goes into the id image
    layers: tuple[tuple[np.ndarray, Color], ...]  # what is painted, in this order
