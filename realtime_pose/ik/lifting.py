"""Monocular 3D lifting: interface of a lifter, and one by bone lengths without training.

Joints are metres in the axes of the rig: x to the right of the image, which is the left of a person
who faces us, y up, z towards us. One camera does not show how far away a person is, so the middle
of the hips (or of the shoulders, where those are out of the picture) is the origin.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.body_size import segment_vectors
from realtime_pose.ik.pose_guess import FACE
from realtime_pose.ik.quaternions import from_rotvec, to_matrix
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
SIGNS = np.array([1.0, -1.0])


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
        self._scale = 0.0
        self._depths: dict[str, tuple[float, float]] = {}

    @property
    def px_per_metre(self) -> float:
        """Scale of the last frame; 0 before the first."""
        return self._scale

    def reset(self) -> None:
        """Forgets the frames before."""
        self._scale = 0.0
        self._depths = {}

    def lift(self, keypoints: ArrayLike, scores: ArrayLike) -> Array | None:
        """Returns joints (K, 3), m; see :class:`Lifter`."""
        points = self.joints.pick(keypoints)
        values = self.joints.pick(np.asarray(scores, np.float64)[:, None])[:, 0]
        is_known = np.isfinite(points).all(axis=-1) & (values >= self.min_score)
        flat = {n: points[i] for i, n in enumerate(self.joints.names) if is_known[i]}
        hips, shoulders = middle_of(flat, 'hip'), middle_of(flat, 'shoulder')
        if hips is None and shoulders is None:
            return None
        self._update_scale(flat)
        if self._scale <= 0:
            return None
        origin = hips if hips is not None else shoulders
        flat = {n: (p - origin) * (1, -1) / self._scale for n, p in flat.items()}
        found = self._lift_trunk(flat)
        for side in ('left', 'right'):
            for names in (('shoulder', 'elbow', 'wrist'), ('hip', 'knee', 'ankle')):
                self._lift_limb(flat, found, [f'{side}_{name}' for name in names])
        self._lift_head(flat, found)
        missing = np.full(3, np.nan)
        return self.joints.place(np.stack([found.get(n, missing) for n in self.joints.names]))

    def _update_scale(self, flat: Mapping[str, Array]) -> None:
        body = self.rig.proportions
        ratios = [np.linalg.norm(v) / length for v, length in segment_vectors(flat, body)]
        # The second longest, so that one wrong keypoint does not shrink the person.
        seen = sorted(ratios)[-2:][0] if ratios else 0.0
        self._scale = max(float(seen), SCALE_DECAY * self._scale)

    def _depth(self, vector: Array, length: float) -> tuple[Array, float]:
        """Returns the vector (2,), clipped to the length of its bone, and the remaining depth."""
        seen = math.hypot(*vector)
        if seen > length:
            return vector * (length / seen), 0.0
        return vector, math.sqrt(length * length - seen * seen)

    def _keeping(self, name: str, depth: float, length: float) -> float:
        """Returns the cost of a depth, compared with the frame before."""
        if name not in self._depths:
            return 0.0
        last, change = self._depths[name]
        expected = last + MOMENTUM * change
        return KEEPS_DEPTH * ((depth - expected) / length) ** 2

    def _remember(self, name: str, depth: float) -> None:
        last = self._depths[name][0] if name in self._depths else depth
        self._depths[name] = depth, depth - last

    def _lift_trunk(self, flat: Mapping[str, Array]) -> dict[str, Array]:
        """Places hips and shoulders: the likeliest of the eight sign choices of three depths."""
        body = self.rig.proportions
        lengths = {'trunk': body.trunk, 'hip': body.hip_width, 'shoulder': body.shoulder_width}
        hips, shoulders = middle_of(flat, 'hip'), middle_of(flat, 'shoulder')
        vectors = {name: line_of(flat, name) for name in ('hip', 'shoulder')}
        vectors['trunk'] = None if hips is None or shoulders is None else shoulders - hips
        parts = {
            name: self._depth(vector, lengths[name])
            for name, vector in vectors.items()
            if vector is not None
        }
        best, best_cost = {}, math.inf
        for signs in itertools.product(SIGNS, repeat=len(parts)):
            lines = {
                name: np.append(flat_part, sign * depth)
                for (name, (flat_part, depth)), sign in zip(parts.items(), signs, strict=True)
            }
            cost = self._trunk_cost(lines, lengths, _nose_yaw(flat, body.height))
            if cost < best_cost:
                best, best_cost = lines, cost
        for name, line in best.items():
            self._remember(name, float(line[2]))
        return _place_pairs(flat, best)

    def _trunk_cost(
        self, lines: Mapping[str, Array], lengths: Mapping[str, float], nose_yaw: float | None
    ) -> float:
        cost = sum(self._keeping(name, line[2], lengths[name]) for name, line in lines.items())
        hip, shoulder, trunk = (lines.get(name) for name in ('hip', 'shoulder', 'trunk'))
        if hip is not None and shoulder is not None:
            cost += UNTWISTED * float(np.sum((_unit(hip) - _unit(shoulder)) ** 2))
        across = shoulder if shoulder is not None else hip
        if across is None:
            return cost
        forward = _forward(across)
        if nose_yaw is not None:
            cost += FACES_ITS_NOSE * (forward[0] - nose_yaw) ** 2
        if trunk is not None:
            cost += LEANS_FORWARD * max(0.0, -float(_unit(trunk) @ forward))
        return cost

    def _lift_limb(
        self, flat: Mapping[str, Array], found: dict[str, Array], names: Sequence[str]
    ) -> None:
        """Places the middle and the end of a limb whose start is placed."""
        start, middle, end = names
        if start not in found or middle not in flat:
            return
        is_leg = 'hip' in start
        body = self.rig.proportions
        lengths = (body.thigh, body.shank) if is_leg else (body.upper_arm, body.forearm)
        first = self._depth(flat[middle] - flat[start], lengths[0])
        second = None if end not in flat else self._depth(flat[end] - flat[middle], lengths[1])
        forward = _forward_of(found, 'hip' if is_leg else 'shoulder')
        best, best_cost = (np.zeros(3), np.zeros(3)), math.inf
        for signs in itertools.product(SIGNS, repeat=2):
            upper = np.append(first[0], signs[0] * first[1])
            cost = self._keeping(middle, upper[2], lengths[0])
            cost += IN_FRONT * max(0.0, -float(_unit(upper) @ forward))
            lower = np.zeros(3)
            if second is not None:
                lower = np.append(second[0], signs[1] * second[1])
                cost += self._keeping(end, lower[2], lengths[1])
                bend = float((_unit(lower) - _unit(upper)) @ forward)
                cost += KNEES_BEND_BACK * max(0.0, bend) if is_leg else 0.0
                cost += 0.0 if is_leg else ELBOWS_BEND_FORWARD * max(0.0, -bend)
            if cost < best_cost:
                best, best_cost = (upper, lower), cost
        found[middle] = found[start] + best[0]
        self._remember(middle, float(best[0][2]))
        if second is not None:
            found[end] = found[middle] + best[1]
            self._remember(end, float(best[1][2]))

    def _lift_head(self, flat: Mapping[str, Array], found: dict[str, Array]) -> None:
        """Places the face as a rigid body, rotated to fit the image."""
        if 'left_shoulder' not in found or 'right_shoulder' not in found:
            return
        names = [name for name in FACE if name in flat]
        if len(names) < 3:
            return
        neck = 0.5 * (found['left_shoulder'] + found['right_shoulder'])
        offsets = np.array([self.rig.markers[name][1] for name in names])
        start = _upright_rotation(_forward_of(found, 'shoulder'))
        rotation, place = fit_rotation(offsets, np.array([flat[name] for name in names]), start)
        reach = (HEAD_HEIGHT - SHOULDER_HEIGHT) * self.rig.proportions.height
        up, depth = self._depth(place - neck[:2], reach)
        base = neck + np.append(up, math.copysign(depth, rotation[2, 1]))
        for name, offset in zip(names, offsets, strict=True):
            found[name] = base + rotation @ offset


def middle_of(points: Mapping[str, Array], joint: str) -> Array | None:
    """Returns the middle of a pair of joints, or the one that is known, or None."""
    known = [points[x] for x in (f'left_{joint}', f'right_{joint}') if x in points]
    return np.mean(known, axis=0) if known else None


def line_of(points: Mapping[str, Array], joint: str) -> Array | None:
    """Returns the vector from the right to the left one of a pair of joints, if both are known."""
    left, right = points.get(f'left_{joint}'), points.get(f'right_{joint}')
    return None if left is None or right is None else left - right


def fit_rotation(
    offsets: Array, seen: Array, start: Array, num_steps: int = 6
) -> tuple[Array, Array]:
    """Returns the rotation of a rigid body under weak perspective.

    Args:
        offsets: (N, 3), m. Points of the body.
        seen: (N, 2), m. Their projections, x to the right, y up.
        start: (3, 3). Initial rotation.
        num_steps: Gauss-Newton steps.

    Returns:
        The rotation (3, 3) and the projection of the origin (2,).
    """
    rotation = start
    for _ in range(num_steps):
        turned = offsets @ rotation.T
        centred = turned - turned.mean(axis=0)
        residual = (seen - seen.mean(axis=0)) - centred[:, :2]
        x, y, z = centred.T
        zero = np.zeros_like(x)
        rows = np.stack([np.stack([zero, z, -y], -1), np.stack([-z, zero, x], -1)], axis=1)
        matrix = rows.reshape(-1, 3)
        normal = matrix.T @ matrix + 1e-3 * np.sum(centred**2) * np.eye(3)
        step = np.linalg.solve(normal, matrix.T @ residual.reshape(-1))
        rotation = to_matrix(from_rotvec(step)) @ rotation
    return rotation, (seen - (offsets @ rotation.T)[:, :2]).mean(axis=0)


def _place_pairs(flat: Mapping[str, Array], lines: Mapping[str, Array]) -> dict[str, Array]:
    found = {}
    centre = np.zeros(3)
    for joint in ('hip', 'shoulder'):
        if joint == 'shoulder':
            centre = lines.get('trunk', centre)
        for side, share in (('left', 0.5), ('right', -0.5)):
            name = f'{side}_{joint}'
            if name in flat:
                found[name] = centre + share * lines[joint] if joint in lines else centre
    return found


def _nose_yaw(flat: Mapping[str, Array], height: float) -> float | None:
    """Returns the x part (-1..1) of the direction that the face looks to."""
    centre = middle_of(flat, 'ear')
    if 'nose' not in flat or centre is None or line_of(flat, 'ear') is None:
        return None
    return float(np.clip((flat['nose'][0] - centre[0]) / (NOSE_REACH * height), -1, 1))


def _unit(vector: Array) -> Array:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _forward(across: Array) -> Array:
    """Returns the horizontal direction in front of a line from the right to the left joint."""
    return _unit(np.array([-across[2], 0.0, across[0]]))


def _forward_of(found: Mapping[str, Array], joint: str) -> Array:
    across = line_of(found, joint)
    across = line_of(found, 'shoulder' if joint == 'hip' else 'hip') if across is None else across
    return np.array([0.0, 0.0, 1.0]) if across is None else _forward(across)


def _upright_rotation(forward: Array) -> Array:
    up = np.array([0.0, 1.0, 0.0])
    return np.stack([np.cross(up, forward), up, forward], axis=-1)
