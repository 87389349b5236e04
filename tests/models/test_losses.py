"""Values, weights and precision of the heatmap losses."""

import numpy as np
import pytest
import torch

import mmpose.models.losses  # noqa: F401
from mmpose.registry import MODELS

WEIGHTS = torch.tensor([[1.0, 0.0, 2.0], [1.0, 1.0, 0.0]])
CONFIGS = {
    'mse': {'type': 'JointsMSELoss'},
    'keypoint': {'type': 'KeypointMSELoss'},
    'ohkm': {'type': 'JointsOHKMMSELoss', 'topk': 2},
    'keypoint_ohkm': {'type': 'KeypointOHKMMSELoss', 'topk': 2},
    'wing': {'type': 'AdaptiveWingLoss'},
    'combined': {'type': 'CombinedTargetMSELoss'},
}


def build(name, **arguments):
    return MODELS.build({'use_target_weight': True, **CONFIGS[name], **arguments})


def random_maps(name, seed):
    channels = 9 if name == 'combined' else 3
    return torch.rand(2, channels, 4, 5, generator=torch.manual_seed(seed))


@pytest.fixture(params=sorted(CONFIGS))
def name(request):
    return request.param


@pytest.mark.parametrize(
    ('loss_name', 'is_weighted', 'expected'),
    [
        ('mse', True, 7 / 6),  # published value: weights enter squared, zero weights count
        ('mse', False, 1.0),
        ('keypoint', True, 5 / 6),  # the weight enters once
        ('keypoint', False, 5 / 6),  # and always, as in MMPose 1.x
        ('ohkm', True, (5 / 2 + 2 / 2) / 2),  # two hardest of (1, 0, 4) and of (1, 1, 0)
        ('ohkm', False, 1.0),
        ('keypoint_ohkm', True, (5 / 2 + 2 / 2) / 2),
        ('keypoint_ohkm', False, 1.0),
        # delta = 1 >= theta, y = 1: A = 14 / (1 + 0.5^1.1) * 1.1 * 0.5^0.1, C as in eq. 3.
        ('wing', False, 14 * (1.1 * 0.5**0.1 * 0.5 / (1 + 0.5**1.1) + np.log(1 + 0.5**1.1))),
    ],
)
def test_loss_of_zero_against_one(loss_name, is_weighted, expected):
    loss = build(loss_name, use_target_weight=is_weighted)
    value = loss(torch.zeros(2, 3, 4, 5), torch.ones(2, 3, 4, 5), WEIGHTS)
    assert value.item() == pytest.approx(expected, rel=1e-6)


def test_combined_loss_equals_its_definition():
    output, target = random_maps('combined', 0).double(), random_maps('combined', 1).double()
    target[:, ::3] = (target[:, ::3] > 0.5).double()
    expected = 0.0
    for joint in range(3):
        for person in range(2):
            weight = WEIGHTS[person, joint].item()
            score, *offsets = range(3 * joint, 3 * joint + 3)
            disc = target[person, score]
            parts = [(output[person, score] - disc) * weight]
            parts += [disc * weight * (output[person, c] - target[person, c]) for c in offsets]
            expected += sum(0.5 * (part**2).mean().item() for part in parts)
    found = build('combined')(output, target, WEIGHTS)
    assert found.item() == pytest.approx(expected / 6, rel=1e-5)


@pytest.mark.parametrize('target', [0.0, 0.3, 1.0])
def test_adaptive_wing_is_smooth_at_theta(target):
    loss = build('wing')
    values, slopes = [], []
    for distance in (0.5 - 1e-3, 0.5 + 1e-3):
        output = torch.full((1, 1, 1, 1), target + distance, requires_grad=True)
        value = loss(output, torch.full((1, 1, 1, 1), target), torch.ones(1, 1))
        value.backward()
        values.append(value.item())
        slopes.append(output.grad.item())
    assert values[1] - values[0] == pytest.approx(2e-3 * slopes[0], rel=0.05)
    assert slopes[0] == pytest.approx(slopes[1], rel=0.02)


def test_empty_channels_may_be_skipped():
    output, target = random_maps('keypoint', 0), random_maps('keypoint', 1)
    target[0, 0] = 0
    weights = WEIGHTS.clone()
    weights[0, 0] = 0
    found = build('keypoint', skip_empty_channel=True)(output, target, WEIGHTS)
    assert torch.equal(found, build('keypoint')(output, target, weights))


@pytest.mark.parametrize('name', ['mse', 'ohkm', 'keypoint_ohkm', 'combined', 'wing'])
def test_weights_are_off_by_default_as_in_mmpose(name):
    assert not MODELS.build(CONFIGS[name]).use_target_weight


def test_perfect_output_costs_nothing_and_has_no_slope(name):
    target = random_maps(name, 0)
    output = target.clone().requires_grad_()
    value = build(name)(output, target, WEIGHTS)
    value.backward()
    assert value.item() == 0
    assert torch.equal(output.grad, torch.zeros_like(output))


def test_zero_weight_hides_a_joint(name):
    output, target = random_maps(name, 0), random_maps(name, 1)
    group = output.shape[1] // 3
    wild = output.clone()
    wild[0, group : 2 * group] = 100  # joint 1 of person 0 has weight 0
    loss = build(name)
    assert torch.equal(loss(output, target, WEIGHTS), loss(wild, target, WEIGHTS))
    if name == 'keypoint':
        return  # its weights always count
    unweighted = build(name, use_target_weight=False)
    assert unweighted(wild, target, WEIGHTS) > 10 * unweighted(output, target, WEIGHTS)


def test_loss_weight_is_a_factor(name):
    output, target = random_maps(name, 0), random_maps(name, 1)
    once, thrice = build(name), build(name, loss_weight=3.0)
    assert thrice(output, target, WEIGHTS).item() == pytest.approx(
        3 * once(output, target, WEIGHTS).item()
    )


def test_half_precision_is_computed_in_float32(name):
    output, target = random_maps(name, 0).bfloat16(), random_maps(name, 1).bfloat16()
    loss = build(name)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value = loss(output, target, WEIGHTS)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(
        loss(output.float(), target.float(), WEIGHTS).item(), rel=1e-6
    )


@pytest.mark.parametrize(
    ('output', 'target', 'weights', 'words'),
    [
        ((2, 9, 4, 5), (2, 9, 5, 4), (2, 9), r'expected the same \(B, C, H, W\)'),
        ((2, 7, 4, 5), (2, 7, 4, 5), (2, 3), 'set head.loss or head.decoder'),
        ((2, 9, 4, 5), (2, 9, 4, 5), (2, 9, 1), 'set head.loss or head.decoder'),
    ],
)
def test_wrong_shapes_are_named(name, output, target, weights, words):
    with pytest.raises(ValueError, match=words):
        build(name)(torch.zeros(output), torch.zeros(target), torch.zeros(weights))


def test_ohkm_names_too_many_joints():
    loss = build('ohkm', topk=4)
    maps = random_maps('ohkm', 0)
    with pytest.raises(ValueError, match=r'loss.topk is 4; expected 1 to 3'):
        loss(maps, maps, WEIGHTS)
