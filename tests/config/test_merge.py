"""Overrides by dotted keys: indices of lists, whole parts, and parts of another type."""

import pytest
from mmengine.config import Config

from mmpose.config.merge import merge_options


def config():
    backbone = dict(type='ViT', img_size=(256, 192), embed_dim=384, depth=12, num_heads=12)
    loader = dict(batch_size=2, dataset=dict(pipeline=[dict(type='LoadImage'), dict(type='B')]))
    return Config(
        dict(
            model=dict(type='TopdownPoseEstimator', backbone=backbone),
            val_dataloader=loader,
            test_dataloader=loader,
            milestones=[170, 200],
        )
    )


@pytest.mark.parametrize('index', ['-1', '1'])
def test_an_index_may_count_from_the_end(index):
    cfg = config()
    merge_options(cfg, {f'val_dataloader.dataset.pipeline.{index}.type': 'C', 'milestones.-2': 1})
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert [step.type for step in loader.dataset.pipeline] == ['LoadImage', 'C']
    assert cfg.milestones == [1, 200]


@pytest.mark.parametrize(
    ('key', 'message'),
    [
        ('milestones.2', "'milestones' is a list of 2, so '2' should be an index from -2 to 1"),
        ('milestones.-3', "so '-3' should be"),
        ('val_dataloader.dataset.pipeline.last.type', "so 'last' should be an index"),
        ('model.backbone.img_size.0', "'model.backbone.img_size' is a tuple, .*set all of it"),
    ],
)
def test_a_key_that_leads_nowhere(key, message):
    with pytest.raises(ValueError, match=message):
        merge_options(config(), {key: 1})


@pytest.mark.parametrize(
    'options',
    [
        {'model.backbone.type': 'TimmBackbone', 'model.backbone.name': 'convnext_atto'},
        {'model.backbone': dict(type='TimmBackbone', name='convnext_atto')},
    ],
)
def test_another_type_does_not_take_what_the_old_one_left(options):
    message = (
        'model.backbone.type is TimmBackbone now, which does not take embed_dim, depth, num_heads '
        'of ViT; add model.backbone._delete_=True'
    )
    with pytest.raises(ValueError, match=message):
        merge_options(config(), options)


@pytest.mark.parametrize('is_whole', [True, False])
def test_delete(is_whole):
    part = dict(_delete_=True, type='TimmBackbone', name='convnext_atto')
    options = {'model.backbone': part}
    if not is_whole:
        options = {f'model.backbone.{key}': value for key, value in part.items()}
    cfg = config()
    merge_options(cfg, options)
    assert cfg.model.backbone.to_dict() == dict(type='TimmBackbone', name='convnext_atto')
    assert '_delete_' in part


def test_the_same_type_may_be_named():
    cfg = config()
    merge_options(cfg, {'model.backbone.type': 'ViT', 'model.backbone.depth': 2})
    assert cfg.model.backbone.depth == 2
