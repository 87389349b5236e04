"""Base class of the metrics that compare each pose with the annotation of its own box."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import numpy as np

from mmpose.evaluation.functional import (
    KeypointGroundTruth,
    find_instances,
    load_instances,
    write_detections,
)
from mmpose.evaluation.metrics.gathered_metric import GatheredMetric
from mmpose.evaluation.metrics.pose_arrays import PoseColumns, result_path, to_detections


class InstanceMetric(GatheredMetric):
    """Pairs poses with ground truth by ``ann_id``, writes the result file, and evaluates.

    Args:
        ann_file: COCO annotations; the ground truth of the dataset if None.
        outfile_prefix: Path of the result file without ``_keypoints.json``; None writes nothing.
        prefix: First part of the metric names.
    """

    needs_gt_boxes = True
    writes_results = True

    def __init__(
        self,
        ann_file: str | None = None,
        outfile_prefix: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self.ann_file = ann_file
        self.outfile_prefix = outfile_prefix

    def compute_metrics(self, results: PoseColumns) -> dict[str, float]:
        """Writes and evaluates the poses.

        Args:
            results: One pose per annotation; detected boxes have no annotation to compare with.
        """
        if self.outfile_prefix is not None:
            self.write(results, result_path(self.outfile_prefix))
        gt = self.ground_truth()
        rows = find_instances(gt, results['ann_id'], results['img_id'], type(self).__name__)
        num = results['keypoints'].shape[1]
        if num != gt.num_keypoints:
            raise ValueError(
                f'{type(self).__name__}: poses have {num} keypoints but {gt.source} has '
                f'{gt.num_keypoints}; evaluate a model of this skeleton'
            )
        return self.evaluate_keypoints(results['keypoints'].astype(np.float64), gt.take(rows))

    @abstractmethod
    def evaluate_keypoints(
        self, keypoints: np.ndarray, gt: KeypointGroundTruth
    ) -> dict[str, float]:
        """Metrics of poses.

        Args:
            keypoints: (N, K, 2), img px.
        """

    def ground_truth(self) -> KeypointGroundTruth:
        """All annotated instances."""
        if self.ann_file is None:
            return self._from_dataset('ground_truth')()
        num = self._skeleton().num_keypoints
        return load_instances(self.ann_file, num, self.extras(), self._layout())

    def extras(self) -> tuple[str, ...]:
        """Fields of the annotations in ``ann_file`` that the metrics need."""
        return ()

    def write(self, poses: PoseColumns, path: Path) -> None:
        """Writes the result file: COCO results with ``ann_id``."""
        detections = to_detections(poses, poses['bbox_score'].astype(np.float64), with_ann_id=True)
        write_detections(path, detections)
