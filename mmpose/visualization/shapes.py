"""Anti-aliased shapes and text with sub-pixel positions. Every function paints in place.

Points are (x, y) img px with pixel centres at integers; colours are BGR.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.floating]
Color = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]

# Nearly black: rims of links and dots, plates of labels.
OUTLINE: Color = (16, 16, 16)
SUBPIXEL_BITS = 4
# cv2's anti-aliased fill reaches this far beyond the polygon (area of discs of 2 to 20 px).
FILL_MARGIN = 0.63
# Beyond this a coordinate with sub-pixel bits would leave the 32 bits that cv2 gives it.
FARTHEST = 1e6
# Text is drawn this much larger and averaged, so that small letters keep even strokes.
TEXT_OVERSAMPLING = 4
# Letters of this height, px, have strokes that need less.
LARGE_TEXT = 16
# Height of a capital letter at font scale 1, px.
CAP_HEIGHT = 21


def checked_image(image: Image) -> Image:
    """Returns the image if it is one.

    Raises:
        ValueError: If it is not (H, W, 3) uint8 with at least one pixel.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(
            f'image has shape {image.shape} and type {image.dtype}, expected (H, W, 3) uint8 BGR'
        )
    return image


def fill_disc(canvas: Image, center: Points, radius: float, color: Color) -> None:
    """Paints a disc; radii below 1 px look like 1 px."""
    fill_capsule(canvas, center, center, 2 * radius, color)


def fill_capsule(canvas: Image, start: Points, end: Points, width: float, color: Color) -> None:
    """Paints a thick line with round ends.

    Args:
        canvas: (H, W, 3), painted in place.
        start: (2,), px.
        end: (2,), px. May equal ``start`` and may lie outside the canvas.
        width: px, need not be whole; widths below 2 px look like 2 px.
        color: BGR.
    """
    corners = capsule_corners(start[None], end[None], np.array([width]))
    fill_polygons(canvas, corners, [color])


def capsule_corners(starts: Points, ends: Points, widths: Points) -> NDArray[np.int32]:
    """Returns polygons of N thick lines with round ends, for :func:`fill_polygons`.

    Args:
        starts: (N, 2), px.
        ends: (N, 2), px. May equal ``starts``, which gives discs.
        widths: (N,), px.

    Returns:
        (N, corners, 2), fixed-point px.
    """
    starts, ends = _nearby(starts), _nearby(ends)
    radii = np.maximum(widths / 2 - FILL_MARGIN, 0.25)
    along = np.arctan2(*(ends - starts)[:, ::-1].T)  # (N,)
    # keeps the polygon of the largest radius within 0.1 px of the circle
    num = 8 + math.ceil(math.sqrt(radii.max(initial=0)) * 4)
    angles = along[:, None] + np.linspace(-math.pi / 2, math.pi / 2, num)  # (N, num)
    caps = radii[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return _fixed(np.concatenate([ends[:, None] + caps, starts[:, None] - caps], axis=1))


def ellipse_corners(starts: Points, ends: Points, widths: Points) -> NDArray[np.int32]:
    """Returns polygons of N ellipses whose long axes reach from ``starts`` to ``ends``.

    Args:
        starts: (N, 2), px.
        ends: (N, 2), px.
        widths: (N,), px. Short axes.

    Returns:
        (N, corners, 2), fixed-point px.
    """
    starts, ends = _nearby(starts), _nearby(ends)
    half = (ends - starts) / 2  # (N, 2)
    lengths = np.maximum(np.hypot(*half.T), 1e-6)
    unit = half / lengths[:, None]
    normal = unit[:, ::-1] * [-1, 1]
    short = np.maximum(widths / 2 - FILL_MARGIN, 0.25)
    long = np.maximum(lengths - FILL_MARGIN, short)
    num = 16 + math.ceil(math.sqrt(long.max(initial=0)) * 4)
    angles = np.linspace(0, 2 * math.pi, num, endpoint=False)
    corners = (
        ((starts + ends) / 2)[:, None]
        + np.cos(angles)[None, :, None] * (long[:, None] * unit)[:, None]
        + np.sin(angles)[None, :, None] * (short[:, None] * normal)[:, None]
    )  # (N, num, 2)
    return _fixed(corners)


def fill_polygons(canvas: Image, corners: NDArray[np.int32], colors: Sequence[Color]) -> None:
    """Paints convex polygons in their order.

    Args:
        canvas: (H, W, 3), painted in place.
        corners: (N, corners, 2), fixed-point px, of one of the functions above.
        colors: (N,) BGR.
    """
    for polygon, color in zip(corners, colors, strict=True):
        cv2.fillConvexPoly(canvas, polygon, color, cv2.LINE_AA, SUBPIXEL_BITS)


def stroke_box(canvas: Image, bbox_xywh: Points, width: float, color: Color) -> None:
    """Paints the outline of a box (4,) with round corners."""
    left, top, box_w, box_h = (float(value) for value in bbox_xywh)
    right, bottom = left + box_w, top + box_h
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    sides = capsule_corners(corners, np.roll(corners, -1, axis=0), np.full(4, width))
    fill_polygons(canvas, sides, [color] * 4)


@lru_cache(maxsize=512)
def text_coverage(text: str, cap_height: float) -> NDArray[np.float32]:
    """Returns how much of each pixel a line of text covers.

    Args:
        text: One line. OpenCV's font knows ASCII; other letters may come out as '?'.
        cap_height: Height of a capital letter, px.

    Returns:
        (h, w) in [0, 1]. The width fits the text; the height, about 1.5 capitals, and the
        base line depend on ``cap_height`` only, so that texts side by side stand level. It is
        remembered, because the texts of a video recur, and read-only.
    """
    oversampling = TEXT_OVERSAMPLING if cap_height < LARGE_TEXT else 2
    scale = cap_height * oversampling / CAP_HEIGHT
    stroke = max(1, round(1.8 * scale))
    ascent, descent = math.ceil(1.1 * cap_height), math.ceil(0.35 * cap_height)
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    small_w = math.ceil(width / oversampling) + 2 * ascent
    large = np.zeros(((ascent + descent) * oversampling, small_w * oversampling), np.uint8)
    origin = (ascent * oversampling, ascent * oversampling)
    cv2.putText(large, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, stroke, cv2.LINE_AA)
    small = cv2.resize(large, (small_w, ascent + descent), interpolation=cv2.INTER_AREA)
    columns = np.flatnonzero(small.any(axis=0))
    if len(columns):
        small = small[:, columns[0] : columns[-1] + 1]
    else:
        small = np.zeros((small.shape[0], 1), np.uint8)
    coverage = small.astype(np.float32) / 255
    coverage.flags.writeable = False
    return coverage


def blend(
    canvas: Image, coverage: NDArray[np.floating], left_top: tuple[int, int], color: Color
) -> None:
    """Mixes a colour into the canvas; what lies outside the canvas is cut off.

    Args:
        canvas: (H, W, 3), painted in place.
        coverage: (h, w) in [0, 1].
        left_top: x and y of the first pixel of ``coverage``.
        color: BGR.
    """
    left, top = left_top
    rows = slice(max(top, 0), max(top + coverage.shape[0], 0))
    columns = slice(max(left, 0), max(left + coverage.shape[1], 0))
    target = canvas[rows, columns]
    if not target.size:
        return
    first_row, first_column = max(-top, 0), max(-left, 0)
    part = coverage[first_row:, first_column:][: target.shape[0], : target.shape[1]]
    touched = part > 0  # letters cover a fifth of their rectangle
    opacity = part[touched][:, None]  # (touched pixels, 1)
    mixed = target[touched] * (1 - opacity) + np.array(color, np.float32) * opacity
    target[touched] = np.round(mixed).astype(np.uint8)


def blend_rectangle(canvas: Image, rectangle: Rectangle, color: Color, opacity: float) -> None:
    """Mixes a colour evenly into a rectangle that lies inside the canvas.

    Args:
        canvas: (H, W, 3), painted in place.
        rectangle: Left, top, width, height, px.
        color: BGR.
        opacity: From 0 to 1.
    """
    left, top, width, height = rectangle
    target = canvas[top : top + height, left : left + width]
    levels = np.arange(256)[:, None] * (1 - opacity) + np.array(color) * opacity  # (256, 3)
    target[:] = cv2.LUT(target, np.round(levels).astype(np.uint8)[None])


def _nearby(points: Points) -> Points:
    return np.clip(points, -FARTHEST, FARTHEST)


def _fixed(corners: Points) -> NDArray[np.int32]:
    return np.round(corners * 2**SUBPIXEL_BITS).astype(np.int32)
