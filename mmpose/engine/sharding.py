"""A model over several ranks: replicated (DDP), or sharded (FSDP2) where it does not fit a GPU.

``strategy = 'fsdp'`` in a config, or ``--cfg-options strategy=fsdp``, shards every block of the
backbone and then the rest. Checkpoints are gathered and have the keys of the plain model, so they
load anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.model import MMDistributedDataParallel
from torch import nn
from torch.optim import Optimizer

STRATEGIES = ('ddp', 'fsdp')


def replicate_model(model: nn.Module, cfg: Mapping[str, Any]) -> MMDistributedDataParallel:
    """Wraps a model in DDP, which averages the gradients of what trains at this moment.

    Args:
        cfg: Of the run; ``static_graph`` and ``find_unused_parameters`` are read.
    """
    on_gpu = next(model.parameters()).is_cuda
    return MMDistributedDataParallel(
        model,
        device_ids=[int(os.environ['LOCAL_RANK'])] if on_gpu else None,
        broadcast_buffers=False,
        gradient_as_bucket_view=True,
        static_graph=cfg.get('static_graph', False),
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )


def shard_model(model: nn.Module) -> nn.Module:
    """Shards the blocks of the backbone and the model around them over all ranks, in place.

    Raises:
        ValueError: If a parameter is a single number, which cannot be spread.
    """
    scalars = [name for name, parameter in model.named_parameters() if not parameter.ndim]
    if scalars:
        raise ValueError(
            f"strategy is 'fsdp', but {len(scalars)} parameters of the model are single numbers "
            f"('{scalars[0]}'), which cannot be spread over ranks; set strategy='ddp'"
        )
    from torch.distributed.fsdp import fully_shard

    for block in getattr(model.backbone, 'blocks', []):
        fully_shard(block)
    return fully_shard(model)


def is_sharded(model: nn.Module) -> bool:
    """Tells whether the parameters are spread over the ranks."""
    return hasattr(model, 'reshard')  # a method that fully_shard adds


def full_state(model: nn.Module, optimizer: Optimizer | None) -> dict[str, Any]:
    """Gathers the state of a sharded model, and of its optimizer by parameter name, on the CPU.

    A collective: every rank has to call it; rank 0 gets the values.
    """
    from torch.distributed.checkpoint import state_dict as dcp

    options = dcp.StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = {'state_dict': dcp.get_model_state_dict(model, options=options)}
    if optimizer is not None:
        state['optimizer'] = dcp.get_optimizer_state_dict(model, optimizer, options=options)
    return state


def load_full_state(model: nn.Module, optimizer: Optimizer, checkpoint: dict[str, Any]) -> None:
    """Spreads what :func:`full_state` gathered over the ranks again."""
    from torch.distributed.checkpoint import state_dict as dcp

    options = dcp.StateDictOptions(full_state_dict=True, strict=True)
    dcp.set_model_state_dict(model, checkpoint['state_dict'], options=options)
    dcp.set_optimizer_state_dict(model, optimizer, checkpoint['optimizer'], options=options)


def to_cpu(value: Any) -> Any:
    """Copies the tensors in nested dicts and lists to the CPU."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: to_cpu(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_cpu(item) for item in value)
    return value
