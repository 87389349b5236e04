"""Heads that start from one of another skeleton."""

import logging

import pytest
import torch
from mmengine.logging import MMLogger
from multi_head_model import BACKBONE, head_config, make_model, make_single

from mmpose.checkpoints.remap import describe_match, remap_head
from mmpose.metainfo import load_metainfo

LIMBS = {
    f'{side}_{part}'
    for side in ('left', 'right')
    for part in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
}


@pytest.mark.parametrize('channels', [1, 3])
def test_rows_follow_their_joints(channels):
    source = {
        'final_layer.weight': torch.arange(3.0 * channels).view(-1, 1, 1, 1),
        'final_layer.bias': torch.arange(3.0 * channels) + 100,
        'deconv_layers.0.weight': torch.ones(2),
    }
    target = {
        'deconv_layers.0.weight': torch.zeros(2),
        'final_layer.weight': torch.full((2 * channels, 1, 1, 1), -1.0),
        'final_layer.bias': torch.full((2 * channels,), -2.0),
    }
    mapped = remap_head(source, target, [(2, 0)], 3, 2)

    expected = [*range(2 * channels, 3 * channels), *[-1] * channels]
    assert mapped['final_layer.weight'].flatten().tolist() == expected
    expected = [*range(100 + 2 * channels, 100 + 3 * channels), *[-2] * channels]
    assert mapped['final_layer.bias'].tolist() == expected
    assert mapped['deconv_layers.0.weight'].all()
    assert (target['final_layer.bias'] == -2).all()


def test_description():
    text = describe_match([(1, 0)], 'coco', 'aic', ['neck', 'head_top'], 'head 2')
    assert (
        text
        == "head 2: 1 of 2 keypoints of 'aic' start from 'coco': neck; as initialised: head_top"
    )


@pytest.fixture
def checkpoint(tmp_path):
    model = make_single(0)
    torch.save(model.state_dict(), tmp_path / 'coco.pth')
    return model, str(tmp_path / 'coco.pth')


@pytest.fixture
def log_text(caplog):
    """What goes to the current logger, which does not hand its records on to the root."""
    logger = MMLogger.get_current_instance()
    caplog.handler.setLevel(logging.INFO)
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_fine_tuning_starts_from_shared_joints(checkpoint, log_text):
    source, path = checkpoint
    model = make_single(1, pretrained=path, pretrained_metainfo='coco')
    fresh = model.head.final_layer.weight.detach().clone()
    model.init_weights()
    old, new = (load_metainfo(x).keypoint_names for x in ('coco', 'aic'))

    for j, name in enumerate(new):
        row = model.head.final_layer.weight[j]
        if name in LIMBS:
            assert torch.equal(row, source.head.final_layer.weight[old.index(name)])
        else:
            assert torch.equal(row, fresh[j])
    for part in ('0.weight', '1.running_mean'):
        key = f'deconv_layers.{part}'
        assert torch.equal(model.head.state_dict()[key], source.head.state_dict()[key])
    assert torch.equal(model.backbone.pos_embed, source.backbone.pos_embed)
    assert "head: 12 of 14 keypoints of 'aic' start from 'coco': right_shoulder" in log_text.text
    assert 'as initialised: head_top, neck' in log_text.text


def test_without_a_skeleton_the_head_is_left_alone(checkpoint):
    _, path = checkpoint
    model = make_single(0, pretrained=path)
    model.head.final_layer.weight.data.fill_(0.5)
    model.init_weights()

    assert (model.head.final_layer.weight == 0.5).all()


@pytest.mark.parametrize(
    ('index', 'options', 'message'),
    [
        (
            1,
            dict(pretrained_metainfo='mpii'),
            r'gives 17 channels, but its skeleton has 16 keypoints.*set model\.pretrained_metainfo',
        ),
        (
            1,
            dict(pretrained_metainfo='coco', head=head_config(1, deconv_out_channels=(8, 4))),
            r"'deconv_layers\.3\.weight' of shape \(8, 4, 4, 4\), the checkpoint has",
        ),
        (
            1,
            dict(
                pretrained_metainfo='coco',
                head=head_config(
                    1,
                    deconv_out_channels=(),
                    deconv_kernel_sizes=(),
                    upsample=4,
                    final_layer=dict(kernel_size=3),
                ),
            ),
            r"'final_layer\.weight' of shape \(14, 16, 3, 3\), the checkpoint has",
        ),
    ],
)
def test_heads_that_do_not_fit_are_refused(checkpoint, index, options, message):
    _, path = checkpoint
    with pytest.raises(ValueError, match=message):
        make_single(index, pretrained=path, **options).init_weights()


def test_a_skeleton_without_a_checkpoint_is_refused():
    with pytest.raises(ValueError, match=r'there is none; set model\.pretrained'):
        make_single(0, pretrained_metainfo='coco')


def test_a_checkpoint_without_a_head_is_refused(tmp_path):
    torch.save(make_single(0).backbone.state_dict(), tmp_path / 'vit.pth')
    model = make_single(0, pretrained=str(tmp_path / 'vit.pth'), pretrained_metainfo='coco')
    with pytest.raises(ValueError, match='holds no head, only a backbone'):
        model.init_weights()


def test_a_new_dataset_joins_a_trained_model(tmp_path, log_text):
    """Heads and experts that are there stay; the new ones start from those asked for."""
    source = make_model()
    torch.save(source.state_dict(), tmp_path / 'three.pth')
    mpii = head_config(1, out_channels=16)
    model = make_model(
        dict(num_expert=4, new_expert_from=0, freeze_shared=True, trained_expert=3),
        heads=[*(head_config(i) for i in range(3)), mpii],
        metainfo=['coco', 'aic', 'coco_wholebody_face', 'mpii'],
        names=['coco', 'aic', 'face', 'mpii'],
        pretrained=str(tmp_path / 'three.pth'),
        pretrained_metainfo=['coco', 'aic', 'coco_wholebody_face'],
    )
    for parameter in model.parameters():
        parameter.data.fill_(0.5)
    model.init_weights()
    state, old = model.state_dict(), source.state_dict()

    assert all(torch.equal(state[name], old[name]) for name in old)
    new_expert = 'backbone.blocks.1.mlp.experts.{}.weight'
    assert torch.equal(state[new_expert.format(3)], old[new_expert.format(0)])
    wrist = [load_metainfo(x).keypoint_names.index('left_wrist') for x in ('mpii', 'coco')]
    new_row = model.heads[3].final_layer.weight[wrist[0]]
    assert torch.equal(new_row, source.heads[0].final_layer.weight[wrist[1]])
    assert 'expert 3 starts as expert 0' in log_text.text
    assert "head 'mpii': 12 of 16 keypoints of 'mpii' start from 'coco'" in log_text.text


def test_heads_of_the_checkpoint_are_counted(tmp_path):
    torch.save(make_model().state_dict(), tmp_path / 'three.pth')
    model = make_model(pretrained=str(tmp_path / 'three.pth'), pretrained_metainfo=['coco', 'aic'])
    with pytest.raises(ValueError, match=r'holds 3 head\(s\) but .* names 2 skeleton\(s\)'):
        model.init_weights()


def test_one_head_of_several_starts_a_single_model(tmp_path, log_text):
    """The head of the backbone's default dataset, else the first."""
    source = make_model()
    torch.save(source.state_dict(), tmp_path / 'three.pth')
    backbone = dict(type='ViTMoE', num_expert=3, default_dataset=1, **BACKBONE)
    options = dict(pretrained=str(tmp_path / 'three.pth'), pretrained_metainfo='aic')
    model = make_single(1, backbone=backbone, **options)
    model.init_weights()

    assert torch.equal(model.head.final_layer.weight, source.heads[1].final_layer.weight)
    assert (
        "head 1 of 3 in the checkpoint: all 14 keypoints of 'aic' start from 'aic'" in log_text.text
    )
