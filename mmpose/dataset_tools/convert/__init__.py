"""Conversion between COCO keypoint files and the formats of annotation tools."""

from mmpose.dataset_tools.convert.convert import FORMATS, convert_annotations

__all__ = ['FORMATS', 'convert_annotations']
