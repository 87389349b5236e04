"""Heads: from backbone features to heatmaps."""

from mmpose.models.heads.heatmap_head import HeatmapHead
from mmpose.models.heads.two_branch_head import TwoBranchHead

__all__ = ['HeatmapHead', 'TwoBranchHead']
