"""Backbones pre-trained for other tasks: MAE, timm and DeiT ViTs, HAP, DINOv2 (import only).

Their last norm belongs to the pre-training task: it is left out and ours starts fresh.
"""

import math
import re

import torch
from torch import Tensor

from mmpose.checkpoints.formats import (
    NO_CLASS_TOKEN,
    Converted,
    Format,
    StateDict,
    drop_names,
    has_name,
    is_pos_embed,
    split_backbone,
)

HAP_ROWS = 129  # 16 x 8 and a class token
DINOV2_HEAD_DIM = 64  # of every published DINOv2 model; weights do not show the number of heads
OTHER_TASK = 'belongs to another task'
FRESH_NORM = 'norm of the pre-training task; last_norm starts fresh'


def is_vit(state: StateDict) -> bool:
    """Tells whether weights have the blocks of a vision transformer of timm, MAE or HAP."""
    return has_name(state, r'(^|\.)blocks\.\d+\.attn\.qkv\.')


def is_hap(state: StateDict) -> bool:
    """Tells whether weights are an encoder of HAP, by its position grid of 16x8."""
    rows = [tensor.shape[1] for name, tensor in state.items() if is_pos_embed(name, tensor)]
    return is_vit(state) and HAP_ROWS in rows


def is_dinov2(state: StateDict) -> bool:
    """Tells whether weights are an encoder of DINOv2, by its layer scales."""
    return has_name(state, r'(^|\.)blocks\.\d+\.ls1\.gamma$')


def from_dinov2(state: StateDict) -> Converted:
    """Returns the encoder of DINOv2, its layer scales folded into the layers before them.

    A layer scale multiplies the output of ``attn.proj`` or ``mlp.fc2`` by ``gamma``; scaling the
    rows of weight and bias by ``gamma`` is the same function.

    Raises:
        ValueError: For the giant model, whose feed-forward part is gated.
    """
    plain = from_encoder(state)
    folded = dict(plain.state)
    scales = [name for name in folded if re.search(r'\.ls[12]\.gamma$', name)]
    for name in scales:
        gamma = folded.pop(name)
        block, scale = name.removesuffix('.gamma').rsplit('.', 1)
        layer = f'{block}.attn.proj' if scale == 'ls1' else f'{block}.mlp.fc2'
        if f'{layer}.weight' not in folded:
            raise ValueError(
                f"a DINOv2 file has '{name}' but no '{layer}.weight' (as the giant model with its "
                'gated feed-forward part); use the small, base or large model'
            )
        folded[f'{layer}.weight'] = folded[f'{layer}.weight'] * gamma[:, None]
        folded[f'{layer}.bias'] = folded[f'{layer}.bias'] * gamma
    note = f'{len(scales)} layer scales were folded into attn.proj and mlp.fc2'
    return Converted(folded, plain.dropped, (*plain.notes, note))


def check_dinov2_heads(path: str, num_heads: int | None, embed_dim: int | None) -> None:
    """Raises if a model has attention heads of another width than DINOv2.

    Args:
        path: The file, to begin the message with.
        num_heads: Attention heads of the model; None if unknown.
        embed_dim: Width of its tokens; None if unknown.

    Raises:
        ValueError: If they are not of 64 channels.
    """
    if num_heads and embed_dim and embed_dim != num_heads * DINOV2_HEAD_DIM:
        raise ValueError(
            f"'{path}' is a DINOv2 model, made for heads of {DINOV2_HEAD_DIM} channels, but the "
            f'model has {num_heads} heads of {embed_dim // num_heads}; set '
            f'model.backbone.num_heads={embed_dim // DINOV2_HEAD_DIM}'
        )


def prepend_zero_row(pos: Tensor) -> Tensor:
    """Returns a position embedding with a row of zeros before it."""
    return torch.cat([torch.zeros_like(pos[:, :1]), pos], dim=1)  # (1, T, D) -> (1, T + 1, D)


def zero_class_row(pos: Tensor, has_class_token: bool) -> tuple[Tensor, list[str]]:
    """Returns a position embedding with exactly one row before the grid, zero; and what was done.

    The pose model adds that row to every token, which pre-training never did. In MAE and HAP files
    it is zero already.

    Args:
        pos: (1, T, D).
        has_class_token: Whether the network had a class token, and ``pos`` a row for it.
    """
    rows = pos.shape[1]
    if math.isqrt(rows) ** 2 == rows or not has_class_token:
        return prepend_zero_row(pos), ['a zero row was put before pos_embed, which had none']
    if not pos[:, :1].any():
        return pos, []
    rest = prepend_zero_row(pos[:, 1:])
    return rest, ['the class-token row of pos_embed became zero: no token had it in pre-training']


def from_encoder(state: StateDict) -> Converted:
    """Returns an encoder ready to be used without a class token."""
    state = split_backbone(state)[0]
    kept, dropped = drop_names(
        state,
        {
            r'^(cls_token|dist_token|reg_token|register_tokens)$': NO_CLASS_TOKEN,
            r'^norm\.|^fc_norm\.': FRESH_NORM,
            r'^(mask_token|decoder\w*|head\w*|predictor|projector)(\.|$)': OTHER_TASK,
        },
    )
    notes = []
    if 'pos_embed' in kept:
        kept['pos_embed'], notes = zero_class_row(kept['pos_embed'], 'cls_token' in state)
    return Converted(kept, dropped, tuple(notes))


DINOV2 = Format('dinov2', 'DINOv2 ViT', is_dinov2, from_dinov2)
HAP = Format('hap', 'HAP pre-trained ViT', is_hap, from_encoder)
MAE = Format('mae', 'MAE or timm ViT', is_vit, from_encoder)
PRETRAIN_FORMATS = (MAE.name, HAP.name, DINOV2.name)
