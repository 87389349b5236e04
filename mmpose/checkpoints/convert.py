"""Weights of other code bases under our parameter names.

Every converter takes a state dict and returns a new one; nothing is read or loaded here. Weights
of whole pose models come back as ``backbone.*`` and ``head.*``, those of models with a head per
dataset as ``backbone.*`` and ``heads.{d}.*``, weights of a backbone alone without a prefix.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from mmpose.checkpoints.adapters.huggingface import from_huggingface
from mmpose.checkpoints.formats import (
    StateDict,
    detect_format,
    is_pos_embed,
    refuse_impossible,
)
from mmpose.checkpoints.parse_graph_weights import rename_parse_graph

NO_CLASS_TOKEN = 'the network has no class token'
LEFT_BY_SPLIT = 'left over from splitting a ViTPose+ file'
OTHER_TASK = 'belongs to another task'
TEXT_ENCODER = 'text_encoder.'  # of models that read texts; its names are nobody else's
FRESH_NORM = 'norm of the pre-training task; last_norm starts fresh'


@dataclass(frozen=True)
class Converted:
    """A state dict under our names, and what became of the rest.

    Attributes:
        state: Weights under our parameter names.
        format: Key of FORMAT_NAMES.
        dropped: Name in the file -> why it was left out.
        notes: What was changed, one sentence each.
    """

    state: StateDict
    format: str
    dropped: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def convert_state_dict(state: StateDict) -> Converted:
    """Returns a state dict under our parameter names, whatever code base it comes from.

    Raises:
        ValueError: For a network that our ViT cannot reproduce.
    """
    texts = {name: tensor for name, tensor in state.items() if name.startswith(TEXT_ENCODER)}
    if len(texts) < len(state) and texts:
        rest = {name: tensor for name, tensor in state.items() if name not in texts}
        converted = convert_state_dict(rest)
        return replace(converted, state=converted.state | texts)
    refuse_impossible(state)
    name = detect_format(state)
    converters: dict[str, Callable[[StateDict], Converted]] = {
        'vitpose+': convert_vitpose,
        'vitpose-multi': convert_vitpose,
        'vitpose': convert_vitpose,
        'pgvl': convert_pgvl,
        'mmpose1': convert_mmpose1,
        'huggingface': convert_huggingface,
        'huggingface+': convert_huggingface,
        'mae': convert_pretrained_vit,
        'hap': convert_pretrained_vit,
        'dinov2': convert_dinov2,
    }
    if name not in converters:
        return Converted(state=dict(state), format=name)
    return converters[name](state)


def convert_vitpose(state: StateDict) -> Converted:
    """Renames a pose model of ViTPose or mmpose 0.x: ``keypoint_head`` becomes ``head``.

    With a head per dataset ``keypoint_head`` becomes ``heads.0`` and
    ``associate_keypoint_heads.{i}`` becomes ``heads.{i + 1}``.
    """
    name = detect_format(state)
    reasons = {r'(^|\.)cls_token$': NO_CLASS_TOKEN}
    main = 'heads.0.'
    if name in ('vitpose', 'pgvl'):
        main = 'head.'
        reasons |= {
            r'^associate_keypoint_heads\.': LEFT_BY_SPLIT,
            r'\.mlp\.experts\.': LEFT_BY_SPLIT,
        }
    kept, dropped = _drop(state, reasons)
    renamed = {
        re.sub(
            r'^associate_keypoint_heads\.(\d+)\.',
            lambda match: f'heads.{int(match[1]) + 1}.',
            re.sub(r'^keypoint_head\.', main, key),
        ): tensor
        for key, tensor in kept.items()
    }
    return Converted(renamed, name, dropped)


def convert_pgvl(state: StateDict) -> Converted:
    """Renames a published PGVL model: ``keypoint_head`` becomes ``head``, ``pgvl`` ``my``."""
    plain = convert_vitpose(state)
    return Converted(rename_parse_graph(plain.state), 'pgvl', plain.dropped)


def convert_mmpose1(state: StateDict) -> Converted:
    """Renames a ViTPose model of MMPose 1.x, whose backbone is mmpretrain's VisionTransformer."""
    renames = (
        (r'(^|\.)layers\.(\d+)\.ln1\.', r'\1blocks.\2.norm1.'),
        (r'(^|\.)layers\.(\d+)\.ln2\.', r'\1blocks.\2.norm2.'),
        (r'(^|\.)layers\.(\d+)\.attn\.', r'\1blocks.\2.attn.'),
        (r'(^|\.)layers\.(\d+)\.ffn\.layers\.0\.0\.', r'\1blocks.\2.mlp.fc1.'),
        (r'(^|\.)layers\.(\d+)\.ffn\.layers\.1\.', r'\1blocks.\2.mlp.fc2.'),
        (r'(^|\.)patch_embed\.projection\.', r'\1patch_embed.proj.'),
        (r'(^|^backbone\.)ln1\.', r'\1last_norm.'),
    )
    kept, dropped = _drop(
        state, {r'(^|\.)cls_token$': NO_CLASS_TOKEN, r'^data_preprocessor\.': 'set by the config'}
    )
    renamed = {_rename(name, renames): x for name, x in kept.items()}
    has_class_token = any(name.endswith('cls_token') for name in dropped)
    notes = []
    for name, tensor in renamed.items():
        if not is_pos_embed(name, tensor):
            continue
        if has_class_token:
            renamed[name], changed = _zero_class_row(tensor, True)
            notes += [changed] if changed else []
        else:
            renamed[name] = _prepend_zero_row(tensor)
            notes.append('a zero row was put before pos_embed, which has none for a class token')
    return Converted(renamed, 'mmpose1', dropped, tuple(notes))


def convert_huggingface(state: StateDict) -> Converted:
    """Renames a VitPose model of transformers, see ``from_huggingface``."""
    return Converted(from_huggingface(state), detect_format(state))


def convert_pretrained_vit(state: StateDict) -> Converted:
    """Returns the encoder of MAE, HAP or a timm ViT, ready to be used without a class token.

    The position row of the class token becomes zero: the pose model adds that row to every token,
    which pre-training never did. In MAE and HAP files it is zero already.
    """
    name = detect_format(state)
    state = _strip_wrapper(state)
    kept, dropped = _drop(
        state,
        {
            r'^(cls_token|dist_token|reg_token|register_tokens)$': NO_CLASS_TOKEN,
            r'^norm\.|^fc_norm\.': FRESH_NORM,
            r'^(mask_token|decoder\w*|head\w*|predictor|projector)(\.|$)': OTHER_TASK,
        },
    )
    notes = []
    if 'pos_embed' in kept:
        kept['pos_embed'], changed = _zero_class_row(kept['pos_embed'], 'cls_token' in state)
        notes += [changed] if changed else []
    return Converted(kept, name, dropped, tuple(notes))


def convert_dinov2(state: StateDict) -> Converted:
    """Returns the encoder of DINOv2, its layer scales folded into the layers before them.

    A layer scale multiplies the output of ``attn.proj`` or ``mlp.fc2`` by ``gamma``; scaling the
    rows of weight and bias by ``gamma`` is the same function.
    """
    plain = convert_pretrained_vit(state)
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
    return Converted(folded, 'dinov2', plain.dropped, (*plain.notes, note))


def _strip_wrapper(state: StateDict) -> StateDict:
    """Returns only ``backbone.*`` or ``encoder.*``, without the prefix, if there are any."""
    for prefix in ('backbone.', 'encoder.'):
        inner = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        if inner:
            return inner
    return dict(state)


def _drop(state: StateDict, reasons: dict[str, str]) -> tuple[StateDict, dict[str, str]]:
    kept, dropped = {}, {}
    for name, tensor in state.items():
        why = next((why for pattern, why in reasons.items() if re.search(pattern, name)), None)
        if why is None:
            kept[name] = tensor
        else:
            dropped[name] = why
    return kept, dropped


def _rename(name: str, renames: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in renames:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name


def _prepend_zero_row(pos: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(pos[:, :1]), pos], dim=1)  # (1, T, D) -> (1, T + 1, D)


def _zero_class_row(pos: Tensor, has_class_token: bool) -> tuple[Tensor, str | None]:
    """Returns ``pos`` (1, T, D) with exactly one row before the grid, zero; and what was done."""
    rows = pos.shape[1]
    if math.isqrt(rows) ** 2 == rows or not has_class_token:
        return _prepend_zero_row(pos), 'a zero row was put before pos_embed, which had none'
    if not pos[:, :1].any():
        return pos, None
    rest = _prepend_zero_row(pos[:, 1:])
    return rest, 'the class-token row of pos_embed became zero: no token had it in pre-training'
