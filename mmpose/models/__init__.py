"""Networks: backbones, heads, losses, text encoders, and the estimators that join them.

Plain torch, batched.
"""

from mmpose.models import backbones, heads, language, losses, parse_graph
from mmpose.models.data_preprocessor import PoseDataPreprocessor
from mmpose.models.feature_map_processor import FeatureMapProcessor
from mmpose.models.pose_estimators import (
    MultiHeadPoseEstimator,
    PGVLPoseEstimator,
    TopdownPoseEstimator,
    VLPoseEstimator,
)

__all__ = [
    'FeatureMapProcessor',
    'MultiHeadPoseEstimator',
    'PGVLPoseEstimator',
    'PoseDataPreprocessor',
    'TopdownPoseEstimator',
    'VLPoseEstimator',
    'backbones',
    'heads',
    'language',
    'losses',
    'parse_graph',
]
