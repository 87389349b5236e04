"""Canvas: a colour image and an id image, which holds the last painted part of each pixel."""

from collections.abc import Sequence
from itertools import accumulate

import cv2
import numpy as np

from toy_pose.appearance import Color

BACKGROUND_ID = 0
OBJECT_ID = 255  # things in front of people
_FRACTION_BITS = 4  # polygons are placed to 1/16 px


class Canvas:
    """A colour image (H, W, 3) uint8 BGR and an id image (H, W) uint8.

    Integer coordinates are pixel centres. Colours are blended at the edge of a shape; ids are not.
    """

    def __init__(self, width: int, height: int) -> None:
        self.image = np.zeros((height, width, 3), np.uint8)
        self.ids = np.zeros((height, width), np.uint8)

    @property
    def width(self) -> int:
        return self.ids.shape[1]

    @property
    def height(self) -> int:
        return self.ids.shape[0]

    def fill(self, polygon: np.ndarray, color: Color) -> None:
        """Paint a convex polygon (N, 2) px."""
        self.fill_all([(polygon, color)])

    def fill_all(self, layers: Sequence[tuple[np.ndarray, Color]]) -> None:
        """Paint convex polygons (N, 2) px, one over the other."""
        polygons = _fixed_all([polygon for polygon, _ in layers])
        for polygon, (_, color) in zip(polygons, layers, strict=True):
            cv2.fillConvexPoly(self.image, polygon, color, cv2.LINE_AA, _FRACTION_BITS)

    def stamp_all(self, stamps: Sequence[tuple[np.ndarray, int]]) -> None:
        """Write ids over convex polygons (N, 2) px, one over the other."""
        polygons = _fixed_all([polygon for polygon, _ in stamps])
        for polygon, (_, object_id) in zip(polygons, stamps, strict=True):
            cv2.fillConvexPoly(self.ids, polygon, object_id, cv2.LINE_8, _FRACTION_BITS)

    def line(self, start: np.ndarray, end: np.ndarray, color: Color, thickness: int = 1) -> None:
        """Paint a line between two points (2,) px."""
        first, last = _fixed(start).tolist(), _fixed(end).tolist()
        cv2.line(self.image, first, last, color, thickness, cv2.LINE_AA, _FRACTION_BITS)

    def region(self, polygon: np.ndarray, margin: int = 1) -> tuple[slice, slice]:
        """Rows and columns that hold the part of a polygon (N, 2) px inside the image."""
        low = np.floor(polygon.min(axis=0)).astype(int) - margin
        high = np.ceil(polygon.max(axis=0)).astype(int) + margin + 1
        left, right = (int(x) for x in np.clip([low[0], high[0]], 0, self.width))
        top, bottom = (int(y) for y in np.clip([low[1], high[1]], 0, self.height))
        return slice(top, bottom), slice(left, right)


def _fixed(points: np.ndarray) -> np.ndarray:
    """Points (N, 2) px as OpenCV's fixed-point integers."""
    return np.rint(points * (1 << _FRACTION_BITS)).astype(np.int32)


def _fixed_all(polygons: list[np.ndarray]) -> list[np.ndarray]:
    """All polygons converted at once, which is much faster than one by one."""
    points = _fixed(np.concatenate(polygons))
    ends = list(accumulate(len(polygon) for polygon in polygons))
    return [points[end - len(polygon) : end] for polygon, end in zip(polygons, ends, strict=True)]
