"""Metric arithmetic: arrays in, numbers out; no model and no runner."""

from mmpose.coco.files import load_detections, load_ground_truth, write_detections
from mmpose.coco.keypoint_arrays import HEAD_SIZE, KeypointDetections, KeypointGroundTruth
from mmpose.evaluation.functional.coco_ap import (
    evaluate_coco,
    format_scores,
    match_poses,
)
from mmpose.evaluation.functional.coco_backends import (
    BACKENDS,
    evaluate_files,
    evaluate_with_backend,
)
from mmpose.evaluation.functional.crowdpose import CROWD_INDEX, evaluate_crowdpose
from mmpose.evaluation.functional.eval_configs import (
    EVAL_CONFIGS,
    evaluate_detections,
    evaluate_keypoints,
    evaluate_results,
    find_eval_config,
    nme_keypoints,
)
from mmpose.evaluation.functional.humanart import FILE_NAME, evaluate_humanart
from mmpose.evaluation.functional.instances import find_instances, load_instances
from mmpose.evaluation.functional.keypoint_errors import (
    BBOX,
    DistanceMetric,
    Norm,
    area_under_curve,
    keypoint_accuracies,
    keypoint_distances,
    mean_distance,
    pck_accuracy,
)
from mmpose.evaluation.functional.mpii import (
    evaluate_mpii,
    load_mpii_annotations,
    mpii_ground_truth,
    write_pred_mat,
)
from mmpose.evaluation.functional.nms import oks_nms, soft_oks_nms
from mmpose.evaluation.functional.oks import oks_iou
from mmpose.evaluation.functional.posetrack import evaluate_posetrack18, load_posetrack18
from mmpose.evaluation.functional.wholebody import WHOLEBODY_FIELDS, evaluate_wholebody

__all__ = [
    'BACKENDS', 'BBOX', 'CROWD_INDEX', 'EVAL_CONFIGS', 'FILE_NAME', 'HEAD_SIZE',
    'WHOLEBODY_FIELDS', 'DistanceMetric', 'KeypointDetections', 'KeypointGroundTruth', 'Norm',
    'area_under_curve', 'evaluate_coco', 'evaluate_crowdpose', 'evaluate_detections',
    'evaluate_files', 'evaluate_humanart', 'evaluate_keypoints', 'evaluate_mpii',
    'evaluate_posetrack18', 'evaluate_results', 'evaluate_wholebody', 'evaluate_with_backend',
    'find_eval_config', 'find_instances', 'format_scores', 'keypoint_accuracies',
    'keypoint_distances', 'load_detections', 'load_ground_truth', 'load_instances',
    'load_mpii_annotations', 'load_posetrack18', 'match_poses', 'mean_distance',
    'mpii_ground_truth', 'nme_keypoints', 'oks_iou', 'oks_nms', 'pck_accuracy', 'soft_oks_nms',
    'write_detections', 'write_pred_mat',
]  # fmt: skip
