"""Initial guess of inverse kinematics, bone by bone from the hips outwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_pose.ik.quaternions import from_matrix, from_rotvec, to_matrix, to_rotvec
from realtime_pose.ik.rig import (
    BONE_INDEX,
    LIMITS,
    PARENTS,
    TWIST_AXES,
    Rig,
    clamp_to_limits,
    limit_vectors,
)

Array = NDArray[np.float64]
Line = tuple[Array, Array]

UP = np.array([0.0, 1.0, 0.0])
FACE = ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'head_top')
HIPS, SPINE, CHEST, NECK, HEAD = (BONE_INDEX[x] for x in ('hips', 'spine', 'chest', 'neck', 'head'))


@dataclass(frozen=True, eq=False)
class Limb:
    """Limb: indices of its bones, names of its joints, hinge axis of its lower bone."""

    upper: int
    lower: int
    tip: int
    middle: str
    end: str
    hinge: Array


def _limbs() -> list[Limb]:
    parts = (
        (('UpperArm', 'LowerArm', 'Hand'), ('elbow', 'wrist'), (0.0, -1.0, 0.0)),
        (('UpperLeg', 'LowerLeg', 'Foot'), ('knee', 'ankle'), (1.0, 0.0, 0.0)),
    )
    limbs = []
    for side, sign in (('left', 1), ('right', -1)):
        for bones, joints, axis in parts:
            upper, lower, tip = (BONE_INDEX[f'{side}{bone}'] for bone in bones)
            middle, end = (f'{side}_{joint}' for joint in joints)
            limbs.append(Limb(upper, lower, tip, middle, end, np.array(axis) * (1, sign, 1)))
    return limbs


LIMBS = _limbs()
# A bend below the first angle says nothing about the plane of a limb, one above the second all.
BEND_IS_NOISE, BEND_IS_CLEAR = np.radians(4.0), np.radians(15.0)
# A bend whose plane is this far outside the limits of twist is bent the wrong way: not believed.
WRONG_WAY = np.radians(60.0)


def guess_pose(rig: Rig, known: Mapping[str, Array], last: Array) -> tuple[Array, Array] | None:
    """Returns a pose near the joints, within the limits.

    Args:
        rig: Rig to pose.
        known: Known joint -> (3,), m.
        last: (B, 4) local rotations of the frame before, kept where joints are unknown.

    Returns:
        Local rotations (B, 4) and the position of the hips (3,), or None if neither both hips nor
        both shoulders are known.
    """
    hips, shoulders = _line(known, 'hip'), _line(known, 'shoulder')
    if hips is None and shoulders is None:
        return None
    guess = _Guess(rig, known, last)
    guess.place_trunk(hips, shoulders)
    guess.place_head()
    for limb in LIMBS:
        guess.place_limb(limb)
    return clamp_to_limits(from_matrix(guess.local)), guess.positions[HIPS]


class _Guess:
    """Builder of a pose; rotations are matrices, which are faster for single bones."""

    def __init__(self, rig: Rig, known: Mapping[str, Array], last: Array) -> None:
        self.rig = rig
        self.known = known
        self.local = to_matrix(last)
        self.twists = np.sum(limit_vectors(last) * TWIST_AXES, axis=-1)
        self.turned = np.tile(np.eye(3), (len(PARENTS), 1, 1))
        self.positions = np.zeros((len(PARENTS), 3))
        for side in ('leftShoulder', 'rightShoulder'):  # least squares moves it where it has to
            self.local[BONE_INDEX[side]] = np.eye(3)

    def place_trunk(self, hips: Line | None, shoulders: Line | None) -> None:
        # A trunk whose hips are out of the picture is upright, one whose shoulders are as before.
        up = UP if hips is None else self.local[HIPS] @ UP
        if hips is None:
            assert shoulders is not None
            hips = shoulders[0] - self.rig.proportions.trunk * up, shoulders[1]
        elif shoulders is not None:
            up = shoulders[0] - hips[0]
        self.positions[HIPS] = hips[0]
        pelvis = _frame(hips[1], up)
        if pelvis is not None:
            self.local[HIPS] = pelvis
        self.turned[HIPS] = self.local[HIPS]
        chest = None if shoulders is None else _frame(shoulders[1], up)
        if chest is None:
            self._keep(SPINE)
            self._keep(CHEST)
        else:
            self._turn(SPINE, self.turned[HIPS] @ _half(self.turned[HIPS].T @ chest))
            self._turn(CHEST, chest)
        for side in ('leftShoulder', 'rightShoulder'):
            self._keep(BONE_INDEX[side])

    def place_head(self) -> None:
        chest = self.turned[CHEST]
        head = self._head_rotation(chest)
        if head is None:
            self._keep(NECK)
            self._keep(HEAD)
        else:
            self._turn(NECK, chest @ _half(chest.T @ head))
            self._turn(HEAD, head)

    def _head_rotation(self, chest: Array) -> Array | None:
        names = [name for name in FACE if name in self.known]
        if len(names) >= 3:
            offsets = np.array([self.rig.markers[name][1] for name in names])
            return _best_rotation(offsets, np.array([self.known[name] for name in names]))
        if 'head_top' in self.known:  # as in mpii: tells where the head is, not where it looks
            neck = self.positions[CHEST] + chest @ self.rig.offsets[NECK]
            return _shortest(chest @ UP, _unit(self.known['head_top'] - neck)) @ chest
        return None

    def place_limb(self, limb: Limb) -> None:
        self._arrive(limb.upper)
        if limb.middle in self.known:
            self._aim_upper(limb)
        else:
            self._keep(limb.upper)
        self._arrive(limb.lower)
        if limb.end in self.known:
            way = _unit(self.known[limb.end] - self.positions[limb.lower])
            self._turn(limb.lower, self._aimed(limb.lower, limb.tip, way))
        else:
            self._keep(limb.lower)
        self._keep(limb.tip)

    def _aim_upper(self, limb: Limb) -> None:
        way = _unit(self.known[limb.middle] - self.positions[limb.upper])
        aimed = self._aimed(limb.upper, limb.lower, way)
        axis, angle = TWIST_AXES[limb.upper], float(self.twists[limb.upper])
        if limb.end in self.known:
            onward = _unit(self.known[limb.end] - self.known[limb.middle])
            lowest, highest = axis @ LIMITS[limb.upper]
            measured, weight = _bend_plane(aimed @ axis, aimed @ limb.hinge, way, onward)
            excess = max(lowest - measured, measured - highest, 0.0)
            weight *= max(0.0, 1 - excess / WRONG_WAY)
            turn = (measured - angle + math.pi) % (2 * math.pi) - math.pi
            angle = min(max(angle + weight * turn, lowest), highest)
        self._turn(limb.upper, aimed @ to_matrix(from_rotvec(angle * axis)))

    def _aimed(self, bone: int, child: int, way: Array) -> Array:
        """Returns the world rotation of a bone that points along ``way``, without twist."""
        parent = self.turned[PARENTS[bone]]
        return _shortest(parent @ _unit(self.rig.offsets[child]), way) @ parent

    def _arrive(self, bone: int) -> None:
        """Places the head of a bone, whose parent is placed and turned."""
        parent = PARENTS[bone]
        step = self.turned[parent] @ self.rig.offsets[bone]
        self.positions[bone] = self.positions[parent] + step

    def _keep(self, bone: int) -> None:
        """Keeps the local rotation of a bone."""
        self._arrive(bone)
        self.turned[bone] = self.turned[PARENTS[bone]] @ self.local[bone]

    def _turn(self, bone: int, turned: Array) -> None:
        self.local[bone] = self.turned[PARENTS[bone]].T @ turned
        self.turned[bone] = turned
        self._arrive(bone)


def _line(known: Mapping[str, Array], joint: str) -> Line | None:
    """Returns the middle of a pair of joints and the line from the right to the left one."""
    left, right = known.get(f'left_{joint}'), known.get(f'right_{joint}')
    return None if left is None or right is None else (0.5 * (left + right), left - right)


def _bend_plane(pole: Array, hinge: Array, way: Array, onward: Array) -> tuple[float, float]:
    """Returns the twist, rad, that lets a limb bend like a hinge, and its confidence (0..1).

    Args:
        pole: (3,). Axis of twists.
        hinge: (3,). Axis of the lower bone without twist.
        way: (3,). Direction of the upper bone.
        onward: (3,). Direction of the lower bone.
    """
    normal = _cross(way, onward)
    bend = math.atan2(math.sqrt(normal @ normal), way @ onward)
    measured = math.atan2(_cross(hinge, normal) @ pole, hinge @ normal)
    share = min(max((bend - BEND_IS_NOISE) / (BEND_IS_CLEAR - BEND_IS_NOISE), 0.0), 1.0)
    return measured, share * share * (3 - 2 * share)


def _unit(vector: Array) -> Array:
    length = math.sqrt(vector @ vector)
    return vector / length if length > 0 else UP


def _cross(a: Array, b: Array) -> Array:
    """Returns the cross product; NumPy's takes ten times as long for one pair."""
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def _shortest(start: Array, end: Array) -> Array:
    """Returns the smallest rotation that turns a unit vector into another."""
    axis, cosine = _cross(start, end), float(start @ end)
    if cosine < -1 + 1e-9:  # half a turn about anything perpendicular
        axis = _unit(_cross(start, np.eye(3)[int(np.argmin(np.abs(start)))]))
        return 2 * np.outer(axis, axis) - np.eye(3)
    x, y, z = axis
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + skew + skew @ skew / (1 + cosine)


def _half(rotation: Array) -> Array:
    """Returns the square root of a rotation: applied twice it is the given one."""
    return to_matrix(from_rotvec(0.5 * to_rotvec(from_matrix(rotation))))


def _frame(x_axis: Array, up: Array) -> Array | None:
    """Returns the rotation with the given x axis and the y axis near ``up``; None if parallel."""
    z_axis = _cross(x_axis, up)
    if min(x_axis @ x_axis, z_axis @ z_axis) < 1e-18:
        return None
    x_axis, z_axis = _unit(x_axis), _unit(z_axis)
    return np.stack([x_axis, _cross(z_axis, x_axis), z_axis], axis=-1)


def _best_rotation(rest: Array, points: Array) -> Array | None:
    """Returns the least-squares rotation from points (N, 3) at rest to others (Kabsch 1976).

    None if the points are collinear, so that the rotation is undetermined.
    """
    covariance = (points - points.mean(axis=0)).T @ (rest - rest.mean(axis=0))
    left, values, right = np.linalg.svd(covariance)
    if values[1] < 1e-3 * values[0]:
        return None
    sign = np.sign(np.linalg.det(left @ right))
    return left @ np.diag([1, 1, sign]) @ right
