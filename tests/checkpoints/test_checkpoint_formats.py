"""What a state dict is told to be, and what is refused because our ViT computes something else."""

import pytest
import torch
from checkpoint_dialects import (
    DIM,
    Pose,
    as_huggingface,
    as_mae,
    as_mmpose1,
    as_vitpose,
    as_vitpose_plus,
    randomised,
)
from torch import nn

from mmpose.checkpoints import load, load_backbone, load_model
from mmpose.checkpoints.adapters.unsupported import refuse_impossible
from mmpose.checkpoints.convert import (
    EXPORTERS,
    FORMAT_NAMES,
    convert_state_dict,
)
from mmpose.checkpoints.load import BACKBONE_FITS


def multi(state, experts=False):
    """With a second head, as multi-task models are."""
    state = as_vitpose_plus(state) if experts else as_vitpose(state)
    heads = {k: x for k, x in state.items() if k.startswith('keypoint_head.')}
    prefix = 'associate_keypoint_heads.0'
    return state | {k.replace('keypoint_head', prefix): x for k, x in heads.items()}


def pose():
    return randomised(Pose())


FORMATS = {
    'mmpose': pose,
    'vitpose': lambda: as_vitpose(pose()),
    'vitpose-multi': lambda: multi(pose()),
    'vitpose+': lambda: multi(pose(), experts=True),
    'mmpose1': lambda: as_mmpose1(pose()),
    'huggingface': lambda: as_huggingface(pose()),
    'huggingface+': lambda: as_huggingface(as_vitpose_plus(pose())),
    'vit': lambda: randomised(Pose().backbone),
    'mae': lambda: as_mae(randomised(Pose().backbone)),
    'hap': lambda: as_mae(randomised(Pose().backbone), 128),
    'unknown': lambda: {'conv1.weight': torch.zeros(1)},
}


@pytest.mark.parametrize(('name', 'make'), FORMATS.items())
def test_formats_are_told_apart(name, make):
    assert convert_state_dict(make()).format == name
    assert name in FORMAT_NAMES


def vit(**more):
    state = as_mae(randomised(Pose().backbone))
    return state | {name.replace('__', '.'): torch.zeros(1) for name in more}


def without_positions():
    return {k: x for k, x in vit().items() if k not in ('pos_embed', 'decoder_pos_embed')}


IMPOSSIBLE = {
    'DINOv3': (lambda: vit(rope_embed__periods=1), 'DINOv3 or EVA .* rotary position embeddings'),
    'DINOv3 of timm': (without_positions, "has no 'pos_embed', so its positions are rotary"),
    'DINOv3 of transformers': (
        lambda: {'layer.0.attention.q_proj.weight': torch.zeros(1)},
        'DINOv3 or EVA .* rotary position embeddings',
    ),
    'CLIP': (
        lambda: {
            'visual.ln_pre.weight': torch.zeros(1),
            'visual.transformer.resblocks.0.attn.in_proj_weight': torch.zeros(1),
        },
        r"CLIP model, which normalises its tokens before the first block .*'visual\.ln_pre",
    ),
    'CLIP of timm': (lambda: vit(norm_pre__weight=1), 'CLIP model, which normalises'),
    'CLIP of transformers': (
        lambda: {'vision_model.pre_layrnorm.weight': torch.zeros(1)},
        'CLIP model, which normalises',
    ),
    'BEiT': (lambda: vit(blocks__0__attn__q_bias=1), 'BEiT, Swin or SAM model'),
    'normalised queries': (lambda: vit(blocks__0__attn__q_norm__weight=1), 'normalises queries'),
    'DINOv2 of transformers': (
        lambda: {'encoder.layer.0.attention.attention.query.weight': torch.zeros(1)},
        'Hugging Face model of another kind',
    ),
    'MAE of transformers': (
        lambda: {'vit.embeddings.patch_embeddings.projection.bias': torch.zeros(1)},
        'Hugging Face model of another kind',
    ),
}


@pytest.mark.parametrize(('make', 'message'), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_exact_is_refused_in_one_sentence(write, make, message):
    model = Pose()
    before = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    with pytest.raises(ValueError, match=message) as info:
        load_backbone(model.backbone, write(make()))
    assert '\n' not in str(info.value)
    torch.testing.assert_close(dict(model.backbone.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize('make', FORMATS.values(), ids=FORMATS)
def test_nothing_that_works_is_refused(make):
    refuse_impossible(make())


def test_class_row_of_mmpretrain_becomes_zero(write):
    """With a class token, only that token had the row; without, the row is for all."""
    state = {k: x for k, x in as_mmpose1(pose()).items() if k.startswith('backbone.')}
    rows = torch.rand(1, 13, DIM)
    path = write(state | {'backbone.cls_token': torch.rand(1, 1, DIM), 'backbone.pos_embed': rows})
    model = Pose()

    report = load_backbone(model.backbone, path)

    assert 'the class-token row of pos_embed became zero' in str(report)
    assert not model.backbone.pos_embed[:, 0].any()
    assert torch.equal(model.backbone.pos_embed[:, 1:], rows[:, 1:])


@pytest.mark.parametrize('to', ['vitpose', 'mmpose1x', 'huggingface'])
def test_exports_are_the_names_of_the_other_code_base(to):
    state = pose()
    dialects = {'vitpose': as_vitpose, 'mmpose1x': as_mmpose1, 'huggingface': as_huggingface}
    exported, _ = EXPORTERS[to](state)
    expected = {k: x for k, x in dialects[to](state).items() if k != 'backbone.cls_token'}
    assert exported.keys() == expected.keys()
    for name, tensor in expected.items():
        if not name.endswith('pos_embed'):
            assert torch.equal(exported[name], tensor), name


class Wrapping(nn.Module):
    """A backbone with other names than ours."""

    def __init__(self, backbone):
        super().__init__()
        self.inner = backbone


def fit_wrapping(state, backbone):
    assert isinstance(backbone, Wrapping)
    return {f'inner.{name}': x for name, x in state.items()}, ['renamed for the backbone']


def test_weights_are_fitted_to_a_backbone_of_another_shape(write, monkeypatch):
    state = randomised(Pose().backbone)
    backbone = Wrapping(Pose().backbone)
    monkeypatch.setattr(load, 'BACKBONE_FITS', [*BACKBONE_FITS, fit_wrapping])

    report = load_backbone(backbone, write(state))

    assert 'renamed for the backbone' in report.notes
    assert torch.equal(backbone.inner.pos_embed, state['pos_embed'])


def test_sha256_is_recorded(write):
    report = load_model(Pose(), path := write(as_vitpose(pose())))
    other = load_model(Pose(), write(as_vitpose(pose())))
    assert len(report.sha256) == 64
    assert f'sha256: {report.sha256}' in str(report)
    assert report.sha256 != other.sha256
    assert path.name == 'file.pth'


def test_a_pose_model_around_a_foreign_transformer_is_one_of_ours():
    """Its layers are those of the library that builds it, which our ViT need not reproduce."""
    name = 'backbone.model.layers.0.blocks.0.attn.relative_position_bias_table'
    state = {name: torch.zeros(169, 3), 'head.final_layer.weight': torch.zeros(17, 8, 1, 1)}
    assert convert_state_dict(state).state.keys() == state.keys()
    with pytest.raises(ValueError, match='a BEiT, Swin or SAM model'):
        convert_state_dict({name.replace('model.', ''): torch.zeros(169, 3)})
