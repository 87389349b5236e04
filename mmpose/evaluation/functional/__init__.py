"""Metric arithmetic: arrays in, numbers out; no model and no runner."""

from mmpose.evaluation.functional.coco_ap import (
    CocoScores,
    evaluate_coco,
    format_scores,
)
from mmpose.evaluation.functional.coco_backends import (
    BACKENDS,
    evaluate_files,
    evaluate_with_backend,
)
from mmpose.evaluation.functional.coco_io import (
    load_detections,
    load_ground_truth,
    write_detections,
)
from mmpose.evaluation.functional.keypoint_arrays import KeypointDetections, KeypointGroundTruth
from mmpose.evaluation.functional.nms import oks_nms, soft_oks_nms
from mmpose.evaluation.functional.oks import oks_iou
from mmpose.evaluation.functional.pck import pck_accuracy
from mmpose.evaluation.functional.synthetic import make_synthetic_coco, write_synthetic_coco

__all__ = [
    'BACKENDS',
    'CocoScores',
    'KeypointDetections',
    'KeypointGroundTruth',
    'evaluate_coco',
    'evaluate_files',
    'evaluate_with_backend',
    'format_scores',
    'load_detections',
    'load_ground_truth',
    'make_synthetic_coco',
    'oks_iou',
    'oks_nms',
    'pck_accuracy',
    'soft_oks_nms',
    'write_detections',
    'write_synthetic_coco',
]
