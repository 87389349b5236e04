"""Bounding boxes of one image, and box arithmetic.

Boxes are (..., 4) left, top, width, height in img px unless a name says xyxy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Boxes:
    """Bounding boxes of N instances in one image, as a detector, a file or a user gives them.

    Attributes:
        xywh: (N, 4) float32, img px. Left, top, width, height; may reach over the border.
        scores: (N,) float32. Confidence; 1 where somebody drew the box.
        category_ids: (N,) int64. COCO category, 1 for a person.

    Raises:
        ValueError: If the shapes do not fit together or a number is not finite.
    """

    xywh: NDArray[np.float32]
    scores: NDArray[np.float32]
    category_ids: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.xywh.ndim != 2 or self.xywh.shape[1] != 4:
            raise ValueError(f'boxes have shape {self.xywh.shape}, expected (N, 4)')
        for name in ('scores', 'category_ids'):
            shape = getattr(self, name).shape
            if shape != (len(self.xywh),):
                raise ValueError(f'{name} has shape {shape} for {len(self.xywh)} boxes')
        if not (np.isfinite(self.xywh).all() and np.isfinite(self.scores).all()):
            raise ValueError('a box or its score is not a finite number')

    def __len__(self) -> int:
        return len(self.xywh)

    @classmethod
    def from_xywh(
        cls, xywh: ArrayLike, scores: ArrayLike | None = None, category_ids: ArrayLike | None = None
    ) -> Boxes:
        """Returns boxes from (N, 4) left, top, width, height; score and category default to 1.

        One box may be given as (4,), none as an empty list; (N, 5) have their score as the fifth
        number. Tensors are taken from any device.

        Raises:
            ValueError: If they have another shape, or two scores.
        """
        boxes = _as_rows(xywh)
        if boxes.ndim == 2 and boxes.shape[1] == 5:
            if scores is not None:
                raise ValueError('boxes have shape (N, 5), with a score, and scores came as well')
            boxes, scores = boxes[:, :4], boxes[:, 4]
        num = len(boxes)
        values = np.ones(num) if scores is None else scores
        ids = np.ones(num) if category_ids is None else category_ids
        return cls(boxes, np.asarray(values, np.float32), np.asarray(ids, np.int64))

    @classmethod
    def from_xyxy(
        cls, xyxy: ArrayLike, scores: ArrayLike | None = None, category_ids: ArrayLike | None = None
    ) -> Boxes:
        """Returns boxes from (N, 4) left, top, right, bottom; otherwise as :meth:`from_xywh`."""
        xywh = _as_rows(xyxy)
        xywh[:, 2:4] -= xywh[:, :2]
        return cls.from_xywh(xywh, scores, category_ids)

    @classmethod
    def whole_image(cls, image_wh: tuple[int, int]) -> Boxes:
        """Returns one box that covers an image."""
        return cls.from_xywh([0, 0, *image_wh])

    def select(self, chosen: ArrayLike) -> Boxes:
        """Returns some of the boxes, chosen by a mask (N,) or by indices."""
        rows = np.asarray(chosen)
        rows = rows if rows.dtype == bool else rows.astype(np.int64)
        return Boxes(self.xywh[rows], self.scores[rows], self.category_ids[rows])

    def is_usable(self, image_wh: tuple[int, int]) -> NDArray[np.bool_]:
        """Returns a mask (N,) of the boxes that have a size and share a pixel with the image."""
        first, size = self.xywh[:, :2], self.xywh[:, 2:]
        is_inside = (first < np.array(image_wh)).all(axis=1) & (first + size > 0).all(axis=1)
        return np.asarray(is_inside & (size > 0).all(axis=1))


def _as_rows(boxes: ArrayLike) -> NDArray[np.float32]:
    """Returns a copy of boxes as rows, (N, 4) or (N, 5)."""
    cpu = getattr(boxes, 'cpu', None)  # of a tensor
    rows = np.array(boxes if cpu is None else cpu().detach().numpy(), np.float32)
    if rows.size == 0:
        return rows.reshape(0, 4)
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] not in (4, 5):
        raise ValueError(f'boxes have shape {rows.shape}, expected (N, 4), or (N, 5) with a score')
    return rows


def xywh_to_center_wh(bbox_xywh: Array) -> tuple[Array, Array]:
    """Splits boxes (..., 4) into centres (..., 2) and sizes (..., 2)."""
    size = bbox_xywh[..., 2:4]
    return bbox_xywh[..., :2] + size / 2, size


def fix_aspect_ratio(box_wh: Array, aspect: float) -> Array:
    """Enlarges the short side of sizes (..., 2) until width / height equals ``aspect``."""
    width, height = box_wh[..., 0], box_wh[..., 1]
    enlarged = np.empty(box_wh.shape, np.result_type(box_wh, aspect))
    enlarged[..., 0] = np.maximum(width, height * aspect)
    enlarged[..., 1] = np.maximum(height, width / aspect)
    return enlarged


def clip_xywh(bbox_xywh: Array, image_wh: Array, includes_end: bool = False) -> Array:
    """Clips boxes (..., 4) to the pixels of images of size (..., 2).

    The last pixel is ``W - 1``, and a box of width w covers ``w - 1`` px between pixel centres, as
    the COCO loaders of the top-down literature count; with ``includes_end`` it covers w px, as
    those of MMPose 1.x count.
    """
    last_px = image_wh - 1
    first = np.maximum(bbox_xywh[..., :2], 0)
    last = np.minimum(first + np.maximum(bbox_xywh[..., 2:4] - 1, 0), last_px)
    if includes_end:
        first = np.minimum(first, last_px)
        last = np.clip(bbox_xywh[..., :2] + bbox_xywh[..., 2:4], 0, last_px)
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
