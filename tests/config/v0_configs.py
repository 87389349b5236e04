"""Writes a small config in the words of MMPose 0.x, as its users have them, with base files."""

import copy
from pathlib import Path

from mmpose.config.load import read_config

TARGET = 7  # step of the pipeline
RUNTIME = """
checkpoint_config = dict(interval=10)
log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook')])
log_level = 'INFO'
load_from = None
resume_from = None
dist_params = dict(backend='nccl')
workflow = [('train', 1)]
opencv_num_threads = 0
mp_start_method = 'fork'
"""
SKELETON = """
dataset_info = dict(
    dataset_name='lamp',
    paper_info=dict(author='A. Lamp', title='Lamps', year='2022'),
    keypoint_info={
        0: dict(name='top', id=0, color=[51, 153, 255], type='upper', swap=''),
        1: dict(name='left_arm', id=1, color=[0, 255, 0], type='upper', swap='right_arm'),
        2: dict(name='right_arm', id=2, color=[255, 128, 0], type='upper', swap='left_arm'),
        3: dict(name='foot', id=3, color=[51, 153, 255], type='lower', swap=''),
    },
    skeleton_info={
        0: dict(link=('top', 'foot'), id=0, color=[51, 153, 255]),
        1: dict(link=('left_arm', 'right_arm'), id=1, color=[1, 2, 3])},
    joint_weights=[1.] * 2 + [1.5, 1.2],
    sigmas=[0.02, 0.05, 0.05, 0.08])
"""
LEAF = """
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/mine.py']
evaluation = dict(interval=10, metric='mAP', save_best='AP')
optimizer = dict(
    type='AdamW', lr=5e-4, betas=(0.9, 0.999), weight_decay=0.1,
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(
        num_layers=12, layer_decay_rate=0.75, custom_keys={'bias': dict(decay_multi=0.)}))
optimizer_config = dict(grad_clip=dict(max_norm=1., norm_type=2))
lr_config = dict(
    policy='step', warmup='linear', warmup_iters=500, warmup_ratio=0.001, step=[170, 200])
total_epochs = 210
target_type = 'GaussianHeatmap'
channel_cfg = dict(num_output_channels=17, dataset_joints=17)
model = dict(
    type='TopDown',
    pretrained=None,
    backbone=dict(
        type='ViT', img_size=(256, 192), patch_size=16, embed_dim=768, depth=12, num_heads=12,
        mlp_ratio=4, qkv_bias=True, drop_path_rate=0.3),
    keypoint_head=dict(
        type='TopdownHeatmapSimpleHead', in_channels=768, num_deconv_layers=2,
        num_deconv_filters=(256, 256), num_deconv_kernels=(4, 4), extra=dict(final_conv_kernel=1),
        out_channels=channel_cfg['num_output_channels'],
        loss_keypoint=dict(type='JointsMSELoss', use_target_weight=True)),
    train_cfg=dict(),
    test_cfg=dict(
        flip_test=True, post_process='default', shift_heatmap=False, target_type=target_type,
        modulate_kernel=11, use_udp=True))
data_cfg = dict(
    image_size=[192, 256], heatmap_size=[48, 64], num_output_channels=17, num_joints=17,
    dataset_channel=[list(range(17))], inference_channel=list(range(17)), soft_nms=False,
    nms_thr=1.0, oks_thr=0.9, vis_thr=0.2, use_gt_bbox=False, det_bbox_thr=0.0,
    bbox_file='data/coco/person_detection_results/'
    'COCO_val2017_detections_AP_H_56_person.json')
NORM = dict(type='NormalizeTensor', mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TopDownRandomFlip', flip_prob=0.5),
    dict(type='TopDownHalfBodyTransform', num_joints_half_body=8, prob_half_body=0.3),
    dict(type='TopDownGetRandomScaleRotation', rot_factor=40, scale_factor=0.5),
    dict(type='TopDownAffine', use_udp=True),
    dict(type='ToTensor'),
    NORM,
    dict(type='TopDownGenerateTarget', sigma=2, encoding='UDP', target_type=target_type),
    dict(type='Collect', keys=['img', 'target', 'target_weight'], meta_keys=['center', 'scale']),
]
val_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TopDownAffine', use_udp=True),
    dict(type='ToTensor'),
    NORM,
    dict(type='Collect', keys=['img'], meta_keys=['center', 'scale']),
]
data_root = 'data/coco'
data = dict(
    samples_per_gpu=64,
    workers_per_gpu=4,
    val_dataloader=dict(samples_per_gpu=32),
    test_dataloader=dict(samples_per_gpu=32),
    train=dict(
        type='TopDownCocoDataset',
        ann_file=f'{data_root}/annotations/person_keypoints_train2017.json',
        img_prefix=f'{data_root}/train2017/', data_cfg=data_cfg, pipeline=train_pipeline,
        dataset_info={{_base_.dataset_info}}),
    val=dict(
        type='TopDownCocoDataset',
        ann_file=f'{data_root}/annotations/person_keypoints_val2017.json',
        img_prefix=f'{data_root}/val2017/', data_cfg=data_cfg, pipeline=val_pipeline,
        dataset_info={{_base_.dataset_info}}))
data['test'] = data['val']
"""


def write_config(folder: Path, skeleton: str = SKELETON) -> Path:
    """Writes the leaf and its base files, and returns the leaf."""
    files = {
        '_base_/default_runtime.py': RUNTIME,
        '_base_/datasets/mine.py': skeleton,
        'body/leaf.py': LEAF,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return path


def coco_info() -> dict:
    """Returns COCO's skeleton as a ``dataset_info``, in other colours than ours."""
    from mmpose.metainfo import load_metainfo

    meta = load_metainfo('coco')
    names = meta.keypoint_names
    return dict(
        dataset_name='coco',
        keypoint_info={
            i: dict(
                name=name,
                type='upper' if i in meta.upper_body_ids else 'lower',
                swap='' if i == j else names[j],
            )
            for i, (name, j) in enumerate(zip(names, meta.flip_indices, strict=True))
        },
        skeleton_info={
            i: dict(link=(names[a], names[b])) for i, (a, b) in enumerate(meta.skeleton_links)
        },
        joint_weights=meta.dataset_keypoint_weights.tolist(),
        sigmas=meta.sigmas.tolist(),
    )


def read_leaf(folder: Path) -> dict:
    """Returns the composed leaf for COCO as a plain dict."""
    path = write_config(folder, f'dataset_info = {coco_info()!r}')
    return read_config(path).to_dict()


def several_datasets(leaf: dict) -> dict:
    """ViTPose+ on COCO and AI Challenger, whose 14 keypoints are padded to 17."""
    leaf['model'] |= dict(type='TopDownMoE')
    leaf['model']['backbone'] |= dict(
        type='ViTMoE', num_expert=2, part_features=6, img_size=(64, 48), embed_dim=24, depth=1,
        num_heads=3,
    )  # fmt: skip
    first = leaf['model']['keypoint_head']
    first |= dict(in_channels=24, num_deconv_filters=(8, 8))
    leaf['model']['associate_keypoint_head'] = [copy.deepcopy(first)]
    sizes = dict(image_size=[48, 64], heatmap_size=[12, 16])
    for phase in ('train', 'val', 'test'):
        leaf['data'][phase]['data_cfg'] |= dict(sizes, max_num_joints=17, dataset_idx=0)
    second = copy.deepcopy(leaf['data']['train'])
    second['type'] = 'TopDownAicDataset'
    second['data_cfg'] |= dict(dataset_idx=1, use_gt_bbox=True)
    second['pipeline'][4] = dict(type='TopDownAffine')
    second['pipeline'][TARGET] = dict(type='TopDownGenerateTarget', sigma=2)
    second.pop('dataset_info', None)
    leaf['data']['train'] = [second, leaf['data']['train']]  # out of order
    return leaf


def pgvl_of(leaf: dict) -> dict:
    """PGVL with few and narrow layers."""
    model = leaf['model']
    model |= dict(
        type='PGVL', clip_pretrained='clip.pt', context_length=5, CL_ratio=0.0005,
        parse_dim_list=[32], ew=[2], gp_list=[[2, 2]], num_heads=2, target_dim=32,
        src_to_dim=[24, 32], mode=3, class_names=['nose'] * 17, context_decoder=None,
        text_encoder=dict(
            type='CLIPTextContextEncoder', context_length=13, embed_dim=32, transformer_width=32,
            transformer_heads=2, transformer_layers=1, pretrained='clip.pt', style='pytorch'),
        prompt_encoder=dict(
            type='PromptEncoderWithoutPositionemb', prompt_num=17, transformer_width=32,
            transformer_heads=2, transformer_layers=1, embed_dim=32, style='pytorch'),
    )  # fmt: skip
    model['backbone'] = dict(
        type='MY_VIT_VisionTransformer', img_size=(192, 256), embed_dim=24, depth=1, num_heads=3,
        pretrained='mae.pth', style='pytorch',
    )  # fmt: skip
    model['keypoint_head'] |= dict(in_channels=32, num_deconv_filters=(8, 8))
    del leaf['optimizer']['constructor']
    leaf['optimizer']['paramwise_cfg'] = dict(
        custom_keys={'text_encoder': dict(lr_mult=0.0), 'backbone': dict(lr_mult=0.1)}
    )
    return leaf


def _without_skeletons(folder: Path, kind: str) -> dict:
    """Returns the leaf for a dataset class, whose own skeleton it takes."""
    leaf = read_config(write_config(folder)).to_dict()
    for phase in ('train', 'val', 'test'):
        leaf['data'][phase]['type'] = kind
        del leaf['data'][phase]['dataset_info']
    del leaf['dataset_info']
    return leaf


def lamps(folder: Path) -> dict:
    """A skeleton of the user's own."""
    leaf = read_config(write_config(folder)).to_dict()
    leaf['model']['keypoint_head']['out_channels'] = 4
    return leaf


def mpii(folder: Path) -> dict:
    leaf = _without_skeletons(folder, 'TopDownMpiiDataset')
    leaf['model']['keypoint_head']['out_channels'] = 16
    leaf['evaluation'] |= dict(metric='PCKh', save_best='PCKh')
    leaf['fp16'] = dict(loss_scale='dynamic')
    leaf['lr_config'] = dict(policy='CosineAnnealing', min_lr=1e-6, warmup=None)
    return leaf


def wholebody(folder: Path) -> dict:
    leaf = _without_skeletons(folder, 'TopDownCocoWholeBodyDataset')
    leaf['model']['keypoint_head']['out_channels'] = 133
    return leaf


def ap10k(folder: Path) -> dict:
    """With HRNet, whose backbone is one of timm."""
    leaf = _without_skeletons(folder, 'AnimalAP10KDataset')
    widths = {2: (32, 64), 3: (32, 64, 128), 4: (32, 64, 128, 256)}
    stages = {
        f'stage{n}': dict(
            num_modules=modules, num_branches=n, block='BASIC', num_blocks=(4,) * n,
            num_channels=widths[n])
        for n, modules in ((2, 1), (3, 4), (4, 3))
    }  # fmt: skip
    first = dict(
        num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(4,), num_channels=(64,)
    )
    leaf['model']['backbone'] = dict(
        type='HRNet', in_channels=3, extra=dict(stage1=first, **stages)
    )
    leaf['model']['keypoint_head'] |= dict(in_channels=32, num_deconv_layers=0)
    leaf['optimizer'] = dict(type='Adam', lr=5e-4)
    return leaf


KINDS = {
    'lamps': lamps,
    'MPII': mpii,
    'whole-body': wholebody,
    'AP-10K': ap10k,
    'ViTPose+': lambda folder: several_datasets(_without_skeletons(folder, 'TopDownCocoDataset')),
    'PGVL': lambda folder: pgvl_of(_without_skeletons(folder, 'TopDownCocoDataset')),
}
