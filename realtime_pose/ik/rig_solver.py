"""Inverse kinematics by damped least squares: 3D joints -> rotations of the rig.

A guess is written down bone by bone, from the hips outwards: hips and chest from the lines of hips
and shoulders, the head from the face, each limb aimed at its joints, turned about itself so that
elbow and knee bend as hinges do. A few damped least-squares steps over all bones then remove what
the guess leaves, which is exact where the joints are within reach of the rig.

What joints do not tell, such as the twist of a straight arm, stays as it was in the frame before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.pose_guess import guess_pose
from realtime_pose.ik.quaternions import (
    angle_between,
    from_rotvec,
    multiply,
    same_hemisphere,
    slerp,
)
from realtime_pose.ik.rig import (
    LIMITS,
    PARENTS,
    Rig,
    clamp_to_limits,
    limit_vectors,
    rest_pose,
)

Array = NDArray[np.float64]

NUM_LIMIT_ROUNDS = 4
MIN_GAIN = 1e-3  # share of the cost: joints that no such body can have are not come any nearer to
ANCESTORS = np.zeros((len(PARENTS), len(PARENTS)), bool)
for _bone, _parent in enumerate(PARENTS):
    ANCESTORS[_bone] = ANCESTORS[_parent] if _parent >= 0 else False
    ANCESTORS[_bone, _bone] = True


@dataclass(frozen=True, eq=False)
class RigPose:
    """Pose of the rig.

    Attributes:
        rotations: (B, 4) local, unit quaternions.
        root: (3,), m. Position of ``hips``.
        error: Mean distance, m, between the target joints and those of the rig.
    """

    rotations: Array
    root: Array
    error: float


@dataclass(frozen=True, eq=False)
class _State:
    """Iterate of the solver: local rotations, root, and derived world quantities."""

    rotations: Array
    root: Array
    positions: Array
    turned: Array
    markers: Array
    residual: Array

    def parents_turned(self) -> Array:
        """Returns the world rotations (B, 3, 3) of the parents of the bones."""
        turned = self.turned[list(PARENTS)]
        turned[0] = np.eye(3)
        return turned

    def mean_error(self, share: Array) -> float:
        return float(share @ np.linalg.norm(self.residual, axis=-1))

    def cost(self, share: Array) -> float:
        return float(share @ np.sum(self.residual**2, axis=-1))


class RigSolver:
    """Sequential inverse kinematics solver of one person.

    Args:
        rig: Rig to pose.
        joints: Target joints.
        num_steps: Least-squares steps at most; 0 leaves the first guess.
        tolerance: m. The solver stops at this mean error.
        max_turn: rad. Largest rotation of a bone between frames; None lets it follow joints
            that jump, as measured ones hardly do.
    """

    def __init__(
        self,
        rig: Rig,
        joints: BodyJoints,
        num_steps: int = 16,
        tolerance: float = 1e-4,
        max_turn: float | None = None,
    ) -> None:
        self.joints = joints
        self.num_steps = num_steps
        self.tolerance = tolerance
        self.max_turn = max_turn
        self.use_rig(rig)
        self.reset()

    def use_rig(self, rig: Rig) -> None:
        """Replaces the rig by one of other lengths."""
        self.rig = rig
        self._bones = np.array([rig.markers[name][0] for name in self.joints.names])
        self._offsets = np.array([rig.markers[name][1] for name in self.joints.names])

    def reset(self) -> None:
        """Resets the state of the frame before."""
        self._last = rest_pose()
        self._has_last = False

    def solve(self, joints_3d: ArrayLike, weights: ArrayLike | None = None) -> RigPose | None:
        """Returns the pose of the rig that is nearest to the joints.

        Args:
            joints_3d: (K, 3), m, in the axes of the rig. NaN where unknown.
            weights: (K,). How much each counts; 1 when not given.

        Returns:
            The pose; None if neither both hips nor both shoulders are known, so that nothing can
            be said.
        """
        targets = self.joints.pick(joints_3d)
        values = np.ones(self.joints.dataset_meta.num_keypoints) if weights is None else weights
        weight = self.joints.pick(np.asarray(values, np.float64)[:, None])[:, 0]
        is_known = np.isfinite(targets).all(axis=-1) & (weight > 0)
        known = {name: targets[i] for i, name in enumerate(self.joints.names) if is_known[i]}
        guess = guess_pose(self.rig, known, self._last)
        if guess is None:
            return None
        share = np.where(is_known, weight, 0)
        share = share / share.sum()
        targets = np.where(is_known[:, None], targets, 0)
        state = self._refine(*guess, targets, share)
        if self.max_turn is not None and self._has_last:
            state = self._state(self._slowed(state.rotations), state.root, targets)
        rotations = same_hemisphere(state.rotations, self._last)
        self._last, self._has_last = rotations, True
        return RigPose(rotations, state.root, state.mean_error(share))

    def _slowed(self, rotations: Array) -> Array:
        turns = angle_between(self._last, rotations)
        return slerp(self._last, rotations, self.max_turn / np.maximum(turns, self.max_turn))

    def _refine(self, rotations: Array, root: Array, targets: Array, share: Array) -> _State:
        """Levenberg-Marquardt over all bones and the root; every step keeps to the limits."""
        damping = 1e-4
        state = self._state(rotations, root, targets)
        for _ in range(self.num_steps):
            if state.mean_error(share) < self.tolerance or damping > 10:
                break
            moved = self._moved(state, self._step(state, share, damping), targets)
            gain = state.cost(share) - moved.cost(share)
            if gain > 0:
                is_done = gain < MIN_GAIN * state.cost(share)
                state, damping = moved, max(damping / 4, 1e-7)
                if is_done:
                    break
            else:
                damping *= 8
        return state

    def _state(self, rotations: Array, root: Array, targets: Array) -> _State:
        positions, turned = self.rig.forward(rotations, root)
        arms = (turned[self._bones] @ self._offsets[..., None])[..., 0]
        markers = positions[self._bones] + arms
        return _State(rotations, root, positions, turned, markers, targets - markers)

    def _step(self, state: _State, share: Array, damping: float) -> Array:
        """Returns rotation vectors of the bones, in the frames of their parents, and the shift of
        the root, last (B + 1, 3)."""
        weight = np.repeat(np.sqrt(share), 3)
        matrix = weight[:, None] * self._jacobian(state)
        vector = weight * state.residual.reshape(-1)
        angles = limit_vectors(state.rotations)
        lowest = np.append((LIMITS[..., 0] - angles).reshape(-1), [-np.inf] * 3)
        highest = np.append((LIMITS[..., 1] - angles).reshape(-1), [np.inf] * 3)
        step = np.zeros(matrix.shape[1])
        is_free = np.ones(len(step), bool)
        # An angle that would leave its limits goes up to them, and the others make up for it.
        for _ in range(NUM_LIMIT_ROUNDS):
            rest = vector - matrix[:, ~is_free] @ step[~is_free]
            step[is_free] = _damped_solution(matrix[:, is_free], rest, damping)
            leaves = is_free & ((step < lowest) | (step > highest))
            if not leaves.any():
                break
            step = np.clip(step, lowest, highest)
            is_free &= ~leaves
        return step.reshape(-1, 3)

    def _jacobian(self, state: _State) -> Array:
        """Returns how the points move (3 M, 3 (B + 1)) with the unknowns of :meth:`_step`."""
        num_points = len(self._bones)
        moves = ANCESTORS[self._bones]  # (M, B): which bones move which point
        arms = np.where(moves[..., None], state.markers[:, None] - state.positions, 0)
        x, y, z = np.moveaxis(arms, -1, 0)
        # Turning a bone by w moves a point on an arm r by w x r.
        cross = np.zeros((*moves.shape, 3, 3))
        cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = z, -y, x
        cross[..., 1, 0], cross[..., 2, 0], cross[..., 2, 1] = -z, y, -x
        turns = cross @ state.parents_turned()
        turns = turns.transpose(0, 2, 1, 3).reshape(3 * num_points, -1)  # (M, B, 3, 3) -> rows
        return np.concatenate([turns, np.tile(np.eye(3), (num_points, 1))], axis=1)

    def _moved(self, state: _State, step: Array, targets: Array) -> _State:
        rotations = clamp_to_limits(multiply(from_rotvec(step[:-1]), state.rotations))
        return self._state(rotations, state.root + step[-1], targets)


def _damped_solution(matrix: Array, vector: Array, damping: float) -> Array:
    """Returns the short x with ``matrix @ x`` near ``vector``."""
    # There are fewer equations than unknowns, so the normal equations of the rows.
    normal = matrix @ matrix.T
    normal[np.diag_indices_from(normal)] += damping * np.trace(normal) / len(normal) + 1e-12
    return matrix.T @ np.linalg.solve(normal, vector)
