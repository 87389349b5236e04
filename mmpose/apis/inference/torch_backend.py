"""A PyTorch model as a backend."""

from __future__ import annotations

import torch
from torch import Tensor

from mmpose.apis.inference.backend import Prediction
from mmpose.models import TopdownPoseEstimator


class TorchBackend:
    """Runs a ``TopdownPoseEstimator`` on the device where it is.

    Args:
        model: In eval mode, as ``init_model`` makes it.
        padding: Factor on both sides of a box.
        dtype: float32, or bfloat16 or float16 to compute in mixed precision.
    """

    def __init__(
        self,
        model: TopdownPoseEstimator,
        padding: float = 1.25,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.model = model
        self.padding = padding
        self.dtype = dtype
        self.meta = model.meta
        self.input_wh = model.head.codec.input_wh
        self.aligned = model.head.codec.aligned

    @torch.inference_mode()
    def predict(self, crops: Tensor, with_heatmaps: bool = False) -> Prediction:
        """Returns the poses in crops (B, 3, h, w) uint8 BGR; see ``PoseBackend``."""
        device = self.model.flip_indices.device
        inputs = self.model.data_preprocessor.normalize(crops.to(device, non_blocking=True))
        with torch.autocast(device.type, self.dtype, enabled=self.dtype != torch.float32):
            heatmaps = self.model.predict_heatmaps(inputs)
        keypoints, scores = self.model.head.predict(heatmaps)
        return Prediction(keypoints, scores, heatmaps.float() if with_heatmaps else None)
