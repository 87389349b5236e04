"""Heads: from backbone features to heatmaps."""

from mmpose.models.heads.heatmap_head import HeatmapHead

__all__ = ['HeatmapHead']
