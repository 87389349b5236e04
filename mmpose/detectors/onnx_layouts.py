"""Input letterbox and output layouts of YOLOX and RTMDet graphs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

GREY = 114  # of YOLOX and RTMDet: https://github.com/Megvii-BaseDetection/YOLOX, mmdetection
STRIDES = (8, 16, 32)
STRIDES_P6 = (8, 16, 32, 64)
# An undecoded centre is an offset from its cell in cells, a decoded one a place in the input in
# px, so that the last cells are at hundreds. No offset of a trained network is nearly as large.
MAX_OFFSET = 50.0

Array = NDArray[np.float32]
Found = tuple[Array, Array, NDArray[np.int64]]


def letterbox(
    image_bgr: NDArray[np.uint8], input_size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Letterbox: scales an image to fit into the top left of an input, the rest grey.

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


def decode_with_nms(dets: Array, labels: NDArray[np.integer]) -> list[Found]:
    """Reads a graph that ends in non-maximum suppression, as MMDeploy exports them.

    Args:
        dets: (B, N, 5). Left, top, right, bottom in input px, and the score; the score of a row
            that fills up is not positive.
        labels: (B, N). Classes.

    Returns:
        For each image (N, 4) corners in input px, (N,) scores, (N,) classes.
    """
    found = []
    for rows, own_labels in zip(np.asarray(dets, np.float32), labels, strict=True):
        used = rows[:, 4] > 0
        found.append((rows[used, :4], rows[used, 4], own_labels[used].astype(np.int64)))
    return found


def decode_yolox(outputs: Array, input_size: tuple[int, int], min_score: float) -> list[Found]:
    """Reads the raw output of YOLOX, https://arxiv.org/abs/2107.08430.

    Cell (i, j) of the map of stride s predicts the centre ``((i, j) + offset) * s`` and the size
    ``exp(log size) * s``; the score of a class is its own times that of there being an object.

    Args:
        outputs: (B, A, 5 + C). Offset or centre (2), log size or size (2), objectness and class
            scores from 0 to 1. A graph exported with ``--decode_in_inference`` gives centre and
            size in input px; which of the two it is shows in the numbers.
        input_size: Size of the input.
        min_score: Boxes with lower scores are left out, before anything is computed for them.

    Returns:
        As ``decode_with_nms``.

    Raises:
        ValueError: If A is not the number of cells in an input of this size.
    """
    cells, strides = _cells(outputs.shape[1], input_size)
    found = []
    for rows in outputs:
        is_decoded = np.abs(rows[:, :2]).max() > MAX_OFFSET
        labels = rows[:, 5:].argmax(axis=1)
        scores = rows[:, 4] * rows[np.arange(len(rows)), 5 + labels]
        kept = np.flatnonzero(scores >= min_score)
        center, size = rows[kept, :2].astype(np.float32), rows[kept, 2:4].astype(np.float32)
        if not is_decoded:
            stride = strides[kept, None]
            center, size = (center + cells[kept]) * stride, np.exp(size) * stride
        corners = np.concatenate([center - size / 2, center + size / 2], axis=1)
        found.append((corners, scores[kept].astype(np.float32), labels[kept].astype(np.int64)))
    return found


def _cells(num: int, input_size: tuple[int, int]) -> tuple[Array, Array]:
    """Returns (A, 2) column and row, and (A,) the stride of every cell, finest map first."""
    for strides in (STRIDES, STRIDES_P6):
        maps_wh = [(input_size[0] // stride, input_size[1] // stride) for stride in strides]
        if num == sum(width * height for width, height in maps_wh):
            break
    else:
        raise ValueError(
            f'the output has {num} boxes, expected those of YOLOX for an input of '
            f'{input_size[0]}x{input_size[1]}, with strides 8, 16, 32 (and 64)'
        )
    cells = [
        np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).reshape(-1, 2)  # (h, w, 2) ->
        for w, h in maps_wh
    ]
    sizes = [np.full(len(own), stride) for own, stride in zip(cells, strides, strict=True)]
    return np.concatenate(cells).astype(np.float32), np.concatenate(sizes).astype(np.float32)
