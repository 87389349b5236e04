"""Data preprocessor: normalises uint8 crops on the device of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmpose.registry import MODELS

# The host decides by dataset which layers run, and maps keypoints back into the image.
ON_HOST = {'dataset_idx', 'ann_id', 'category_id', 'center', 'scale', 'rotation', 'bbox_xywh',
           'bbox_score'}  # fmt: skip


@MODELS.register_module()
class PoseDataPreprocessor(BaseDataPreprocessor):
    """Moves a batch to the device and normalises its images there.

    The loader sends one byte a pixel; everything that needs floats happens on the device. Channels
    behind the colours, which ``AddCondition`` makes, become 0 to 1.

    Args:
        mean: Per channel, in the order of the model's input, on the 0..255 scale.
        std: The same.
        bgr_to_rgb: Whether to reverse the channels first; the loader delivers BGR.
        non_blocking: Whether copies from pinned memory may overlap with computation.
    """

    def __init__(
        self,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        bgr_to_rgb: bool = True,
        non_blocking: bool = True,
    ) -> None:
        super().__init__(non_blocking)
        self.bgr_to_rgb = bgr_to_rgb
        self.register_buffer('mean', torch.tensor(mean).view(1, -1, 1, 1), False)
        self.register_buffer('std', torch.tensor(std).view(1, -1, 1, 1), False)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Returns the batch on the device, with ``inputs`` (B, 3, h, w) as normalised floats.

        What places a crop in its image, and ``dataset_idx``, stay on the host.

        Args:
            data: ``inputs`` (B, 3, h, w) uint8 BGR and ``batch``, as the collate function makes
                them.
            training: Unused; part of mmengine's interface.
        """
        stays = {key: value for key, value in data.get('batch', {}).items() if key in ON_HOST}
        data = self.cast_data(data)
        data.get('batch', {}).update(stays)
        data['inputs'] = self.normalize(data['inputs'])
        return data

    def normalize(self, images: Tensor) -> Tensor:
        """Returns uint8 BGR images (B, 3 or more, h, w) as contiguous normalised floats."""
        num_colors = self.mean.shape[1]
        if images.shape[1] > num_colors:
            condition = images[:, num_colors:].to(self.mean.dtype) / 255
            return torch.cat([self.normalize(images[:, :num_colors]), condition], dim=1)
        if self.bgr_to_rgb:
            images = images.flip(1)
        images = images.to(self.mean.dtype, memory_format=torch.contiguous_format)
        return images.sub_(self.mean).div_(self.std)
