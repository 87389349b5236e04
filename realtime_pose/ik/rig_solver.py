"""Inverse kinematics by damped least squares: 3D joints -> rotations of the rig.

A guess is written down bone by bone, from the hips outwards: hips and chest from the lines of hips
and shoulders, the head from the face, each limb aimed at its joints, turned about itself so that
elbow and knee bend as hinges do. A few damped least-squares steps over all bones then remove what
the guess leaves, which is exact where the joints are within reach of the rig.

What joints do not tell, such as the twist of a straight arm, stays as it was in the frame before.

All people of a frame are solved at once: the time goes into calls, not into numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.pose_guess import Bodies, guess_poses
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
    clamped_with_angles,
    limit_vectors,
    rest_pose,
    world_transforms,
)

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

NUM_LIMIT_ROUNDS = 4
FIRST_DAMPING, MIN_DAMPING, MAX_DAMPING = 1e-4, 1e-7, 10.0
MIN_GAIN = 1e-3  # share of the cost: joints that no such body can have are not come any nearer to


@dataclass(frozen=True, eq=False)
class RigPose:
    """Pose of the rig.

    Attributes:
        rotations: (B, 4) local, unit quaternions.
        root: (3,), m. Position of ``hips``.
        error: Mean distance, m, between the target joints and those of the rig.
        markers: (M, 3), m. Those of the rig, in the order of ``BodyJoints.names``.
    """

    rotations: Array
    root: Array
    error: float
    markers: Array


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
        values = None if weights is None else [weights]
        return self.solve_all([self], [joints_3d], values)[0]

    @classmethod
    def solve_all(
        cls,
        solvers: Sequence[RigSolver],
        joints_3d: Sequence[ArrayLike],
        weights: Sequence[ArrayLike] | None = None,
    ) -> list[RigPose | None]:
        """Returns what :meth:`solve` does, for P people with a solver each.

        Args:
            solvers: (P,). They differ in their rigs and the frame before only.
            joints_3d: (P,) of (K, 3).
            weights: (P,) of (K,).
        """
        if not solvers:
            return []
        first = solvers[0]
        points = np.stack([first.joints.pick(x) for x in joints_3d])
        share = np.ones(points.shape[:2])
        if weights is not None:
            share = np.array([np.asarray(x, np.float64)[first.joints.indices] for x in weights])
        is_known = np.isfinite(points).all(axis=-1) & (share > 0)
        pairs = is_known[:, [0, 6]] & is_known[:, [1, 7]]  # both shoulders, both hips
        rows = np.flatnonzero(pairs.any(axis=1))
        poses: list[RigPose | None] = [None] * len(solvers)
        if not len(rows):
            return poses
        points, is_known = points[rows], is_known[rows]
        share = np.where(is_known, share[rows], 0)
        share /= share.sum(axis=1, keepdims=True)
        solved = _solve(
            [solvers[i] for i in rows], np.where(is_known[..., None], points, np.nan), share
        )
        for row, pose in zip(rows, solved, strict=True):
            poses[row] = pose
        return poses


def _solve(solvers: Sequence[RigSolver], points: Array, share: Array) -> list[RigPose]:
    """Solves for people (P,) of whom enough is known; the shares (P, M) of joints sum to 1."""
    first = solvers[0]
    bodies = Bodies(
        first.joints,
        np.stack([x.rig.offsets for x in solvers]),
        np.stack([x._offsets for x in solvers]),
        np.array([[x.rig.proportions.trunk] for x in solvers]),
    )
    last = np.stack([x._last for x in solvers])
    problem = _Problem.of(bodies, np.nan_to_num(points), share)
    rotations, root = guess_poses(bodies, points, last)
    rotations, root = _refined(problem, rotations, root, first.num_steps, first.tolerance)
    if first.max_turn is not None:
        turns = angle_between(last, rotations)
        slowed = slerp(last, rotations, first.max_turn / np.maximum(turns, first.max_turn))
        has_last = np.array([x._has_last for x in solvers])
        rotations = np.where(has_last[:, None, None], slowed, rotations)
    rotations = same_hemisphere(rotations, last)
    state = problem.state(rotations, root, np.empty(0))
    for solver, own in zip(solvers, rotations, strict=True):
        solver._last, solver._has_last = own, True
    parts = zip(rotations, root, state.error.tolist(), state.markers, strict=True)
    return [RigPose(*x) for x in parts]


def _refined(
    problem: _Problem, rotations: Array, root: Array, num_steps: int, tolerance: float
) -> tuple[Array, Array]:
    """Levenberg-Marquardt over all bones and the root; every step keeps to the limits.

    Each person has an own damping, and is left out when done.
    """
    state = problem.state(rotations, root, limit_vectors(rotations))
    rotations, root = rotations.copy(), root.copy()
    people = np.arange(len(root))
    damping = np.full(len(root), FIRST_DAMPING)
    is_done = np.zeros(len(root), bool)
    normal = None
    for _ in range(num_steps):
        goes_on = ~is_done & (state.error >= tolerance) & (damping <= MAX_DAMPING)
        if not goes_on.all():
            rotations[people], root[people] = state.rotations, state.root
            if not goes_on.any():
                return rotations, root
            people, damping = people[goes_on], damping[goes_on]
            problem, state, normal = problem.of_people(goes_on), state.of_people(goes_on), None
        normal = normal or problem.normal_equations(state)
        moved = problem.moved(state, problem.step(state, *normal, damping))
        gain = state.cost - moved.cost
        is_better = gain > 0
        is_done = is_better & (gain < MIN_GAIN * state.cost)
        damping = np.where(is_better, np.maximum(damping / 4, MIN_DAMPING), 8 * damping)
        if is_better.any():
            state, normal = moved if is_better.all() else state.updated(moved, is_better), None
    rotations[people], root[people] = state.rotations, state.root
    return rotations, root


@dataclass(frozen=True, eq=False)
class _State:
    """Iterate of the solver for P people, and what follows from it.

    Attributes:
        rotations: (P, B, 4) local.
        root: (P, 3), m.
        angles: (P, B, 3), rad. Those to which limits apply.
        world: (P, B + 1, 4, 4). See ``world_transforms``.
        markers: (P, M, 3), m.
        residual: (P, M, 3), m. Times the square roots of the shares.
        cost: (P,), m^2.
        error: (P,), m. Mean.
    """

    rotations: Array
    root: Array
    angles: Array
    world: Array
    markers: Array
    residual: Array
    cost: Array
    error: Array

    def of_people(self, is_wanted: NDArray[np.bool_]) -> _State:
        """Returns the state of some people."""
        return _State(*(x[is_wanted] for x in vars(self).values()))

    def updated(self, other: _State, is_other: NDArray[np.bool_]) -> _State:
        """Returns the state with that of some people from another."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _State(
            *(np.where(is_other.reshape(-1, *(1,) * (x.ndim - 1)), y, x) for x, y in pairs)
        )


@dataclass(frozen=True, eq=False)
class _Layout:
    """Which unknowns move which joints of a skeleton: those C that move any, and the root.

    Attributes:
        bones: (M,). That the joints move with.
        moves: (M, C). 1 where an unknown moves a joint, else 0.
        geometry: (4, 3, C). Entries of the transforms of a person, flat: axes of the unknowns in
            the order y, z, x and z, x, y, then the points they turn about, in z, x, y and y, z, x.
        columns: (C,). Unknowns among the angles (B, 3), flat.
    """

    bones: Indices
    moves: Array
    geometry: Indices
    columns: Indices

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, names: tuple[str, ...]) -> _Layout:
        markers = [Rig.default().markers[name] for name in names]
        bones = np.array([bone for bone, _ in markers])
        moves = np.zeros((len(names), len(PARENTS)))
        for row, (bone, offset) in enumerate(markers):
            above = bone if offset.any() else PARENTS[bone]  # a joint is not moved by its own bone
            while above >= 0:
                moves[row, above] = 1
                above = PARENTS[above]
        active = np.flatnonzero(moves.any(axis=0))
        columns = (3 * active[:, None] + np.arange(3)).reshape(-1)
        bone, axis = columns // 3, columns % 3
        parent = np.array(PARENTS)[bone] % (len(PARENTS) + 1)  # that of the hips is the world
        component = 4 * np.array([[1, 2, 0], [2, 0, 1]])[..., None]
        axes = 16 * parent + component + axis
        points = 16 * bone + component[::-1] + 3
        geometry = np.concatenate([axes, points])
        return cls(bones, np.repeat(moves[:, active], 3, axis=1), geometry, columns)


@dataclass(frozen=True, eq=False)
class _Problem:
    """Least-squares problem of P people.

    Attributes:
        layout: Which unknowns there are.
        offsets: (P, B, 3), m. Of the bones.
        arms: (P, M, 4, 1), m. Joints relative to the bones that they move with.
        targets: (P, M, 3), m. Any number where unknown.
        share: (P, M). Of each joint in the cost; 0 where unknown.
        root: (P, M). Square root of it.
    """

    layout: _Layout
    offsets: Array
    arms: Array
    targets: Array
    share: Array
    root: Array

    @classmethod
    def of(cls, bodies: Bodies, targets: Array, share: Array) -> _Problem:
        arms = np.ones((*targets.shape[:2], 4, 1))
        arms[..., :3, 0] = bodies.markers
        layout = _Layout.of(bodies.joints.names)
        return cls(layout, bodies.offsets, arms, targets, share, np.sqrt(share))

    def of_people(self, is_wanted: NDArray[np.bool_]) -> _Problem:
        """Returns the problem of some people."""
        own = {name: x[is_wanted] for name, x in vars(self).items() if name != 'layout'}
        return replace(self, **own)

    def state(self, rotations: Array, root: Array, angles: Array) -> _State:
        world = world_transforms(rotations, root, self.offsets)
        markers = (world.take(self.layout.bones, axis=1) @ self.arms)[..., :3, 0]
        residual = self.targets - markers
        square = np.einsum('pmi,pmi->pm', residual, residual)
        cost = np.einsum('pm,pm->p', square, self.share)
        error = np.einsum('pm,pm->p', np.sqrt(square), self.share)
        residual = residual * self.root[..., None]
        return _State(rotations, root, angles, world, markers, residual, cost, error)

    def moved(self, state: _State, step: Array) -> _State:
        """Returns the state after a step (P, B + 1, 3)."""
        turned = multiply(from_rotvec(step[:, :-1]), state.rotations)
        rotations, angles = clamped_with_angles(turned)
        return self.state(rotations, state.root + step[:, -1], angles)

    def normal_equations(self, state: _State) -> tuple[Array, Array]:
        """Returns the matrix (P, C + 3, C + 3) and the right side (P, C + 3) for the unknowns."""
        people, num_points = self.share.shape
        # Turning a bone by w moves a point on an arm r by w x r.
        flat = state.world.reshape(people, -1)
        ahead, behind, from_ahead, from_behind = flat.take(self.layout.geometry, axis=1).swapaxes(
            0, 1
        )
        markers = state.markers.swapaxes(1, 2)
        arms = [
            markers.take(order, axis=1)[..., None] - start[:, :, None]
            for order, start in (((2, 0, 1), from_ahead), ((1, 2, 0), from_behind))
        ]
        turns = ahead[:, :, None] * arms[0] - behind[:, :, None] * arms[1]  # (P, 3, M, C)
        matrix = np.zeros((people, 3, num_points, turns.shape[-1] + 3))
        weight = (self.root[..., None] * self.layout.moves)[:, None]
        np.multiply(turns, weight, out=matrix[..., :-3])
        for i in range(3):
            matrix[:, i, :, i - 3] = self.root
        matrix = matrix.reshape(people, 3 * num_points, -1)
        residual = state.residual.swapaxes(1, 2).reshape(people, 1, -1)
        return matrix.swapaxes(1, 2) @ matrix, (residual @ matrix)[:, 0]

    def step(self, state: _State, matrix: Array, vector: Array, damping: Array) -> Array:
        """Returns rotation vectors of the bones, in the frames of their parents, and the shift of
        the root, last (P, B + 1, 3)."""
        num_people, num_unknowns = vector.shape
        columns = self.layout.columns
        angles = state.angles.reshape(num_people, -1).take(columns, axis=1)
        low, high = LIMITS.reshape(-1, 2)[columns].T
        lowest, highest = low - angles, high - angles
        step, is_free = np.zeros_like(vector), np.ones_like(vector)
        diagonal = np.einsum('pii->pi', matrix)
        # An angle that would leave its limits goes up to them, and the others make up for it.
        for number in range(NUM_LIMIT_ROUNDS):
            damped, rest = matrix.copy(), vector
            if number:
                step = step * (1 - is_free)
                damped *= is_free[:, :, None] * is_free[:, None, :]
                rest = (vector - (matrix @ step[..., None])[..., 0]) * is_free
            # By the mean over the equations, as many as coordinates of joints.
            added = (damping / (3 * self.share.shape[1]))[:, None]
            added = added * np.einsum('pi,pi->p', diagonal, is_free)[:, None] + 1e-12
            flat = damped.reshape(num_people, -1)
            flat[:, :: num_unknowns + 1] += np.where(is_free > 0, added, 1)
            step = step + np.linalg.solve(damped, rest[..., None])[..., 0]
            turns = step[:, :-3]
            leaves = ((turns < lowest) | (turns > highest)) & (is_free[:, :-3] > 0)
            if not leaves.any():
                break
            step[:, :-3] = np.minimum(np.maximum(turns, lowest), highest)
            is_free[:, :-3] -= leaves
        full = np.zeros((num_people, LIMITS.size // 2 + 3))
        full[:, columns] = step[:, :-3]
        full[:, -3:] = step[:, -3:]
        return full.reshape(num_people, -1, 3)
