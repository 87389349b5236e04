"""Heatmaps of checkpoints, to show that two of them are the same function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmpose.checkpoints.describe import Architecture, HeadShape
from mmpose.checkpoints.formats import StateDict, below
from mmpose.checkpoints.heads import num_datasets_of, select_dataset
from mmpose.checkpoints.load import load_model
from mmpose.config.load import read_config
from mmpose.models.pose_estimators.base import NUM_COLORS
from mmpose.registry import MODELS

NUM_IMAGES = 2
SEED = 0


def backbone_config(shape: Architecture) -> dict[str, Any]:
    """Returns the config of the plain backbone that weights belong to."""
    return dict(
        type='ViT',
        img_size=shape.input_hw,
        patch_size=shape.patch_size,
        embed_dim=shape.embed_dim,
        depth=shape.depth,
        num_heads=shape.num_heads,
        mlp_ratio=shape.mlp_ratio,
        qkv_bias=shape.qkv_bias,
        last_norm=shape.last_norm,
        stem=shape.stem,
        condition_chans=shape.condition_chans,
    )


def head_config(shape: Architecture, head: HeadShape) -> dict[str, Any]:
    """Returns the config of a head that weights belong to."""
    factor = head.upsample * 2 ** len(head.deconv_out_channels)
    height, width = (side * factor for side in shape.grid_hw)
    return dict(
        type='HeatmapHead',
        in_channels=shape.embed_dim,
        out_channels=head.out_channels,
        deconv_out_channels=head.deconv_out_channels,
        deconv_kernel_sizes=head.deconv_kernel_sizes,
        upsample=head.upsample,
        final_layer=dict(kernel_size=head.final_kernel),
        decoder=dict(
            type='MSRAHeatmap',
            input_size=shape.input_hw[::-1],
            heatmap_size=(width, height),
            sigma=2,
        ),
    )


def heatmaps_of_weights(state: StateDict, shape: Architecture) -> list[Tensor]:
    """Returns what weights make of fixed random images, for each dataset that they tell apart.

    Returns:
        (B, C, H, W) per dataset.

    Raises:
        ValueError: If the model reads texts, which weights do not show.
    """
    if shape.parse_graph is not None:
        raise ValueError('a PGVL model reads texts, which only its config has; give --config')
    backbone = MODELS.build(backbone_config(shape)).eval()
    images = _images(NUM_COLORS + shape.condition_chans, shape.input_hw)
    outputs = []
    for dataset in range(num_datasets_of(state)):
        head_shape = shape.heads[dataset if len(shape.heads) > 1 else 0]
        head = MODELS.build(head_config(shape, head_shape)).eval()
        plain = select_dataset(state, dataset)
        _load_part(backbone, plain, 'backbone.')
        _load_part(head, plain, 'head.')
        with torch.no_grad():
            outputs.append(head(backbone(images)))
    return outputs


def heatmaps_of_config(config: str | Path, checkpoint: str | Path, trust: bool) -> list[Tensor]:
    """Returns what the model of a config makes of fixed random images, for each of its datasets.

    Returns:
        (B, C, H, W) per dataset.
    """
    cfg = read_config(config)
    model = MODELS.build({**cfg.model, 'pretrained': None}).eval()
    load_model(model, checkpoint, trust)
    heads = list(model.heads) if hasattr(model, 'heads') else [model.head]
    height, width = heads[0].input_size[::-1]
    images = _images(model.num_channels, (height, width))
    outputs = []
    for dataset, head in enumerate(heads):
        index = torch.full((NUM_IMAGES,), dataset)
        takes_index = getattr(model.backbone, 'takes_dataset_idx', False) and len(heads) > 1
        with torch.no_grad():
            features = model.extract_feat(images, index if takes_index else None)
            outputs.append(head(features))
    return outputs


def largest_difference(before: list[Tensor], after: list[Tensor]) -> float:
    """Returns the largest absolute difference between two lists of heatmaps.

    Raises:
        ValueError: If they differ in number or shape.
    """
    shapes = [[tuple(x.shape) for x in maps] for maps in (before, after)]
    if shapes[0] != shapes[1]:
        raise ValueError(f'heatmaps of shapes {shapes[0]} became {shapes[1]}')
    return max(float((a - b).abs().max()) for a, b in zip(before, after, strict=True))


def _images(num_channels: int, input_hw: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(SEED)
    return torch.randn(NUM_IMAGES, num_channels, *input_hw, generator=generator)


def _load_part(part: nn.Module, state: StateDict, prefix: str) -> None:
    inner = below(state, prefix).items()
    inner = {k: x.long() if k.endswith('num_batches_tracked') else x.float() for k, x in inner}
    part.load_state_dict(inner, strict=True)
