"""Training from a config."""

from __future__ import annotations

import copy
import json
import re
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_rank

from mmpose.backends.teacher import add_teacher_poses, attach_teacher
from mmpose.dataset_tools.folds import split_into_folds
from mmpose.engine.distributed import init_distributed, leave_distributed
from mmpose.engine.runner import TEST_CONFIG, TRAIN_CONFIG, PoseRunner
from mmpose.engine.work_dir_lock import work_dir_lock
from mmpose.registry import DATASETS
from mmpose.structures.output_files import writing

RESULTS_PREFIX = 'result'  # outfile_prefix of the metrics, in the work dir
RESULTS_FILE = f'{RESULTS_PREFIX}_keypoints.json'
METRICS_FILE = 'metrics.json'
FOLDS_FILE = 'folds.json'
NOTHING = -1  # of COCO's metrics where there is nothing of a size


def prepare_training(
    cfg: Config,
    *,
    work_dir: str | None = None,
    resume: str | None = None,
    validate: bool = True,
    seed: int | None = None,
    deterministic: bool = False,
    amp: bool = False,
    compile_model: bool = False,
    auto_scale_lr: bool = False,
    show_dir: str | None = None,
    trust_checkpoint: bool = False,
) -> Config:
    """Training config: writes the choices of a run into the config.

    Args:
        cfg: The config; changed in place.
        work_dir: Folder of the run; ``work_dirs/<config name>`` by default.
        resume: ``auto`` to resume from the last checkpoint in the work dir, or a checkpoint.
        validate: Whether to evaluate during training.
        seed: Seed of every random number; drawn and logged if None.
        deterministic: Whether to use deterministic algorithms only.
        amp: Whether to train in mixed precision.
        compile_model: Whether to compile the backbone.
        auto_scale_lr: Whether to scale the learning rate with the total batch.
        show_dir: Folder that gets the preview pictures too.
        trust_checkpoint: Whether checkpoints may run code.
    """
    set_work_dir(cfg, work_dir, TRAIN_CONFIG)
    if resume is not None:
        cfg.resume = True
        cfg.load_from = None if resume == 'auto' else resume
    if not validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if seed is not None or deterministic:
        cfg.randomness = dict(seed=seed, deterministic=deterministic)
    if amp:
        cfg.optim_wrapper.type = 'MixedPrecisionOptimWrapper'
    if compile_model:
        cfg.compile = cfg.get('compile') or True
    if auto_scale_lr:
        _enable_lr_scaling(cfg)
    if show_dir:
        if cfg.default_hooks.get('preview') is None:
            raise ValueError(
                '--show-dir gets the pictures of default_hooks.preview, which the config leaves '
                "out; set default_hooks.preview=dict(type='TrainingPreviewHook')"
            )
        cfg.default_hooks.preview.out_dir = show_dir
    if trust_checkpoint:
        cfg.trust_checkpoint = cfg.model.trust_checkpoint = True
    return cfg


def set_work_dir(cfg: Config, work_dir: str | None, config_name: str) -> None:
    """Sets the folder of a run, where the resolved config is going to be written.

    Args:
        cfg: The config; changed in place.
        work_dir: The folder; None takes that of the config, or ``work_dirs/<config name>``.
        config_name: Name that the resolved config gets there.

    Raises:
        FileExistsError: If that is the config itself as its user has written it, or if no run has
            made the folder but it has files of the names that a run writes.
    """
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or _default_work_dir(cfg))
    target, source = Path(cfg.work_dir, config_name), Path(cfg.filename or '')
    if source.is_file() and target.is_file() and target.samefile(source):
        if _is_recorded(source):
            return
        raise FileExistsError(
            f"'{target}' is the config of this run, and the resolved config would replace it; "
            'choose another --work-dir'
        )
    if any(_is_recorded(target.with_name(name)) for name in (TRAIN_CONFIG, TEST_CONFIG)):
        return
    for name in (config_name, METRICS_FILE, RESULTS_FILE):
        if target.with_name(name).exists():
            raise FileExistsError(
                f"'{target.with_name(name)}' exists, and no run has made it; remove it, or choose "
                'another --work-dir'
            )


def _default_work_dir(cfg: Config) -> Path:
    return Path('work_dirs', Path(cfg.filename or 'run').stem)


def _is_recorded(config: Path) -> bool:
    """Whether a file is the config that a run has written."""
    try:
        text = config.read_text(encoding='utf-8-sig')
    except (OSError, ValueError):
        return False
    return re.search(r'^launcher = ', text, re.MULTILINE) is not None


def _enable_lr_scaling(cfg: Config) -> None:
    if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
        raise ValueError(
            f'{cfg.filename} does not say which total batch its learning rate is for; set '
            'auto_scale_lr.base_batch_size'
        )
    cfg.auto_scale_lr.enable = True


def run_training(cfg: Config, launcher: str = 'none') -> PoseRunner:
    """Trains a prepared config and returns the runner, which holds the model.

    Raises:
        ValueError: If another training is at work in the same work dir.
    """
    init_distributed(launcher)
    cfg.launcher = launcher
    with work_dir_lock(cfg.work_dir) if get_rank() == 0 else nullcontext():
        add_teacher_poses(cfg)
        runner = PoseRunner.from_cfg(cfg)
        if cfg.model.get('teacher'):
            runner.logger.info(attach_teacher(runner, cfg.model.teacher))
        runner.train()
        leave_distributed()
    return runner


def run_folds(
    load: Callable[[], Config],
    num_folds: int,
    seed: int = 0,
    work_dir: str | None = None,
    resume: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Trains once for each fold of the training set, and evaluates on the images left out.

    The figures are those of the last evaluation, not of the best one, which would be chosen on the
    images that it is measured on.

    Args:
        load: Gives the config, anew for each fold.
        num_folds: k, number of folds.
        seed: Seed of the split and of each training.
        work_dir: Gets a work dir ``fold_i`` for each, and ``folds.json``.
        resume: Whether to leave out what is done and to go on with what was interrupted.
        options: Further ones of ``prepare_training``.

    Returns:
        What ``folds.json`` holds: values by metric, their mean and standard deviation.

    Raises:
        ValueError: If the training set is not one file in COCO's layout, or the folds that are to
            be resumed are others.
        FileExistsError: If there are folds of an earlier run that is not to be resumed.
    """
    cfg = load()
    folder = Path(work_dir or cfg.get('work_dir') or _default_work_dir(cfg))
    folds, about = split_into_folds(_file_to_split(cfg), num_folds, seed)
    report = folder / FOLDS_FILE
    if resume not in (None, 'auto'):
        raise ValueError(f"--resume is '{resume}', but folds go on from their own; give no path")
    if resume is None and any(folder.glob('fold_*')):
        raise FileExistsError(
            f"'{folder}' has folds of an earlier run; add --resume, or choose another --work-dir"
        )
    files = writing(report, inputs=[cfg.filename])
    scores = [
        _train_fold(load(), fold, folder / f'fold_{i}', seed=seed, **options)
        for i, fold in enumerate(folds)
    ]
    table = {
        name: dict(
            mean=statistics.fmean(one[name] for one in scores),
            std=statistics.stdev(one[name] for one in scores),
            folds=[one[name] for one in scores],
        )
        for name in scores[0]
        if all(one.get(name, NOTHING) != NOTHING for one in scores)
    }
    content = {'about': about, 'metrics': table}
    report.write_text(json.dumps(content, indent=2) + '\n')
    files.record()
    return content


def _train_fold(
    cfg: Config, fold: dict[str, Any], folder: Path, **options: Any
) -> dict[str, float]:
    """Trains one fold, unless it is done, and returns its metrics."""
    done, earlier = folder / METRICS_FILE, folder / 'val.json'
    if earlier.is_file() and json.loads(earlier.read_text()) != fold['val']:
        raise ValueError(
            f"'{folder}' is of another split; give the --folds and --seed of that run, or another "
            '--work-dir'
        )
    if done.is_file():
        return json.loads(done.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    paths = {part: (folder / f'{part}.json').resolve() for part in fold}
    for part, path in paths.items():
        path.write_text(json.dumps(fold[part]))
    own, val = cfg.train_dataloader.dataset, cfg.val_dataloader
    val.dataset = {**copy.deepcopy(own), 'pipeline': val.dataset.pipeline, 'test_mode': True}
    own.ann_file, val.dataset.ann_file = str(paths['train']), str(paths['val'])
    evaluators = cfg.val_evaluator
    for evaluator in [evaluators] if isinstance(evaluators, dict) else evaluators:
        evaluator.pop('ann_file', None)  # a metric takes that of its dataset
    has_begun = any(folder.glob('*.pth'))  # else it starts as the config says, from load_from
    prepare_training(cfg, work_dir=str(folder), resume='auto' if has_begun else None, **options)
    cfg.experiment_name = f'{folder} {time.time()}'  # of what a process has once
    runner = run_training(cfg)
    scalars = runner.message_hub.log_scalars
    metrics = {
        name.removeprefix('val/'): float(buffer.current())
        for name, buffer in scalars.items()
        if name.startswith('val/') and not name.endswith('time')
    }
    metrics = metrics or runner.val()  # of a training that was complete when it was interrupted
    done.write_text(json.dumps(metrics, indent=2) + '\n')
    return metrics


def _file_to_split(cfg: Config) -> Path:
    """Returns the annotation file of a training set that can be split."""
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    kind = DATASETS.get(str(dataset.get('type', '')))
    if getattr(kind, 'layout', None) != 'coco' or dataset.get('indices') is not None:
        raise ValueError(
            f"--folds splits one annotation file in COCO's layout, but train_dataloader.dataset is "
            f'{dataset.get("type")}{" with indices" if dataset.get("indices") else ""}; write such '
            'a file of the images to train on'
        )
    return Path(dataset.get('data_root', ''), dataset.ann_file)


def format_folds(content: dict[str, Any]) -> str:
    """Table of the metrics of all folds, with mean and standard deviation."""
    metrics = content['metrics']
    width = max(len(name) for name in metrics)
    count = len(next(iter(metrics.values()))['folds'])
    lines = [f'{"":<{width}}  {"mean":>7}  {"std":>7}' + ''.join(f'{i:>9}' for i in range(count))]
    for name, row in metrics.items():
        values = ''.join(f'{value:9.4f}' for value in row['folds'])
        lines.append(f'{name:<{width}}  {row["mean"]:7.4f}  {row["std"]:7.4f}{values}')
    return '\n'.join(lines)
