"""Boxes, crop windows, dataset metainfo, frames and pose results, in plain numpy."""

from mmpose.structures.boxes import (
    Boxes,
    box_iou_xywh,
    clip_xywh,
    fix_aspect_ratio,
    xywh_to_center_wh,
)
from mmpose.structures.crop import CropWindow, invert_affine, transform_points, window_matrices
from mmpose.structures.dataset_meta import DatasetMeta
from mmpose.structures.pose_result import Frame, PoseResult, per_dataset

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
    'per_dataset',
    'transform_points',
    'window_matrices',
    'xywh_to_center_wh',
]
