"""PCK, AUC, EPE and NME as values: what is measured, and by which length it is divided."""

from __future__ import annotations

from dataclasses import dataclass

from mmpose.evaluation.functional.instances import BBOX, HEAD_SIZE, Norm, distances_of, norm_lengths
from mmpose.evaluation.functional.keypoint_arrays import FloatArray, KeypointGroundTruth
from mmpose.evaluation.functional.keypoint_errors import (
    area_under_curve,
    mean_distance,
    pck_accuracy,
)


@dataclass(frozen=True)
class DistanceMetric:
    """One figure over poses that are paired with their annotations.

    Attributes:
        name: Name of the figure.
        kind: ``pck`` (share of correct joints), ``auc`` (mean PCK) or ``mean`` (mean error).
        norm: Length that counts as 1, as ``norm_lengths`` takes it.
        thr: Threshold of PCK, in units of the norm.
        num_thrs: Thresholds of AUC.
    """

    name: str
    kind: str
    norm: Norm
    thr: float = 0.2
    num_thrs: int = 20

    def evaluate(self, keypoints: FloatArray, gt: KeypointGroundTruth) -> float:
        """The figure of poses (N, K, 2), image px, against their N instances."""
        distances = distances_of(keypoints, gt, norm_lengths(gt, self.norm))
        if self.kind == 'pck':
            return pck_accuracy(distances, self.thr)
        if self.kind == 'auc':
            return area_under_curve(distances, self.num_thrs)
        return mean_distance(distances)


# normalisers and thresholds of the published results
PCK = DistanceMetric('PCK', 'pck', BBOX, thr=0.2)
PCKH = DistanceMetric('PCKh', 'pck', HEAD_SIZE, thr=0.7)
AUC = DistanceMetric('AUC', 'auc', 30.0)
EPE = DistanceMetric('EPE', 'mean', 1.0)


def nme(norm: Norm) -> DistanceMetric:
    """Normalised mean error by some length."""
    return DistanceMetric('NME', 'mean', norm)


def torso_pck(first: int, second: int) -> DistanceMetric:
    """PCK by the distance of two joints of the torso."""
    return DistanceMetric('tPCK', 'pck', (first, second), thr=0.2)
