"""Stages of the live pipeline: detection, pose estimation, tracking, smoothing, 3D lifting."""

from realtime_pose.inference.model_choice import ModelChoice, available_models, default_model
from realtime_pose.inference.vitpose_inference import PoseResult, ViTPoseEstimator, infer_pose

__all__ = [
    'ModelChoice',
    'PoseResult',
    'ViTPoseEstimator',
    'available_models',
    'default_model',
    'infer_pose',
]
