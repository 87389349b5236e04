"""PCK, AUC, EPE and NME as values: what is measured, and by which length it is divided."""

from __future__ import annotations

from dataclasses import dataclass

from mmpose.coco.keypoint_arrays import FloatArray, KeypointGroundTruth
from mmpose.evaluation.functional.instances import BBOX, HEAD_SIZE, Norm, distances_of, norm_lengths
from mmpose.evaluation.functional.joint_errors import (
    area_under_curve,
    mean_distance,
    pck_accuracy,
)


@dataclass(frozen=True)
class JointFigure:
    """One figure over poses that are paired with their annotations.

    Attributes:
        name: Name of the figure.
        kind: ``pck`` (share of correct joints), ``auc`` (mean PCK) or ``mean`` (mean error).
        norm: Length that counts as 1, as ``norm_lengths`` takes it.
        thr: Threshold of PCK, in units of the norm.
        num_thresholds: Thresholds of AUC.
    """

    name: str
    kind: str
    norm: Norm
    thr: float = 0.2
    num_thresholds: int = 20

    def evaluate(self, keypoints: FloatArray, gt: KeypointGroundTruth) -> float:
        """The figure of poses (N, K, 2), image px, against their N instances."""
        distances = distances_of(keypoints, gt, norm_lengths(gt, self.norm))
        if self.kind == 'pck':
            return pck_accuracy(distances, self.thr)
        if self.kind == 'auc':
            return area_under_curve(distances, self.num_thresholds)
        return mean_distance(distances)


# normalisers and thresholds of the published results
PCK = JointFigure('PCK', 'pck', BBOX, thr=0.2)
PCKH = JointFigure('PCKh', 'pck', HEAD_SIZE, thr=0.7)
AUC = JointFigure('AUC', 'auc', 30.0)
EPE = JointFigure('EPE', 'mean', 1.0)


def nme(norm: Norm) -> JointFigure:
    """Normalised mean error by some length."""
    return JointFigure('NME', 'mean', norm)


def torso_pck(first: int, second: int) -> JointFigure:
    """PCK by the distance of two joints of the torso."""
    return JointFigure('tPCK', 'pck', (first, second), thr=0.2)
