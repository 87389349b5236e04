"""Configs in the words of MMPose 1.x: translated, overridden, refused by name, trained, tested."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from v1_configs import write_config

from mmpose.apis.test import prepare_test, run_test
from mmpose.apis.train import prepare_training, run_training
from mmpose.config.check import check_config
from mmpose.config.load import load_config, read_config
from mmpose.config.migration.dialect import OURS, V1, find_dialect
from mmpose.registry import MODELS
from tools import migrate_config
from toy_pose import ToySpec, generate_toy_dataset

CONFIGS = Path(__file__).parents[2] / 'configs'
BOXES = 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json'


def test_every_part_is_translated(tmp_path, capfd):
    cfg = load_config(write_config(tmp_path))
    codec = dict(
        type='UDPHeatmap',
        input_size=(48, 64),
        heatmap_size=(12, 16),
        sigma=2,
        blur_border='zero',
    )
    assert find_dialect(cfg) == OURS
    assert check_config(cfg) == []
    assert cfg.model.metainfo == 'coco'
    assert cfg.model.pretrained == 'mae.pth'
    assert cfg.model.backbone.to_dict() == dict(
        type='ViT',
        img_size=(64, 48),
        patch_size=16,
        in_chans=3,
        embed_dim=24,
        depth=2,
        num_heads=3,
        mlp_ratio=4.0,
        qkv_bias=True,
        drop_path_rate=0.1,
    )
    assert cfg.model.head.decoder.to_dict() == codec
    assert cfg.model.head.loss.type == 'KeypointMSELoss'
    assert cfg.model.test_cfg.to_dict() == dict(
        flip_test=True, flip_mode='heatmap', shift_heatmap=False
    )
    steps = [step.type for step in cfg.train_dataloader.dataset.pipeline]
    assert steps == [
        'LoadImage',
        'GetBBoxCenterScale',
        'RandomFlip',
        'RandomHalfBody',
        'RandomBBoxTransform',
        'TopdownAffine',
    ]
    assert cfg.train_dataloader.sampler.to_dict() == dict(type='PoseSampler', shuffle=True)
    assert cfg.val_dataloader.dataset.bbox_file == BOXES  # from data_root, as here
    assert cfg.val_evaluator.to_dict() == dict(type='CocoMetric')
    assert cfg.train_cfg.to_dict() == dict(max_epochs=1, val_interval=1)
    assert cfg.optim_wrapper.paramwise_cfg.to_dict() == dict(layer_decay_rate=0.8)
    assert cfg.default_hooks.checkpoint.save_best == 'coco/AP'
    assert not {'visualization', 'badcase'} & set(cfg.default_hooks)
    assert cfg.custom_hooks == []
    assert cfg.custom_imports.imports == ['mmcv_custom']
    said = capfd.readouterr().err
    assert 'config of MMPose 1.x, translated: ' in said
    assert ', 1 not exact:\n  model.backbone.with_cls_token -> row 0 of pos_embed' in said


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('body/**/toy/*.py'))[:2], ids=lambda x: x.stem)
def test_configs_of_ours_are_left_alone(path):
    assert find_dialect(read_config(path)) == OURS


def test_a_dumped_translation_is_a_config_of_ours(tmp_path):
    cfg = load_config(write_config(tmp_path))
    cfg.dump(tmp_path / 'dumped.py')
    assert load_config(tmp_path / 'dumped.py').to_dict() == cfg.to_dict()


def test_overrides_by_their_words_and_by_ours(tmp_path):
    options = {
        'train_dataloader.batch_size': 7,
        'train_dataloader.dataset.indices': 5,
        'model.test_cfg.flip_test': False,
        'model.backbone.arch.num_layers': 3,
        'codec.sigma': 3,
        'model.pretrained': None,
        'model.backbone.frozen_stages': 1,
        'model.head.decoder.blur_border': 'reflect',
        'model.head.upsample': 1,
        'val_dataloader.dataset.bbox_file': None,
    }
    cfg = load_config(write_config(tmp_path), options)
    assert cfg.train_dataloader.batch_size == 7
    assert cfg.train_dataloader.dataset.indices == 5
    assert cfg.model.test_cfg.to_dict() == dict(flip_test=False)
    assert cfg.model.backbone.depth == 3
    assert cfg.model.head.decoder.sigma == 3
    assert cfg.model.pretrained is None
    assert cfg.model.backbone.frozen_stages == 1
    assert cfg.model.head.decoder.blur_border == 'reflect'
    assert cfg.model.head.upsample == 1
    assert 'bbox_file' not in cfg.val_dataloader.dataset
    assert cfg.test_dataloader == cfg.val_dataloader
    # rates go by the two layers that the config still names
    assert cfg.optim_wrapper.paramwise_cfg.num_layers == 2


def test_data_root_moves_what_begins_with_data(tmp_path):
    cfg = load_config(write_config(tmp_path), data_root='/sets')
    dataset = cfg.val_dataloader.dataset
    assert dataset.data_root == '/sets/coco/'
    assert dataset.bbox_file == BOXES


@pytest.mark.parametrize(
    ('text', 'new', 'key', 'message'),
    [
        ("'TopdownPoseEstimator'", "'BottomupPoseEstimator'", 'model.type', 'has no counterpart'),
        ("type='UDPHeatmap', input", "type='SimCCLabel', input", 'decoder.type', "'SimCCLabel'"),
        ("'HeatmapHead'", "'RTMCCHead'", 'model.head.type', 'heads are HeatmapHead'),
        ('with_cls_token=False', 'with_cls_token=True', 'with_cls_token', 'set it to False'),
        ('patch_cfg=dict(padding=2)', 'patch_cfg=dict()', 'patch_cfg', "only {'padding': 2}"),
        ("out_type='featmap', ", '', 'out_type', "is 'cls_token'"),
        ("data_mode = 'topdown'", "data_mode = 'bottomup'", 'data_mode', "only 'topdown'"),
        ("'RandomHalfBody'", "'MixUp'", 'pipeline.3.type', "'MixUp' has no counterpart"),
        ("direction='horizontal'", "direction='vertical'", 'direction', 'only horizontal'),
        ("dataset_type = 'CocoDataset'", "dataset_type = 'H36MWholeBodyDataset'",
         'dataset.type', 'has 3D poses'),
        ("'CocoMetric'", "'MPJPE'", 'val_evaluator.type', "'MPJPE' has no counterpart"),
        ('max_keep_ckpts=1', 'save_begin=3', 'checkpoint.save_begin', 'has no counterpart'),
        ('max_epochs=1,', "type='IterBasedTrainLoop',", 'train_cfg.type', 'count epochs'),
        ('drop_path_rate=0.1', 'beit_style=True', 'backbone.beit_style', 'has no counterpart'),
        ("'mmpretrain.VisionTransformer'", "'mmpretrain.XCiT'", 'backbone.type', "'XCiT'"),
        ('shift_heatmap=False', 'shift_heatmap=True', 'test_cfg.flip_test', 'cannot be'),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused_by_its_key(tmp_path, text, new, key, message):
    path = write_config(tmp_path, (text, new))
    with pytest.raises(ValueError, match=r'of MMPose 1[.]x cannot be run here') as error:
        load_config(path)
    assert key in str(error.value)
    assert message in str(error.value)


def test_all_refusals_are_listed_at_once(tmp_path):
    path = write_config(tmp_path, ("'RandomHalfBody'", "'MixUp'"), ("'CocoMetric'", "'MPJPE'"))
    with pytest.raises(ValueError, match=r"'MixUp' has .*; val_evaluator.type 'MPJPE' has"):
        load_config(path)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ([("'TopdownPoseEstimator'", "'BottomupPoseEstimator'"),
          ("constructor='LayerDecayOptimWrapperConstructor',", '')],
         r"model\.type 'BottomupPoseEstimator' has no counterpart"),
        ([("type='CocoMetric', ", '')], r"val_evaluator\.type '' has no counterpart"),
    ],
)  # fmt: skip
def test_refused_by_name_without_backbone_or_type(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load_config(write_config(tmp_path, *changes))


def test_targets_of_another_codec_are_refused(tmp_path):
    path = write_config(tmp_path, ('encoder=codec', 'encoder=dict(codec, sigma=3)'))
    with pytest.raises(ValueError, match=r'pipeline\.6\.encoder is not the decoder of the head'):
        load_config(path)


@pytest.mark.parametrize(
    ('text', 'new', 'found', 'expected'),
    [
        ("type='UDPHeatmap', input",
         "type='UDPHeatmap', heatmap_type='combined', blur_kernel_size=5, input",
         'model.head.decoder.type', 'UDPCombinedHeatmap'),
        ("'CocoDataset'", "'HumanArtDataset'", 'train_dataloader.dataset.metainfo', 'coco'),
        ("'CocoDataset'", "'mmpose.AP10KDataset'", 'model.metainfo', 'ap10k'),
        ("'CocoMetric', ann", "'CocoMetric', iou_type='keypoints_crowd', use_area=False, ann",
         'val_evaluator.type', 'CrowdPoseMetric'),
        ('        decoder=codec', '        deconv_out_channels=None, decoder=codec',
         'model.head.deconv_out_channels', None),
        ("test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False)", '',
         'model.test_cfg', {'flip_test': False}),
        ('mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],\n        bgr_to_rgb=True',
         '', 'model.data_preprocessor',
         dict(type='PoseDataPreprocessor', mean=[0.0] * 3, std=[1.0] * 3, bgr_to_rgb=False)),
        ('    head=dict(', "    neck=dict(type='FeatureMapProcessor', scale_factor=4.0, "
         'apply_relu=True),\n    head=dict(', 'model.head.upsample', 4),
        ('encoder=codec', 'encoder=codec, use_dataset_keypoint_weights=True',
         'model.use_dataset_keypoint_weights', True),
        ('test_mode=True', 'test_mode=True, filter_cfg=dict(bbox_score_thr=0.3)',
         'val_dataloader.dataset.bbox_score_thr', 0.3),
        ('arch=dict(embed_dims=24, num_layers=2, num_heads=3, feedforward_channels=96)',
         "arch='huge'", 'model.backbone.embed_dim', 1280),
    ],
)  # fmt: skip
def test_words_that_are_others_here(tmp_path, text, new, found, expected):
    changes = [(text, new)]
    if 'combined' in new:
        changes.append(("'heatmap', shift", "'udp_combined', shift"))
    if 'deconv_out_channels=None' in new:
        changes.append((' deconv_out_channels=(8, 8),', ''))
    cfg = load_config(write_config(tmp_path, *changes), check=False)
    value = cfg
    for name in found.split('.'):
        value = value[name]
    assert (value.to_dict() if hasattr(value, 'to_dict') else value) == expected


SKELETON = """
dataset_info = dict(
    dataset_name='stick',
    keypoint_info={
        0: dict(name='left_end', id=0, color=[255, 0, 0], type='upper', swap='right_end'),
        1: dict(name='right_end', id=1, color=[0, 255, 0], type='upper', swap='left_end')},
    skeleton_info={0: dict(link=('left_end', 'right_end'), id=0, color=[0, 0, 255])},
    joint_weights=[1.0, 2.0], sigmas=[0.025, 0.05])
"""


def test_a_skeleton_from_a_file_of_the_repository_of_the_config(tmp_path):
    path = write_config(
        tmp_path / 'configs',
        ('ann_file=', "metainfo=dict(from_file='configs/_base_/stick.py'), ann_file="),
        (
            "type='CocoMetric', metainfo=dict(from_file='configs/_base_/stick.py'), ",
            "type='CocoMetric', ",
        ),
        ('out_channels=17', 'out_channels=2'),
    )
    (tmp_path / 'configs/_base_/stick.py').write_text(SKELETON)
    cfg = load_config(path)
    model = MODELS.build(cfg.model.to_dict() | {'pretrained': None})
    assert model.dataset_meta.keypoint_names == ('left_end', 'right_end')
    assert model.dataset_meta.dataset_keypoint_weights.tolist() == [1, 2]


@pytest.mark.parametrize(
    ('network', 'neck', 'head', 'expected'),
    [
        ("'ResNet', depth=18", '', 'in_channels=512', 4),
        ("'ResNet', depth=18, out_indices=(0, 1)", "dict(type='FeatureMapProcessor', concat=True)",
         'in_channels=192, deconv_out_channels=None, conv_out_channels=(20,), '
         'conv_kernel_sizes=(1,)', (1, 2)),
        ("'ResNet', depth=18, out_indices=(0, 1)",
         "dict(type='FeatureMapProcessor', select_index=0)",
         'in_channels=64, deconv_out_channels=None', 1),
    ],
)  # fmt: skip
def test_maps_of_a_backbone_of_timm(tmp_path, network, neck, head, expected):
    """A head reads the last map, the one that a neck chooses, or all that a neck joins."""
    pytest.importorskip('timm', reason='timm is not installed')
    sizes = ('(48, 64), heatmap_size=(12, 16)', '(64, 64), heatmap_size=(16, 16)')
    path = write_config(tmp_path, sizes)
    text = path.read_text()
    start, end = text.index('    backbone=dict('), text.index('    head=dict(')
    neck = f'    neck={neck},\n' if neck else ''
    text = f'{text[:start]}    backbone=dict(type={network}),\n{neck}{text[end:]}'
    text = text.replace('in_channels=24', head).replace(' deconv_out_channels=(8, 8),', '')
    text = text.replace('deconv_kernel_sizes=(4, 4), ', '')
    start, end = text.index('    paramwise_cfg='), text.index('    clip_grad')
    path.write_text(text[:start] + text[end:])
    cfg = load_config(path)
    assert (cfg.model.backbone.name, cfg.model.backbone.out_indices) == ('resnet18', expected)
    with torch.device('meta'):
        model = MODELS.build(cfg.model.to_dict()).to('meta').eval()
        assert model(torch.zeros(1, 3, 64, 64), mode='tensor').shape == (1, 17, 16, 16)


def test_a_placeholder_of_a_published_config_counts_as_none(tmp_path):
    path = write_config(tmp_path, further='load_from = YOUR_PRETRAINED_PATH\n')
    with pytest.warns(UserWarning, match='YOUR_PRETRAINED_PATH is for you to fill in'):
        assert load_config(path).load_from is None
    with pytest.warns(UserWarning, match='can set what it is for'):
        assert load_config(path, {'load_from': 'mine.pth'}).load_from == 'mine.pth'
    with pytest.raises(ValueError, match=r"leaf\.py: name 'nonsense' is not"):
        load_config(write_config(tmp_path, further='work_dir = nonsense\n'))


def test_training_and_test_from_the_unmodified_file(tmp_path):
    generate_toy_dataset(tmp_path / 'coco', ToySpec(5, 3, 0, 'coco'), 1)
    path, options = write_config(tmp_path / 'theirs'), {'model.pretrained': None}
    cfg = load_config(path, options, str(tmp_path))
    run_training(prepare_training(cfg, work_dir=str(tmp_path / 'work'), seed=1))
    assert find_dialect(read_config(tmp_path / 'work' / 'config.py')) == OURS
    cfg = load_config(path, options, str(tmp_path))
    checkpoint = str(tmp_path / 'work' / 'epoch_1.pth')
    metrics = run_test(prepare_test(cfg, checkpoint, work_dir=str(tmp_path / 'test')))
    assert 'coco/AP' in metrics


def test_tool_writes_our_form_and_a_line_per_key(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    path, out = write_config(tmp_path), tmp_path / 'mine.py'
    monkeypatch.setattr('sys.argv', ['migrate_config.py', str(path), str(out)])
    migrate_config.main()
    lines = capsys.readouterr().out.splitlines()
    assert 'exact          model.backbone.type -> ViT' in lines
    assert any(line.startswith('not exact      model.backbone.with_cls_token') for line in lines)
    assert 'no effect      custom_hooks.0: done here anyway' in lines
    assert load_config(out).to_dict() == load_config(path).to_dict()
    migrate_config.main()  # what it made it may replace
    out.write_text('mine')
    with pytest.raises(FileExistsError, match='no command of this project has made it'):
        migrate_config.main()
    out.unlink()
    write_config(tmp_path, ("'RandomHalfBody'", "'MixUp'"))
    with pytest.raises(SystemExit, match='keys without a counterpart: 1'):
        migrate_config.main()
    assert (
        "no counterpart train_dataloader.dataset.pipeline.3.type: 'MixUp' has"
        in capsys.readouterr().out
    )
    assert not out.exists()


def test_weights_of_the_skeleton_multiply_the_loss(tmp_path):
    config = load_config(write_config(tmp_path)).model.to_dict() | {'pretrained': None}
    plain = MODELS.build(config)
    weighted = MODELS.build(config | {'use_dataset_keypoint_weights': True})
    weighted.load_state_dict(plain.state_dict())
    weights = weighted.dataset_meta.dataset_keypoint_weights
    assert len(np.unique(weights)) > 1
    points = torch.rand(2, 17, 2) * 40 + 4
    features = torch.rand(2, 24, 4, 3)
    for k in (0, 9):
        seen = torch.zeros(2, 17)
        seen[:, k] = 1
        losses = [
            one.head.loss(features, points, seen)['loss_heatmap'] for one in (plain, weighted)
        ]
        assert losses[1].item() == pytest.approx(weights[k] * losses[0].item(), rel=1e-5)


def test_dialects():
    assert find_dialect({'model': {'type': 'TopDown'}, 'log_config': {}}) != OURS
    assert find_dialect({'train_cfg': {'by_epoch': True, 'max_epochs': 3}}) == V1
    assert find_dialect({'train_cfg': {'max_epochs': 3}, 'model': {'type': 'X'}}) == OURS
    hooks = [{'type': 'PoseVisualizationHook'}]
    assert find_dialect(Config({'custom_hooks': hooks})) == V1
    own = {'train_cfg': {'by_epoch': True}, 'model': {'metainfo': 'coco'}}
    assert find_dialect(Config(own)) == OURS
