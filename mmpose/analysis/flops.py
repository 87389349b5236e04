"""FLOPs of a model without weights; a multiplication and an addition count as two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmpose.models.pose_estimators.base import PoseEstimator
from mmpose.registry import MODELS

WHOLE = 'Global'  # PyTorch's name for everything that ran
OF_CHECKPOINTS = ('pretrained', 'pretrained_metainfo')


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


def build_model(model_cfg: dict[str, Any]) -> PoseEstimator:
    """Builds an estimator that loads no checkpoint."""
    return MODELS.build({k: v for k, v in model_cfg.items() if k not in OF_CHECKPOINTS})


def input_size(model: PoseEstimator) -> tuple[int, int]:
    """Returns the size of the crops, which all datasets share."""
    return next(iter(model.all_heads())).input_size


def deal_datasets(model: PoseEstimator, batch_size: int) -> Tensor:
    """Returns the dataset of each crop of a mixed batch, (batch_size,) int64, on the CPU.

    The datasets take turns, so that all have the same share. A model that trains one expert only
    gets crops of its dataset.
    """
    trained = getattr(model.backbone, 'trained_expert', None)
    if trained is not None:
        return torch.full((batch_size,), trained, dtype=torch.int64)
    num = max(len(list(model.all_heads())), getattr(model.backbone, 'num_expert', 1))
    return torch.arange(batch_size) % num
