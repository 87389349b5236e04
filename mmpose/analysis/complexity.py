"""Complexity of a model: parameters and FLOPs by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mmpose.analysis.error_tables import Table, format_table
from mmpose.analysis.flops import (
    WHOLE,
    build_model,
    count_flops,
    count_module_flops,
    deal_datasets,
    input_size,
)
from mmpose.models.backbones.patch_embed import ConvStem, PatchEmbed
from mmpose.models.backbones.vit_layers import Attention, Mlp
from mmpose.models.backbones.vit_moe import ExpertMlp
from mmpose.models.pose_estimators.base import PoseEstimator

PATCH, PROJECTIONS, MATMULS = 'patch embedding', 'attention projections', 'attention matmuls'
MLP, EXPERTS, REST, NECK, HEAD = 'MLP', 'experts', 'rest of the backbone', 'neck', 'head'
PARTS = (PATCH, PROJECTIONS, MATMULS, MLP, EXPERTS, REST, NECK, HEAD)
MEGA, GIGA = 1e6, 1e9


@dataclass(frozen=True)
class Complexity:
    """Cost of one image in one forward pass, without flip test.

    Attributes:
        input_hw: Height and width of the input, px.
        parameters: Number of them by part, all experts and all heads.
        flops: Floating-point operations by part, with one expert and one head.
        num_datasets: Datasets that have a head or an expert of their own.
    """

    input_hw: tuple[int, int]
    parameters: Mapping[str, int]
    flops: Mapping[str, int]
    num_datasets: int


def measure_complexity(
    model_cfg: Mapping[str, Any], input_hw: tuple[int, int] | None = None
) -> Complexity:
    """Counts parameters and operations of a model.

    Matrix products, convolutions and attention count, whatever kernel a device would use; norms
    and activations, which are below one per cent, do not. Nothing is computed: the model has no
    memory. Of a mixture it is the cost of an image of the first dataset.

    Args:
        input_hw: Height and width of the input, px; None is that of the config.

    Raises:
        ValueError: If the size does not fit the backbone.
    """
    with torch.device('meta'):
        model = build_model(dict(model_cfg)).eval()
        height, width = input_hw or input_size(model)[::-1]
        image = torch.empty(1, model.num_channels, height, width)
    for head in model.all_heads():  # which compare with the sizes of their codecs
        head.set_input_size((width, height))
    index = deal_datasets(model, 1)
    backbone, heads = model.backbone, list(model.all_heads())
    inputs = (image, index) if getattr(backbone, 'takes_dataset_idx', False) else (image,)
    features = model.extract_feat(image, index)
    flops = _split_flops(backbone, count_module_flops(lambda: backbone(*inputs)))
    if model.neck is not None:
        flops[NECK] = count_flops(lambda: model.neck(backbone(*inputs))) - flops.total()
    flops[HEAD] = count_flops(lambda: heads[0](features))
    parameters = _split_parameters(model)
    kept = [part for part in PARTS if flops[part] or parameters[part]]
    return Complexity(
        (height, width),
        {part: parameters[part] for part in kept},
        {part: flops[part] for part in kept},
        max(len(heads), getattr(backbone, 'num_expert', 1)),
    )


def _split_flops(backbone: nn.Module, flops: Mapping[str, int]) -> Counter[str]:
    """Operations by part of a backbone."""
    parts: Counter[str] = Counter()
    for name, module in backbone.named_modules():
        path = f'{type(backbone).__name__}.{name}'
        own = flops.get(path, 0)
        if isinstance(module, (PatchEmbed, ConvStem)):
            parts[PATCH] += own
        elif isinstance(module, Attention):
            projections = sum(flops.get(f'{path}.{x}', 0) for x, _ in module.named_children())
            parts[PROJECTIONS] += projections
            parts[MATMULS] += own - projections
        elif isinstance(module, Mlp):
            parts[MLP] += own
        elif isinstance(module, ExpertMlp):
            # fc2 and the expert run as one product, whose rows they share
            last = own - flops.get(f'{path}.fc1', 0)
            rows = module.experts[0].out_features
            of_expert = last * rows // (rows + module.fc2.out_features)
            parts[EXPERTS] += of_expert
            parts[MLP] += own - of_expert
    parts[REST] = flops.get(WHOLE, 0) - parts.total()
    return parts


def _split_parameters(model: PoseEstimator) -> Counter[str]:
    parts: Counter[str] = Counter()
    for module in model.backbone.modules():
        if isinstance(module, (PatchEmbed, ConvStem)):
            parts[PATCH] += num_parameters(module)
        elif isinstance(module, Attention):
            parts[PROJECTIONS] += num_parameters(module)
        elif isinstance(module, Mlp):
            parts[MLP] += num_parameters(module)
        elif isinstance(module, ExpertMlp):
            parts[EXPERTS] += num_parameters(module.experts)
            parts[MLP] += num_parameters(module) - num_parameters(module.experts)
    parts[REST] = num_parameters(model.backbone) - parts.total()
    parts[NECK] = 0 if model.neck is None else num_parameters(model.neck)
    parts[HEAD] = sum(map(num_parameters, model.all_heads()))
    return parts


def num_parameters(module: nn.Module) -> int:
    """Returns how many numbers a module learns."""
    return sum(parameter.numel() for parameter in module.parameters())


def complexity_table(found: Complexity) -> Table:
    """Returns parameters, multiply-adds and operations of each part and of all."""
    total_parameters, total_flops = sum(found.parameters.values()), sum(found.flops.values())
    parts = found.flops.items()
    rows = [[part, *_cells(found.parameters[part], own, total_flops)] for part, own in parts]
    height, width = found.input_hw
    return Table(
        f'Cost of an image of {height}x{width} px (height x width)',
        'Without flip test, which runs everything twice. A multiply-add (MAC) is two operations '
        "(FLOP); the 'GFLOPs' of papers on ViTPose are multiply-adds.",
        ['part', 'M parameters', 'GMAC', 'GFLOP', '% of FLOP'],
        [*rows, ['total', *_cells(total_parameters, total_flops, total_flops)]],
    )


def _cells(parameters: int, flops: int, total: int) -> list[str]:
    return [
        f'{parameters / MEGA:.3f}',
        f'{flops / 2 / GIGA:.3f}',
        f'{flops / GIGA:.3f}',
        f'{100 * flops / max(total, 1):.1f}',
    ]


def report_complexity(
    model_cfg: Mapping[str, Any], input_hw: tuple[int, int] | None = None, batch_size: int = 1
) -> str:
    """Returns the table as text, with the cost of a batch if there is more than one image.

    Args:
        input_hw: Height and width of the input, px; None is that of the config.

    Raises:
        ValueError: If the size or the batch does not fit.
    """
    if batch_size < 1:
        raise ValueError(f'--batch-size is {batch_size}, expected 1 or more')
    found = measure_complexity(model_cfg, input_hw)
    table = complexity_table(found)
    lines = [format_table(table), '', table.explanation]
    total = sum(found.flops.values())
    if batch_size > 1:
        of_batch = batch_size * total
        lines.append(
            f'a batch of {batch_size}: {of_batch / 2 / GIGA:.2f} GMAC, {of_batch / GIGA:.2f} GFLOP'
        )
    if found.num_datasets > 1:
        lines.append(
            f'{found.num_datasets} datasets: the parameters are those of all experts and heads; an '
            'image runs one of each'
        )
    return '\n'.join(lines)
