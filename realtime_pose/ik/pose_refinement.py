"""Refinement of poses by damped least squares within the limits of joints, for all people at once.

The time goes into calls, not into numbers, so people share them. Bones that move no joint of the
skeleton, such as those of hands, are left out.

The normal equations come from sums over the joints that a bone moves (as in the composite rigid
bodies of Featherstone, *Rigid Body Dynamics Algorithms*, 2008), not from the far larger Jacobian.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from realtime_pose.ik.pose_guess import Bodies
from realtime_pose.ik.quaternions import dot, from_rotvec, multiply, to_matrix
from realtime_pose.ik.rig import LIMITS, PARENTS, JointLimits, Rig, chained, jumps_of

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]

NUM_LIMIT_ROUNDS = 4
FIRST_DAMPING, MIN_DAMPING, MAX_DAMPING = 1e-4, 1e-7, 10.0
MIN_GAIN = 1e-3  # share of the cost: joints that no such body can have are not come any nearer to
FIXED = 1e20  # on the diagonal: an unknown that the others, of about 1, do not move


def refined(
    problem: Problem, rotations: Array, root: Array, num_steps: int, tolerance: float
) -> tuple[Array, Array]:
    """Levenberg-Marquardt over all bones and the root; every step keeps to the limits.

    Each person has an own damping, and is left out when done.
    """
    bones = problem.layout.bones
    rotations, root = rotations.copy(), root.copy()
    turned = rotations[:, bones]
    state = problem.state(turned, root.copy(), problem.layout.limits.angles(turned))
    people, damping, normal = np.arange(len(root)), len(root) * [FIRST_DAMPING], None
    cost, error = state.cost.tolist(), state.error.tolist()  # some numbers are quicker one by one
    is_done = len(root) * [False]
    for _ in range(num_steps):
        is_left = [
            not done and mean >= tolerance and own <= MAX_DAMPING
            for done, mean, own in zip(is_done, error, damping, strict=True)
        ]
        if not all(is_left):
            rotations[people[:, None], bones], root[people] = state.rotations, state.root
            if not any(is_left):
                return rotations, root
            kept = np.flatnonzero(is_left)
            cost, error, damping = ([x[i] for i in kept] for x in (cost, error, damping))
            problem, state, people = problem.of_people(kept), state.of_people(kept), people[kept]
            normal = normal and (normal[0][kept], normal[1][kept])
        normal = normal or problem.normal_equations(state)
        moved = problem.moved(state, problem.step(state, *normal, np.array(damping)))
        costs = [*zip(cost, moved.cost.tolist(), strict=True)]
        is_better = [new < old for old, new in costs]
        is_done = [0 < old - new < MIN_GAIN * old for old, new in costs]
        damping = [
            max(own / 4, MIN_DAMPING) if better else 8 * own
            for own, better in zip(damping, is_better, strict=True)
        ]
        if any(is_better):
            state = moved if all(is_better) else state.updated(moved, np.array(is_better))
            cost, error, normal = state.cost.tolist(), state.error.tolist(), None
    rotations[people[:, None], bones], root[people] = state.rotations, state.root
    return rotations, root


@dataclass(frozen=True, eq=False)
class State:
    """Iterate of the solver for P people, and what follows from it.

    Attributes:
        rotations: (P, N, 4) local, of the bones that move joints.
        root: (P, 3), m.
        angles: (P, N, 3), rad. Those to which limits apply.
        world: (P, N + 1, 4, 4). Matrices of the world, first, and of the bones, about the root.
        joints: (P, M, 7), m. Joints of the rig relative to the root, 1, and what is missing to the
            targets.
        cost: (P,), m^2.
        error: (P,), m. Mean.
    """

    rotations: Array
    root: Array
    angles: Array
    world: Array
    joints: Array
    cost: Array
    error: Array

    @property
    def markers(self) -> Array:
        """Joints of the rig (P, M, 3), m."""
        return self.joints[..., :3] + self.root[:, None]

    def of_people(self, rows: Indices) -> State:
        """Returns the state of some people."""
        return State(*(x.take(rows, axis=0) for x in vars(self).values()))

    def updated(self, other: State, is_other: Mask) -> State:
        """Returns the state with that of some people from another."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return State(
            *(np.where(is_other.reshape(-1, *(1,) * (x.ndim - 1)), y, x) for x, y in pairs)
        )


@dataclass(frozen=True, eq=False)
class _Layout:
    """Which bones move which joints of a skeleton: N that move any, and before them the world.

    Three unknowns belong to each, those of the world shift the root; C in all.

    Attributes:
        bones: (N,). Those of the rig.
        jumps: See ``jumps_of``.
        limits: Those of the bones.
        carriers: (M,). That the joints move with, among N + 1.
        heads: (M,). Bones of the rig whose heads joints are, which move with the bones above them;
            -1 for other joints.
        moves: (N + 1, M). 1 where a bone moves a joint, else 0.
        is_above: (C, C). 1 where the unknown of the row moves all that the one of the column does,
            and is not behind it, else 0.
        axes: (N + 1, 9, 3). Entries of the flat transforms of a person: with ``signs``, the
            matrices of the cross products with the axes of the unknowns, one below the other.
        signs: (N + 1, 9, 3).
        angle_limits: (2, 3 N), rad.
    """

    bones: Indices
    jumps: tuple[Indices, ...]
    limits: JointLimits
    carriers: Indices
    heads: Indices
    moves: Array
    is_above: Array
    axes: Indices
    signs: Array
    angle_limits: Array

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, names: tuple[str, ...]) -> _Layout:
        markers = [Rig.default().markers[name] for name in names]
        heads = np.array([-1 if offset.any() else bone for bone, offset in markers])
        heads[heads == 0] = -1  # nothing is above the hips
        carrying = [
            bone if head < 0 else PARENTS[head]
            for (bone, _), head in zip(markers, heads, strict=True)
        ]
        bones = np.array(sorted({above for bone in carrying for above in _chain(bone)}))
        place = {-1: 0} | {bone: row for row, bone in enumerate(bones.tolist(), start=1)}
        parents = np.array([place[PARENTS[bone]] for bone in bones])
        carriers = np.array([place[bone] for bone in carrying])
        chains = np.zeros((len(place), len(place)))  # of each bone: 1 at those above it and itself
        for bone in place:
            chains[place[bone], [place[above] for above in (-1, *_chain(bone))]] = 1
        is_above = np.triu(np.kron(chains.T, np.ones((3, 3))))
        # Turning a bone by w moves a point at x by w x x. Row (i, k), column j: of what a turn
        # about axis i of the parent moves along k, per coordinate j.
        component, signs = np.zeros((3, 3), int), np.zeros((3, 3))
        for k, j, m in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            component[[k, j], [j, k]], signs[[k, j], [j, k]] = m, (-1, 1)
        axes = 16 * np.append(0, parents)[:, None, None, None] + 4 * component
        axes = (axes + np.arange(3)[:, None, None]).reshape(-1, 9, 3)
        signs = np.tile(signs, (len(place), 3, 1))
        signs[0] = 0  # the root moves all alike
        return cls(
            bones, jumps_of(parents - 1), JointLimits.of(bones), carriers, heads,
            chains[carriers].T.copy(), is_above, axes, signs, LIMITS[bones].reshape(-1, 2).T.copy(),
        )  # fmt: skip


def _chain(bone: int) -> list[int]:
    """Returns a bone and all above it."""
    return [] if bone < 0 else [bone, *_chain(PARENTS[bone])]


@dataclass(frozen=True, eq=False)
class Problem:
    """Least-squares problem of P people.

    Attributes:
        layout: Which unknowns there are.
        rest: (P, N + 1, 4, 4), m. Matrices of the unturned bones to those above them.
        arms: (P, M, 4, 1), m. Joints relative to the bones that they move with.
        targets: (P, M, 3), m. Any number where unknown.
        share: (P, M, 1). Of each joint in the cost; 0 where unknown.
    """

    layout: _Layout
    rest: Array
    arms: Array
    targets: Array
    share: Array

    @classmethod
    def of(cls, bodies: Bodies, targets: Array, share: Array) -> Problem:
        layout = _Layout.of(bodies.joints.names)
        rest = np.empty((len(targets), len(layout.bones) + 1, 4, 4))
        rest[...] = np.eye(4)
        rest[:, 2:, :3, 3] = bodies.offsets[:, layout.bones[1:]]
        arms = np.ones((*targets.shape[:2], 4, 1))
        is_head = layout.heads[:, None] >= 0
        arms[..., :3, 0] = np.where(is_head, bodies.offsets[:, layout.heads], bodies.markers)
        return cls(layout, rest, arms, targets, share[..., None])

    def of_people(self, rows: Indices) -> Problem:
        """Returns the problem of some people."""
        layout, *own = vars(self).values()
        return Problem(layout, *(x.take(rows, axis=0) for x in own))

    def state(self, rotations: Array, root: Array, angles: Array) -> State:
        """Returns the state with rotations (P, N, 4)."""
        local = self.rest.copy()
        local[:, 1:, :3, :3] = to_matrix(rotations)
        world = chained(local, self.layout.jumps)
        joints = np.empty((*self.targets.shape[:2], 7))
        joints[..., :4] = (world.take(self.layout.carriers, axis=1) @ self.arms)[..., 0]
        missing = np.subtract(self.targets - root[:, None], joints[..., :3], out=joints[..., 4:])
        square = dot(missing, missing)[:, None]
        cost, error = ((x @ self.share)[:, 0, 0] for x in (square, np.sqrt(square)))
        return State(rotations, root, angles, world, joints, cost, error)

    def moved(self, state: State, step: Array) -> State:
        """Returns the state after a step (P, C)."""
        step = step.reshape(len(step), -1, 3)
        turned = multiply(from_rotvec(step[:, 1:]), state.rotations)
        rotations, angles = self.layout.limits.clamped(turned)
        return self.state(rotations, state.root + step[:, 0], angles)

    def normal_equations(self, state: State) -> tuple[Array, Array]:
        """Returns the matrix (P, C, C), valid where ``is_above``, and the right side (P, C)."""
        layout, num_people, num_bones = self.layout, *state.world.shape[:2]
        # Levers: what a turn moves a point, along x, y and z, is linear in the point and 1.
        levers = np.empty((num_people, num_bones, 9, 4))
        axes = state.world.reshape(num_people, -1).take(layout.axes, axis=1)
        turns = np.multiply(axes, layout.signs, out=levers[..., :3])
        np.negative(turns @ state.world[..., :3, 3:], out=levers[..., 3:])
        levers[:, 0, ::4, 3] = 1  # the root along x, y, z
        # Sums over the joints that a bone moves: of the products of points, and of these with what
        # is missing.
        joints = state.joints
        sums = joints[..., None] * (joints[..., None, :4] * self.share[..., None])
        sums = layout.moves @ sums.reshape(num_people, -1, 28)
        spread = sums[..., :16].reshape(num_people, num_bones, 4, 4)
        along = levers.reshape(num_people, -1, 12)
        moved = (levers @ spread).reshape(along.shape)
        matrix = along @ moved.swapaxes(1, 2)
        vector = levers.reshape(num_people, num_bones, 3, 12) @ sums[..., 16:, None]
        return matrix, vector.reshape(num_people, -1)

    def step(self, state: State, matrix: Array, vector: Array, damping: Array) -> Array:
        """Returns the shift of the root and rotation vectors of the bones, in the frames of their
        parents (P, C)."""
        low, high = (x - state.angles.reshape(len(vector), -1) for x in self.layout.angle_limits)
        diagonal = matrix.reshape(len(vector), -1)[:, :: vector.shape[1] + 1]
        mean = damping[:, None] / (3 * self.share.shape[1])  # over the equations, of the diagonal
        stiff = diagonal + (mean * diagonal.sum(axis=1, keepdims=True) + 1e-12)
        step, is_free = vector.copy(), np.ones(vector.shape, bool)
        turns = step[:, 3:]
        self._solve(matrix, stiff, step, range(len(step)))
        # An angle that would leave its limits goes up to them, and the others make up for it.
        for number in range(1, NUM_LIMIT_ROUNDS + 1):
            clipped = np.minimum(np.maximum(turns, low), high)
            leaves = (clipped != turns) & is_free[:, 3:]
            turns[:] = clipped
            if number == NUM_LIMIT_ROUNDS or not np.count_nonzero(leaves):
                break
            is_free[:, 3:] ^= leaves
            mean_free = mean * (diagonal * is_free).sum(axis=1, keepdims=True)
            stiff = np.where(is_free, diagonal + (mean_free + 1e-12), FIXED)
            rows = np.flatnonzero(leaves.any(axis=1)).tolist()
            side = np.where(is_free, vector, FIXED * step)
            self._solve(matrix, stiff, side, rows)
            step[rows] = side[rows]
        return step

    def _solve(self, matrix: Array, diagonal: Array, vector: Array, rows: Iterable[int]) -> None:
        """Solves the equations of some people, with another diagonal, in place of the vectors."""
        from scipy.linalg.lapack import dposv  # in half the time of NumPy's, which does not know it

        for row in rows:
            own = matrix[row] * self.layout.is_above
            own.reshape(-1)[:: len(own) + 1] = diagonal[row]
            dposv(own.T, vector[row], lower=1, overwrite_a=1, overwrite_b=1)
