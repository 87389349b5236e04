"""Annotation formats, pipelines, samplers and batches."""

from mmpose.datasets.base import KeypointDataset
from mmpose.datasets.coco import CocoDataset
from mmpose.datasets.coco_wholebody import CocoWholeBodyDataset
from mmpose.datasets.collate import collate_poses
from mmpose.datasets.combined import CombinedDataset
from mmpose.datasets.interhand2d import InterHand2DDataset
from mmpose.datasets.mpii import MpiiDataset
from mmpose.datasets.samplers import PoseSampler, SampleIndex

__all__ = [
    'CocoDataset', 'CocoWholeBodyDataset', 'CombinedDataset', 'InterHand2DDataset',
    'KeypointDataset', 'MpiiDataset', 'PoseSampler', 'SampleIndex', 'collate_poses',
]  # fmt: skip
