"""The pixels of a crop window."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.structures import CropWindow

MAX_SIDE = 32_000  # px; cv2.warpAffine takes images below 2^15


def crop_image(image_bgr: NDArray[np.uint8], window: CropWindow) -> NDArray[np.uint8]:
    """Returns the (h, w, 3) uint8 crop of a window, as the test pipeline cuts it.

    Of an image with a side of more than 32,000 px the part behind the window is cut out first, and
    thinned where that is as large.
    """
    matrix = window.matrix()
    if max(image_bgr.shape[:2]) > MAX_SIDE:
        image_bgr, matrix = _part_behind(image_bgr, window, matrix)
    return cv2.warpAffine(image_bgr, matrix, window.input_wh, flags=cv2.INTER_LINEAR)


def _part_behind(
    image_bgr: NDArray[np.uint8], window: CropWindow, matrix: NDArray[np.floating]
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """Returns the part of an image that a window without rotation shows, and the affine from it."""
    image_wh = np.array(image_bgr.shape[1::-1])
    first = np.clip(np.floor(window.center - window.scale / 2) - 1, 0, image_wh - 1).astype(int)
    last = np.clip(np.ceil(window.center + window.scale / 2) + 2, first + 1, image_wh).astype(int)
    step = int(np.ceil((last - first).max() / MAX_SIDE))
    part = image_bgr[first[1] : last[1] : step, first[0] : last[0] : step]
    moved = matrix.copy()  # img = first + step * part
    moved[:, 2] += matrix[:, :2] @ first
    moved[:, :2] *= step
    return np.ascontiguousarray(part), moved
