"""Condition of a crop: two maps that say which of several people is meant, and who is not."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.sample import Sample
from mmpose.registry import TRANSFORMS
from mmpose.structures import CropWindow

CONDITION_CHANS = 2  # the instance that is meant; all others of the image
SUBPIXEL_BITS = 4  # of the corners that OpenCV fills between


@TRANSFORMS.register_module()
class AddCondition:
    """Appends two channels to the cropped ``image``: the box of the instance, and those of others.

    Top-down networks see a crop and have to guess which of its people is meant. The condition tells
    them, as that of BUCTD (Rethinking pose estimation in crowds, Zhou et al., ICCV 2023) does with
    keypoints: a pixel is 255 inside the box, 0 outside of it, in channel 3 for the box of the
    instance and in channel 4 for the boxes of all others. ``ViT(condition_chans=2)`` reads it. It
    comes after ``TopdownAffine`` and whatever changes colours, and follows flip and rotation.

    Args:
        jitter: Standard deviation by which each side of each box is moved, over the size of the
            box; for training with annotated boxes, so that they are as inexact as detected ones.

    Raises:
        ValueError: If it is negative.
    """

    reads = ('image', 'crop', 'bbox_xywh', 'others_xywh', 'image_wh', 'rng')
    writes = ('image',)

    def __init__(self, jitter: float = 0.0) -> None:
        if not jitter >= 0:
            raise ValueError(f'AddCondition: jitter is {jitter}, expected 0 or more')
        self.jitter = jitter

    def __call__(self, sample: Sample) -> Sample:
        others = np.array(sample['others_xywh'], np.float64)
        if sample.get('flipped', False):  # as RandomFlip has done with the box of the instance
            others[:, 0] = sample['image_wh'][0] - 1 - others[:, 0] - others[:, 2]
        boxes = np.concatenate([sample['bbox_xywh'][None], others])
        if self.jitter:
            low, high = sample['rng'].normal(0, self.jitter, (2, len(boxes), 2)) * boxes[:, 2:]
            boxes += np.concatenate([low, high - low], axis=1)
        condition = draw_condition(sample['crop'], boxes[0], boxes[1:])
        sample['image'] = np.concatenate([sample['image'], condition], axis=2)
        return sample


def draw_condition(
    window: CropWindow, bbox_xywh: NDArray[np.floating], others_xywh: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Returns the condition (h, w, 2) of a crop: 255 in the box of the instance, and of others.

    Args:
        window: Of the crop.
        bbox_xywh: (4,), img px. Box of the instance that is meant.
        others_xywh: (M, 4), img px. Boxes of the other instances of the image.
    """
    width, height = window.input_size
    condition = np.zeros((height, width, CONDITION_CHANS), np.uint8)
    for channel, boxes in enumerate((np.reshape(bbox_xywh, (1, 4)), others_xywh)):
        plane = np.zeros((height, width), np.uint8)
        x, y, w, h = np.asarray(boxes, np.float64).T
        corners = np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=1).reshape(-1, 4, 2)
        for outline in np.rint(window.to_input(corners) * (1 << SUBPIXEL_BITS)).astype(np.int32):
            cv2.fillConvexPoly(plane, outline, 255, shift=SUBPIXEL_BITS)
        condition[..., channel] = plane
    return condition


def shaded(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a crop (h, w, 3 or more) as a picture (h, w, 3): darker where the condition is 0."""
    image = crop[..., :3]
    if crop.shape[2] == 3:
        return image
    return np.where(crop[..., 3:4] > 0, image, image // 2)
