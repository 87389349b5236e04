"""Annotation formats, pipelines, samplers and batches."""

from mmpose.datasets.base import KeypointDataset
from mmpose.datasets.coco import CocoDataset
from mmpose.datasets.collate import collate_poses
from mmpose.datasets.samplers import Draw, PoseSampler

__all__ = ['CocoDataset', 'Draw', 'KeypointDataset', 'PoseSampler', 'collate_poses']
