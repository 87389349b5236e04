"""One person on a canvas, in sizes that suit the person. Paints in place.

Points are (x, y) img px. Skeleton colours are RGB and turn into the BGR of the canvas here only.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.structures import PoseMeta
from mmpose.visualization.shapes import (
    OUTLINE,
    Color,
    Image,
    Points,
    fill_capsule,
    fill_disc,
    stroke_box,
)

RING: Color = (255, 255, 255)
BOX: Color = (235, 235, 235)
# Below this radius, px, a dot has no room for a ring.
SMALLEST_RING = 2.6
# Skeletons up to this many px are drawn larger and averaged: cv2's lines are 2 px or thicker.
SMALL_EXTENT = 256
OVERSAMPLING = 4


@dataclass(frozen=True)
class _Stroke:
    """Sizes in px that suit one person in one image.

    Attributes:
        width: Of a limb without its outline.
        thinnest: What stays readable in this image; nothing shrinks below it.
        outline: Of the dark rim on either side.
        smallest_ring: Dots with a smaller radius are drawn without a ring.
    """

    width: float
    thinnest: float
    outline: float
    smallest_ring: float

    def scaled(self, factor: int) -> _Stroke:
        return _Stroke(*(factor * size for size in astuple(self)))


def paint_person(
    canvas: Image,
    points: Points,
    confident: NDArray[np.bool_],
    meta: PoseMeta,
    line_width: float | None,
    box: Points | None,
) -> Points | None:
    """Paints one person and returns where a label would go (2,), None if nothing was drawn."""
    shown = confident & np.isfinite(points).all(axis=1)
    stroke = _stroke(canvas, points[shown], line_width, box)
    if box is not None:
        stroke_box(canvas, box, stroke.thinnest + 2 * stroke.outline, OUTLINE)
        stroke_box(canvas, box, stroke.thinnest, BOX)
    if shown.any():
        _paint_region(canvas, points, shown, meta, stroke)
    if box is not None:
        return box[:2]
    if not shown.any():
        return None
    return points[shown][np.argmin(points[shown][:, 1])] - [0, 3 * stroke.width]


def _paint_region(
    canvas: Image, points: Points, shown: NDArray[np.bool_], meta: PoseMeta, stroke: _Stroke
) -> None:
    """Paints a skeleton, a small one on an enlarged copy of its part of the canvas."""
    margin = 2 * (stroke.width + stroke.outline) + 2
    image_wh = canvas.shape[1::-1]
    first = np.clip(np.floor(points[shown].min(axis=0) - margin), 0, image_wh).astype(int)
    last = np.clip(np.ceil(points[shown].max(axis=0) + margin), 0, image_wh).astype(int)
    if (last <= first).any():
        return
    if (last - first).max() > SMALL_EXTENT:
        _paint_skeleton(canvas, points, shown, meta, stroke)
        return
    region = canvas[first[1] : last[1], first[0] : last[0]]
    large = region.repeat(OVERSAMPLING, axis=0).repeat(OVERSAMPLING, axis=1)
    large_points = (points - first + 0.5) * OVERSAMPLING - 0.5
    _paint_skeleton(large, large_points, shown, meta, stroke.scaled(OVERSAMPLING))
    region[:] = cv2.resize(large, region.shape[1::-1], interpolation=cv2.INTER_AREA)


def _paint_skeleton(
    canvas: Image, points: Points, shown: NDArray[np.bool_], meta: PoseMeta, stroke: _Stroke
) -> None:
    for (a, b), color in zip(meta.limbs, meta.limb_colors, strict=True):
        if not (shown[a] and shown[b]):
            continue
        start, end = points[a], points[b]
        length = float(np.hypot(*(end - start)))
        width = min(max(0.3 * length, stroke.thinnest), stroke.width)
        fill_capsule(canvas, start, end, width + 2 * stroke.outline, OUTLINE)
        fill_capsule(canvas, start, end, width, _bgr(color))
    ids = np.flatnonzero(shown)
    for i, radius in zip(ids, _dot_radii(points[ids], stroke), strict=True):
        _paint_dot(canvas, points[i], radius, stroke, _bgr(meta.keypoint_colors[i]))


def _paint_dot(canvas: Image, point: Points, radius: float, stroke: _Stroke, color: Color) -> None:
    fill_disc(canvas, point, radius + min(stroke.outline, 0.5 * radius), OUTLINE)
    if radius < stroke.smallest_ring:
        fill_disc(canvas, point, radius, color)
        return
    fill_disc(canvas, point, radius, RING)
    fill_disc(canvas, point, 0.7 * radius, color)


def _dot_radii(points: Points, stroke: _Stroke) -> NDArray[np.float64]:
    """Returns a radius per point (N, 2): smaller where points crowd, as in a face or a hand.

    The second nearest point counts, so that two points at one place, such as hips seen from the
    side, keep their size.
    """
    largest = np.full(len(points), 0.95 * stroke.width)
    if len(points) < 3:
        return largest
    gaps = np.hypot(*np.moveaxis(points[:, None] - points[None], -1, 0))  # (N, N), 0 to itself
    return np.clip(0.4 * np.sort(gaps, axis=1)[:, 2], 0.6 * stroke.thinnest, largest)


def _stroke(canvas: Image, shown: Points, line_width: float | None, box: Points | None) -> _Stroke:
    """Returns the sizes for the drawn keypoints (N, 2), which may be none."""
    if line_width is not None and not line_width > 0:
        raise ValueError(f'line_width is {line_width}, expected a positive number of px or None')
    diagonal = float(np.hypot(*canvas.shape[:2]))
    thinnest = max(1.3, 0.052 * diagonal**0.5)  # 1.4 at VGA, 2.4 at full HD, 3.4 at 4K
    extent = float(np.hypot(*np.ptp(shown, axis=0))) if len(shown) else 0.0
    if box is not None:
        extent = max(extent, 0.25 * float(np.hypot(*box[2:])))
    width = max(thinnest, 0.013 * min(extent, diagonal)) if line_width is None else line_width
    return _Stroke(width, min(thinnest, width), max(0.6, 0.25 * width), SMALLEST_RING)


def _bgr(color_rgb: NDArray[np.uint8]) -> Color:
    red, green, blue = (int(channel) for channel in color_rgb)
    return blue, green, red
