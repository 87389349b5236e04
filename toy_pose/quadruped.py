"""Forward kinematics of a four-legged animal: lengths and joint angles in, joint positions out.

Body axes as for people: x to the animal's left, y up, z forward; the length unit is the trunk, from
the shoulder joints to the hip joints. A root rotation takes them to view axes: x to the image's
right, y up, z towards the camera.
"""

from dataclasses import dataclass

import numpy as np

from toy_pose.quadruped_kinds import Build
from toy_pose.skeleton import SIDES, rotation_x, rotation_y, rotation_z

# Every joint that can be labelled. Of a leg, the data sets label the elbow or stifle, where it
# leaves the trunk, then the carpus or hock in its middle, then the paw.
JOINT_NAMES = (
    'left_eye', 'right_eye', 'left_ear', 'right_ear', 'nose', 'throat', 'neck', 'withers',
    'tail_base',
    'left_elbow', 'left_carpus', 'left_front_paw',
    'right_elbow', 'right_carpus', 'right_front_paw',
    'left_stifle', 'left_hock', 'left_back_paw',
    'right_stifle', 'right_hock', 'right_back_paw',
)  # fmt: skip

_FEMUR_REST, _TIBIA_REST = 32.0, -36.0  # degrees forward of hanging, when standing


@dataclass(frozen=True)
class LegPose:
    """Angles of the three bones of a leg, from the trunk down.

    Degrees in the animal's sagittal plane: 0 hangs, positive is forward; ``splay`` is outward.
    """

    upper: float
    middle: float
    lower: float
    splay: float = 0.0


@dataclass(frozen=True)
class AnimalPose:
    """Joint angles in degrees and the rotation of the whole body."""

    family: str
    root: np.ndarray  # (3, 3) body axes -> view axes
    neck_rise: float  # above forward
    neck_turn: float  # to the animal's left
    head_drop: float  # nose below forward
    head_turn: float  # to the left, on top of the neck's
    tail_drop: float  # below backward
    tail_curl: float  # per tail joint, to the left
    front: tuple[LegPose, LegPose]  # left, right
    back: tuple[LegPose, LegPose]  # left, right


@dataclass(frozen=True)
class Animal:
    """A posed skeleton in view axes, lengths in trunks, the trunk's middle at the origin."""

    joints: dict[str, np.ndarray]  # name -> (3,)
    trunk: np.ndarray  # (3, 3), columns are the body axes
    head: np.ndarray  # (3, 3)
    tail: np.ndarray  # (4, 3)
    build: Build
    family: str


def _bone(angle: float, splay: float) -> np.ndarray:
    """Direction (3,) in body axes of a leg's bone; ``splay`` is towards the left."""
    swing, side = np.deg2rad(angle), np.deg2rad(splay)
    return np.array([np.sin(side), -np.cos(swing) * np.cos(side), np.sin(swing) * np.cos(side)])


def _chain(start: np.ndarray, lengths: list[float], leg: LegPose, side: float) -> list[np.ndarray]:
    """Ends (3,) in body axes of the three bones of a leg."""
    points, splay = [], side * leg.splay
    # Below the second joint the leg comes back under the body.
    for length, angle, out in zip(
        lengths, (leg.upper, leg.middle, leg.lower), (splay, 0.5 * splay, 0.0), strict=True
    ):
        start = start + length * _bone(angle, out)
        points.append(start)
    return points


def ground_height(build: Build) -> float:
    """Height of the ground below the trunk's middle when standing, as a negative number."""
    return -(0.8 * build.half_depth + build.leg)


def _front_leg(build: Build, leg: LegPose, side: float) -> list[np.ndarray]:
    shoulder = np.array([side * 0.62 * build.half_width, -0.05 * build.half_depth, 0.5])
    lengths = [0.83 * build.half_depth, 0.52 * build.leg, 0.48 * build.leg]
    return [shoulder, *_chain(shoulder, lengths, leg, side)]


def _back_leg(build: Build, leg: LegPose, side: float) -> list[np.ndarray]:
    hip = np.array([side * 0.55 * build.half_width, 0.1 * build.half_depth, -0.5])
    femur = 1.0 * build.half_depth
    rest = hip[1] - femur * np.cos(np.deg2rad(_FEMUR_REST)) - ground_height(build)
    tibia = 0.47 * rest / np.cos(np.deg2rad(_TIBIA_REST))
    return [hip, *_chain(hip, [femur, tibia, 0.53 * rest], leg, side)]


def _head_joints(joints: dict[str, np.ndarray], head: np.ndarray, build: Build) -> None:
    """Adds the joints of the head, which is at ``joints['skull']``."""
    skull, wide, long = joints['skull'], build.head_radius, build.head
    places = {
        'left_eye': (0.64 * wide, 0.4 * wide, 0.30 * long),
        'right_eye': (-0.64 * wide, 0.4 * wide, 0.30 * long),
        'left_ear': (0.68 * wide, 0.78 * wide, -0.12 * long),
        'right_ear': (-0.68 * wide, 0.78 * wide, -0.12 * long),
        'nose': (0.0, -0.22 * wide, 0.80 * long + 0.75 * build.muzzle_radius),
        'muzzle': (0.0, -0.35 * wide, 0.80 * long),
        'throat': (0.0, -0.82 * wide, -0.05 * long),
    }
    for name, place in places.items():
        joints[name] = skull + head @ np.array(place)


def _tail(build: Build, pose: AnimalPose, base: np.ndarray) -> np.ndarray:
    """Joints (4, 3) of the tail in body axes."""
    points = [base]
    for number in range(3):
        drop = np.deg2rad(pose.tail_drop * (0.7 + 0.25 * number))
        side = np.deg2rad(pose.tail_curl * number)
        direction = [np.sin(side), -np.sin(drop) * np.cos(side), -np.cos(drop) * np.cos(side)]
        points.append(points[-1] + build.tail / 3 * np.array(direction))
    return np.stack(points)


def pose_animal(pose: AnimalPose, build: Build) -> Animal:
    """Joint positions of an animal of the given build in the given pose."""
    joints: dict[str, np.ndarray] = {}
    for (side, sign), front, back in zip(SIDES, pose.front, pose.back, strict=True):
        for names, points in (
            (('shoulder', 'elbow', 'carpus', 'front_paw'), _front_leg(build, front, sign)),
            (('hip', 'stifle', 'hock', 'back_paw'), _back_leg(build, back, sign)),
        ):
            joints |= {f'{side}_{name}': point for name, point in zip(names, points, strict=True)}
    depth = build.half_depth
    joints['withers'] = np.array([0.0, 0.92 * depth, 0.42])
    joints['tail_base'] = np.array([0.0, 0.5 * depth, -0.5 - 0.72 * depth])
    joints['neck_root'] = np.array([0.0, 0.25 * depth, 0.5 + 0.30 * depth])
    neck = rotation_y(pose.neck_turn) @ rotation_x(-pose.neck_rise)
    joints['skull'] = joints['neck_root'] + build.neck * neck[:, 2]
    joints['neck'] = joints['neck_root'] + 0.2 * build.neck * neck[:, 2]
    head = rotation_y(pose.neck_turn + pose.head_turn) @ rotation_x(pose.head_drop)
    _head_joints(joints, head, build)
    tail = _tail(build, pose, joints['tail_base'])
    return Animal(
        joints={name: pose.root @ point for name, point in joints.items()},
        trunk=pose.root,
        head=pose.root @ head,
        tail=tail @ pose.root.T,
        build=build,
        family=pose.family,
    )


def root_rotation(azimuth: float, elevation: float, roll: float) -> np.ndarray:
    """Rotation (3, 3) from body to view axes, degrees.

    Args:
        azimuth: 0 faces the camera, 90 the image's right.
        elevation: Elevation of the camera.
        roll: Roll of the image, anticlockwise.
    """
    return rotation_z(roll) @ rotation_x(elevation) @ rotation_y(azimuth)
