"""PyTorch models as a pose backend."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmpose.backends.base import Prediction
from mmpose.backends.cuda_graphs import NO_GPU, CudaGraphs
from mmpose.backends.packed import can_pack, pack, version_of
from mmpose.engine.amp import DTYPES
from mmpose.engine.compilation import compile_parts
from mmpose.models import TopdownPoseEstimator
from mmpose.models.pose_estimators.base import NUM_COLORS

FULL = 'float32'


class TorchBackend:
    """Runs a ``TopdownPoseEstimator`` on the device where it is.

    Args:
        model: In eval mode, as ``init_model`` makes it.
        padding: Factor on both sides of a box.
        dtype: ``float32``, the default; or ``bfloat16`` or ``float16`` for mixed precision.
        compile_model: Whether ``torch.compile`` makes backbone and head faster.
        cuda_graphs: Whether batches of up to 32 crops are run by CUDA graphs, on a GPU only.

    Raises:
        ValueError: If the device cannot compute in ``dtype``, or has no CUDA graphs.
    """

    def __init__(
        self,
        model: TopdownPoseEstimator,
        padding: float = 1.25,
        stretch: bool = False,
        dtype: str | None = None,
        compile_model: bool = False,
        cuda_graphs: bool = False,
    ) -> None:
        self.model = model
        self.padding = padding
        self.stretch = stretch
        self.dataset_meta = model.dataset_meta
        self.input_size = model.head.input_size
        self.use_udp = model.head.use_udp
        self.has_condition = model.num_channels > NUM_COLORS
        self.dtype = _checked_dtype(dtype or FULL, self.device)
        if cuda_graphs and self.device.type != 'cuda':
            raise ValueError(NO_GPU)
        compile_parts(model, compile_model)
        self.graphs = CudaGraphs() if cuda_graphs else None
        self._may_pack = not compile_model and self.dtype == torch.float32
        self._packed: tuple[int, TopdownPoseEstimator] | None = None

    @property
    def device(self) -> torch.device:
        """Where the model is now."""
        return self.model.flip_indices.device

    def __getstate__(self) -> dict[str, Any]:
        """Returns what copies and pickles get: not the packed weights, which belong to oneDNN."""
        return {**vars(self), '_packed': None}

    @torch.inference_mode()
    def predict(self, crops: Tensor, with_heatmaps: bool = False) -> Prediction:
        """Returns the poses in crops (B, 3, h, w) uint8 BGR; see ``PoseBackend``."""
        crops = crops.to(self.device, non_blocking=True)
        if self.graphs is None or crops.device.type != 'cuda':
            return self._predict(crops, with_heatmaps)
        return self.graphs(self._predict, self.model, crops, with_heatmaps)

    def _predict(self, crops: Tensor, with_heatmaps: bool) -> Prediction:
        inputs = self.model.data_preprocessor.normalize(crops)
        is_mixed = self.dtype != torch.float32
        with torch.autocast(crops.device.type, self.dtype, enabled=is_mixed):
            output, visibility = self._network().predict_outputs(inputs)
        output = output if is_mixed else output.float()  # of a model that was cast
        keypoints, scores, confidence = self.model.read_output(output, visibility)
        heatmaps = self.model.head.heatmaps(output) if with_heatmaps else None
        return Prediction(keypoints, scores, heatmaps, confidence)

    def _network(self) -> TopdownPoseEstimator:
        """Returns the model, or its faster copy, which is made anew when a weight has changed."""
        if not (self._may_pack and can_pack(self.model)):
            self._packed = None
            return self.model
        version = version_of(self.model)
        if self._packed is None or self._packed[0] != version:
            self._packed = version, pack(self.model)
        network = self._packed[1]
        network.flip_test = self.model.flip_test
        return network


def _checked_dtype(name: str, device: torch.device) -> torch.dtype:
    if name == FULL:
        return torch.float32
    if name not in DTYPES:
        raise ValueError(f"dtype is '{name}', expected one of {[FULL, *DTYPES]}")
    if name == 'float16' and device.type == 'cpu':
        raise ValueError('float16 needs a GPU; take dtype bfloat16 or float32 on a CPU')
    return DTYPES[name]
