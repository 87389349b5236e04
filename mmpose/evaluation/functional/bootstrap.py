"""COCO metrics of many resamples of the images, from one matching.

Images are drawn with replacement (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 6). The matching never looks beyond an image, so that drawing an image n times counts each
of its detections and annotations n times, and only the accumulation is done again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import BoolArray, FloatArray, IntArray
from mmpose.evaluation.functional.coco_ap import (
    AREA_RANGES,
    OKS_THRESHOLDS,
    RECALL_POINTS,
    STATISTICS,
    MatchedPoses,
    mean_of_given,
)
from mmpose.evaluation.functional.coco_matching import image_index
from mmpose.structures.progress import track

Statistics = Mapping[str, tuple[str, str, float | None]]
Counts = npt.NDArray[np.int32]
RESAMPLES_PER_CHUNK = 32  # of 65,000 detections: 8 MB
OF_ALL_SIZES = {name: rest for name, rest in STATISTICS.items() if rest[1] == 'all'}


def draw_images(num_images: int, num_resamples: int, seed: int = 0) -> IntArray:
    """How often each image is in each resample: (R, I), rows add up to I."""
    rng = np.random.default_rng(seed)
    counts = np.empty((num_resamples, num_images), dtype=np.int64)
    for row in counts:
        row[:] = np.bincount(rng.integers(0, num_images, num_images), minlength=num_images)
    return counts


def resample_metrics(
    matched: MatchedPoses, counts: IntArray, statistics: Statistics = OF_ALL_SIZES
) -> dict[str, FloatArray]:
    """COCO metrics of resamples of the images.

    Args:
        counts: (R, I), of ``draw_images``. The images are those of the ground truth in ascending
            order of their ids.
        statistics: Table, area range and threshold (None for all) of each metric.

    Returns:
        (R,) for each name of ``statistics``; NaN where a resample has no annotation.
    """
    chunks = [
        _figures_of_chunk(matched, counts[first : first + RESAMPLES_PER_CHUNK], statistics)
        for first in track(range(0, len(counts), RESAMPLES_PER_CHUNK), 'resamples')
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in statistics}


def _figures_of_chunk(
    matched: MatchedPoses, counts: IntArray, statistics: Statistics
) -> dict[str, FloatArray]:
    asked = {area_range for _, area_range, _ in statistics.values()}
    num_categories = len(np.unique(matched.gt.category_ids))
    shape = (len(counts), num_categories, len(AREA_RANGES), len(OKS_THRESHOLDS))
    tables = {'precision': np.full(shape, np.nan), 'recall': np.full(shape, np.nan)}
    num_images = len(np.unique(matched.gt.image_ids))
    gt_image, dt_image = image_index(matched.gt, matched.gt), image_index(matched.gt, matched.dt)
    for c, (rows, is_member) in enumerate(matched.by_category()):
        weights = counts[:, dt_image[rows]].astype(np.int32)  # (R, d)
        sums = np.cumsum(weights, axis=1, dtype=np.int32)
        for a in [i for i, name in enumerate(AREA_RANGES) if name in asked]:
            counted = gt_image[is_member & ~matched.gt_ignored[a]]
            num = counts @ np.bincount(counted, minlength=num_images)  # (R,)
            for t in range(len(OKS_THRESHOLDS)):
                is_true = matched.matches.is_true[a, t, rows]
                is_counted = ~matched.matches.is_ignored[a, t, rows]
                precision, recall = _accumulate(weights, sums, is_true, is_counted, num)
                tables['precision'][:, c, a, t] = precision
                tables['recall'][:, c, a, t] = recall
    return {
        name: _mean(tables[table], area_range, threshold)
        for name, (table, area_range, threshold) in statistics.items()
    }


def _mean(table: FloatArray, area_range: str, threshold: float | None) -> FloatArray:
    """Mean over categories and thresholds: (R, C, A, T) -> (R,)."""
    values = table[:, :, list(AREA_RANGES).index(area_range)]
    if threshold is not None:
        values = values[:, :, np.isclose(OKS_THRESHOLDS, threshold)]
    return mean_of_given(values, axis=(1, 2))


def _accumulate(
    weights: Counts,
    sums: Counts,
    is_true: BoolArray,
    is_counted: BoolArray,
    num_annotations: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Average precision and highest recall at one threshold.

    A detection that is drawn n times is n detections of equal score. Among copies of a true
    positive the last one has the highest precision, which the envelope takes for all of them.

    Args:
        weights: (R, d). How often each detection is drawn, best score first.
        sums: (R, d). Their sums from the first detection on.
        is_true: (d,).
        is_counted: (d,). Not ignored; includes the true ones.
        num_annotations: (R,). Annotations that count.

    Returns:
        (R,) and (R,), NaN without annotations.
    """
    hits = np.flatnonzero(is_true)
    num_counted = _sums_at(hits, weights, sums, is_counted)
    num_true = np.cumsum(weights[:, hits], axis=1, dtype=np.int64)  # (R, H)
    precision = num_true / np.maximum(num_counted, 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    envelope = np.concatenate([envelope, np.zeros((len(weights), 1))], axis=1)  # (R, H + 1)
    needed = _needed_for_recall(num_annotations)
    # one search in all rows: row r counts from r * step on
    step = int(max(needed.max(initial=0), num_true.max(initial=0))) + 1
    start = np.arange(len(weights))[:, None]
    place = np.searchsorted((num_true + start * step).ravel(), (needed + start * step).ravel())
    place = place.reshape(needed.shape) - start * len(hits)
    found = np.take_along_axis(envelope, np.minimum(place, len(hits)), axis=1).mean(axis=1)
    reached = num_true[:, -1] if len(hits) else np.zeros(len(weights))
    nothing = num_annotations == 0
    recall = reached / np.maximum(num_annotations, 1)
    return np.where(nothing, np.nan, found), np.where(nothing, np.nan, recall)


def _sums_at(places: IntArray, weights: Counts, sums: Counts, is_member: BoolArray) -> Counts:
    """Weights of the members up to and with each place: (R, P).

    Few detections are ignored, or few count: adding up the smaller part is enough.
    """
    is_small = is_member.mean() < 0.5 if len(is_member) else True
    part = np.flatnonzero(is_member == is_small)
    part_sums = np.zeros((len(weights), len(part) + 1), dtype=np.int32)
    np.cumsum(weights[:, part], axis=1, out=part_sums[:, 1:])
    of_part = part_sums[:, np.searchsorted(part, places, side='right')]
    return of_part if is_small else np.asarray(sums[:, places] - of_part)


def _needed_for_recall(num_annotations: IntArray) -> IntArray:
    """True positives that reach each recall point: (R,) -> (R, P).

    The quotient decides, as in the evaluation: rounding would move points that are met exactly.
    """
    num = np.maximum(num_annotations, 1)[:, None]
    needed = np.ceil(RECALL_POINTS * num).astype(np.int64)
    needed -= (needed - 1) / num >= RECALL_POINTS
    needed += needed / num < RECALL_POINTS
    return needed
