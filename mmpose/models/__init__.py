"""Networks: backbones, heads, losses and the estimators that join them. Plain torch, batched."""

from mmpose.models import backbones, heads, language, losses
from mmpose.models.data_preprocessor import PoseDataPreprocessor
from mmpose.models.pose_estimators import (
    MultiHeadPoseEstimator,
    TopdownPoseEstimator,
    VLPoseEstimator,
)

__all__ = [
    'MultiHeadPoseEstimator',
    'PoseDataPreprocessor',
    'TopdownPoseEstimator',
    'VLPoseEstimator',
    'backbones',
    'heads',
    'language',
    'losses',
]
