"""Networks: backbones, heads, losses and the estimators that join them. Plain torch, batched."""

from mmpose.models import backbones, heads, losses
from mmpose.models.data_preprocessor import PoseDataPreprocessor
from mmpose.models.pose_estimators import MultiHeadPoseEstimator, TopdownPoseEstimator

__all__ = [
    'MultiHeadPoseEstimator',
    'PoseDataPreprocessor',
    'TopdownPoseEstimator',
    'backbones',
    'heads',
    'losses',
]
