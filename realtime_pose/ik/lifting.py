"""Monocular 3D lifting: interface of a lifter, and one by bone lengths without training.

Joints are metres in the axes of the rig: x to the right of the image, which is the left of a person
who faces us, y up, z towards us. One camera does not show how far away a person is, so the middle
of the hips (or of the shoulders, where those are out of the picture) is the origin.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.pose_guess import END, MIDDLE, START, face_rows
from realtime_pose.ik.quaternions import ONES, dot
from realtime_pose.ik.rig import HEAD_HEIGHT, NOSE_REACH, SHOULDER_HEIGHT, Proportions, Rig

Array = NDArray[np.float64]


class Lifter(Protocol):
    """Interface of a 3D lifter of one person, frame by frame; a trained one may be plugged in.

    Attributes:
        method: Name in messages; contains ``(approximate)`` unless the joints
            are measured.
    """

    method: str

    def lift(self, keypoints: Array, scores: Array) -> Array | None:
        """Returns joints (K, 3), m, NaN where unknown; None if nothing can be said.

        Args:
            keypoints: (K, 2), img px. NaN where unknown.
            scores: (K,). Confidence of each keypoint.
        """

    def reset(self) -> None:
        """Forgets the frames before, as another person comes."""


# How much each reason counts when two signs of a depth are compared. Depths are compared as
# fractions of their bone, directions as unit vectors, so that all costs are of the same size.
KEEPS_DEPTH = 1.0  # of the frame before, and its change
MOMENTUM = 0.8
KNEES_BEND_BACK = 6.0
ELBOWS_BEND_FORWARD = 0.5
IN_FRONT = 0.3  # arms and thighs rather in front of the body than behind it
LEANS_FORWARD = 0.3
FACES_ITS_NOSE = 1.0  # the chest is turned to where the nose is
UNTWISTED = 1.0  # hips and shoulders are turned alike
# The scale may shrink by this factor per frame, and grows at once: bones look shorter than they
# are when they point at us, never longer.
SCALE_DECAY = 0.995
# Signs of the depths of the lines of hips and shoulders and of the trunk, and of those of a limb.
TRUNK_SIGNS, LIMB_SIGNS = (np.array(list(itertools.product((1.0, -1.0), repeat=n))) for n in (3, 2))
LIMB_SIGNS = LIMB_SIGNS.repeat(4, axis=1)
SHOULDERS, HIPS = slice(0, 2), slice(6, 8)  # rows of ``BodyJoints.names``
# A row of the depths for each line of the trunk, and for the upper and lower bones of the limbs.
TRUNK, LIMBS = slice(0, 3), slice(3, 11)
FORWARD = np.array([0.0, 0.0, 1.0])


class BoneLengthLifter:
    """Lifter by known bone lengths: depth explains the foreshortening of a bone (Taylor 2000).

    The camera is taken to be far away (weak perspective), the scale is that at which hardly any
    bone looks longer than it is, and of the two signs that each depth could have, that one is
    chosen which suits the frame before, the joints of a human and the direction of the face.
    Bones have exactly the lengths of the body; the rest is a guess.

    Args:
        joints: Mapping from keypoints to joints.
        body: Lengths of the bones.
        min_score: Keypoints below it count as unknown.
    """

    method = 'bone_lengths (approximate)'

    def __init__(
        self, joints: BodyJoints, body: Proportions | None = None, min_score: float = 0.3
    ) -> None:
        self.joints = joints
        self.rig = Rig.from_proportions(body or Proportions())
        self.min_score = min_score
        self._lengths = _Lengths.flat(self.rig, joints)
        self.reset()

    @property
    def px_per_metre(self) -> float:
        """Scale of the last frame; 0 before the first."""
        return self._scale

    def reset(self) -> None:
        """Forgets the frames before."""
        self._scale = 0.0
        self._depths = np.full((2, 11), np.nan)  # and their changes

    def lift(self, keypoints: ArrayLike, scores: ArrayLike) -> Array | None:
        """Returns joints (K, 3), m; see :class:`Lifter`."""
        return self.lift_all([self], [keypoints], [scores])[0]

    @classmethod
    def lift_all(
        cls,
        lifters: Sequence[BoneLengthLifter],
        keypoints: Sequence[ArrayLike],
        scores: Sequence[ArrayLike],
    ) -> list[Array | None]:
        """Returns what :meth:`lift` does, for P people with a lifter each.

        Args:
            lifters: (P,). They differ in the lengths and the frame before only.
            keypoints: (P,) of (K, 2), img px.
            scores: (P,) of (K,).

        Raises:
            ValueError: If the lifters have other options, or not K keypoints each.
        """
        if not lifters:
            return []
        kinds = {(x.joints.key, x.min_score) for x in lifters}
        if len(kinds) > 1:
            raise ValueError(
                f'lifters of {len(kinds)} kinds in one call; expected the same skeleton and '
                'min_score for all'
            )
        joints = lifters[0].joints
        points = np.stack([joints.pick(x) for x in keypoints])
        values = np.stack([joints.pick(np.asarray(x, np.float64)[:, None]) for x in scores])
        is_known = np.isfinite(points).all(axis=-1) & (values[..., 0] >= lifters[0].min_score)
        points = np.where(is_known[..., None], points, np.nan)
        is_placed = is_known[:, HIPS].any(axis=1) | is_known[:, SHOULDERS].any(axis=1)
        scale = np.array([x._scale for x in lifters])
        lengths = np.stack([x._lengths for x in lifters])
        seen = _Lengths.of(lengths).scale_of(points)
        scale = np.where(is_placed, np.maximum(seen, SCALE_DECAY * scale), scale)
        for lifter, own in zip(lifters, scale.tolist(), strict=True):
            lifter._scale = own
        rows = np.flatnonzero(is_placed & (scale > 0))
        lifted: list[Array | None] = [None] * len(lifters)
        if not len(rows):
            return lifted
        hips, shoulders = _middle(points[rows, HIPS]), _middle(points[rows, SHOULDERS])
        origin = np.where(np.isnan(hips), shoulders, hips)[:, None]
        flat = (points[rows] - origin) * (1, -1) / scale[rows, None, None]
        memory = np.stack([lifters[i]._depths for i in rows])
        found = _Lift(joints, _Lengths.of(lengths[rows]), flat, memory).joints_3d()
        for row, own, depths in zip(rows, found, memory, strict=True):
            lifted[row] = joints.place(own)
            lifters[row]._depths = depths
        return lifted


@dataclass(frozen=True, eq=False)
class _Lengths:
    """Lengths of P people, m.

    Attributes:
        trunk: (P, 3). Hip width, shoulder width and trunk.
        limbs: (P, 8). Upper and lower bones.
        height: (P,). Of the body.
        markers: (P, M, 3). Joints relative to the bones that they move with.
    """

    trunk: Array
    limbs: Array
    height: Array
    markers: Array

    @classmethod
    def flat(cls, rig: Rig, joints: BodyJoints) -> Array:
        """Returns the lengths of one person, in one row."""
        body = rig.proportions
        arms_legs = 2 * [body.upper_arm], 2 * [body.thigh], 2 * [body.forearm], 2 * [body.shank]
        markers = [rig.markers[name][1] for name in joints.names]
        trunk = body.hip_width, body.shoulder_width, body.trunk
        return np.concatenate([trunk, *arms_legs, [body.height], *markers])

    @classmethod
    def of(cls, rows: Array) -> _Lengths:
        """Returns the lengths of people from a row of each."""
        markers = rows[:, 12:].reshape(len(rows), -1, 3)
        return cls(rows[:, :3], rows[:, 3:11], rows[:, 11], markers)

    def scale_of(self, points: Array) -> Array:
        """Returns pixels per metre (P,), so that one bone at most looks longer than it is."""
        left, right, left_hip, right_hip = (points[:, row] for row in (0, 1, 6, 7))
        trunk = 0.5 * (left + right - left_hip - right_hip)
        width = np.where(np.isnan(trunk), np.nan, left - right)
        middles = points[:, MIDDLE]
        limbs = (middles - points[:, START], points[:, END] - middles)
        vectors = np.concatenate([*limbs, width[:, None], trunk[:, None]], axis=1)
        lengths = np.concatenate([self.limbs, self.trunk[:, 1:]], axis=1)
        ratios = np.sqrt(vectors[..., None, :] @ vectors[..., None])[..., 0, 0] / lengths
        # The second longest, so that one wrong keypoint does not shrink the person.
        longest = np.sort(np.where(np.isnan(ratios), -1, ratios), axis=1)
        return np.where(longest[:, -2] >= 0, longest[:, -2], np.maximum(longest[:, -1], 0))


class _Lift:
    """Lift of P people, part by part; what is unknown is NaN.

    Args:
        joints: Mapping from keypoints to joints.
        bodies: Their lengths.
        flat: (P, M, 2), m. Keypoints relative to the origin, y up.
        memory: (P, 2, 11), m. Depths of the frame before and their changes, which are replaced.
    """

    def __init__(self, joints: BodyJoints, bodies: _Lengths, flat: Array, memory: Array) -> None:
        self.names = joints.names
        self.bodies = bodies
        self.flat = flat
        self.memory = memory
        self.found = np.full((*flat.shape[:2], 3), np.nan)
        self.depths = np.empty((len(flat), 11))

    def joints_3d(self) -> Array:
        """Returns the joints (P, M, 3), m."""
        self._lift_trunk()
        self._lift_limbs()
        self._remember()
        self._lift_head()
        return self.found

    def _keeping(self, rows: slice, depths: Array, lengths: Array) -> Array:
        """Returns the costs of depths (P, S, N), compared with the frame before."""
        last, change = self.memory[:, :, None, rows].swapaxes(0, 1)
        cost = KEEPS_DEPTH * ((depths - (last + MOMENTUM * change)) / lengths[:, None]) ** 2
        return np.where(np.isnan(cost), 0, cost)

    def _remember(self) -> None:
        """Stores the depths that are known."""
        last, change = self.memory[:, 0], self.memory[:, 1]
        is_known = ~np.isnan(self.depths)
        np.copyto(change, np.where(np.isnan(last), 0, self.depths - last), where=is_known)
        np.copyto(last, self.depths, where=is_known)

    def _lift_trunk(self) -> None:
        """Places hips and shoulders: the likeliest of the eight sign choices of three depths."""
        hips, shoulders = self.flat[:, HIPS], self.flat[:, SHOULDERS]
        vectors = np.empty((len(hips), 3, 2))
        np.subtract(hips[:, 0], hips[:, 1], out=vectors[:, 0])
        np.subtract(shoulders[:, 0], shoulders[:, 1], out=vectors[:, 1])
        np.subtract(_middle(shoulders), _middle(hips), out=vectors[:, 2])
        lines = _signed(*_clipped(vectors, self.bodies.trunk), TRUNK_SIGNS)  # (P, S, 3, 3)
        best = _cheapest(lines, self._trunk_cost(lines))
        self.depths[:, TRUNK] = best[..., 2]
        hip, shoulder, trunk = best.swapaxes(0, 1)
        centre = np.where(np.isnan(trunk), 0, trunk)
        halves = np.array([[0.5], [-0.5]])
        for rows, place, line in ((HIPS, 0, hip), (SHOULDERS, centre[:, None], shoulder)):
            pair = place + halves * np.where(np.isnan(line), 0, line)[:, None]
            self.found[:, rows] = np.where(np.isnan(self.flat[:, rows, :1]), np.nan, pair)

    def _trunk_cost(self, lines: Array) -> Array:
        """Returns the costs (P, S) of hips, shoulders and trunk."""
        cost = self._keeping(TRUNK, lines[..., 2], self.bodies.trunk) @ ONES
        hip, shoulder, trunk = _unit(lines).transpose(2, 0, 1, 3)
        forward = _forward(np.where(np.isnan(shoulder), hip, shoulder))
        apart = hip - shoulder
        twist = dot(apart, apart)
        facing = (forward[..., 0] - self._nose_yaw()[:, None]) ** 2
        lean = np.maximum(0, -dot(trunk, forward))
        for weight, part in ((UNTWISTED, twist), (FACES_ITS_NOSE, facing), (LEANS_FORWARD, lean)):
            cost = cost + weight * np.where(np.isnan(part), 0, part)
        return cost

    def _nose_yaw(self) -> Array:
        """Returns the x parts (P,), -1 to 1, of the directions that the faces look to."""
        if not {'nose', 'left_ear', 'right_ear'} <= set(self.names):
            return np.full(len(self.flat), np.nan)
        nose, left, right = (
            self.flat[:, self.names.index(x), 0] for x in ('nose', 'left_ear', 'right_ear')
        )
        yaw = (nose - 0.5 * (left + right)) / (NOSE_REACH * self.bodies.height)
        return np.minimum(np.maximum(yaw, -1), 1)

    def _lift_limbs(self) -> None:
        """Places the middles and the ends of limbs whose starts are placed."""
        starts, middles, ends = (self.flat[:, rows] for rows in (START, MIDDLE, END))
        lengths = self.bodies.limbs
        vectors = np.concatenate([middles - starts, ends - middles], axis=1)
        lines = _signed(*_clipped(vectors, lengths), LIMB_SIGNS)  # (P, S, 8, 3)
        lines[:, :, 4:][np.isnan(lines[:, :, :4])] = np.nan
        across = self.found[:, [0, 6]] - self.found[:, [1, 7]]  # of shoulders and hips
        across = np.where(np.isnan(across), across[:, ::-1], across)
        forward = np.where(np.isnan(across), FORWARD, _forward(across))[:, [0, 0, 1, 1]]
        units, change = _unit(lines), self._keeping(LIMBS, lines[..., 2], lengths)
        cost = change[..., :4] + IN_FRONT * np.maximum(0, -dot(units[:, :, :4], forward[:, None]))
        bend = dot(units[:, :, 4:] - units[:, :, :4], forward[:, None])
        bend[..., :2] = ELBOWS_BEND_FORWARD * np.maximum(0, -bend[..., :2])
        bend[..., 2:] = KNEES_BEND_BACK * np.maximum(0, bend[..., 2:])
        cost = cost + change[..., 4:] + np.where(np.isnan(bend), 0, bend)
        # (P, S, 8, 3) -> (P, S, 2, 4, 3) -> (2, P, 4, 3)
        upper, lower = _cheapest(lines.reshape(*lines.shape[:2], 2, 4, 3), cost)
        self.found[:, MIDDLE] = self.found[:, START] + upper
        self.found[:, END] = self.found[:, MIDDLE] + lower
        self.depths[:, LIMBS] = np.concatenate([upper[..., 2], lower[..., 2]], axis=1)

    def _lift_head(self) -> None:
        """Places faces as rigid bodies, rotated to fit the image."""
        rows = face_rows(self.names)
        is_seen = ~np.isnan(self.flat[:, rows, 0])
        is_placed = ~np.isnan(self.found[:, SHOULDERS, 0]).any(axis=1)
        is_face = (is_seen.sum(axis=1) >= 3) & is_placed
        if not is_face.any():
            return
        people = slice(None) if is_face.all() else is_face
        found = self.found[people]
        left, right = found[:, 0], found[:, 1]
        offsets, seen = self.bodies.markers[people][:, rows], self.flat[people][:, rows]
        start = _upright_rotation(_forward(left - right))
        rotation, place = fit_rotation(offsets, seen, start)
        neck = 0.5 * (left + right)
        reach = (HEAD_HEIGHT - SHOULDER_HEIGHT) * self.bodies.height[people]
        up, depth = _clipped((place - neck[:, :2]), reach)
        base = neck + np.concatenate([up, np.copysign(depth, rotation[:, 2, 1])[:, None]], axis=-1)
        face = base[:, None] + offsets @ rotation.swapaxes(1, 2)
        found[:, rows] = np.where(np.isnan(seen[..., :1]), np.nan, face)
        self.found[people] = found


def _middle(pairs: Array) -> Array:
    """Returns the middles (P, D) of pairs (P, 2, D), or the one that is known, or NaN."""
    left, right = pairs[:, 0], pairs[:, 1]
    middle = 0.5 * (left + right)
    return np.where(np.isnan(left), right, np.where(np.isnan(right), left, middle))


def _clipped(vectors: Array, lengths: Array) -> tuple[Array, Array]:
    """Returns vectors (..., 2), clipped to the lengths of their bones, and the remaining depths."""
    # The bone that sets the scale has its length to the last bit, which decides the sign of a depth
    # of 1e-8 and, through it, of the next ones: so correctly rounded, unlike NumPy's.
    seen = [math.hypot(x, y) for x, y in vectors.reshape(-1, 2).tolist()]
    seen = np.array(seen).reshape(vectors.shape[:-1])
    is_long = seen > lengths
    share = np.where(is_long, lengths / np.where(is_long, seen, 1), 1)
    rest = np.where(is_long, 0, lengths * lengths - seen * seen)
    return vectors * share[..., None], np.sqrt(rest)


def _signed(vectors: Array, depths: Array, signs: Array) -> Array:
    """Returns lines (P, S, N, 3) of vectors (P, N, 2), with depths (P, N) of each sign (S, N)."""
    lines = np.empty((len(vectors), len(signs), *depths.shape[1:], 3))
    lines[..., :2] = vectors[:, None]
    lines[..., 2] = depths[:, None] * signs
    return lines


def _cheapest(lines: Array, cost: Array) -> Array:
    """Returns the choice (P, N, 3) of lines (P, S, N, 3) of the lowest cost (P, S); (2, P, 4, 3) of
    (P, S, 2, 4, 3) and (P, S, 4)."""
    best = np.argmin(cost, axis=1)
    if best.ndim == 1:
        return lines[np.arange(len(best)), best]
    chosen = lines[np.arange(len(best))[:, None], best, :, np.arange(best.shape[1])]
    return chosen.transpose(2, 0, 1, 3)  # (P, 4, 2, 3) -> (2, P, 4, 3)


def fit_rotation(
    offsets: Array, seen: Array, start: Array, num_steps: int = 6
) -> tuple[Array, Array]:
    """Returns rotations of rigid bodies under weak perspective.

    Args:
        offsets: (..., N, 3), m. Points of the body.
        seen: (..., N, 2), m. Their projections, x to the right, y up. NaN where unknown.
        start: (..., 3, 3). Initial rotation.
        num_steps: Gauss-Newton steps.

    Returns:
        The rotations (..., 3, 3) and the projections of the origins (..., 2).
    """
    is_known = ~np.isnan(seen[..., :1])
    share = (is_known / is_known.sum(axis=-2, keepdims=True)).swapaxes(-1, -2)
    points = np.concatenate([offsets, np.where(is_known, seen, 0)], axis=-1)
    middles = share @ points
    middle, middle_seen = middles[..., :3], middles[..., 3:]
    centred = np.where(is_known, points - middles, 0)
    moments = centred[..., :3].swapaxes(-1, -2) @ centred
    rows = zip(start.reshape(-1, 9).tolist(), moments.reshape(-1, 15).tolist(), strict=True)
    rotation = np.array([_fitted(*x, num_steps) for x in rows]).reshape(start.shape)
    return rotation, (middle_seen - (middle @ rotation.swapaxes(-1, -2))[..., :2])[..., 0, :]


def _fitted(rotation: Sequence[float], moments: Sequence[float], num_steps: int) -> list[float]:
    """Returns a rotation (9,) after Gauss-Newton steps, in plain numbers, as these are few.

    Args:
        rotation: (9,). Initial rotation.
        moments: (15,). Sums over the points of x, y, z times x, y, z and what is seen in x and y.
        num_steps: Gauss-Newton steps.
    """
    ax, ay, az, bx, by, bz, cx, cy, cz = rotation
    sxx, sxy, sxz, ux, vx, _, syy, syz, uy, vy, _, _, szz, uz, vz = moments
    spread = sxx + syy + szz
    for _ in range(num_steps):
        # Turns about x, y and z move the projection of a point by (0, -z), (z, 0) and (-y, x). So
        # the equations have sums of products with z, and the first two unknowns are not coupled.
        tx, ty = sxx * cx + sxy * cy + sxz * cz, sxy * cx + syy * cy + syz * cz
        tz = sxz * cx + syz * cy + szz * cz
        xz, yz = ax * tx + ay * ty + az * tz, bx * tx + by * ty + bz * tz
        zz = cx * tx + cy * ty + cz * tz
        first, second = yz - (cx * vx + cy * vy + cz * vz), cx * ux + cy * uy + cz * uz - xz
        third = ax * vx + ay * vy + az * vz - (bx * ux + by * uy + bz * uz)
        stiff = zz + 1e-3 * spread
        rest = spread - zz + 1e-3 * spread - (xz * xz + yz * yz) / stiff
        z = (third + (xz * first + yz * second) / stiff) / rest
        x, y = (first + xz * z) / stiff, (second + yz * z) / stiff
        # The turn by (x, y, z), row by row.
        half = 0.5 * math.sqrt(x * x + y * y + z * z)
        sine = math.sin(half) / half if half else 1.0
        onto, sine = 0.5 * sine * sine, sine * math.cos(half)
        cosine = 1 - 4 * onto * half * half
        turn = (
            (cosine + onto * x * x, onto * x * y - sine * z, onto * x * z + sine * y),
            (onto * x * y + sine * z, cosine + onto * y * y, onto * y * z - sine * x),
            (onto * x * z - sine * y, onto * y * z + sine * x, cosine + onto * z * z),
        )
        ax, bx, cx = [i * ax + j * bx + k * cx for i, j, k in turn]
        ay, by, cy = [i * ay + j * by + k * cy for i, j, k in turn]
        az, bz, cz = [i * az + j * bz + k * cz for i, j, k in turn]
    return [ax, ay, az, bx, by, bz, cx, cy, cz]


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.sqrt(dot(vectors, vectors)), 1e-12)[..., None]


def _forward(across: Array) -> Array:
    """Returns the horizontal directions in front of lines from the right to the left joint."""
    ahead = np.zeros_like(across)
    ahead[..., 0], ahead[..., 2] = -across[..., 2], across[..., 0]
    return _unit(ahead)


def _upright_rotation(forward: Array) -> Array:
    turned = np.zeros((*forward.shape, 3))
    turned[..., 0, 0], turned[..., 1, 1], turned[..., 2, 0] = forward[..., 2], 1, -forward[..., 0]
    turned[..., 2] = forward
    return turned
