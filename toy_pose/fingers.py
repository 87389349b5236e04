"""Hands with five fingers of three bones each: keypoints, and rods to paint."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from toy_pose.appearance import Outfit, shade
from toy_pose.limbs import Rod
from toy_pose.parts import BodyPart
from toy_pose.skeleton import SIDES, Body, rotation_y

# Knuckle along the hand and towards the thumb, finger length, spread in degrees; hand lengths.
_FINGERS = {
    'forefinger': (0.50, 0.13, 0.40, 9.0),
    'middle_finger': (0.52, 0.04, 0.46, 1.0),
    'ring_finger': (0.49, -0.06, 0.42, -7.0),
    'pinky_finger': (0.44, -0.15, 0.33, -16.0),
}
_BONES = (0.48, 0.30, 0.22)  # shares of a finger's length
_THUMB = ((0.14, 0.12), (0.31, 0.24), (0.43, 0.31), (0.54, 0.35))
_HAND_LENGTH = 1.4  # of the plain hand's rod
_DEPTH_BIAS = 0.019  # as the plain hand: over the forearm


def hand_names(side: str) -> tuple[str, ...]:
    """Names of the 21 keypoints of one hand in COCO-WholeBody's order."""
    fingers = ('thumb', *_FINGERS)
    joints = (f'{side}_{finger}{number}' for finger in fingers for number in range(1, 5))
    return (f'{side}_hand_root', *joints)


def sample_hands(rng: np.random.Generator, body: Body) -> dict[str, np.ndarray]:
    """Joints of both hands in random poses, name -> (3,) in view axes, body heights."""
    joints = {}
    for name, side in SIDES:
        frame = _hand_frame(body, name, side, float(rng.uniform(-80, 80)))
        points = _hand_points(rng)
        wrist = body.joints[f'{name}_wrist']
        length = _HAND_LENGTH * body.proportions.hand
        for joint, point in zip(hand_names(name), points, strict=True):
            joints[joint] = wrist + length * (frame @ point)
    return joints


def _hand_frame(body: Body, name: str, side: float, roll: float) -> np.ndarray:
    """Axes (3, 3) of a hand: its length, towards the thumb, out of the palm.

    At ``roll`` 0 degrees the thumb of a hanging arm points forward and the palm to the body.
    """
    along = body.joints[f'{name}_hand'] - body.joints[f'{name}_wrist']
    along = along / np.linalg.norm(along)
    forward = body.torso[:, 2] + 0.3 * body.torso[:, 1]
    thumb = forward - (forward @ along) * along
    thumb = thumb / max(float(np.linalg.norm(thumb)), 1e-6)
    palm = side * np.cross(along, thumb)
    c, s = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
    return np.stack([along, c * thumb + s * palm, c * palm - s * thumb], axis=1)


def _hand_points(rng: np.random.Generator) -> np.ndarray:
    """Joints (21, 3) of a hand in hand lengths: along it, towards the thumb, out of the palm."""
    curl = float(rng.uniform(45, 80) if rng.random() < 0.15 else rng.uniform(0, 28))
    spread = float(rng.uniform(0.3, 1.6))
    lift = 0.004 * curl
    points = [np.zeros(3)]
    points += [np.array([x, y * (0.6 + 0.4 * spread), lift * x]) for x, y in _THUMB]
    for along, across, length, angle in _FINGERS.values():
        knuckle = np.array([along, across, 0.0])
        points.append(knuckle)
        bend = 0.0
        for share in _BONES:
            bend += curl * float(rng.uniform(0.75, 1.25))
            points.append(points[-1] + share * length * _bone_direction(angle * spread, bend))
    return np.stack(points)


def _bone_direction(spread: float, bend: float) -> np.ndarray:
    """Direction (3,) of a bone in hand axes, turned towards the thumb and into the palm."""
    # rotation_y(-bend) takes x towards z; turning about z is done by hand.
    x, _, z = rotation_y(-bend) @ np.array([1.0, 0.0, 0.0])
    c, s = np.cos(np.deg2rad(spread)), np.sin(np.deg2rad(spread))
    return np.array([c * x, s * x, z])


def finger_rods(points: Mapping[str, np.ndarray], outfit: Outfit) -> list[Rod]:
    """Rods of both hands."""
    return [rod for side, _ in SIDES for rod in _rods_of(side, points, outfit)]


def _rods_of(side: str, points: Mapping[str, np.ndarray], outfit: Outfit) -> list[Rod]:
    part = BodyPart[f'{side.upper()}_HAND']
    root = points[f'{side}_hand_root']
    bones = []  # start, end, radii in body heights
    knuckles = [points[f'{side}_{finger}1'] for finger in _FINGERS]
    for knuckle in (points[f'{side}_thumb1'], *knuckles):
        bones.append((root, knuckle, 0.012, 0.0085))
    bones += [(first, last, 0.0075, 0.0075) for first, last in pairwise(knuckles)]
    for finger in ('thumb', *_FINGERS):
        chain = [points[f'{side}_{finger}{number}'] for number in range(1, 5)]
        for (first, last), radius in zip(pairwise(chain), (0.0068, 0.006, 0.0054), strict=True):
            bones.append((first, last, radius, radius - 0.0006))
    return [
        Rod(
            part,
            first,
            last,
            start,
            end,
            shade(outfit.skin, 0.94 if number % 2 else 1.04),
            float(0.5 * (first[2] + last[2])) + _DEPTH_BIAS,
        )
        for number, (first, last, start, end) in enumerate(bones)
    ]
