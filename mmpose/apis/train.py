"""Training from a config."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import get_rank

from mmpose.backends.teacher import add_teacher_poses, attach_teacher
from mmpose.engine.distributed import init_distributed, leave_distributed
from mmpose.engine.runner import TEST_CONFIG, TRAIN_CONFIG, PoseRunner
from mmpose.engine.work_dir_lock import work_dir_lock

RESULTS_PREFIX = 'result'  # outfile_prefix of the metrics, in the work dir
RESULTS_FILE = f'{RESULTS_PREFIX}_keypoints.json'
METRICS_FILE = 'metrics.json'


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
    default = Path('work_dirs', Path(cfg.filename or 'run').stem)
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or default)
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
