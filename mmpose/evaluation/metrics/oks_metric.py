"""Base class of the metrics that match poses to instances by OKS."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from mmpose.evaluation.functional import KeypointDetections, oks_nms, soft_oks_nms, write_detections
from mmpose.evaluation.metrics.gathered_metric import GatheredMetric
from mmpose.evaluation.metrics.pose_arrays import PoseColumns, result_path, to_detections

SCORE_MODES = ('bbox_keypoint', 'bbox', 'keypoint')
NMS_MODES = ('oks_nms', 'soft_oks_nms', 'none')


class OksMetric(GatheredMetric):
    """Scores poses, removes repeated ones (NMS by OKS), writes the result file, and evaluates.

    A metric of another dataset subclasses this and implements ``evaluate_detections``.

    Args:
        ann_file: Annotations; those of the dataset if None.
        score_mode: Score of a pose: ``bbox_keypoint`` is the box score times the mean of the
            keypoint scores above ``keypoint_score_thr``, or times the expected OKS that a
            calibrated model gives, ``bbox`` the box score alone, and ``keypoint`` the mean of all
            keypoint scores.
        keypoint_score_thr: Keypoints with this score or less are omitted from the mean of
            ``bbox_keypoint``.
        nms_mode: ``oks_nms`` drops poses that repeat a better one of the image, whatever their
            categories; ``soft_oks_nms`` keeps 20 per image, ``none`` keeps all.
        nms_thr: OKS threshold, or softness, of the suppression.
        format_only: Only write the result file, for data without public annotations.
        outfile_prefix: Path of the result file without ``_keypoints.json``; None writes nothing.
        prefix: First part of the metric names.

    Attributes:
        keypoint_fields: Fields of the result file that hold the keypoints, with the number of
            each; all in ``keypoints`` if None.
        use_area: Whether the annotated area is the object area; else 0.53 of the box is.
    """

    primary_metrics: ClassVar[Mapping[str, int]] = {'AP': 0}
    aliases = ('mAP',)
    needs_sigmas = True
    annotation_layout = 'coco'
    writes_results = True
    keypoint_fields: ClassVar[Mapping[str, int] | None] = None
    use_area = True

    def __init__(
        self,
        ann_file: str | None = None,
        score_mode: str = 'bbox_keypoint',
        keypoint_score_thr: float = 0.2,
        nms_mode: str = 'oks_nms',
        nms_thr: float = 0.9,
        format_only: bool = False,
        outfile_prefix: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self._check_choice('score_mode', score_mode, SCORE_MODES)
        self._check_choice('nms_mode', nms_mode, NMS_MODES)
        name = type(self).__name__
        if format_only and outfile_prefix is None:
            raise ValueError(
                f'{name} has format_only=True but no outfile_prefix; set outfile_prefix'
            )
        if ann_file is not None and not Path(ann_file).is_file():
            raise FileNotFoundError(f'{ann_file}: no such file; set ann_file of {name}')
        self.ann_file = ann_file
        self.score_mode = score_mode
        self.keypoint_score_thr = keypoint_score_thr
        self.nms_mode = nms_mode
        self.nms_thr = nms_thr
        self.format_only = format_only
        self.outfile_prefix = outfile_prefix

    def compute_metrics(self, results: PoseColumns) -> dict[str, float]:
        """Scores, suppresses, writes and evaluates the poses.

        Returns:
            The metrics; nothing if ``format_only``.
        """
        sigmas = self._skeleton().oks_sigmas('; use another metric, such as PCKAccuracy')
        detections = self._detections(results, sigmas)
        if self.outfile_prefix is not None:
            path = result_path(self.outfile_prefix)
            write_detections(path, detections, self.keypoint_fields)
        if self.format_only:
            return {}
        return self.evaluate_detections(detections, sigmas)

    @abstractmethod
    def evaluate_detections(
        self, detections: KeypointDetections, sigmas: np.ndarray
    ) -> dict[str, float]:
        """Metrics of scored and suppressed poses.

        Args:
            sigmas: (K,). OKS constants of the skeleton.
        """

    def _annotation_file(self) -> str:
        return str(self.ann_file or self._from_dataset('ann_file'))

    def _image_ids(self) -> np.ndarray | None:
        """The images of the samples that ``dataset.indices`` chooses; None for all of the file."""
        image_ids: np.ndarray | None = (self.dataset_meta or {}).get('chosen_images')
        if image_ids is not None:
            warnings.warn(
                f'{type(self).__name__}: dataset.indices chooses samples of {len(image_ids)} '
                f'images of {self._annotation_file()}; only these are evaluated',
                stacklevel=2,
            )
        return image_ids

    def _detections(self, poses: PoseColumns, sigmas: np.ndarray) -> KeypointDetections:
        detections = to_detections(poses, self._pose_scores(poses))
        if self.nms_mode == 'none':
            return detections
        suppress = oks_nms if self.nms_mode == 'oks_nms' else soft_oks_nms
        kept = suppress(
            detections.keypoints,
            detections.scores,
            poses['area'].astype(np.float64),
            sigmas,
            self.nms_thr,
            image_index=np.unique(poses['img_id'], return_inverse=True)[1],
        )
        return detections.take(kept)

    def _pose_scores(self, poses: PoseColumns) -> np.ndarray:
        bbox_score = poses['bbox_score'].astype(np.float64)
        if self.score_mode == 'bbox':
            return bbox_score
        if self.score_mode == 'keypoint':
            return poses['keypoint_scores'].mean(axis=1, dtype=np.float64)
        if 'pose_score' in poses:
            return bbox_score * poses['pose_score']
        is_confident = poses['keypoint_scores'] > self.keypoint_score_thr  # (N, K)
        total = np.where(is_confident, poses['keypoint_scores'], 0).sum(axis=1, dtype=np.float64)
        return bbox_score * (total / np.maximum(is_confident.sum(axis=1), 1))

    def _check_choice(self, name: str, value: str, choices: tuple[str, ...]) -> None:
        if value not in choices:
            raise ValueError(
                f"{name} of {type(self).__name__} is '{value}'; expected one of "
                f'{", ".join(choices)}'
            )
