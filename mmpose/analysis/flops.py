"""FLOPs of a model; a multiplication and an addition count as two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmpose.analysis.measured_models import build_model, deal_datasets, input_size

# The backward pass multiplies by the weights and by the activations, the forward pass once.
TRAINING_TO_FORWARD = 3
WHOLE = 'Global'  # PyTorch's name for everything that ran


@dataclass(frozen=True)
class ModelFlops:
    """Operations of one forward pass of one image.

    Attributes:
        shared: Of backbone and neck.
        heads: Of each head.
    """

    shared: int
    heads: tuple[int, ...]

    def of_batch(self, batch_size: int, images_per_head: Sequence[int]) -> int:
        """Returns the operations of a batch."""
        pairs = zip(self.heads, images_per_head, strict=True)
        return batch_size * self.shared + sum(flops * num for flops, num in pairs)


def count_model_flops(model_cfg: dict[str, Any]) -> ModelFlops:
    """Returns the operations of a model, by its parts.

    Matrix products, convolutions and attention count; norms and activations, which are below one
    per cent, do not. Nothing is computed: the model is built without memory. A backbone with
    experts runs one of them on an image, which makes it as costly as the plain one. Texts, which
    are read once a batch in training and once for all in evaluation, do not count.
    """
    with torch.device('meta'):
        model = build_model(model_cfg).eval()
        width, height = input_size(model)
        image = torch.empty(1, 3, height, width)
    index = deal_datasets(model, 1)
    with torch.no_grad():  # text features are kept from here on
        features = model.extract_feat(image, index)
    return ModelFlops(
        count_flops(lambda: model.extract_feat(image, index)),
        tuple(count_flops(lambda head=head: head(features)) for head in model.all_heads()),
    )


def count_flops(run: Callable[[], object]) -> int:
    """Returns the operations of a forward pass.

    Attention is counted by its matrix products, whatever kernel the device would use.
    """
    return count_module_flops(run).get(WHOLE, 0)


def count_module_flops(run: Callable[[], object]) -> dict[str, int]:
    """Returns the operations of a forward pass by module, those within it included.

    Args:
        run: What is counted, as :func:`count_flops` does.

    Returns:
        By ``WHOLE``, and by the path of each module that was called, which begins with the class
        of the outermost one: ``ViT.blocks.0.attn``.
    """
    with (
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False, depth=None) as counter,
    ):
        run()
    return {path: sum(ops.values()) for path, ops in counter.get_flop_counts().items()}


def training_flops(forward_flops: int) -> int:
    """Returns the operations of a training step: forward and, twice as much, backward."""
    return TRAINING_TO_FORWARD * forward_flops


def utilisation(flops: float, seconds: float, peak_tflops: float) -> float:
    """Returns the share of a device's arithmetic peak that was used, 0 to 1 (MFU).

    PaLM, Chowdhery et al. 2022, appendix B: operations that the model needs, over time and peak.
    Recomputed activations do not count.
    """
    return flops / seconds / (peak_tflops * 1e12)
