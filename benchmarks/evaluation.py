"""Benchmark of COCO evaluation on a large generated set, from loading to the summary."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.report import Report, start_report
from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from benchmarks.timing import StepClock, interleave
from mmpose.evaluation.functional import (
    evaluate_coco,
    evaluate_files,
    load_detections,
    load_ground_truth,
)
from mmpose.metainfo import load_metainfo

# Sizes of COCO val2017 and of the published detections on it.
NUM_IMAGES, NUM_GT, NUM_DT = 5000, 11_127, 101_127
OTHERS = ('hotcoco', 'faster_coco_eval', 'xtcocotools')
ARRAYS, FILES = 'ours, from arrays', 'ours, from two JSON files'
THROUGH = "ours, backend='hotcoco', from two JSON files"
STEPS = {
    'annotations': 'load annotations',
    'results': 'load results',
    'evaluation': 'evaluate and summarise',
}
StepTimes = dict[str, Any]  # seconds by step, and the ten metrics as 'stats'


def benchmark_evaluation(
    *,
    repeat: int = 5,
    num_images: int = NUM_IMAGES,
    num_gt: int = NUM_GT,
    num_dt: int = NUM_DT,
    metainfo: str | Path = 'coco',
    others: tuple[str, ...] = OTHERS,
) -> Report:
    """Measures COCO evaluation of generated poses by our evaluator and by installed others.

    All read the same two JSON files, in one thread; their runs are interleaved.

    Args:
        repeat: Rounds.
        num_images: Images.
        num_gt: Annotations.
        num_dt: Detections.
        metainfo: Skeleton, for the number of keypoints and their sigmas.
        others: Other evaluators; those that are not installed are omitted.

    Returns:
        Seconds, and speed-up of ours.

    Raises:
        ValueError: If the skeleton has no sigmas.
    """
    dataset_meta = load_metainfo(metainfo)
    sigmas = dataset_meta.sigmas
    if sigmas is None:
        raise ValueError(f"the skeleton '{dataset_meta.name}' has no sigmas, which OKS needs")
    settings = dict(images=num_images, annotations=num_gt, detections=num_dt, repeat=repeat)
    found = [x for x in ('simdjson', 'orjson') if importlib.util.find_spec(x)]
    settings['json'] = ', '.join([*found, 'json'])
    report = start_report('eval', torch.device('cpu'), settings)
    gt, dt = make_synthetic_coco(num_images, num_gt, num_dt, seed=0, num_keypoints=len(sigmas))
    installed = [name for name in others if _is_usable(name, report)]
    with tempfile.TemporaryDirectory() as folder:
        ann_file, result_file = write_synthetic_coco(gt, dt, folder)
        candidates: dict[str, Callable[[], StepTimes]] = {
            ARRAYS: lambda: _run_arrays(gt, dt, sigmas),
            FILES: lambda: _run_files(ann_file, result_file, sigmas),
        }
        if 'hotcoco' in installed:
            candidates[THROUGH] = lambda: _run_backend(ann_file, result_file, sigmas)
        for name in installed:
            candidates[name] = lambda name=name: _run_other(name, ann_file, result_file, sigmas)
        measured = interleave(candidates, repeat)
    _report_times(report, measured)
    return report


def _is_usable(name: str, report: Report) -> bool:
    try:
        _import_evaluator(name)
    except ImportError:
        report.notes.append(f'{name} is not installed')
        return False
    except ValueError as error:  # compiled for another NumPy
        report.notes.append(f'{name} is left out, it cannot be imported: {error}')
        return False
    return True


def _import_evaluator(name: str) -> tuple[Any, Any]:
    """Returns the classes of another evaluator for a data set and for its evaluation."""
    if name == 'xtcocotools':
        from xtcocotools.coco import COCO
        from xtcocotools.cocoeval import COCOeval

        return COCO, COCOeval
    os.environ.setdefault('RAYON_NUM_THREADS', '1')  # the other evaluators have one thread
    module = importlib.import_module(name)
    return module.COCO, module.COCOeval if name == 'hotcoco' else module.COCOeval_faster


def _run_arrays(gt: Any, dt: Any, sigmas: np.ndarray) -> StepTimes:
    clock = StepClock()
    metrics = evaluate_coco(gt, dt, sigmas).summary()
    clock.end('evaluation')
    return {**clock.seconds, 'stats': list(metrics.values())}


def _run_files(ann_file: Path, result_file: Path, sigmas: np.ndarray) -> StepTimes:
    clock = StepClock()
    gt = load_ground_truth(ann_file, len(sigmas))
    clock.end('annotations')
    dt = load_detections(result_file, len(sigmas))
    clock.end('results')
    metrics = evaluate_coco(gt, dt, sigmas).summary()
    clock.end('evaluation')
    return {**clock.seconds, 'stats': list(metrics.values())}


def _run_backend(ann_file: Path, result_file: Path, sigmas: np.ndarray) -> StepTimes:
    clock = StepClock()
    metrics = evaluate_files(ann_file, result_file, sigmas, backend='hotcoco')
    clock.end('evaluation')
    return {**clock.seconds, 'stats': list(metrics.values())}


def _run_other(name: str, ann_file: Path, result_file: Path, sigmas: np.ndarray) -> StepTimes:
    dataset_class, evaluator_class = _import_evaluator(name)
    clock = StepClock()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # hotcoco notes that 0.026 as a float32 is another number
        gt = dataset_class(str(ann_file))
        clock.end('annotations')
        dt = gt.loadRes(str(result_file))
        clock.end('results')
        evaluator = evaluator_class(gt, dt, 'keypoints', **_sigmas_for(name, sigmas))
        if name == 'hotcoco':
            evaluator.params = _with_sigmas(evaluator.params, sigmas)
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
        clock.end('evaluation')
    return {**clock.seconds, 'stats': [float(value) for value in evaluator.stats[:10]]}


def _sigmas_for(name: str, sigmas: np.ndarray) -> dict[str, Any]:
    if name == 'xtcocotools':
        return {'sigmas': sigmas.astype(float)}
    return {} if name == 'hotcoco' else {'kpt_oks_sigmas': sigmas.astype(float).tolist()}


def _with_sigmas(params: Any, sigmas: np.ndarray) -> Any:
    params.kpt_oks_sigmas = sigmas.astype(float).tolist()
    return params


def _report_times(report: Report, measured: dict[str, list[StepTimes]]) -> None:
    totals = {}
    for name, rounds in measured.items():
        steps = [step for step in STEPS if step in rounds[0]]
        values = [sum(x[step] for step in steps) for x in rounds]
        totals[name] = report.add(name, 's', values)
        for step in steps if len(steps) > 1 else ():
            report.add(f'  {STEPS[step]}', 's', [x[step] for x in rounds])
    for name, rounds in measured.items():
        if name in (ARRAYS, FILES, THROUGH):
            continue
        report.add_ratio(f'{name} / {FILES}', totals[name], totals[FILES])
        if name == 'hotcoco':
            report.add_ratio(f'{name} / {THROUGH}', totals[name], totals[THROUGH])
        alone = report.add(f'{name}, evaluation alone', 's', [x['evaluation'] for x in rounds])
        report.add_ratio(f'{name}, evaluation alone / {ARRAYS}', alone, totals[ARRAYS])
        theirs, ours = measured[name][0]['stats'], measured[FILES][0]['stats']
        gap = max(abs(x - y) for x, y in zip(theirs, ours, strict=True))
        report.notes.append(f'largest difference to the ten metrics of {name}: {gap:.1e}')
