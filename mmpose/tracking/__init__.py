"""Who is who from frame to frame, and how they move: ids, smoothing, gaps. Plain numpy."""

from mmpose.tracking.boxes import boxes_from_poses, without_doubles
from mmpose.tracking.gaps import fill_gaps
from mmpose.tracking.smoothing import KeypointSmoother
from mmpose.tracking.tracker import PoseTracker

__all__ = ['KeypointSmoother', 'PoseTracker', 'boxes_from_poses', 'fill_gaps', 'without_doubles']
