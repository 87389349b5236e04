"""Pose checkpoints of other code bases, loaded into our model."""

import pytest
import torch
from checkpoint_dialects import (
    DIM,
    POSE_DIALECTS,
    Pose,
    as_dinov2,
    as_huggingface,
    as_mae,
    as_mmpose1,
    as_vitpose,
    as_wrapped,
    randomised,
)

from mmpose.checkpoints import load_model
from mmpose.checkpoints.convert import convert_state_dict


@pytest.mark.parametrize('decoder', ['classic', 'simple'])
@pytest.mark.parametrize(('name', 'dialect'), POSE_DIALECTS.items())
def test_pose_models_of_other_code_bases(write, name, dialect, decoder):
    original, model = Pose(decoder=decoder), Pose(decoder=decoder)
    state = randomised(original)
    state['backbone.pos_embed'][:, 0] = 0
    foreign = dialect(state)

    report = load_model(model, write(foreign))

    assert report.format == name
    assert report.num_matched == len(state)
    assert report.missing == ()
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize('key', ['state_dict', 'model', 'module', None])
def test_wherever_the_weights_are_kept(write, key):
    state = randomised(Pose())
    model = Pose()

    load_model(model, write(as_wrapped(state), key))

    torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0, check_stride=False)


def test_converters_do_not_change_their_input():
    for dialect in (as_vitpose, as_mmpose1, as_huggingface, as_mae, as_dinov2):
        whole = dialect in POSE_DIALECTS.values()
        state = dialect(randomised(Pose() if whole else Pose().backbone))
        before = {name: tensor.clone() for name, tensor in state.items()}
        convert_state_dict(state)
        assert state.keys() == before.keys()
        assert all(torch.equal(state[name], before[name]) for name in state)


def test_row_of_zeros_replaces_the_absent_class_row(write):
    state = as_mmpose1(randomised(Pose()))
    model = Pose()
    report = load_model(model, write(state))

    assert 'a zero row was put before pos_embed' in str(report)
    assert torch.equal(model.backbone.pos_embed[:, :1], torch.zeros(1, 1, DIM))
    assert torch.equal(model.backbone.pos_embed[:, 1:], state['backbone.pos_embed'])


def test_pose_model_of_another_input_size(write):
    path = write(as_vitpose(randomised(Pose(img_size=(128, 96)))))
    model = Pose()

    assert 'pos_embed 8x6 -> 4x3 (bicubic)' in str(load_model(model, path))


def test_equal_square_count_of_a_pose_model_is_no_square(write):
    """16x9 tokens are as many as 12x12: in a pose model of the same size they stay in place."""
    original, model = (Pose(img_size=(256, 144)) for _ in range(2))
    state = randomised(original)

    report = load_model(model, write(state))

    assert report.notes == ()
    assert torch.equal(model.backbone.pos_embed, state['backbone.pos_embed'])


def test_leftovers_of_a_split_are_named(write):
    """The published splitter leaves idle experts, and in coco.pth the heads of the others."""
    state = randomised(Pose())
    foreign = as_vitpose(state) | {
        'backbone.blocks.0.mlp.experts.1.weight': torch.rand(4, 4 * DIM),
        'associate_keypoint_heads.0.final_layer.bias': torch.rand(14),
    }
    report = load_model(Pose(), write(foreign))

    assert report.format == 'vitpose'
    assert report.num_matched == len(state)
    assert "left out 2 (left over from splitting a ViTPose+ file): 'backbone.blocks" in str(report)


def test_head_of_the_first_dataset_is_taken_of_a_multi_task_model(write):
    state = randomised(Pose())
    other = {'associate_keypoint_heads.0.final_layer.bias': torch.rand(14)}
    path = write(as_vitpose(state) | other)
    model = Pose()
    report = load_model(model, path)

    assert report.format == 'vitpose-multi'
    assert torch.equal(model.head.final_layer.bias, state['head.final_layer.bias'])
    assert "left out 1 (head of another dataset, see tools/model_split.py): 'heads.1" in str(report)
    with pytest.raises(ValueError, match=r'head 0 of it \(tools/model_split\.py extracts.*is 17'):
        load_model(Pose(out_channels=16), path)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(embed_dim=32), 'embed_dim is 16 in the file and 32 in the model'),
        (dict(depth=3), 'depth is 2 in the file and 3 in the model'),
        (dict(out_channels=14), 'head.out_channels is 17 in the file and 14 in the model'),
        (
            dict(decoder='simple'),
            'number of deconvolutions in the head is 2 in the file and 0 in the model',
        ),
        (dict(mlp_ratio=2), '6 of another shape'),
        (dict(stem='conv'), r'only in the model: .backbone\.patch_embed\.convs'),
    ],
)
def test_another_architecture_is_named(write, options, message):
    path = write(as_vitpose(randomised(Pose())))
    model = Pose(**options)
    before = {k: v.clone() for k, v in model.state_dict().items()}

    with pytest.raises(ValueError, match=message) as info:
        load_model(model, path)

    assert f"'{path}' (ViTPose or mmpose 0.x pose model) does not fit" in str(info.value)
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_long_lists_are_shortened(write):
    with pytest.raises(ValueError, match=r'12 only in the model: (.[^,]+, ){4}.[^,]+ and 7 more'):
        load_model(Pose(depth=3), write(randomised(Pose())))


def test_loose_loading_takes_what_fits_and_reports_the_rest(write):
    state = randomised(Pose())
    model = Pose(out_channels=14)
    report = load_model(model, write(state), strict=False)

    assert report.missing == ('head.final_layer.weight', 'head.final_layer.bias')
    assert report.dropped == dict.fromkeys(report.missing, 'does not fit the model')
    assert torch.equal(model.backbone.pos_embed, state['backbone.pos_embed'])
    assert "kept as initialised: 'head.final_layer.weight', 'head.fin" in str(report)


@pytest.mark.parametrize('strict', [True, False])
def test_model_of_something_else(write, strict):
    path = write({'backbone.conv1.weight': torch.rand(2, 2), 'head.fc.weight': torch.rand(2)})

    with pytest.raises(ValueError, match=r"no name of the file \('backbone\.conv1\.weight', "):
        load_model(Pose(), path, strict=strict)


def test_pretrained_encoder_is_no_pose_model(write):
    path = write(as_mae(randomised(Pose().backbone)))

    with pytest.raises(ValueError, match=r'MAE or timm ViT\) is no pose model.*set model\.pretr'):
        load_model(Pose(), path)
