"""Benchmark of codecs: encoding and decoding of heatmaps, persons per second."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from benchmarks.machine import page_faults, synchronizer
from benchmarks.measured_models import CodecCase, codec_cases
from benchmarks.mmpose1_baseline import MMPose1Baseline
from benchmarks.plain_codec import decode_person, encode_person
from benchmarks.report import Measurement, Report, start_report
from benchmarks.timing import interleave, limit_threads, stopwatch
from mmpose.backends import pick_device
from mmpose.codecs import Codec
from mmpose.registry import CODECS

NOISE = 0.01  # on the decoded heatmaps, so that no two neighbours are equal
PLAIN = 'plain numpy'
# Heatmaps of a batch are megabytes. Whether the allocator keeps them for the next call or returns
# them to the system depends on earlier allocations, and dominates the speed on a CPU.
FAULTS = 'page faults'


def benchmark_codec(
    cfg: Config,
    *,
    repeat: int = 5,
    batch_size: int = 64,
    device: str | None = None,
    num_threads: int | None = 1,
    baseline_python: str | None = None,
    min_seconds: float = 0.2,
) -> Report:
    """Measures encoding and decoding of a batch with the codec of a config.

    Baselines, interleaved with it, are a plain per-person implementation (for ``UDPHeatmap``) and,
    on request, MMPose 1.x; both on the CPU with one thread. The codecs of several heads are
    measured one after the other, equal ones once.

    Args:
        cfg: The config.
        repeat: Rounds.
        batch_size: Batch size B, persons.
        device: Device of our codec; a GPU by default, where there is one.
        num_threads: Threads of our codec on a CPU; None for PyTorch's choice.
        baseline_python: Python interpreter with MMPose 1.x.
        min_seconds: Minimum duration of a measurement of ours.

    Returns:
        Persons/s of each, and ratios.
    """
    where = pick_device(device)
    cases = codec_cases(cfg.model.to_dict())
    types = ', '.join(dict.fromkeys(case.config['type'] for case in cases))
    keypoints = ', '.join(str(case.num_keypoints) for case in cases)
    settings = dict(type=types, batch=batch_size, keypoints=keypoints, repeat=repeat)
    with limit_threads(num_threads):
        report = start_report('codec', where, settings)
        for case in cases:
            _measure_case(report, case, batch_size, repeat, where, baseline_python, min_seconds)
    return report


def _measure_case(
    report: Report,
    case: CodecCase,
    batch_size: int,
    repeat: int,
    device: torch.device,
    baseline_python: str | None,
    min_seconds: float,
) -> None:
    codec = CODECS.build(dict(case.config))
    is_udp = case.config['type'] == 'UDPHeatmap'
    label = f'{"/".join(case.names)}: ' if case.names else ''
    shape = (batch_size, case.num_keypoints, 2)
    keypoints = np.random.default_rng(0).uniform(0, 1, shape) * (np.array(codec.input_size) - 1)
    with ExitStack() as stack:
        candidates = _ours(codec, keypoints, device, min_seconds)
        if is_udp:
            candidates |= _plain(codec, keypoints)
        if baseline_python is not None:
            baseline = stack.enter_context(MMPose1Baseline(baseline_python, case.config))
            candidates[baseline.name] = lambda: baseline.code(keypoints.tolist())
        seconds = interleave(candidates, repeat)
    for job in ('encode', 'decode'):
        _report_job(report, job, label, seconds, batch_size)
    if not is_udp:
        report.notes.append(
            f'{label}no plain implementation of {case.config["type"]} to compare with'
        )


Candidates = dict[str, Callable[[], dict[str, float]]]


def _ours(
    codec: Codec, keypoints: np.ndarray, device: torch.device, min_seconds: float
) -> Candidates:
    points = torch.tensor(keypoints, dtype=torch.float32, device=device)
    keypoints_visible = torch.ones(points.shape[:2], device=device)
    maps, _ = codec.encode(points, keypoints_visible)
    maps = maps + NOISE * torch.rand_like(maps)
    wait = synchronizer(device)
    jobs = {
        'encode': lambda: codec.encode(points, keypoints_visible),
        'decode': lambda: codec.decode(maps),
    }
    watches = {job: stopwatch(run, min_seconds, wait) for job, run in jobs.items()}

    def measure() -> dict[str, float]:
        found: dict[str, float] = {}
        for job, run in jobs.items():
            found[job] = watches[job]()
            before = page_faults()
            run()
            found[f'{job} {FAULTS}'] = page_faults() - before
        return found

    return {'ours': measure}


def _plain(codec: Any, keypoints: np.ndarray) -> Candidates:
    points_hm = keypoints / np.array(codec.stride_wh)
    rng = np.random.default_rng(0)

    def encode_all() -> list[np.ndarray]:
        return [encode_person(person, codec.heatmap_size, codec.sigma) for person in points_hm]

    maps = [x + NOISE * rng.random(x.shape, np.float32) for x in encode_all()]

    def decode_all() -> None:
        for heatmaps in maps:
            decode_person(heatmaps, codec.blur_kernel_size)

    encode, decode = stopwatch(encode_all), stopwatch(decode_all)
    return {PLAIN: lambda: {'encode': encode(), 'decode': decode()}}


def _report_job(
    report: Report,
    job: str,
    label: str,
    seconds: dict[str, list[dict[str, float]]],
    batch_size: int,
) -> None:
    speeds: dict[str, Measurement] = {}
    for name, rounds in seconds.items():
        values = [batch_size / measured[job] for measured in rounds]
        speeds[name] = report.add(f'{label}{job}, {name}', 'persons/s', values)
    faults = [measured[f'{job} {FAULTS}'] for measured in seconds['ours']]
    report.add(f'{label}{job}, ours, {FAULTS}', 'per batch', faults)
    for name, speed in speeds.items():
        if name != 'ours':
            report.add_ratio(f'{label}{job}, ours / {name}', speeds['ours'], speed)
