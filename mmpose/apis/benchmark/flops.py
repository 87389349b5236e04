"""Floating-point operations of a model; a multiplication and an addition count as two."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmpose.registry import MODELS

# The backward pass multiplies by the weights and by the activations, the forward pass once.
TRAINING_TO_FORWARD = 3


def count_model_flops(model_cfg: dict[str, Any]) -> int:
    """Returns the operations of one forward pass of one image through backbone and head.

    Matrix products, convolutions and attention count; norms and activations, which are below one
    per cent, do not. Nothing is computed: the model is built without memory.

    Args:
        model_cfg: Config of an estimator.
    """
    with torch.device('meta'):
        model = MODELS.build(dict(model_cfg, pretrained=None))
        width, height = model.head.codec.input_wh
        image = torch.empty(1, 3, height, width)
    return count_flops(model.eval(), image)


def count_flops(model: nn.Module, inputs: torch.Tensor) -> int:
    """Returns the operations of one forward pass.

    Attention is counted by its matrix products, whatever kernel the device would use.
    """
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(inputs)
    return counter.get_total_flops()


def training_flops(forward_flops: int, batch_size: int) -> int:
    """Returns the operations of one training step: forward and, twice as much, backward."""
    return TRAINING_TO_FORWARD * forward_flops * batch_size


def utilisation(flops: float, seconds: float, peak_tflops: float) -> float:
    """Returns the share of a device's arithmetic peak that was used, 0 to 1 (MFU).

    PaLM, Chowdhery et al. 2022, appendix B: operations that the model needs, over time and peak.
    Recomputed activations do not count.
    """
    return flops / seconds / (peak_tflops * 1e12)
