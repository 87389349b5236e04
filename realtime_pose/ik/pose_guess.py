"""Initial guess of inverse kinematics, from the hips outwards, for all people at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.quaternions import (
    SMALLEST,
    cross,
    dot,
    from_matrix,
    from_rotvec,
    to_matrix,
)
from realtime_pose.ik.rig import (
    ALL_LIMITS,
    BONE_INDEX,
    LIMITS,
    PARENTS,
    TWIST_AXES,
)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]

UP = np.array([0.0, 1.0, 0.0])
EYE = np.eye(3)
PARENT = np.array(PARENTS)
FACE = ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'head_top')
HIPS, SPINE, CHEST, NECK, HEAD = (BONE_INDEX[x] for x in ('hips', 'spine', 'chest', 'neck', 'head'))
SHOULDERS = np.array([BONE_INDEX['leftShoulder'], BONE_INDEX['rightShoulder']])
# Limbs: left and right arm, left and right leg. The bones of each, from the trunk outwards, the
# rows of its middle and end joint in ``BodyJoints.names``, and the hinge axis of its lower bone.
UPPER, LOWER, TIP = (
    np.array([BONE_INDEX[f'{side}{bone}'] for bone in pair for side in ('left', 'right')])
    for pair in (('UpperArm', 'UpperLeg'), ('LowerArm', 'LowerLeg'), ('Hand', 'Foot'))
)
START, MIDDLE, END = np.array([[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]])
HINGES = np.array([[0.0, -1, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]])
TWISTS = TWIST_AXES[UPPER]
LOWEST, HIGHEST = np.einsum('li,lij->jl', TWISTS, LIMITS[UPPER])
# A bend below the first angle says nothing about the plane of a limb, one above the second all.
BEND_IS_NOISE, BEND_IS_CLEAR = np.radians(4.0), np.radians(15.0)
# A bend whose plane is this far outside the limits of twist is bent the wrong way: not believed.
WRONG_WAY = np.radians(60.0)
# (3, 9): the matrix whose product with a vector is the cross product.
SKEW = np.cross(EYE[:, None], EYE).swapaxes(1, 2).reshape(3, 9)


@dataclass(frozen=True, eq=False)
class Bodies:
    """Lengths of P people, for joints of one skeleton.

    Attributes:
        joints: The joints.
        offsets: (P, B, 3), m. See ``Rig``.
        markers: (P, M, 3), m. Joints relative to the bones that they move with.
        trunk: (P, 1), m. Middle of the hips to that of the shoulders.
    """

    joints: BodyJoints
    offsets: Array
    markers: Array
    trunk: Array


def guess_poses(bodies: Bodies, points: Array, last: Array) -> tuple[Array, Array, Array]:
    """Returns poses near the joints, within the limits.

    Args:
        bodies: Their lengths.
        points: (P, M, 3), m. NaN where unknown; both hips or both shoulders of each are known.
        last: (P, B, 4) local rotations of the frame before, kept where joints are unknown.

    Returns:
        Local rotations (P, B, 4), their angles (P, B, 3), see :class:`JointLimits`, and positions
        of the hips (P, 3).
    """
    guess = _Guess(bodies, points, last)
    guess.place_trunk()
    guess.place_head()
    guess.place_limbs(_twists(last[:, UPPER]))
    return *ALL_LIMITS.clamped(from_matrix(guess.local)), guess.positions[:, HIPS]


class _Guess:
    """Builder of poses from rotation matrices; each part is placed where its joints are known."""

    def __init__(self, bodies: Bodies, points: Array, last: Array) -> None:
        self.bodies = bodies
        self.points = points
        self.is_known = ~np.isnan(points[..., 0])
        self.local = to_matrix(last)
        self.local[:, SHOULDERS] = EYE  # least squares moves them where it has to
        self.turned = self.local.copy()
        self.positions = np.zeros((*last.shape[:2], 3))

    def place_trunk(self) -> None:
        # A trunk whose hips are out of the picture is upright, one whose shoulders are as before.
        shoulders, across_shoulders, _ = _line(self.points, 0)
        hips, across_hips, has_hips = _line(self.points, 6)
        before = np.where(has_hips, self.local[:, HIPS, :, 1], UP)
        up = shoulders - hips
        up = np.where(np.isnan(up), before, up)
        below = shoulders - self.bodies.trunk * up
        self.positions[:, HIPS] = np.where(has_hips, hips, below)
        across = [np.where(has_hips, across_hips, across_shoulders), across_shoulders]
        (pelvis, chest), (has_pelvis, has_chest) = _frame(np.stack(across), up)
        pelvis = np.where(has_pelvis, pelvis, self.local[:, HIPS])
        self.local[:, HIPS] = self.turned[:, HIPS] = pelvis
        self._arrive(SPINE)
        self._turn(SPINE, pelvis @ _half(_transposed(pelvis) @ chest), has_chest)
        self._arrive(CHEST)
        self._turn(CHEST, chest, has_chest)
        self._arrive(SHOULDERS)
        self._turn(SHOULDERS)

    def place_head(self) -> None:
        chest = self.turned[:, CHEST]
        head, is_sure = self._head_rotation(chest)
        if not is_sure.any():
            return
        self._turn(NECK, chest @ _half(_transposed(chest) @ head), is_sure)
        self._turn(HEAD, head, is_sure)

    def _head_rotation(self, chest: Array) -> tuple[Array, Mask]:
        names = self.bodies.joints.names
        rows = face_rows(names)
        is_known = self.is_known[:, rows]
        is_face = is_known.sum(axis=1)[:, None, None] >= 3
        head, is_sure = chest, np.zeros_like(is_face)
        if is_face.any():
            head, is_sure = best_rotation(
                self.bodies.markers[:, rows], self.points[:, rows], is_known & is_face[..., 0]
            )
        if 'head_top' in names:  # as in mpii: tells where the head is, not where it looks
            top = self.points[:, names.index('head_top')]
            neck = self.positions[:, CHEST] + _applied(chest, self.bodies.offsets[:, NECK])
            way = _shortest(chest[..., 1], _unit(top - neck)) @ chest
            has_top = ~is_face & ~np.isnan(top[:, :1, None])
            head, is_sure = np.where(has_top, way, head), is_sure | has_top
        return head, is_sure

    def place_limbs(self, angles: Array) -> None:
        """Aims arms and legs; the twists ``angles`` (P, L) are those of the frame before."""
        middles, ends = self.points[:, MIDDLE], self.points[:, END]
        has_middle, has_end = (self.is_known[:, rows, None, None] for rows in (MIDDLE, END))
        self._arrive(UPPER)
        way = _unit(middles - self.positions[:, UPPER])
        aimed = self._aimed(UPPER, LOWER, way)
        measured, weight = _bend_plane(
            _applied(aimed, TWISTS), _applied(aimed, HINGES), way, _unit(ends - middles)
        )
        excess = np.maximum(np.maximum(LOWEST - measured, measured - HIGHEST), 0)
        weight = weight * np.maximum(0, 1 - excess / WRONG_WAY)
        change = (measured - angles + np.pi) % (2 * np.pi) - np.pi
        bent = np.minimum(np.maximum(angles + weight * change, LOWEST), HIGHEST)
        angle = np.where(has_end[..., 0, 0], bent, angles)
        twist = to_matrix(from_rotvec(angle[..., None] * TWISTS))
        self._turn(UPPER, aimed @ twist, has_middle)
        self._arrive(LOWER)
        way = _unit(ends - self.positions[:, LOWER])
        self._turn(LOWER, self._aimed(LOWER, TIP, way), has_end)

    def _aimed(self, bones: Indices, children: Indices, way: Array) -> Array:
        """Returns the world rotations of bones that point along ``way``, without twist."""
        parent = self.turned[:, PARENT[bones]]
        along = _applied(parent, _unit(self.bodies.offsets[:, children]))
        return _shortest(along, way) @ parent

    def _arrive(self, bones: int | Indices) -> None:
        """Places the heads of bones, whose parents are placed and turned."""
        parents = PARENT[bones]
        step = _applied(self.turned[:, parents], self.bodies.offsets[:, bones])
        self.positions[:, bones] = self.positions[:, parents] + step

    def _turn(
        self, bones: int | Indices, turned: Array | None = None, is_sure: Mask | None = None
    ) -> None:
        """Turns bones whose parents are turned; keeps the local rotation where it is not sure."""
        parents = self.turned[:, PARENT[bones]]
        if turned is not None:
            local = _transposed(parents) @ turned
            self.local[:, bones] = np.where(is_sure, local, self.local[:, bones])
        self.turned[:, bones] = parents @ self.local[:, bones]


@lru_cache(maxsize=16)
def face_rows(names: tuple[str, ...]) -> Indices:
    """Returns the rows of the joints of the head."""
    return np.array([names.index(name) for name in FACE if name in names], np.int64)


def _line(points: Array, row: int) -> tuple[Array, Array, Mask]:
    """Returns middles of pairs of joints, lines from right to left, and where both are known."""
    left, right = points[:, row], points[:, row + 1]
    across = left - right
    return 0.5 * (left + right), across, ~np.isnan(across)


def _twists(rotations: Array) -> Array:
    """Returns the twists (P, L), rad, of upper bones of limbs; see :class:`JointLimits`."""
    cosine, sine = rotations[..., 3], dot(rotations[..., :3], TWISTS)  # of half the twist, scaled
    return np.arctan2(2 * sine * cosine, cosine * cosine - sine * sine)


def _bend_plane(pole: Array, hinge: Array, way: Array, onward: Array) -> tuple[Array, Array]:
    """Returns the twists (P, L), rad, that let limbs bend like hinges, and their confidence (0..1).

    Args:
        pole: (P, L, 3). Axes of twists.
        hinge: (P, L, 3). Axes of the lower bones without twist.
        way: (P, L, 3). Directions of the upper bones.
        onward: (P, L, 3). Directions of the lower bones.
    """
    normal = cross(way, onward)
    bend = np.arctan2(np.sqrt(dot(normal, normal)), dot(way, onward))
    measured = np.arctan2(dot(cross(hinge, normal), pole), dot(hinge, normal))
    share = (bend - BEND_IS_NOISE) / (BEND_IS_CLEAR - BEND_IS_NOISE)
    share = np.minimum(np.maximum(share, 0), 1)
    return measured, share * share * (3 - 2 * share)


def _unit(vectors: Array) -> Array:
    """Returns vectors of length 1; up where there is none or it is unknown."""
    square = dot(vectors, vectors)[..., None]
    return np.where(square > 0, vectors / np.sqrt(square + SMALLEST), UP)


def _applied(matrices: Array, vectors: Array) -> Array:
    return (matrices @ vectors[..., None])[..., 0]


def _transposed(matrices: Array) -> Array:
    return matrices.swapaxes(-1, -2)


def _shortest(start: Array, end: Array) -> Array:
    """Returns the smallest rotations that turn unit vectors into others."""
    axis, cosine = cross(start, end), dot(start, end)[..., None, None]
    skew = (axis @ SKEW).reshape(*axis.shape, 3)
    is_opposite = cosine < -1 + 1e-9
    turned = EYE + skew + skew @ skew / np.where(is_opposite, 1, 1 + cosine)
    if is_opposite.any():  # half a turn about anything perpendicular
        axis = _unit(cross(start, EYE[np.argmin(np.abs(start), axis=-1)]))[..., None]
        turned = np.where(is_opposite, 2 * axis * _transposed(axis) - EYE, turned)
    return turned


def _half(rotations: Array) -> Array:
    """Returns the square root of rotations: applied twice it is the given one."""
    q = from_matrix(rotations)
    q[..., 3] += 1
    return to_matrix(q / np.sqrt((q * q).sum(axis=-1, keepdims=True)))


def _frame(x_axis: Array, up: Array) -> tuple[Array, Mask]:
    """Returns rotations (..., P, 3, 3) of the given x axes and the y axes near ``up``, and whether
    there is one (..., P, 1, 1): not if the two are parallel or unknown."""
    z_axis = cross(x_axis, up)
    is_sure = (dot(x_axis, x_axis) >= 1e-18) & (dot(z_axis, z_axis) >= 1e-18)
    x_axis = np.where(is_sure[..., None], _unit(x_axis), (1, 0, 0))
    z_axis = np.where(is_sure[..., None], _unit(z_axis), (0, 0, 1))
    turned = np.empty((*x_axis.shape, 3))
    turned[..., 0], turned[..., 1], turned[..., 2] = x_axis, cross(z_axis, x_axis), z_axis
    return turned, is_sure[..., None, None]


def best_rotation(rest: Array, points: Array, is_known: ArrayLike) -> tuple[Array, Mask]:
    """Returns the least-squares rotations from points (P, N, 3) at rest to others (Kabsch 1976).

    Also whether there is one (P, 1, 1): not if the known points (P, N) are collinear or none.
    """
    share = np.asarray(is_known, np.float64)[..., None]
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1)
    points = np.where(share > 0, points, 0)
    moments = [x - (share * x).sum(axis=1, keepdims=True) for x in (points, rest)]
    covariance = _transposed(moments[0]) @ (np.sign(share) * moments[1])
    left, values, right = np.linalg.svd(covariance)
    is_sure = np.any(is_known, axis=1) & (values[:, 1] >= 1e-3 * values[:, 0])
    left[..., 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return left @ right, is_sure[:, None, None]
