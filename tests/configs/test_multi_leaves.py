"""The leaves of several datasets, and those of HAP, hold what was published.

The tables state what the published configs of ViTPose+ and HAP hold, after their defects were
mended: each head has the joints of its dataset, experts have a quarter of the width, and all
configs name a dataset's folder in the same way.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from test_dataset_leaves import check_window

import mmcv_custom  # noqa: F401  (registers the layer-decay constructor)
from mmpose.apis import load_config
from mmpose.config.check import check_config
from mmpose.registry import CODECS, MODELS

ROOT = Path(__file__).parents[2] / 'configs'
KIND = '2d_kpt_sview_rgb_img/topdown_heatmap'
COCO = ROOT / f'body/{KIND}/coco'
COCO_BOXES = 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json'
CROWD_BOXES = 'annotations/det_for_crowd_test_0.1_0.5.json'
AIC_TRAIN = 'ai_challenger_keypoint_train_20170902/keypoint_train_images_20170902/'


class Part(NamedTuple):
    """A dataset of a mixture as its published config has it."""

    num_keypoints: int
    is_udp: bool
    half_body: int | None
    data_root: str
    train_ann: str
    train_images: str | None
    test_ann: str
    bbox_file: str | None
    metric: str


# fmt: off
PARTS = {
    'coco': Part(17, True, 8, 'data/coco/', 'person_keypoints_train2017.json', 'train2017/',
                 'person_keypoints_val2017.json', COCO_BOXES, 'CocoMetric'),
    'aic': Part(14, False, 8, 'data/aic/', 'aic_train.json', AIC_TRAIN, 'aic_val.json', None,
                'CocoMetric'),
    'mpii': Part(16, True, None, 'data/mpii/', 'mpii_train.json', 'images/', 'mpii_val.json', None,
                 'MpiiPCKAccuracy'),
    'ap10k': Part(17, False, 8, 'data/ap10k/', 'ap10k-train-split1.json', 'data/',
                  'ap10k-test-split1.json', None, 'CocoMetric'),
    'apt36k': Part(17, False, 8, 'data/apt36k/', 'train_annotations_1.json', None,
                   'val_annotations_1.json', None, 'CocoMetric'),
    'wholebody': Part(133, False, 8, 'data/coco/', 'coco_wholebody_train_v1.0.json', 'train2017/',
                      'coco_wholebody_val_v1.0.json', COCO_BOXES, 'CocoWholeBodyMetric'),
    'crowdpose': Part(14, False, 6, 'data/crowdpose/', 'mmpose_crowdpose_trainval.json', 'images/',
                      'mmpose_crowdpose_test.json', CROWD_BOXES, 'CrowdPoseMetric'),
}
# size: embed_dim, depth, heads, drop path, layer decay; channels of an expert
SIZES = {
    'small': (384, 12, 12, 0.1, 0.8, 96),
    'base': (768, 12, 12, 0.3, 0.75, 192),
    'large': (1024, 24, 16, 0.5, 0.8, 256),
    'huge': (1280, 32, 16, 0.55, 0.8, 320),
}
# fmt: on
SIX = ['coco', 'aic', 'mpii', 'ap10k', 'apt36k', 'wholebody']
THREE = ['coco', 'aic', 'mpii']
PLUS = 'vitPose+_{}_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp.py'


class Leaf(NamedTuple):
    """A leaf of several datasets; ``experts`` 0 is a plain ViT."""

    file: str
    size: str
    names: list[str]
    experts: int
    lr: float = 1e-3
    decay: float | None = None  # that of the size
    batch: int = 128
    input_size: tuple[int, int] = (192, 256)


LEAVES = [
    *(Leaf(PLUS.format(size), size, SIX, 6) for size in SIZES),
    *(
        Leaf(f'ViTPose_{size}_multitask_{"+".join(names)}_256x192.py', size, names, 0)
        for size in ('base', 'large', 'huge')
        for names in (THREE, [*THREE, 'crowdpose'])
    ),
    Leaf('ViTPose_base_coco+aic+mpii_256x192.py', 'base', THREE, 3, 1.1e-3, 0.77),
    Leaf('ViTPose_base_coco+aic+mpii_384x288.py', 'base', THREE, 3, 5e-4, 0.75, 64, (288, 384)),
]


@pytest.fixture(params=LEAVES, ids=lambda leaf: leaf.file)
def loaded(request):
    return request.param, load_config(COCO / request.param.file)


def steps_of(dataset):
    return {step.type: step for step in dataset.pipeline}


def test_data_of_each_dataset(loaded):
    leaf, cfg = loaded
    assert cfg.model.names == cfg.val_evaluator.names == cfg.test_evaluator.names == leaf.names
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.type == 'CombinedDataset'
        assert loader.dataset.get('ratios') is loader.dataset.get('temperature') is None
        assert loader.dataset.only is None
        assert len(loader.dataset.datasets) == len(leaf.names)
    for i, name in enumerate(leaf.names):
        part = PARTS[name]
        train, val, test = (
            cfg[f'{phase}_dataloader'].dataset.datasets[i] for phase in ('train', 'val', 'test')
        )
        assert train.ann_file == f'annotations/{part.train_ann}'
        assert train.get('data_prefix', {}).get('img') == part.train_images
        assert test.ann_file == f'annotations/{part.test_ann}'
        assert {one.data_root for one in (train, val, test)} == {part.data_root}
        assert 'bbox_file' not in train
        assert val.get('bbox_file') == test.get('bbox_file') == part.bbox_file
        assert val.test_mode
        assert test.test_mode
        assert not train.get('test_mode', False)
        assert cfg.test_evaluator.metrics[i].type == part.metric
        assert cfg.test_evaluator.metrics[i].get('use_area', True) == (name != 'aic')


def test_pipelines_of_each_dataset(loaded):
    leaf, cfg = loaded
    for i, name in enumerate(leaf.names):
        part = PARTS[name]
        for phase in ('train', 'val', 'test'):
            steps = steps_of(cfg[f'{phase}_dataloader'].dataset.datasets[i])
            assert steps['GetBBoxCenterScale'].padding == 1.25
            assert tuple(steps['TopdownAffine'].input_size) == leaf.input_size
            assert steps['TopdownAffine'].get('use_udp', False) == part.is_udp
            assert steps['TopdownAffine'].get('fix_aspect', True) == (name != 'mpii')
            assert ('RandomFlip' in steps) == (phase == 'train')
        train = steps_of(cfg.train_dataloader.dataset.datasets[i])
        check_window(train, part.half_body)


@pytest.mark.parametrize('size', ['256x192', '384x288'])
def test_heads_of_hap_weigh_as_if_each_had_17_channels(size):
    heads = load_config(COCO / f'ViTPose_base_coco+aic+mpii_{size}.py').model.heads
    assert [head.loss.loss_weight * 17 for head in heads] == [17, 14, 16]


def test_recipe(loaded):
    leaf, cfg = loaded
    dim, depth, num_heads, drop_path, decay, _ = SIZES[leaf.size]
    backbone = cfg.model.backbone
    assert (backbone.embed_dim, backbone.depth, backbone.num_heads) == (dim, depth, num_heads)
    assert backbone.drop_path_rate == drop_path
    assert tuple(backbone.img_size) == leaf.input_size[::-1]
    assert (backbone.type, backbone.get('num_expert', 0)) == (
        ('ViTMoE', leaf.experts) if leaf.experts else ('ViT', 0)
    )
    wrapper = cfg.optim_wrapper
    assert (wrapper.optimizer.type, wrapper.optimizer.lr) == ('AdamW', leaf.lr)
    assert (wrapper.optimizer.weight_decay, tuple(wrapper.optimizer.betas)) == (0.1, (0.9, 0.999))
    assert wrapper.constructor == 'LayerDecayOptimWrapperConstructor'
    assert wrapper.paramwise_cfg.layer_decay_rate == (leaf.decay or decay)
    assert wrapper.clip_grad.max_norm == 1
    warm_up, steps = cfg.param_scheduler
    assert (warm_up.end, warm_up.start_factor, warm_up.by_epoch) == (501, 0.001, False)
    assert (steps.milestones, steps.gamma) == ([170, 200], 0.1)
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == (210, 10)
    loaders = (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)
    assert [loader.batch_size for loader in loaders] == [leaf.batch, 64, 64]
    assert cfg.auto_scale_lr.base_batch_size == 8 * leaf.batch


def test_heads_and_experts(loaded):
    leaf, cfg = loaded
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    state = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    dim, depth, *_, features = SIZES[leaf.size]
    for i, name in enumerate(leaf.names):
        assert state[f'heads.{i}.final_layer.weight'] == (PARTS[name].num_keypoints, 256, 1, 1)
        codec = CODECS.build(cfg.model.heads[i].decoder)
        assert (codec.use_udp, codec.sigma) == (PARTS[name].is_udp, 2)
        width, height = leaf.input_size
        assert (codec.input_size, codec.heatmap_size) == ((width, height), (width // 4, height // 4))
    experts = [key for key in state if '.experts.' in key and key.endswith('weight')]
    assert len(experts) == depth * leaf.experts
    assert all(state[key] == (features, 4 * dim) for key in experts)
    shared = dim - features if leaf.experts else dim
    assert state[f'backbone.blocks.{depth - 1}.mlp.fc2.weight'] == (shared, 4 * dim)


# millions of parameters of the published ViTPose+ backbones; S with experts of 96 channels
@pytest.mark.parametrize(
    ('size', 'number'), [('base', 121_195_776), ('large', 429_156_352), ('huge', 893_107_200)]
)
def test_size_of_the_backbones(size, number):
    with torch.device('meta'):
        model = MODELS.build(load_config(COCO / PLUS.format(size)).model)
    assert sum(parameter.numel() for parameter in model.backbone.parameters()) == number


# dataset: optimizer, lr, layer decay, drop path, UDP, half body
HAP = {
    'coco': ('AdamW', 2e-4, 0.8, 0.29, True, 8),
    'mpii': ('Adam', 1e-4, None, 0.3, True, None),
    'aic': ('Adam', 5e-4, None, 0.3, False, 8),
}


@pytest.mark.parametrize('name', HAP)
@pytest.mark.parametrize('size', ['256x192', '384x288'])
def test_single_datasets_of_hap(name, size):
    stem = 'HAP' if size == '256x192' else 'ViTPose'
    cfg = load_config(ROOT / f'body/{KIND}/{name}/{stem}_base_{name}_{size}.py')
    optimizer, lr, decay, drop_path, is_udp, half_body = HAP[name]
    wrapper = cfg.optim_wrapper
    assert (wrapper.optimizer.type, wrapper.optimizer.lr) == (optimizer, lr)
    assert wrapper.get('paramwise_cfg', {}).get('layer_decay_rate') == decay
    assert ('clip_grad' in wrapper) == (optimizer == 'AdamW')
    backbone = cfg.model.backbone
    assert (backbone.embed_dim, backbone.drop_path_rate) == (768, drop_path)
    height, width = map(int, size.split('x'))
    assert tuple(backbone.img_size) == (height, width)
    codec = CODECS.build(cfg.model.head.decoder)
    assert (codec.use_udp, codec.sigma, codec.input_size) == (is_udp, 2, (width, height))
    assert codec.heatmap_size == (width // 4, height // 4)
    steps = steps_of(cfg.train_dataloader.dataset)
    check_window(steps, half_body)
    assert (cfg.train_dataloader.batch_size, cfg.auto_scale_lr.base_batch_size) == (64, 512)
    assert cfg.train_cfg.max_epochs == 210


def test_hap_and_vitpose_have_different_recipes_at_one_size():
    for name in ('coco', 'mpii'):
        folder = ROOT / f'body/{KIND}/{name}'
        ours, hap = (
            load_config(folder / f'{stem}_base_{name}_256x192.py').optim_wrapper.optimizer.lr
            for stem in ('ViTPose', 'HAP')
        )
        assert (ours, hap) == (5e-4, HAP[name][1])


def test_transfer_to_hands_starts_from_whole_bodies():
    folder = ROOT / f'hand/{KIND}/interhand2d'
    cfg = load_config(folder / 'ViTPose_base_interhand2d_transfer_256x192.py')
    published = load_config(folder / 'ViTPose_base_interhand2d_all_256x192.py')
    assert cfg.model.pretrained.endswith('wholebody.pth')
    cfg.model.pretrained = None
    assert cfg.to_dict() == published.to_dict()


def test_an_added_dataset_trains_its_own_parts_only():
    path = ROOT / f'animal/{KIND}/animalpose/vitPose+_base_added_animalpose_256x192_udp.py'
    cfg = load_config(path)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.only == [6]
        assert loader.dataset.datasets[6].metainfo == 'animalpose'
    six = load_config(COCO / PLUS.format('base'))
    assert cfg.model.heads[:6] == six.model.heads
    assert cfg.model.names[:6] == six.model.names
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert {name for name in trained if '.experts.' not in name} == {
        name for name, _ in model.named_parameters() if name.startswith('heads.6.')
    }
    assert {name for name in trained if '.experts.' in name} == {
        name for name, _ in model.named_parameters() if '.experts.6.' in name
    }


PLUS_BASE = COCO / PLUS.format('base')
SIX_HEADS = 'the model has 6 heads'
# (change of the config, part of the sentence)
CONTRADICTIONS = [
    (lambda cfg: cfg.model.heads.pop(), r'5 heads but model\.metainfo is .*one entry per head'),
    (lambda cfg: cfg.model.heads.pop(), r'train_dataloader\.dataset has 6 .* model has 5 heads'),
    (lambda cfg: cfg.model.names.pop(), rf'{SIX_HEADS} but model\.names is'),
    (lambda cfg: cfg.model.update(metainfo='coco'), rf'{SIX_HEADS} but model\.metainfo is coco'),
    (lambda cfg: cfg.model.backbone.update(num_expert=5), r'5 experts for 6 datasets; .*=6'),
    (
        lambda cfg: cfg.model.heads[1].update(out_channels=17),
        r"head has 17 channels but 'aic' has 14 .* set model\.heads\.1\.out_channels=14",
    ),
    (
        lambda cfg: cfg.model.heads[2].update(in_channels=384),
        r'gives 768 channels .* takes 384; set model\.heads\.2\.in_channels=768',
    ),
    (
        lambda cfg: cfg.model.heads[5].decoder.update(input_size=(288, 384)),
        r'MSRAHeatmap reads inputs of 288x384 px \(w x h, model\.heads\.5\)',
    ),
    (
        lambda cfg: cfg.val_dataloader.dataset.datasets[1].pipeline[-1].update(use_udp=True),
        r'val_dataloader\.dataset\.datasets\.1\.pipeline crops with use_udp=True but '
        r'model\.heads\.1 has MSRAHeatmap',
    ),
    (
        lambda cfg: cfg.train_dataloader.dataset.datasets[3].pipeline[-1].update(input_size=(96, 96)),
        r'train_dataloader\.dataset\.datasets\.3\.pipeline crops to \(96, 96\)',
    ),
    (
        lambda cfg: cfg.test_dataloader.dataset.datasets[4].pipeline[1].update(padding=2.0),
        r'test_dataloader\.dataset\.datasets\.4\.pipeline has padding=2\.0',
    ),
    (
        lambda cfg: cfg.train_dataloader.dataset.datasets.reverse(),
        r"datasets\.0 has the skeleton 'coco_wholebody' but the model has 'coco'; "
        r"set model\.metainfo\.0='coco_wholebody'",
    ),
    (
        lambda cfg: cfg.val_dataloader.dataset.datasets.pop(),
        r'val_evaluator has metrics for 6 datasets and 6 names but the val data have 5',
    ),
    (
        lambda cfg: cfg.val_evaluator.names.reverse(),
        r'val_evaluator\.names is .* but model\.names is',
    ),
    (
        lambda cfg: cfg.val_evaluator.metrics.__setitem__(2, dict(type='CocoMetric')),
        r'val_evaluator is CocoMetric, which reads coco annotations, .* MpiiDataset',
    ),
    (
        lambda cfg: cfg.update(val_evaluator=dict(type='CocoMetric')),
        r'val_evaluator is CocoMetric but the val data are a mixture of 6 datasets; take Per',
    ),
    (
        lambda cfg: cfg.train_dataloader.__setitem__(
            'dataset', dict(cfg.train_dataloader.dataset.datasets[0], dataset_idx=6)
        ),
        r'train_dataloader\.dataset\.dataset_idx is 6 but the model has 6 heads',
    ),
]


@pytest.mark.parametrize(('change', 'message'), CONTRADICTIONS)
def test_contradictions_are_named(change, message):
    cfg = load_config(PLUS_BASE, check=False)
    assert not check_config(cfg)
    change(cfg)
    problems = check_config(cfg)
    assert any(re.search(message, problem) for problem in problems), problems
