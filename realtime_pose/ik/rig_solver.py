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
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.pose_guess import Bodies, guess_poses
from realtime_pose.ik.pose_refinement import Problem, refined
from realtime_pose.ik.quaternions import same_hemisphere
from realtime_pose.ik.rig import Rig, rest_pose

Array = NDArray[np.float64]


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
        import scipy.linalg.lapack  # noqa: F401, now, and not within the first frame

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

        Raises:
            ValueError: If the solvers have other options, or not K joints each.
        """
        if not solvers:
            return []
        first = solvers[0]
        kinds = {(x.joints.key, x.num_steps, x.tolerance, x.max_turn) for x in solvers}
        if len(kinds) > 1:
            raise ValueError(
                f'solvers of {len(kinds)} kinds in one call; expected the same skeleton, '
                'num_steps, tolerance and max_turn for all'
            )
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
    problem = Problem.of(bodies, np.where(np.isnan(points), 0, points), share)
    guess = guess_poses(bodies, points, last)
    rotations, root = refined(problem, *guess, first.num_steps, first.tolerance)
    rotations = same_hemisphere(rotations, last)
    if first.max_turn is not None:  # half angles, of which none is above half of pi
        most = np.array([[[min(first.max_turn, np.pi) if x._has_last else np.pi]] for x in solvers])
        most *= 0.5
        half = np.arccos(np.minimum((last * rotations).sum(axis=-1, keepdims=True), 1))
        half = np.maximum(half, most)  # where it is less, nothing changes
        rotations = (np.sin(half - most) * last + np.sin(most) * rotations) / np.sin(half)
    state = problem.state(rotations[:, problem.layout.bones], root, np.empty(0))
    for solver, own in zip(solvers, rotations, strict=True):
        solver._last, solver._has_last = own, True
    parts = zip(rotations, root, state.error.tolist(), state.markers, strict=True)
    return [RigPose(*x) for x in parts]
