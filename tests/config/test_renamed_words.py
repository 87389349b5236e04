"""A config with an old word is told the new one, wherever it stands."""

import pytest
from mmengine.config import Config

from mmpose.config.check import check_config
from mmpose.config.renamed_words import RENAMED, Renamed, find_renamed

STEP = dict(type='X')
LEAF = dict(
    model=dict(head=dict(type='X', decoder=dict(type='X'))),
    train_dataloader=dict(dataset=dict(type='X', pipeline=[STEP])),
    val_evaluator=[dict(type='X')],
    default_hooks=dict(checkpoint=dict(type='X')),
)
PLACES = {
    'model': 'model',
    'head': 'model.head',
    'codec': 'model.head.decoder',
    'dataset': 'train_dataloader.dataset',
    'transform': 'train_dataloader.dataset.pipeline.0',
    'metric': 'val_evaluator.0',
    'hook': 'default_hooks.checkpoint',
}


@pytest.mark.parametrize('row', RENAMED, ids=lambda row: f'{row.kind}.{row.old}')
def test_each_row_is_found_as_a_key_and_as_a_type(row):
    place = PLACES[row.kind]
    as_key = Config(LEAF)
    as_key.merge_from_dict({f'{place}.{row.old}': 1})
    assert check_config(as_key) == [f'{place}.{row.old} is now called {row.new}']
    as_type = Config(LEAF)
    as_type.merge_from_dict({f'{place}.type': row.old})
    assert check_config(as_type) == [f"type '{row.old}' of {place} is now called {row.new}"]


def test_every_kind_has_a_place():
    assert {row.kind for row in RENAMED} <= PLACES.keys()
    assert len({(row.kind, row.old) for row in RENAMED}) == len(RENAMED)
    assert not list(find_renamed(LEAF))


@pytest.mark.parametrize(
    ('cfg', 'place'),
    [
        (dict(codec=dict(input_wh=1)), 'codec.input_wh'),
        (dict(codec=[{}, dict(input_wh=1)]), 'codec.1.input_wh'),
        (dict(model=dict(head=dict(codec=dict(input_wh=1)))), 'model.head.codec.input_wh'),
        (dict(model=dict(heads=[{}, dict(codec=1)])), 'model.heads.1.codec'),
        (dict(val_pipeline=[{}, dict(input_wh=1)]), 'val_pipeline.1.input_wh'),
        (
            dict(test_dataloader=dict(dataset=dict(datasets=[dict(dataset_index=1)]))),
            'test_dataloader.dataset.datasets.0.dataset_index',
        ),
    ],
)
def test_places_are_named(cfg, place):
    assert any(problem.startswith(f'{place} is now') for problem in find_renamed(cfg))


def test_metrics_of_a_mixture_and_custom_hooks(monkeypatch):
    rows = (Renamed('metric', 'old', 'new'), Renamed('hook', 'OldHook', 'NewHook'))
    monkeypatch.setattr('mmpose.config.renamed_words.RENAMED', rows)
    cfg = dict(
        test_evaluator=dict(type='PerDatasetMetric', metrics=[[dict(old=1)], dict(old=2)]),
        custom_hooks=[dict(type='OldHook')],
    )
    assert list(find_renamed(cfg)) == [
        'test_evaluator.metrics.0.0.old is now called new',
        'test_evaluator.metrics.1.old is now called new',
        "type 'OldHook' of custom_hooks.0 is now called NewHook",
    ]
