"""The PGVL leaves hold the published settings; where two differ, so do their rows.

The table states what the published configs hold. Rows of v1 without a usable published config
(COCO-B) or code (both L) hold what the files of the other datasets imply.
"""

from typing import NamedTuple

import pytest
import torch
from test_configs import ROOT
from test_dataset_leaves import check_window

import mmcv_custom  # noqa: F401  (registers the constructor of the optimizer)
from mmpose.apis import load_config
from mmpose.registry import CODECS, MODELS

KIND = '2d_kpt_sview_rgb_img/topdown_heatmap'
COCO_BOXES = 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json'
CROWD_BOXES = 'annotations/det_for_crowd_test_0.1_0.5.json'
FUSE = dict(variant='fuse', dims=(768, 512, 1024))
GUIDED = dict(variant='guided', dims=(512,), dim=512)


class Published(NamedTuple):
    path: str
    num_keypoints: int
    input_size: tuple[int, int]
    graph: dict
    in_channels: int
    feature_loss: float
    batch_sizes: tuple[int, int]
    half_body: int
    val_ann: str
    bbox_file: str | None = None
    metric: str = 'CocoMetric'
    num_contexts: int = 8
    is_large: bool = False


# fmt: off
PUBLISHED = [
    Published(f'body/{KIND}/coco/PGVL_ViTB_coco_256X192', 17, (192, 256), {**FUSE, 'dim': 768}, 768,
              0.001, (64, 32), 6, 'person_keypoints_val2017', COCO_BOXES),
    Published(f'body/{KIND}/coco/PGVL_ViTL_coco_256X192', 17, (192, 256), {**FUSE, 'dim': 1024},
              1024, 0.001, (64, 32), 6, 'person_keypoints_val2017', COCO_BOXES, is_large=True),
    Published(f'body/{KIND}/crowdpose/PGVL_ViTB_crowdpose_256X192', 14, (192, 256),
              {**FUSE, 'dim': 768}, 768, 0.001, (64, 32), 6, 'mmpose_crowdpose_test', CROWD_BOXES,
              'CrowdPoseMetric'),
    Published(f'body/{KIND}/crowdpose/PGVL_v2_ViTB_crowdpose_256X192', 14, (192, 256),
              {**GUIDED, 'mode': 5}, 512, 0.0005, (128, 64), 6, 'mmpose_crowdpose_test',
              CROWD_BOXES, 'CrowdPoseMetric'),
    Published(f'body/{KIND}/mpii/PGVL_ViTB_mpii_256x256', 16, (256, 256),
              {**FUSE, 'dim': 768, 'project_all': True}, 768, 0.0005, (32, 32), 8, 'mpii_val',
              None, 'MpiiPCKAccuracy'),
    Published(f'body/{KIND}/mpii/PGVL_v2_ViTB_mpii_256x256', 16, (256, 256), {**GUIDED, 'mode': 3},
              512, 0.0005, (32, 32), 8, 'mpii_val', None, 'MpiiPCKAccuracy'),
    Published(f'body/{KIND}/ochuman/PGVL_ViTB_OCHuman_256x192', 17, (192, 256),
              {**GUIDED, 'mode': 3}, 512, 0.0005, (128, 64), 8,
              'ochuman_coco_format_val_range_0.00_1.00', num_contexts=1),
    Published(f'animal/{KIND}/ap10k/PGVL_ViTB_ap10k_256x256', 17, (256, 256),
              {**FUSE, 'dim': 768, 'project_all': True}, 768, 0.001, (32, 32), 8,
              'ap10k-val-split1'),
    Published(f'animal/{KIND}/ap10k/PGVL_ViTL_ap10k_256x256', 17, (256, 256),
              {**FUSE, 'dim': 1024}, 1024, 0.001, (32, 32), 8, 'ap10k-val-split1', is_large=True),
    Published(f'animal/{KIND}/ap10k/PGVL_v2_ViTL_ap10k_256x256', 17, (256, 256),
              {**GUIDED, 'dims': (512, 768), 'dim': 768, 'mode': 1}, 1280, 0.001, (32, 32), 8,
              'ap10k-val-split1', is_large=True),
    Published(f'animal/{KIND}/animalpose/PGVL_ViTB_animalpose_256x256', 20, (256, 256),
              {**FUSE, 'dim': 768, 'project_all': True}, 768, 0.001, (32, 32), 8,
              'animalpose_val'),
    Published(f'animal/{KIND}/animalpose/PGVL_v2_ViTB_animalpose_256x256', 20, (256, 256),
              {**GUIDED, 'dims': (512, 256), 'mode': 2}, 768, 0.001, (32, 32), 8,
              'animalpose_val'),
]
# fmt: on


@pytest.fixture(params=PUBLISHED, ids=lambda row: row.path.rsplit('/', 1)[1])
def row(request):
    return request.param


@pytest.fixture
def cfg(row):
    return load_config(ROOT / f'{row.path}.py')


def test_every_leaf_has_a_row():
    leaves = {str(path.relative_to(ROOT))[:-3] for path in ROOT.rglob('PGVL_*.py')}
    assert leaves == {row.path for row in PUBLISHED}


def test_model(cfg, row):
    model = cfg.model
    dim, depth, heads, drop_path = (1024, 24, 16, 0.5) if row.is_large else (768, 12, 12, 0.3)
    backbone = model.backbone
    assert (backbone.embed_dim, backbone.depth, backbone.num_heads) == (dim, depth, heads)
    assert (backbone.drop_path_rate, backbone.norm_eps) == (drop_path, 1e-5)
    assert tuple(backbone.img_size) == row.input_size[::-1]
    width = 768 if row.is_large else 512
    text = model.text_encoder
    assert (text.width, text.out_channels, text.layers, text.heads) == (width, width, 12, 8)
    assert (text.context_length, model.num_contexts) == (13, row.num_contexts)
    assert (model.prompt_encoder.layers, model.prompt_encoder.heads) == (1, 8)
    graph = {key: value for key, value in model.parse_graph.items() if key != 'type'}
    assert {**graph, 'dims': tuple(graph['dims'])} == row.graph
    assert model.feature_loss.loss_weight == row.feature_loss
    assert model.head.in_channels == row.in_channels
    filters = (192, 256) if row.input_size == (192, 256) else (256, 256)
    assert tuple(model.head.deconv_out_channels) == filters
    assert tuple(model.head.deconv_kernel_sizes) == (4, 4)
    assert model.flip_test
    with torch.device('meta'):
        assert MODELS.build(model).dataset_meta.num_keypoints == row.num_keypoints


def test_data_and_decoding(cfg, row):
    codec = CODECS.build(cfg.model.head.decoder)
    width, height = row.input_size
    assert (codec.input_size, codec.heatmap_size) == (row.input_size, (width // 4, height // 4))
    assert (codec.use_udp, codec.sigma, codec.unbiased) == (False, 2, False)
    assert (codec.decoder, codec.shift_heatmap) == ('quarter', True)
    loaders = (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)
    assert tuple(loader.batch_size for loader in loaders[:2]) == row.batch_sizes
    assert loaders[2].batch_size == row.batch_sizes[1]
    is_ochuman = 'ochuman' in row.path
    for loader in loaders[1:]:
        wanted = row.val_ann
        if is_ochuman and loader is loaders[2]:
            wanted = wanted.replace('val', 'test')
        assert loader.dataset.ann_file == f'annotations/{wanted}.json'
        assert loader.dataset.get('bbox_file') == row.bbox_file
    assert cfg.val_evaluator.type == cfg.test_evaluator.type == row.metric
    steps = [{step.type: step for step in loader.dataset.pipeline} for loader in loaders]
    train, val, test = steps
    is_mpii = row.metric == 'MpiiPCKAccuracy'
    assert list(train) == [
        'LoadImage', 'GetBBoxCenterScale', *([] if is_mpii else ['RandomShiftBboxCenter']), 'RandomFlip',
        'RandomHalfBody', 'RandomBBoxTransform', 'TopdownAffine',
    ]  # fmt: skip
    assert list(val) == list(test) == ['LoadImage', 'GetBBoxCenterScale', 'TopdownAffine']
    check_window(train, row.half_body)
    for pipeline in steps:
        assert pipeline['GetBBoxCenterScale'].padding == 1.25
        assert not pipeline['TopdownAffine'].get('use_udp', False)


def test_recipe(cfg):
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 5e-4, 1e-4)
    assert cfg.optim_wrapper.paramwise_cfg.custom_keys.to_dict() == {
        'backbone': {'lr_mult': 0.1},
        'norm': {'decay_mult': 0.0},
    }
    assert 'clip_grad' not in cfg.optim_wrapper
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == (210, 10)
    warm_up, steps = cfg.param_scheduler
    assert (warm_up.type, warm_up.end, warm_up.start_factor) == ('LinearLR', 501, 0.001)
    assert (tuple(steps.milestones), steps.gamma) == ((170, 200), 0.1)
