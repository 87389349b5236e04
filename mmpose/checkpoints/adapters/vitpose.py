"""ViTPose and mmpose 0.x pose models, and HAP's fork of them: ``keypoint_head`` and our names.

With a head per dataset ``keypoint_head`` is ``heads.0`` and ``associate_keypoint_heads.{i}`` is
``heads.{i + 1}``.
"""

import re

import torch
from torch import nn

from mmpose.checkpoints.adapters.vitpose_plus import has_experts
from mmpose.checkpoints.formats import (
    NO_CLASS_TOKEN,
    Converted,
    Format,
    StateDict,
    drop_names,
    has_name,
)

LEFT_BY_SPLIT = 'left over from splitting a ViTPose+ file'
SPLIT_REASONS = {r'^associate_keypoint_heads\.': LEFT_BY_SPLIT, r'\.mlp\.experts\.': LEFT_BY_SPLIT}


def is_vitpose(state: StateDict) -> bool:
    """Tells whether weights are a pose model of ViTPose with one head."""
    return has_name(state, r'^keypoint_head\.')


def is_multi_task(state: StateDict) -> bool:
    """Tells whether weights are a pose model of ViTPose with a head per dataset.

    The published splitter leaves the heads of the others in coco.pth, beside idle experts; such a
    file has one head that counts.
    """
    return (
        is_vitpose(state)
        and has_name(state, r'^associate_keypoint_heads\.')
        and not has_name(state, r'\.mlp\.experts\.')
    )


def from_vitpose(state: StateDict) -> Converted:
    """Returns a pose model with one head under our names."""
    return _renamed(state, 'head.', SPLIT_REASONS)


def from_multi_head(state: StateDict) -> Converted:
    """Returns a pose model with a head per dataset under our names."""
    return _renamed(state, 'heads.0.', {})


def to_vitpose(state: StateDict) -> tuple[StateDict, tuple[str, ...]]:
    """Returns weights under the names of ViTPose and ViTPose+, and notes.

    Raises:
        ValueError: For a convolutional stem, which ViTPose does not have.
    """
    refuse_own_parts(state, 'ViTPose')

    def renamed(name: str) -> str:
        match = re.match(r'^heads\.(\d+)\.', name)
        if match is None:
            return re.sub(r'^head\.', 'keypoint_head.', name)
        index = int(match[1])
        prefix = f'associate_keypoint_heads.{index - 1}.' if index else 'keypoint_head.'
        return prefix + name[match.end() :]

    return {renamed(name): tensor for name, tensor in state.items()}, ()


def refuse_own_parts(state: StateDict, who: str) -> None:
    """Raises a ValueError if a model has the convolutional stem or a condition, as no other has."""
    if any(name.endswith('condition_embed') for name in state):
        raise ValueError(f'{who} does not have conditions (model.backbone.condition_chans)')
    if any('patch_embed.convs.' in name for name in state):
        raise ValueError(f"{who} does not have the convolutional stem (model.backbone.stem='conv')")


def fit_condition(state: StateDict, backbone: nn.Module) -> tuple[StateDict, list[str]]:
    """Returns weights with the zeros at which a condition starts, where the file has none."""
    own = getattr(backbone, 'condition_embed', None)
    if own is None or 'condition_embed' in state:
        return state, []
    note = 'condition_embed starts at 0, so that the condition changes nothing at first'
    return {**state, 'condition_embed': torch.zeros_like(own)}, [note]


def _renamed(state: StateDict, first_head: str, reasons: dict[str, str]) -> Converted:
    kept, dropped = drop_names(state, {r'(^|\.)cls_token$': NO_CLASS_TOKEN, **reasons})

    def renamed(key: str) -> str:
        return re.sub(
            r'^associate_keypoint_heads\.(\d+)\.',
            lambda match: f'heads.{int(match[1]) + 1}.',
            re.sub(r'^keypoint_head\.', first_head, key),
        )

    return Converted({renamed(key): tensor for key, tensor in kept.items()}, dropped)


VITPOSE = Format('vitpose', 'ViTPose or mmpose 0.x pose model', is_vitpose, from_vitpose)
MULTI_TASK = Format(
    'vitpose-multi', 'ViTPose model with a head per dataset', is_multi_task, from_multi_head
)
VITPOSE_PLUS = Format('vitpose+', 'ViTPose+ model with experts', has_experts, from_multi_head)
