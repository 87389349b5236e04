"""Metrics of the runner: they collect PoseResults and leave the arithmetic to ``functional``."""

from mmpose.evaluation.metrics.coco_metric import CocoMetric
from mmpose.evaluation.metrics.coco_wholebody_metric import CocoWholeBodyMetric
from mmpose.evaluation.metrics.crowdpose_metric import CrowdPoseMetric
from mmpose.evaluation.metrics.gathered_metric import GatheredMetric
from mmpose.evaluation.metrics.humanart_metric import HumanArtMetric
from mmpose.evaluation.metrics.keypoint_metrics import AUC, EPE, NME, PCKAccuracy
from mmpose.evaluation.metrics.mpii_metric import MpiiPCKh
from mmpose.evaluation.metrics.per_dataset import PerDatasetMetric
from mmpose.evaluation.metrics.posetrack18_metric import PoseTrack18Metric
from mmpose.evaluation.metrics.prediction_dump import PredictionDump

__all__ = [
    'AUC',
    'EPE',
    'NME',
    'CocoMetric',
    'CocoWholeBodyMetric',
    'CrowdPoseMetric',
    'GatheredMetric',
    'HumanArtMetric',
    'MpiiPCKh',
    'PCKAccuracy',
    'PerDatasetMetric',
    'PoseTrack18Metric',
    'PredictionDump',
]
