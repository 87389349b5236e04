"""Filters raw detections: category, score threshold, NMS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.detectors.categories import COCO_IDS, GROUPS, Categories
from mmpose.structures import Boxes, box_iou_xywh


@dataclass(frozen=True)
class Selection:
    """Filter of raw detections: categories, score threshold, NMS threshold.

    Attributes:
        categories: As for ``choose_classes``.
        score_threshold: Boxes with a lower score are dropped.
        nms_threshold: Of two boxes of a category that overlap (IoU) by more than this, the one
            with the lower score is dropped, see ``suppress``. None keeps both.

    Raises:
        ValueError: If a threshold is outside 0..1.
    """

    categories: Categories = ('person',)
    score_threshold: float = 0.3
    nms_threshold: float | None = 0.65

    def __post_init__(self) -> None:
        for name in ('score_threshold', 'nms_threshold'):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f'{name} is {value}, expected a number from 0 to 1')

    def boxes(
        self, xyxy: ArrayLike, scores: ArrayLike, labels: ArrayLike, classes: Mapping[int, int]
    ) -> Boxes:
        """Returns the selected ones of N boxes, by descending score.

        Args:
            xyxy: (N, 4), img px.
            scores: (N,).
            labels: (N,). Class numbers of the network.
            classes: Of ``choose_classes``: class number -> category id.
        """
        boxes, values = np.asarray(xyxy, np.float32), np.asarray(scores, np.float32)
        numbers = np.asarray(labels, np.int64)
        is_wanted = (values >= self.score_threshold) & np.isin(numbers, list(classes))
        is_wanted &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        rows = np.flatnonzero(is_wanted)
        rows = rows[np.argsort(-values[rows], kind='stable')]
        ids = [classes[number] for number in numbers[rows].tolist()]
        found = Boxes.from_xyxy(boxes[rows], values[rows], ids)
        return found if self.nms_threshold is None else suppress(found, self.nms_threshold)

    def boxes_of(self, found: Mapping[str, Any], classes: Mapping[int, int]) -> Boxes:
        """Returns the selected ones of the tensors ``boxes``, ``scores`` and ``labels``.

        These are the keys of torchvision and transformers; otherwise as :meth:`boxes`.
        """
        xyxy, scores, labels = (found[key].cpu().numpy() for key in ('boxes', 'scores', 'labels'))
        return self.boxes(xyxy, scores, labels, classes)


def suppress(boxes: Boxes, max_iou: float) -> Boxes:
    """Non-maximum suppression (NMS) of boxes by IoU in each category, given by descending score.

    COCO's animals count as one category: a horse that is also found as a cow is one animal.
    """
    animals = [COCO_IDS[name] for name in GROUPS['animal']]
    kinds = np.where(np.isin(boxes.category_ids, animals), animals[0], boxes.category_ids)
    left = np.arange(len(boxes))
    kept: list[NDArray[np.int64]] = []
    while len(left):
        best, left = left[:1], left[1:]
        kept.append(best)
        is_other = kinds[left] != kinds[best]
        left = left[is_other | (box_iou_xywh(boxes.xywh[best], boxes.xywh[left]) <= max_iou)]
    return boxes.select(np.concatenate(kept) if kept else [])
