"""COCO-WholeBody average precision of body, feet, face, hands and the whole."""

from __future__ import annotations

import numpy as np

from mmpose.evaluation.functional import (
    WHOLEBODY_FIELDS,
    KeypointDetections,
    evaluate_wholebody,
    load_ground_truth,
)
from mmpose.evaluation.metrics.oks_metric import OksMetric
from mmpose.registry import METRICS


@METRICS.register_module()
class CocoWholeBodyMetric(OksMetric):
    """AP and AR of the parts of COCO-WholeBody and of all 133 joints.

    Figures: the ten of COCO for each of ``body``, ``foot``, ``face``, ``left hand``, ``right hand``
    and ``whole``: ``coco_wholebody/body AP``, ``body AP .5``, ..., ``whole AR (L)``; papers report
    ``whole AP``. The result file has the joints of the parts in ``keypoints``, ``foot_kpts``,
    ``face_kpts``, ``lefthand_kpts`` and ``righthand_kpts``. The arguments are those of
    ``OksMetric``.
    """

    default_prefix = 'coco_wholebody'
    joint_fields = WHOLEBODY_FIELDS

    def figures(self, detections: KeypointDetections, sigmas: np.ndarray) -> dict[str, float]:
        gt = load_ground_truth(self._annotation_file(), WHOLEBODY_FIELDS)
        return evaluate_wholebody(gt, detections, sigmas)
