"""VitPose of Hugging Face: its names, its ``config.json``, and ours. No transformers is needed."""

import re
from typing import Any

import torch

from mmpose.checkpoints.experts import has_experts
from mmpose.checkpoints.formats import StateDict

MODEL_TYPE = 'vitpose'
NORM_EPS = 1e-6  # of the published weights and of our ViT
# our name <-> theirs; {i} stands for a number
NAMES = (
    ('backbone.pos_embed', 'backbone.embeddings.position_embeddings'),
    ('backbone.patch_embed.proj.', 'backbone.embeddings.patch_embeddings.projection.'),
    ('backbone.blocks.{i}.norm1.', 'backbone.encoder.layer.{i}.layernorm_before.'),
    ('backbone.blocks.{i}.norm2.', 'backbone.encoder.layer.{i}.layernorm_after.'),
    ('backbone.blocks.{i}.attn.proj.', 'backbone.encoder.layer.{i}.attention.output.dense.'),
    ('backbone.blocks.{i}.attn.qkv.', 'backbone.encoder.layer.{i}.attention.attention.query.'),
    ('backbone.blocks.{i}.mlp.', 'backbone.encoder.layer.{i}.mlp.'),
    ('backbone.last_norm.', 'backbone.layernorm.'),
    ('head.deconv_layers.0.', 'head.deconv1.'),
    ('head.deconv_layers.1.', 'head.batchnorm1.'),
    ('head.deconv_layers.3.', 'head.deconv2.'),
    ('head.deconv_layers.4.', 'head.batchnorm2.'),
    ('head.final_layer.', 'head.conv.'),
)
QUERY = '.attention.attention.query.'


def from_huggingface(state: StateDict) -> StateDict:
    """Returns the weights of a VitPose model under our names.

    Query, key and value become one projection. The one head of a model with experts is
    ``heads.0``, that of the first dataset.

    Raises:
        ValueError: If a projection is missing.
    """
    renamed: StateDict = {}
    for name, tensor in state.items():
        if QUERY in name:
            names = [name.replace('.query.', f'.{x}.') for x in ('query', 'key', 'value')]
            missing = [x for x in names if x not in state]
            if missing:
                raise ValueError(f"a Hugging Face VitPose file has '{name}' but no '{missing[0]}'")
            # 3 of (D, D) -> (3 D, D), rows ordered q, k, v
            tensor = torch.cat([state[x] for x in names], dim=0)
        elif re.search(r'\.attention\.attention\.(key|value)\.', name):
            continue
        renamed[_translate(name, theirs_to_ours=True)] = tensor
    if not has_experts(state):
        return renamed
    return {re.sub(r'^head\.', 'heads.0.', name): tensor for name, tensor in renamed.items()}


def to_huggingface(state: StateDict) -> StateDict:
    """Returns the weights of a pose model under the names of a VitPose model.

    Args:
        state: ``backbone.*`` and ``head.*``, or with experts ``heads.0.*``.
    """
    renamed: StateDict = {}
    for ours, tensor in state.items():
        name = _translate(re.sub(r'^heads\.0\.', 'head.', ours), theirs_to_ours=False)
        if QUERY not in name:
            renamed[name] = tensor
            continue
        # (3 D, D) -> 3 of (D, D)
        for kind, part in zip(('query', 'key', 'value'), tensor.chunk(3), strict=True):
            renamed[name.replace('.query.', f'.{kind}.')] = part.contiguous()
    return renamed


def check_huggingface_config(config: dict[str, Any], num_heads: int | None) -> tuple[str, ...]:
    """Returns what a user should know of a ``config.json``, which says what weights do not show.

    Args:
        config: The parsed file.
        num_heads: Attention heads of the model to be loaded; None if unknown.

    Returns:
        Notes, one sentence each.

    Raises:
        ValueError: If the model computes something else than ours would with its weights.
    """
    if config.get('model_type') != MODEL_TYPE:
        raise ValueError(
            f"config.json says model_type '{config.get('model_type')}'; of Hugging Face only "
            f"'{MODEL_TYPE}' can be loaded"
        )
    backbone = config.get('backbone_config') or {}
    act = backbone.get('hidden_act', 'gelu')
    if act != 'gelu':
        raise ValueError(f"config.json says hidden_act '{act}', but our ViT has exact GELU only")
    theirs = backbone.get('num_attention_heads', 12)
    if num_heads is not None and theirs != num_heads:
        raise ValueError(
            f'config.json says {theirs} attention heads but the model has {num_heads}; set '
            f'model.backbone.num_heads={theirs}'
        )
    eps = backbone.get('layer_norm_eps', 1e-12)
    if eps == NORM_EPS:
        return ()
    return (
        f"config.json says layer_norm_eps {eps:g}; our ViT has ViTPose's {NORM_EPS:g}, so heatmaps "
        'differ in the last digits',
    )


def _translate(name: str, theirs_to_ours: bool) -> str:
    for ours, theirs in NAMES:
        source, target = (theirs, ours) if theirs_to_ours else (ours, theirs)
        pattern = '^' + re.escape(source).replace(re.escape('{i}'), r'(\d+)')
        renamed, count = re.subn(pattern, target.replace('{i}', r'\1'), name)
        if count:
            return renamed
    return name
