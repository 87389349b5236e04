"""Low-rank adapters: outputs, what trains, and state dicts with and without them."""

import numpy as np
import pytest
import torch
from torch import nn

from mmcv_custom import LayerDecayOptimWrapperConstructor
from mmpose.backends.packed import can_pack, pack
from mmpose.checkpoints.lora import adapter_state, fit_adapters, join_base, merge_adapters
from mmpose.config.check import check_config
from mmpose.models import TopdownPoseEstimator
from mmpose.models.lora import LoRALinear, merge_lora

CODEC = dict(type='UDPHeatmap', input_size=(64, 64), heatmap_size=(16, 16), blur_kernel_size=3)
DECONV = dict(deconv_out_channels=(16, 16), deconv_kernel_sizes=(4, 4))
VIT = dict(type='ViT', img_size=(64, 64), embed_dim=48, depth=2, num_heads=3, stem='conv')
TIMM = dict(type='TimmBackbone', name='vit_tiny_patch16_224', img_size=(64, 64))
EXPERTS = dict(type='ViTMoE', img_size=(64, 64), embed_dim=48, depth=2, num_heads=3)


def build(backbone=VIT, lora=None, seed=0):
    """A model whose adapters are not zero, as after a training."""
    torch.manual_seed(seed)
    width = 192 if backbone['type'] == 'TimmBackbone' else 48
    head = dict(in_channels=width, out_channels=17, decoder=CODEC, **DECONV)
    model = TopdownPoseEstimator(
        backbone=backbone, head=dict(type='HeatmapHead', **head), lora=lora
    )
    for name, parameter in model.named_parameters():
        if name.endswith('lora_B'):
            nn.init.normal_(parameter, std=0.1)
    return model.eval()


def difference(found, wanted):
    return ((found - wanted).abs().max() / wanted.abs().max()).item()


def test_a_layer_is_the_formula_of_the_paper():
    torch.manual_seed(0)
    layer = LoRALinear(nn.Linear(5, 4), rank=2, alpha=6, dropout=0.0)
    nn.init.normal_(layer.lora_B)
    x = torch.randn(3, 5)
    w, b, down, up = (
        one.detach().double().numpy()
        for one in (layer.weight, layer.bias, layer.lora_A, layer.lora_B)
    )
    wanted = np.einsum('oi,ni->no', w + 6 / 2 * np.einsum('or,ri->oi', up, down), x.numpy()) + b
    np.testing.assert_allclose(layer(x).detach().numpy(), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.merged()(x).detach().numpy(), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('backbone', [VIT, TIMM], ids=['ViT', 'timm'])
@torch.no_grad()
def test_merged_and_not_merged_give_the_same(backbone):
    model = build(backbone, lora=dict(rank=3))
    crops = torch.randn(2, 3, 64, 64)
    wanted = model(crops)
    assert difference(build(backbone)(crops), wanted) > 1e-2  # the adapters do something
    if backbone is VIT:
        assert can_pack(model)
        assert difference(pack(model)(crops), wanted) < 1e-5
    plain = build(backbone)
    plain.load_state_dict(merge_adapters(model.state_dict()))
    assert difference(plain(crops), wanted) < 1e-5
    before = model.backbone.state_dict()
    assert merge_lora(model) == 4 * (2 if backbone is VIT else 12)
    assert difference(model(crops), wanted) < 1e-5
    assert set(model.state_dict()) == set(plain.state_dict())
    assert all('lora' in name or name in model.backbone.state_dict() for name in before)


@pytest.mark.parametrize('backbone', [VIT, TIMM], ids=['ViT', 'timm'])
def test_only_adapters_and_head_train(backbone):
    model = build(backbone, lora=dict(rank=2, dropout=0.5)).train()
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    assert {name for name in trained if name.startswith('backbone.')} == {
        name for name, _ in model.named_parameters() if '.lora_' in name
    }
    assert {name.partition('.')[0] for name in trained} == {'backbone', 'head'}
    norms = [one for one in model.backbone.modules() if isinstance(one, nn.BatchNorm2d)]
    assert not any(one.training for one in norms)
    assert bool(norms) == (backbone is VIT)
    assert model.head.deconv_layers[1].training
    config = dict(optimizer=dict(type='AdamW', lr=1.0))
    rule = LayerDecayOptimWrapperConstructor(config, dict(layer_decay_rate=0.5))
    groups = rule.param_groups(model)  # the depth of an adapter is that of its layer
    rates = {name: group['lr'] for group in groups for name in group['param_names']}
    last = 1 if backbone is VIT else 11
    block = 'backbone.blocks.' if backbone is VIT else 'backbone.model.blocks.'
    assert rates[f'{block}{last}.mlp.fc1.lora_A'] == 2 * rates[f'{block}{last - 1}.mlp.fc1.lora_B']


def test_adapters_are_told_from_their_backbone():
    model = build(lora=dict(rank=2))
    state = model.state_dict()
    alone, sha256 = adapter_state(state)
    assert all('.lora_' in name or not name.startswith('backbone.') for name in alone)
    base = build(lora=dict(rank=2)).state_dict()
    joined = join_base(alone, base, sha256, 'base.pth')
    assert all(torch.equal(tensor, state[name]) for name, tensor in joined.items())
    other = build(lora=dict(rank=2), seed=1).state_dict()
    with pytest.raises(ValueError, match='adapters for another backbone'):
        join_base(alone, other, sha256, 'base.pth')
    with pytest.raises(ValueError, match='without the backbone'):
        merge_adapters(alone)
    with pytest.raises(ValueError, match=r'no checkpoint of a run with model\.lora'):
        adapter_state(build().state_dict())
    fresh, _ = fit_adapters(build().state_dict(), state)
    model.load_state_dict(fresh)
    crops = torch.randn(2, 3, 64, 64)
    assert torch.equal(model(crops), build()(crops))


@pytest.mark.parametrize(
    ('backbone', 'lora', 'message'),
    [
        (VIT, dict(targets=('qkv', 'query')), 'no linear layers named query, but fc1, fc2, proj'),
        (VIT, dict(rank=0), 'expected a rank from 1'),
        (VIT, dict(targets='qkv'), 'a list of names'),
        (EXPERTS, dict(), r"targets=\('qkv','proj','fc1'\)"),
    ],
)
def test_impossible_adapters(backbone, lora, message):
    with pytest.raises(ValueError, match=message):
        build(backbone, lora)


@pytest.mark.parametrize(
    ('lora', 'pretrained', 'problems'),
    [
        (None, None, []),
        (dict(rank=2), 'base.pth', []),
        (dict(r=2), 'base.pth', ["model.lora has no 'r'; expected rank, alpha, dropout, targets"]),
        (dict(rank=2), None, ['model.lora freezes the backbone, whose weights would stay random']),
    ],
)
def test_config_check(lora, pretrained, problems):
    cfg = dict(model=dict(type='TopdownPoseEstimator', backbone=VIT, lora=lora))
    cfg['model']['pretrained'] = pretrained
    found = [one for one in check_config(cfg) if 'lora' in one]
    assert [one[: len(wanted)] for one, wanted in zip(found, problems, strict=True)] == problems
