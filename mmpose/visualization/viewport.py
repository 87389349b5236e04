"""Viewport: a part of an image, scaled, with the mapping of points into it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.visualization.shapes import Image, Points, checked_image


@dataclass(frozen=True, eq=False)
class Viewport:
    """A scaled part of an image.

    Attributes:
        image_bgr: (h, w, 3) uint8.
        left_top: (2,), img px. Its first pixel.
        scale: Viewport px per img px.
    """

    image_bgr: Image
    left_top: NDArray[np.float64]
    scale: float

    @classmethod
    def around(
        cls,
        image_bgr: Image,
        boxes_xywh: ArrayLike,
        height: int = 520,
        most_width: float = 900,
        most_scale: float = 6.0,
        margin: float | None = None,
    ) -> Viewport:
        """Returns the viewport around boxes.

        Args:
            image_bgr: (H, W, 3) uint8, not changed.
            boxes_xywh: (N, 4), img px. The whole image if there are none.
            height: Of the viewport, px, unless one of the following limits is reached first.
            most_width: px.
            most_scale: Largest enlargement of small instances.
            margin: Beyond the boxes, img px; None is a tenth of their extent and 8.
        """
        size_wh = np.array(checked_image(image_bgr).shape[1::-1])
        boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
        if not len(boxes):
            boxes = np.array([[0, 0, *size_wh]], np.float64)
        low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
        margin = 0.1 * (high - low).max() + 8 if margin is None else margin
        first = np.clip(np.floor(low - margin), 0, size_wh - 1).astype(int)
        last = np.clip(np.ceil(high + margin), first + 1, size_wh).astype(int)
        part = image_bgr[first[1] : last[1], first[0] : last[0]]
        scale = min(height / part.shape[0], most_width / part.shape[1], most_scale)
        size = [max(1, round(side * scale)) for side in part.shape[1::-1]]
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return cls(cv2.resize(part, size, interpolation=method), first.astype(float), scale)

    def points(self, points_img: ArrayLike) -> Points:
        """Maps points (..., 2) from img px; pixel centres are whole numbers in both frames."""
        points = np.asarray(points_img, np.float64)
        return np.asarray((points - self.left_top + 0.5) * self.scale - 0.5)

    def box(self, bbox_xywh: ArrayLike) -> Points:
        """Maps a box (4,) from img px."""
        box = np.asarray(bbox_xywh, np.float64)
        return np.concatenate([self.points(box[:2]), box[2:] * self.scale])
