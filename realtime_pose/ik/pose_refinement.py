"""Refinement of poses by damped least squares within the limits of joints, for all people at once.

The time goes into calls, not into numbers, so people share them. Bones that move no joint of the
skeleton, such as those of hands, are left out.

The normal equations come from sums over the joints that a bone moves (as in the composite rigid
bodies of Featherstone, *Rigid Body Dynamics Algorithms*, 2008), not from the far larger Jacobian.
"""

from __future__ import annotations

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
LOWER, RAISE = 0.25, 8.0  # factors on the damping after accepted and rejected steps
MIN_GAIN = 1e-3  # share of the cost: joints that no such body can have are not come any nearer to
FIXED = 1e20  # on the diagonal: an unknown that the others, of about 1, do not move


def refined(
    problem: Problem,
    rotations: Array,
    angles: Array,
    root: Array,
    num_steps: int,
    tolerance: float,
) -> tuple[Array, Array]:
    """Levenberg-Marquardt over all bones and the root; every step keeps to the limits.

    Each person has an own damping, and is left out when done. A step that is likely to be rejected
    is computed together with the one that would follow.
    """
    bones = problem.layout.bones
    rotations, root = rotations.copy(), root.copy()
    state = problem.state(rotations[:, bones], root.copy(), angles[:, bones])
    people, normal = np.arange(len(root)), None
    searches = [_Search(cost, num_steps) for cost in state.cost.tolist()]
    while True:
        errors = state.error.tolist()  # some numbers are quicker one by one
        left = [i for i, x in enumerate(searches) if x.is_on and errors[i] >= tolerance]
        if not left or len(left) < len(searches):
            rotations[people[:, None], bones], root[people] = state.rotations, state.root
            if not left:
                return rotations, root
            rows, searches = np.array(left), [searches[i] for i in left]
            problem, state, people = problem.of_people(rows), state.of_people(rows), people[rows]
            normal = normal and (normal[0][rows], normal[1][rows])
        normal = normal or problem.normal_equations(state)
        doubtful = [i for i, x in enumerate(searches) if x.is_doubtful]
        tried = [*range(len(searches)), *doubtful]
        damping = [x.damping for x in searches] + [RAISE * searches[i].damping for i in doubtful]
        moved = problem.moved(state, *normal, np.array(tried), np.array(damping))
        better: dict[int, int] = {}
        for place, (i, cost) in enumerate(zip(tried, moved.cost.tolist(), strict=True)):
            if i not in better and searches[i].accepts(cost):
                better[i] = place
        if better:
            state, normal = state.updated(moved, better), None


@dataclass
class _Search:
    """Search of the pose of one person.

    Attributes:
        cost: m^2. So far.
        num_left: Steps that it may still take.
        damping: Of the next step.
        is_doubtful: Whether the next step is likely to be rejected, as the damping was lowered.
        is_done: Whether the last step gained hardly anything.
    """

    cost: float
    num_left: int
    damping: float = FIRST_DAMPING
    is_doubtful: bool = False
    is_done: bool = False

    @property
    def is_on(self) -> bool:
        """Whether there is a next step."""
        return not self.is_done and self.num_left > 0 and self.damping <= MAX_DAMPING

    def accepts(self, cost: float) -> bool:
        """Takes the cost after the next step, if there is one; returns whether it is lower."""
        if not self.is_on:
            return False
        self.num_left -= 1
        gain, is_first = self.cost - cost, self.damping == FIRST_DAMPING
        if not gain > 0:
            self.damping, self.is_doubtful = RAISE * self.damping, False
            return False
        self.is_done = gain < MIN_GAIN * self.cost
        self.cost, self.is_doubtful = cost, not is_first
        self.damping = max(LOWER * self.damping, MIN_DAMPING)
        return True


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

    def updated(self, other: State, places: dict[int, int]) -> State:
        """Returns the state, itself changed, with people from another, from its ``places``."""
        num_people = len(self.cost)
        if len(places) == num_people:
            if len(other.cost) == num_people:
                return other
            return other.of_people(np.array([places[i] for i in range(num_people)]))
        rows, chosen = np.array([*places]), np.array([*places.values()])
        for own, new in zip(vars(self).values(), vars(other).values(), strict=True):
            own[rows] = new.take(chosen, axis=0)
        return self


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
        axes: (N + 1, 9, 4). Entries of the flat transforms of a person: with ``signs``, the
            matrices of the cross products with the axes of the unknowns, one below the other, and
            a column of 0.
        signs: (N + 1, 9, 4).
        angle_limits: (2, 1, 3 N), rad.
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
        component, signs = np.zeros((3, 4), int), np.zeros((3, 4))
        for k, j, m in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            component[[k, j], [j, k]], signs[[k, j], [j, k]] = m, (-1, 1)
        axes = 16 * np.append(0, parents)[:, None, None, None] + 4 * component
        axes = (axes + np.arange(3)[:, None, None]).reshape(-1, 9, 4)
        signs = np.tile(signs, (len(place), 3, 1))
        signs[0], axes[0] = 0, 0  # the root moves all alike along x, y, z; entry 0 is 1
        signs[0, ::4, 3] = -1
        return cls(
            bones, jumps_of(parents - 1), JointLimits.of(bones), carriers, heads,
            chains[carriers].T.copy(), is_above, axes, signs,
            LIMITS[bones].reshape(-1, 1, 2).T.copy(),
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

    def moved(
        self, state: State, matrix: Array, vector: Array, rows: Indices, damping: Array
    ) -> State:
        """Returns the states after a step of some people with some damping each, from the normal
        equations of all."""
        step = self.step(state.angles.take(rows, axis=0), matrix, vector, rows, damping)
        step = step.reshape(len(rows), -1, 3)
        turned = multiply(from_rotvec(step[:, 1:]), state.rotations.take(rows, axis=0))
        rotations, angles = self.layout.limits.clamped(turned)
        problem = self if len(rows) == len(matrix) else self.of_people(rows)
        return problem.state(rotations, state.root.take(rows, axis=0) + step[:, 0], angles)

    def normal_equations(self, state: State) -> tuple[Array, Array]:
        """Returns the upper triangle of the matrix (P, C, C), and the right side (P, C)."""
        layout, num_people, num_bones = self.layout, *state.world.shape[:2]
        # Levers: what a turn moves a point, along x, y and z, is linear in the point and 1.
        levers = state.world.reshape(num_people, -1).take(layout.axes, axis=1)
        levers *= layout.signs
        np.negative(levers @ state.world[..., 3:], out=levers[..., 3:])
        # Sums over the joints that a bone moves: of the products of points, and of these with what
        # is missing.
        joints = state.joints
        sums = joints[..., None] * (joints[..., None, :4] * self.share[..., None])
        sums = layout.moves @ sums.reshape(num_people, -1, 28)
        spread = sums[..., :16].reshape(num_people, num_bones, 4, 4)
        along = levers.reshape(num_people, -1, 12)
        moved = (levers @ spread).reshape(along.shape)
        matrix = along @ moved.swapaxes(1, 2)
        matrix *= layout.is_above
        vector = levers.reshape(num_people, num_bones, 3, 12) @ sums[..., 16:, None]
        return matrix, vector.reshape(num_people, -1)

    def step(
        self, angles: Array, matrix: Array, vector: Array, rows: Indices, damping: Array
    ) -> Array:
        """Returns shifts of the root and rotation vectors of the bones, in the frames of their
        parents (S, C), of the people ``rows``, who have the angles (S, N, 3)."""
        from scipy.linalg.lapack import dposv  # in half the time of NumPy's, which does not know it

        size = vector.shape[1]
        low, high = self.layout.angle_limits - angles.reshape(len(rows), -1)
        diagonal = matrix.reshape(len(matrix), -1)[:, :: size + 1].take(rows, axis=0)
        side, step = vector.take(rows, axis=0), np.empty((len(rows), size))
        mean = damping[:, None] / (3 * self.share.shape[1])  # over the equations, of the diagonal
        own, turns, solved = np.empty((size, size)), step[:, 3:], range(len(rows))
        own_diagonal, people = own.reshape(-1)[:: size + 1], rows.tolist()
        for number in range(1, NUM_LIMIT_ROUNDS + 1):
            free = diagonal * (diagonal < FIXED)
            stiff = diagonal + (mean * free.sum(axis=1, keepdims=True) + 1e-12)
            for i in solved:
                own[:], own_diagonal[:], step[i] = matrix[people[i]], stiff[i], side[i]
                dposv(own.T, step[i], lower=1, overwrite_a=1, overwrite_b=1)
            # An angle that would leave its limits goes up to them, and the others make up for it.
            clipped = np.minimum(np.maximum(turns, low), high)
            leaves = clipped != turns
            leaves &= diagonal[:, 3:] < FIXED
            turns[:] = clipped
            if number == NUM_LIMIT_ROUNDS or not np.count_nonzero(leaves):
                break
            solved = np.flatnonzero(leaves.any(axis=1)).tolist()
            np.copyto(diagonal[:, 3:], FIXED, where=leaves)
            np.copyto(side[:, 3:], FIXED * clipped, where=leaves)
        return step
