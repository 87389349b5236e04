"""Text labels at instances and keypoints, placed without overlaps. Paints in place.

Points are (x, y) img px; colours are BGR.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.visualization.shapes import (
    OUTLINE,
    Color,
    Image,
    Points,
    Rectangle,
    blend,
    blend_rectangle,
    text_coverage,
)

Box = tuple[float, float, float, float]
WHITE: Color = (255, 255, 255)
# A plate lets the image through, unless it covers another one.
PLATE_OPACITY, COVERING_OPACITY = 0.75, 1.0
# Weights of blue, green and red in luma (ITU-R BT.601), and above which one black text reads better
LUMA, BRIGHT = (0.114, 0.587, 0.299), 140


@dataclass(frozen=True, eq=False)
class Label:
    """A line of text on a plate.

    Attributes:
        text: One line.
        anchor: (2,), img px. Lower left corner of the plate, which moves to stay inside.
        cap_height: Height of a capital letter, px. Text that would be wider than the image is
            made smaller.
        plate: Colour of the plate.
    """

    text: str
    anchor: Points
    cap_height: float
    plate: Color = OUTLINE


def cap_height_for(canvas: Image, extent: float | None = None) -> float:
    """Returns the height of a capital letter, px, that is readable in an image.

    Args:
        canvas: (H, W, 3).
        extent: Size of the labelled instance, px: small ones get smaller text.
    """
    side = min(canvas.shape[:2])
    largest = max(8.0, side / 55)
    if extent is None:
        return largest
    # whole px, so that the texts of a video recur and need not be drawn anew
    return float(round(np.clip(0.06 * extent, max(7.0, side / 120), largest)))


def paint_labels(canvas: Image, labels: Iterable[Label]) -> None:
    """Paints labels; one that would cover an earlier one moves up or down if there is room."""
    used: list[Rectangle] = []
    for label in labels:
        coverage, side, above, plate_wh = _set_text(canvas, label)
        places = [
            _inside(canvas, label.anchor - [0, (1 + step) * plate_wh[1]], plate_wh)
            for step in (0, 1, -1, 2, -2, 3, -3)
        ]
        free = next((place for place in places if is_free((*place, *plate_wh), used)), None)
        left, top = free or places[0]
        used.append((left, top, *plate_wh))
        opacity = PLATE_OPACITY if free else COVERING_OPACITY
        blend_rectangle(canvas, (left, top, *plate_wh), label.plate, opacity)
        ink = OUTLINE if np.dot(label.plate, LUMA) > BRIGHT else WHITE
        blend(canvas, coverage, (left + side, top + above), ink)


def paint_texts_beside(canvas: Image, labels: Iterable[Label]) -> None:
    """Paints white text with a dark rim and no plate beside the anchors, where there is room.

    A text whose four places are taken by earlier ones is left out, as in a face of 68 keypoints.
    """
    used: list[Rectangle] = []
    for label in labels:
        coverage = np.pad(text_coverage(label.text, label.cap_height), 1)
        height, width = coverage.shape
        x, y = label.anchor
        gap = 0.9 * label.cap_height
        places = (
            (x + gap, y - height / 2),
            (x - gap - width, y - height / 2),
            (x - width / 2, y - gap - height),
            (x - width / 2, y + gap),
        )
        for place in places:
            left, top = _inside(canvas, np.array(place), (width, height))
            if is_free((left, top, width, height), used):
                used.append((left, top, width, height))
                rim = cv2.dilate(coverage, np.ones((3, 3), np.uint8))
                blend(canvas, rim, (left, top), OUTLINE)
                blend(canvas, coverage, (left, top), WHITE)
                break


def _set_text(canvas: Image, label: Label) -> tuple[NDArray[np.float32], int, int, tuple[int, int]]:
    """Returns the text, its distance from the left and the top of its plate, the plate's size."""
    cap_height, width = label.cap_height, canvas.shape[1]
    coverage = text_coverage(label.text, cap_height)
    side = max(2, round(0.45 * cap_height))
    if coverage.shape[1] + 2 * side > width:
        cap_height *= max(width - 2 * side, 1) / coverage.shape[1]
        coverage = text_coverage(label.text, cap_height)
    above, below = math.ceil(0.4 * cap_height), math.ceil(0.15 * cap_height)
    plate_wh = coverage.shape[1] + 2 * side, coverage.shape[0] + above + below
    return coverage, side, above, plate_wh


def _inside(canvas: Image, left_top: Points, size_wh: tuple[int, int]) -> tuple[int, int]:
    height, width = canvas.shape[:2]
    left = np.clip(round(float(left_top[0])), 0, max(width - size_wh[0], 0))
    top = np.clip(round(float(left_top[1])), 0, max(height - size_wh[1], 0))
    return int(left), int(top)


def is_free(place: Box, used: Iterable[Box]) -> bool:
    """Whether a place, left, top, width and height, px, overlaps with none that is used."""
    left, top, width, height = place
    return not any(
        left < x + w and x < left + width and top < y + h and y < top + height
        for x, y, w, h in used
    )
