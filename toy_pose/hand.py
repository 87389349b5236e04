"""Forward kinematics of a hand: lengths and joint angles in, 21 joint positions out.

Hand axes of a right hand: x towards the little finger, y along the middle finger, z out of the
back of the hand; a left hand is its mirror image. Lengths are in mm, the wrist is the origin.
"""

from dataclasses import dataclass

import numpy as np

from toy_pose.fast_random import pick
from toy_pose.skeleton import rotation_x, rotation_y, rotation_z

FINGERS = ('thumb', 'forefinger', 'middle_finger', 'ring_finger', 'pinky_finger')
NUM_JOINTS = 21
WRIST = 20  # joint 4 * f + i of finger f counts from the tip (i = 0) to the knuckle (i = 3)

# Means over four hands of InterHand2.6M (joint_3d file), in mm; the thumb's knuckle is near the
# wrist.
_KNUCKLES = np.array(
    [
        [-31.0, 26.0, -8.0],
        [-27.0, 83.0, 2.0],
        [-5.0, 87.0, 5.0],
        [15.0, 81.0, 2.0],
        [31.0, 71.0, -4.0],
    ]
)
_BONES = np.array(  # (5, 3) from the knuckle to the tip
    [
        [38.0, 32.0, 28.0],
        [42.0, 26.0, 23.0],
        [45.0, 29.0, 22.0],
        [42.0, 28.0, 21.0],
        [33.0, 20.0, 19.0],
    ]
)
_FAN = np.array([0.0, -7.0, 0.0, 6.0, 13.0])  # degrees between the fingers of an open hand
RADII = np.array(  # (5, 4) tip to knuckle, mm
    [
        [8.0, 9.5, 10.5, 13.0],
        [6.5, 7.5, 8.5, 10.5],
        [6.5, 7.8, 8.8, 10.5],
        [6.2, 7.4, 8.4, 10.0],
        [5.4, 6.4, 7.4, 9.0],
    ]
)


@dataclass(frozen=True)
class Hand:
    """A posed hand in a frame of the caller's, mm."""

    is_right: bool
    joints: np.ndarray  # (21, 3), tips first, the wrist last
    axes: np.ndarray  # (3, 3), columns are lateral (to the little finger), along, back
    back: np.ndarray  # (21, 3), unit vectors out of the back of each joint's bone
    size: float  # factor on all lengths


@dataclass(frozen=True)
class HandPose:
    """Angles in degrees; 0 is a flat hand with the fingers together."""

    flexion: np.ndarray  # (5, 3), knuckle, middle and end joint of each finger; thumb: 2 joints
    spread: float  # factor on the fan of the fingers
    opposition: float  # of the thumb: 0 beside the hand, 1 across the palm


def sample_hand_pose(rng: np.random.Generator) -> HandPose:
    """A random pose: open, relaxed, fist, pointing, or each finger by itself."""
    kind = pick(rng, (0.24, 0.2, 0.12, 0.2, 0.24))
    curl = np.zeros(5)
    if kind == 0:
        curl += rng.uniform(0, 0.15) + rng.uniform(0, 0.08, 5)
    elif kind == 1:
        curl += rng.uniform(0.2, 0.5) + rng.uniform(-0.08, 0.12, 5)
    elif kind == 2:
        curl += rng.uniform(0.85, 1.0) + rng.uniform(-0.05, 0.05, 5)
    elif kind == 3:  # some fingers straight, the others in the fist
        curl += np.where(rng.random(5) < 0.5, rng.uniform(0, 0.12), rng.uniform(0.8, 1.0))
    else:
        curl += rng.uniform(0, 1, 5)
    curl = np.clip(curl, 0, 1)
    share = curl[:, None] * (78.0, 98.0, 62.0)
    flexion = share + rng.normal(0, 4, (5, 3))
    flexion[0] = (20.0 * curl[0], 35.0 * curl[0] + rng.normal(0, 6), 50.0 * curl[0])
    return HandPose(
        flexion=flexion,
        spread=float(rng.uniform(0.1, 2.0) * (1.0 - 0.8 * curl[1:].mean())),
        opposition=float(np.clip(0.25 + 0.75 * curl[0] + rng.normal(0, 0.15), 0, 1.1)),
    )


def _finger(number: int, pose: HandPose) -> tuple[np.ndarray, np.ndarray]:
    """Joints (4, 3), tip first, and backs (4, 3) of a finger in the axes of a right hand."""
    if number == 0:
        # Beside the hand the thumb's back looks up and outward, across the palm outward.
        base = rotation_z(40.0 - 34.0 * pose.opposition) @ rotation_x(-28.0 * pose.opposition)
        base = base @ rotation_y(-50.0 - 30.0 * pose.opposition)
    else:
        base = rotation_z(-_FAN[number] * pose.spread)
    points, backs = [_KNUCKLES[number]], [base[:, 2]]
    angle = 0.0
    for bone, flexion in zip(_BONES[number], pose.flexion[number], strict=True):
        angle += flexion
        axes = base @ rotation_x(-angle)  # towards the palm
        points.append(points[-1] + bone * axes[:, 1])
        backs.append(axes[:, 2])
    return np.stack(points[::-1]), np.stack(backs[::-1])


def pose_hand(
    pose: HandPose, is_right: bool, rotation: np.ndarray, wrist: np.ndarray, size: float = 1.0
) -> Hand:
    """A hand in the frame of ``rotation`` and ``wrist``.

    Args:
        pose: Joint angles.
        is_right: Right hand, else left.
        rotation: (3, 3), hand axes of a right hand -> the caller's frame.
        wrist: (3,), mm.
        size: Factor on all lengths.
    """
    mirror = np.array([1.0 if is_right else -1.0, 1.0, 1.0])
    points, backs = zip(*(_finger(number, pose) for number in range(len(FINGERS))), strict=True)
    local = np.concatenate([*points, np.zeros((1, 3))]) * mirror  # (21, 3)
    back = np.concatenate([*backs, [[0.0, 0.0, 1.0]]]) * mirror
    return Hand(
        is_right=is_right,
        joints=wrist + size * local @ rotation.T,
        axes=rotation * mirror,
        back=back @ rotation.T,
        size=size,
    )
