"""Refinement of poses by damped least squares within the limits of joints, for all people at once.

The time goes into calls, not into numbers, so people share them. Unknowns that move no joint of the
skeleton, such as those of hands, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from realtime_pose.ik.pose_guess import Bodies
from realtime_pose.ik.quaternions import from_rotvec, multiply
from realtime_pose.ik.rig import (
    LIMITS,
    PARENTS,
    Rig,
    clamped_with_angles,
    limit_vectors,
    world_transforms,
)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]

NUM_LIMIT_ROUNDS = 4
FIRST_DAMPING, MIN_DAMPING, MAX_DAMPING = 1e-4, 1e-7, 10.0
MIN_GAIN = 1e-3  # share of the cost: joints that no such body can have are not come any nearer to


def refined(
    problem: Problem, rotations: Array, root: Array, num_steps: int, tolerance: float
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
class State:
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

    def of_people(self, is_wanted: Mask) -> State:
        """Returns the state of some people."""
        return State(*(x[is_wanted] for x in vars(self).values()))

    def updated(self, other: State, is_other: Mask) -> State:
        """Returns the state with that of some people from another."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return State(
            *(np.where(is_other.reshape(-1, *(1,) * (x.ndim - 1)), y, x) for x, y in pairs)
        )


@dataclass(frozen=True, eq=False)
class _Layout:
    """Which unknowns move which joints of a skeleton: those that move any, and the root, last.

    Attributes:
        bones: (M,). That the joints move with.
        moves: (M, 1, C). 1 where an unknown moves a joint, else 0.
        axes: (3, 3, C). Entries of the flat transforms of a person: with ``signs``, the matrix of
            the cross product with the axis of each unknown; its columns come first.
        signs: (3, 3, C).
        points: (3, C). Entries that are the point which an unknown turns about.
        columns: (C,). Unknowns among the angles (B, 3) and the root, flat.
        limits: (2, C - 3), rad. Lowest and highest angles.
    """

    bones: Indices
    moves: Array
    axes: Indices
    signs: Array
    points: Indices
    columns: Indices
    limits: Array

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
        bone, axis = np.pad(columns // 3, (0, 3)), np.pad(columns % 3, (0, 3))
        moves = np.pad(np.repeat(moves[:, active], 3, axis=1), ((0, 0), (0, 3)), constant_values=1)
        # Entry (k, i): of what a point moves along i, per its coordinate k.
        component, signs = np.zeros((3, 3), int), np.zeros((3, 3, 1))
        for k, i, j in ((2, 0, 1), (0, 1, 2), (1, 2, 0)):
            component[[k, j], [i, i]] = j, k
            signs[[k, j], [i, i], 0] = 1, -1
        parent = np.array(PARENTS)[bone] % (len(PARENTS) + 1)  # that of the hips is the world
        axes = 16 * parent + 4 * component[..., None] + axis
        points = 16 * bone + 4 * np.arange(3)[:, None] + 3
        limits = LIMITS.reshape(-1, 2)[columns].T
        signs = signs * (np.arange(len(bone)) < len(columns))  # the root moves all alike
        columns = np.append(columns, LIMITS.size // 2 + np.arange(3))
        return cls(bones, moves[:, None], axes, signs, points, columns, limits)


@dataclass(frozen=True, eq=False)
class Problem:
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
    def of(cls, bodies: Bodies, targets: Array, share: Array) -> Problem:
        arms = np.ones((*targets.shape[:2], 4, 1))
        arms[..., :3, 0] = bodies.markers
        layout = _Layout.of(bodies.joints.names)
        return cls(layout, bodies.offsets, arms, targets, share, np.sqrt(share))

    def of_people(self, is_wanted: Mask) -> Problem:
        """Returns the problem of some people."""
        own = {name: x[is_wanted] for name, x in vars(self).items() if name != 'layout'}
        return replace(self, **own)

    def state(self, rotations: Array, root: Array, angles: Array) -> State:
        world = world_transforms(rotations, root, self.offsets)
        markers = (world.take(self.layout.bones, axis=1) @ self.arms)[..., :3, 0]
        residual = self.targets - markers
        square = (residual * residual).sum(axis=-1)
        cost = (square * self.share).sum(axis=-1)
        error = (np.sqrt(square) * self.share).sum(axis=-1)
        residual = residual * self.root[..., None]
        return State(rotations, root, angles, world, markers, residual, cost, error)

    def moved(self, state: State, step: Array) -> State:
        """Returns the state after a step (P, B + 1, 3)."""
        turned = multiply(from_rotvec(step[:, :-1]), state.rotations)
        rotations, angles = clamped_with_angles(turned)
        return self.state(rotations, state.root + step[:, -1], angles)

    def normal_equations(self, state: State) -> tuple[Array, Array]:
        """Returns the matrix (P, C + 3, C + 3) and the right side (P, C + 3) for the unknowns."""
        people, num_points = self.share.shape
        layout = self.layout
        flat = state.world.reshape(people, -1)
        # Turning a bone by w moves a point at x, on an arm from p, by w x (x - p): linear in x.
        linear = np.empty((people, 4, *layout.signs.shape[1:]))
        np.multiply(flat.take(layout.axes, axis=1), layout.signs, out=linear[:, :3])
        at = flat.take(layout.points, axis=1)[:, :, None]
        np.negative((linear[:, :3] * at).sum(axis=1), out=linear[:, 3])
        linear[:, 3, :, -3:] = np.eye(3)
        points = np.ones((people, num_points, 4))
        points[..., :3] = state.markers
        points *= self.root[..., None]
        matrix = points @ linear.reshape(people, 4, -1)
        matrix = matrix.reshape(people, num_points, 3, -1)
        matrix *= layout.moves
        matrix = matrix.reshape(people, 3 * num_points, -1)
        residual = state.residual.reshape(people, 1, -1)
        return matrix.swapaxes(1, 2) @ matrix, (residual @ matrix)[:, 0]

    def step(self, state: State, matrix: Array, vector: Array, damping: Array) -> Array:
        """Returns rotation vectors of the bones, in the frames of their parents, and the shift of
        the root, last (P, B + 1, 3)."""
        num_people, columns, limits = len(vector), self.layout.columns, self.layout.limits
        angles = state.angles.reshape(num_people, -1).take(columns[:-3], axis=1)
        full = np.zeros((num_people, LIMITS.size // 2 + 3))
        rows = np.arange(num_people)
        step, is_fixed = np.zeros_like(vector), np.zeros(vector.shape, bool)
        mean = damping / (3 * self.share.shape[1])  # over the equations, of the diagonal
        parts = [matrix, vector, mean, limits[0] - angles, limits[1] - angles]
        # An angle that would leave its limits goes up to them, and the others make up for it.
        for _ in range(NUM_LIMIT_ROUNDS):
            step = _damped_solution(*parts[:3], step, is_fixed)
            turns = step[:, :-3]
            clipped = np.minimum(np.maximum(turns, parts[3]), parts[4])
            leaves = clipped != turns
            step[:, :-3] = clipped
            is_open = leaves.any(axis=1)
            full[rows[:, None], columns] = step
            if not is_open.any():
                break
            is_fixed[:, :-3] |= leaves
            if not is_open.all():
                rows, step, is_fixed, *parts = (x[is_open] for x in (rows, step, is_fixed, *parts))
        return full.reshape(num_people, -1, 3)


def _damped_solution(
    matrix: Array, vector: Array, mean: Array, step: Array, is_fixed: Mask
) -> Array:
    """Returns the short steps (P, C) that solve the equations but for some unknowns, which are
    fixed."""
    from scipy.linalg.lapack import dposv  # in half the time of NumPy's, which does not know it

    num_unknowns = vector.shape[1]
    damped = matrix.copy()
    diagonal = damped.reshape(len(damped), -1)[:, :: num_unknowns + 1]
    people, unknowns = is_fixed.nonzero()
    if len(people):
        step = step * is_fixed
        vector = vector - (matrix @ step[..., None])[..., 0]
        vector[people, unknowns] = 0
        damped[people, unknowns] = damped[people, :, unknowns] = 0
    diagonal += (mean * diagonal.sum(axis=1) + 1e-12)[:, None]
    solved = np.array(
        [dposv(*x, overwrite_a=1)[1] for x in zip(damped.swapaxes(1, 2), vector, strict=True)]
    )
    return step + solved if len(people) else solved
