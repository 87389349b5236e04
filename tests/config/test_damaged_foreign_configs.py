"""Damaged configs of MMPose 1.x and 0.x: translated, or refused in a sentence with the place."""

import copy
import re
from collections import Counter

import pytest
import v0_configs
import v1_configs

from mmpose.config import load
from mmpose.config.load import load_config, read_config
from tools import migrate_config

MISSING = object()
DAMAGES = [MISSING, 'text', 3, None, [], {}, -1.5, True]
# places whose value is right by itself, but not beside what another place says
BESIDE = ('encoding', 'target_type', 'associate_keypoint_head', 'swap', 'num_layers')
VLPOSE = dict(
    type='ConditionalVisionLanguageTopdownPoseEstimator',
    text_encoder=dict(
        type='BLIPTextEncoder', name='blip_feature_extractor', model_type='base', num_keywords=-1,
        text_prompt_file='prompts.yaml'),
    image_text_matcher=dict(
        type='Matcher', matcher_type='concat_attn', embed_dims=24, num_heads=3, qkv_bias=True,
        attn_drop=0.1),
)  # fmt: skip


def places(config, at=()):
    entries = config.items() if isinstance(config, dict) else ()
    if isinstance(config, (list, tuple)):
        entries = enumerate(config)
    for key, value in entries:
        yield (*at, key)
        yield from places(value, (*at, key))


def damaged(config, place, value):
    """A copy with another value, or none, at a place; what is beside it is shared."""
    config = list(config) if isinstance(config, tuple) else copy.copy(config)
    key, *rest = place
    if rest:
        config[key] = damaged(config[key], rest, value)
    elif value is MISSING:
        del config[key]
    else:
        config[key] = value
    return config


def vlpose(folder):
    config = read_config(v1_configs.write_config(folder), import_modules=False).to_dict()
    model = config['model']
    image_encoder = dict(
        model.pop('backbone'), type='ViTPrompt', output_cls_token=False, frozen_stages=2,
        prompt_config=dict(num_tokens=2, deep=True))  # fmt: skip
    del image_encoder['out_type']
    model |= dict(VLPOSE, image_encoder=image_encoder)
    model['head'] |= dict(
        type='VisionLanguageHeatmapHead', deconv_type='first_amiddle_last_add',
        freeze_main_branch=True)  # fmt: skip
    return config


def v1(folder):
    return read_config(v1_configs.write_config(folder), import_modules=False).to_dict()


KINDS = {
    '1.x': (v1, 11),
    'VLPose': (vlpose, 17),
    **{kind: (make, 29) for kind, make in v0_configs.KINDS.items()},
}


@pytest.mark.parametrize(('make', 'step'), KINDS.values(), ids=KINDS)
def test_any_damage_is_told_in_a_sentence(tmp_path, monkeypatch, make, step):
    """Of every ``step``-th place below a part that is read."""
    whole = make(tmp_path)
    path = tmp_path / 'leaf.py'
    path.touch()
    config = load.Config(whole, filename=path)
    monkeypatch.setattr(load, 'read_config', lambda *_, **__: config)
    load_config(path)
    outcomes, elsewhere = Counter(), []
    unread = ('data_cfg', '_pipeline', 'codec', 'data_root', 'dataset_type', 'data_mode')
    read = [place for place in places(whole) if not str(place[0]).endswith(unread)]
    for place in read[::step]:
        for value in DAMAGES:
            config = load.Config(damaged(whole, place, value), filename=path)
            try:
                load_config(path)
            except ValueError as error:  # anything else fails the test
                outcomes['refused' if error.__cause__ is None else 'guessed'] += 1
                names = [name for name in place if isinstance(name, str)]
                is_named = any(name in str(error) for name in names[-2:])
                is_beside = 'fit together' in str(error) or {*names} & {*BESIDE}
                if not is_named and not is_beside:
                    elsewhere.append((place, value, str(error)))
            else:
                outcomes['translated'] += 1
    assert elsewhere == []
    assert outcomes['guessed'] == 0, outcomes  # by where in our code a wrong value was met
    assert min(outcomes[kind] for kind in ('refused', 'translated')) > 20, outcomes


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        (('model',), 'ViT', "model is 'ViT', expected a dict"),
        (('model', 'backbone'), 'ViT', r"model\.backbone is 'ViT', expected a dict"),
        (('val_dataloader', 'dataset', 'pipeline'), 3, r'dataset\.pipeline is 3, expected dicts'),
        (('train_dataloader',), 'text', "train_dataloader is 'text', expected a dict"),
        (('custom_imports',), 3, r'custom_imports is 3, expected dict\(imports='),
        (
            ('model', 'backbone', 'arch', 'num_layers'),
            'two',
            r'arch\.num_layers is .two., expected',
        ),
    ],
)
def test_the_place_is_named_in_1x(tmp_path, monkeypatch, place, value, message):
    path = v1_configs.write_config(tmp_path)
    config = load.Config(damaged(v1(tmp_path), place, value), filename=path)
    monkeypatch.setattr(load, 'read_config', lambda *_, **__: config)
    with pytest.raises(ValueError, match=message):
        load_config(path)


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ("type='TopDown'", "type=['TopDown']", r"model\.type: is '\['TopDown'\]', but models are"),
        ('num_deconv_layers=2', "num_deconv_layers='2'",
         r"num_deconv_layers: is '2', expected something like 3"),
        ('modulate_kernel=11', 'modulate_kernel=4', 'codec that cannot be: .* is 4; exp'),
        ('mean=[0.485, 0.456, 0.406], ', '', r'pipeline\.6\.mean: is \(\), expected a number'),
        ('color=[0, 255, 0]', 'color=[0, 256, 0]',
         r"dataset_info: cannot be read: skeleton 'lamp': keypoint_info\.1 is .*from 0 to 255"),
        ('total_epochs = 210', "total_epochs = 'all'", "total_epochs: is 'all', expected"),
        ('model = dict(', 'mdl = dict(', r"model\.type: is 'None'"),
        ('data = dict(', 'theirs = data = dict(', ''),
    ],
)  # fmt: skip
def test_the_place_is_named_in_0x(tmp_path, monkeypatch, capsys, old, new, message):
    path = v0_configs.write_config(tmp_path)
    of_lamps = ("out_channels=channel_cfg['num_output_channels']", 'out_channels=4')
    for file in (path, tmp_path / '_base_/datasets/mine.py'):
        file.write_text(file.read_text().replace(*of_lamps).replace(old, new))
    monkeypatch.setattr('sys.argv', ['migrate_config.py', str(path), str(tmp_path / 'out.py')])
    if not message:
        migrate_config.main()
        assert (tmp_path / 'out.py').is_file()
        return
    with pytest.raises(SystemExit, match='keys without a counterpart'):
        migrate_config.main()
    lines = capsys.readouterr().out.splitlines()
    assert any(re.search(message, line) for line in lines), lines
