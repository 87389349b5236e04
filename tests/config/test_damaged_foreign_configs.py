"""Damaged configs of MMPose 1.x: translated, refused by key or in a sentence, never a traceback."""

import copy

import pytest
from mmengine.config import Config
from v1_configs import write_config

from mmpose.config.check import check_config
from mmpose.config.migration.dialect import V1, find_dialect, translate
from mmpose.config.migration.notes import MigrationNotes

MISSING = object()
DAMAGES = [MISSING, 'text', 3, None, [], {}, -1.5, True]


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


def test_any_damage_is_told_in_a_sentence(tmp_path):
    whole = Config.fromfile(write_config(tmp_path), import_custom_modules=False).to_dict()
    outcomes = {'translated': 0, 'refused by key': 0, 'refused': 0}
    for place in places(whole):
        for value in DAMAGES:
            config, notes = damaged(whole, place, value), MigrationNotes()
            try:
                if find_dialect(config) != V1:
                    continue
                translated = translate(V1, config, notes)
                if not notes.refused:
                    check_config(Config(translated))
            except ValueError:  # anything else fails the test
                outcomes['refused'] += 1
            else:
                outcomes['refused by key' if notes.refused else 'translated'] += 1
    assert min(outcomes.values()) > 100, outcomes


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        (('model',), 'ViT', "model is 'ViT', expected a dict"),
        (('model', 'backbone'), 'ViT', r"model\.backbone is 'ViT', expected a dict"),
        (('val_dataloader', 'dataset', 'pipeline'), 3, r'near val_dataloader\.dataset\.pipeline'),
    ],
)
def test_the_place_is_named(tmp_path, place, value, message):
    whole = Config.fromfile(write_config(tmp_path), import_custom_modules=False).to_dict()
    config = damaged(whole, place, value)
    with pytest.raises(ValueError, match=message):
        translate(find_dialect(config), config, MigrationNotes())
