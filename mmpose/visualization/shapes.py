"""Anti-aliased shapes and text with sub-pixel positions. Every function paints in place.

Points are (x, y) img px with pixel centres at integers; colours are BGR.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.floating]
Color = tuple[int, int, int]

# Nearly black: rims of limbs and dots, plates of labels.
OUTLINE: Color = (16, 16, 16)
SUBPIXEL_BITS = 4
# cv2's anti-aliased fill reaches this far beyond the polygon (area of discs of 2 to 20 px).
FILL_MARGIN = 0.63
# Beyond this a coordinate with sub-pixel bits would leave the 32 bits that cv2 gives it.
FARTHEST = 1e6
# Text is drawn this much larger and averaged, so that small letters keep even strokes.
TEXT_OVERSAMPLING = 4
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
    radius = max(width / 2 - FILL_MARGIN, 0.25)
    start, end = (np.clip(point, -FARTHEST, FARTHEST) for point in (start, end))
    along = math.atan2(end[1] - start[1], end[0] - start[0])
    num = 8 + math.ceil(math.sqrt(radius) * 4)  # keeps the polygon within 0.1 px of the circle
    angles = along + np.linspace(-math.pi / 2, math.pi / 2, num)
    cap = radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)  # (num, 2)
    _fill_polygon(canvas, np.concatenate([end + cap, start - cap]), color)


def stroke_box(canvas: Image, bbox_xywh: Points, width: float, color: Color) -> None:
    """Paints the outline of a box (4,) with round corners."""
    left, top, box_w, box_h = (float(value) for value in bbox_xywh)
    right, bottom = left + box_w, top + box_h
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        fill_capsule(canvas, start, end, width, color)


def text_coverage(text: str, cap_height: float) -> NDArray[np.float32]:
    """Returns how much of each pixel a line of text covers.

    Args:
        text: One line. OpenCV's font knows ASCII; other letters may come out as '?'.
        cap_height: Height of a capital letter, px.

    Returns:
        (h, w) in [0, 1]. The width fits the text; the height, about 1.5 capitals, and the
        base line depend on ``cap_height`` only, so that texts side by side stand level.
    """
    scale = cap_height * TEXT_OVERSAMPLING / CAP_HEIGHT
    stroke = max(1, round(1.8 * scale))
    ascent, descent = math.ceil(1.1 * cap_height), math.ceil(0.35 * cap_height)
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    small_w = math.ceil(width / TEXT_OVERSAMPLING) + 2 * ascent
    large = np.zeros(
        ((ascent + descent) * TEXT_OVERSAMPLING, small_w * TEXT_OVERSAMPLING), np.uint8
    )
    origin = (ascent * TEXT_OVERSAMPLING, ascent * TEXT_OVERSAMPLING)
    cv2.putText(large, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, stroke, cv2.LINE_AA)
    small = cv2.resize(large, (small_w, ascent + descent), interpolation=cv2.INTER_AREA)
    columns = np.flatnonzero(small.any(axis=0))
    if not len(columns):
        return np.zeros((small.shape[0], 1), np.float32)
    return small[:, columns[0] : columns[-1] + 1].astype(np.float32) / 255


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
    part = coverage[first_row:, first_column:][: target.shape[0], : target.shape[1], None]
    mixed = target * (1 - part) + np.array(color, np.float32) * part
    target[:] = np.round(mixed).astype(np.uint8)


def _fill_polygon(canvas: Image, corners: Points, color: Color) -> None:
    fixed = np.round(corners * 2**SUBPIXEL_BITS).astype(np.int32)
    cv2.fillConvexPoly(canvas, fixed, color, cv2.LINE_AA, SUBPIXEL_BITS)
