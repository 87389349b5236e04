"""Sentence on a picture, such as what its model does not know."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FONT = cv2.FONT_HERSHEY_SIMPLEX


def with_note(image_bgr: NDArray[np.uint8], note: str) -> NDArray[np.uint8]:
    """Returns a picture (H, W, 3) with a red bar of text, of its own height, below; ASCII only."""
    if not note:
        return image_bgr
    width = image_bgr.shape[1]
    (text_width, _), _ = cv2.getTextSize(note, FONT, 1.0, 2)
    scale = min(1.0, 0.96 * width / text_width)
    bar = np.zeros((max(8, round(40 * scale)), width, 3), np.uint8)
    bar[:] = (40, 40, 200)
    place = (round(0.02 * width), round(0.72 * len(bar)))
    cv2.putText(bar, note, place, FONT, scale, (255, 255, 255), 1 + (scale > 0.7), cv2.LINE_AA)
    return np.concatenate([image_bgr, bar])
