"""Removal of poses that describe the same instance, by OKS, for many images at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import BoolArray, FloatArray, IntArray
from mmpose.evaluation.functional.oks import keypoint_variances, oks_of_pairs
from mmpose.evaluation.functional.ragged import iterate_pairs, rank_in_group, segment_starts


def oks_nms(
    keypoints: FloatArray,
    scores: FloatArray,
    areas: FloatArray,
    sigmas: npt.NDArray[np.floating],
    thr: float = 0.9,
    image_index: IntArray | None = None,
) -> IntArray:
    """Poses that survive greedy suppression by better poses of the same image.

    Args:
        keypoints: (N, K, 2), image px.
        scores: (N,). Of equal scores the earlier pose wins.
        areas: (N,), px^2. The OKS of two poses takes the mean of their areas.
        sigmas: (K,). OKS constants of the skeleton.
        thr: A pose goes if its OKS with a better, kept pose is above this.
        image_index: (N,). Number of the image; None if all poses are of one image.

    Returns:
        (M,). Indices of the kept poses, by image and then by descending score.
    """
    order, group = _sort_by_image_and_score(scores, image_index)
    rank = rank_in_group(group)
    starts = segment_starts(group)
    sizes = np.diff(np.append(starts, len(order)))
    num_worse = np.repeat(sizes, sizes) - rank - 1
    sorted_keypoints, sorted_areas = keypoints[order], areas[order]
    variances = keypoint_variances(sigmas)
    kept_pairs: list[tuple[IntArray, IntArray]] = []
    for better, worse in iterate_pairs(np.arange(1, len(order) + 1), num_worse):
        oks = _oks(sorted_keypoints, sorted_areas, better, worse, variances)
        kept_pairs.append((better[oks > thr], worse[oks > thr]))
    if not kept_pairs:
        return order
    better, worse = (np.concatenate(parts) for parts in zip(*kept_pairs, strict=True))
    return np.asarray(order[_survivors(rank, better, worse)])


def soft_oks_nms(
    keypoints: FloatArray,
    scores: FloatArray,
    areas: FloatArray,
    sigmas: npt.NDArray[np.floating],
    thr: float = 0.9,
    max_dets: int = 20,
    image_index: IntArray | None = None,
) -> IntArray:
    """The ``max_dets`` best poses of each image when similar poses lower each other's score.

    The best pose is taken and each other pose's score is multiplied by exp(-oks^2 / thr), until
    ``max_dets`` are taken. The scores only decide which poses are taken; they are not returned.

    Args:
        keypoints: (N, K, 2), image px.
        scores: (N,). Of equal scores the earlier pose wins.
        areas: (N,), px^2. The OKS of two poses takes the mean of their areas.
        sigmas: (K,). OKS constants of the skeleton.
        thr: Softness; larger values lower the scores less.
        max_dets: Poses kept per image.
        image_index: (N,). Number of the image; None if all poses are of one image.

    Returns:
        (M,). Indices of the kept poses, by image and then in the order they were taken.
    """
    order, group = _sort_by_image_and_score(scores, image_index)
    starts = segment_starts(group)
    sizes = np.diff(np.append(starts, len(order)))
    segment = np.repeat(np.arange(len(starts)), sizes)
    sorted_keypoints, sorted_areas = keypoints[order], areas[order]
    variances = keypoint_variances(sigmas)
    # an image takes all its poses in any case if it has few; its OKS decide only their order
    remaining = np.asarray(scores, dtype=np.float64)[order]
    taken_at = np.full(len(order), max_dets)
    for step in range(min(max_dets, int(sizes.max(initial=0)))):
        highest = np.maximum.reduceat(remaining, starts)
        is_best = (remaining == highest[segment]) & np.isfinite(remaining)
        best = np.flatnonzero(is_best)
        best = best[rank_in_group(segment[best]) == 0]  # one per image that has any left
        taken_at[best] = step
        remaining[best] = -np.inf
        image = segment[best]
        for pick, other in iterate_pairs(starts[image], sizes[image]):
            oks = _oks(sorted_keypoints, sorted_areas, best[pick], other, variances)
            remaining[other] *= np.exp(-(oks**2) / thr)
    taken = np.flatnonzero(taken_at < max_dets)
    return np.asarray(order[taken[np.lexsort((taken_at[taken], segment[taken]))]])


def _sort_by_image_and_score(
    scores: FloatArray, image_index: IntArray | None
) -> tuple[IntArray, IntArray]:
    """Order by image and descending score, and the image of each row in that order."""
    if image_index is None:
        image_index = np.zeros(len(scores), dtype=np.int64)
    order = np.lexsort((-np.asarray(scores), image_index))
    return order, np.asarray(image_index)[order]


def _oks(
    keypoints: FloatArray,
    areas: FloatArray,
    first: IntArray,
    second: IntArray,
    variances: FloatArray,
) -> FloatArray:
    mean_area = (areas[first] + areas[second]) / 2
    return oks_of_pairs(keypoints[first], keypoints[second], mean_area, variances)


def _survivors(rank: IntArray, better: IntArray, worse: IntArray) -> BoolArray:
    """Settles suppression rank by rank: poses of one rank are in different images."""
    is_kept = np.ones(len(rank), dtype=np.bool_)
    order = np.argsort(rank[better], kind='stable')
    for pairs in np.split(order, segment_starts(rank[better][order])[1:]):
        acting = pairs[is_kept[better[pairs]]]
        is_kept[worse[acting]] = False
    return is_kept
