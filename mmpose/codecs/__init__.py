"""Keypoints to heatmaps and back: the only home of encoding, decoding and flip alignment."""

from mmpose.codecs.base import Codec
from mmpose.codecs.megvii_heatmap import MegviiHeatmap
from mmpose.codecs.msra_heatmap import MSRAHeatmap
from mmpose.codecs.token_cells import token_cells
from mmpose.codecs.udp_combined_heatmap import UDPCombinedHeatmap
from mmpose.codecs.udp_heatmap import UDPHeatmap

__all__ = [
    'Codec',
    'MSRAHeatmap',
    'MegviiHeatmap',
    'UDPCombinedHeatmap',
    'UDPHeatmap',
    'token_cells',
]
