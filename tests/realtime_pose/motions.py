"""Poses and motions of the rig with known rotations."""

import numpy as np

from realtime_pose.ik.quaternions import conjugate, from_rotvec, multiply, to_rotvec
from realtime_pose.ik.rig import BONE_INDEX, LIMITS, TWIST_AXES, rest_pose


def turn(x=0, y=0, z=0):
    return from_rotvec(np.radians([x, y, z]))


def angle_between(first, second):
    """Returns the angles, rad, between rotations (...)."""
    return np.linalg.norm(to_rotvec(multiply(conjugate(first), second)), axis=-1)


def pose(**rotations):
    """Returns local rotations (B, 4) from bone=(degrees about x, y, z)."""
    local = rest_pose()
    for bone, degrees in rotations.items():
        local[BONE_INDEX[bone]] = turn(*degrees)
    return local


def random_pose(rng, share):
    """Returns a pose whose angles are within a share of what each joint allows."""
    middle, half = LIMITS.mean(axis=-1), 0.5 * np.ptp(LIMITS, axis=-1)
    angles = middle + share * half * rng.uniform(-1, 1, middle.shape)
    swing = from_rotvec(np.where(TWIST_AXES > 0, 0, angles))
    twist = from_rotvec(np.where(TWIST_AXES > 0, angles, 0))
    local = multiply(swing, twist)
    local[0] = from_rotvec(rng.normal(size=3))
    return local


def walking(time_s, yaw=0.0):
    """Returns local rotations (B, 4) of somebody who walks, two steps per second."""
    phase = 2 * np.pi * time_s
    swing = np.sin(phase)
    local = pose(chest=(5, -10 * swing, 0))
    local[0] = multiply(turn(y=np.degrees(yaw)), turn(y=5 * swing))
    for side, sign in (('left', 1), ('right', -1)):
        arm = multiply(turn(x=30 * sign * swing), turn(z=-75 * sign))
        local[BONE_INDEX[f'{side}UpperArm']] = arm
        local[BONE_INDEX[f'{side}LowerArm']] = turn(y=-sign * (30 + 15 * sign * swing))
        local[BONE_INDEX[f'{side}UpperLeg']] = turn(x=30 * sign * swing)
        knee = 25 + 20 * np.sin(phase + 1.0 + (np.pi if sign > 0 else 0))
        local[BONE_INDEX[f'{side}LowerLeg']] = turn(x=knee)
    return local
