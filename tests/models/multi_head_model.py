"""A tiny model of three datasets and a batch for it."""

from __future__ import annotations

from typing import Any

import torch

from mmpose.models import MultiHeadPoseEstimator, TopdownPoseEstimator
from mmpose.registry import MODELS

NAMES = ['coco', 'aic', 'face']
SKELETONS = ['coco', 'aic', 'coco_wholebody_face']
NUM_KEYPOINTS = (17, 14, 68)
CODECS = ('UDPHeatmap', 'MSRAHeatmap', 'UDPHeatmap')
BACKBONE = dict(img_size=(64, 48), embed_dim=16, depth=2, num_heads=2)


def head_config(index: int, **options: Any) -> dict[str, Any]:
    """Config of the head of a dataset."""
    codec = dict(type=CODECS[index], input_size=(48, 64), heatmap_size=(12, 16), sigma=2)
    config = dict(
        type='HeatmapHead',
        in_channels=16,
        out_channels=NUM_KEYPOINTS[index],
        decoder=codec,
        deconv_out_channels=(8, 8),
        deconv_kernel_sizes=(4, 4),
    )
    return {**config, **options}


def make_model(backbone: dict[str, Any] | None = None, **options: Any) -> MultiHeadPoseEstimator:
    """A model whose every weight is drawn, batch statistics too."""
    config = dict(
        type='MultiHeadPoseEstimator',
        backbone=dict(type='ViTMoE', num_expert=3, **BACKBONE) | (backbone or {}),
        heads=[head_config(i) for i in range(3)],
        metainfo=SKELETONS,
        names=NAMES,
    )
    return randomize(MODELS.build(config | options))


def make_single(index: int, **options: Any) -> TopdownPoseEstimator:
    """The plain model of one dataset."""
    config = dict(
        type='TopdownPoseEstimator',
        backbone=dict(type='ViT', **BACKBONE),
        head=head_config(index),
        metainfo=SKELETONS[index],
    )
    return randomize(MODELS.build(config | options))


def randomize(model: Any) -> Any:
    """Draws every weight and running statistic of a model."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith('running_var'):
            tensor.copy_(1 + noise.abs())
        elif tensor.is_floating_point():
            is_scale = tensor.ndim == 1 and name.endswith('weight')
            tensor.copy_(is_scale + 0.1 * noise)
    return model


def make_batch(dataset_idx: list[int], max_keypoints: int | None = None) -> dict[str, Any]:
    """What the collate function gives: joints padded with zeros."""
    num, generator = len(dataset_idx), torch.Generator().manual_seed(2)
    counts = [NUM_KEYPOINTS[i] for i in dataset_idx]
    size = max_keypoints or max(counts)
    keypoints = torch.rand(num, size, 2, generator=generator) * torch.tensor([47.0, 63.0])
    keypoints_visible = (torch.rand(num, size, generator=generator) > 0.3).float()
    for row, count in enumerate(counts):
        keypoints[row, count:], keypoints_visible[row, count:] = 0, 0
    center = torch.rand(num, 2, generator=generator) * 100
    return {
        'keypoints': keypoints,
        'keypoints_visible': keypoints_visible,
        'dataset_idx': torch.tensor(dataset_idx),
        'center': center,
        'scale': torch.tensor([[96.0, 128.0]]).repeat(num, 1),
        'rotation': torch.zeros(num),
        'bbox_xywh': torch.cat([center - 40, torch.full((num, 2), 80.0)], 1),
        'bbox_score': torch.ones(num),
        'ann_id': torch.arange(num) + 100,
        'category_id': torch.ones(num, dtype=torch.long),
        'img_id': list(range(num)),
        'image_file': [f'{i}.jpg' for i in range(num)],
    }


def make_images(num: int) -> torch.Tensor:
    """Normalised images (B, 3, 64, 48)."""
    return torch.randn(num, 3, 64, 48, generator=torch.Generator().manual_seed(1))


def take(batch: dict[str, Any], rows: list[int], num_keypoints: int) -> dict[str, Any]:
    """Some samples of a batch, with the joints of their own skeleton only."""
    part = {
        key: value[rows] if isinstance(value, torch.Tensor) else [value[i] for i in rows]
        for key, value in batch.items()
    }
    part['keypoints'] = part['keypoints'][:, :num_keypoints]
    part['keypoints_visible'] = part['keypoints_visible'][:, :num_keypoints]
    return part
