"""Box arithmetic. Boxes are (..., 4) left, top, width, height in img px."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def xywh_to_center_wh(bbox_xywh: Array) -> tuple[Array, Array]:
    """Splits boxes (..., 4) into centres (..., 2) and sizes (..., 2)."""
    size = bbox_xywh[..., 2:4]
    return bbox_xywh[..., :2] + size / 2, size


def fix_aspect_ratio(box_wh: Array, aspect: float) -> Array:
    """Enlarges the short side of sizes (..., 2) until width / height equals ``aspect``."""
    width, height = box_wh[..., 0], box_wh[..., 1]
    return np.stack([np.maximum(width, height * aspect), np.maximum(height, width / aspect)], -1)


def clip_xywh(bbox_xywh: Array, image_wh: Array) -> Array:
    """Clips boxes (..., 4) to the pixels of images of size (..., 2).

    The last pixel is ``W - 1``, and a box of width w covers ``w - 1`` px between pixel centres, as
    the COCO loaders of the top-down literature count.
    """
    first = np.maximum(bbox_xywh[..., :2], 0)
    last = np.minimum(first + np.maximum(bbox_xywh[..., 2:4] - 1, 0), image_wh - 1)
    return np.concatenate([first, last - first], axis=-1)


def box_iou_xywh(first_xywh: Array, second_xywh: Array) -> Array:
    """Returns the overlap of boxes (..., 4) with others: intersection over union (...).

    The two are broadcast: ``(N, 1, 4)`` and ``(M, 4)`` give all pairs, (N, M). Two boxes without
    an area overlap by 0.
    """
    start = np.maximum(first_xywh[..., :2], second_xywh[..., :2])
    end = np.minimum(
        first_xywh[..., :2] + first_xywh[..., 2:4], second_xywh[..., :2] + second_xywh[..., 2:4]
    )
    both = np.maximum(end - start, 0).prod(axis=-1)
    either = first_xywh[..., 2:4].prod(axis=-1) + second_xywh[..., 2:4].prod(axis=-1) - both
    return np.asarray(both / np.maximum(either, np.finfo(float).tiny))
