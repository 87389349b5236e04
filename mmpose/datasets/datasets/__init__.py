"""Names of MMPose 1.x for what a dataset of the user's derives from."""

from mmpose.datasets.coco import CocoDataset
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

__all__ = ['BaseCocoStyleDataset', 'CocoDataset']
