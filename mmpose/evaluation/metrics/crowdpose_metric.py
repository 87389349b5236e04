"""CrowdPose average precision, also by how crowded the images are."""

from __future__ import annotations

import numpy as np

from mmpose.evaluation.functional import (
    CROWD_INDEX,
    KeypointDetections,
    evaluate_crowdpose,
    load_ground_truth,
)
from mmpose.evaluation.metrics.oks_metric import OksMetric
from mmpose.registry import METRICS


@METRICS.register_module()
class CrowdPoseMetric(OksMetric):
    """AP and AR of CrowdPose; the annotation file states the ``crowdIndex`` of each image.

    Figures: ``crowdpose/AP``, ``AP .5``, ``AP .75``, ``AR``, ``AR .5``, ``AR .75``, ``AP(E)``,
    ``AP(M)``, ``AP(H)`` (easy, medium and hard images). The arguments are those of ``OksMetric``.
    """

    default_prefix = 'crowdpose'

    def figures(self, detections: KeypointDetections, sigmas: np.ndarray) -> dict[str, float]:
        gt = load_ground_truth(self._annotation_file(), len(sigmas), image_extras=(CROWD_INDEX,))
        return evaluate_crowdpose(gt, detections, sigmas)
