"""Every leaf config loads, dumps, loads again, fits together and builds without memory."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

import mmcv_custom  # noqa: F401  (registers the layer-decay constructor)
from mmpose.apis import load_config
from mmpose.config.check import check_config
from mmpose.registry import MODELS

ROOT = Path(__file__).parents[2] / 'configs'
LEAVES = sorted(path for path in ROOT.rglob('*.py') if '_base_' not in path.parts)
COCO = ROOT / 'body/2d_kpt_sview_rgb_img/topdown_heatmap/coco'
BASE = COCO / 'ViTPose_base_coco_256x192.py'


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize('path', LEAVES, ids=name_of)
def test_leaf_loads_dumps_and_builds(path, tmp_path):
    cfg = load_config(path)
    if cfg.model.type == 'VLPoseEstimator':
        pytest.importorskip('transformers', reason='transformers is not installed')
    cfg.dump(tmp_path / 'dumped.py')
    assert Config.fromfile(tmp_path / 'dumped.py').to_dict() == cfg.to_dict()
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    if hasattr(model, 'heads'):
        pairs = list(zip(model.heads, model.metas, strict=True))
    else:
        pairs = [(model.head, model.dataset_meta)]
    assert all(head.num_keypoints == meta.num_keypoints for head, meta in pairs)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        for part in loader.dataset.get('datasets', [loader.dataset]):
            is_told = cfg.model.backbone.get('condition_chans', 0) > 0
            assert part.pipeline[-1].type == ('AddCondition' if is_told else 'TopdownAffine')
            assert part.pipeline[-1 - is_told].type == 'TopdownAffine'


@pytest.mark.parametrize('path', LEAVES, ids=name_of)
def test_leaf_says_what_it_is(path):
    assert path.read_text().startswith('"""')


# size: embed_dim, depth, heads, drop path, layer decay; millions of backbone parameters
RECIPES = {
    'small': (384, 12, 12, 0.1, 0.8, 21_663_744),
    'base': (768, 12, 12, 0.3, 0.75, 85_794_816),
    'large': (1024, 24, 16, 0.5, 0.8, 303_296_512),
    'huge': (1280, 32, 16, 0.55, 0.85, 630_912_000),
}


@pytest.mark.parametrize('size', RECIPES)
@pytest.mark.parametrize('simple', ['', 'simple_'])
def test_coco_leaves_hold_the_published_recipe(size, simple):
    cfg = load_config(COCO / f'ViTPose_{size}_{simple}coco_256x192.py')
    dim, depth, heads, drop_path, decay, num_parameters = RECIPES[size]
    backbone = cfg.model.backbone
    assert (backbone.embed_dim, backbone.depth, backbone.num_heads) == (dim, depth, heads)
    assert backbone.drop_path_rate == drop_path
    assert cfg.optim_wrapper.paramwise_cfg.layer_decay_rate == decay
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 5e-4, 0.1)
    assert cfg.optim_wrapper.clip_grad.max_norm == 1
    assert cfg.train_cfg.max_epochs == 210
    assert cfg.param_scheduler[1].milestones == [170, 200]
    assert (cfg.train_dataloader.batch_size, cfg.auto_scale_lr.base_batch_size) == (64, 512)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    assert sum(p.numel() for p in model.backbone.parameters()) == num_parameters
    shapes = {key: tuple(value.shape) for key, value in model.head.state_dict().items()}
    kernel = (17, dim, 3, 3) if simple else (17, 256, 1, 1)
    assert shapes['final_layer.weight'] == kernel
    assert len(shapes) == (2 if simple else 14)


# (overrides, part of the sentence)
CONTRADICTIONS = [
    ({'model.head.out_channels': 16}, r"head has 16 channels but 'coco' has 17.*out_channels=17"),
    ({'model.head.decoder.input_size': (288, 384)}, r'UDPHeatmap reads inputs of 288x384.*\(384, 288\)'),
    ({'model.head.decoder.type': 'MSRAHeatmap'}, r'use_udp=True but model\.head has MSRAHeatmap'),
    ({'model.head.in_channels': 384}, r'gives 768 channels.*head takes 384'),
    (
        {'train_dataloader.dataset.pipeline': [dict(type='GenerateTarget', encoder=dict(sigma=3))]},
        r'pipeline has another \w+ in GenerateTarget\.encoder than model\.head\.decoder',
    ),
    ({'optim_wraper.optimizer.lr': 1}, r"'optim_wraper'; did you mean 'optim_wrapper'"),
    ({'val_evaluator.ann_file': 'x/other.json'}, r'val_evaluator reads x/other.json'),
    ({'val_dataloader.dataset.pipeline.1.padding': 1.5}, r'val_.*padding=1.5 .* train_.* has 1.25'),
    (
        {'val_dataloader.dataset.pipeline.2.fix_aspect': False},
        r'fix_aspect=False in TopdownAffine but train_dataloader has True',
    ),
    (
        {'test_evaluator': [{'type': 'PCKAccuracy'}, {'type': 'CocoMetric', 'ann_file': 'a.json'}]},
        r'test_evaluator reads a\.json',
    ),
]


@pytest.mark.parametrize(
    'where',
    [
        *('model', 'model.backbone', 'model.head', 'train_dataloader.dataset'),
        'val_dataloader.dataset.pipeline.2',
    ],
)
def test_a_part_without_type_is_named(where):
    cfg = load_config(BASE)
    *path, last = where.split('.')
    part = cfg
    for name in path:
        part = part[int(name)] if name.isdigit() else part[name]
    (part[int(last)] if last.isdigit() else part[last]).pop('type')
    assert f'{where} has no type; set {where}.type to' in ' '.join(check_config(cfg))


def test_a_config_without_a_model_is_named():
    problems = check_config(Config({'model': {}}))
    assert problems[0].startswith('model has no type; set model.type')


@pytest.mark.parametrize(('overrides', 'message'), CONTRADICTIONS)
def test_contradictions_are_refused(overrides, message):
    with pytest.raises(ValueError, match=message):
        load_config(BASE, overrides)


def test_coco_metric_on_another_layout_is_refused():
    path = COCO.parent / 'mpii/ViTPose_base_mpii_256x192.py'
    message = r'val_evaluator is CocoMetric.*the val data are a MpiiDataset; take .*MpiiPCKAccuracy'
    with pytest.raises(ValueError, match=message):
        load_config(path, {'val_evaluator.type': 'CocoMetric'})


def test_coco_metric_without_sigmas_is_refused():
    hand = 'hand/2d_kpt_sview_rgb_img/topdown_heatmap/interhand2d'
    path = ROOT / hand / 'ViTPose_base_interhand2d_all_256x192.py'
    with pytest.raises(ValueError, match=r"needs sigmas, but the skeleton 'interhand2d' has none"):
        load_config(path, {'test_evaluator.2.type': 'CocoMetric'})


def test_other_skeleton_than_the_data_is_reported(tmp_path):
    table = (Path(__file__).parents[2] / 'mmpose/metainfo/coco.csv').read_text()
    (tmp_path / 'mine.csv').write_text(table)
    cfg = load_config(BASE, {'model.metainfo': str(tmp_path / 'mine.csv')}, check=False)
    problems = check_config(cfg)
    assert any("skeleton 'coco' but the model has 'mine'" in problem for problem in problems)


def test_one_setting_moves_every_dataset(monkeypatch):
    moved = load_config(BASE, data_root='/mnt/sets')
    assert moved.train_dataloader.dataset.data_root == '/mnt/sets/coco/'
    assert moved.test_dataloader.dataset.data_root == '/mnt/sets/coco/'
    monkeypatch.setenv('MMPOSE_DATA_ROOT', '/env/sets')
    assert load_config(BASE).val_dataloader.dataset.data_root == '/env/sets/coco/'


def test_test_loader_follows_overrides_of_the_val_loader():
    cfg = load_config(BASE, {'val_dataloader.batch_size': 7})
    assert cfg.test_dataloader.batch_size == 7
    cfg = load_config(BASE, {'val_dataloader.batch_size': 7, 'test_dataloader.batch_size': 9})
    assert (cfg.val_dataloader.batch_size, cfg.test_dataloader.batch_size) == (7, 9)


def test_missing_config_is_named():
    with pytest.raises(FileNotFoundError, match=r'config file nowhere\.py does not exist'):
        load_config('nowhere.py')
