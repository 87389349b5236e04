"""Inverse kinematics solver for measured 3D joints, with the bone lengths of the person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.structures import DatasetMeta
from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.body_size import measure_body
from realtime_pose.ik.ik_solver import METHOD_TRIANGULATED, IKSolution
from realtime_pose.ik.rig import Rig
from realtime_pose.ik.rig_solver import RigSolver

Array = NDArray[np.float64]

BODY_FRAMES = 64  # that lengths are the median of


class MeasuredIKSolver:
    """Solver of one person with measured joints in world coordinates.

    The joints stay unchanged. The bones of the rig get the lengths of the person, from ever more
    frames at first: after 1, 2, 4, ... of them.

    Args:
        skeleton: Name or table of the skeleton of the joints.

    Raises:
        ValueError: If the skeleton lacks a joint of the arms or legs.
    """

    def __init__(self, skeleton: str | DatasetMeta = 'coco') -> None:
        self.joints = BodyJoints.of_skeleton(skeleton)
        self._solver = RigSolver(Rig.default(), self.joints)
        self._seen: list[Array] = []

    @property
    def rig(self) -> Rig:
        """Bones with the lengths that are known by now."""
        return self._solver.rig

    def solve(self, joints_3d: ArrayLike) -> IKSolution:
        """Returns the rotations for joints (K, 3), m, y up. NaN where unknown."""
        return self.solve_all([self], [joints_3d])[0]

    @classmethod
    def solve_all(
        cls, solvers: Sequence[MeasuredIKSolver], joints_3d: Sequence[ArrayLike]
    ) -> list[IKSolution]:
        """Returns what :meth:`solve` does for P people, who are solved at once.

        Args:
            solvers: (P,). One for each person, of one skeleton.
            joints_3d: (P,) of (K, 3), m.
        """
        joints = [np.array(x, np.float64) for x in joints_3d]
        for solver, own in zip(solvers, joints, strict=True):
            solver._learn(own)
        poses = RigSolver.solve_all([x._solver for x in solvers], joints)
        solutions = [
            IKSolution(x, np.full((len(x), 2), np.nan), METHOD_TRIANGULATED) for x in joints
        ]
        for solution, pose in zip(solutions, poses, strict=True):
            if pose is not None:
                solution.use(pose)
        return solutions

    def _learn(self, joints: Array) -> None:
        if len(self._seen) == BODY_FRAMES:
            return
        self._seen.append(joints)
        if len(self._seen) & (len(self._seen) - 1):
            return  # no power of two
        try:
            body = measure_body(np.stack(self._seen), self.joints)
        except ValueError:  # not one limb was seen
            return
        self._solver.use_rig(Rig.from_proportions(body))
