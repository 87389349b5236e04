"""Damaged configs of ours: every fault is a sentence with its place, never a traceback."""

import re

import pytest
from mmengine.config import Config
from test_damaged_foreign_configs import MISSING, damaged, places

from mmpose.config import load_config
from mmpose.config.check import check_config

DAMAGES = [MISSING, 'text', 3, None, {}]
# what Python or a registry says of a class that exists, of one that does not, and of a skeleton
OTHER_SENTENCES = r'__init__\(\) missing|is not in the mmpose::|no skeleton'


@pytest.fixture(scope='module')
def whole():
    cfg = load_config('ViTPose_tiny_toy_128x96.py').to_dict()
    for name in ('train_pipeline', 'val_pipeline', 'test_dataloader'):  # as those of the loaders
        cfg.pop(name, None)
    return cfg


def test_any_damage_is_told_in_a_sentence(whole):
    num_told = 0
    for place in places(whole):
        if 'metainfo' in place[:-1]:
            continue
        for value in DAMAGES:
            config = Config(damaged(whole, place, value))
            try:
                problems = check_config(config)
            except ValueError as error:
                problems = [str(error)]
            except (FileNotFoundError, KeyError, TypeError) as error:
                problems = re.findall(OTHER_SENTENCES, str(error)) or pytest.fail(
                    f'{place} {value}'
                )
            num_told += bool(problems)
    assert num_told > 150


@pytest.mark.parametrize(
    ('place', 'value', 'problem'),
    [
        (('model',), 'ViT', "model is 'ViT', expected a dict"),
        (('model', 'backbone'), ['ViT'], r"model.backbone is \['ViT'\], expected a dict"),
        (('model', 'backbone', 'img_size'), 256, 'model.backbone.img_size is 256, expected'),
        (('model', 'head', 'decoder'), None, 'model.head.decoder is None, expected a dict'),
        (('model', 'head', 'decoder'), {}, 'model.head.decoder has no type; set'),
        (('model', 'head', 'type'), 3, 'model.head has the type 3; set model.head.type to'),
        (('train_dataloader', 'dataset', 'pipeline'), 'LoadImage', 'expected a list of dicts'),
        (('train_dataloader', 'dataset', 'pipeline', 0), 'LoadImage', r'pipeline.0 is .* a dict'),
        (('default_hooks',), [], r'default_hooks is \[\], expected a dict'),
        (('val_evaluator',), 'CocoMetric', 'expected a dict, or a list of dicts'),
    ],
)
def test_the_place_and_what_belongs_there_are_named(whole, place, value, problem):
    problems = check_config(Config(damaged(whole, place, value)))
    assert any(re.search(problem, x) for x in problems), problems
