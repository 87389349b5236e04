"""Estimators: a backbone, a head, and what turns their output into poses."""

from mmpose.models.pose_estimators.multi_head import MultiHeadPoseEstimator
from mmpose.models.pose_estimators.pgvl import PGVLPoseEstimator
from mmpose.models.pose_estimators.topdown import TopdownPoseEstimator

__all__ = ['MultiHeadPoseEstimator', 'PGVLPoseEstimator', 'TopdownPoseEstimator']
