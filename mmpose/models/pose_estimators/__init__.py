"""Estimators: a backbone, a head, and what turns their output into poses."""

from mmpose.models.pose_estimators.topdown import TopdownPoseEstimator

__all__ = ['TopdownPoseEstimator']
