"""Configs in the words of MMPose 0.x: translated, equal to our leaves, refused, trained, tested."""

import copy
from pathlib import Path

import pytest
import torch
from v0_configs import TARGET, pgvl_of, read_leaf, several_datasets, write_config

from mmpose.apis.test import prepare_test, run_test
from mmpose.apis.train import prepare_training, run_training
from mmpose.config.check import check_config
from mmpose.config.load import load_config
from mmpose.config.migration.notes import MigrationNotes
from mmpose.config.migration.v0 import translate_v0
from mmpose.metainfo import load_metainfo
from mmpose.registry import MODELS
from toy_pose import ToySpec, generate_toy_dataset

LEAVES = Path(__file__).parents[2] / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap'


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    return read_leaf(tmp_path_factory.mktemp('theirs'))


@pytest.fixture
def leaf(whole):
    return copy.deepcopy(whole)


def translate(cfg):
    notes = MigrationNotes()
    out = translate_v0(cfg, notes)
    assert not notes.refused, notes.refused
    assert check_config(out) == []
    return out


def plain(node):
    """Lists for tuples, and paths with their root."""
    if isinstance(node, dict):
        root = node.get('data_root', '')
        paths = ('ann_file', 'bbox_file')
        node = {k: root + v if k in paths else v for k, v in node.items() if k != 'data_root'}
        if 'data_prefix' in node:
            node['data_prefix'] = {k: root + v for k, v in node['data_prefix'].items()}
        return {key: plain(value) for key, value in node.items()}
    return [plain(one) for one in node] if isinstance(node, (list, tuple)) else node


PARTS = (
    'model', 'optim_wrapper', 'param_scheduler', 'train_cfg', 'val_evaluator', 'test_evaluator',
    'train_dataloader', 'val_dataloader', 'test_dataloader', 'env_cfg',
)  # fmt: skip


@pytest.mark.parametrize('part', PARTS)
def test_published_config_of_vitpose_b_is_our_leaf(leaf, part):
    ours = load_config(LEAVES / 'coco/ViTPose_base_coco_256x192.py').to_dict()
    assert plain(translate(leaf)[part]) == plain(ours[part])


def test_summary_and_what_is_not_exact(tmp_path, capfd):
    read_leaf(tmp_path)
    load_config(tmp_path / 'body/leaf.py')
    said = capfd.readouterr().err
    assert 'config of MMPose 0.x, translated: ' in said
    assert ', 1 not exact:\n  data.train.pipeline -> RandomShiftBboxCenter: drawn at every' in said


def test_defaults_of_0x_are_written_out(leaf):
    for key in ('num_deconv_layers', 'num_deconv_filters', 'num_deconv_kernels', 'extra'):
        del leaf['model']['keypoint_head'][key]
    del leaf['model']['test_cfg']['flip_test'], leaf['evaluation']['interval']
    del leaf['checkpoint_config'], leaf['log_config'], leaf['data']['val_dataloader']
    leaf['model']['backbone']['patch_size'] = 32
    out = translate(leaf)
    assert out['model']['head']['deconv_out_channels'] == (256, 256, 256)
    assert out['model']['head']['deconv_kernel_sizes'] == (4, 4, 4)
    assert out['model']['head']['final_layer'] == dict(kernel_size=1)
    assert out['model']['flip_test'] is True
    assert out['train_cfg']['val_interval'] == 1
    assert out['val_dataloader']['batch_size'] == 1
    assert out['default_hooks'] == dict(
        logger=dict(type='LoggerHook', interval=10),
        checkpoint=dict(type='CheckpointHook', interval=1, save_best='coco/AP'),
    )


def test_simple_decoder(leaf):
    leaf['model']['keypoint_head'] |= dict(
        num_deconv_layers=0, num_deconv_filters=[], num_deconv_kernels=[], upsample=4,
        extra=dict(final_conv_kernel=3),
    )  # fmt: skip
    head = translate(leaf)['model']['head']
    assert (head['deconv_out_channels'], head['upsample']) == ((), 4)
    assert head['final_layer'] == dict(kernel_size=3)
    MODELS.build(head)


def test_backbone_of_timm_with_its_weights(leaf):
    leaf['model'] |= dict(pretrained='torchvision://resnet50')
    leaf['model']['backbone'] = dict(type='ResNet', depth=50)
    for part in ('num_deconv_layers', 'num_deconv_filters', 'num_deconv_kernels'):
        del leaf['model']['keypoint_head'][part]
    leaf['model']['keypoint_head']['in_channels'] = 2048
    del leaf['optimizer']['constructor'], leaf['optimizer']['paramwise_cfg']
    model = translate(leaf)['model']
    assert model['backbone'] == dict(
        type='TimmBackbone', name='resnet50.tv_in1k', out_indices=4, pretrained=True
    )
    assert model['pretrained'] is None


MSRA = dict(use_udp=False, shift_heatmap=True)
CODECS = [
    (dict(encoding='MSRA'), MSRA, dict(type='MSRAHeatmap', sigma=2)),
    (dict(encoding='MSRA'), dict(use_udp=False),
     dict(type='MSRAHeatmap', sigma=2, shift_heatmap=False)),
    (dict(encoding='MSRA', unbiased_encoding=True),
     dict(MSRA, post_process='unbiased', modulate_kernel=17),
     dict(type='MSRAHeatmap', sigma=2, unbiased=True, blur_kernel_size=17)),
    (dict(encoding='MSRA'), dict(MSRA, post_process='unbiased'),
     dict(type='MSRAHeatmap', sigma=2, decoder='dark')),
    (dict(encoding='MSRA'), dict(MSRA, post_process=None),
     dict(type='MSRAHeatmap', sigma=2, decoder='argmax')),
    (dict(encoding='Megvii', kernel=(9, 9)), dict(MSRA, post_process='megvii'),
     dict(type='MegviiHeatmap', kernel_size=9)),
    (dict(sigma=3), {}, dict(type='UDPHeatmap', sigma=3)),
    (dict(target_type='CombinedTarget', valid_radius_factor=0.1),
     dict(target_type='CombinedTarget'), dict(type='UDPCombinedHeatmap', radius_factor=0.1)),
]  # fmt: skip


@pytest.mark.parametrize(('target', 'tests', 'expected'), CODECS)
def test_targets_and_post_processing_become_one_codec(leaf, target, tests, expected):
    leaf['data']['train']['pipeline'][TARGET] |= target
    leaf['model']['test_cfg'] |= tests
    is_udp = expected['type'].startswith('UDP')
    for phase, step in (('train', 4), ('val', 1), ('test', 1)):
        leaf['data'][phase]['pipeline'][step]['use_udp'] = is_udp
    if expected['type'] == 'UDPCombinedHeatmap':
        leaf['model']['keypoint_head']['out_channels'] = 51
    codec = dict(translate(leaf)['model']['head']['decoder'])
    assert (codec.pop('input_size'), codec.pop('heatmap_size')) == ((192, 256), (48, 64))
    assert codec == expected


def test_radius_of_discs_without_training(leaf):
    del leaf['data']['train']
    leaf['model']['test_cfg'] |= dict(target_type='CombinedTarget', valid_radius_factor=0.1)
    leaf['model']['keypoint_head']['out_channels'] = 51
    assert translate(leaf)['model']['head']['decoder']['radius_factor'] == 0.1


REFUSED = [
    ('model.type', 'AssociativeEmbedding', 'models are top-down with heatmaps'),
    ('model.backbone.type', 'HourglassNet', "'HourglassNet': timm has no such"),
    ('model.backbone.head_size', 3, 'has no counterpart here'),
    ('model.keypoint_head.type', 'TopdownHeatmapMSMUHead', 'there is TopdownHeatmapSimpleHead'),
    ('model.keypoint_head.out_channels', 3, "the skeleton 'coco' needs 17"),
    ('model.test_cfg', dict(post_process='default'), 'one codec does both here'),
    ('model.test_cfg.shift_heatmap', True, 'UDP heatmaps are never shifted'),
    ('data.train.type', 'BottomUpCocoDataset', 'bottom-up models'),
    ('data.train.data_cfg.use_different_joint_weights', True, 'only False is possible'),
    ('data.train.pipeline.1.type', 'TopDownRandomTranslation', 'has no counterpart here'),
    ('data.train.pipeline.1.flip_share', 1, 'has no counterpart here'),
    ('evaluation.metric', 'PCKh', "has 'PCKh'"),
    ('lr_config.policy', 'cyclic', 'expected step, CosineAnnealing or fixed'),
    ('log_config.hooks', [dict(type='PaviLoggerHook')], 'has PaviLoggerHook'),
    ('custom_hooks', [dict(type='EMAHook')], 'only None is possible here'),
    ('workflow', [('train', 1), ('val', 1)], 'val_interval evaluates'),
]  # fmt: skip


@pytest.mark.parametrize(('key', 'value', 'message'), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_has_no_counterpart_is_refused_by_its_key(leaf, key, value, message):
    *path, name = key.split('.')
    node = leaf
    for step in path:
        node = node[int(step) if isinstance(node, list) else step]
    node[name] = value
    notes = MigrationNotes()
    translate_v0(leaf, notes)
    assert message in notes.refused[key]


METRICS = [
    ('TopDownAicDataset', 'mAP', dict(type='CocoMetric', use_area=False), 'coco/AP'),
    ('TopDownCrowdPoseDataset', 'mAP', dict(type='CrowdPoseMetric'), 'crowdpose/AP'),
    ('TopDownMpiiDataset', 'PCKh', dict(type='MpiiPCKAccuracy'), 'PCK'),
    ('PanopticDataset', 'PCKh', dict(type='PCKAccuracy', thr=0.7, norm_item='head'), 'PCKh'),
    ('FaceWFLWDataset', ['NME'], dict(type='NME', norm_mode='keypoint_distance'), 'NME'),
    ('OneHand10KDataset', ['AUC', 'EPE'],
     [dict(type='AUC', norm_factor=30), dict(type='EPE')], 'AUC'),
]  # fmt: skip


@pytest.mark.parametrize(('kind', 'metric', 'expected', 'best'), METRICS)
def test_metrics_are_those_of_the_dataset(leaf, kind, metric, expected, best):
    for phase in ('train', 'val', 'test'):
        leaf['data'][phase]['type'] = kind
        del leaf['data'][phase]['dataset_info']
    leaf['evaluation'] |= dict(metric=metric, save_best=best.rpartition('/')[2])
    out = translate_v0(leaf, MigrationNotes())
    assert out['val_evaluator'] == expected
    assert out['default_hooks']['checkpoint']['save_best'] == best
    # the other classes never read bbox_file, which some configs have nevertheless
    has_boxes = 'bbox_file' in out['val_dataloader']['dataset']
    assert has_boxes == (kind == 'TopDownCrowdPoseDataset')


def test_rules_of_the_evaluation(leaf):
    leaf['data']['val']['data_cfg'] |= dict(soft_nms=True, oks_thr=0.8, vis_thr=0.1)
    leaf['data']['test']['data_cfg'] |= dict(use_gt_bbox=True)
    leaf['data']['val']['data_cfg']['det_bbox_thr'] = 0.4
    out = translate(leaf)
    assert out['val_evaluator'] == dict(
        type='CocoMetric', keypoint_score_thr=0.1, nms_thr=0.8, nms_mode='soft_oks_nms'
    )
    assert out['val_dataloader']['dataset']['bbox_score_thr'] == 0.4
    assert 'bbox_file' not in out['test_dataloader']['dataset']


def test_schedules_and_optimizers(leaf):
    leaf['optimizer'] = dict(
        type='Adam', lr=1e-3, paramwise_cfg=dict(custom_keys={'head': dict(lr_mult=2)})
    )
    leaf['lr_config'] = dict(policy='CosineAnnealing', min_lr=1e-6, warmup=None)
    leaf['fp16'] = dict(loss_scale='dynamic')
    leaf['resume_from'] = 'latest.pth'
    leaf['optimizer_config'] = dict(grad_clip=None)
    out = translate(leaf)
    assert out['param_scheduler'] == [
        dict(type='CosineAnnealingLR', begin=0, end=210, by_epoch=True, eta_min=1e-6)
    ]
    assert out['optim_wrapper'] == dict(
        type='AmpOptimWrapper',
        loss_scale='dynamic',
        optimizer=dict(type='Adam', lr=1e-3),
        constructor='KeywordOptimWrapperConstructor',
        paramwise_cfg=dict(custom_keys={'head': dict(lr_mult=2)}),
    )
    assert (out['load_from'], out['resume']) == ('latest.pth', True)


@pytest.fixture
def several(leaf):
    return several_datasets(leaf)


def test_several_datasets_have_a_head_each(several):
    out = translate(several)
    model = out['model']
    assert (model['names'], model['metainfo']) == (['coco', 'aic'], ['coco', 'aic'])
    assert [head['out_channels'] for head in model['heads']] == [17, 14]
    assert [head['decoder']['type'] for head in model['heads']] == ['UDPHeatmap', 'MSRAHeatmap']
    assert len(out['train_dataloader']['dataset']['datasets']) == 2
    assert out['val_dataloader']['dataset']['dataset_idx'] == 0
    assert out['val_evaluator'] == dict(type='CocoMetric')


def test_loss_of_padded_channels_is_kept(several):
    """The mean over 17 channels, of which 3 have no keypoints and weight 0."""
    config = translate(several)['model']['heads'][1]
    head = MODELS.build(copy.deepcopy(config))
    features, points = torch.rand(2, 24, 4, 3), torch.rand(2, 14, 2) * 40 + 4
    ours = head.loss(features, points, torch.ones(2, 14))['loss_heatmap']
    error = (head(features) - head.decoder.encode(points, torch.ones(2, 14))[0]).square()
    assert ours.item() == pytest.approx(error.mean(dim=(0, 2, 3)).sum().item() / 17, rel=1e-5)


def test_datasets_without_a_head_are_refused(several):
    del several['model']['associate_keypoint_head']
    notes = MigrationNotes()
    translate_v0(several, notes)
    assert '2 datasets for 1 heads' in notes.refused['data.train']


@pytest.fixture
def pgvl(leaf):
    return pgvl_of(leaf)


def test_pgvl(pgvl):
    out = translate(pgvl)
    model = out['model']
    assert model['pretrained'] == 'mae.pth'
    assert model['num_contexts'] == 8
    assert model['prompts']['left_eye'] == 'nose'
    assert 'nose' not in model['prompts']
    assert model['parse_graph'] == dict(
        type='ParseGraph', variant='guided', dims=(32,), dim=32, mode=3
    )
    assert model['backbone']['img_size'] == (256, 192)
    assert out['optim_wrapper']['paramwise_cfg'] == dict(
        custom_keys=dict(backbone=dict(lr_mult=0.1))
    )
    MODELS.build(copy.deepcopy(model))


def test_pgvl_that_contradicts_itself_is_refused(pgvl):
    pgvl['model']['src_to_dim'] = [1024, 32]
    notes = MigrationNotes()
    translate_v0(pgvl, notes)
    assert 'the backbone and the graph have 24, 32' in notes.refused['model.src_to_dim']


def test_training_and_test_from_the_unmodified_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generate_toy_dataset(tmp_path / 'data/coco', ToySpec(4, 3, 0, 'coco'), 1)
    read_leaf(tmp_path / 'theirs')
    path = tmp_path / 'theirs/body/leaf.py'
    text = path.read_text().replace('[48, 64]', '[12, 16]').replace('[192, 256]', '[48, 64]')
    path.write_text(text.replace('(256, 192)', '(64, 48)').replace('(256, 256)', '(8, 8)'))
    options = {
        'model.backbone.depth': 1, 'model.backbone.embed_dim': 24, 'model.backbone.num_heads': 3,
        'model.keypoint_head.in_channels': 24, 'total_epochs': 1, 'evaluation.interval': 1,
        'checkpoint_config.interval': 1, 'data.samples_per_gpu': 4, 'data.workers_per_gpu': 0,
    }  # fmt: skip
    cfg = load_config(path, options)
    assert cfg.train_dataloader.batch_size == 4
    assert cfg.optim_wrapper.paramwise_cfg.num_layers == 12
    run_training(prepare_training(cfg, work_dir='work', seed=1))
    cfg = load_config(path, options)
    metrics = run_test(prepare_test(cfg, 'work/epoch_1.pth', work_dir='test'))
    assert 'coco/AP' in metrics
    assert load_config('work/config.py').model.metainfo == 'coco'


def test_skeleton_of_its_own_stays_a_dict(tmp_path):
    path = write_config(tmp_path)
    cfg = load_config(path, {'model.keypoint_head.out_channels': 4})
    cfg.dump(tmp_path / 'mine.py')
    for one in (cfg, load_config(tmp_path / 'mine.py')):
        for part in (one.model, one.train_dataloader.dataset, one.val_dataloader.dataset):
            meta = load_metainfo(part.metainfo)
            assert meta.keypoint_names == ('top', 'left_arm', 'right_arm', 'foot')
    assert MODELS.build(cfg.model).dataset_meta.name == 'lamp'
