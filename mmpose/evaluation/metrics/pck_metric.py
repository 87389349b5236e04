"""Percentage of correct keypoints on ground-truth boxes, a cheap figure for training curves."""

from __future__ import annotations

import numpy as np

from mmpose.evaluation.functional import load_ground_truth, pck_accuracy
from mmpose.evaluation.metrics.gathered_metric import GatheredMetric
from mmpose.evaluation.metrics.pose_arrays import PoseArrays
from mmpose.registry import METRICS


@METRICS.register_module()
class PCKAccuracy(GatheredMetric):
    """Share of labelled joints within ``thr`` of the box size of their annotation.

    Args:
        thr: Largest distance of a correct joint, in units of the norm.
        norm: ``bbox``, the longer side of the box.
        ann_file: COCO annotations; those of the dataset if None.
        prefix: First part of the name of the figure.
    """

    default_prefix = 'pck'

    def __init__(
        self,
        thr: float = 0.05,
        norm: str = 'bbox',
        ann_file: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        if norm != 'bbox':
            raise ValueError(f"norm of PCKAccuracy is '{norm}'; expected 'bbox'")
        self.thr = thr
        self.ann_file = ann_file

    def compute_metrics(self, results: PoseArrays) -> dict[str, float]:
        """PCK of the poses.

        Args:
            results: One pose per annotation; detected boxes have no annotation to compare with.

        Returns:
            ``PCK``, -1 if no joint is labelled.
        """
        ann_file = str(self.ann_file or self._from_dataset('ann_file'))
        gt = load_ground_truth(ann_file, self._skeleton().num_keypoints)
        order = np.argsort(gt.ann_id)
        place = np.searchsorted(gt.ann_id, results.ann_id, sorter=order)
        rows = order[np.minimum(place, len(order) - 1)]
        strangers = np.flatnonzero(
            (gt.ann_id[rows] != results.ann_id) | (gt.image_id[rows] != results.img_id)
        )
        if len(strangers):
            first = strangers[0]
            raise ValueError(
                f'pose ann_id={results.ann_id[first]}, img_id={results.img_id[first]} has no '
                f'annotation in {ann_file}; PCKAccuracy needs ground-truth boxes'
            )
        norm = results.bbox_xywh[:, 2:].max(axis=1)
        pck = pck_accuracy(results.keypoints, gt.keypoints[rows], gt.visible[rows], norm, self.thr)
        return {'PCK': pck}
