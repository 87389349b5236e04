"""The head with two branches: what is frozen, and its way from and to the classic head."""

import pytest
import torch

from mmpose.checkpoints.adapters.vlpose import fit_head, from_classic, to_classic
from mmpose.codecs import UDPHeatmap
from mmpose.models.heads import HeatmapHead, TwoBranchHead

CODEC = dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=1)


def make(kind=TwoBranchHead, **options):
    torch.manual_seed(0)
    layers = dict(deconv_out_channels=(6, 4), deconv_kernel_sizes=(4, 4))
    head = kind(8, 5, dict(CODEC), **layers, **options)
    for name, buffer in head.named_buffers():
        if name.endswith('running_mean'):
            buffer.fill_(0.1)
    return head


@pytest.fixture
def feats():
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(2, 8, 4, 3, generator=generator) for _ in range(2))


def test_relation_enters_once_and_the_side_reads_the_image(feats):
    head = make().eval()
    first, second = head.deconv_layers
    image, related = feats
    side = first.relu(first.bn1(first.deconv1(image)))
    middle = first.relu(first.bn0(first.deconv0(image + related))) + side
    end = second.relu(second.bn0(second.deconv0(middle)))
    end = end + second.relu(second.bn1(second.deconv1(middle)))
    assert torch.allclose(head(feats), head.final_layer(end))


@pytest.mark.parametrize('freeze_final', [False, True])
def test_what_is_frozen(freeze_final, feats):
    head = make(freeze_main_branch=True, freeze_final_layer=freeze_final).train()
    before = {name: x.clone() for name, x in head.state_dict().items()}
    optimizer = torch.optim.SGD([x for x in head.parameters() if x.requires_grad], lr=1.0)
    keypoints, keypoints_visible = torch.full((2, 5, 2), 20.0), torch.ones(2, 5)
    head.loss(feats, keypoints, keypoints_visible)['loss_heatmap'].backward()
    optimizer.step()
    changed = {name for name, x in head.state_dict().items() if not torch.equal(x, before[name])}
    expected = {name for name in before if 'deconv1' in name or 'bn1' in name}
    expected |= set() if freeze_final else {'final_layer.weight', 'final_layer.bias'}
    assert changed == expected


def test_nothing_is_frozen_by_default():
    assert all(x.requires_grad for x in make().parameters())
    assert all(module.training for module in make().train().modules())


def test_classic_head_becomes_the_main_branch(feats):
    """Without side branch and relation it is the classic head, exactly."""
    classic, head = make(HeatmapHead).eval(), make().eval()
    state, notes = fit_head(classic.state_dict(), head.state_dict())
    head.load_state_dict(state)
    assert len(notes) == 1
    with torch.no_grad():
        for block in head.deconv_layers:
            block.bn1.weight.zero_()
            block.bn1.bias.zero_()
    image = feats[0]
    assert torch.equal(head((image, torch.zeros_like(image))), classic(image))
    again = make(HeatmapHead).eval()
    again.load_state_dict(to_classic(head.state_dict()))
    assert torch.equal(again(image), classic(image))


def test_names_there_and_back():
    state = make(HeatmapHead).state_dict()
    assert to_classic(from_classic(state)).keys() == state.keys()
    assert fit_head(make().state_dict(), make().state_dict())[1] == []


def test_head_without_deconvolutions_is_refused():
    with pytest.raises(ValueError, match=r'TwoBranchHead has no branch without transposed'):
        TwoBranchHead(8, 5, UDPHeatmap(**{k: x for k, x in CODEC.items() if k != 'type'}), (), ())
