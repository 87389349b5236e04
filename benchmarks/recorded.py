"""Reports that ``docs/benchmarks.md`` is made of: their commands, and a run of these."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import write_report
from mmpose.version import PROJECT

FIGURES = 'docs/figures'  # of a checkout
COCO = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/coco'
VITPOSE_B = f'{COCO}/ViTPose_base_coco_256x192.py'
LOADER = f'tools/benchmark.py loader {VITPOSE_B} --data-root DATA --peer-python PYTHON'
TRAIN = 'tools/benchmark.py train --threads 2 --repeat 3'
# File in FIGURES -> command; DATA and PYTHON stand for what the user names
COMMANDS = {
    'loader': f'{LOADER} --samples 344 --annotations 262465'
    ' --cfg-options train_dataloader.num_workers=2',
    'image_buffer': f'{LOADER} --samples 860 --repeat 15'
    ' --cfg-options train_dataloader.num_workers=2 train_dataloader.sampler.image_buffer=4096',
    'codec': f'tools/benchmark.py codec {VITPOSE_B} --peer-python PYTHON',
    'eval': 'tools/benchmark.py eval',
    'live': 'tools/benchmark.py live',
    'forward': f'tools/benchmark.py forward {VITPOSE_B} --threads 2',
    'inference': f'tools/analysis/benchmark_inference.py {VITPOSE_B}'
    ' --backends torch int8 openvino-int8 hf --repeat 4 --threads 2',
    'train_toy': f'{TRAIN} {Path(COCO).with_name("toy")}/ViTPose_tiny_toy_128x96.py',
    'train_vitpose_s': f'{TRAIN} {COCO}/ViTPose_small_coco_256x192.py --batch-size 8',
    'train_vitpose_plus_s': f'{TRAIN} --batch-size 12'
    f' {COCO}/vitPose+_small_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp.py',
    'train_pgvl_b': f'{TRAIN} {COCO}/PGVL_ViTB_coco_256X192.py --batch-size 4',
    'train_vlpose_b': f'{TRAIN} {COCO}/VLPose_base_coco_256x192.py --batch-size 4',
}


def record(
    names: Sequence[str] = (),
    *,
    data_root: str = 'data',
    baseline_python: str | None = None,
    folder: str | Path = FIGURES,
) -> list[dict[str, Any]]:
    """Runs commands one after the other, in processes of their own, and keeps their reports.

    Args:
        names: Some of ``COMMANDS``; all by default.
        data_root: Folder that holds ``coco/``.
        baseline_python: Python interpreter with MMPose 1.x; without it there is no such baseline.
        folder: Folder of the reports, ``NAME.json``.

    Returns:
        The reports.

    Raises:
        ValueError: If there is no such command, or one fails.
        FileExistsError: If a file of that name in the folder is no report.
    """
    unknown = [name for name in names if name not in COMMANDS]
    if unknown:
        raise ValueError(f"no figures '{unknown[0]}', expected some of {', '.join(COMMANDS)}")
    python = baseline_python and (shutil.which(baseline_python) or baseline_python)
    own = {'DATA': os.path.abspath(data_root), 'PYTHON': os.path.abspath(python or '')}
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    reports = []
    for name in names or COMMANDS:
        command = COMMANDS[name]
        if baseline_python is None:
            command = command.replace(' --peer-python PYTHON', '')
        path = Path(folder, f'{name}.json')
        if path.exists() and 'command' not in json.loads(path.read_text(encoding='utf-8')):
            raise FileExistsError(f'{path} is no report that this command has kept; remove it')
        words = [own.get(word, word) for word in command.split()]
        print(f'{name}: python {command}', flush=True)
        with tempfile.TemporaryDirectory() as made:
            fresh = Path(made, path.name)
            done = subprocess.run(
                [sys.executable, *words, '--out', fresh], cwd=PROJECT, env=environment, check=False
            )
            if done.returncode:
                raise ValueError(f'the command of {name} failed with exit status {done.returncode}')
            report = json.loads(fresh.read_text(encoding='utf-8'))
        report['command'] = f'OMP_NUM_THREADS=1 python {command}'
        write_report(path, report)
        reports.append(report)
    return reports
