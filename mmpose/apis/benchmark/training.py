"""The training step of a config on a generated batch: speed, memory, share of the peak."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

from mmpose.apis.benchmark.flops import count_model_flops, training_flops, utilisation
from mmpose.apis.benchmark.machine import (
    MIB,
    device_name,
    peak_rss_mib,
    peak_tflops,
    pick_device,
    synchronizer,
)
from mmpose.apis.benchmark.report import Report, start_report
from mmpose.apis.benchmark.timing import limit_threads, stopwatch, take_turns
from mmpose.registry import MODELS

STEP = 'step'
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
) -> Report:
    """Times training steps: normalisation, targets, forward, loss, backward, clipping, optimizer.

    Images and keypoints are random and already in memory, so the loader plays no part. One device;
    mixed precision and compilation as the config says (``tools/train.py --amp --compile``).

    Args:
        cfg: The config.
        repeat: Rounds.
        batch_size: Images a step; None for that of the config.
        device: Device; a GPU by default, where there is one.
        num_threads: Threads on a CPU; None for PyTorch's choice.
        peak: Arithmetic peak of the device in TFLOP/s for bf16; None looks it up.
        min_seconds: How long a measurement lasts at least.

    Returns:
        Images/s, ms a step, peak memory, TFLOP/s and utilisation.
    """
    where = pick_device(device)
    mixed = cfg.optim_wrapper.type == MIXED_PRECISION
    if mixed and where.type != get_device():
        raise ValueError(
            f'--device is {where.type}, but mixed precision runs on {get_device()} where there is '
            'one; hide it with CUDA_VISIBLE_DEVICES= or leave out --amp'
        )
    size = batch_size or cfg.train_dataloader.batch_size
    flops = training_flops(count_model_flops(cfg.model.to_dict()), size)
    peak = peak or peak_tflops(device_name(where))
    settings = dict(batch=size, amp=mixed, compile=bool(cfg.get('compile')), repeat=repeat)
    with limit_threads(num_threads):
        report = start_report('train', where, settings)
        torch.manual_seed(0)
        model = MODELS.build(dict(cfg.model.to_dict(), pretrained=None)).to(where).train()
        wrapper = _build_optimizer(cfg, model)
        _compile(cfg, model)
        batch = make_batch(model, size, where)
        measure = stopwatch(
            lambda: model.train_step(_shallow_copy(batch), wrapper),
            min_seconds,
            synchronizer(where),
        )
        if where.type == 'cuda':
            torch.cuda.reset_peak_memory_stats(where)
        seconds = take_turns({STEP: measure}, repeat)[STEP]
    report.add('speed', 'images/s', [size / x for x in seconds])
    report.add(STEP, 'ms', [1000 * x for x in seconds])
    report.add('operations of a step', 'GFLOP', flops / 1e9)
    report.add('rate', 'TFLOP/s', [flops / x / 1e12 for x in seconds])
    if peak is not None and mixed:
        report.add('MFU', '% of peak', [100 * utilisation(flops, x, peak) for x in seconds])
    _report_memory(report, where)
    _report_limits(report, model, peak, mixed)
    return report


def make_batch(
    model: nn.Module, batch_size: int, device: torch.device
) -> dict[str, torch.Tensor | dict[str, torch.Tensor]]:
    """Returns a batch of noise as the loader would deliver it, on the device.

    Args:
        model: An estimator; says the input size and the number of keypoints.
        batch_size: B.
        device: Where the tensors are.

    Returns:
        ``inputs`` (B, 3, h, w) uint8; ``batch`` with ``keypoints`` (B, K, 2), input px, and
        ``visible`` (B, K).
    """
    width, height = model.head.codec.input_wh
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(
        0, 256, (batch_size, 3, height, width), dtype=torch.uint8, generator=generator
    )
    keypoints = torch.rand(batch_size, model.head.num_keypoints, 2, generator=generator)
    keypoints = keypoints * torch.tensor([width - 1.0, height - 1.0])
    visible = torch.ones(keypoints.shape[:2])
    return {
        'inputs': inputs.to(device),
        'batch': {'keypoints': keypoints.to(device), 'visible': visible.to(device)},
    }


def _shallow_copy(batch: dict[str, Any]) -> dict[str, Any]:
    return {'inputs': batch['inputs'], 'batch': dict(batch['batch'])}


def _build_optimizer(cfg: Config, model: nn.Module) -> OptimWrapper:
    config = cfg.optim_wrapper.to_dict()
    if next(model.parameters()).is_cuda and config['optimizer']['type'] in ('Adam', 'AdamW'):
        config['optimizer'].setdefault('fused', True)
    with DefaultScope.overwrite_default_scope('mmpose'):
        return build_optim_wrapper(model, config)


def _compile(cfg: Config, model: nn.Module) -> None:
    options = cfg.get('compile', None)
    if options:
        model.backbone.compile(**(options if isinstance(options, dict) else {}))


def _report_memory(report: Report, device: torch.device) -> None:
    if device.type == 'cuda':
        report.add('peak memory of tensors', 'MiB', torch.cuda.max_memory_allocated(device) / MIB)
        report.add('peak memory reserved', 'MiB', torch.cuda.max_memory_reserved(device) / MIB)
    else:
        report.add('peak memory of the process', 'MiB', peak_rss_mib())


def _report_limits(report: Report, model: nn.Module, peak: float | None, mixed: bool) -> None:
    if not all(parameter.requires_grad for parameter in model.parameters()):
        report.notes.append('some parameters are frozen, so the operations are overstated')
    if mixed and peak is None:
        report.notes.append('the peak of this device is not known, give --peak-tflops for the MFU')
    if not mixed:
        report.notes.append('the MFU is given for mixed precision only (--amp)')
