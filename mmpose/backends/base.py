"""What runs a pose network: PyTorch, or a program made by tools/export.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from mmpose.structures import PoseMeta


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network says about a batch of crops.

    Attributes:
        keypoints: (B, K, 2), in px.
        scores: (B, K).
        heatmaps: (B, C, H, W), where they were asked for.
    """

    keypoints: Tensor
    scores: Tensor
    heatmaps: Tensor | None = None


class PoseBackend(Protocol):
    """Runs one top-down network on crops.

    Attributes:
        meta: The skeleton.
        input_wh: Width and height of a crop, px.
        aligned: Whether crops are aligned windows (UDP); see ``CropWindow``.
        padding: Factor on both sides of a box; see ``CropWindow.from_bbox``.
        stretch: Whether the window is the square around the box, stretched to the crop, as for
            models of MPII; otherwise the box grows to the aspect ratio of the crop.
    """

    meta: PoseMeta
    input_wh: tuple[int, int]
    aligned: bool
    padding: float
    stretch: bool

    def predict(self, crops: Tensor, with_heatmaps: bool = False) -> Prediction:
        """Returns the poses in crops.

        Args:
            crops: (B, 3, h, w) uint8 BGR, on any device.
            with_heatmaps: Whether the heatmaps are wanted too.

        Raises:
            ValueError: If heatmaps are wanted and the network gives none.
        """
        ...
