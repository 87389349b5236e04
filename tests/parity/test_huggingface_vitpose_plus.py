"""Equal heatmaps from Hugging Face's VitPose with experts (ViTPose++) and from our models."""

import re

import pytest
import torch
from torch import nn

from mmpose.metainfo import load_metainfo
from mmpose.models.backbones import ViTMoE
from mmpose.registry import MODELS

transformers = pytest.importorskip('transformers', reason='transformers is not installed')

NUM_EXPERTS = 6
SKELETONS = ['coco', 'aic', 'mpii', 'ap10k', 'ap10k', 'coco_wholebody']
NAMES = ['coco', 'aic', 'mpii', 'ap10k', 'apt36k', 'wholebody']
NUM_KEYPOINTS = [load_metainfo(name).num_keypoints for name in SKELETONS]
TINY = dict(embed_dim=48, depth=2, num_heads=4, img_size=(256, 192))
# Their name -> ours, written for this test so that it does not rest on the converter.
RENAMES = (
    (r'^embeddings\.position_embeddings$', 'pos_embed'),
    (r'^embeddings\.patch_embeddings\.projection\.', 'patch_embed.proj.'),
    (r'^encoder\.layer\.(\d+)\.layernorm_before\.', r'blocks.\1.norm1.'),
    (r'^encoder\.layer\.(\d+)\.layernorm_after\.', r'blocks.\1.norm2.'),
    (r'^encoder\.layer\.(\d+)\.attention\.output\.dense\.', r'blocks.\1.attn.proj.'),
    (r'^encoder\.layer\.(\d+)\.mlp\.', r'blocks.\1.mlp.'),
    (r'^layernorm\.', 'last_norm.'),
)
HEAD_RENAMES = (
    ('deconv1.', 'deconv_layers.0.'),
    ('batchnorm1.', 'deconv_layers.1.'),
    ('deconv2.', 'deconv_layers.3.'),
    ('batchnorm2.', 'deconv_layers.4.'),
    ('conv.', 'final_layer.'),
)


def backbone_config():
    return transformers.VitPoseBackboneConfig(
        image_size=list(TINY['img_size']),
        hidden_size=TINY['embed_dim'],
        num_hidden_layers=TINY['depth'],
        num_attention_heads=TINY['num_heads'],
        layer_norm_eps=1e-6,
        num_experts=NUM_EXPERTS,
        part_features=TINY['embed_dim'] // 4,
    )


def draw(model, seed=0):
    """Draws every weight, so that nothing is hidden by zeros and ones."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith('running_var'):
            tensor.copy_(1 + noise.abs())
        elif tensor.is_floating_point():
            is_scale = 'norm' in name and name.endswith('weight')
            tensor.copy_(is_scale + 0.1 * noise)
    return model.eval()


def our_backbone_state(theirs):
    state = {}
    for name, tensor in theirs.items():
        if '.attention.attention.' in name:
            block, part, kind = re.fullmatch(
                r'encoder\.layer\.(\d+)\.attention\.attention\.(\w+)\.(\w+)', name
            ).groups()
            if part == 'query':
                parts = [theirs[name.replace('query', x)] for x in ('query', 'key', 'value')]
                state[f'blocks.{block}.attn.qkv.{kind}'] = torch.cat(parts)
            continue
        for pattern, replacement in RENAMES:
            renamed, count = re.subn(pattern, replacement, name)
            if count:
                state[renamed] = tensor
    return state


def our_head_state(theirs):
    state = {}
    for name, tensor in theirs.items():
        ours = next(name.replace(a, b, 1) for a, b in HEAD_RENAMES if name.startswith(a))
        state[ours] = tensor
    return state


def images(num):
    return torch.randn(num, 3, *TINY['img_size'], generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('dataset', range(NUM_EXPERTS))
def test_backbones_are_equal(dataset):
    theirs = draw(transformers.VitPoseBackbone(backbone_config()))
    ours = ViTMoE(num_expert=NUM_EXPERTS, **TINY).eval()
    ours.load_state_dict(our_backbone_state(theirs.state_dict()))
    index = torch.tensor([dataset])
    with torch.no_grad():
        expected = theirs(images(1), dataset_index=index).feature_maps[-1]  # (B, T, D)
        output = ours(images(1), index).flatten(2).mT
        other = ours(images(1), (index + 1) % NUM_EXPERTS).flatten(2).mT

    assert (output - other).abs().max() > 0.1  # the expert matters
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-4)


def test_backbones_are_equal_on_a_mixed_batch():
    theirs = draw(transformers.VitPoseBackbone(backbone_config()))
    ours = ViTMoE(num_expert=NUM_EXPERTS, **TINY).eval()
    ours.load_state_dict(our_backbone_state(theirs.state_dict()))
    index = torch.tensor([5, 0, 3, 3, 1])
    with torch.no_grad():
        expected = theirs(images(5), dataset_index=index).feature_maps[-1]
        torch.testing.assert_close(
            ours(images(5), index).flatten(2).mT, expected, rtol=0, atol=1e-4
        )


@pytest.fixture(scope='module')
def six_heads():
    """Their six models, which share the backbone, and ours of six heads."""
    codec = dict(type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64))
    ours = MODELS.build(
        dict(
            type='MultiHeadPoseEstimator',
            backbone=dict(type='ViTMoE', num_expert=NUM_EXPERTS, **TINY),
            heads=[
                dict(
                    type='HeatmapHead',
                    in_channels=48,
                    out_channels=num,
                    decoder=codec,
                    deconv_out_channels=(256, 256),
                    deconv_kernel_sizes=(4, 4),
                )
                for num in NUM_KEYPOINTS
            ],
            metainfo=SKELETONS,
            names=NAMES,
        )
    ).eval()
    backbone = draw(transformers.VitPoseBackbone(backbone_config()))
    ours.backbone.load_state_dict(our_backbone_state(backbone.state_dict()))
    theirs = []
    for i, num in enumerate(NUM_KEYPOINTS):
        config = transformers.VitPoseConfig(
            backbone_config=backbone_config(), num_labels=num, use_simple_decoder=False
        )
        model = draw(transformers.VitPoseForPoseEstimation(config), seed=i)
        model.backbone.load_state_dict(backbone.state_dict())
        ours.heads[i].load_state_dict(our_head_state(model.head.state_dict()))
        theirs.append(model)
    return nn.ModuleList(theirs), ours


@pytest.mark.parametrize('dataset', range(NUM_EXPERTS), ids=NAMES)
def test_heads_are_equal(six_heads, dataset):
    """The heatmaps of the six-head model, and those of the plain model taken from it."""
    theirs, ours = six_heads
    index = torch.tensor([dataset])
    with torch.no_grad():
        expected = theirs[dataset](images(1), dataset_index=index).heatmaps
        output = ours(images(1), {'dataset_idx': index})[dataset]
        single = ours.single(NAMES[dataset])(images(1))

    assert expected.shape == (1, NUM_KEYPOINTS[dataset], 64, 48)
    assert expected.std() > 0.05  # far above the tolerance
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(single, expected, rtol=0, atol=1e-4)
