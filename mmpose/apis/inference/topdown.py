"""Poses of one image: the smallest call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mmpose.apis.inference.pixels import as_bgr, read_image
from mmpose.apis.inference.predictor import PosePredictor
from mmpose.backends.pytorch import TorchBackend
from mmpose.models import TopdownPoseEstimator
from mmpose.structures import Boxes, Frame, PoseResult


def inference_topdown(
    model: TopdownPoseEstimator,
    image: str | Path | np.ndarray,
    boxes: ArrayLike | Boxes | None = None,
    bbox_format: str = 'xyxy',
    batch_size: int = 32,
    with_heatmaps: bool = False,
) -> list[PoseResult]:
    """Returns the pose of the instance in each box of an image.

    Args:
        model: As ``init_model`` makes it.
        image: A file, or an array as ``as_bgr`` takes it: BGR, grey or BGRA.
        boxes: (N, 4), img px, or ``Boxes``; None takes the whole image.
        bbox_format: How ``boxes`` are to be read: ``xyxy`` (as in MMPose) or ``xywh``.
        batch_size: Instances at a time.
        with_heatmaps: Whether each result keeps its heatmaps and crop window.

    Raises:
        FileNotFoundError: If there is no such image.
        ValueError: If the image cannot be read, or a box has no size or lies outside of it.
    """
    if bbox_format not in ('xyxy', 'xywh'):
        raise ValueError(f"bbox_format is '{bbox_format}', expected 'xyxy' or 'xywh'")
    if isinstance(image, np.ndarray):
        frame = Frame(0, as_bgr(image), '')
    else:
        frame = Frame(0, read_image(image), str(image))
    if boxes is None:
        boxes = Boxes.whole_image(frame.image_wh)
    elif not isinstance(boxes, Boxes):
        boxes = Boxes.from_xyxy(boxes) if bbox_format == 'xyxy' else Boxes.from_xywh(boxes)
    good = usable(boxes, frame.image_wh)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f'box {row} (left, top, width, height: {boxes.xywh[row].tolist()}) has no size or lies '
            f'outside the image of {frame.image_wh[0]}x{frame.image_wh[1]} px (width x height); '
            f"is bbox_format '{bbox_format}' right?"
        )
    backend = getattr(model, 'backend', None) or TorchBackend(model)
    [results] = PosePredictor(backend, batch_size, with_heatmaps)([frame], [boxes])
    return results


def usable(boxes: Boxes, image_wh: tuple[int, int]) -> np.ndarray:
    """Returns a mask (N,) of the boxes that have a size and share a pixel with the image."""
    first, size = boxes.xywh[:, :2], boxes.xywh[:, 2:]
    is_inside = (first < np.array(image_wh)).all(axis=1) & (first + size > 0).all(axis=1)
    return is_inside & (size > 0).all(axis=1)
