"""Inverse kinematics: 2D keypoints -> 3D joints -> joint rotations of a humanoid."""

from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.body_size import estimate_body, measure_body
from realtime_pose.ik.cameras import Camera, load_cameras
from realtime_pose.ik.ik_solver import IKSolution, SimpleIKSolver, solve_ik
from realtime_pose.ik.lifting import BoneLengthLifter, Lifter
from realtime_pose.ik.matching import View, ViewMatcher
from realtime_pose.ik.measured_solver import MeasuredIKSolver
from realtime_pose.ik.rig import Proportions, Rig
from realtime_pose.ik.rig_solver import RigPose, RigSolver
from realtime_pose.ik.triangulation import Triangulation, triangulate

__all__ = [
    'BodyJoints',
    'BoneLengthLifter',
    'Camera',
    'IKSolution',
    'Lifter',
    'MeasuredIKSolver',
    'Proportions',
    'Rig',
    'RigPose',
    'RigSolver',
    'SimpleIKSolver',
    'Triangulation',
    'View',
    'ViewMatcher',
    'estimate_body',
    'load_cameras',
    'measure_body',
    'solve_ik',
    'triangulate',
]
