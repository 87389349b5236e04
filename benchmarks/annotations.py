"""Benchmark of annotation loading: time and memory in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mmpose
from benchmarks.machine import rss_mib
from benchmarks.mmpose1_baseline import MMPose1Baseline
from benchmarks.report import Report
from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS

PARSED, CACHED = 'parsed', 'opened from the cache'
CODEC = {'type': 'UDPHeatmap', 'input_size': (192, 256), 'heatmap_size': (48, 64)}  # any will do
IMAGES_PER_ANNOTATION = 118_287 / 262_465  # of COCO train2017
# The new process reads its arguments as JSON and answers with JSON.
CHILD = """
import json, sys
from benchmarks.annotations import measure_here
print(json.dumps(measure_here(**json.load(sys.stdin))))
"""


def report_annotations(
    report: Report,
    dataset_cfg: dict[str, Any],
    repeat: int,
    num_generated: int | None,
    baseline_python: str | None = None,
) -> None:
    """Measures parsing of the annotations and opening them from the cache.

    Args:
        report: Receives the measurements.
        dataset_cfg: Config of the dataset.
        repeat: Number of times they are opened; they are parsed once.
        num_generated: Number of annotations of a generated file to measure as well, or None.
        baseline_python: Python interpreter with MMPose 1.x, which reads the generated file as well.
    """
    with tempfile.TemporaryDirectory() as folder:
        _report_one(report, 'annotations', dataset_cfg, Path(folder, 'cache'), repeat)
        if num_generated is not None:
            generated = generate_annotations(dataset_cfg, num_generated, Path(folder))
            name = f'{num_generated} generated annotations'
            _report_one(report, name, generated, Path(folder, 'cache'), repeat)
            if baseline_python is not None:
                with MMPose1Baseline(baseline_python, CODEC, generated) as baseline:
                    theirs = report.add(f'{name}, {baseline.name}', 's', baseline.seconds)
                for ours in (PARSED, CACHED):
                    found = report.find(f'{name}, {ours}')
                    report.add_ratio(f'{baseline.name} / {found.name}', theirs, found)


def _report_one(
    report: Report, name: str, dataset_cfg: dict[str, Any], cache: Path, repeat: int
) -> None:
    parsed = probe_annotations(dataset_cfg, cache, 1)
    opened = probe_annotations(dataset_cfg, cache, repeat)
    first = report.add(f'{name}, {PARSED}', 's', parsed['open'])
    later = report.add(f'{name}, {CACHED}', 's', opened['open'])
    report.add_ratio(f'{name}, parsed / from the cache', first, later)
    report.add(f'{name}, every sample visited', 's', opened['visit'])
    report.add(f'{name}, memory', 'MiB', opened['added'])
    report.add(f'{name}, memory not shared', 'MiB', opened['added_private'])
    report.notes.append(f'{name}: {parsed["samples"]} samples')


def generate_annotations(
    dataset_cfg: dict[str, Any], num_annotations: int, folder: Path
) -> dict[str, Any]:
    """Writes generated annotations in COCO format; returns the config of their dataset.

    Args:
        dataset_cfg: Config of a dataset, for its skeleton.
        num_annotations: Number of annotations; about 60 % have keypoints, as in COCO.
        folder: Folder of the file.
    """
    dataset_meta = dataset_cfg.get('metainfo', 'coco')
    gt, dt = make_synthetic_coco(
        num_images=max(1, round(num_annotations * IMAGES_PER_ANNOTATION)),
        num_gt=num_annotations,
        num_dt=1,
        seed=0,
        num_keypoints=load_metainfo(dataset_meta).num_keypoints,
    )
    ann_file, _ = write_synthetic_coco(gt, dt, folder)
    return {'type': 'CocoDataset', 'metainfo': dataset_meta, 'ann_file': str(ann_file)}


def probe_annotations(dataset_cfg: dict[str, Any], cache: Path, repeat: int) -> dict[str, Any]:
    """Opens a dataset in a new process and visits the annotation of every sample.

    Args:
        dataset_cfg: Config of a dataset.
        cache: Cache folder; an empty one makes the process parse the annotation file.
        repeat: Number of times the process opens it.

    Returns:
        ``open`` and ``visit``, lists of seconds; ``added`` and ``added_private``, MiB of resident
        memory added by the first time, in total and without the shared pages of the cache;
        ``samples``.

    Raises:
        ValueError: If the process fails; the message is its last line.
    """
    own_root = str(Path(mmpose.__file__).parents[1])
    paths = [own_root, *filter(None, [os.environ.get('PYTHONPATH')])]
    done = subprocess.run(
        [sys.executable, '-c', CHILD],
        input=json.dumps({'dataset_cfg': dataset_cfg, 'repeat': repeat}),
        env={**os.environ, 'MMPOSE_CACHE': str(cache), 'PYTHONPATH': os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f'exit code {done.returncode}']
        raise ValueError(f'opening the dataset in a new process failed: {lines[-1]}')
    return json.loads(done.stdout.splitlines()[-1])


def measure_here(dataset_cfg: dict[str, Any], repeat: int) -> dict[str, Any]:
    """Opens a dataset in this process; see :func:`probe_annotations`."""
    DATASETS.import_from_location()  # so that the code is in memory before the measurement
    found: dict[str, Any] = {'open': [], 'visit': []}
    before = rss_mib()
    for _ in range(repeat):
        begin = time.perf_counter()
        dataset = DATASETS.build(dict(dataset_cfg))
        opened = time.perf_counter()
        for index in range(len(dataset)):
            dataset.get_sample(index)
        found['open'].append(opened - begin)
        found['visit'].append(time.perf_counter() - opened)
        if 'added' not in found:
            after = rss_mib()
            found['added'] = after['total'] - before['total']
            found['added_private'] = after['private'] - before['private']
    return {**found, 'samples': len(dataset)}
