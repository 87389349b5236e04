"""Low-rank adapters in state dicts: merging them, taking them out, and which backbone they fit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from mmpose.checkpoints.formats import StateDict, has_name

ADAPTER = r'\.lora_(A|B|scale)$'
BASE_KEY = 'lora_base_sha256'  # of the metadata of an adapter file
BACKBONE = 'backbone.'


def merged_weight(weight: Tensor, a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """Returns the weight (out, in) of a layer with its adapters (rank, in) and (out, rank)."""
    return weight + (scale.float() * (b.float() @ a.float())).to(weight.dtype)


def has_adapters(state: StateDict) -> bool:
    """Tells whether a state dict holds low-rank adapters."""
    return has_name(state, ADAPTER)


def is_adapter_alone(state: StateDict) -> bool:
    """Tells whether a state dict holds adapters without the backbone that they change."""
    return has_adapters(state) and not _base_of(state)


def merge_adapters(state: StateDict) -> StateDict:
    """Returns a state dict whose adapters are added to the weights that they change.

    Raises:
        ValueError: If those weights are not there.
    """
    merged = {name: tensor for name, tensor in state.items() if not re.search(ADAPTER, name)}
    for name in state:
        layer, _, kind = name.rpartition('.')
        if kind != 'lora_A':
            continue
        if f'{layer}.weight' not in merged:
            raise ValueError(
                f"it holds adapters without the backbone that they change ('{layer}.weight'); "
                'load it into a model with its model.lora and model.pretrained, or take the '
                'checkpoint of the run'
            )
        parts = (state[f'{layer}.{part}'] for part in ('weight', 'lora_A', 'lora_B', 'lora_scale'))
        merged[f'{layer}.weight'] = merged_weight(*parts)
    return merged


def fit_adapters(state: StateDict, target: StateDict) -> tuple[StateDict, tuple[str, ...]]:
    """Returns weights with adapters if and only if the model has some, and notes.

    They are merged into a model without; a model with adapters for a file without gets a change
    of zero.

    Args:
        target: Weights of the model.
    """
    if has_adapters(state) == has_adapters(target):
        return state, ()
    if has_adapters(state):
        number = sum(name.endswith('.lora_A') for name in state)
        return merge_adapters(state), (f'the adapters of {number} layers (LoRA) were merged',)
    fresh = {name: tensor for name, tensor in target.items() if re.search(ADAPTER, name)}
    fresh |= {name: torch.zeros_like(x) for name, x in fresh.items() if name.endswith('lora_B')}
    return state | fresh, ('the adapters (LoRA) start from no change',)


def adapter_state(state: StateDict) -> tuple[StateDict, str]:
    """Returns what the training of adapters changed, and the hash of the backbone below.

    Args:
        state: Weights of a whole pose model.

    Raises:
        ValueError: If it has no adapters, or nothing below them.
    """
    if not has_adapters(state) or is_adapter_alone(state):
        raise ValueError(
            'it is no checkpoint of a run with model.lora, which has adapters beside their backbone'
        )
    base = _base_of(state)
    return {name: tensor for name, tensor in state.items() if name not in base}, base_sha256(state)


def join_base(
    adapters: StateDict, base: StateDict, sha256: str | None, pretrained: str | None
) -> StateDict:
    """Returns the weights of a whole pose model from its adapters and its backbone.

    Args:
        adapters: Content of an adapter file.
        base: Weights of the model, the backbone loaded from ``pretrained`` if there is one.
        sha256: Hash of the backbone that the adapters were trained on.

    Raises:
        ValueError: If that is another backbone.
    """
    if sha256 != base_sha256(base):
        raise ValueError(
            'these are adapters for another backbone than that of the model, with '
            f'model.pretrained={pretrained!r}; take the config of their training, with its '
            'model.lora and model.pretrained'
        )
    return _base_of(base) | adapters


def base_sha256(state: StateDict) -> str:
    """Returns the SHA-256 of the backbone of a pose model without its adapters, in hex digits.

    Position embeddings do not count: those of another input size are resized.
    """
    total = hashlib.sha256()
    for name, tensor in sorted(_base_of(state).items()):
        if not name.endswith('pos_embed'):
            array = tensor.detach().cpu().contiguous()
            total.update(f'{name} {tuple(array.shape)} {array.dtype}'.encode())
            total.update(array.view(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _base_of(state: Mapping[str, Tensor]) -> StateDict:
    return {
        name: tensor
        for name, tensor in state.items()
        if name.startswith(BACKBONE) and not re.search(ADAPTER, name)
    }
