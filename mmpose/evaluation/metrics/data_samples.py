"""Evaluator that gives metrics written for MMPose 1.x the data samples that they read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import Evaluator

from mmpose.evaluation.functional import KeypointGroundTruth
from mmpose.registry import EVALUATOR
from mmpose.structures import PoseResult


@EVALUATOR.register_module()
class PoseEvaluator(Evaluator):
    """mmengine's evaluator; a metric without ``reads_results`` is given dicts as in MMPose 1.x.

    Each has ``img_id``, ``id``, ``category_id``, ``img_path``, ``pred_instances`` (``keypoints``
    (1, K, 2), ``keypoint_scores`` (1, K), ``bboxes`` (1, 4) as corners, ``bbox_scores`` (1,)) and,
    where the dataset has annotations, ``gt_instances`` (``keypoints``, ``keypoints_visible``,
    ``bboxes``, ``areas``), all in img px.
    """

    _truth: KeypointGroundTruth | None = None
    _rows: dict[int, int] | None = None

    def process(self, data_samples: Sequence[PoseResult], data_batch: Any = None) -> None:
        """Hands a batch of poses to each metric, in the form that it reads."""
        dicts: list[dict[str, Any]] = []
        for metric in self.metrics:
            if getattr(metric, 'reads_results', False):
                metric.process(data_batch, data_samples)
                continue
            dicts = dicts or [self._data_sample(pose) for pose in data_samples]
            metric.process(data_batch, dicts)

    def _data_sample(self, pose: PoseResult) -> dict[str, Any]:
        sample: dict[str, Any] = {
            'img_id': pose.img_id,
            'id': pose.ann_id,
            'category_id': pose.category_id,
            'img_path': pose.image_file,
            'dataset_idx': pose.dataset_idx,
            'pred_instances': {
                'keypoints': pose.keypoints[None],
                'keypoint_scores': pose.keypoint_scores[None],
                'bboxes': _corners(pose.bbox_xywh),
                'bbox_scores': np.array([pose.bbox_score], np.float32),
            },
        }
        if self._rows is None:
            self._read_truth()
        row = (self._rows or {}).get(pose.ann_id)
        if row is not None and self._truth is not None:
            sample['gt_instances'] = {
                'keypoints': self._truth.keypoints[row][None],
                'keypoints_visible': self._truth.keypoints_visible[row][None],
                'bboxes': _corners(self._truth.bbox_xywh[row]),
                'areas': self._truth.area[row : row + 1],
            }
        return sample

    def _read_truth(self) -> None:
        self._rows = {}
        meta = self.dataset_meta or {}
        try:
            self._truth = meta['ground_truth']()
        except (KeyError, ValueError):
            return  # a mixture, or detected boxes
        self._rows = {ann_id: row for row, ann_id in enumerate(self._truth.ann_id.tolist())}


def _corners(bbox_xywh: np.ndarray) -> np.ndarray:
    return np.concatenate([bbox_xywh[:2], bbox_xywh[:2] + bbox_xywh[2:]])[None]
