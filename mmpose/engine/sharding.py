"""A model over several ranks: replicated (DDP), or sharded (FSDP2) where it does not fit a GPU.

``strategy = 'fsdp'`` in a config, or ``--cfg-options strategy=fsdp``, shards every block of the
backbone and then the rest. Checkpoints are gathered and have the keys of the plain model, so they
load anywhere.
"""

from __future__ import annotations

import copy
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

    Whole weights are cut as they are loaded. A copy of the model, as an ``EMAHook`` makes, has the
    same shards and cannot run; a forward leaves nothing gathered, so that the hook can swap them.

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

    model.register_load_state_dict_pre_hook(_spread)
    shapes = {id(p): nn.Parameter(torch.empty_like(p, device='meta')) for p in model.parameters()}
    plain = copy.deepcopy(model, shapes)
    for block in getattr(model.backbone, 'blocks', []):
        fully_shard(block)
    model = fully_shard(model, reshard_after_forward=True)
    model.__deepcopy__ = lambda memo: _copy_shards(model, plain)  # PyTorch has none
    return model


def _copy_shards(model: nn.Module, plain: nn.Module) -> nn.Module:
    copied = copy.deepcopy(plain)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    copied.load_state_dict(state, assign=True)
    return copied


def _spread(model: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Cuts whole weights that are to be loaded into sharded ones."""
    from torch.distributed.tensor import distribute_tensor

    for name, parameter in model.named_parameters(prefix.removesuffix('.')):
        value = state.get(name)
        if (
            hasattr(parameter, 'full_tensor')
            and not hasattr(value, 'full_tensor')
            and name in state
        ):
            value = value.to(parameter.device)
            state[name] = distribute_tensor(value, parameter.device_mesh, parameter.placements)


def is_sharded(model: nn.Module) -> bool:
    """Tells whether the parameters are spread over the ranks."""
    return hasattr(model, 'reshard')  # a method that fully_shard adds


def optimizer_state(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """Gathers the state of the optimizer of a sharded model by parameter name, on the CPU.

    A collective: every rank has to call it; rank 0 gets the values.
    """
    from torch.distributed.checkpoint import state_dict as dcp

    options = dcp.StateDictOptions(full_state_dict=True, cpu_offload=True)
    return dcp.get_optimizer_state_dict(model, optimizer, options=options)


def load_optimizer_state(model: nn.Module, optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Spreads what :func:`optimizer_state` gathered over the ranks again."""
    from torch.distributed.checkpoint import state_dict as dcp

    options = dcp.StateDictOptions(full_state_dict=True, strict=True)
    dcp.set_optimizer_state_dict(model, optimizer, state, options=options)


def to_cpu(value: Any) -> Any:
    """Copies the tensors in nested dicts and lists to the CPU; a collective if any is sharded."""
    if hasattr(value, 'full_tensor'):
        value = value.full_tensor()
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: to_cpu(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_cpu(item) for item in value)
    return value
