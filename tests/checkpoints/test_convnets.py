"""Convolutional networks of MMPose under timm's names, and back."""

import pytest
import torch

from mmpose.checkpoints.adapters.mmpose1x import to_mmpose1x
from mmpose.checkpoints.convert import convert_state_dict
from mmpose.checkpoints.load import load_backbone
from mmpose.models.backbones import TimmBackbone

# MMPose's name behind 'backbone.', ours behind 'backbone.model.'
PLAIN = [
    ('conv1.weight', 'conv1.weight'),
    ('bn1.running_mean', 'bn1.running_mean'),
    ('layer1.0.conv1.weight', 'layer1.0.conv1.weight'),
    ('layer1.0.downsample.0.weight', 'layer1.0.downsample.0.weight'),
    ('layer1.0.downsample.1.bias', 'layer1.0.downsample.1.bias'),
    ('layer3.11.se_layer.conv1.conv.bias', 'layer3.11.se.fc1.bias'),
    ('layer3.11.se_layer.conv2.conv.weight', 'layer3.11.se.fc2.weight'),
]
DEEP = [
    ('stem.0.conv.weight', 'conv1.0.weight'),
    ('stem.0.bn.weight', 'conv1.1.weight'),
    ('stem.1.conv.weight', 'conv1.3.weight'),
    ('stem.1.bn.running_var', 'conv1.4.running_var'),
    ('stem.2.conv.weight', 'conv1.6.weight'),
    ('stem.2.bn.bias', 'bn1.bias'),
    ('layer1.0.conv1.weight', 'layer1.0.conv1.weight'),
    ('layer1.0.bn1.weight', 'layer1.0.bn1.weight'),
    ('layer1.0.downsample.0.weight', 'layer1.0.downsample.1.weight'),
    ('layer1.0.downsample.1.bias', 'layer1.0.downsample.2.bias'),
    ('layer2.0.downsample.1.weight', 'layer2.0.downsample.1.weight'),
    ('layer2.0.conv2.bn0.weight', 'layer2.0.conv2.bn0.weight'),
]
HRNET = [
    ('conv2.weight', 'conv2.weight'),
    ('layer1.0.conv1.weight', 'layer1.0.conv1.weight'),
    ('transition1.1.0.0.weight', 'transition1.1.0.0.weight'),
    ('stage4.2.fuse_layers.0.3.1.bias', 'stage4.2.fuse_layers.0.3.1.bias'),
]
HEAD = ('head.deconv_layers.0.weight', 'head.final_layer.bias')


@pytest.mark.parametrize('names', [PLAIN, DEEP, HRNET], ids=['plain', 'deep', 'hrnet'])
def test_names_of_a_pose_model_and_back(names):
    values = {theirs: torch.tensor(float(i)) for i, (theirs, _) in enumerate(names)}
    state = {f'backbone.{k}': x for k, x in values.items()} | dict.fromkeys(HEAD, torch.ones(1))
    converted = convert_state_dict(state)

    assert converted.format == 'mmpose-convnet'
    assert converted.state == {
        f'backbone.model.{ours}': values[theirs] for theirs, ours in names
    } | dict.fromkeys(HEAD, torch.ones(1))
    assert to_mmpose1x(converted.state) == (state, ())


def test_classifiers_and_old_names_of_heads():
    state = {
        'backbone.layer1.0.conv1.weight': torch.ones(1),
        'keypoint_head.final_layer.weight': torch.ones(1),
        'head.fc.weight': torch.ones(1),
    }
    converted = convert_state_dict(state)

    assert set(converted.state) == {
        'backbone.model.layer1.0.conv1.weight',
        'head.final_layer.weight',
    }
    assert converted.dropped == {'head.fc.weight': 'a pose model has no classifier'}


def test_own_pose_model_stays_as_it_is():
    state = {'backbone.model.layer1.0.conv1.weight': torch.ones(1), 'head.a': torch.ones(1)}

    assert convert_state_dict(state).state == state


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('resnet18', {}),
        ('hrnet_w18_small', dict(out_indices=1, model_args=dict(head=''))),
    ],
)
def test_weights_of_a_classifier_start_a_backbone(name, options, tmp_path):
    timm = pytest.importorskip('timm', reason='timm is not installed')
    source = timm.create_model(name).eval()
    path = tmp_path / 'classifier.pth'
    torch.save(source.state_dict(), path)
    backbone = TimmBackbone(name, **options).eval()
    report = load_backbone(backbone, path)
    image = torch.randn(1, 3, 64, 64)
    if options:
        source.incre_modules = None
    expected = source.forward_intermediates(image, intermediates_only=True)

    assert report.missing == ()
    torch.testing.assert_close(backbone(image), expected[1 if options else -1], rtol=0, atol=0)
