"""Conversion between COCO keypoint files and the formats of annotation tools."""

from mmpose.datasets.annotation_tools.convert import FORMATS, convert_annotations
from mmpose.datasets.annotation_tools.label_set import LabelledImage, LabelledInstance, LabelSet

__all__ = ['FORMATS', 'LabelSet', 'LabelledImage', 'LabelledInstance', 'convert_annotations']
