"""Unsupported systems: DINOv3, EVA, CLIP's image tower, BEiT, Swin, SAM, transformers' own ViTs.

Their networks compute something that our ViT does not, so their weights are refused.
"""

import re

from mmpose.checkpoints.adapters.huggingface import THEIR_VITPOSE
from mmpose.checkpoints.formats import StateDict, first_names, has_name

INSTEAD = 'use a backbone of type TimmBackbone, or start from MAE, HAP or DINOv2'
# pattern of a name -> why
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
# Names of models in transformers.
THEIR_LAYER = r'(^|\.)(encoder\.layers?\.\d+\.|embeddings\.(cls_token$|patch_embeddings\.))'


def refuse_impossible(state: StateDict) -> None:
    """Raises a ValueError, which says why, for a network that our ViT cannot reproduce."""
    for pattern, why in IMPOSSIBLE:
        names = [name for name in state if re.search(pattern, name)]
        if names:
            raise ValueError(
                f'the checkpoint cannot be loaded exactly: {why} ({first_names(names, 1)}), which '
                f'our ViT does not; {INSTEAD}'
            )
    is_vit = has_name(state, r'(^|\.)blocks\.\d+\.attn\.')
    has_patches = has_name(state, r'patch_embed\.')
    if is_vit and has_patches and not has_name(state, 'pos_embed'):
        raise ValueError(
            "the checkpoint cannot be loaded exactly: it has no 'pos_embed', so its positions are "
            f'rotary or relative ones (DINOv3, EVA), which our ViT does not have; {INSTEAD}'
        )
    theirs = [name for name in state if re.search(THEIR_LAYER, name)]
    if theirs and not has_name(state, THEIR_VITPOSE):
        raise ValueError(
            f'the checkpoint is a Hugging Face model of another kind ({first_names(theirs, 1)}); '
            'of Hugging Face only VitPose can be loaded, take the file of the original authors'
        )
