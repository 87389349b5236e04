"""Models of benchmarks with random weights, their mixed batches, codecs and FLOPs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmpose.analysis.flops import build_model, count_flops, deal_datasets, input_size
from mmpose.metainfo import load_metainfo
from mmpose.models.backbones.vit_moe import plain_config
from mmpose.models.pose_estimators.base import PoseEstimator


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


# The backward pass multiplies by the weights and by the activations, the forward pass once.
TRAINING_TO_FORWARD = 3


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


@dataclass(frozen=True)
class ModelFlops:
    """Operations of one forward pass of one image.

    Attributes:
        shared: Of backbone and neck.
        heads: Of each head.
    """

    shared: int
    heads: tuple[int, ...]

    def of_batch(self, batch_size: int, images_per_head: Sequence[int]) -> int:
        """Returns the operations of a batch."""
        pairs = zip(self.heads, images_per_head, strict=True)
        return batch_size * self.shared + sum(flops * num for flops, num in pairs)


def count_model_flops(model_cfg: dict[str, Any]) -> ModelFlops:
    """Returns the operations of a model, by its parts.

    Matrix products, convolutions and attention count; norms and activations, which are below one
    per cent, do not. Nothing is computed: the model is built without memory. A backbone with
    experts runs one of them on an image, which makes it as costly as the plain one. Texts, which
    are read once a batch in training and once for all in evaluation, do not count.
    """
    with torch.device('meta'):
        model = build_model(model_cfg).eval()
        width, height = input_size(model)
        image = torch.empty(1, 3, height, width)
    index = deal_datasets(model, 1)
    with torch.no_grad():  # text features are kept from here on
        features = model.extract_feat(image, index)
    return ModelFlops(
        count_flops(lambda: model.extract_feat(image, index)),
        tuple(count_flops(lambda head=head: head(features)) for head in model.all_heads()),
    )


def training_flops(forward_flops: int) -> int:
    """Returns the operations of a training step: forward and, twice as much, backward."""
    return TRAINING_TO_FORWARD * forward_flops


def utilisation(flops: float, seconds: float, peak_tflops: float) -> float:
    """Returns the share of a device's arithmetic peak that was used, 0 to 1 (MFU).

    PaLM, Chowdhery et al. 2022, appendix B: operations that the model needs, over time and peak.
    Recomputed activations do not count.
    """
    return flops / seconds / (peak_tflops * 1e12)
