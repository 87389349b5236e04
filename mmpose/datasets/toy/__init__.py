"""A generated dataset of drawn people with COCO keypoints, to try everything without downloads."""

from mmpose.datasets.toy.folder import ToySpec
from mmpose.datasets.toy.generate import ToySummary, generate_toy_dataset

__all__ = ['ToySpec', 'ToySummary', 'generate_toy_dataset']
