"""Checkpoints in the formats of other code bases, there and back."""

import json

import pytest
import torch
from checkpoint_files import (
    DIM,
    INPUT_HW,
    PART,
    WIDTHS,
    assert_same,
    draw,
    images,
    multi_head_model,
    plain_config,
    plain_model,
    plain_state,
    published,
    save,
)

from mmpose.checkpoint_tools import (
    convert_checkpoint,
    split_checkpoint,
)
from mmpose.checkpoints import load_model, read_checkpoint


def target_of(to, folder, name='out'):
    suffix = {'huggingface': '', 'safetensors': '.safetensors'}.get(to, '.pth')
    return folder / f'{name}{suffix}'


@pytest.mark.parametrize('decoder', ['classic', 'simple'])
@pytest.mark.parametrize('to', ['ours', 'vitpose', 'mmpose1x', 'huggingface', 'safetensors'])
def test_round_trip_of_a_plain_model_changes_nothing(tmp_path, to, decoder):
    state = plain_model(decoder=decoder, wide=to == 'huggingface').state_dict()
    source = save(state, tmp_path / 'in.pth', meta={'epoch': 210})

    there = convert_checkpoint(source, target_of(to, tmp_path), to)
    back = convert_checkpoint(there.target, tmp_path / 'back.pth', 'ours')

    # MMPose 1.x adds row 0 of pos_embed to the others before the patches, which rounds differently
    assert (0 < there.difference <= 1e-5) if to == 'mmpose1x' else there.difference == 0
    assert there.sha256 == back.source.sha256
    assert_same(read_checkpoint(back.target)['state_dict'], state)


@pytest.mark.parametrize('to', ['ours', 'vitpose', 'safetensors'])
@pytest.mark.parametrize('experts', [3, 0])
def test_round_trip_of_several_datasets_changes_nothing(tmp_path, to, experts):
    state = published(num_experts=experts, widths=WIDTHS[:3]).state_dict()
    source = save(state, tmp_path / 'in.pth')

    there = convert_checkpoint(source, target_of(to, tmp_path), to)
    back = convert_checkpoint(there.target, tmp_path / 'back.pth', 'vitpose')

    assert (there.num_datasets, there.difference) == (3, 0)
    assert_same(read_checkpoint(back.target)['state_dict'], state)


def test_embedding_that_was_trained_in_mmpose1_wins_over_the_kept_one(tmp_path):
    source = save(plain_state(), tmp_path / 'in.pth')
    target = convert_checkpoint(source, tmp_path / 'out.pth', 'mmpose1x').target
    content = read_checkpoint(target)
    content['state_dict']['backbone.pos_embed'] += 1
    torch.save(content, target)
    model = plain_model()
    load_model(model, target)
    expected = content['state_dict']['backbone.pos_embed']
    assert torch.equal(model.backbone.pos_embed[:, 1:], expected)


def test_config_gives_the_number_of_heads(tmp_path):
    source = save(plain_state(wide=True), tmp_path / 'in.pth')
    config = tmp_path / 'config.py'
    cfg = plain_config(wide=True)
    cfg['backbone']['num_heads'] = 4
    config.write_text(f'model = {cfg!r}')

    done = convert_checkpoint(source, tmp_path / 'hf', 'huggingface', config=config)

    saved = json.loads((tmp_path / 'hf/config.json').read_text())
    assert saved['backbone_config']['num_attention_heads'] == 4
    assert saved['id2label']['0'] == 'nose'
    assert not any('attention heads' in note for note in done.notes)


BAD_CONVERSIONS = {
    'experts': (
        lambda: published(num_experts=3, widths=WIDTHS[:3]).state_dict(),
        'mmpose1x',
        'MMPose 1.x has no model with experts or several heads.*model_split',
    ),
    'heads': (
        lambda: published(num_experts=0, widths=WIDTHS[:3]).state_dict(),
        'huggingface',
        'VitPose of Hugging Face has one head.*model_split',
    ),
    'narrow head': (
        plain_state,
        'huggingface',
        r'VitPose of Hugging Face does not have a head of deconvolutions \(16, 16\)',
    ),
    'stem': (
        lambda: plain_model(stem='conv').state_dict(),
        'vitpose',
        'ViTPose does not have the convolutional stem',
    ),
    'backbone': (
        lambda: plain_model().backbone.state_dict(),
        'ours',
        'is a backbone without a head .*expected a whole pose model',
    ),
    'something else': (
        lambda: {'conv1.weight': torch.zeros(2, 2)},
        'ours',
        r'is no vision transformer \(unknown\)',
    ),
}


@pytest.mark.parametrize(('make', 'to', 'message'), BAD_CONVERSIONS.values(), ids=BAD_CONVERSIONS)
def test_what_a_format_cannot_hold_is_refused(tmp_path, make, to, message):
    source = save(make(), tmp_path / 'in.pth')
    target = target_of(to, tmp_path)
    with pytest.raises(ValueError, match=message):
        convert_checkpoint(source, target, to)
    assert not target.exists()


@pytest.mark.parametrize(
    ('name', 'to', 'message'),
    [
        ('in.pth', 'ours', 'exists already'),
        ('out.pth', 'safetensors', r'expected a name that ends in \.safetensors'),
        ('out.safetensors', 'vitpose', r'expected a name that ends in \.pth'),
        ('out.pth', 'huggingface', 'writes a folder'),
    ],
)
def test_bad_target(tmp_path, name, to, message):
    source = save(plain_state(), tmp_path / 'in.pth')
    before = source.read_bytes()
    with pytest.raises(ValueError, match=message):
        convert_checkpoint(source, tmp_path / name, to)
    assert source.read_bytes() == before


@pytest.fixture
def transformers():
    return pytest.importorskip('transformers', reason='transformers is not installed')


def their_model(transformers, num_experts=1, is_simple=False):
    experts = dict(num_experts=num_experts, part_features=PART) if num_experts > 1 else {}
    backbone = transformers.VitPoseBackboneConfig(
        image_size=list(INPUT_HW),
        hidden_size=DIM,
        num_hidden_layers=2,
        num_attention_heads=2,
        layer_norm_eps=1e-6,
        **experts,
    )
    config = transformers.VitPoseConfig(
        backbone_config=backbone, num_labels=17, use_simple_decoder=is_simple
    )
    return draw(transformers.VitPoseForPoseEstimation(config))


def theirs(model, dataset=None):
    index = None if dataset is None else torch.full((2,), dataset)
    with torch.no_grad():
        return model(images(), dataset_index=index).heatmaps


@pytest.mark.parametrize('shard_size', ['1GB', '500KB'])
@pytest.mark.parametrize('is_simple', [False, True])
def test_folder_of_transformers_loads(tmp_path, transformers, is_simple, shard_size):
    model = their_model(transformers, is_simple=is_simple)
    model.save_pretrained(tmp_path, max_shard_size=shard_size)
    assert (tmp_path / 'model.safetensors.index.json').exists() == (shard_size == '500KB')

    ours = plain_model(decoder='simple' if is_simple else 'classic', wide=True)
    report = load_model(ours, tmp_path)

    assert (report.format, report.missing, report.dropped) == ('huggingface', (), {})
    with torch.no_grad():
        torch.testing.assert_close(ours(images()), theirs(model), rtol=0, atol=1e-4)


def test_folder_with_experts_loads_for_every_dataset(tmp_path, transformers):
    model = their_model(transformers, num_experts=3)
    model.save_pretrained(tmp_path / 'hf')
    ours = multi_head_model((17,), ('coco',), wide=True, num_expert=1)
    with pytest.raises(ValueError, match='number of experts is 3 in the file and 1 in the model'):
        load_model(ours, tmp_path / 'hf')

    for dataset in range(3):
        cfg = plain_config(wide=True)
        cfg.pop('type')
        cfg['backbone'] |= dict(
            type='ViTMoE', num_expert=3, part_features=PART, default_dataset=dataset
        )
        from mmpose.models.pose_estimators import TopdownPoseEstimator

        ours = draw(TopdownPoseEstimator(**cfg), seed=9)
        assert load_model(ours, tmp_path / 'hf').format == 'huggingface+'
        with torch.no_grad():
            torch.testing.assert_close(ours(images()), theirs(model, dataset), rtol=0, atol=1e-4)

    report = split_checkpoint(tmp_path / 'hf', tmp_path / 'parts')
    assert tuple(report.files) == ('coco',)
    assert 'aic, mpii cannot be written' in report.notes[0]


@pytest.mark.parametrize('num_experts', [1, 3])
def test_transformers_reads_the_folder_that_we_write(tmp_path, transformers, num_experts):
    if num_experts == 1:
        model = plain_model(wide=True)
        expected = [model(images()).detach()]
    else:
        model = published(num_experts=3, widths=WIDTHS[:3], wide=True)
        with torch.no_grad():
            expected = [
                model.keypoint_head(model.backbone(images(), torch.full((2,), dataset)))
                for dataset in range(3)
            ]
    source = save(model.state_dict(), tmp_path / 'in.pth')

    done = convert_checkpoint(source, tmp_path / 'hf', 'huggingface')
    read, info = transformers.VitPoseForPoseEstimation.from_pretrained(
        tmp_path / 'hf', output_loading_info=True
    )

    assert not info['missing_keys']
    assert not info['unexpected_keys']
    assert done.difference == 0
    for dataset, maps in enumerate(expected):
        output = theirs(read.eval(), dataset if num_experts > 1 else None)
        assert maps.std() > 0.05  # far above the tolerance
        torch.testing.assert_close(output, maps, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(num_attention_heads=4), 'says 4 attention heads but the model has 2; set model.back'),
        (dict(hidden_act='gelu_new'), "hidden_act 'gelu_new', but our ViT has exact GELU only"),
        (None, "says model_type 'vit'; of Hugging Face only 'vitpose'"),
    ],
)
def test_config_of_a_folder_is_believed(tmp_path, change, message):
    folder = convert_checkpoint(
        save(plain_state(wide=True), tmp_path / 'in.pth'), tmp_path / 'hf', 'huggingface'
    ).target
    content = json.loads((folder / 'config.json').read_text())
    if change is None:
        content['model_type'] = 'vit'
    else:
        content['backbone_config'] |= change
    (folder / 'config.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_model(plain_model(), folder)
