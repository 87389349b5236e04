"""Codecs: heatmap encoding and decoding of keypoints, and alignment of flipped heatmaps."""

from mmpose.codecs.base import Codec
from mmpose.codecs.megvii_heatmap import MegviiHeatmap
from mmpose.codecs.msra_heatmap import MSRAHeatmap
from mmpose.codecs.udp_combined_heatmap import UDPCombinedHeatmap
from mmpose.codecs.udp_heatmap import UDPHeatmap

__all__ = ['Codec', 'MSRAHeatmap', 'MegviiHeatmap', 'UDPCombinedHeatmap', 'UDPHeatmap']
