"""MMPose 1.x ViTPose, whose backbone is mmpretrain's VisionTransformer: its names and ours."""

import re

import torch
from torch import Tensor

from mmpose.checkpoints.adapters.convnets import OURS as CONVNET_HERE
from mmpose.checkpoints.adapters.convnets import to_convnet
from mmpose.checkpoints.adapters.pgvl import refuse_text_encoder
from mmpose.checkpoints.adapters.pretrained_vit import prepend_zero_row, zero_class_row
from mmpose.checkpoints.adapters.vitpose import refuse_own_parts
from mmpose.checkpoints.adapters.vitpose_plus import has_experts
from mmpose.checkpoints.formats import (
    NO_CLASS_TOKEN,
    Converted,
    Format,
    StateDict,
    drop_names,
    has_name,
    is_pos_embed,
    translate,
)
from mmpose.checkpoints.heads import num_heads_of

UNFOLDED = 'unfolded_pos_embed'  # in ``meta`` of an exported file, for the way back
# our name, theirs
NAMES = (
    ('blocks.{i}.norm1.', 'layers.{i}.ln1.'),
    ('blocks.{i}.norm2.', 'layers.{i}.ln2.'),
    ('blocks.{i}.attn.', 'layers.{i}.attn.'),
    ('blocks.{i}.mlp.fc1.', 'layers.{i}.ffn.layers.0.0.'),
    ('blocks.{i}.mlp.fc2.', 'layers.{i}.ffn.layers.1.'),
    ('patch_embed.proj.', 'patch_embed.projection.'),
    ('last_norm.', 'ln1.'),
)


def is_mmpose1x(state: StateDict) -> bool:
    """Tells whether weights have the blocks of mmpretrain's VisionTransformer."""
    return has_name(state, r'(^|\.)layers\.\d+\.ln1\.')


def from_mmpose1x(state: StateDict) -> Converted:
    """Returns a ViTPose model of MMPose 1.x, or a ViT of mmpretrain, under our names."""
    kept, dropped = drop_names(
        state, {r'(^|\.)cls_token$': NO_CLASS_TOKEN, r'^data_preprocessor\.': 'set by the config'}
    )
    renamed = {translate(k, NAMES, is_import=True, before=r'^|\.'): x for k, x in kept.items()}
    has_class_token = any(name.endswith('cls_token') for name in dropped)
    notes = []
    for name, tensor in renamed.items():
        if not is_pos_embed(name, tensor):
            continue
        if has_class_token:
            renamed[name], changes = zero_class_row(tensor, True)
            notes += changes
        else:
            renamed[name] = prepend_zero_row(tensor)
            notes.append('a zero row was put before pos_embed, which has none for a class token')
    return Converted(renamed, dropped, tuple(notes))


def to_mmpose1x(state: StateDict) -> tuple[StateDict, tuple[str, ...]]:
    """Returns weights in the names of MMPose 1.x, and notes.

    Its ``pos_embed`` has no row for a class token; ours, which is added to every token, is added
    to all others.

    Raises:
        ValueError: For several heads, experts or texts, which MMPose 1.x does not have.
    """
    if has_name(state, CONVNET_HERE):
        return to_convnet(state)
    refuse_own_parts(state, 'MMPose 1.x')
    refuse_text_encoder(state, 'MMPose 1.x')
    if has_experts(state) or num_heads_of(state) > 1:
        raise ValueError(
            'MMPose 1.x has no model with experts or several heads; extract the model of one '
            'dataset with tools/model_split.py and convert that'
        )
    renamed: StateDict = {}
    notes = []
    for ours, tensor in state.items():
        name = re.sub(r'^heads\.0\.', 'head.', ours)
        name = translate(name, NAMES, is_import=False, before=r'^backbone\.')
        if ours == 'backbone.pos_embed':
            if tensor[:, :1].any():
                notes.append('row 0 of pos_embed, which every token gets, was added to the others')
            tensor = fold_class_row(tensor)
        renamed[name] = tensor
    return renamed, tuple(notes)


def fold_class_row(pos: Tensor) -> Tensor:
    """Returns a position embedding (1, T + 1, D) without row 0, which is added to the others."""
    return (pos[:, 1:] + pos[:, :1]).contiguous()


def unfold_class_row(pos: Tensor, unfolded: Tensor) -> Tensor:
    """Returns the embedding from which an export made another one, if it is still that one.

    Args:
        pos: (1, T + 1, D) as it was read, row 0 zero.
        unfolded: (1, T + 1, D) that the export kept beside the weights.
    """
    is_same = unfolded.shape == pos.shape and torch.equal(fold_class_row(unfolded), pos[:, 1:])
    return unfolded if is_same else pos


MMPOSE1X = Format('mmpose1', 'MMPose 1.x ViTPose or mmpretrain ViT', is_mmpose1x, from_mmpose1x)
