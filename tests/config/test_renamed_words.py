"""A config with an old word is told the new one, wherever it stands."""

import pytest
from mmengine.config import Config

from mmpose.config.check import check_config
from mmpose.config.renamed_words import ARGUMENTS, ARGUMENTS_OF, TYPES, find_renamed
from mmpose.registry import HOOKS, METRICS, MODELS, TRANSFORMS, VISUALIZERS

LEAF = dict(
    model=dict(head=dict(type='X', decoder=dict(type='X'))),
    train_dataloader=dict(dataset=dict(type='X', pipeline=[dict(type='X')])),
    val_evaluator=[dict(type='X')],
    default_hooks=dict(checkpoint=dict(type='X')),
)
PLACES = (
    'model.head',
    'model.head.decoder',
    'train_dataloader.dataset',
    'train_dataloader.dataset.pipeline.0',
    'val_evaluator.0',
    'default_hooks.checkpoint',
)


@pytest.mark.parametrize('place', PLACES)
def test_old_words_are_found_in_every_place(place):
    assert not list(find_renamed(LEAF))
    for old, new in TYPES.items():
        cfg = Config(LEAF)
        cfg.merge_from_dict({f'{place}.type': old})
        assert check_config(cfg) == [f"type '{old}' of {place} is now called {new}"]
    for old, new in ARGUMENTS.items():
        cfg = Config(LEAF)
        cfg.merge_from_dict({f'{place}.{old}': 1})
        assert check_config(cfg) == [f'{place}.{old} is now called {new}']


@pytest.mark.parametrize(('kind', 'old'), ARGUMENTS_OF)
def test_old_arguments_of_a_class_are_found_there_alone(kind, old):
    place = 'model.head' if kind == 'head' else 'val_evaluator.0'
    own = {} if kind == 'head' else {f'{place}.type': kind}
    cfg = Config(LEAF)
    cfg.merge_from_dict({**own, f'{place}.{old}': 1})
    new = ARGUMENTS_OF[kind, old]
    assert check_config(cfg) == [f'{place}.{old} is now called {new}']
    other = Config(LEAF)
    other.merge_from_dict({f'default_hooks.checkpoint.{old}': 1})
    assert not list(find_renamed(other))


def test_new_classes_exist():
    registries = (HOOKS, METRICS, MODELS, TRANSFORMS, VISUALIZERS)
    for new in TYPES.values():
        assert any(registry.get(new.partition(',')[0]) for registry in registries), new


@pytest.mark.parametrize(
    ('cfg', 'place'),
    [
        (dict(codec=dict(input_wh=1)), 'codec.input_wh'),
        (dict(codec=[{}, dict(input_wh=1)]), 'codec.1.input_wh'),
        (dict(model=dict(heads=[{}, dict(codec=1)])), 'model.heads.1.codec'),
        (dict(val_pipeline=[{}, dict(input_wh=1)]), 'val_pipeline.1.input_wh'),
        (
            dict(test_dataloader=dict(dataset=dict(datasets=[dict(dataset_index=1)]))),
            'test_dataloader.dataset.datasets.0.dataset_index',
        ),
        (
            dict(test_evaluator=dict(metrics=[[dict(type='AUC', norm=1)]])),
            'test_evaluator.metrics.0.0.norm',
        ),
    ],
)
def test_places_are_named(cfg, place):
    assert any(problem.startswith(f'{place} is now') for problem in find_renamed(cfg))
