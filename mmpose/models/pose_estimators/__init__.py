"""Estimators: a backbone, a head, and what turns their output into poses."""

from mmpose.models.pose_estimators.multi_head import MultiHeadPoseEstimator
from mmpose.models.pose_estimators.pgvl import PGVLPoseEstimator
from mmpose.models.pose_estimators.topdown import TopdownPoseEstimator
from mmpose.models.pose_estimators.vlpose import VLPoseEstimator

__all__ = ['MultiHeadPoseEstimator', 'PGVLPoseEstimator', 'TopdownPoseEstimator', 'VLPoseEstimator']
