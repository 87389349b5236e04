"""COCO average precision of poses."""

from __future__ import annotations

import numpy as np

from mmpose.evaluation.functional import (
    BACKENDS,
    KeypointDetections,
    KeypointGroundTruth,
    evaluate_coco,
    evaluate_with_backend,
    load_ground_truth,
)
from mmpose.evaluation.metrics.oks_metric import OksMetric
from mmpose.registry import METRICS


@METRICS.register_module()
class CocoMetric(OksMetric):
    """AP and AR over OKS thresholds, on whichever dataset has COCO annotations and sigmas.

    COCO, OCHuman, AIC (``use_area=False``), AP-10K, APT-36K, Animal-Pose and others; figures are
    averaged over the categories of the annotation file. Their names: ``coco/AP``, ``AP .5``,
    ``AP .75``, ``AP (M)``, ``AP (L)``, ``AR``, ``AR .5``, ``AR .75``, ``AR (M)``, ``AR (L)``.

    Args:
        use_area: Whether the annotated area is the object area; else 0.53 of the box is.
        backend: Evaluator: ``numpy`` (of this package), ``xtcocotools`` or ``faster_coco_eval``.

    The other arguments are those of ``OksMetric``.
    """

    default_prefix = 'coco'

    def __init__(
        self,
        ann_file: str | None = None,
        score_mode: str = 'bbox_keypoint',
        keypoint_score_thr: float = 0.2,
        nms_mode: str = 'oks_nms',
        nms_thr: float = 0.9,
        use_area: bool = True,
        format_only: bool = False,
        out_dir: str | None = None,
        backend: str = 'numpy',
        prefix: str | None = None,
    ) -> None:
        super().__init__(
            ann_file=ann_file,
            score_mode=score_mode,
            keypoint_score_thr=keypoint_score_thr,
            nms_mode=nms_mode,
            nms_thr=nms_thr,
            format_only=format_only,
            out_dir=out_dir,
            prefix=prefix,
        )
        self._check_choice('backend', backend, BACKENDS)
        self.use_area = use_area
        self.backend = backend
        self._ground_truth: KeypointGroundTruth | None = None

    def figures(self, detections: KeypointDetections, sigmas: np.ndarray) -> dict[str, float]:
        ann_file = self._annotation_file()
        if self.backend != 'numpy':
            return evaluate_with_backend(ann_file, detections, sigmas, self.use_area, self.backend)
        if self._ground_truth is None or self._ground_truth.source != ann_file:
            self._ground_truth = load_ground_truth(ann_file, len(sigmas))
        return evaluate_coco(self._ground_truth, detections, sigmas, self.use_area).summary()
