"""Calibration of scores: logistic curves per keypoint, calibration error, area under the ROC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.keypoint_arrays import BoolArray, FloatArray, KeypointGroundTruth
from mmpose.evaluation.functional.keypoint_errors import BBOX, distances_of, norm_lengths
from mmpose.evaluation.functional.oks import keypoint_similarity, keypoint_variances

NUM_BINS = 15  # Guo et al.
OKS_TOLERANCE = 0.5  # similarity of a keypoint that counts as found
PCK_TOLERANCE = 0.05  # of the longer side of the box, the default of PCKAccuracy
SHARED_WEIGHT = 10.0  # how firmly a keypoint with few samples keeps to the curve of all
PRIOR_WEIGHT = 1e-3  # of the curve of all to the identity, for data that leave it open
NUM_STEPS = 100


def keypoint_similarities(
    keypoints: FloatArray, gt: KeypointGroundTruth, sigmas: NDArray[np.floating] | None
) -> FloatArray:
    """Similarity of each keypoint to its annotation, in [0, 1]: (N, K), NaN where none is labelled.

    That is the keypoint's part of OKS; without sigmas it is 1 within ``PCK_TOLERANCE`` and else 0.

    Args:
        keypoints: (N, K, 2), img px.
        gt: The annotations of the N instances.
        sigmas: (K,). OKS constants, where the skeleton has them.
    """
    if sigmas is None:
        distances = distances_of(keypoints, gt, norm_lengths(gt, BBOX))
        return np.where(np.isnan(distances), np.nan, distances < PCK_TOLERANCE)
    found = keypoint_similarity(keypoints, gt.keypoints, gt.area, keypoint_variances(sigmas))
    return np.where(gt.keypoints_visible, found, np.nan)


def fit_calibration(scores: FloatArray, similarities: FloatArray) -> FloatArray:
    """Coefficients of a ``ScoreCalibration``: (3, K, 2).

    Each keypoint has a logistic curve of its own, drawn to that of all keypoints together.

    Args:
        scores: (N, K), raw, inside (0, 1).
        similarities: (N, K), see ``keypoint_similarities``.

    Raises:
        ValueError: If no keypoint is labelled.
    """
    labelled = np.isfinite(similarities)
    if not labelled.any():
        raise ValueError('no keypoint of the poses is labelled, so their scores mean nothing')
    logits = np.log(scores) - np.log1p(-scores)
    within = np.where(labelled, similarities >= OKS_TOLERANCE, np.nan)
    rows = []
    for targets in (within, similarities, labelled.astype(np.float64)):
        shared = fit_logistic(logits, targets, np.array([1.0, 0.0]), PRIOR_WEIGHT)
        columns = zip(logits.T, targets.T, strict=True)
        rows.append([fit_logistic(x, y, shared, SHARED_WEIGHT) for x, y in columns])
    return np.array(rows)


def fit_logistic(
    logits: FloatArray, targets: FloatArray, prior: FloatArray, prior_weight: float
) -> FloatArray:
    """Slope and bias (2,) of the logistic curve with the least cross entropy, by Newton's method.

    The cost of all samples has ``prior_weight / 2`` times the squared distance from the prior
    added.

    Args:
        logits: Any shape.
        targets: Of the same shape, in [0, 1]; NaN does not count.
        prior: (2,).
        prior_weight: Above 0.
    """
    known = np.isfinite(targets)
    inputs = np.stack([logits[known], np.ones(known.sum())], axis=1)  # (n, 2)

    def cost(values: FloatArray) -> float:
        z = inputs @ values
        fit = np.logaddexp(0, z).sum() - targets[known] @ z
        return float(fit + prior_weight / 2 * np.square(values - prior).sum())

    values = np.array(prior, np.float64)
    for _ in range(NUM_STEPS):
        found = 1 / (1 + np.exp(-inputs @ values))
        gradient = inputs.T @ (found - targets[known]) + prior_weight * (values - prior)
        hessian = (inputs * (found * (1 - found))[:, None]).T @ inputs
        step = np.linalg.solve(hessian + prior_weight * np.eye(2), gradient)
        now = cost(values)
        while cost(values - step) > now and np.abs(step).max() > 1e-9:
            step = step / 2
        values = values - step
        if np.abs(step).max() < 1e-9:
            break
    return values


def reliability(
    scores: FloatArray, hits: BoolArray, num_bins: int = NUM_BINS
) -> tuple[FloatArray, float]:
    """Reliability table (num_bins, 3) and expected calibration error (Guo et al., ICML 2017).

    Args:
        scores: (n,), in [0, 1].
        hits: (n,), whether each came true.
        num_bins: Bins of equal width.

    Returns:
        Mean score, share of hits and number of each bin, 0 where it is empty. The error is the
        mean distance of the first two, weighted by the third.
    """
    bins = np.clip(np.ceil(scores * num_bins).astype(int) - 1, 0, num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    sums = [np.bincount(bins, x, num_bins) for x in (scores, hits.astype(np.float64))]
    mean, share = (x / np.maximum(counts, 1) for x in sums)
    error = np.abs(mean - share) @ counts / max(len(scores), 1)
    return np.stack([mean, share, counts], axis=1), float(error)


def area_under_roc(scores: FloatArray, positive: BoolArray) -> float | None:
    """Probability that a positive scores higher than a negative; None with one class only.

    Args:
        scores: (n,). Of two that are equal, each is higher half the time.
        positive: (n,).
    """
    num_positive, num = int(positive.sum()), len(positive)
    if num_positive in (0, num):
        return None
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # mean rank of equal scores, from 1
    above = ranks[positive].sum() - num_positive * (num_positive + 1) / 2
    return float(above / (num_positive * (num - num_positive)))
