"""Values that travel between the parts: crop windows, skeletons, results. Plain numpy."""

from mmpose.structures.bbox import (
    box_iou_xywh,
    clip_xywh,
    fix_aspect_ratio,
    xywh_to_center_wh,
)
from mmpose.structures.boxes import Boxes
from mmpose.structures.crop import (
    CropWindow,
    invert_affine,
    transform_points,
    window_matrices,
)
from mmpose.structures.dataset_meta import DatasetMeta
from mmpose.structures.frame import Frame
from mmpose.structures.pose_result import PoseResult

__all__ = [
    'Boxes',
    'CropWindow',
    'DatasetMeta',
    'Frame',
    'PoseResult',
    'box_iou_xywh',
    'clip_xywh',
    'fix_aspect_ratio',
    'invert_affine',
    'transform_points',
    'window_matrices',
    'xywh_to_center_wh',
]
