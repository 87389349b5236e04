"""Values that travel between the parts: crop windows, skeletons, results. Plain numpy."""

from mmpose.structures.bbox import clip_xywh, fix_aspect_ratio, xywh_to_center_wh
from mmpose.structures.crop import (
    CropWindow,
    invert_affine,
    transform_points,
    window_matrices,
)
from mmpose.structures.pose_meta import PoseMeta
from mmpose.structures.pose_result import PoseResult

__all__ = [
    'CropWindow',
    'PoseMeta',
    'PoseResult',
    'clip_xywh',
    'fix_aspect_ratio',
    'invert_affine',
    'transform_points',
    'window_matrices',
    'xywh_to_center_wh',
]
