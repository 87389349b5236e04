"""Comparison pictures: annotated and predicted poses side by side, errors marked.

Points are (x, y) img px; colours are BGR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.structures import DatasetMeta, PoseResult
from mmpose.visualization.grid import side_by_side
from mmpose.visualization.labels import Label, cap_height_for, paint_labels
from mmpose.visualization.shapes import (
    OUTLINE,
    Color,
    Image,
    Points,
    capsule_corners,
    fill_polygons,
    stroke_box,
)
from mmpose.visualization.skeleton import Pen, paint_instance
from mmpose.visualization.styles import skeleton_style
from mmpose.visualization.viewport import Viewport

# Of the palette of Okabe and Ito (2008), made for common colour deficiencies.
MISSED: Color = (0, 159, 230)
INVENTED: Color = (167, 121, 204)
OFF: Color = (66, 228, 240)
# Poses are matched up to this mean distance of their keypoints, in sizes of the annotated box.
FARTHEST_MATCH = 0.5
# Keypoints that are off by more than this, in sizes of the box, get a line to their true place.
NOTABLE = 0.04


@dataclass(frozen=True, eq=False)
class TruePoses:
    """Annotated poses of an image.

    Attributes:
        keypoints: (N, K, 2), img px.
        keypoints_visible: (N, K). Above 0 where a keypoint is labelled.
        bbox_xywh: (N, 4), img px.

    Raises:
        ValueError: If the shapes do not fit together.
    """

    keypoints: NDArray[np.floating]
    keypoints_visible: NDArray[np.generic]
    bbox_xywh: NDArray[np.floating]

    def __post_init__(self) -> None:
        num = len(self.keypoints)
        shape = self.keypoints.shape
        if (
            len(shape) != 3
            or self.keypoints_visible.shape != shape[:2]
            or self.bbox_xywh.shape != (num, 4)
        ):
            raise ValueError(
                f'annotated keypoints have shape {shape}, visibility '
                f'{self.keypoints_visible.shape} and '
                f'boxes {self.bbox_xywh.shape}; expected (N, K, 2), (N, K) and (N, 4)'
            )

    @property
    def sizes(self) -> NDArray[np.float64]:
        """(N,), px. Square roots of the areas of the boxes."""
        return np.sqrt(np.maximum(self.bbox_xywh[:, 2:].prod(axis=1), 1.0))


def mean_errors(truth: TruePoses, keypoints: ArrayLike) -> NDArray[np.float64]:
    """Returns the mean distance of the keypoints of a pose from those of each annotation.

    Args:
        truth: N annotated instances.
        keypoints: (K, 2), img px.

    Returns:
        (N,), in sizes of the annotated box; infinite where no keypoint is labelled.
    """
    labelled = truth.keypoints_visible > 0
    distances = np.hypot(*np.moveaxis(truth.keypoints - np.asarray(keypoints), -1, 0))  # (N, K)
    total = np.where(labelled, distances, 0).sum(axis=1)
    count = labelled.sum(axis=1)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    return np.asarray(mean / truth.sizes)


def match_poses(truth: TruePoses, results: Sequence[PoseResult]) -> list[int | None]:
    """Greedy matching: the annotation of each result, nearest pairs first; None if none is near."""
    matches: list[int | None] = [None] * len(results)
    if not len(results) or not len(truth.keypoints):
        return matches
    errors = np.stack([mean_errors(truth, result.keypoints) for result in results])  # (R, N)
    taken: set[int] = set()
    for flat in np.argsort(errors, axis=None, kind='stable'):
        row, instance = divmod(int(flat), errors.shape[1])
        if errors[row, instance] > FARTHEST_MATCH:
            break
        if matches[row] is None and instance not in taken:
            matches[row] = instance
            taken.add(instance)
    return matches


def compare_poses(
    image_bgr: Image,
    truth: TruePoses,
    results: Sequence[PoseResult],
    dataset_meta: DatasetMeta,
    score_threshold: ArrayLike = 0.3,
    viewport: Viewport | None = None,
    matches: Sequence[int | None] | None = None,
) -> Image:
    """Returns the annotated poses on the left and the predicted ones on the right.

    Predicted poses are matched with annotated ones. Keypoints that are notably off get a line to
    their annotated place, matched poses their mean error in px; missed and unmatched instances
    get a box. Errors count whatever the scores are.

    Args:
        image_bgr: (H, W, 3) uint8, not changed.
        score_threshold: Predicted keypoints are drawn above it; (K,) gives one per keypoint.
        viewport: The part of the image to show; the whole image if None.
        matches: Row of the annotation of each result, None for none; by :func:`match_poses` if
            not given.
    """
    if viewport is None:
        viewport = Viewport(image_bgr, np.zeros(2), 1.0)
    left, right = viewport.image_bgr.copy(), viewport.image_bgr.copy()
    style, pen = skeleton_style(dataset_meta, 'mmpose'), Pen()
    for keypoints, keypoints_visible in zip(truth.keypoints, truth.keypoints_visible, strict=True):
        paint_instance(left, viewport.points(keypoints), keypoints_visible > 0, style, pen)
    if matches is None:
        matches = match_poses(truth, results)
    labels = []
    for result in results:
        confident = result.keypoint_scores > np.asarray(score_threshold)
        paint_instance(right, viewport.points(result.keypoints), confident, style, pen)
    for result, instance in zip(results, matches, strict=True):
        if instance is None:
            labels.append(
                _paint_box(right, viewport.box(result.bbox_xywh), 'not annotated', INVENTED)
            )
        else:
            labels.append(_paint_errors(right, truth, instance, result, viewport))
    for instance in sorted(set(range(len(truth.keypoints))) - set(matches)):
        if (truth.keypoints_visible[instance] > 0).any():
            labels.append(
                _paint_box(right, viewport.box(truth.bbox_xywh[instance]), 'missed', MISSED)
            )
    paint_labels(right, labels)
    return side_by_side(left, right)


def _paint_errors(
    canvas: Image, truth: TruePoses, instance: int, result: PoseResult, viewport: Viewport
) -> Label:
    """Paints lines from notably wrong keypoints to their true places; returns the label."""
    labelled = truth.keypoints_visible[instance] > 0
    offsets = np.hypot(*(result.keypoints - truth.keypoints[instance]).T)  # (K,)
    wrong = labelled & (offsets > NOTABLE * truth.sizes[instance])
    starts = viewport.points(result.keypoints[wrong])
    ends = viewport.points(truth.keypoints[instance][wrong])
    for width, color in ((4.0, OUTLINE), (2.0, OFF)):
        lines = capsule_corners(starts, ends, np.full(len(starts), width))
        fill_polygons(canvas, lines, [color] * len(lines))
    for width, color in ((8.0, OUTLINE), (5.0, OFF)):
        dots = capsule_corners(ends, ends, np.full(len(ends), width))
        fill_polygons(canvas, dots, [color] * len(dots))
    anchor = viewport.box(result.bbox_xywh)[:2]
    text = f'{offsets[labelled].mean():.1f} px off'
    return Label(text, anchor, cap_height_for(canvas))


def _paint_box(canvas: Image, box: Points, text: str, color: Color) -> Label:
    stroke_box(canvas, box, 5.0, OUTLINE)
    stroke_box(canvas, box, 3.0, color)
    return Label(text, box[:2], cap_height_for(canvas), color)
