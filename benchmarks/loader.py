"""Benchmark of the training data loader: samples per second, and time of each step."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from benchmarks.annotations import report_annotations
from benchmarks.mmpose1_baseline import MMPose1Baseline
from benchmarks.report import Report, start_report
from benchmarks.timing import StepClock, interleave, limit_threads
from mmpose.codecs import Codec
from mmpose.datasets import KeypointDataset, PoseSampler, SampleIndex, collate_poses
from mmpose.engine.runner import PoseRunner
from mmpose.registry import CODECS, DATASETS

ONE_PROCESS = 'one process'
WITH_TARGETS = 'one process, targets too'
BUFFERED = 'one process, image buffer'
MIN_WAVES = 2  # measured batches per worker, after the first one


def benchmark_loader(
    cfg: Config,
    *,
    repeat: int = 5,
    num_samples: int = 256,
    baseline_python: str | None = None,
    num_annotations: int | None = None,
) -> Report:
    """Measures the training set of a config, from JPEG files to batches.

    First one process with one thread, as a whole and step by step; then the loader with the workers
    of the config; then opening the annotations. The files are in the page cache after a warm-up
    round. Targets, which training encodes on its device, are measured on the CPU, because other
    frameworks encode them in the loader.

    Args:
        cfg: The config.
        repeat: Rounds.
        num_samples: Samples per round.
        baseline_python: Python interpreter with MMPose 1.x, whose training pipeline is the
            baseline.
        num_annotations: Number of generated annotations to open as well, or None.

    Returns:
        Samples/s, ms/sample of each step, seconds and MiB for the annotations.
    """
    loader_cfg = cfg.train_dataloader.to_dict()
    dataset = _build_dataset(loader_cfg['dataset'])
    codec_cfg = cfg.model.head.decoder.to_dict()
    draws = _draw(dataset, num_samples)
    batches = _split(draws, loader_cfg['batch_size'])
    codec: Codec = CODECS.build(dict(codec_cfg))
    candidates: dict[str, Callable[[], dict[str, Any]]] = {
        ONE_PROCESS: lambda: _load(dataset, codec, batches),
        'steps': lambda: _time_steps(dataset, batches),
        'floors': lambda: _time_floors(dataset, draws),
    }
    settings = dict(dataset=len(dataset), samples=num_samples, batch=loader_cfg['batch_size'])
    with limit_threads(1), ExitStack() as stack:
        report = start_report('loader', torch.device('cpu'), {**settings, 'repeat': repeat})
        baseline = None
        if baseline_python is not None:
            baseline = stack.enter_context(
                MMPose1Baseline(baseline_python, codec_cfg, loader_cfg['dataset'])
            )
            indices = [draw.index for draw in draws]
            candidates[baseline.name] = lambda: baseline.load(indices, loader_cfg['batch_size'])
        num_slots = loader_cfg.get('sampler', {}).get('image_buffer', 0)
        if num_slots:
            buffered = BufferedLoading(loader_cfg['dataset'], num_slots, num_samples)
            candidates[BUFFERED] = lambda: buffered.load(codec, loader_cfg['batch_size'])
        measured = interleave(candidates, repeat)
        _report_process(report, measured, num_samples)
        if num_slots:
            _report_buffered(report, measured, buffered)
        if baseline is not None:
            _report_baseline(report, baseline, measured[baseline.name], num_samples, len(dataset))
        _report_workers(report, loader_cfg, dataset, num_samples, repeat)
    report_annotations(report, loader_cfg['dataset'], repeat, num_annotations, baseline_python)
    return report


def _build_dataset(config: dict[str, Any]) -> KeypointDataset:
    kind = DATASETS.get(config['type'])
    if kind is None or not issubclass(kind, KeypointDataset):
        raise ValueError(
            f'train_dataloader.dataset is a {config["type"]}, expected a dataset with one '
            'annotation store and one pipeline; time the parts of a mixture one by one, with the '
            'config of each dataset'
        )
    return DATASETS.build(copy.deepcopy(config))


def _draw(dataset: KeypointDataset, num_samples: int) -> list[SampleIndex]:
    """Returns the first samples of a training, over several epochs if needed."""
    if num_samples < 1:
        raise ValueError(f'--samples is {num_samples}, expected 1 or more')
    sampler = PoseSampler(dataset, seed=0)
    draws: list[SampleIndex] = []
    while len(draws) < num_samples:
        draws += sampler
        sampler.set_epoch(sampler.epoch + 1)
    return draws[:num_samples]


def _split(draws: list[SampleIndex], batch_size: int) -> list[list[SampleIndex]]:
    return [draws[first : first + batch_size] for first in range(0, len(draws), batch_size)]


def _load(
    dataset: KeypointDataset, codec: Codec, batches: list[list[SampleIndex]]
) -> dict[str, float]:
    clock = StepClock()
    for draws in batches:
        batch = collate_poses([dataset[draw] for draw in draws])['batch']
        clock.end('load')
        codec.encode(batch['keypoints'], batch['keypoints_visible'])
        clock.end('targets')
    return clock.seconds


class BufferedLoading:
    """Loading with an image buffer, one part of an endless training after the other.

    Args:
        dataset_cfg: Config of the dataset.
        num_slots: ``image_buffer`` of the sampler.
        num_samples: Samples of a part; whole epochs if one is not much longer than the buffer.

    Attributes:
        hit_rate: Share of the samples whose crop was there.
    """

    def __init__(self, dataset_cfg: dict[str, Any], num_slots: int, num_samples: int) -> None:
        self.dataset = _build_dataset(dataset_cfg)
        self.sampler = PoseSampler(self.dataset, seed=0, image_buffer=num_slots)
        length = len(self.dataset)
        is_small = length < 2 * num_slots
        self.num_samples = -(-num_samples // length) * length if is_small else num_samples
        self._draws = self._endless()
        for draw in islice(self._draws, length if is_small else num_slots):
            self.dataset[draw]
        hits = 0
        for draw in islice(self._draws, self.num_samples):
            hits += draw in self.dataset.crops
            self.dataset[draw]
        self.hit_rate = hits / self.num_samples

    def load(self, codec: Codec, batch_size: int) -> dict[str, float]:
        """Returns the seconds of the next part."""
        draws = list(islice(self._draws, self.num_samples))
        return _load(self.dataset, codec, _split(draws, batch_size))

    def _endless(self) -> Iterator[SampleIndex]:
        while True:
            yield from self.sampler
            self.sampler.set_epoch(self.sampler.epoch + 1)


def _report_buffered(
    report: Report, measured: dict[str, list[dict[str, Any]]], buffered: BufferedLoading
) -> None:
    num = buffered.num_samples
    speeds = report.add(BUFFERED, 'samples/s', [num / x['load'] for x in measured[BUFFERED]])
    with_targets = [num / (x['load'] + x['targets']) for x in measured[BUFFERED]]
    report.add(f'{BUFFERED}, targets too', 'samples/s', with_targets)
    report.add_ratio('image buffer / none', speeds, report.find(ONE_PROCESS))
    images = len(np.unique(buffered.dataset.image_indices()))
    report.notes.append(
        f'{len(buffered.dataset) / images:.2f} persons per image; of the crops '
        f'{100 * buffered.hit_rate:.1f} % were in the buffer'
    )


def _time_steps(dataset: KeypointDataset, batches: list[list[SampleIndex]]) -> dict[str, float]:
    clock = StepClock()
    for draws in batches:
        samples = []
        for draw in draws:
            sample = dataset.get_sample(draw.index)
            sample['rng'] = draw.generator()
            if dataset.crop_wh is not None:
                sample['decoded'] = {}  # as the dataset does, so that memory is used again
            clock.end('annotation')
            for transform in dataset.pipeline.transforms:
                sample = transform(sample)
                clock.end(type(transform).__name__)
            samples.append(sample)
        collate_poses(samples)
        clock.end('collate')
    return clock.seconds


def _time_floors(dataset: KeypointDataset, draws: list[SampleIndex]) -> dict[str, float]:
    """Measures the lower bound of a loader in which OpenCV decodes and warps whole images."""
    clock = StepClock()
    for draw in draws:
        sample = dataset[draw]
        with open(sample['image_file'], 'rb') as file:
            data = np.frombuffer(file.read(), np.uint8)
        window = sample['crop']
        matrix = window.matrix()
        clock.restart()
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        clock.end('cv2.imdecode')
        cv2.warpAffine(image, matrix, window.input_size, flags=cv2.INTER_LINEAR)
        clock.end('cv2.warpAffine')
    return clock.seconds


def _report_process(
    report: Report, measured: dict[str, list[dict[str, Any]]], num_samples: int
) -> None:
    whole = measured[ONE_PROCESS]
    report.add(ONE_PROCESS, 'samples/s', [num_samples / x['load'] for x in whole])
    report.add(WITH_TARGETS, 'samples/s', [num_samples / (x['load'] + x['targets']) for x in whole])
    per_sample = 1000 / num_samples
    for step in measured['steps'][0]:
        report.add(f'  {step}', 'ms/sample', [x[step] * per_sample for x in measured['steps']])
    report.add('  targets', 'ms/sample', [x['targets'] * per_sample for x in whole])
    for floor in measured['floors'][0]:
        values = [x[floor] * per_sample for x in measured['floors']]
        report.add(f'{floor} alone', 'ms/sample', values)


def _report_baseline(
    report: Report,
    baseline: MMPose1Baseline,
    rounds: list[dict[str, Any]],
    num_samples: int,
    num_ours: int,
) -> None:
    theirs = report.add(baseline.name, 'samples/s', [num_samples / x['seconds'] for x in rounds])
    for step in rounds[0]['steps']:
        values = [x['steps'][step] * 1000 / num_samples for x in rounds]
        report.add(f'  {step} ({baseline.name})', 'ms/sample', values)
    names = [WITH_TARGETS, ONE_PROCESS]
    names += [x.name for x in report.measurements if x.name == f'{BUFFERED}, targets too']
    for name in names:
        report.add_ratio(f'ours, {name} / {baseline.name}', report.find(name), theirs)
    report.notes.append(
        f'{baseline.name} encodes targets in the loader; ours are encoded only where named'
    )
    if baseline.num_samples != num_ours:
        report.notes.append(
            f'{baseline.name} finds {baseline.num_samples} samples, we find {num_ours}'
        )


def _report_workers(
    report: Report,
    loader_cfg: dict[str, Any],
    dataset: KeypointDataset,
    num_samples: int,
    repeat: int,
) -> None:
    """Adds the throughput of the loader with its workers, after all of them have started."""
    workers, size = loader_cfg.get('num_workers', 0), loader_cfg['batch_size']
    wave = max(workers, 1)
    waves = max(MIN_WAVES, -(-num_samples // (wave * size)))
    config = copy.deepcopy(loader_cfg)
    # repeated persons of an image would find their crops in a buffer
    config.get('sampler', {}).pop('image_buffer', None)
    # a small dataset is repeated, so that no epoch ends while the clock runs
    config['dataset']['indices'] = np.resize(
        np.arange(len(dataset)), (waves + 1) * wave * size
    ).tolist()
    with DefaultScope.overwrite_default_scope('mmpose'):
        loader = PoseRunner.build_dataloader(config, seed=0)
    speeds = []
    for _ in range(repeat):
        begin = 0.0
        for done, _batch in enumerate(loader, start=1):
            if done == wave:
                begin = time.perf_counter()
        speeds.append(waves * wave * size / (time.perf_counter() - begin))
    report.add(f'DataLoader, {workers} workers', 'samples/s', speeds)
