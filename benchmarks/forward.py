"""Benchmark of the forward pass: images per second and model FLOPs utilisation (MFU)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from benchmarks.huggingface import build_reference_model, largest_difference, unsupported_reason
from benchmarks.machine import (
    device_name,
    peak_tflops,
    synchronizer,
)
from benchmarks.measured_models import (
    ModelFlops,
    build_model,
    build_plain,
    count_model_flops,
    deal_datasets,
    input_size,
    own_heatmaps,
    rows_per_head,
    utilisation,
)
from benchmarks.report import Report, start_report
from benchmarks.timing import interleave, limit_threads, stopwatch
from mmpose.backends import pick_device
from mmpose.backends.packed import can_pack, pack
from mmpose.models import TopdownPoseEstimator
from mmpose.models.pose_estimators.base import PoseEstimator

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16}
OURS, PLAIN, REFERENCE, PACKED = 'ours', 'plain ViT', 'transformers', 'packed'


def benchmark_forward(
    cfg: Config,
    *,
    repeat: int = 5,
    batch_sizes: Sequence[int] = (1, 8),
    dtypes: Sequence[str] | None = None,
    device: str | None = None,
    num_threads: int | None = None,
    peak: float | None = None,
    min_seconds: float = 0.3,
) -> Report:
    """Measures backbone and head in eval mode, from normalised images to heatmaps, unflipped.

    In a batch for several datasets samples alternate between them, and each head gets its own
    crops. Candidates besides our model, with interleaved runs: for a backbone with experts or a
    model with a text encoder, a plain ViT with the same heads and other weights; where Hugging Face
    transformers is installed and has the architecture, its VitPose with the same weights; in fp32
    on a CPU, the packed copy that inference uses.

    Args:
        cfg: The config.
        repeat: Rounds.
        batch_sizes: Images per batch.
        dtypes: ``fp32`` and ``bf16`` (weights and images); both by default on a GPU, the first
            one on a CPU.
        device: Device; a GPU by default, where there is one.
        num_threads: Threads on a CPU; None for PyTorch's choice.
        peak: Arithmetic peak of the device in TFLOP/s for bf16; None looks it up.
        min_seconds: Minimum duration of a measurement.

    Returns:
        Images/s, TFLOP/s, utilisation and ratios.
    """
    where = pick_device(device)
    dtypes = dtypes or (['fp32', 'bf16'] if where.type == 'cuda' else ['fp32'])
    for name in dtypes:
        if name not in DTYPES:
            raise ValueError(f"--dtypes has '{name}', expected some of {', '.join(DTYPES)}")
    peak = peak or peak_tflops(device_name(where))
    flops = count_model_flops(cfg.model.to_dict())
    with limit_threads(num_threads):
        torch.manual_seed(0)
        model = build_model(cfg.model.to_dict()).eval()
        width, height = input_size(model)
        settings = dict(input=f'{height}x{width} (h x w)', repeat=repeat)
        report = start_report('forward', where, settings)
        models = _add_others(model, cfg.model.to_dict(), where, report)
        num = len(flops.heads)
        of_image = flops.of_batch(num, [1] * num) / num  # the mean over the heads
        report.add('operations of an image', 'GFLOP', of_image / 1e9)
        for dtype in dtypes:
            cast = {name: x.to(DTYPES[dtype]) for name, x in models.items()}
            if isinstance(model, TopdownPoseEstimator) and can_pack(model):
                cast[PACKED] = pack(model)
            for size in batch_sizes:
                _compare(report, cast, size, dtype, where, repeat, min_seconds, flops, peak)
    if peak is None and 'bf16' in dtypes:
        report.notes.append('the peak of this device is not known, give --peak-tflops for the MFU')
    return report


def _add_others(
    model: PoseEstimator, model_cfg: dict[str, Any], device: torch.device, report: Report
) -> dict[str, nn.Module]:
    """Returns our model and, on the device, the models to compare with."""
    models: dict[str, nn.Module] = {OURS: model}
    plain = build_plain(model, model_cfg)
    if plain is not None:
        models[PLAIN] = plain.eval()
    reason = unsupported_reason(model)
    if importlib.util.find_spec('transformers') is None:
        reason = 'it is not installed'
    if reason:
        report.notes.append(f'no comparison with transformers: {reason}')
    else:
        models[REFERENCE] = build_reference_model(model)
    models = {name: x.to(device) for name, x in models.items()}
    if REFERENCE in models:
        width, height = input_size(model)
        image = torch.randn(1, 3, height, width, device=device)
        gap = largest_difference(model, models[REFERENCE], image)
        report.notes.append(f'largest difference to the heatmaps of transformers, fp32: {gap:.1e}')
    return models


@torch.inference_mode()
def _compare(
    report: Report,
    models: dict[str, nn.Module],
    batch_size: int,
    dtype: str,
    device: torch.device,
    repeat: int,
    min_seconds: float,
    flops: ModelFlops,
    peak: float | None,
) -> None:
    width, height = input_size(models[OURS])
    images = torch.randn(batch_size, 3, height, width, device=device, dtype=DTYPES[dtype])
    dataset_idx = deal_datasets(models[OURS], batch_size)
    rows = rows_per_head(models[OURS], dataset_idx)

    def run(model: nn.Module) -> object:
        if isinstance(model, PoseEstimator):
            return own_heatmaps(model, images, dataset_idx, rows)
        return model(images)

    wait = synchronizer(device)
    candidates = {
        name: stopwatch(lambda model=model: run(model), min_seconds, wait)
        for name, model in models.items()
    }
    measured = interleave(candidates, repeat)
    case = f'{dtype}, batch {batch_size}'
    speeds = {
        name: report.add(f'{case}, {name}', 'images/s', [batch_size / x for x in seconds])
        for name, seconds in measured.items()
    }
    total = flops.of_batch(batch_size, [len(own) for own in rows])
    report.add(f'{case}, rate', 'TFLOP/s', [total / x / 1e12 for x in measured[OURS]])
    if peak is not None and dtype == 'bf16':
        shares = [100 * utilisation(total, x, peak) for x in measured[OURS]]
        report.add(f'{case}, MFU', '% of peak', shares)
    for name, speed in speeds.items():
        if name != OURS:
            report.add_ratio(f'{case}, {OURS} / {name}', speeds[OURS], speed)
    if PACKED in speeds and REFERENCE in speeds:
        report.add_ratio(f'{case}, {PACKED} / {REFERENCE}', speeds[PACKED], speeds[REFERENCE])
