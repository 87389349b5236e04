"""Models for benchmarks and FLOPs, with random weights, and dataset indices of a mixed batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmpose.metainfo import load_metainfo
from mmpose.models.backbones.vit_moe import plain_config
from mmpose.models.pose_estimators.base import PoseEstimator
from mmpose.registry import MODELS

OF_CHECKPOINTS = ('pretrained', 'pretrained_metainfo')


def build_model(model_cfg: dict[str, Any]) -> PoseEstimator:
    """Builds an estimator that loads no checkpoint."""
    return MODELS.build({k: v for k, v in model_cfg.items() if k not in OF_CHECKPOINTS})


def build_plain(model: PoseEstimator, model_cfg: dict[str, Any]) -> PoseEstimator | None:
    """Builds the same estimator with a plain ViT and nothing else between it and the heads.

    Returns:
        The plain one; None if the model has neither experts nor language.
    """
    if reads_texts(model):
        return build_model(model.plain_config(model_cfg))
    if not getattr(model.backbone, 'takes_dataset_idx', False):
        return None
    return build_model({**model_cfg, 'backbone': plain_config(model_cfg['backbone'])})


def reads_texts(model: PoseEstimator) -> bool:
    """Tells whether a model has a text encoder."""
    return hasattr(model, 'text_encoder')


def kind_of(model: PoseEstimator) -> str:
    """Returns the name of a model with a plain reference: of its language part or its backbone."""
    if reads_texts(model):
        return type(model).__name__.removesuffix('Estimator')
    return type(model.backbone).__name__


def input_size(model: PoseEstimator) -> tuple[int, int]:
    """Returns the size of the crops, which all datasets share."""
    return next(iter(model.all_heads())).input_size


def deal_datasets(model: PoseEstimator, batch_size: int) -> Tensor:
    """Returns the dataset of each crop of a mixed batch, (batch_size,) int64, on the CPU.

    The datasets take turns, so that all have the same share. A model that trains one expert only
    gets crops of its dataset.
    """
    trained = getattr(model.backbone, 'trained_expert', None)
    if trained is not None:
        return torch.full((batch_size,), trained, dtype=torch.int64)
    num = max(len(list(model.all_heads())), getattr(model.backbone, 'num_expert', 1))
    return torch.arange(batch_size) % num


def rows_per_head(model: PoseEstimator, dataset_idx: Tensor) -> list[list[int]]:
    """Returns the crops of which each head predicts the poses."""
    heads = list(model.all_heads())
    if len(heads) == 1:
        return [list(range(len(dataset_idx)))]
    return [(dataset_idx == i).nonzero()[:, 0].tolist() for i in range(len(heads))]


def trained_crops_per_head(model: PoseEstimator, dataset_idx: Tensor) -> list[int]:
    """Returns how many crops of a batch each head sees in training.

    Every head sees all of them, unless the model is ``clean`` or trains one head only.
    """
    own = [len(rows) for rows in rows_per_head(model, dataset_idx)]
    counts = own if getattr(model, 'clean', True) else [len(dataset_idx)] * len(own)
    trained = getattr(model, 'trained_head', None)
    return [n if trained in (None, i) else 0 for i, n in enumerate(counts)]


def own_heatmaps(
    model: PoseEstimator, images: Tensor, dataset_idx: Tensor, rows: Sequence[Sequence[int]]
) -> list[Tensor]:
    """Returns the heatmaps of each head for its own crops, as in prediction.

    Args:
        images: (B, 3, h, w), normalised.
        dataset_idx: (B,), on the CPU.
        rows: Crops of each head, see :func:`rows_per_head`.
    """
    features = model.extract_feat(images, dataset_idx)
    heads = list(model.all_heads())
    if len(heads) == 1:
        return [heads[0](features)]
    return [head(features[own]) for head, own in zip(heads, rows, strict=True) if own]


@dataclass(frozen=True)
class CodecCase:
    """A codec with a number of keypoints, and the datasets that have both.

    Attributes:
        names: Datasets of a mixture; none if the model has one head.
        config: Config of the codec.
        num_keypoints: K.
    """

    names: tuple[str, ...]
    config: dict[str, Any]
    num_keypoints: int


def codec_cases(model_cfg: dict[str, Any]) -> list[CodecCase]:
    """Returns every codec of a model once.

    Args:
        model_cfg: Config of an estimator with one head or with several.
    """
    if 'heads' not in model_cfg:
        dataset_meta = load_metainfo(model_cfg.get('metainfo', 'coco'))
        return [CodecCase((), _decoder_of(model_cfg['head']), dataset_meta.num_keypoints)]
    metas = [load_metainfo(dataset_meta) for dataset_meta in model_cfg['metainfo']]
    names = model_cfg.get('names') or [dataset_meta.name for dataset_meta in metas]
    cases: list[CodecCase] = []
    for head, dataset_meta, name in zip(model_cfg['heads'], metas, names, strict=True):
        config, num = _decoder_of(head), dataset_meta.num_keypoints
        equal = [i for i, x in enumerate(cases) if (x.config, x.num_keypoints) == (config, num)]
        if equal:
            cases[equal[0]] = CodecCase((*cases[equal[0]].names, name), config, num)
        else:
            cases.append(CodecCase((name,), config, num))
    return cases


def _decoder_of(head: dict[str, Any]) -> dict[str, Any]:
    if 'decoder' not in head:
        raise ValueError(f'head {head["type"]} predicts no heatmaps, so it has no codec to measure')
    return dict(head['decoder'])
