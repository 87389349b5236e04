"""A small pose model, and its weights as other code bases name them."""

import re

import torch
from torch import nn

from mmpose.models.backbones import ViT
from mmpose.models.heads import HeatmapHead

DIM, DEPTH = 16, 2


class Pose(nn.Module):
    """Backbone and head, as in every top-down estimator."""

    def __init__(self, out_channels=17, decoder='classic', **options):
        super().__init__()
        defaults = dict(img_size=(64, 48), embed_dim=DIM, depth=DEPTH, num_heads=2)
        self.backbone = ViT(**(defaults | options))
        classic = dict(deconv_out_channels=(8, 8), deconv_kernel_sizes=(4, 4))
        simple = dict(
            deconv_out_channels=(),
            deconv_kernel_sizes=(),
            upsample=4,
            final_layer=dict(kernel_size=3),
        )
        self.head = HeatmapHead(
            in_channels=self.backbone.out_channels,
            out_channels=out_channels,
            decoder=dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16)),
            **(classic if decoder == 'classic' else simple),
        )


def renamed(state, *renames):
    def rename(name):
        for pattern, replacement in renames:
            name = re.sub(pattern, replacement, name)
        return name

    return {rename(name): tensor for name, tensor in state.items()}


def randomised(module):
    """The state of a module with every floating value drawn anew, also zeros and ones."""
    return {
        name: torch.rand_like(x) if x.is_floating_point() else x
        for name, x in module.state_dict().items()
    }


def as_vitpose(state):
    return renamed(state, ('^head', 'keypoint_head')) | {
        'backbone.cls_token': torch.zeros(1, 1, DIM)
    }


def as_mmpose1(state):
    state = renamed(
        state,
        (r'blocks\.(\d+)\.norm([12])', r'layers.\1.ln\2'),
        (r'blocks\.(\d+)\.attn', r'layers.\1.attn'),
        (r'blocks\.(\d+)\.mlp\.fc1', r'layers.\1.ffn.layers.0.0'),
        (r'blocks\.(\d+)\.mlp\.fc2', r'layers.\1.ffn.layers.1'),
        (r'last_norm', 'ln1'),
        (r'patch_embed\.proj', 'patch_embed.projection'),
    )
    state['backbone.pos_embed'] = state['backbone.pos_embed'][:, 1:]
    return state


def as_ours(state):
    return state


def as_wrapped(state):
    return {f'module.{name}': tensor for name, tensor in state.items()}


def as_huggingface(state):
    state = renamed(
        state,
        (r'blocks\.(\d+)', r'encoder.layer.\1'),
        ('norm1', 'layernorm_before'),
        ('norm2', 'layernorm_after'),
        (r'attn\.proj', 'attention.output.dense'),
        ('last_norm', 'layernorm'),
        ('pos_embed', 'embeddings.position_embeddings'),
        (r'patch_embed\.proj', 'embeddings.patch_embeddings.projection'),
        (r'deconv_layers\.0', 'deconv1'),
        (r'deconv_layers\.1', 'batchnorm1'),
        (r'deconv_layers\.3', 'deconv2'),
        (r'deconv_layers\.4', 'batchnorm2'),
        ('final_layer', 'conv'),
    )
    for name in [name for name in state if '.attn.qkv.' in name]:
        parts = state.pop(name).chunk(3)
        for kind, part in zip(('query', 'key', 'value'), parts, strict=True):
            state[name.replace('attn.qkv', f'attention.attention.{kind}')] = part
    return state


POSE_DIALECTS = {
    'vitpose': as_vitpose,
    'mmpose1': as_mmpose1,
    'huggingface': as_huggingface,
    'mmpose': as_ours,
}


def as_mae(state, num_rows=196):
    """An encoder with a class token, its final norm, and part of the decoder."""
    state = {name: x for name, x in state.items() if not name.startswith('last_norm')}
    state['pos_embed'] = torch.cat([torch.zeros(1, 1, DIM), torch.rand(1, num_rows, DIM)], 1)
    return state | {
        'cls_token': torch.rand(1, 1, DIM),
        'mask_token': torch.rand(1, 1, 8),
        'norm.weight': torch.rand(DIM),
        'norm.bias': torch.rand(DIM),
        'decoder_pos_embed': torch.rand(1, 197, 8),
        'decoder_blocks.0.attn.qkv.weight': torch.rand(24, 8),
    }


def as_dinov2(state):
    """Patches of 14 at 37x37, layer scales, registers."""
    state = as_mae(state, num_rows=37 * 37)
    state['patch_embed.proj.weight'] = torch.rand(DIM, 3, 14, 14)
    state['register_tokens'] = torch.rand(1, 4, DIM)
    for i in range(DEPTH):
        state[f'blocks.{i}.ls1.gamma'] = torch.rand(DIM)
        state[f'blocks.{i}.ls2.gamma'] = torch.rand(DIM)
    return state


def as_vitpose_plus(state, part=4):
    state = as_vitpose(state)
    for i in range(DEPTH):
        fc2 = f'backbone.blocks.{i}.mlp.fc2'
        for kind in ('weight', 'bias'):
            whole = state[f'{fc2}.{kind}']
            state[f'{fc2}.{kind}'] = whole[:-part]
            state[f'backbone.blocks.{i}.mlp.experts.0.{kind}'] = whole[-part:]
    return state
