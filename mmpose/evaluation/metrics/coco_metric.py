"""COCO average precision of poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmpose.evaluation.functional import (
    BACKENDS,
    KeypointDetections,
    KeypointGroundTruth,
    evaluate_coco,
    evaluate_with_backend,
    load_ground_truth,
    oks_nms,
    soft_oks_nms,
    write_detections,
)
from mmpose.evaluation.metrics.gathered_metric import GatheredMetric
from mmpose.evaluation.metrics.pose_arrays import PoseArrays
from mmpose.registry import METRICS

RESULT_FILE = 'result_keypoints.json'
SCORE_MODES = ('bbox_keypoint', 'bbox', 'keypoint')
NMS_MODES = ('oks_nms', 'soft_oks_nms', 'none')


@METRICS.register_module()
class CocoMetric(GatheredMetric):
    """AP and AR over OKS thresholds, on whichever dataset has COCO annotations and sigmas.

    Args:
        ann_file: COCO annotations; those of the dataset if None.
        score_mode: Score of a pose: ``bbox_keypoint`` is the box score times the mean of the joint
            scores above ``keypoint_score_thr``, ``bbox`` and ``keypoint`` are one factor of it.
        keypoint_score_thr: Joints at or below this do not count in the mean.
        nms_mode: ``oks_nms`` drops poses that repeat a better one of the image, ``soft_oks_nms``
            keeps 20 per image, ``none`` keeps all.
        nms_thr: OKS threshold, or softness, of the suppression.
        use_area: Whether the annotated area is the object area; else 0.53 of the box is.
        format_only: Only write the result file, for data without public annotations.
        out_dir: Folder in which ``result_keypoints.json`` is written; None writes nothing.
        backend: Evaluator: ``numpy`` (of this package), ``xtcocotools`` or ``faster_coco_eval``.
        prefix: First part of the names of the figures.
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
        super().__init__(prefix=prefix)
        _check_choice('score_mode', score_mode, SCORE_MODES)
        _check_choice('nms_mode', nms_mode, NMS_MODES)
        _check_choice('backend', backend, BACKENDS)
        if format_only and out_dir is None:
            raise ValueError('CocoMetric has format_only=True but no out_dir; set out_dir')
        if ann_file is not None and not Path(ann_file).is_file():
            raise FileNotFoundError(f'{ann_file}: no such file; set ann_file of CocoMetric')
        self.ann_file = ann_file
        self.score_mode = score_mode
        self.keypoint_score_thr = keypoint_score_thr
        self.nms_mode = nms_mode
        self.nms_thr = nms_thr
        self.use_area = use_area
        self.format_only = format_only
        self.out_dir = out_dir
        self.backend = backend
        self._ground_truth: KeypointGroundTruth | None = None

    def compute_metrics(self, results: PoseArrays) -> dict[str, float]:
        """Scores, suppresses, writes and evaluates the poses.

        Args:
            results: One pose per sample of the dataset.

        Returns:
            ``AP``, ``AP .5``, ..., ``AR (L)``; nothing if ``format_only``.
        """
        sigmas = self._sigmas()
        detections = self._detections(results, sigmas)
        if self.out_dir is not None:
            write_detections(Path(self.out_dir) / RESULT_FILE, detections)
        if self.format_only:
            return {}
        ann_file = self._annotation_file()
        if self.backend != 'numpy':
            return evaluate_with_backend(ann_file, detections, sigmas, self.use_area, self.backend)
        if self._ground_truth is None or self._ground_truth.source != ann_file:
            self._ground_truth = load_ground_truth(ann_file, len(sigmas))
        return evaluate_coco(self._ground_truth, detections, sigmas, self.use_area).summary()

    def _annotation_file(self) -> str:
        return str(self.ann_file or self._from_dataset('ann_file'))

    def _sigmas(self) -> np.ndarray:
        skeleton = self._skeleton()
        if skeleton.sigmas is None:
            raise ValueError(
                f"skeleton '{skeleton.name}' has no sigmas, which OKS needs; use another metric, "
                'such as PCKAccuracy'
            )
        return skeleton.sigmas

    def _detections(self, poses: PoseArrays, sigmas: np.ndarray) -> KeypointDetections:
        detections = KeypointDetections(
            image_id=poses.img_id,
            category_id=poses.category_id,
            keypoints=poses.keypoints.astype(np.float64),
            keypoint_scores=poses.scores.astype(np.float64),
            scores=self._pose_scores(poses),
            source='poses of the model',
        )
        if self.nms_mode == 'none':
            return detections
        suppress = oks_nms if self.nms_mode == 'oks_nms' else soft_oks_nms
        kept = suppress(
            detections.keypoints,
            detections.scores,
            poses.area.astype(np.float64),
            sigmas,
            self.nms_thr,
            image_index=np.unique(poses.img_id, return_inverse=True)[1],
        )
        return detections.take(kept)

    def _pose_scores(self, poses: PoseArrays) -> np.ndarray:
        bbox_score = poses.bbox_score.astype(np.float64)
        if self.score_mode == 'bbox':
            return bbox_score
        is_confident = poses.scores > self.keypoint_score_thr  # (N, K)
        total = np.where(is_confident, poses.scores, 0).sum(axis=1, dtype=np.float64)
        keypoint_score = total / np.maximum(is_confident.sum(axis=1), 1)
        return keypoint_score if self.score_mode == 'keypoint' else bbox_score * keypoint_score


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} of CocoMetric is '{value}'; expected one of {', '.join(choices)}")
