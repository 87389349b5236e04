"""Weights under our names in the names of other code bases, the way back of the converters."""

import re
from collections.abc import Callable

import torch
from torch import Tensor

from mmpose.checkpoints.adapters.huggingface import to_huggingface
from mmpose.checkpoints.experts import has_experts
from mmpose.checkpoints.formats import StateDict
from mmpose.checkpoints.heads import num_heads_of

UNFOLDED = 'unfolded_pos_embed'
# our name -> MMPose 1.x, whose backbone is mmpretrain's VisionTransformer
MMPOSE1_NAMES = (
    (r'^backbone\.blocks\.(\d+)\.norm1\.', r'backbone.layers.\1.ln1.'),
    (r'^backbone\.blocks\.(\d+)\.norm2\.', r'backbone.layers.\1.ln2.'),
    (r'^backbone\.blocks\.(\d+)\.attn\.', r'backbone.layers.\1.attn.'),
    (r'^backbone\.blocks\.(\d+)\.mlp\.fc1\.', r'backbone.layers.\1.ffn.layers.0.0.'),
    (r'^backbone\.blocks\.(\d+)\.mlp\.fc2\.', r'backbone.layers.\1.ffn.layers.1.'),
    (r'^backbone\.patch_embed\.proj\.', 'backbone.patch_embed.projection.'),
    (r'^backbone\.last_norm\.', 'backbone.ln1.'),
)


def export_vitpose(state: StateDict) -> tuple[StateDict, tuple[str, ...]]:
    """Returns weights in the names of ViTPose, and notes."""
    _require_patches(state, 'ViTPose')

    def rename(name: str) -> str:
        match = re.match(r'^heads\.(\d+)\.', name)
        if match is None:
            return re.sub(r'^head\.', 'keypoint_head.', name)
        index = int(match[1])
        prefix = f'associate_keypoint_heads.{index - 1}.' if index else 'keypoint_head.'
        return prefix + name[match.end() :]

    return {rename(name): tensor for name, tensor in state.items()}, ()


def export_mmpose1(state: StateDict) -> tuple[StateDict, tuple[str, ...]]:
    """Returns weights in the names of MMPose 1.x, and notes.

    Its ``pos_embed`` has no row for a class token; ours, which is added to every token, is added
    to all others.

    Raises:
        ValueError: For several heads, experts or texts, which MMPose 1.x does not have.
    """
    _require_patches(state, 'MMPose 1.x')
    _refuse_language(state, 'MMPose 1.x')
    if has_experts(state) or num_heads_of(state) > 1:
        raise ValueError(
            'MMPose 1.x has no model with experts or several heads; extract the model of one '
            'dataset with tools/model_split.py and convert that'
        )
    renamed: StateDict = {}
    notes = []
    for ours, tensor in state.items():
        name = re.sub(r'^heads\.0\.', 'head.', ours)
        for pattern, replacement in MMPOSE1_NAMES:
            name = re.sub(pattern, replacement, name)
        if ours == 'backbone.pos_embed':
            if tensor[:, :1].any():
                notes.append('row 0 of pos_embed, which every token gets, was added to the others')
            tensor = fold_class_row(tensor)
        renamed[name] = tensor
    return renamed, tuple(notes)


def export_huggingface(state: StateDict) -> tuple[StateDict, tuple[str, ...]]:
    """Returns weights in the names of Hugging Face's VitPose, and notes.

    A model with experts keeps only the first of its heads, as the published VitPose++ does.

    Raises:
        ValueError: For texts, or several heads without experts, which VitPose does not have.
    """
    _refuse_language(state, 'VitPose of Hugging Face')
    num_heads = num_heads_of(state)
    if num_heads > 1 and not has_experts(state):
        raise ValueError(
            'VitPose of Hugging Face has one head; extract the model of one dataset with '
            'tools/model_split.py and convert that'
        )
    kept = {k: x for k, x in state.items() if not re.match(r'^heads\.[1-9]', k)}
    notes = ()
    if num_heads > 1:
        notes = (
            f'heads 1 to {num_heads - 1} are left out: VitPose++ of Hugging Face has the head of '
            'the first dataset only',
        )
    return to_huggingface(kept), notes


EXPORTERS: dict[str, Callable[[StateDict], tuple[StateDict, tuple[str, ...]]]] = {
    'ours': lambda state: (dict(state), ()),
    'vitpose': export_vitpose,
    'mmpose1x': export_mmpose1,
    'huggingface': export_huggingface,
    'safetensors': lambda state: (dict(state), ()),
}


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


def _refuse_language(state: StateDict, who: str) -> None:
    if any(name.startswith('text_encoder.') for name in state):
        raise ValueError(
            f"{who} has no model that reads texts; convert to 'ours', 'safetensors' or 'vitpose', "
            'whose names PGVL was published with'
        )


def _require_patches(state: StateDict, who: str) -> None:
    if any('patch_embed.convs.' in name for name in state):
        raise ValueError(f"{who} does not have the convolutional stem (model.backbone.stem='conv')")
