"""PCKh of MPII."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mmpose.evaluation.functional import (
    KeypointGroundTruth,
    evaluate_mpii,
    mpii_ground_truth,
    write_pred_mat,
)
from mmpose.evaluation.metrics.instance_metric import InstanceMetric
from mmpose.evaluation.metrics.pose_arrays import PoseArrays
from mmpose.registry import METRICS

PRED_FILE = 'pred.mat'


@METRICS.register_module()
class MpiiPCKh(InstanceMetric):
    """Share of joints within half a head size, per joint group and overall, in percent.

    Figures: ``mpii/Head``, ``Shoulder``, ``Elbow``, ``Wrist``, ``Hip``, ``Knee``, ``Ankle``,
    ``PCKh`` and ``PCKh@0.1``. With ``out_dir``, ``pred.mat`` for the official tool is written too
    if scipy is installed.

    Args:
        gt_mat: The official ``mpii_gt_val.mat``. If None, the one beside the annotation file; or,
            if there is none or it is of another split, the head sizes of the dataset.
        thr: Largest distance of a correct joint, in head sizes.
        out_dir: Folder for ``result_keypoints.json`` and ``pred.mat``; None writes nothing.
        prefix: First part of the names of the figures.
    """

    default_prefix = 'mpii'

    def __init__(
        self,
        gt_mat: str | None = None,
        thr: float = 0.5,
        out_dir: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(out_dir=out_dir, prefix=prefix)
        self.gt_mat = gt_mat
        self.thr = thr

    def ground_truth(self) -> KeypointGroundTruth:
        return mpii_ground_truth(
            super().ground_truth(), self.gt_mat, str(self._from_dataset('ann_file'))
        )

    def figures(self, keypoints: np.ndarray, gt: KeypointGroundTruth) -> dict[str, float]:
        return evaluate_mpii(keypoints, gt, self.thr)

    def write(self, poses: PoseArrays, folder: Path) -> None:
        super().write(poses, folder)
        if find_spec('scipy') is not None:
            detections = poses.detections(poses.bbox_score, with_ann_id=True)
            write_pred_mat(folder / PRED_FILE, detections)
