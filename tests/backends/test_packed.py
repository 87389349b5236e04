"""The faster copy of a model computes the same and follows changes of the weights."""

import pytest
import torch

from mmpose.backends.packed import can_pack, pack, version_of
from mmpose.models import TopdownPoseEstimator

CODEC = dict(type='UDPHeatmap', input_size=(64, 64), heatmap_size=(16, 16), blur_kernel_size=3)
DECONV = dict(deconv_out_channels=(16, 16), deconv_kernel_sizes=(4, 4))
SIMPLE = dict(
    deconv_out_channels=(), deconv_kernel_sizes=(), upsample=4, final_layer=dict(kernel_size=3)
)


def build(head: dict, stem: str = 'patch') -> TopdownPoseEstimator:
    torch.manual_seed(0)
    backbone = dict(img_size=(64, 64), embed_dim=48, depth=2, num_heads=3, stem=stem)
    return TopdownPoseEstimator(
        backbone=dict(type='ViT', **backbone),
        head=dict(type='HeatmapHead', in_channels=48, out_channels=17, decoder=CODEC, **head),
    ).eval()


@pytest.mark.parametrize('head', [DECONV, SIMPLE], ids=['deconv', 'simple'])
@pytest.mark.parametrize('stem', ['patch', 'conv'])
@torch.inference_mode()
def test_copy_computes_the_same(head, stem):
    model = build(head, stem)
    for module in model.modules():  # statistics that a fold has to respect
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert not can_pack(model)  # made in inference mode, whose changes nobody counts
    packed = pack(model)
    crops = torch.randn(3, 3, 64, 64)
    wanted, found = model.predict_output(crops), packed.predict_output(crops)
    assert (found - wanted).abs().max() < 1e-5 * wanted.abs().max()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert tensor.is_contiguous()


def test_changes_are_counted():
    model = build(SIMPLE)
    assert can_pack(model)
    before = version_of(model)
    model.load_state_dict(build(SIMPLE).state_dict())
    assert version_of(model) != before
    assert not can_pack(model.to(torch.float64))
