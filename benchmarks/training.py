"""Benchmark of the training step on a generated batch: speed, memory, utilisation (MFU)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

from benchmarks.machine import (
    MIB,
    device_name,
    peak_rss_mib,
    peak_tflops,
    synchronizer,
)
from benchmarks.measured_models import (
    build_model,
    build_plain,
    count_model_flops,
    deal_datasets,
    input_size,
    kind_of,
    rows_per_head,
    trained_crops_per_head,
    training_flops,
    utilisation,
)
from benchmarks.report import Report, start_report
from benchmarks.timing import interleave, limit_threads, stopwatch
from mmpose.backends import pick_device
from mmpose.engine.compilation import compile_parts
from mmpose.engine.cpu_memory import keep_freed_memory
from mmpose.engine.runner import prefer_fused
from mmpose.models.pose_estimators.base import PoseEstimator

Batch = dict[str, Any]

STEP = 'step'
PLAIN = 'step, plain ViT'
RATIO = 'step, {} / ViT'
MIXED_PRECISION = 'MixedPrecisionOptimWrapper'


def benchmark_training(
    cfg: Config,
    *,
    repeat: int = 5,
    batch_size: int | None = None,
    device: str | None = None,
    num_threads: int | None = None,
    peak: float | None = None,
    min_seconds: float = 1.0,
    is_alone: bool = False,
) -> Report:
    """Measures training steps: normalisation, targets, forward, loss, backward, clip, optimizer.

    Images and keypoints are random and already in memory, so that the loader has no influence. One
    device; mixed precision and compilation as in the config (``tools/train.py --amp --compile``). A
    batch for several datasets has equal shares of them. A backbone with experts, or a model with a
    text encoder, is compared with a plain ViT with the same heads, with interleaved runs.

    Args:
        cfg: The config.
        repeat: Rounds.
        batch_size: Images per step; None for that of the config.
        device: Device; a GPU by default, where there is one.
        num_threads: Threads on a CPU; None for PyTorch's choice.
        peak: Arithmetic peak of the device in TFLOP/s for bf16; None looks it up.
        min_seconds: Minimum duration of a measurement.
        is_alone: Whether to leave out the comparison with a plain ViT.

    Returns:
        Images/s, ms per step, peak memory, TFLOP/s and utilisation; the ratio to a plain ViT.
    """
    where = pick_device(device)
    if where.type == 'cpu':
        keep_freed_memory()  # as the runner does
    mixed = cfg.optim_wrapper.type == MIXED_PRECISION
    if mixed and where.type != get_device():
        raise ValueError(
            f'--device is {where.type}, but mixed precision runs on {get_device()} where there is '
            'one; hide it with CUDA_VISIBLE_DEVICES= or leave out --amp'
        )
    size = batch_size or cfg.train_dataloader.batch_size
    model_cfg = cfg.model.to_dict()
    peak = peak or peak_tflops(device_name(where))
    settings = dict(batch=size, amp=mixed, compile=bool(cfg.get('compile')), repeat=repeat)
    with limit_threads(num_threads):
        report = start_report('train', where, settings)
        torch.manual_seed(0)
        model = build_model(model_cfg)
        batch = make_batch(model, size, where)
        candidates = {STEP: _stepper(cfg, model, batch, where, min_seconds)}
        if where.type == 'cuda':
            torch.cuda.reset_peak_memory_stats(where)
        candidates[STEP]()
        memory = _peak_memory(where)  # before there is another model
        plain = None if is_alone else _build_plain(report, model, model_cfg)
        if plain is not None:
            candidates[PLAIN] = _stepper(cfg, plain, batch, where, min_seconds)
        seconds = interleave(candidates, repeat)
    crops = trained_crops_per_head(model, batch['batch']['dataset_idx'])
    flops = training_flops(count_model_flops(model_cfg).of_batch(size, crops))
    _report_speed(report, seconds[STEP], size, flops)
    if peak is not None and mixed:
        shares = [100 * utilisation(flops, x, peak) for x in seconds[STEP]]
        report.add('MFU', '% of peak', shares)
    if PLAIN in seconds:
        theirs = report.add(PLAIN, 'ms', [1000 * x for x in seconds[PLAIN]])
        report.add_ratio(RATIO.format(kind_of(model)), report.find(STEP), theirs)
    for name, mib in memory.items():
        report.add(name, 'MiB', mib)
    _report_limits(report, model, peak, mixed)
    return report


def make_batch(model: PoseEstimator, batch_size: int, device: torch.device) -> Batch:
    """Returns a batch of noise in the format of the loader, on the device.

    Args:
        model: Estimator, for the input size, the datasets and their numbers of keypoints.
        batch_size: Batch size B.
        device: Device of the tensors except ``dataset_idx``, which training leaves on the CPU.

    Returns:
        ``inputs`` (B, 3, h, w) uint8; ``batch`` with ``keypoints`` (B, K, 2), input px,
        ``keypoints_visible`` (B, K) and ``dataset_idx`` (B,). K is that of the largest skeleton;
        rows of a smaller one end in zeros.
    """
    width, height = input_size(model)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(
        0, 256, (batch_size, 3, height, width), dtype=torch.uint8, generator=generator
    )
    dataset_idx = deal_datasets(model, batch_size)
    sizes = [head.num_keypoints for head in model.all_heads()]
    keypoints_visible = torch.zeros(batch_size, max(sizes))
    for num, rows in zip(sizes, rows_per_head(model, dataset_idx), strict=True):
        keypoints_visible[rows, :num] = 1
    keypoints = (
        torch.rand(*keypoints_visible.shape, 2, generator=generator) * keypoints_visible[..., None]
    )
    keypoints = keypoints * torch.tensor([width - 1.0, height - 1.0])
    return {
        'inputs': inputs.to(device),
        'batch': {
            'keypoints': keypoints.to(device),
            'keypoints_visible': keypoints_visible.to(device),
            'dataset_idx': dataset_idx,
        },
    }


def _stepper(
    cfg: Config, model: PoseEstimator, batch: Batch, device: torch.device, min_seconds: float
) -> Callable[[], float]:
    """Moves a model to the device and returns a stopwatch of its training step."""
    model.to(device).train()
    wrapper = _build_optimizer(cfg, model)
    compile_parts(model, cfg.get('compile', None))
    return stopwatch(
        lambda: model.train_step(_shallow_copy(batch), wrapper), min_seconds, synchronizer(device)
    )


def _build_plain(
    report: Report, model: PoseEstimator, model_cfg: dict[str, Any]
) -> PoseEstimator | None:
    if getattr(model.backbone, 'trained_expert', None) is not None:
        report.notes.append('no comparison with a plain ViT: only one expert is trained')
        return None
    return build_plain(model, model_cfg)


def _shallow_copy(batch: Batch) -> Batch:
    return {'inputs': batch['inputs'], 'batch': dict(batch['batch'])}


def _build_optimizer(cfg: Config, model: nn.Module) -> OptimWrapper:
    config = cfg.optim_wrapper.to_dict()
    prefer_fused(config['optimizer'])
    with DefaultScope.overwrite_default_scope('mmpose'):
        return build_optim_wrapper(model, config)


def _report_speed(report: Report, seconds: list[float], batch_size: int, flops: int) -> None:
    report.add('speed', 'images/s', [batch_size / x for x in seconds])
    report.add(STEP, 'ms', [1000 * x for x in seconds])
    report.add('operations of a step', 'GFLOP', flops / 1e9)
    report.add('rate', 'TFLOP/s', [flops / x / 1e12 for x in seconds])


def _peak_memory(device: torch.device) -> dict[str, float]:
    if device.type != 'cuda':
        return {'peak memory of the process': peak_rss_mib()}
    return {
        'peak memory of tensors': torch.cuda.max_memory_allocated(device) / MIB,
        'peak memory reserved': torch.cuda.max_memory_reserved(device) / MIB,
    }


def _report_limits(report: Report, model: nn.Module, peak: float | None, mixed: bool) -> None:
    counted = (x for name, x in model.named_parameters() if not name.startswith('text_encoder.'))
    if not all(parameter.requires_grad for parameter in counted):
        report.notes.append('some parameters are frozen, so the operations are overstated')
    if mixed and peak is None:
        report.notes.append('the peak of this device is not known, give --peak-tflops for the MFU')
    if not mixed:
        report.notes.append('the MFU is given for mixed precision only (--amp)')
