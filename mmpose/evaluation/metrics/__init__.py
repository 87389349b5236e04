"""Metrics of the runner: they collect PoseResults and leave the arithmetic to ``functional``."""

from mmpose.evaluation.metrics.coco_metric import CocoMetric
from mmpose.evaluation.metrics.gathered_metric import GatheredMetric
from mmpose.evaluation.metrics.pck_metric import PCKAccuracy
from mmpose.evaluation.metrics.prediction_dump import PredictionDump

__all__ = ['CocoMetric', 'GatheredMetric', 'PCKAccuracy', 'PredictionDump']
