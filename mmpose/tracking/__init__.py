"""Tracking: ids from frame to frame, keypoint smoothing, gap filling, boxes from poses. Numpy."""

from mmpose.tracking.boxes import boxes_from_poses, suppress_duplicates
from mmpose.tracking.gaps import fill_gaps
from mmpose.tracking.smoothing import KeypointSmoother
from mmpose.tracking.tracker import PoseTracker

__all__ = [
    'KeypointSmoother',
    'PoseTracker',
    'boxes_from_poses',
    'fill_gaps',
    'suppress_duplicates',
]
