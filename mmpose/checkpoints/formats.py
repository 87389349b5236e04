"""Which code base a state dict comes from, told by its names, and which ones cannot work."""

import re

from torch import Tensor

from mmpose.checkpoints.experts import has_experts
from mmpose.checkpoints.io import first_names

StateDict = dict[str, Tensor]

FORMAT_NAMES = {
    'mmpose': 'pose model of this package',
    'mmpose-multi': 'multi-head pose model of this package',
    'vitpose': 'ViTPose or mmpose 0.x pose model',
    'vitpose-multi': 'ViTPose model with a head per dataset',
    'vitpose+': 'ViTPose+ model with experts',
    'pgvl': 'PGVL pose model',
    'clip': 'text tower of CLIP',
    'mmpose1': 'MMPose 1.x ViTPose or mmpretrain ViT',
    'huggingface': 'Hugging Face VitPose',
    'huggingface+': 'Hugging Face VitPose++ with experts',
    'vit': 'ViT backbone of this package',
    'mae': 'MAE or timm ViT',
    'hap': 'HAP pre-trained ViT',
    'dinov2': 'DINOv2 ViT',
    'unknown': 'unknown',
}
PRETRAIN_FORMATS = ('mae', 'hap', 'dinov2')
"""Backbones trained for something else: their last norm is left out and ours starts fresh."""
HUGGINGFACE_FORMATS = ('huggingface', 'huggingface+')

# Names of models in transformers, and of VitPose among them.
THEIR_LAYER = r'(^|\.)(encoder\.layers?\.\d+\.|embeddings\.(cls_token$|patch_embeddings\.))'
THEIR_VITPOSE = r'^backbone\.encoder\.layer\.\d+\.attention\.attention\.query\.'
HAP_ROWS = 129  # 16 x 8 and a class token
INSTEAD = 'use a backbone of type TimmBackbone, or start from MAE, HAP or DINOv2'
# What computes something that our ViT cannot: pattern of a name -> why.
IMPOSSIBLE = (
    (
        r'(^|\.)(rope|rope_embed|rope_embeddings|storage_tokens)(\.|$)'
        r'|^(model\.)?layer\.\d+\.attention\.[qk]_proj\.',
        'it is a DINOv3 or EVA model, which turns queries and keys by rotary position embeddings',
    ),
    (
        r'(^|\.)(ln_pre|norm_pre|pre_norm|pre_layrnorm)\.',
        "it is a CLIP model, which normalises its tokens before the first block ('ln_pre') and, in "
        "OpenAI's files, has QuickGELU for GELU",
    ),
    (
        r'relative_position_bias_table|rel_pos_bias|\.rel_pos_[hw]$|\.attn\.q_bias$',
        'it is a BEiT, Swin or SAM model, whose attention has relative positions',
    ),
    (r'\.attn\.[qk]_norm\.', 'it normalises queries and keys'),
)


def detect_format(state: StateDict) -> str:
    """Returns the key in FORMAT_NAMES of the code base that a state dict comes from."""

    def has(pattern: str) -> bool:
        return any(re.search(pattern, name) for name in state)

    is_unmerged = has_experts(state)
    if has(THEIR_VITPOSE):
        return 'huggingface+' if is_unmerged else 'huggingface'
    if has(r'^backbone\.') and has(r'^heads\.\d+\.'):
        return 'mmpose-multi'
    if has(r'^backbone\.') and has(r'^head\.') and has(r'\.blocks\.'):
        return 'mmpose'
    if has(r'(^|\.)layers\.\d+\.ln1\.'):
        return 'mmpose1'
    if is_unmerged:
        return 'vitpose+'
    if has(r'^keypoint_head\.') and has(r'^(my|pgvl)\.parse_layers\.'):
        return 'pgvl'
    if has(r'^keypoint_head\.'):
        # the published splitter leaves the heads of the others in coco.pth, beside idle experts
        is_multi = has(r'^associate_keypoint_heads\.') and not has(r'\.mlp\.experts\.')
        return 'vitpose-multi' if is_multi else 'vitpose'
    if has(r'^backbone\.') and has(r'^head\.'):
        return 'mmpose'
    if has(r'(^|\.)blocks\.\d+\.ls1\.gamma$'):
        return 'dinov2'
    if not has(r'(^|\.)blocks\.\d+\.attn\.qkv\.'):
        return 'unknown'
    if has(r'(^|\.)last_norm\.'):
        return 'vit'
    rows = [tensor.shape[1] for name, tensor in state.items() if is_pos_embed(name, tensor)]
    return 'hap' if HAP_ROWS in rows else 'mae'


def refuse_impossible(state: StateDict) -> None:
    """Raises if a state dict belongs to a network that our ViT cannot reproduce.

    Raises:
        ValueError: In one sentence that says what our ViT lacks.
    """
    for pattern, why in IMPOSSIBLE:
        names = [name for name in state if re.search(pattern, name)]
        if names:
            raise ValueError(
                f'the checkpoint cannot be loaded exactly: {why} ({first_names(names, 1)}), which '
                f'our ViT does not; {INSTEAD}'
            )
    is_vit = any(re.search(r'(^|\.)blocks\.\d+\.attn\.', name) for name in state)
    has_patches = any('patch_embed.' in name for name in state)
    if is_vit and has_patches and not any('pos_embed' in name for name in state):
        raise ValueError(
            "the checkpoint cannot be loaded exactly: it has no 'pos_embed', so its positions are "
            f'rotary or relative ones (DINOv3, EVA), which our ViT does not have; {INSTEAD}'
        )
    theirs = [name for name in state if re.search(THEIR_LAYER, name)]
    is_vitpose = any(re.search(THEIR_VITPOSE, name) for name in state)
    if theirs and not is_vitpose:
        raise ValueError(
            f'the checkpoint is a Hugging Face model of another kind ({first_names(theirs, 1)}); '
            'of Hugging Face only VitPose can be loaded, take the file of the original authors'
        )


def is_pos_embed(name: str, tensor: Tensor) -> bool:
    """Tells whether a tensor is the position embedding of an encoder."""
    return name.rpartition('.')[2] == 'pos_embed' and 'decoder' not in name and tensor.ndim == 3
