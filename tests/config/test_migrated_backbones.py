"""Backbones of MMPose 1.x in our words."""

import pytest

from mmpose.config.migration.backbones import pretrained_weights, translate_backbone
from mmpose.config.migration.notes import MigrationNotes


def hrnet(width, **changes):
    stages = {
        f'stage{n}': dict(
            num_modules=modules,
            num_branches=n,
            block='BOTTLENECK' if n == 1 else 'BASIC',
            num_blocks=[4] * n,
            num_channels=[64] if n == 1 else [width * 2**i for i in range(n)],
        )
        for n, modules in ((1, 1), (2, 1), (3, 4), (4, 3))
    }
    return dict(type='HRNet', in_channels=3, extra=stages | changes)


CASES = [
    (dict(type='ResNet', depth=50), dict(name='resnet50', out_indices=4)),
    (
        dict(type='ResNet', depth=18, out_indices=(0, 1), frozen_stages=1, norm_eval=True),
        dict(name='resnet18', out_indices=(1, 2), frozen_stages=1, norm_eval=True),
    ),
    (
        dict(type='ResNet', init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
        dict(name='resnet50.tv_in1k', pretrained=True, out_indices=4),
    ),
    (
        dict(type='ResNeXt', depth=152),
        dict(name='resnet152', out_indices=4, model_args=dict(cardinality=32, base_width=4)),
    ),
    (
        dict(type='ResNeSt', depth=101),
        dict(name='resnest101e', out_indices=4, model_args=dict(stem_width=32)),
    ),
    (dict(type='MobileNetV2', out_indices=(7,)), dict(name='mobilenetv2_100', out_indices=None)),
    (dict(type='VGG', depth=16, norm_cfg=dict(type='BN')), dict(name='vgg16_bn', out_indices=-1)),
    (hrnet(32), dict(name='hrnet_w32', out_indices=1, model_args=dict(head=''))),
    (
        hrnet(
            18,
            upsample=dict(mode='bilinear', align_corners=False),
            stage4=hrnet(18)['extra']['stage4'] | dict(multiscale_output=True),
        ),
        dict(
            name='hrnet_w18',
            out_indices=(1, 2, 3, 4),
            upsample_mode='bilinear',
            model_args=dict(head=''),
        ),
    ),
    (
        dict(type='PyramidVisionTransformerV2', embed_dims=64, num_layers=[3, 4, 6, 3]),
        dict(name='pvt_v2_b2', out_indices=(0, 1, 2, 3)),
    ),
]


@pytest.mark.parametrize(('theirs', 'ours'), CASES)
def test_backbone_is_translated(theirs, ours):
    notes = MigrationNotes()

    assert translate_backbone(theirs, notes) == {'type': 'TimmBackbone', **ours}
    assert notes.refused == {}
    assert 'model.backbone' in notes.exact


@pytest.mark.parametrize(
    ('theirs', 'key', 'why'),
    [
        (dict(type='LiteHRNet'), 'type', 'timm has no such network'),
        (dict(type='Mine'), 'type', 'unknown here'),
        (dict(type='ResNet', depth=20), 'depth', 'has 18, 34, 50, 101, 152, not 20'),
        (dict(type='ResNet', with_cp=True), 'with_cp', 'no with_cp=True'),
        (dict(type='ResNet', norm_cfg=dict(type='GN')), 'norm_cfg', 'GN'),
        (hrnet(32, stage3=dict(num_modules=2)), 'extra.stage3', 'hrnet_w32 of timm has'),
    ],
)
def test_backbone_without_counterpart_is_refused_by_name(theirs, key, why):
    notes = MigrationNotes()
    translate_backbone(theirs, notes)

    assert list(notes.refused) == [f'model.backbone.{key}']
    assert why in notes.refused[f'model.backbone.{key}']


def test_weights_other_than_of_torchvision_belong_to_the_model():
    init = dict(type='Pretrained', checkpoint='https://a.b/hrnet_w32.pth')

    assert pretrained_weights(hrnet(32) | dict(init_cfg=init)) == 'https://a.b/hrnet_w32.pth'
    assert pretrained_weights(dict(init_cfg=dict(checkpoint='torchvision://resnet50'))) is None
    assert pretrained_weights(dict(type='ResNet')) is None
