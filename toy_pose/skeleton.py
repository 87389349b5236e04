"""Forward kinematics of a 3-D skeleton: body lengths and joint angles in, joint positions out.

Body axes: x to the person's left, y up, z forward; the length unit is the body height. A root
rotation takes them to view axes: x to the image's right, y up, z towards the camera.
"""

from dataclasses import dataclass

import numpy as np

SIDES = (('left', 1.0), ('right', -1.0))

# Directions of the face points on the unit sphere that is scaled to the head's semi-axes.
FACE_DIRECTIONS = {
    'nose': np.array([0.0, -0.22, 1.14]),
    'left_eye': np.array([0.36, 0.08, 0.93]),
    'right_eye': np.array([-0.36, 0.08, 0.93]),
    'left_ear': np.array([1.0, -0.06, -0.06]),
    'right_ear': np.array([-1.0, -0.06, -0.06]),
}


@dataclass(frozen=True)
class Proportions:
    """Body lengths in units of the body height; the means follow Drillis and Contini (1964)."""

    upper_arm: float
    forearm: float
    hand: float
    thigh: float
    shank: float
    foot: float
    torso: float
    neck: float
    half_shoulders: float
    half_hips: float
    head_radii: np.ndarray  # (3,) lateral, vertical, fore-aft
    girth: float  # factor on every thickness


@dataclass(frozen=True)
class LimbAngles:
    """Angles of one arm or leg in degrees.

    ``swing`` turns the limb away from hanging, in the vertical plane at ``azimuth`` (0 is forward,
    90 is outward); ``twist`` turns the plane in which elbow or knee bend, outward positive.
    """

    swing: float
    azimuth: float
    twist: float
    bend: float


@dataclass(frozen=True)
class Pose:
    """Joint angles in degrees and the rotation of the whole body."""

    family: str
    root: np.ndarray  # (3, 3) body axes -> view axes
    lean: float  # torso forward
    side_bend: float  # torso to the person's right
    torso_twist: float
    head: tuple[float, float, float]  # turn to the left, nod forward, tilt
    arms: tuple[LimbAngles, LimbAngles]  # left, right
    legs: tuple[LimbAngles, LimbAngles]  # left, right
    foot_follow: float  # 0 keeps the feet level, 1 keeps them square to the shank


@dataclass(frozen=True)
class Body:
    """A posed skeleton in view axes, lengths in body heights, pelvis at the origin."""

    joints: dict[str, np.ndarray]  # name -> (3,)
    pelvis: np.ndarray  # (3, 3) columns are the body axes of the pelvis
    torso: np.ndarray  # (3, 3)
    head: np.ndarray  # (3, 3)
    proportions: Proportions


def rotation_x(degrees: float) -> np.ndarray:
    """Rotation (3, 3) that takes y towards z."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def rotation_y(degrees: float) -> np.ndarray:
    """Rotation (3, 3) that takes z towards x."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def rotation_z(degrees: float) -> np.ndarray:
    """Rotation (3, 3) that takes x towards y."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def sample_proportions(rng: np.random.Generator) -> Proportions:
    """Lengths of a random body; children have larger heads and shorter legs."""
    is_child = rng.random() < 0.12
    head = rng.uniform(1.3, 1.55) if is_child else rng.uniform(1.0, 1.2)
    legs = rng.uniform(0.82, 0.93) if is_child else rng.uniform(0.94, 1.06)
    arms = legs * rng.uniform(0.95, 1.06)
    return Proportions(
        upper_arm=0.176 * arms,
        forearm=0.150 * arms,
        hand=0.070 * arms,
        thigh=0.245 * legs,
        shank=0.240 * legs,
        foot=0.120 * legs,
        torso=0.285 * rng.uniform(0.94, 1.06),
        neck=0.050 * rng.uniform(0.85, 1.2),
        half_shoulders=0.108 * rng.uniform(0.88, 1.12),
        half_hips=0.058 * rng.uniform(0.9, 1.15),
        head_radii=np.array([0.047, 0.068, 0.056]) * head,
        girth=float(np.exp(rng.normal(0.0, 0.14))),
    )


def _limb_frame(parent: np.ndarray, side: float, limb: LimbAngles) -> np.ndarray:
    """Axes (3, 3) of an upper arm or thigh, whose bone points along minus y."""
    azimuth = side * limb.azimuth
    swing = rotation_y(azimuth) @ rotation_x(-limb.swing) @ rotation_y(-azimuth)
    return parent @ swing @ rotation_y(side * limb.twist)


def _pose_arm(
    joints: dict[str, np.ndarray],
    torso: np.ndarray,
    name: str,
    side: float,
    arm: LimbAngles,
    lengths: Proportions,
) -> None:
    raised = max(0.0, arm.swing - 80.0) / 100.0  # the collar bone rises with a raised arm
    shoulder = joints['chest'] + torso @ np.array(
        [side * lengths.half_shoulders * (1.0 - 0.18 * raised), 0.045 * raised, 0.0]
    )
    upper = _limb_frame(torso, side, arm)
    lower = upper @ rotation_x(-arm.bend)
    joints[f'{name}_shoulder'] = shoulder
    joints[f'{name}_elbow'] = shoulder - lengths.upper_arm * upper[:, 1]
    joints[f'{name}_wrist'] = joints[f'{name}_elbow'] - lengths.forearm * lower[:, 1]
    joints[f'{name}_hand'] = joints[f'{name}_wrist'] - lengths.hand * lower[:, 1]


def _pose_leg(
    joints: dict[str, np.ndarray],
    root: np.ndarray,
    pelvis: np.ndarray,
    name: str,
    side: float,
    pose: Pose,
    lengths: Proportions,
) -> None:
    leg = pose.legs[0 if side > 0 else 1]
    upper = _limb_frame(root, side, leg)
    lower = upper @ rotation_x(leg.bend)
    hip = pelvis @ np.array([side * lengths.half_hips, 0.0, 0.0])
    knee = hip - lengths.thigh * upper[:, 1]
    ankle = knee - lengths.shank * lower[:, 1]
    in_root = root.T @ lower[:, 2]
    in_root[1] *= pose.foot_follow
    toe = root @ (in_root / max(float(np.linalg.norm(in_root)), 0.3))
    joints[f'{name}_hip'], joints[f'{name}_knee'], joints[f'{name}_ankle'] = hip, knee, ankle
    sole = ankle - 0.028 * lower[:, 1]
    joints[f'{name}_heel'] = sole - 0.25 * lengths.foot * toe
    joints[f'{name}_toe'] = sole + 0.8 * lengths.foot * toe


def pose_body(pose: Pose, lengths: Proportions) -> Body:
    """Joint positions of a body of the given lengths in the given pose."""
    bend = rotation_z(-pose.side_bend)
    pelvis = pose.root @ rotation_x(0.4 * pose.lean) @ rotation_y(0.3 * pose.torso_twist)
    torso = pose.root @ rotation_x(pose.lean) @ bend @ rotation_y(pose.torso_twist)
    turn, nod, tilt = pose.head
    head = torso @ rotation_y(turn) @ rotation_x(nod) @ rotation_z(tilt)
    spine = 0.35 * pelvis[:, 1] + 0.65 * torso[:, 1]
    chest = lengths.torso * spine / np.linalg.norm(spine)
    neck = chest + 0.02 * torso[:, 1]
    centre = neck + lengths.neck * torso[:, 1] + 0.85 * lengths.head_radii[1] * head[:, 1]
    centre = centre + 0.015 * torso[:, 2]
    joints = {'pelvis': np.zeros(3), 'chest': chest, 'neck': neck, 'head': centre}
    for (name, side), arm in zip(SIDES, pose.arms, strict=True):
        _pose_arm(joints, torso, name, side, arm, lengths)
        _pose_leg(joints, pose.root, pelvis, name, side, pose, lengths)
    for name, direction in FACE_DIRECTIONS.items():
        joints[name] = centre + head @ (direction * lengths.head_radii)
    return Body(joints, pelvis, torso, head, lengths)
