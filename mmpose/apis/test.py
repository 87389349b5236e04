"""Evaluation of a checkpoint from a config."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmpose.apis.train import METRICS_FILE, RESULTS_FILE, RESULTS_PREFIX, set_work_dir
from mmpose.backends.packed import fuse_batch_norms
from mmpose.checkpoint_tools.soup import Soup, Validation, find_checkpoints, greedy_soup
from mmpose.checkpoints.io import run_checkpoint
from mmpose.config.load import DATA_PREFIX, DATA_ROOT_VARIABLE
from mmpose.datasets.coco import DETECTED_BOXES
from mmpose.engine.checkpoint_files import write_atomically
from mmpose.engine.distributed import init_distributed, leave_distributed
from mmpose.engine.runner import TEST_CONFIG, PoseRunner
from mmpose.engine.sharding import to_cpu
from mmpose.evaluation.functional import format_scores
from mmpose.evaluation.metrics import PerDatasetMetric, PredictionDump, primary_metric
from mmpose.evaluation.metrics.metric_info import metric_types, with_type
from mmpose.registry import METRICS
from mmpose.structures.output_files import writing

ANNOTATED = 'none'  # instead of a file of boxes
ANNOTATED_NAME, DETECTED_NAME = 'annotated_boxes', 'detected_boxes'  # of the metrics


def prepare_test(
    cfg: Config,
    checkpoint: str,
    *,
    work_dir: str | None = None,
    metrics: list[str] | None = None,
    dump: str | None = None,
    show_dir: str | None = None,
    bad_cases: int | None = None,
    trust_checkpoint: bool = False,
) -> Config:
    """Test config: writes the choices of an evaluation into the config.

    Args:
        cfg: The config; changed in place.
        checkpoint: File, address or checkpoint folder; or work dir, for its best or last one.
        work_dir: Folder for logs and results; ``work_dirs/<config name>`` by default.
        metrics: Metrics instead of those of the config: class names or their aliases
            (mAP, PCK, PCKh); the first that the config has, or else the first.
        dump: ``.npz`` file that gets every prediction, before any suppression; of a mixture of
            datasets a file for each, with the name of the dataset at the end of its own.
        show_dir: Folder that gets drawn predictions.
        bad_cases: How many of the worst predictions are drawn and ranked, see ``BadCaseHook``.
        trust_checkpoint: Whether the checkpoint may run code.
    """
    set_work_dir(cfg, work_dir, TEST_CONFIG)
    if os.path.isdir(checkpoint):
        checkpoint = run_checkpoint(checkpoint) or checkpoint
    cfg.load_from, cfg.resume = checkpoint, False
    cfg.trust_checkpoint = trust_checkpoint
    if not cfg.model.get('lora'):  # a file of adapters alone is put on its backbone
        cfg.model.pretrained = None
    for key in {'pretrained_metainfo', 'teacher'} & cfg.model.keys():
        cfg.model[key] = None
    hooks = cfg.get('custom_hooks') or []
    if any(one.get('type') == 'EMAHook' for one in hooks):  # a checkpoint has its average
        cfg.custom_hooks = [one for one in hooks if one.get('type') != 'EMAHook']
    evaluators = cfg.test_evaluator
    evaluators = [evaluators] if isinstance(evaluators, dict) else list(evaluators)
    if metrics:
        evaluators = [_choose(name, evaluators) for name in metrics]
    for evaluator in evaluators:
        if getattr(METRICS.get(evaluator['type']), 'writes_results', False):
            evaluator.setdefault('outfile_prefix', os.path.join(cfg.work_dir, RESULTS_PREFIX))
    if dump:
        evaluators = _add_dump(evaluators, dump)
    cfg.test_evaluator = evaluators
    cfg.default_hooks = {
        key: hook
        for key, hook in cfg.default_hooks.items()
        if key in ('runtime_info', 'timer', 'logger')
    }
    if show_dir:
        cfg.default_hooks.drawing = dict(type='ResultDrawingHook', out_dir=show_dir)
    if bad_cases is not None:
        cfg.default_hooks.bad_cases = dict(type='BadCaseHook', num_worst=bad_cases)
    # what only training needs is not built
    for key in ('train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler'):
        cfg[key] = None
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator', 'auto_scale_lr'):
        cfg[key] = None
    return cfg


def choose_test_data(
    cfg: Config,
    ann_file: str | None = None,
    bbox_files: Sequence[str] | None = None,
    data_root: str | None = None,
) -> Config:
    """Test data: writes other annotations or boxes into the test part of a config.

    Args:
        cfg: The config of one dataset; changed in place.
        ann_file: Annotation file relative to the folder of the datasets, such as
            ``HumanArt/annotations/validation_humanart_cartoon.json``; None changes nothing.
        bbox_files: Detection files, in the same way; ``none`` stands for the annotated boxes. With
            several, all of them are evaluated in one run. None changes nothing.
        data_root: Folder that holds the datasets, as for ``load_config``.

    Raises:
        ValueError: If the config tests on several datasets.
    """
    if not (ann_file or bbox_files):
        return cfg
    dataset, evaluators = cfg.test_dataloader.dataset, cfg.test_evaluator
    if 'datasets' in dataset:
        raise ValueError(
            '--test-ann-file and --test-bbox-file are for configs of one dataset; set '
            'test_dataloader.dataset.datasets.N.ann_file by --cfg-options'
        )
    folder = os.path.abspath(data_root or os.environ.get(DATA_ROOT_VARIABLE) or DATA_PREFIX)
    if ann_file:
        dataset.ann_file = os.path.join(folder, ann_file)
        for evaluator in [evaluators] if isinstance(evaluators, dict) else evaluators:
            evaluator.pop('ann_file', None)  # a metric takes that of its dataset
    parts = [_with_boxes(dataset, bbox_file, folder) for bbox_file in bbox_files or ()]
    if len(parts) == 1:
        cfg.test_dataloader.dataset = parts[0]
    elif parts:
        cfg.test_dataloader.dataset = dict(type='CombinedDataset', datasets=parts)
        names = [ANNOTATED_NAME if one == ANNOTATED else Path(one).stem for one in bbox_files]
        if len([name for name in names if name != ANNOTATED_NAME]) == 1:
            names = [name if name == ANNOTATED_NAME else DETECTED_NAME for name in names]
        metrics = [copy.deepcopy(evaluators) for _ in parts]
        kind = PerDatasetMetric.__name__
        cfg.test_evaluator = dict(type=kind, metrics=metrics, names=names)
    return cfg


def _with_boxes(dataset: dict[str, Any], bbox_file: str, folder: str) -> dict[str, Any]:
    """Returns the config of a dataset with the boxes of a file, or with its annotated ones."""
    rest = {k: copy.deepcopy(v) for k, v in dataset.items() if k not in DETECTED_BOXES}
    if bbox_file == ANNOTATED:
        return rest
    kept = {key: dataset[key] for key in DETECTED_BOXES if key in dataset}
    return {**rest, **kept, 'bbox_file': os.path.join(folder, bbox_file)}


def _choose(name: str, evaluators: list[dict[str, Any]]) -> dict[str, Any]:
    types = metric_types(name)
    for evaluator in evaluators:
        if evaluator['type'] in types:
            return evaluator
        if with_type([evaluator], PerDatasetMetric):
            return _choose_of_mixture(name, types, evaluator)
    return dict(type=types[0])


def _choose_of_mixture(
    name: str, types: tuple[str, ...], evaluator: dict[str, Any]
) -> dict[str, Any]:
    """Leaves the metrics of these types to each dataset."""
    chosen = [[own for own in group if own['type'] in types] for group in _groups(evaluator)]
    if not any(chosen):
        has = sorted({own['type'] for group in _groups(evaluator) for own in group})
        raise ValueError(
            f'--eval {name}: no dataset of the mixture has this metric; they have {has}, and '
            'without --eval each is evaluated by its own'
        )
    return {**evaluator, 'metrics': chosen}


def _groups(evaluator: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [[own] if isinstance(own, dict) else list(own) for own in evaluator['metrics']]


def _add_dump(evaluators: list[dict[str, Any]], dump: str) -> list[dict[str, Any]]:
    kind = PredictionDump.__name__
    mixtures = with_type(evaluators, PerDatasetMetric)
    if not mixtures:
        return [*evaluators, dict(type=kind, out_file=dump)]
    for mixture in mixtures:
        mixture['metrics'] = [
            [*group, dict(type=kind, out_file=str(_with_name(dump, name)))]
            for name, group in zip(mixture['names'], _groups(mixture), strict=True)
        ]
    return evaluators


def _with_name(path: str | Path, name: str) -> Path:
    """Returns ``folder/file_name.suffix`` for ``folder/file.suffix``."""
    return Path(path).with_stem(f'{Path(path).stem}_{name}')


def run_test(
    cfg: Config, launcher: str = 'none', out: str | None = None, fuse_conv_bn: bool = False
) -> dict[str, float]:
    """Evaluates a prepared config.

    Args:
        launcher: How the ranks are started.
        out: JSON file that gets the predictions in the layout of the COCO server.
        fuse_conv_bn: Whether to fold BatchNorm into the convolutions before it.
    """
    init_distributed(launcher)
    cfg.launcher = launcher
    names = _dataset_names(cfg)
    named = [] if out is None else [Path(out), *(_with_name(out, name) for name in names)]
    dumped = [x['out_file'] for x in _all_metrics(cfg.test_evaluator) if 'out_file' in x]
    files = writing(*named, *dumped, inputs=[cfg.filename, cfg.load_from])
    runner = PoseRunner.from_cfg(cfg)
    runner.load_or_resume()
    if fuse_conv_bn:
        fused = fuse_batch_norms(runner.bare_model)
        runner.logger.info(f'folded {fused} BatchNorms into the convolutions before them')
    metrics = runner.test()
    if runner.rank == 0:
        _write(metrics, Path(runner.work_dir), out, names)
        files.record()
    leave_distributed()
    return metrics


def run_soup(
    cfg: Config,
    checkpoints: Sequence[str],
    out: str,
    *,
    top: int | None = None,
    work_dir: str | None = None,
    launcher: str = 'none',
    trust_checkpoint: bool = False,
) -> Soup:
    """Averages checkpoints greedily and writes the mean if it is better than each of them.

    The metric is that by which the config keeps its best checkpoint, on the validation data.

    Args:
        cfg: The config; changed in place.
        checkpoints: Files, or folders of them.
        out: File that gets the mean.
        top: How many of the best are tried; None for all.
        work_dir, launcher, trust_checkpoint: See ``prepare_test`` and ``run_test``.

    Raises:
        ValueError: If the config has no validation data, ``top`` is below 2, or a checkpoint is of
            another network.
    """
    if cfg.get('val_dataloader') is None:
        raise ValueError(f'{cfg.filename} has no val_dataloader, whose data decide about a soup')
    if top is not None and top < 2:
        raise ValueError(f'--top is {top}; expected 2 or more checkpoints')
    paths = find_checkpoints(checkpoints)
    file = writing(out, inputs=[cfg.filename, *paths])
    kept = cfg.default_hooks.get('checkpoint') or {}
    evaluator, cfg.test_dataloader = cfg.val_evaluator, cfg.val_dataloader
    prepare_test(cfg, '', work_dir=work_dir, trust_checkpoint=trust_checkpoint)
    cfg.load_from, cfg.test_evaluator, cfg.launcher = None, evaluator, launcher
    init_distributed(launcher)
    runner = PoseRunner.from_cfg(cfg)
    validation = Validation(runner, kept.get('save_best') or 'auto', kept.get('rule'))
    soup = greedy_soup(paths, validation, top, runner.logger.info)
    best, *_ = names = [str(path) for path in soup.ingredients]
    found = f'{validation.name} {soup.score:.4f}, {best} alone {soup.best_score:.4f}'
    if not soup.is_better:
        runner.logger.info(f'no mean is better than the best checkpoint ({found}); nothing written')
    elif runner.rank == 0:
        meta = {'soup': names, 'dataset_meta': runner.bare_model.dataset_meta.name}
        write_atomically(to_cpu({'state_dict': soup.state, 'meta': meta}), Path(out))
        file.record()
        runner.logger.info(f'{out}: mean of {", ".join(names)} ({found})')
    leave_distributed()
    return soup


def _all_metrics(evaluators: Any) -> list[dict[str, Any]]:
    """Returns the configs of metrics, also of those of a mixture."""
    if isinstance(evaluators, dict):
        return [evaluators, *_all_metrics(evaluators.get('metrics', []))]
    return [own for one in evaluators for own in _all_metrics(one)]


def _dataset_names(cfg: Config) -> list[str]:
    """Returns the names of the datasets of a mixture; none if there is one dataset."""
    found = [own['names'] for own in with_type(cfg.test_evaluator, PerDatasetMetric)]
    return list(found[0]) if found else []


def format_tables(metrics: dict[str, float], names: list[str]) -> str:
    """Metric table of a test; for a mixture one a dataset, after its primary metrics.

    Args:
        metrics: Values by name.
        names: Datasets of the mixture, whose metrics begin with ``{name}/``.
    """
    tables = {
        name: {
            k.removeprefix(f'{name}/'): x for k, x in metrics.items() if k.startswith(f'{name}/')
        }
        for name in names
    }
    tables = {name: table for name, table in tables.items() if table}
    if not tables:
        return format_scores(metrics)
    primary = {name: primary_metric(list(table)) for name, table in tables.items()}
    overview = {f'{name:<12} {key}': tables[name][key] for name, key in primary.items()}
    blocks = [format_scores(overview)]
    blocks += [f'{name}\n{format_scores(table)}' for name, table in tables.items()]
    return '\n\n'.join(blocks)


def _write(metrics: dict[str, float], work_dir: Path, out: str | None, names: list[str]) -> None:
    (work_dir / METRICS_FILE).write_text(json.dumps(metrics, indent=2) + '\n')
    print(format_tables(metrics, names))
    if out is None:
        return
    targets = {work_dir / RESULTS_FILE: Path(out)}
    if names:
        folders = [(name, work_dir / name / RESULTS_FILE) for name in names]
        targets = {file: _with_name(out, name) for name, file in folders if file.is_file()}
    if not targets or not all(file.is_file() for file in targets):
        raise ValueError(f'--out {out}: the metrics of the config write no result file; use --dump')
    for results, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(results, target)
        print(f'predictions: {target}')
