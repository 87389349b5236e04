"""Layers, sizes, targets and messages of the heatmap head."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import mmpose.models.heads
import mmpose.models.losses  # noqa: F401
from mmpose.codecs import UDPCombinedHeatmap
from mmpose.models.heads.heatmap_head import heatmap_accuracy
from mmpose.registry import MODELS

CLASSIC = {'deconv_out_channels': (256, 256), 'deconv_kernel_sizes': (4, 4)}
SIMPLE = {
    'deconv_out_channels': (),
    'deconv_kernel_sizes': None,
    'upsample': 4,
    'final_layer': {'kernel_size': 3, 'padding': 1},
}
CODEC = {'type': 'UDPHeatmap', 'input_size': (192, 256), 'heatmap_size': (48, 64)}
SMALL_CODEC = {**CODEC, 'input_size': (64, 64), 'heatmap_size': (16, 16)}


def build(**arguments):
    config = {'type': 'HeatmapHead', 'in_channels': 8, 'out_channels': 17, 'decoder': SMALL_CODEC}
    return MODELS.build({**config, **CLASSIC, **arguments})


@pytest.mark.parametrize(
    ('in_channels', 'classic', 'simple'),
    [
        (384, 2626833, 58769),
        (768, 4199697, 117521),
        (1024, 5248273, 156689),
        (1280, 6296849, 195857),
    ],
)
def test_published_parameter_counts(in_channels, classic, simple):
    with torch.device('meta'):
        heads = [build(in_channels=in_channels, decoder=CODEC, **x) for x in ({}, SIMPLE)]
    counts = [sum(p.numel() for p in head.parameters()) for head in heads]
    assert counts == [classic, simple]


def test_published_state_names_and_shapes():
    with torch.device('meta'):
        classic = build(in_channels=768, decoder=CODEC).state_dict()
        simple = build(in_channels=768, decoder=CODEC, **SIMPLE).state_dict()
    norm = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
    assert set(classic) == {
        'deconv_layers.0.weight',
        *(f'deconv_layers.1.{x}' for x in norm),
        'deconv_layers.3.weight',
        *(f'deconv_layers.4.{x}' for x in norm),
        'final_layer.weight',
        'final_layer.bias',
    }
    assert classic['deconv_layers.0.weight'].shape == (768, 256, 4, 4)
    assert classic['deconv_layers.3.weight'].shape == (256, 256, 4, 4)
    assert classic['final_layer.weight'].shape == (17, 256, 1, 1)
    assert set(simple) == {'final_layer.weight', 'final_layer.bias'}
    assert simple['final_layer.weight'].shape == (17, 768, 3, 3)


def test_initial_weights():
    head = build(in_channels=64, out_channels=64)
    weights = [head.deconv_layers[0].weight, head.deconv_layers[3].weight, head.final_layer.weight]
    for weight in weights:
        assert weight.std().item() == pytest.approx(0.001, rel=0.05)
        assert abs(weight.mean().item()) < 1e-4
    assert not head.final_layer.bias.any()
    assert (head.deconv_layers[1].weight == 1).all()


@pytest.mark.parametrize('kernel', [2, 3, 4])
def test_each_layer_doubles_the_size(kernel):
    head = build(deconv_out_channels=(6, 5), deconv_kernel_sizes=(kernel, kernel))
    assert head(torch.rand(2, 8, 4, 4)).shape == (2, 17, 16, 16)


def test_simple_head_is_relu_then_bilinear_then_convolution():
    head = build(**SIMPLE)
    feats = torch.randn(2, 8, 4, 4, generator=torch.manual_seed(0))
    large = F.interpolate(feats.clamp(min=0), size=(16, 16), mode='bilinear', align_corners=False)
    expected = F.conv2d(large, head.final_layer.weight, head.final_layer.bias, padding=1)
    assert torch.allclose(head(feats), expected, atol=1e-7)


def test_loss_takes_targets_from_the_codec():
    head = build(**SIMPLE, out_channels=3)
    feats = torch.randn(2, 8, 4, 4, generator=torch.manual_seed(0), requires_grad=True)
    keypoints = torch.tensor([[[20.0, 30.0], [40.0, 10.5], [5.0, 5.0]]]).expand(2, 3, 2)
    keypoints_visible = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    result = head.loss(feats, keypoints, keypoints_visible)
    target, weights = head.decoder.encode(keypoints, keypoints_visible)
    difference = (head(feats) - target) * weights[..., None, None]
    assert set(result) == {'loss_heatmap', 'acc_pose'}
    assert torch.allclose(result['loss_heatmap'], difference.square().mean())
    result['loss_heatmap'].backward()
    assert feats.grad.abs().sum() > 0
    assert head.final_layer.weight.grad.abs().sum() > 0
    assert not result['acc_pose'].requires_grad


def test_head_learns_one_keypoint():
    torch.manual_seed(0)
    head = build(out_channels=1, deconv_out_channels=(16, 16))
    feats = torch.randn(1, 8, 4, 4)
    keypoints, keypoints_visible = torch.tensor([[[30.0, 25.0]]]), torch.ones(1, 1)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        result = head.loss(feats, keypoints, keypoints_visible)
        result['loss_heatmap'].backward()
        optimizer.step()
    found, score = head.predict(feats)
    assert result['acc_pose'] == 1
    assert (found - keypoints).abs().max() < 4  # input px: one cell
    assert score.item() > 0.5


def test_combined_codec_has_three_channels_per_keypoint():
    codec = UDPCombinedHeatmap((128, 128), (32, 32))
    head = build(out_channels=6, decoder=codec, loss={'type': 'CombinedTargetMSELoss'}, **SIMPLE)
    assert head.num_keypoints == 2
    result = head.loss(torch.rand(1, 8, 8, 8), torch.full((1, 2, 2), 60.0), torch.ones(1, 2))
    assert result['loss_heatmap'].item() > 0
    assert head.predict(torch.rand(1, 8, 8, 8))[0].shape == (1, 2, 2)


def test_loss_reads_no_value_on_the_host():
    # Tensors on the meta device hold no values, so whatever needs one on the host raises.
    with torch.device('meta'):
        head = build(**SIMPLE)
        result = head.loss(torch.rand(2, 8, 4, 4), torch.rand(2, 17, 2), torch.ones(2, 17))
    assert {x.device.type for x in result.values()} == {'meta'}


def test_loss_under_autocast_is_float32():
    head = build(**SIMPLE)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        result = head.loss(torch.rand(2, 8, 4, 4), torch.rand(2, 17, 2) * 60, torch.ones(2, 17))
    assert {x.dtype for x in result.values()} == {torch.float32}


def spots(cells, shape_hw=(64, 48)):
    maps = torch.zeros(len(cells), len(cells[0]), *shape_hw)
    for person, row in enumerate(cells):
        for joint, cell in enumerate(row):
            if cell is not None:
                maps[person, joint, cell[1], cell[0]] = 1
    return maps


@pytest.mark.parametrize(
    ('found', 'weights', 'expected'),
    [
        ([[(20, 20), (20, 20)]], [[1, 1]], 1.0),
        ([[(22, 20), (20, 23)]], [[1, 1]], 1.0),  # 2 / 48 and 3 / 64 are below 0.05
        ([[(23, 20), (20, 24)]], [[1, 1]], 0.0),  # 3 / 48 and 4 / 64 are not
        ([[(20, 20), (40, 20)]], [[1, 1]], 0.5),
        ([[(20, 20), (40, 20)]], [[1, 0]], 1.0),  # an unseen joint is left out
        ([[(20, 20), (40, 20)]], [[0, 0]], 0.0),
        ([[None, (20, 20)]], [[1, 1]], 0.5),  # an empty map is nowhere
        # Joint 0: one of two persons. Joint 1: one of one. Mean over joints, not over persons.
        ([[(20, 20), (20, 20)], [(40, 20), (40, 20)]], [[1, 1], [1, 0]], 0.75),
    ],
)
def test_accuracy(found, weights, expected):
    target = spots([[(20, 20)] * 2] * len(found))
    accuracy = heatmap_accuracy(spots(found), target, torch.tensor(weights).float())
    assert accuracy.item() == pytest.approx(expected)


def test_accuracy_equals_a_loop():
    generator = np.random.default_rng(0)
    cells = generator.integers(5, 40, (2, 6, 4, 2))
    cells[1] = np.clip(cells[0] + generator.integers(-4, 5, (6, 4, 2)), 0, 47)
    weights = generator.integers(0, 2, (6, 4))
    joints = []
    for joint in range(4):
        persons = [
            np.hypot(*((cells[1, i, joint] - cells[0, i, joint]) / [48, 64])) < 0.05
            for i in range(6)
            if weights[i, joint]
        ]
        joints += [np.mean(persons)] if persons else []
    found = heatmap_accuracy(
        spots(cells[1].tolist()), spots(cells[0].tolist()), torch.tensor(weights).float()
    )
    assert 0 < found.item() < 1
    assert found.item() == pytest.approx(np.mean(joints))


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'deconv_kernel_sizes': (4, 5)}, 'deconv_kernel_sizes has 5; expected 2, 3 or 4'),
        ({'deconv_kernel_sizes': (4,)}, 'one kernel per layer'),
        ({'final_layer': {'kernel_size': 2}}, r'final_layer is .* expected dict\(kernel_size=1\)'),
        ({'final_layer': {'kernel_size': 3, 'padding': 0}}, 'padding=1'),
        ({'final_layer': {'bias': False}}, r'final_layer is .* expected'),
        ({'final_layer': None}, '256 channels are no 17 heatmaps'),
        ({'upsample': 0}, 'upsample is 0; expected 1 or more'),
        ({'out_channels': 0}, 'set head.out_channels'),
        (
            {'decoder': {**CODEC, 'type': 'UDPCombinedHeatmap'}, 'out_channels': 16},
            r'out_channels is 16 but UDPCombinedHeatmap draws 3 channel\(s\) per keypoint',
        ),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        build(**arguments)


def test_wrong_heatmap_size_is_named():
    with pytest.raises(ValueError, match=r'\(24, 16\) but the codec expects \(16, 16\); set codec'):
        build()(torch.rand(1, 8, 4, 6))


def test_wrong_number_of_keypoints_is_named():
    with pytest.raises(ValueError, match=r'17 keypoints .* batch has 16; set head.out_channels=16'):
        build().loss(torch.rand(1, 8, 4, 4), torch.rand(1, 16, 2), torch.ones(1, 16))


def test_loss_that_does_not_fit_the_codec_is_named():
    head = build(loss={'type': 'CombinedTargetMSELoss'}, out_channels=3)
    with pytest.raises(ValueError, match=r'set head.loss or head.decoder'):
        head.loss(torch.rand(1, 8, 4, 4), torch.rand(1, 3, 2), torch.ones(1, 3))
