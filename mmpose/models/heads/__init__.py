"""Heads: from backbone features to keypoints, by way of heatmaps or not."""

from mmpose.models.heads.base import PoseHead
from mmpose.models.heads.heatmap_head import HeatmapHead
from mmpose.models.heads.two_branch_head import TwoBranchHead
from mmpose.models.heads.visibility_head import VisibilityHead

__all__ = ['HeatmapHead', 'PoseHead', 'TwoBranchHead', 'VisibilityHead']
