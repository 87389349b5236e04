"""Protocol of a backend: crops in, keypoints out; the choice of its device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mmpose.models.calibration import Confidence
from mmpose.structures import DatasetMeta


@dataclass(frozen=True, eq=False)
class Prediction:
    """Output of a network for a batch of crops.

    Attributes:
        keypoints: (B, K, 2), in px.
        keypoint_scores: (B, K).
        heatmaps: (B, C, H, W), where they were asked for.
        confidence: What a model with calibrated scores or a visibility head says beside them.
    """

    keypoints: Tensor
    keypoint_scores: Tensor
    heatmaps: Tensor | None = None
    confidence: Confidence | None = None


class PoseBackend(Protocol):
    """Runs one top-down network on crops.

    Attributes:
        dataset_meta: The skeleton.
        input_size: Width and height of a crop, px.
        use_udp: Whether crops are aligned windows (UDP); see ``CropWindow``.
        padding: Factor on both sides of a box; see ``CropWindow.from_bbox``.
        stretch: Whether the window is the square around the box, stretched to the crop, as for
            models of MPII; otherwise the box grows to the aspect ratio of the crop.
        has_condition: Whether crops have the channels of ``AddCondition`` behind their colours. A
            backend without the attribute has none.
    """

    dataset_meta: DatasetMeta
    input_size: tuple[int, int]
    use_udp: bool
    padding: float
    stretch: bool

    def predict(self, crops: Tensor, with_heatmaps: bool = False) -> Prediction:
        """Returns the poses in crops.

        Args:
            crops: (B, 3, h, w) uint8 BGR, or (B, 5, h, w) with a condition, on any device.
            with_heatmaps: Whether the heatmaps are wanted too.

        Raises:
            ValueError: If heatmaps are wanted and the network gives none.
        """
        ...


def pick_device(name: str | torch.device | None) -> torch.device:
    """Returns a device by its name, such as ``cuda:1``; None takes a GPU where there is one.

    Raises:
        ValueError: If there is no such device.
    """
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is '{name}', which is not there: {reason}") from error
    return device
