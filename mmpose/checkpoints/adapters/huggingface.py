"""Hugging Face VitPose and VitPose++: names and ``config.json``, theirs and ours."""

import re
from typing import Any

import torch

from mmpose.checkpoints.adapters.pgvl import refuse_text_encoder
from mmpose.checkpoints.adapters.vitpose_plus import has_experts
from mmpose.checkpoints.describe import SIMPLE_UPSAMPLE, Architecture
from mmpose.checkpoints.formats import Converted, Format, StateDict, has_name, translate
from mmpose.checkpoints.heads import num_heads_of

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
THEIR_VITPOSE = r'^backbone\.encoder\.layer\.\d+\.attention\.attention\.query\.'


def is_plain(state: StateDict) -> bool:
    """Tells whether weights are a VitPose model without experts."""
    return has_name(state, THEIR_VITPOSE) and not has_experts(state)


def is_plus(state: StateDict) -> bool:
    """Tells whether weights are a VitPose++ model."""
    return has_name(state, THEIR_VITPOSE) and has_experts(state)


def from_huggingface(state: StateDict) -> Converted:
    """Returns a VitPose or VitPose++ model under our names.

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
        renamed[translate(name, NAMES, is_import=True)] = tensor
    if has_experts(state):
        renamed = {re.sub(r'^head\.', 'heads.0.', name): x for name, x in renamed.items()}
    return Converted(renamed)


def to_huggingface(state: StateDict) -> tuple[StateDict, tuple[str, ...]]:
    """Returns weights of a pose model under the names of a VitPose model, and notes.

    A model with experts keeps only the first of its heads, as the published VitPose++ does.

    Raises:
        ValueError: For texts, or several heads without experts, which VitPose does not have.
    """
    refuse_text_encoder(state, 'VitPose of Hugging Face')
    num_heads = num_heads_of(state)
    if num_heads > 1 and not has_experts(state):
        raise ValueError(
            'VitPose of Hugging Face has one head; extract the model of one dataset with '
            'tools/model_split.py and convert that'
        )
    notes = ()
    if num_heads > 1:
        notes = (
            f'heads 1 to {num_heads - 1} are left out: VitPose++ of Hugging Face has the head of '
            'the first dataset only',
        )
    renamed: StateDict = {}
    for ours, tensor in state.items():
        if re.match(r'^heads\.[1-9]', ours):
            continue
        name = translate(re.sub(r'^heads\.0\.', 'head.', ours), NAMES, is_import=False)
        if QUERY not in name:
            renamed[name] = tensor
            continue
        # (3 D, D) -> 3 of (D, D)
        for kind, part in zip(('query', 'key', 'value'), tensor.chunk(3), strict=True):
            renamed[name.replace('.query.', f'.{kind}.')] = part.contiguous()
    return renamed, notes


def check_huggingface_config(config: dict[str, Any], num_heads: int | None) -> tuple[str, ...]:
    """Returns what a user should know of a ``config.json``, which says what weights do not show.

    Args:
        num_heads: Attention heads of the model to be loaded; None if unknown.

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


def huggingface_config(shape: Architecture, label_names: tuple[str, ...]) -> dict[str, object]:
    """Returns the ``config.json`` of a VitPose model with a given architecture.

    Args:
        shape: With one head.
        label_names: (K,) names of the keypoints.

    Raises:
        ValueError: If VitPose has no such network.
    """
    _require_huggingface(shape)
    last_stage = f'stage{shape.depth}'
    experts = {}
    if shape.num_experts:
        experts = dict(num_experts=shape.num_experts, part_features=shape.part_features)
    return {
        'architectures': ['VitPoseForPoseEstimation'],
        'model_type': 'vitpose',
        'dtype': 'float32',
        'backbone_config': {
            'model_type': 'vitpose_backbone',
            'image_size': list(shape.input_hw),
            'patch_size': [shape.patch_size, shape.patch_size],
            'num_channels': 3,
            'hidden_size': shape.embed_dim,
            'num_hidden_layers': shape.depth,
            'num_attention_heads': shape.num_heads,
            'mlp_ratio': int(shape.mlp_ratio),
            'hidden_act': 'gelu',
            'layer_norm_eps': NORM_EPS,
            'qkv_bias': shape.qkv_bias,
            'out_features': [last_stage],
            'out_indices': [shape.depth],
            **experts,
        },
        'id2label': {str(i): name for i, name in enumerate(label_names)},
        'label2id': {name: i for i, name in enumerate(label_names)},
        'scale_factor': SIMPLE_UPSAMPLE,
        'use_simple_decoder': shape.heads[0].decoder == 'simple',
    }


def _require_huggingface(shape: Architecture) -> None:
    head = shape.heads[0]
    is_classic = head.deconv_out_channels == (256, 256) and head.deconv_kernel_sizes == (4, 4)
    checks = (
        (shape.stem == 'patch', "the convolutional stem (model.backbone.stem='conv')"),
        (not shape.condition_chans, 'conditions (model.backbone.condition_chans)'),
        (shape.last_norm, 'a backbone without last norm'),
        (shape.mlp_ratio == int(shape.mlp_ratio), f'mlp_ratio={shape.mlp_ratio:g}'),
        (
            (is_classic and head.final_kernel == 1)
            or (not head.deconv_out_channels and head.final_kernel == 3),
            f'a head of deconvolutions {head.deconv_out_channels} with kernels '
            f'{head.deconv_kernel_sizes} and a last kernel of {head.final_kernel}',
        ),
    )
    for is_fine, what in checks:
        if not is_fine:
            raise ValueError(f'VitPose of Hugging Face does not have {what}')


HUGGINGFACE = Format('huggingface', 'Hugging Face VitPose', is_plain, from_huggingface)
HUGGINGFACE_PLUS = Format(
    'huggingface+', 'Hugging Face VitPose++ with experts', is_plus, from_huggingface
)
