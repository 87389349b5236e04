"""Hugging Face detectors: RT-DETR, RT-DETRv2, D-FINE and relatives of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2

from mmpose.detectors.categories import choose_classes
from mmpose.detectors.selection import Selection
from mmpose.structures import Boxes, Frame

if TYPE_CHECKING:
    import torch


class HuggingFaceDetector:
    """Runs an object detection model of transformers with its own image processor.

    Args:
        name: Id on the hub, such as ``PekingU/rtdetr_r50vd``, or a folder made by
            ``save_pretrained``, with the image processor in it.
        device: Such as ``cpu`` or ``cuda:0``.
        selection: Filter of the detections.

    Raises:
        ImportError: If transformers is not installed.
        OSError: If there is no such model, or it cannot be downloaded.
        ValueError: If it is of another kind, or lacks a category.
    """

    def __init__(
        self,
        name: str,
        device: str | torch.device = 'cpu',
        selection: Selection = Selection(),  # noqa: B008 - frozen
    ) -> None:
        try:
            from transformers import AutoImageProcessor, AutoModelForObjectDetection
        except ImportError:
            raise ImportError(
                f"detector 'hf:{name}' needs transformers; pip install transformers"
            ) from None
        try:
            self.processor = AutoImageProcessor.from_pretrained(name)  # type: ignore[no-untyped-call]
            model = AutoModelForObjectDetection.from_pretrained(name)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise type(error)(
                f"detector 'hf:{name}' is no object detection model on the Hugging Face hub, where "
                f'that can be reached, or in a folder: {reason}'
            ) from None
        self.model = model.to(device).eval()
        self.classes = choose_classes(
            selection.categories, self.model.config.id2label, f'hf:{name}'
        )
        self.selection = selection

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns the boxes of each frame; all frames are one batch."""
        import torch

        if not frames:
            return []
        images = [cv2.cvtColor(frame.image_bgr, cv2.COLOR_BGR2RGB) for frame in frames]
        inputs = self.processor(images=images, return_tensors='pt').to(self.model.device)
        with torch.inference_mode():
            outputs = self.model(**inputs)
        found = self.processor.post_process_object_detection(
            outputs,
            threshold=self.selection.score_threshold,
            target_sizes=[frame.image_bgr.shape[:2] for frame in frames],
        )
        return [self.selection.boxes_of(one, self.classes) for one in found]
