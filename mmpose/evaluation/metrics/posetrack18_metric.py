"""PoseTrack18 average precision of joints."""

from __future__ import annotations

import numpy as np

from mmpose.evaluation.functional import (
    KeypointDetections,
    evaluate_posetrack18,
    load_posetrack18,
)
from mmpose.evaluation.metrics.oks_metric import OksMetric
from mmpose.registry import METRICS


@METRICS.register_module()
class PoseTrack18Metric(OksMetric):
    """AP of joint groups on PoseTrack18; annotations state the head box (``bbox_head``).

    Figures, in percent: ``posetrack18/Head AP``, ``Shou AP``, ``Elb AP``, ``Wri AP``, ``Hip AP``,
    ``Knee AP``, ``Ankl AP``, ``Total AP``. Joints are ranked by their own scores; the score of the
    pose only decides which repeated poses go. The arguments are those of ``OksMetric``.
    """

    default_prefix = 'posetrack18'

    def figures(self, detections: KeypointDetections, sigmas: np.ndarray) -> dict[str, float]:
        return evaluate_posetrack18(load_posetrack18(self._annotation_file()), detections)
