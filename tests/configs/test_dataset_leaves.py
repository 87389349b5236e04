"""The leaves of the datasets hold the settings under which figures were published, and the recipe.

The tables state what the published configs of ViTPose hold (settings of the evaluation, and the
training recipe that stands beside them); where two datasets differ, so do their rows.
"""

from pathlib import Path
from typing import NamedTuple

import pytest

import mmcv_custom  # noqa: F401  (registers the layer-decay constructor)
from mmpose.apis import load_config
from mmpose.registry import CODECS

ROOT = Path(__file__).parents[2] / 'configs'
KIND = '2d_kpt_sview_rgb_img/topdown_heatmap'
SIZES = ('small', 'base', 'large', 'huge')
COCO_BOXES = 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json'
HAND_METRICS = ['PCKAccuracy', 'AUC', 'EPE']


class Published(NamedTuple):
    folder: str
    stem: str
    num_keypoints: int
    dataset: str
    metainfo: str
    is_udp: bool
    half_body: int | None
    train_ann: str
    val_ann: str
    test_ann: str
    bbox_file: str | None
    metrics: list[str]
    batch_size: int = 64
    workers: int = 2
    rotation: int = 40
    scale: float = 0.5
    padding: float = 1.25
    epochs: int = 210
    val_interval: int = 10
    milestones: tuple[int, int] = (170, 200)


# fmt: off
PUBLISHED = [
    Published(f'body/{KIND}/mpii', 'mpii', 16, 'MpiiDataset', 'mpii', True, None,
              'mpii_train.json', 'mpii_val.json', 'mpii_val.json', None, ['MpiiPCKAccuracy']),
    Published(f'body/{KIND}/aic', 'aic', 14, 'CocoDataset', 'aic', False, 8,
              'aic_train.json', 'aic_val.json', 'aic_val.json', None, ['CocoMetric']),
    Published(f'body/{KIND}/crowdpose', 'crowdpose', 14, 'CocoDataset', 'crowdpose', False, 6,
              'mmpose_crowdpose_trainval.json', 'mmpose_crowdpose_test.json',
              'mmpose_crowdpose_test.json', 'annotations/det_for_crowd_test_0.1_0.5.json',
              ['CrowdPoseMetric']),
    Published(f'body/{KIND}/ochuman', 'ochuman', 17, 'CocoDataset', 'coco', False, 8,
              'person_keypoints_train2017.json', 'ochuman_coco_format_val_range_0.00_1.00.json',
              'ochuman_coco_format_test_range_0.00_1.00.json', None, ['CocoMetric']),
    Published(f'animal/{KIND}/ap10k', 'ap10k', 17, 'CocoDataset', 'ap10k', False, 8,
              'ap10k-train-split1.json', 'ap10k-val-split1.json', 'ap10k-test-split1.json', None,
              ['CocoMetric'], workers=4),
    Published(f'animal/{KIND}/apt36k', 'apt36k', 17, 'CocoDataset', 'ap10k', False, 8,
              'train_annotations_1.json', 'val_annotations_1.json', 'val_annotations_1.json', None,
              ['CocoMetric'], batch_size=32, workers=4),
    Published(f'wholebody/{KIND}/coco-wholebody', 'wholebody', 133, 'CocoWholeBodyDataset',
              'coco_wholebody', False, 8, 'coco_wholebody_train_v1.0.json',
              'coco_wholebody_val_v1.0.json', 'coco_wholebody_val_v1.0.json', COCO_BOXES,
              ['CocoWholeBodyMetric']),
    Published(f'hand/{KIND}/interhand2d', 'interhand2d_all', 21, 'InterHand2DDataset',
              'interhand2d', False, None, 'all/InterHand2.6M_train_data.json',
              'machine_annot/InterHand2.6M_val_data.json', 'all/InterHand2.6M_test_data.json',
              None, HAND_METRICS, rotation=90, scale=0.3, padding=1.5, epochs=60, val_interval=5,
              milestones=(40, 50)),
]
# fmt: on
# There is no published small CrowdPose config.
LEAVES = [
    (row, size) for row in PUBLISHED for size in SIZES if (row.stem, size) != ('crowdpose', 'small')
]
IDS = [f'{row.stem}-{size}' for row, size in LEAVES]


def load(row, size, suffix=''):
    return load_config(ROOT / row.folder / f'ViTPose_{size}_{row.stem}{suffix}_256x192.py')


def steps_of(loader):
    return {step.type: step for step in loader.dataset.pipeline}


def check_data(cfg, row):
    train, val, test = cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader
    assert (train.batch_size, val.batch_size, test.batch_size) == (row.batch_size, 32, 32)
    assert {loader.num_workers for loader in (train, val, test)} == {row.workers}
    for loader, ann in ((train, row.train_ann), (val, row.val_ann), (test, row.test_ann)):
        assert loader.dataset.type == row.dataset
        assert loader.dataset.metainfo == row.metainfo
        assert loader.dataset.ann_file == f'annotations/{ann}'
    assert 'bbox_file' not in train.dataset
    assert val.dataset.get('bbox_file') == test.dataset.get('bbox_file') == row.bbox_file
    assert val.dataset.test_mode
    assert test.dataset.test_mode
    assert not train.dataset.get('test_mode', False)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        evaluators = [evaluator] if isinstance(evaluator, dict) else evaluator
        assert [one['type'] for one in evaluators] == row.metrics


def check_window(train, half_body, rotation=40, scale=0.5):
    """Half bodies and the random window are those of MMPose 0.x."""
    if half_body is None:
        assert 'RandomHalfBody' not in train
    else:
        assert train['RandomHalfBody'] == dict(
            type='RandomHalfBody',
            min_total_keypoints=half_body + 1,
            min_upper_keypoints=3,
            prob=0.3,
            upper_prioritized_prob=0.6915,
        )
    assert train['RandomBBoxTransform'] == dict(
        type='RandomBBoxTransform',
        distribution='clipped_normal',
        shift_prob=0,
        scale_factor=scale,
        rotate_factor=2 * rotation,
        rotate_prob=0.6,
    )


def check_pipelines(cfg, row, is_udp):
    is_mpii = row.dataset == 'MpiiDataset'
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        steps = steps_of(loader)
        assert steps['GetBBoxCenterScale'].padding == row.padding
        assert steps['TopdownAffine'].get('use_udp', False) == is_udp
        assert steps['TopdownAffine'].get('fix_aspect', True) == (not is_mpii)
        assert tuple(steps['TopdownAffine'].input_size) == (192, 256)
    train = steps_of(cfg.train_dataloader)
    check_window(train, row.half_body, row.rotation, row.scale)
    assert train['RandomFlip'].prob == 0.5
    assert ('RandomShiftBboxCenter' in train) == (not is_mpii)
    random = {'RandomFlip', 'RandomHalfBody', 'RandomBBoxTransform', 'RandomShiftBboxCenter'}
    assert not random & set(steps_of(cfg.val_dataloader))


def check_schedule(cfg, row):
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == (row.epochs, row.val_interval)
    warm_up, steps = cfg.param_scheduler
    assert (warm_up.type, warm_up.end, warm_up.start_factor) == ('LinearLR', 501, 0.001)
    assert not warm_up.by_epoch
    assert tuple(steps.milestones) == row.milestones
    assert (steps.end, steps.gamma) == (row.epochs, 0.1)


@pytest.mark.parametrize(('row', 'size'), LEAVES, ids=IDS)
def test_published_settings(row, size):
    cfg = load(row, size)
    check_data(cfg, row)
    check_pipelines(cfg, row, row.is_udp)
    check_schedule(cfg, row)
    head = cfg.model.head
    assert head.out_channels == row.num_keypoints
    codec = CODECS.build(head.decoder)
    assert (codec.use_udp, codec.sigma) == (row.is_udp, 2)
    assert (codec.input_size, codec.heatmap_size) == ((192, 256), (48, 64))
    if not row.is_udp:
        assert (codec.decoder, codec.unbiased, codec.shift_heatmap) == ('quarter', False, True)
    assert cfg.model.flip_test
    deep_aic = row.stem == 'aic' and size in ('large', 'huge')
    assert cfg.model.backbone.drop_path_rate == (0.55 if deep_aic else 0.3)
    wrapper = cfg.optim_wrapper.to_dict()
    assert wrapper == dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=5e-4))


# size: drop path and layer decay of the COCO recipe
RECIPES = {'small': (0.1, 0.8), 'base': (0.3, 0.75), 'large': (0.5, 0.8), 'huge': (0.55, 0.85)}
HUMANART_BOXES = (
    'HumanArt/person_detection_results/HumanArt_validation_detections_AP_H_56_person.json'
)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('row', PUBLISHED, ids=lambda row: row.stem)
def test_adamw_leaves_hold_the_coco_recipe(row, size):
    cfg = load(row, size, '_adamw')
    check_data(cfg, row)
    check_pipelines(cfg, row, is_udp=True)
    check_schedule(cfg, row)
    check_recipe(cfg, size)
    assert cfg.model.head.out_channels == row.num_keypoints


def check_recipe(cfg, size):
    assert CODECS.build(cfg.model.head.decoder).use_udp
    drop_path, decay = RECIPES[size]
    assert cfg.model.backbone.drop_path_rate == drop_path
    wrapper = cfg.optim_wrapper
    assert wrapper.constructor == 'LayerDecayOptimWrapperConstructor'
    assert wrapper.paramwise_cfg.layer_decay_rate == decay
    optimizer = wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 5e-4, 0.1)
    assert wrapper.clip_grad.max_norm == 1


# folder, name, metric, annotations of training and validation, boxes
MODERN_ONLY = [
    (f'body/{KIND}/humanart', 'humanart', 'coco', 'HumanArtMetric',
     'HumanArt/annotations/training_humanart.json',
     'HumanArt/annotations/validation_humanart.json', HUMANART_BOXES),
    (f'animal/{KIND}/animalpose', 'animalpose', 'animalpose', 'CocoMetric',
     'annotations/animalpose_train.json', 'annotations/animalpose_val.json', None),
]  # fmt: skip


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('row', MODERN_ONLY, ids=lambda row: row[1])
def test_leaves_without_published_config(row, size):
    folder, name, metainfo, metric, train_ann, val_ann, bbox_file = row
    cfg = load_config(ROOT / folder / f'ViTPose_{size}_{name}_256x192.py')
    check_recipe(cfg, size)
    assert cfg.val_evaluator.type == metric
    assert cfg.train_dataloader.dataset.ann_file == train_ann
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.ann_file == val_ann
        assert loader.dataset.metainfo == metainfo
        assert loader.dataset.get('bbox_file') == bbox_file


def test_use_of_areas():
    """AIC has no areas of its own, and its figures take 0.53 of the box."""
    for row in PUBLISHED:
        if row.metrics != ['CocoMetric']:
            continue
        evaluator = load(row, 'base').val_evaluator
        assert evaluator.get('use_area', True) == (row.stem != 'aic'), row.stem


def test_folders_named_like_the_prefix_stay():
    """AP-10K keeps its images in data/ap10k/data/: only the first data/ moves."""
    (row,) = [row for row in PUBLISHED if row.stem == 'ap10k']
    path = ROOT / row.folder / 'ViTPose_base_ap10k_256x192.py'
    dataset = load_config(path, data_root='/mnt/sets').train_dataloader.dataset
    assert (dataset.data_root, dataset.data_prefix.img) == ('/mnt/sets/ap10k/', 'data/')


def test_ochuman_trains_on_coco():
    (row,) = [row for row in PUBLISHED if row.stem == 'ochuman']
    for suffix in ('', '_adamw'):
        cfg = load(row, 'base', suffix)
        assert cfg.train_dataloader.dataset.data_root == 'data/coco/'
        assert cfg.test_dataloader.dataset.data_root == 'data/ochuman/'
