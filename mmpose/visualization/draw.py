"""Poses, heatmaps and labels on images.

Images are (H, W, 3) uint8 BGR and are never changed: every function returns a new one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.structures import PoseMeta, PoseResult
from mmpose.visualization.shapes import (
    OUTLINE,
    Image,
    Points,
    blend,
    checked_image,
    text_coverage,
)
from mmpose.visualization.skeleton import paint_person


def draw_pose(
    image_bgr: Image,
    keypoints: ArrayLike,
    scores: ArrayLike,
    meta: PoseMeta,
    score_threshold: float = 0.3,
    line_width: float | None = None,
    bbox_xywh: ArrayLike | None = None,
    label: str | None = None,
) -> Image:
    """Returns the image with one skeleton: limbs with a dark outline, and a dot per keypoint.

    Line width and dots follow the size of the person, and shrink where keypoints crowd.

    Args:
        image_bgr: (H, W, 3) uint8, not changed.
        keypoints: (K, 2), img px. Not-a-number and infinite points are skipped.
        scores: (K,). Confidence or visibility.
        meta: The skeleton.
        score_threshold: Keypoints are drawn above it, limbs when both ends are.
        line_width: Width of a limb, px; None derives it from the person's size.
        bbox_xywh: (4,), img px. Drawn as a thin box when given.
        label: Text at the box, or above the highest keypoint when there is no box; without
            either there is no place for it and nothing is drawn.

    Raises:
        ValueError: If a shape does not fit the image or the skeleton, or the line width is not
            positive.
    """
    canvas = checked_image(image_bgr).copy()
    points, values = _checked_pose(keypoints, scores, meta)
    box = None if bbox_xywh is None else _checked_box(bbox_xywh)
    place = paint_person(canvas, points, values > score_threshold, meta, line_width, box)
    if label and place is not None:
        _paint_label(canvas, label, place, _cap_height(canvas))
    return canvas


def draw_results(
    image_bgr: Image,
    results: Sequence[PoseResult],
    meta: PoseMeta,
    score_threshold: float = 0.3,
    line_width: float | None = None,
    show_boxes: bool = False,
    show_scores: bool = False,
) -> Image:
    """Returns the image with every person, the small ones on top so that all can be seen.

    Args:
        image_bgr: (H, W, 3) uint8, not changed.
        results: Poses in this image; may be empty.
        meta: The skeleton of all of them.
        score_threshold: As in :func:`draw_pose`.
        line_width: As in :func:`draw_pose`.
        show_boxes: Draw the boxes that were given to the model.
        show_scores: Write the mean score of the drawn keypoints at each person.
    """
    canvas = checked_image(image_bgr).copy()
    labels: list[tuple[str, Points]] = []
    for result in sorted(results, key=lambda r: -float(np.prod(r.bbox_xywh[2:]))):
        points, values = _checked_pose(result.keypoints, result.scores, meta)
        box = _checked_box(result.bbox_xywh) if show_boxes else None
        confident = values > score_threshold
        place = paint_person(canvas, points, confident, meta, line_width, box)
        if show_scores and place is not None and confident.any():
            labels.append((f'{values[confident].mean():.2f}', place))
    for label, place in labels:
        _paint_label(canvas, label, place, _cap_height(canvas))
    return canvas


def overlay_heatmaps(
    image_bgr: Image,
    heatmaps: NDArray[np.floating],
    alpha: float = 0.75,
    aligned: bool = True,
    peak: float = 1.0,
) -> Image:
    """Returns the image with the strongest response of all keypoints in colour.

    Where the heatmaps are zero the image shines through unchanged.

    Args:
        image_bgr: (h, w, 3) uint8 network input, not changed.
        heatmaps: (K, H, W). Not-a-number counts as zero.
        alpha: Opacity of the strongest response.
        aligned: True when the codec counts distances between pixel centres (UDP), so that the
            last cell lies on the last pixel; False when a cell covers w / W px.
        peak: Heat that gets the last colour; what lies above it is clipped.

    Raises:
        ValueError: If a shape is wrong.
    """
    image = checked_image(image_bgr)
    if heatmaps.ndim != 3 or not heatmaps.size:
        raise ValueError(f'heatmaps have shape {heatmaps.shape}, expected (keypoints, H, W)')
    height, width = image.shape[:2]
    rows, columns = heatmaps.shape[1:]
    scale = np.array([width / columns, height / rows])
    if aligned:
        scale = (np.array([width, height]) - 1) / np.maximum([columns - 1, rows - 1], 1)
    heat = np.nan_to_num(heatmaps.astype(np.float32)).max(axis=0) / peak
    heat = cv2.warpAffine(
        np.clip(heat, 0, 1),
        np.array([[scale[0], 0, 0], [0, scale[1], 0]]),
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    heat = np.clip(heat, 0, 1)
    colors = cv2.applyColorMap(np.round(heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = alpha * np.sqrt(heat)[..., None]  # the root keeps the flanks of a peak visible
    return np.round(image * (1 - opacity) + colors * opacity).astype(np.uint8)


def put_label(
    image_bgr: Image,
    text: str,
    anchor_xy: ArrayLike,
    cap_height: float | None = None,
) -> Image:
    """Returns the image with a line of white text on a dark plate.

    Args:
        image_bgr: (H, W, 3) uint8, not changed.
        text: One line.
        anchor_xy: (2,), img px. Lower left corner of the plate, which moves to stay inside.
        cap_height: Height of a capital letter, px; None derives it from the image. Text that
            would be wider than the image is made smaller.
    """
    canvas = checked_image(image_bgr).copy()
    height = _cap_height(canvas) if cap_height is None else cap_height
    _paint_label(canvas, text, np.asarray(anchor_xy, np.float64), height)
    return canvas


def _cap_height(canvas: Image) -> float:
    return max(8.0, min(canvas.shape[:2]) / 55)


def _paint_label(canvas: Image, text: str, anchor: Points, cap_height: float) -> None:
    height, width = canvas.shape[:2]
    coverage = text_coverage(text, cap_height)
    side = max(2, round(0.45 * cap_height))
    if coverage.shape[1] + 2 * side > width:
        cap_height *= max(width - 2 * side, 1) / coverage.shape[1]
        coverage = text_coverage(text, cap_height)
    above, below = math.ceil(0.4 * cap_height), math.ceil(0.15 * cap_height)
    plate_h, plate_w = coverage.shape[0] + above + below, coverage.shape[1] + 2 * side
    left = int(np.clip(round(float(anchor[0])), 0, max(width - plate_w, 0)))
    top = int(np.clip(round(float(anchor[1])) - plate_h, 0, max(height - plate_h, 0)))
    blend(canvas, np.full((plate_h, plate_w), 0.75, np.float32), (left, top), OUTLINE)
    blend(canvas, coverage, (left + side, top + above), (255, 255, 255))


def _checked_pose(
    keypoints: ArrayLike, scores: ArrayLike, meta: PoseMeta
) -> tuple[Points, NDArray[np.float64]]:
    points, values = np.asarray(keypoints, np.float64), np.asarray(scores, np.float64)
    num = meta.num_keypoints
    if points.shape != (num, 2) or values.shape != (num,):
        raise ValueError(
            f"keypoints have shape {points.shape} and scores {values.shape}, but '{meta.name}' "
            f'needs ({num}, 2) and ({num},); pass the skeleton that the model was trained on'
        )
    return points, values


def _checked_box(bbox_xywh: ArrayLike) -> Points:
    box = np.asarray(bbox_xywh, np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f'box {box.tolist()}: expected 4 finite numbers, left top width height')
    return box
