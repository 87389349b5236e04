"""Metrics of the runner: they collect PoseResults and leave the arithmetic to ``functional``."""

from mmpose.evaluation.metrics.coco_metrics import (
    CocoMetric,
    CocoWholeBodyMetric,
    CrowdPoseMetric,
    HumanArtMetric,
    PoseTrack18Metric,
)
from mmpose.evaluation.metrics.gathered_metric import GatheredMetric, PredictionDump
from mmpose.evaluation.metrics.keypoint_metrics import AUC, EPE, NME, MpiiPCKAccuracy, PCKAccuracy
from mmpose.evaluation.metrics.metric_info import greater_is_better, primary_metric
from mmpose.evaluation.metrics.per_dataset import PerDatasetMetric

__all__ = [
    'AUC', 'EPE', 'NME', 'CocoMetric', 'CocoWholeBodyMetric', 'CrowdPoseMetric', 'GatheredMetric',
    'HumanArtMetric', 'MpiiPCKAccuracy', 'PCKAccuracy', 'PerDatasetMetric', 'PoseTrack18Metric',
    'PredictionDump', 'greater_is_better', 'primary_metric',
]  # fmt: skip
