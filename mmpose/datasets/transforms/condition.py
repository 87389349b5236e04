"""Condition of a crop: two maps that say which of several people is meant, and who is not."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.sample import Sample
from mmpose.datasets.transforms.window import check_probability
from mmpose.registry import TRANSFORMS
from mmpose.structures import CropWindow

CONDITION_CHANS = 2  # the instance that is meant; all others of the image
KINDS = ('bbox', 'mask')
SUBPIXEL_BITS = 4  # of the corners that OpenCV fills between


@TRANSFORMS.register_module()
class AddCondition:
    """Appends two channels to the cropped ``image``: where the instance is, and where others are.

    Top-down networks see a crop and have to guess which of its people is meant. A condition tells
    them, as keypoints do in BUCTD (Rethinking pose estimation in crowds, Zhou et al., ICCV 2023)
    and masks in BBox-Mask-Pose (Purkrabek and Matas, ICCV 2025). A pixel is 255 inside the box or
    mask and 0 outside of it, in channel 3 of the instance, in channel 4 of all others.
    ``ViT(condition_chans=2)`` reads it. The transform comes after ``TopdownAffine`` and what
    changes colours, and follows flip and rotation.

    Args:
        kind: ``bbox`` draws boxes, ``mask`` the segmentations of a ``CocoDataset``.
        jitter: Standard deviation by which each side of each box is moved, over the size of the
            box, and masks along; for training with annotated boxes, so that they are as inexact as
            detected ones.
        bbox_prob: Probability that boxes are drawn where the kind is ``mask``; for the training of
            a model that is to understand both, as inference has boxes alone.

    Raises:
        ValueError: If an argument is out of range.
    """

    reads: tuple[str, ...] = ('image', 'crop', 'bbox_xywh', 'others_xywh', 'image_wh', 'rng')
    writes = ('image',)

    def __init__(
        self, kind: Literal['bbox', 'mask'] = 'bbox', jitter: float = 0.0, bbox_prob: float = 0.0
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"AddCondition: kind is {kind!r}, expected 'bbox' or 'mask'")
        if not jitter >= 0:
            raise ValueError(f'AddCondition: jitter is {jitter}, expected 0 or more')
        self.kind = kind
        self.jitter = jitter
        self.bbox_prob = check_probability(self, 'bbox_prob', bbox_prob)
        if kind == 'mask':
            self.reads = (*self.reads, 'masks')

    def __call__(self, sample: Sample) -> Sample:
        boxes = np.concatenate([sample['bbox_xywh'][None], sample['others_xywh']]).astype(float)
        masks = sample['masks'] if self.kind == 'mask' else None
        if self.bbox_prob and sample['rng'].random() < self.bbox_prob:
            masks = None
        if sample.get('flipped', False):  # RandomFlip has mirrored the first box
            boxes[1:, 0] = sample['image_wh'][0] - 1 - boxes[1:, 0] - boxes[1:, 2]
            masks = masks if masks is None else masks[..., ::-1]
        if self.jitter:
            low, high = sample['rng'].normal(0, self.jitter, (2, len(boxes), 2)) * boxes[:, 2:]
            boxes += np.concatenate([low, high - low], axis=1)
        condition = draw_condition(sample['crop'], boxes, masks)
        sample['image'] = np.concatenate([sample['image'], condition], axis=2)
        return sample


def draw_condition(
    window: CropWindow, boxes_xywh: NDArray[np.floating], masks: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Returns the condition (h, w, 2) of a crop: up to 255 where the instance is, and others are.

    Args:
        window: Of the crop.
        boxes_xywh: (1 + M, 4), img px. Box of the instance that is meant, and of all others.
        masks: (1 + M, S, S), 0 or 255. Their masks as grids in their boxes; None fills the boxes.
    """
    width, height = window.input_size
    planes = np.zeros((CONDITION_CHANS, height, width), np.uint8)
    for row, (x, y, w, h) in enumerate(boxes_xywh.astype(float).tolist()):
        plane = planes[min(row, 1)]
        if masks is None:
            outline = window.to_input([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])
            outline = np.rint(outline * (1 << SUBPIXEL_BITS)).astype(np.int32)
            cv2.fillConvexPoly(plane, outline, 255, shift=SUBPIXEL_BITS)
        elif w > 0 and h > 0:  # jitter may have turned a tiny box
            side_wh = np.array([w, h]) / masks.shape[1:]  # of a cell, whose centre is a half from 0
            matrix = window.matrix()
            matrix[:, 2] += matrix[:, :2] @ ([x, y] + side_wh / 2)
            matrix[:, :2] *= side_wh
            drawn = cv2.warpAffine(np.ascontiguousarray(masks[row]), matrix, window.input_size)
            np.maximum(plane, drawn, out=plane)
    return planes.transpose(1, 2, 0)  # (2, h, w) -> (h, w, 2)


def shaded(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a crop (h, w, 3 or more) as a picture (h, w, 3): darker where the condition is 0."""
    image = crop[..., :3]
    if crop.shape[2] == 3:
        return image
    return np.where(crop[..., 3:4] > 0, image, image // 2)
