"""Poses of one image: the smallest call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mmpose.apis.inference.predictor import PosePredictor
from mmpose.apis.inference.torch_backend import TorchBackend
from mmpose.datasets.transforms import LoadImage
from mmpose.models import TopdownPoseEstimator
from mmpose.structures import Boxes, Frame, PoseResult


def inference_topdown(
    model: TopdownPoseEstimator,
    image: str | Path | np.ndarray,
    boxes: ArrayLike | Boxes | None = None,
    bbox_format: str = 'xyxy',
) -> list[PoseResult]:
    """Returns the pose of the person in each box of an image.

    Args:
        model: As ``init_model`` makes it.
        image: A file, or (H, W, 3) uint8 BGR.
        boxes: (N, 4), img px, or ``Boxes``; None takes the whole image.
        bbox_format: How ``boxes`` are to be read: ``xyxy`` (as in MMPose) or ``xywh``.

    Raises:
        ValueError: If the image or the boxes cannot be read.
    """
    if bbox_format not in ('xyxy', 'xywh'):
        raise ValueError(f"bbox_format is '{bbox_format}', expected 'xyxy' or 'xywh'")
    if isinstance(image, np.ndarray):
        frame = Frame(0, image, '')
    else:
        sample = LoadImage()({'image_file': str(image), 'image_wh': (0, 0)})
        frame = Frame(0, sample['image'], str(image))
    if boxes is None:
        boxes = Boxes.whole_image(frame.image_wh)
    elif not isinstance(boxes, Boxes):
        boxes = Boxes.from_xyxy(boxes) if bbox_format == 'xyxy' else Boxes.from_xywh(boxes)
    [results] = PosePredictor(TorchBackend(model))([frame], [boxes])
    return results
