"""HumanArt average precision, overall and by scenario, from one run."""

from __future__ import annotations

import numpy as np

from mmpose.evaluation.functional import (
    FILE_NAME,
    KeypointDetections,
    evaluate_humanart,
    load_ground_truth,
)
from mmpose.evaluation.metrics.oks_metric import OksMetric
from mmpose.registry import METRICS


@METRICS.register_module()
class HumanArtMetric(OksMetric):
    """AP of HumanArt; the folders in the file names tell the scenario and its group.

    Figures: the ten of COCO, ``humanart/AP``, ``AP .5``, ..., ``AR (L)``; then ``{group} AP``, such
    as ``real_human AP``, and ``{scenario} AP``, such as ``cartoon AP``. The arguments are those of
    ``OksMetric``.
    """

    default_prefix = 'humanart'

    def figures(self, detections: KeypointDetections, sigmas: np.ndarray) -> dict[str, float]:
        gt = load_ground_truth(self._annotation_file(), len(sigmas), image_extras=(FILE_NAME,))
        return evaluate_humanart(gt, detections, sigmas)
