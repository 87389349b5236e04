"""Inverse kinematics solver of one person: 2D keypoints -> 3D joints and joint rotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.structures import DatasetMeta
from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.lifting import BoneLengthLifter, Lifter
from realtime_pose.ik.rig import BONE_NAMES, Proportions, Rig
from realtime_pose.ik.rig_solver import RigPose, RigSolver

Array = NDArray[np.float64]

METHOD_2D = '2d'
METHOD_TRIANGULATED = 'triangulated (exact)'
# A depth whose sign was guessed wrong is corrected at this rate, rad per frame, instead of at once.
MAX_TURN = np.radians(25.0)


@dataclass
class IKSolution:
    """3D solution of one person.

    Attributes:
        joints_3d: (K, 3), m, in the axes of the rig. NaN where unknown.
        keypoints_2d: (K, 2), img px. As they came.
        method: Method of the 3D joints: ``2d`` (none), ``bone_lengths (approximate)``,
            ``triangulated (exact)``, or that of a custom lifter.
        rotations: Bone -> (4,) local rotation; None if unknown.
        root: (3,), m. Position of ``hips``.
        error: Mean distance, m, between the joints of the rig and their targets.
    """

    joints_3d: Array
    keypoints_2d: Array
    method: str = METHOD_2D
    rotations: dict[str, Array] | None = None
    root: Array | None = None
    error: float | None = None

    def use(self, pose: RigPose) -> None:
        """Takes over rotations, root and error of a pose."""
        self.rotations = dict(zip(BONE_NAMES, pose.rotations, strict=True))
        self.root, self.error = pose.root, pose.error


class SimpleIKSolver:
    """Solver of one person: lifts 2D keypoints, and fits the rotations of a humanoid.

    The joints that come out are those of the rig: constant bone lengths, joints within their
    limits, no jumps between frames. From one camera the lowest foot stands on the ground, y = 0,
    and the hips are above the origin, since it shows neither the distance nor the floor.

    Args:
        depth_scale: Factor on the depth (z) of ``joints_3d``, for display; 0 is flat. Rotations
            are those of the body as it is.
        skeleton: Name or table of the skeleton of the keypoints.
        body: Lengths of the bones; an adult of 1.70 m when not given.
        lifter: Finds 3D joints; by bone lengths when not given.
        min_score: Keypoints below it count as unknown.

    Raises:
        ValueError: If the skeleton lacks a joint of the arms or legs.
    """

    def __init__(
        self,
        depth_scale: float = 1.0,
        skeleton: str | DatasetMeta = 'coco',
        body: Proportions | None = None,
        lifter: Lifter | None = None,
        min_score: float = 0.3,
    ) -> None:
        self.depth_scale = depth_scale
        self.joints = BodyJoints.of_skeleton(skeleton)
        self.rig = Rig.from_proportions(body or Proportions())
        self.lifter = lifter or BoneLengthLifter(self.joints, self.rig.proportions, min_score)
        is_guess = '(approximate)' in self.lifter.method
        self._feet = [self.joints.names.index(f'{side}_ankle') for side in ('left', 'right')]
        self._solver = RigSolver(self.rig, self.joints, max_turn=MAX_TURN if is_guess else None)

    def reset(self) -> None:
        """Resets the state, e.g. for another person."""
        self.lifter.reset()
        self._solver.reset()

    def solve(self, keypoints: ArrayLike, scores: ArrayLike | None = None) -> IKSolution:
        """Returns 3D joints and rotations of the next frame.

        Args:
            keypoints: (K, 2), img px. NaN where unknown. None at all, (0, 2), gives none back.
            scores: (K,). Confidence of each keypoint; 1 when not given.

        Raises:
            ValueError: If the number of keypoints is not that of the skeleton.
        """
        values = None if scores is None else [scores]
        return self.solve_all([self], [keypoints], values)[0]

    @classmethod
    def solve_all(
        cls,
        solvers: Sequence[SimpleIKSolver],
        keypoints: Sequence[ArrayLike],
        scores: Sequence[ArrayLike] | None = None,
    ) -> list[IKSolution]:
        """Returns what :meth:`solve` does for P people, who are solved at once.

        Args:
            solvers: (P,). One for each person; they differ in bodies and in the frame before only.
            keypoints: (P,) of (K, 2), img px.
            scores: (P,) of (K,).

        Raises:
            ValueError: If the solvers have other options, or not K keypoints each.
        """
        points = [np.asarray(x, np.float64) for x in keypoints]
        values = [np.ones(len(x)) for x in points] if scores is None else scores
        solutions = [IKSolution(np.full((len(x), 3), np.nan), x.reshape(len(x), 2)) for x in points]
        rows = [i for i, x in enumerate(points) if x.size]  # none gives none back
        lifters = [solvers[i].lifter for i in rows]
        lifted = _lifted(lifters, [points[i] for i in rows], [values[i] for i in rows])
        found = [(i, own) for i, own in zip(rows, lifted, strict=True) if own is not None]
        poses = RigSolver.solve_all([solvers[i]._solver for i, _ in found], [x for _, x in found])
        for (i, joints), pose in zip(found, poses, strict=True):
            solutions[i].joints_3d, solutions[i].method = joints, solvers[i].lifter.method
            if pose is not None:
                solvers[i]._fit(solutions[i], pose)
        return solutions

    def solve_3d(
        self,
        joints_3d: ArrayLike,
        weights: ArrayLike | None = None,
        method: str = METHOD_TRIANGULATED,
    ) -> IKSolution:
        """Returns rotations for measured joints (K, 3), m, which stay unchanged.

        Args:
            joints_3d: In the axes of the rig (y up). NaN where unknown.
            weights: (K,). How much each counts; 1 when not given.
            method: Method of the joints.
        """
        joints = np.array(joints_3d, np.float64)
        solution = IKSolution(joints, np.full((len(joints), 2), np.nan), method)
        pose = self._solver.solve(joints, weights)
        if pose is not None:
            solution.use(pose)
        return solution

    def _fit(self, solution: IKSolution, pose: RigPose) -> None:
        """Replaces the joints by those of the rig, stood on the ground with the hips above the
        origin."""
        is_unknown = ~np.isfinite(solution.joints_3d).all(axis=-1)
        solution.use(pose)
        lowest = min(pose.markers[self._feet, 1].tolist()) - pose.root[1]
        solution.root = np.array([0.0, self.rig.ankle_height - lowest, 0.0])
        joints = self.joints.place(pose.markers + (solution.root - pose.root))
        joints[is_unknown] = np.nan
        joints[:, 2] *= self.depth_scale
        solution.joints_3d = joints


def _lifted(
    lifters: Sequence[Lifter], keypoints: Sequence[Array], scores: Sequence[ArrayLike]
) -> Sequence[Array | None]:
    if all(type(x) is BoneLengthLifter for x in lifters):
        return BoneLengthLifter.lift_all(lifters, keypoints, scores)
    trios = zip(lifters, keypoints, scores, strict=True)
    return [lifter.lift(points, np.asarray(own, np.float64)) for lifter, points, own in trios]


def solve_ik(keypoints: ArrayLike) -> IKSolution:
    """Returns 3D joints and rotations for the 17 keypoints of COCO (17, 2) in a single image."""
    return SimpleIKSolver().solve(keypoints)
