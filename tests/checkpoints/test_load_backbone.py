"""Pre-trained encoders of other code bases, loaded into our backbone."""

import hashlib

import pytest
import torch
from checkpoint_dialects import (
    DEPTH,
    DIM,
    Pose,
    as_dinov2,
    as_mae,
    as_vitpose,
    as_vitpose_plus,
    randomised,
)
from torch import nn

from mmpose.checkpoints import load_backbone, load_model
from mmpose.checkpoints.convert import convert_state_dict


@pytest.mark.parametrize(
    ('num_rows', 'name', 'resized'),
    [(196, 'mae', '14x14 -> 4x3'), (128, 'hap', '16x8 -> 4x3'), (256, 'mae', '16x16 -> 4x3')],
)
def test_pretrained_encoders(write, num_rows, name, resized):
    model = Pose()
    before = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    state = as_mae(randomised(model.backbone), num_rows)

    report = load_backbone(model.backbone, write(state, 'model'))

    after = model.backbone.state_dict()
    assert report.format == name
    assert report.num_matched == len(after) - 2
    assert report.missing == ('last_norm.weight', 'last_norm.bias')
    assert report.dropped.keys() == set(state) - set(after)
    assert f'pos_embed {resized} (bicubic)' in str(report)
    for key, value in after.items():
        if key.startswith('last_norm'):
            assert torch.equal(value, before[key])
        elif key != 'pos_embed':
            assert torch.equal(value, state[key]), key
    assert torch.equal(after['pos_embed'][:, 0], torch.zeros(1, DIM))


@pytest.mark.parametrize('prefix', ['', 'module.', 'backbone.', 'encoder.', 'module.encoder.'])
def test_prefixes_of_a_backbone(write, prefix):
    state = as_mae(randomised(Pose().backbone))
    model = Pose()

    load_backbone(model.backbone, write({f'{prefix}{k}': v for k, v in state.items()}))

    for key, value in model.backbone.named_parameters():
        if 'last_norm' not in key and key != 'pos_embed':
            assert torch.equal(value, state[key]), key


def test_backbone_of_a_pose_checkpoint(write):
    state = randomised(Pose())
    model = Pose(out_channels=14, decoder='simple')
    head = {k: v.clone() for k, v in model.head.state_dict().items()}

    report = load_backbone(model.backbone, write(as_vitpose(state)))

    for key, value in model.backbone.state_dict().items():
        assert torch.equal(value, state[f'backbone.{key}']), key
    torch.testing.assert_close(dict(model.head.state_dict()), head, rtol=0, atol=0)
    assert 'not part of the backbone' in str(report)
    assert 'the network has no class token' in str(report)


def test_class_row_of_a_supervised_encoder_becomes_zero(write):
    state = as_mae(randomised(Pose().backbone), num_rows=9)
    state['pos_embed'][:, 0] = 5
    model = Pose()

    report = load_backbone(model.backbone, write(state, None))

    assert model.backbone.pos_embed[:, 0].abs().max() == 0
    assert 'the class-token row of pos_embed became zero' in str(report)


def test_encoder_without_class_row_gets_one(write):
    state = as_mae(randomised(Pose().backbone), num_rows=9)
    del state['cls_token']
    state['pos_embed'] = state['pos_embed'][:, 1:]
    model = Pose(img_size=(48, 48))

    load_backbone(model.backbone, write(state, None))

    assert torch.equal(model.backbone.pos_embed[:, 1:], state['pos_embed'])
    assert model.backbone.pos_embed[:, 0].abs().max() == 0


def test_explicit_source_grid(write):
    path = write(as_mae(randomised(Pose().backbone), num_rows=12))
    model = Pose()

    report = load_backbone(model.backbone, path, source_hw=(2, 6))
    assert 'pos_embed 2x6 -> 4x3' in str(report)


@pytest.mark.parametrize('patch_padding', ['pad', 'bicubic'])
def test_patch_kernel_of_14(write, patch_padding):
    state = as_mae(randomised(Pose().backbone))
    state['patch_embed.proj.weight'] = kernel = torch.rand(DIM, 3, 14, 14)
    model = Pose(patch_padding=patch_padding)

    report = load_backbone(model.backbone, write(state))

    loaded = model.backbone.patch_embed.proj.weight
    assert f'patch kernel 14x14 -> 16x16 ({patch_padding})' in str(report)
    assert torch.equal(loaded[:, :, 1:-1, 1:-1], kernel) == (patch_padding == 'pad')
    assert torch.equal(loaded[:, :, 0], torch.zeros(DIM, 3, 16)) == (patch_padding == 'pad')


def test_dinov2_reports_and_checks_its_heads(write):
    path = write(as_dinov2(randomised(Pose().backbone)), None)
    with pytest.raises(ValueError, match=r'heads of 64 channels, but the model has 2 heads of 8'):
        load_backbone(Pose().backbone, path)

    model = Pose()
    model.backbone.num_heads = None  # a backbone that does not tell its heads
    report = load_backbone(model.backbone, path)
    assert report.format == 'dinov2'
    assert '4 layer scales were folded into attn.proj and mlp.fc2' in str(report)
    assert 'pos_embed 37x37 -> 4x3' in str(report)


class ScaledBranches(nn.Module):
    """A block whose branches end in a layer scale, as DINOv2's."""

    def __init__(self, block, gammas):
        super().__init__()
        self.block, self.gammas = block, gammas

    def forward(self, x):
        x = x + self.gammas[0] * self.block.attn(self.block.norm1(x))
        return x + self.gammas[1] * self.block.mlp(self.block.norm2(x))


def test_folded_layer_scales_compute_the_same():
    source = Pose().backbone
    state = {k: v for k, v in randomised(source).items() if k.startswith('blocks')}
    for i in range(DEPTH):
        state |= {f'blocks.{i}.ls{j}.gamma': torch.randn(DIM) for j in (1, 2)}
    tokens = torch.randn(2, 5, DIM, dtype=torch.float64)

    folded = convert_state_dict(state).state
    plain = {k: v for k, v in state.items() if 'gamma' not in k}
    source.load_state_dict(plain, strict=False)
    scaled = [
        ScaledBranches(block, [state[f'blocks.{i}.ls{j}.gamma'] for j in (1, 2)]).double()
        for i, block in enumerate(source.blocks)
    ]
    target = Pose().backbone
    target.load_state_dict(folded, strict=False)
    with torch.no_grad():
        expected = nn.Sequential(*scaled)(tokens)
        output = nn.Sequential(*target.double().blocks)(tokens)

    # gammas are folded in float32, so one rounding of each weight is left
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)


def test_gated_dinov2_is_refused(write):
    state = as_dinov2(randomised(Pose().backbone))
    for name in list(state):
        if '.mlp.fc2.' in name:
            state[name.replace('fc2', 'w3')] = state.pop(name)

    with pytest.raises(ValueError, match=r"no 'blocks\.0\.mlp\.fc2\.weight' \(as the giant"):
        load_backbone(Pose().backbone, write(state))


@pytest.mark.parametrize('load', [load_model, lambda m, p: load_backbone(m.backbone, p)])
def test_experts_have_to_be_merged_first(write, load):
    path = write(as_vitpose_plus(randomised(Pose())))

    with pytest.raises(ValueError, match=r'is a ViTPose\+ model.*tools/model_split\.py'):
        load(Pose(), path)


def test_grid_that_cannot_be_found(write):
    path = write(as_mae(randomised(Pose().backbone), num_rows=190))

    with pytest.raises(ValueError, match=r"file\.pth': pos_embed has 190 rows.*pass source_hw"):
        load_backbone(Pose().backbone, path)


def test_backbone_of_something_else(write):
    path = write({'conv1.weight': torch.rand(2, 2), 'fc.bias': torch.rand(2)})

    with pytest.raises(ValueError, match=r"\(unknown\) does not fit.*no name of the file \('conv1"):
        load_backbone(Pose().backbone, path)


def test_pretrained_encoder_must_be_complete(write):
    state = as_mae(randomised(Pose().backbone))
    del state['blocks.1.norm1.weight']

    with pytest.raises(ValueError, match=r"1 only in the model: 'blocks\.1\.norm1\.weight'"):
        load_backbone(Pose().backbone, write(state))


def test_unknown_weights_of_an_encoder_are_refused(write):
    state = as_mae(randomised(Pose().backbone)) | {'norm_last.weight': torch.rand(DIM)}

    with pytest.raises(ValueError, match=r"1 only in the file: 'norm_last\.weight'"):
        load_backbone(Pose().backbone, write(state))


def test_report_reads_well(write):
    path = write(as_mae(randomised(Pose().backbone)), 'model')

    assert str(load_backbone(Pose().backbone, path)).splitlines() == [
        f"loaded 27 tensors from '{path}'",
        '  format: MAE or timm ViT',
        f'  sha256: {hashlib.sha256(path.read_bytes()).hexdigest()}',
        "  left out 1 (the network has no class token): 'cls_token'",
        '  left out 3 (belongs to another task): '
        "'mask_token', 'decoder_pos_embed', 'decoder_blocks.0.attn.qkv.weight'",
        '  left out 2 (norm of the pre-training task; last_norm starts fresh): '
        "'norm.weight', 'norm.bias'",
        "  kept as initialised: 'last_norm.weight', 'last_norm.bias'",
        '  pos_embed 14x14 -> 4x3 (bicubic)',
    ]
