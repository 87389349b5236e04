"""Skeleton painting: links, dots and box of one instance, sized to fit it. Paints in place.

Points are (x, y) img px; colours are BGR.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.visualization.shapes import (
    OUTLINE,
    Color,
    Image,
    Points,
    capsule_corners,
    ellipse_corners,
    fill_polygons,
    stroke_box,
)
from mmpose.visualization.styles import SkeletonStyle

RING: Color = (255, 255, 255)
BOX: Color = (235, 235, 235)
# Below this radius, px, a dot has no room for a ring.
SMALLEST_RING = 2.6
# Skeletons up to this many px are drawn larger and averaged: cv2's lines are 2 px or thicker.
SMALL_EXTENT = 256
OVERSAMPLING = 2
# Lines below this many px need more of it.
HAIRLINE, HAIRLINE_OVERSAMPLING = 1.3, 4
# OpenPose's links are sticks of half the width at the ends, 1.5 times ours in the middle, and
# let the image through (Cao et al.'s renderer and those after it use 0.6).
STICK_WIDTH, STICK_OPACITY = 1.5, 0.6

Layer = list[tuple[NDArray[np.int32], list[Color]]]


@dataclass(frozen=True)
class Pen:
    """Requested line width and dot radius, px; None derives them from the instance's size.

    Attributes:
        line_width: Of a link.
        radius: Of a dot.

    Raises:
        ValueError: If one is not positive.
    """

    line_width: float | None = None
    radius: float | None = None

    def __post_init__(self) -> None:
        for name in ('line_width', 'radius'):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f'{name} is {value}, expected a positive number of px or None')


@dataclass(frozen=True)
class _Stroke:
    """Line and dot sizes for one instance in one image, px.

    Attributes:
        width: Of a link without its outline.
        thinnest: What stays readable in this image; nothing shrinks below it.
        outline: Of the dark rim on either side.
        smallest_ring: Dots with a smaller radius are drawn without a ring.
        radius: Of every dot; None lets dots shrink where they crowd.
    """

    width: float
    thinnest: float
    outline: float
    smallest_ring: float
    radius: float | None

    def scaled(self, factor: int) -> _Stroke:
        sizes = vars(self).items()
        return _Stroke(**{name: None if x is None else factor * x for name, x in sizes})


def paint_instance(
    canvas: Image,
    points: Points,
    confident: NDArray[np.bool_],
    style: SkeletonStyle,
    pen: Pen,
    box: Points | None = None,
    box_color: Color = BOX,
    alpha: float = 1.0,
) -> Points | None:
    """Paints one instance; returns the anchor of its label (2,), None if nothing was drawn.

    Args:
        canvas: (H, W, 3), painted in place.
        points: (K, 2), img px.
        confident: (K,). Keypoints that are drawn where they are finite.
        pen: Sizes that the caller asks for.
        box: (4,) left, top, width, height; None draws none.
        box_color: BGR.
    """
    shown = confident & np.isfinite(points).all(axis=1)
    stroke = _stroke(canvas, points[shown], pen, box)
    if box is not None:
        stroke_box(canvas, box, stroke.thinnest + 2 * stroke.outline, OUTLINE)
        stroke_box(canvas, box, stroke.thinnest, box_color)
    if shown.any():
        dots, drawn = style.dots(np.where(shown[:, None], points, 0), shown)
        _paint_region(canvas, dots, drawn, style, stroke, alpha)
    if box is not None:
        return box[:2]
    if not shown.any():
        return None
    return points[shown][np.argmin(points[shown][:, 1])] - [0, 3 * stroke.width]


def _paint_region(
    canvas: Image,
    dots: Points,
    drawn: NDArray[np.bool_],
    style: SkeletonStyle,
    stroke: _Stroke,
    alpha: float,
) -> None:
    """Paints a skeleton, a small one on an enlarged copy of its part of the canvas."""
    margin = 2 * (stroke.width + stroke.outline + (stroke.radius or 0)) + 2
    image_wh = canvas.shape[1::-1]
    first = np.clip(np.floor(dots[drawn].min(axis=0) - margin), 0, image_wh).astype(int)
    last = np.clip(np.ceil(dots[drawn].max(axis=0) + margin), 0, image_wh).astype(int)
    if (last <= first).any():
        return
    region = canvas[first[1] : last[1], first[0] : last[0]]
    if (last - first).max() > SMALL_EXTENT:
        _paint_skeleton(region, dots - first, drawn, style, stroke, alpha)
        return
    factor = OVERSAMPLING if stroke.thinnest >= HAIRLINE else HAIRLINE_OVERSAMPLING
    large_wh = [factor * int(side) for side in last - first]
    large = cv2.resize(region, large_wh, interpolation=cv2.INTER_NEAREST)
    large_dots = (dots - first + 0.5) * factor - 0.5
    _paint_skeleton(large, large_dots, drawn, style, stroke.scaled(factor), alpha)
    region[:] = cv2.resize(large, region.shape[1::-1], interpolation=cv2.INTER_AREA)


def _paint_skeleton(
    canvas: Image,
    dots: Points,
    drawn: NDArray[np.bool_],
    style: SkeletonStyle,
    stroke: _Stroke,
    alpha: float,
) -> None:
    if style.is_openpose:
        rows, starts, ends, widths = _drawn_links(dots, drawn, style, stroke)
        sticks = ellipse_corners(starts, ends, STICK_WIDTH * widths)
        colors = [style.skeleton_link_colors[row] for row in rows]
        _paint_layer(canvas, [(sticks, colors)], alpha * STICK_OPACITY)
        shown = dots[drawn]
        discs = capsule_corners(shown, shown, 2 * _dot_radii(shown, stroke))
        colors = [style.dot_colors[i] for i in np.flatnonzero(drawn)]
        _paint_layer(canvas, [(discs, colors)], alpha)
        return
    layer = [_links(dots, drawn, style, stroke), _rimmed_dots(dots, drawn, style, stroke)]
    _paint_layer(canvas, layer, alpha)


def _paint_layer(canvas: Image, layer: Layer, alpha: float) -> None:
    target = canvas if alpha == 1 else canvas.copy()
    for corners, colors in layer:
        fill_polygons(target, corners, colors)
    if target is not canvas:
        canvas[:] = cv2.addWeighted(target, alpha, canvas, 1 - alpha, 0)


def _links(
    dots: Points, drawn: NDArray[np.bool_], style: SkeletonStyle, stroke: _Stroke
) -> tuple[NDArray[np.int32], list[Color]]:
    """Returns polygons and colours of the links, each after its outline."""
    rows, starts, ends, widths = _drawn_links(dots, drawn, style, stroke)
    both = np.stack([widths + 2 * stroke.outline, widths], axis=1).ravel()  # (2 L,)
    corners = capsule_corners(starts.repeat(2, axis=0), ends.repeat(2, axis=0), both)
    return corners, [color for row in rows for color in (OUTLINE, style.skeleton_link_colors[row])]


def _drawn_links(
    dots: Points, drawn: NDArray[np.bool_], style: SkeletonStyle, stroke: _Stroke
) -> tuple[list[int], Points, Points, Points]:
    """Returns which links are drawn, their starts and ends (L, 2), and their widths (L,)."""
    rows = np.flatnonzero(drawn[style.skeleton_links].all(axis=1))
    starts, ends = dots[style.skeleton_links[rows]].transpose(1, 0, 2)  # (L, 2, 2) -> (2, L, 2)
    lengths = np.hypot(*(ends - starts).T)
    widths = np.minimum(np.maximum(0.3 * lengths, stroke.thinnest), stroke.width)
    return rows.tolist(), starts, ends, widths


def _rimmed_dots(
    dots: Points, drawn: NDArray[np.bool_], style: SkeletonStyle, stroke: _Stroke
) -> tuple[NDArray[np.int32], list[Color]]:
    """Returns polygons and colours: a dark rim, a white ring where there is room, a core."""
    ids = np.flatnonzero(drawn)
    radii = _dot_radii(dots[ids], stroke)
    rims = radii + np.minimum(stroke.outline, 0.5 * radii)
    has_ring = radii >= stroke.smallest_ring
    discs = np.stack([rims, radii, np.where(has_ring, 0.7, 1.0) * radii], axis=1)  # (P, 3)
    painted = np.stack([np.ones_like(has_ring), has_ring, np.ones_like(has_ring)], axis=1)
    centers = np.broadcast_to(dots[ids, None], (len(ids), 3, 2))[painted]
    hidden = (
        np.zeros(len(dots), bool) if style.hollow is None else style.hollow[style.sources].any(1)
    )
    fills = [(RING, style.dot_colors[i])[:: -1 if hidden[i] else 1] for i in ids]
    colors = [color for fill in fills for color in (OUTLINE, *fill)]
    kept = np.flatnonzero(painted.ravel())
    return capsule_corners(centers, centers, 2 * discs[painted]), [colors[i] for i in kept]


def _dot_radii(points: Points, stroke: _Stroke) -> NDArray[np.float64]:
    """Returns a radius per point (N, 2): smaller where points crowd, as in a face or a hand.

    The second nearest point counts, so that two points at one place, such as hips seen from the
    side, keep their size.
    """
    if stroke.radius is not None:
        return np.full(len(points), stroke.radius)
    largest = np.full(len(points), 0.95 * stroke.width)
    if len(points) < 3:
        return largest
    gaps = np.hypot(*np.moveaxis(points[:, None] - points[None], -1, 0))  # (N, N), 0 to itself
    return np.clip(0.4 * np.partition(gaps, 2, axis=1)[:, 2], 0.6 * stroke.thinnest, largest)


def _stroke(canvas: Image, shown: Points, pen: Pen, box: Points | None) -> _Stroke:
    """Returns the sizes for the drawn keypoints (N, 2), which may be none."""
    diagonal = float(np.hypot(*canvas.shape[:2]))
    thinnest = max(HAIRLINE, 0.052 * diagonal**0.5)  # 1.4 at VGA, 2.4 at full HD, 3.4 at 4K
    extent = float(np.hypot(*np.ptp(shown, axis=0))) if len(shown) else 0.0
    if box is not None:
        extent = max(extent, 0.25 * float(np.hypot(*box[2:])))
    width = pen.line_width or max(thinnest, 0.013 * min(extent, diagonal))
    outline = max(0.6, 0.25 * width)
    return _Stroke(width, min(thinnest, width), outline, SMALLEST_RING, pen.radius)
