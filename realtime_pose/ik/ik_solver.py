"""Inverse kinematics solver of one person: 2D keypoints -> 3D joints and joint rotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.structures import DatasetMeta
from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.lifting import BoneLengthLifter, Lifter
from realtime_pose.ik.rig import BONE_NAMES, Proportions, Rig
from realtime_pose.ik.rig_solver import RigSolver

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
        points = np.asarray(keypoints, np.float64)
        if points.size == 0:
            return IKSolution(np.empty((0, 3)), np.empty((0, 2)))
        values = np.ones(len(points)) if scores is None else np.asarray(scores, np.float64)
        lifted = self.lifter.lift(points, values)
        if lifted is None:
            return IKSolution(np.full((len(points), 3), np.nan), points)
        solution = self._fit(lifted, points, self.lifter.method)
        return solution if solution.root is None else self._grounded(solution)

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
        joints = np.asarray(joints_3d, np.float64)
        flat = np.full((len(joints), 2), np.nan)
        solution = self._fit(joints, flat, method, weights)
        solution.joints_3d = joints.copy()
        return solution

    def _fit(
        self, joints: Array, keypoints: Array, method: str, weights: ArrayLike | None = None
    ) -> IKSolution:
        pose = self._solver.solve(joints, weights)
        if pose is None:
            return IKSolution(joints, keypoints, method)
        fitted = self.rig.marker_positions(pose.rotations, pose.root, self.joints.names)
        fitted = self.joints.place(fitted)
        fitted[~np.isfinite(joints).all(axis=-1)] = np.nan
        rotations = dict(zip(BONE_NAMES, pose.rotations, strict=True))
        return IKSolution(fitted, keypoints, method, rotations, pose.root, pose.error)

    def _grounded(self, solution: IKSolution) -> IKSolution:
        """Moves the rig so that its lowest foot is on the ground and the hips above the origin."""
        assert solution.root is not None
        assert solution.rotations is not None
        local = np.stack(list(solution.rotations.values()))
        feet = ('left_ankle', 'right_ankle')
        lowest = self.rig.marker_positions(local, np.zeros(3), feet)[:, 1].min()
        root = np.array([0.0, self.rig.ankle_height - lowest, 0.0])
        solution.joints_3d += root - solution.root
        solution.joints_3d[:, 2] *= self.depth_scale
        solution.root = root
        return solution


def solve_ik(keypoints: ArrayLike) -> IKSolution:
    """Returns 3D joints and rotations for the 17 keypoints of COCO (17, 2) in a single image."""
    return SimpleIKSolver().solve(keypoints)
