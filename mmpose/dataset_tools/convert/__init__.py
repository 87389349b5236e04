"""Conversion between COCO keypoint files and the formats of annotation tools."""

from mmpose.dataset_tools.convert.convert import FORMATS, convert_annotations
from mmpose.dataset_tools.convert.label_set import LabelledImage, LabelledInstance, LabelSet

__all__ = ['FORMATS', 'LabelSet', 'LabelledImage', 'LabelledInstance', 'convert_annotations']
