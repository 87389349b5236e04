"""Humanoid rig: bones, lengths, joint limits and forward kinematics.

Axes are those of glTF: right-handed, metres, y up, and the figure looks along +z, so that its left
is +x. In the rest pose, a T, all bones are unrotated: a local rotation says how far a bone is
turned from there against its parent. Bone names are those of VRM 1.0
(https://github.com/vrm-c/vrm-specification, ``humanoid.md``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_pose.ik.quaternions import SMALLEST, TINY, to_matrix

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# bone: (parent, twist axis, limits in degrees of the rotation about x, y and z). The limits are
# rounded from tables of clinical ranges of motion (such as AAOS 1965), with some slack, because a
# keypoint is not a joint centre. Those of the right side are mirrored.
_HALF_BONES: dict[str, tuple[str, str, tuple[tuple[float, float], ...]]] = {
    'hips': ('', 'y', ((-360, 360), (-360, 360), (-360, 360))),
    'spine': ('hips', 'y', ((-30, 50), (-35, 35), (-30, 30))),
    'chest': ('spine', 'y', ((-30, 50), (-35, 35), (-30, 30))),
    'neck': ('chest', 'y', ((-40, 45), (-50, 50), (-35, 35))),
    'head': ('neck', 'y', ((-40, 45), (-50, 50), (-35, 35))),
    'leftShoulder': ('chest', 'x', ((-20, 20), (-30, 30), (-15, 40))),
    'leftUpperArm': ('leftShoulder', 'x', ((-120, 120), (-145, 70), (-110, 110))),
    'leftLowerArm': ('leftUpperArm', 'x', ((-10, 10), (-155, 5), (-12, 12))),
    'leftHand': ('leftLowerArm', 'x', ((-90, 90), (-30, 30), (-80, 80))),
    'leftUpperLeg': ('hips', 'y', ((-135, 45), (-60, 60), (-40, 65))),
    'leftLowerLeg': ('leftUpperLeg', 'y', ((-5, 155), (-10, 10), (-12, 12))),
    'leftFoot': ('leftLowerLeg', 'y', ((-45, 50), (-40, 40), (-35, 35))),
}


def _mirrored(name: str) -> str:
    return name.replace('left', 'right', 1)


def _bones() -> dict[str, tuple[str, str, tuple[tuple[float, float], ...]]]:
    both = dict(_HALF_BONES)
    for name, (parent, axis, (about_x, about_y, about_z)) in _HALF_BONES.items():
        if name.startswith('left'):
            flipped = tuple((-high, -low) for low, high in (about_y, about_z))
            both[_mirrored(name)] = (_mirrored(parent), axis, (about_x, *flipped))
    return both


_BONES = _bones()
BONE_NAMES: tuple[str, ...] = tuple(_BONES)
BONE_INDEX = {name: i for i, name in enumerate(BONE_NAMES)}
PARENTS: tuple[int, ...] = tuple(BONE_INDEX.get(parent, -1) for parent, _, _ in _BONES.values())
TWIST_AXES = np.array([np.eye(3)['xyz'.index(axis)] for _, axis, _ in _BONES.values()])
LIMITS = np.radians(np.array([limits for _, _, limits in _BONES.values()]))  # (B, 3, 2)


def jumps_of(parents: Sequence[int]) -> tuple[Indices, ...]:
    """Returns the ancestors 1, 2 and 4 steps up of the world, which is 0, and of bones, from 1."""
    jump = np.array([0, *(parent + 1 for parent in parents)])
    jumps = []
    while jump.any():
        jumps.append(jump)
        jump = jump[jump]
    return tuple(jumps)


JUMPS = jumps_of(PARENTS)


@dataclass(frozen=True)
class Proportions:
    """Body proportions, m, equal for left and right.

    Defaults are an adult of 1.70 m. Trunk, arms, legs, hand and foot are the fractions of body
    height of Drillis and Contini (1966), as printed in Winter, *Biomechanics and Motor Control of
    Human Movement*, fig. 4.1; the widths are distances of joint centres, which are less than the
    breadths printed there, and are our choice.

    Attributes:
        height: Sole to the top of the head.
        trunk: Between the middle of the hips and the middle of the shoulders.
        shoulder_width: Between the shoulder joints.
        hip_width: Between the hip joints.
        upper_arm: Shoulder to elbow.
        forearm: Elbow to wrist.
        hand: Wrist to the tip of the fingers.
        thigh: Hip to knee.
        shank: Knee to ankle.
        foot: Heel to toe.
    """

    height: float = 1.70
    trunk: float = 0.288 * 1.70
    shoulder_width: float = 0.22 * 1.70
    hip_width: float = 0.11 * 1.70
    upper_arm: float = 0.186 * 1.70
    forearm: float = 0.146 * 1.70
    hand: float = 0.108 * 1.70
    thigh: float = 0.245 * 1.70
    shank: float = 0.246 * 1.70
    foot: float = 0.152 * 1.70

    def __post_init__(self) -> None:
        for item in fields(self):
            length = getattr(self, item.name)
            if not 0 < length < np.inf:
                raise ValueError(f'proportion {item.name} is {length}, expected a length in metres')

    def scaled(self, factor: float) -> Proportions:
        """Returns a body that is larger by a factor."""
        return replace(self, **{x.name: factor * getattr(self, x.name) for x in fields(self)})

    @classmethod
    def of_height(cls, height: float) -> Proportions:
        """Returns an average body of the given height, m."""
        return cls().scaled(height / cls().height)


# In body heights: of the bones head and neck and of the shoulders, and of the nose before the ears.
HEAD_HEIGHT, NECK_HEIGHT, SHOULDER_HEIGHT, NOSE_REACH = 0.90, 0.835, 0.818, 0.062
# Points of the body that skeletons name, as (bone, offset in heights or foot lengths from it).
# Joints are the heads of bones. Those of the face are our choice for an adult's head.
_FACE = {
    'nose': (0.0, 0.012, NOSE_REACH),
    'left_eye': (0.019, 0.033, 0.052),
    'left_ear': (0.044, 0.022, 0.0),
    'head_top': (0.0, 0.100, 0.0),
}
_JOINTS = {
    'pelvis': 'hips',
    'neck': 'neck',
    'left_shoulder': 'leftUpperArm',
    'left_elbow': 'leftLowerArm',
    'left_wrist': 'leftHand',
    'left_hip': 'leftUpperLeg',
    'left_knee': 'leftLowerLeg',
    'left_ankle': 'leftFoot',
}
_FOOT = {'left_big_toe': (-0.1, -0.22, 0.72), 'left_small_toe': (0.18, -0.22, 0.6)}
_FOOT['left_heel'] = (0.0, -0.22, -0.25)


@dataclass(frozen=True, eq=False)
class Rig:
    """Skeleton of B bones with lengths, each after its parent; the first is ``hips``.

    Attributes:
        proportions: Body proportions of the rig.
        offsets: (B, 3), m. Rest position of each bone relative to its parent; of ``hips``, to the
            ground below.
    """

    proportions: Proportions
    offsets: Array

    names = BONE_NAMES
    parents = PARENTS

    @classmethod
    def default(cls) -> Rig:
        """Returns the rig of an adult of 1.70 m."""
        return cls.from_proportions(Proportions())

    @classmethod
    def from_proportions(cls, body: Proportions) -> Rig:
        """Returns a rig with the lengths of a body."""
        hip = 0.5 * body.hip_width
        shoulder = 0.5 * body.shoulder_width
        ankle = 0.039 * body.height
        unit = body.trunk / 0.288  # height that the trunk would have on an average body
        left = {
            'leftShoulder': (0.25 * shoulder, 0.148 * unit, 0.0),
            'leftUpperArm': (0.75 * shoulder, 0.0, 0.0),
            'leftLowerArm': (body.upper_arm, 0.0, 0.0),
            'leftHand': (body.forearm, 0.0, 0.0),
            'leftUpperLeg': (hip, 0.0, 0.0),
            'leftLowerLeg': (0.0, -body.thigh, 0.0),
            'leftFoot': (0.0, -body.shank, 0.0),
        }
        middle = {
            'hips': (0.0, body.thigh + body.shank + ankle, 0.0),
            'spine': (0.0, 0.06 * unit, 0.0),
            'chest': (0.0, 0.08 * unit, 0.0),
            'neck': (0.0, 0.165 * unit, 0.0),
            'head': (0.0, (HEAD_HEIGHT - NECK_HEIGHT) * body.height, 0.0),
        }
        right = {_mirrored(name): (-x, y, z) for name, (x, y, z) in left.items()}
        offsets = middle | left | right
        return cls(body, np.array([offsets[name] for name in BONE_NAMES]))

    @property
    def ankle_height(self) -> float:
        """Height of the ankles over the sole, m."""
        body = self.proportions
        return float(self.offsets[0, 1]) - body.thigh - body.shank

    @cached_property
    def markers(self) -> dict[str, tuple[int, Array]]:
        """Named points of the body: index of the bone they move with, offset (3,) from it, m."""
        body = self.proportions
        found = {name: (bone, np.zeros(3)) for name, bone in _JOINTS.items()}
        found |= {name: ('head', body.height * np.array(at)) for name, at in _FACE.items()}
        found |= {name: ('leftFoot', body.foot * np.array(at)) for name, at in _FOOT.items()}
        for name in [name for name in found if name.startswith('left')]:
            bone, offset = found[name]
            found[_mirrored(name)] = (_mirrored(bone), offset * (-1, 1, 1))
        return {name: (BONE_INDEX[bone], offset) for name, (bone, offset) in found.items()}

    def forward(self, rotations: ArrayLike, root: ArrayLike) -> tuple[Array, Array]:
        """Computes forward kinematics: world positions and rotations of the bones.

        Args:
            rotations: (..., B, 4) local.
            root: (..., 3), m. Position of ``hips``.

        Returns:
            World positions (..., B, 3), m, and world rotations as matrices (..., B, 3, 3).
        """
        turned = to_matrix(rotations)
        local = np.empty((*turned.shape[:-3], len(PARENTS) + 1, 4, 4))
        local[...] = np.eye(4)
        local[..., 1:, :3, :3] = turned
        local[..., 1:, :3, 3] = self.offsets
        local[..., 1, :3, 3] = root
        world = chained(local, JUMPS)[..., 1:, :3, :]
        return world[..., 3], world[..., :3]

    def marker_positions(
        self, rotations: ArrayLike, root: ArrayLike, names: tuple[str, ...]
    ) -> Array:
        """Returns world positions (..., M, 3), m, of named points of the body."""
        positions, turned = self.forward(rotations, root)
        bones = [self.markers[name][0] for name in names]
        offsets = np.array([self.markers[name][1] for name in names])
        return positions[..., bones, :] + (turned[..., bones, :, :] @ offsets[..., None])[..., 0]


def rest_pose() -> Array:
    """Returns the local rotations (B, 4) of the T-pose."""
    return np.tile([0.0, 0.0, 0.0, 1.0], (len(BONE_NAMES), 1))


def chained(local: Array, jumps: Sequence[Indices]) -> Array:
    """Computes forward kinematics: homogeneous matrices (..., B + 1, 4, 4) to the world.

    Args:
        local: (..., B + 1, 4, 4). Matrices to the parents; the first is that of the world.
        jumps: See :func:`jumps_of`.
    """
    for above in jumps:  # each product doubles the number of ancestors that a matrix spans
        local = local.take(above, axis=-3) @ local
    return local


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Limits of B bones, of the angles into which their rotations are split.

    A rotation is split into a swing and a twist about the bone. The twist fills the component of
    its axis, the rotation vector of the swing the other two.

    With w + i twist and the other two as complex numbers a and b, a quaternion is a + b j: products
    are few, and the sign of a twist needs no branches.

    Attributes:
        limits: (2, B, 3), rad. Lowest and highest, twist first.
        as_pairs: (B, 4). Entries of flat rotations (B, 4) in the order w, twist, and the next two
            axes in cyclic order.
        from_pairs: (B, 4). The way back.
        xyz: (B, 3). The way back of angles, from the twist first to x, y and z.
    """

    limits: Array
    as_pairs: Indices
    from_pairs: Indices
    xyz: Indices

    @classmethod
    def of(cls, bones: Iterable[int]) -> JointLimits:
        """Returns the limits of some bones of the rig."""
        rows = np.array(list(bones))
        axis = np.argmax(TWIST_AXES[rows], axis=-1)[:, None]
        first, after, back = np.arange(len(rows))[:, None], axis + np.arange(3), np.arange(3) - axis
        as_pairs = 4 * first + np.concatenate([np.full_like(axis, 3), after % 3], axis=-1)
        from_pairs = 4 * first + np.append(1 + back % 3, np.zeros_like(axis), axis=-1)
        limits = np.take_along_axis(LIMITS[rows], after[..., None] % 3, axis=1)
        return cls(np.moveaxis(limits, -1, 0).copy(), as_pairs, from_pairs, 3 * first + back % 3)

    def angles(self, rotations: Array) -> Array:
        """Returns the angles (..., B, 3), rad, of rotations (..., B, 4)."""
        return _reordered(self._twist_first(rotations), self.xyz)

    def clamped(self, rotations: Array) -> tuple[Array, Array]:
        """Returns rotations with each angle in its limits, and these angles (..., B, 3), rad."""
        angles = self._twist_first(rotations)
        clamped = np.minimum(np.maximum(angles, self.limits[0]), self.limits[1])
        leaves = clamped != angles
        if np.count_nonzero(leaves):
            halves = 0.5 * clamped
            twist, swing = np.exp(1j * halves[..., 0]), halves[..., 1:].view(np.complex128)[..., 0]
            half = np.abs(swing) + SMALLEST
            pairs = np.empty((*half.shape, 2), np.complex128)
            np.multiply(np.cos(half), twist, out=pairs[..., 0])
            np.multiply(np.sin(half) / half * swing, twist.conj(), out=pairs[..., 1])
            turned = _reordered(pairs.view(np.float64), self.from_pairs)
            is_outside = np.logical_or.reduce(leaves, axis=-1, keepdims=True)
            rotations = np.where(is_outside, turned, rotations)
        return rotations, _reordered(clamped, self.xyz)

    def _twist_first(self, rotations: Array) -> Array:
        pairs = _reordered(rotations, self.as_pairs).view(np.complex128)
        lengths = np.abs(pairs)
        cosine, sine = lengths[..., 0], lengths[..., 1]  # of half the swing
        half = np.arctan2(sine, cosine)
        is_open = cosine < TINY
        if np.count_nonzero(is_open):  # half a turn of swing leaves the twist open: take none
            cosine[is_open] = pairs[is_open, 0] = 1
        products = (pairs * pairs[..., :1]).view(np.float64)  # with twice the twist, and the swing
        angles = np.empty((*half.shape, 3))
        np.arctan2(products[..., 1], products[..., 0], out=angles[..., 0])
        factor = (half + half) / (sine * cosine + SMALLEST)
        np.multiply(products[..., 2:], factor[..., None], out=angles[..., 1:])
        return angles


def _reordered(values: Array, order: Indices) -> Array:
    return values.reshape(*values.shape[:-2], -1).take(order, axis=-1)


ALL_LIMITS = JointLimits.of(range(len(PARENTS)))
