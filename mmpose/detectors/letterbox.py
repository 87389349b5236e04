"""An image in a fixed input: scaled as a whole, the rest grey."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

GREY = 114  # of YOLOX and RTMDet: https://github.com/Megvii-BaseDetection/YOLOX, mmdetection


def letterbox(
    image_bgr: NDArray[np.uint8], input_size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Scales an image so that it fits into an input, at the top left of it.

    Returns:
        The input, (h, w, 3) uint8 BGR.
        (2,). Input px per img px along x and y, which differ by what rounding to whole pixels
        makes of the aspect: ``img = in / scale``.
    """
    height, width = image_bgr.shape[:2]
    scale = min(input_size[0] / width, input_size[1] / height)
    scaled_wh = max(round(width * scale), 1), max(round(height * scale), 1)
    canvas = np.full((input_size[1], input_size[0], 3), GREY, np.uint8)
    resized = cv2.resize(image_bgr, scaled_wh, interpolation=cv2.INTER_LINEAR)
    canvas[: scaled_wh[1], : scaled_wh[0]] = resized
    return canvas, np.array([scaled_wh[0] / width, scaled_wh[1] / height], np.float32)
