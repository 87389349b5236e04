"""mmengine's runner with what poses need and what mmengine 0.10.7 gets wrong.

It starts on CPUs, saves atomically, loads strictly and without running code from the file,
resumes within an epoch, and keeps the console for progress.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.config import config as mmengine_config
from mmengine.device import get_device
from mmengine.model import MMDistributedDataParallel, convert_sync_batchnorm
from mmengine.runner import BaseLoop, Runner
from mmengine.utils import get_git_hash
from mmengine.utils.dl_utils import collect_env
from torch import nn
from torch.utils.data import DataLoader

from mmpose.checkpoints.io import LAST_CHECKPOINT
from mmpose.checkpoints.load import load_model, read_checkpoint
from mmpose.datasets.collate import collate_poses
from mmpose.engine.distributed import init_worker
from mmpose.engine.sharding import (
    STRATEGIES,
    full_state,
    is_sharded,
    load_full_state,
    shard_model,
    to_cpu,
)
from mmpose.engine.train_loop import PoseTrainLoop
from mmpose.evaluation.metrics.gather import evaluation_group
from mmpose.registry import METRICS, RUNNERS
from mmpose.version import __version__

TRAIN_CONFIG = 'config.py'
TEST_CONFIG = 'test_config.py'


@RUNNERS.register_module()
class PoseRunner(Runner):
    """Runs training, evaluation and tests from a config."""

    is_resuming = False

    @classmethod
    def from_cfg(cls, cfg: Config) -> PoseRunner:
        """Builds the runner; ``val_cfg`` and ``test_cfg`` may be absent, mmengine's loops then run.

        Args:
            cfg: The config.
        """
        cfg = copy.deepcopy(cfg)
        for phase in ('val', 'test'):
            if cfg.get(f'{phase}_dataloader') is not None and cfg.get(f'{phase}_cfg') is None:
                cfg[f'{phase}_cfg'] = {}
        return super().from_cfg(cfg)

    def build_train_loop(self, loop: BaseLoop | dict[str, Any]) -> BaseLoop:
        """Builds the training loop: ``PoseTrainLoop`` unless the config names another type.

        Raises:
            ValueError: If the config counts iterations, for which there is no loop here.
        """
        if isinstance(loop, dict) and 'type' not in loop:
            loop = {'type': PoseTrainLoop.__name__, **loop}
            if not loop.pop('by_epoch', True):
                raise ValueError(
                    'train_cfg.by_epoch is False, but trainings count epochs here; set '
                    'train_cfg=dict(max_epochs=..., val_interval=...)'
                )
        return super().build_train_loop(loop)

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        """Initialises the model, moves it to the device and spreads it over the ranks.

        mmengine passes GPU ids to DDP on CPUs too, and initialises weights only after wrapping,
        which sharded parameters do not survive.
        """
        if model_wrapper_cfg is not None:
            return super().wrap_model(model_wrapper_cfg, model)
        if self._train_dataloader is not None:
            model.init_weights()
        model = model.to(get_device())
        strategy = self.cfg.get('strategy', 'ddp')
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy is '{strategy}', expected one of {STRATEGIES}")
        if not self.distributed:
            return model
        if self.cfg.get('sync_bn', False):
            model = convert_sync_batchnorm(model, 'torch')
        if self._train_dataloader is None:
            return model
        if strategy == 'fsdp':
            return shard_model(model)
        on_gpu = next(model.parameters()).is_cuda
        return MMDistributedDataParallel(
            model,
            device_ids=[int(os.environ['LOCAL_RANK'])] if on_gpu else None,
            broadcast_buffers=False,
            find_unused_parameters=self.cfg.get('find_unused_parameters', False),
        )

    def _init_model_weights(self) -> None:
        """Nothing is left to do: :meth:`wrap_model` has initialised, and DDP has shared."""

    @property
    def bare_model(self) -> nn.Module:
        """The model without the wrapper of DDP."""
        return getattr(self.model, 'module', self.model)

    def train(self) -> nn.Module:
        """Trains; the workers of the loaders have ended when it returns or raises."""
        try:
            return super().train()
        finally:
            self._end_workers()

    def test(self) -> dict[str, float]:
        """Evaluates; the workers of the loader have ended when it returns or raises."""
        try:
            return super().test()
        finally:
            self._end_workers()

    def _end_workers(self) -> None:
        for loop in (self._train_loop, self._val_loop, self._test_loop):
            if isinstance(loop, BaseLoop):
                loop.dataloader._iterator = None

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Builds the optimizer, with fused kernels unless the config says otherwise."""
        if isinstance(optim_wrapper, dict):
            prefer_fused(optim_wrapper.get('optimizer', {}))
        return super().build_optim_wrapper(optim_wrapper)

    def build_evaluator(self, evaluator: Any) -> Any:
        """Builds the metrics, and on all ranks at once the group over which they gather.

        mmengine takes a config with ``metrics`` for one of an evaluator, also that of a metric.
        """
        if self.distributed:
            evaluation_group()
        if isinstance(evaluator, dict) and METRICS.get(evaluator.get('type', '')) is not None:
            evaluator = [evaluator]
        return super().build_evaluator(evaluator)

    def _maybe_compile(self, target: str) -> None:
        """Compiles the backbone if the config says so."""
        if compile_backbone(self.bare_model, self.cfg.get('compile', None)):
            self.logger.info('the backbone is compiled; the first iterations are slow')

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict[str, Any],
        seed: int | None = None,
        diff_rank_seed: bool = False,
    ) -> DataLoader:
        """Builds a loader with the defaults that poses need.

        Batches are made by ``collate_poses``, workers leave Ctrl-C to the main process, memory is
        pinned for GPUs, and ``persistent_workers`` does not contradict ``num_workers=0``.
        """
        if isinstance(dataloader, DataLoader):
            return dataloader
        config = copy.deepcopy(dataloader)
        config.setdefault('collate_fn', {'type': collate_poses})
        config.setdefault('pin_memory', torch.cuda.is_available())
        config.setdefault('worker_init_fn', dict(type=init_worker))
        if config.get('num_workers', 0) == 0:
            config['persistent_workers'] = False
            config.pop('prefetch_factor', None)
        return Runner.build_dataloader(config, seed, diff_rank_seed)

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """Sets up the process, as mmengine does, and lets it format the config once."""
        format_configs_once()
        super().setup_env(env_cfg)

    def _log_env(self, env_cfg: dict[str, Any]) -> None:
        """Writes the environment and the git state to the work dir; the console gets a line."""
        env = {
            **collect_env(),
            'mmpose': __version__,
            'git': get_git_hash(fallback='not a git checkout'),
            'seed': self.seed,
            'launcher': self._launcher,
            'ranks': self.world_size,
        }
        if self.rank == 0:
            text = '\n'.join(f'{key}: {value}' for key, value in env.items())
            Path(self.log_dir, 'environment.txt').write_text(text + '\n')
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
        self.logger.info(
            f'mmpose {__version__}, torch {torch.__version__}, {self.world_size} x {device}, '
            f'seed {self.seed}; config, environment and logs are in {self.work_dir}'
        )

    def dump_config(self) -> None:
        """Writes the resolved config to the work dir; a test leaves that of the training alone."""
        name = TEST_CONFIG if self._train_dataloader is None else TRAIN_CONFIG
        if self.rank == 0:
            self.cfg.dump(Path(self.work_dir, name))

    def get_hooks_info(self) -> str:
        """Returns the names of the hooks in the order in which they run."""
        return ', '.join(type(hook).__name__ for hook in self._hooks)

    def save_training_state(
        self, name: str, epoch: int, iteration: int, batches_done: int = 0
    ) -> None:
        """Saves everything that a run needs to resume.

        Args:
            name: File name in the work dir.
            epoch: Finished epochs.
            iteration: Finished iterations.
            batches_done: Finished batches of the epoch that has begun.

        Raises:
            OSError: If the file cannot be written; what was there before is untouched.
        """
        checkpoint = {
            'meta': {
                'epoch': epoch,
                'iter': iteration,
                'batches_done': batches_done,
                'seed': self.seed,
                'ranks': self.world_size,
                'cfg': self.cfg.pretty_text,
                'dataset_meta': self.bare_model.dataset_meta.name,
                'mmpose_version': __version__,
                'time': time.strftime('%Y-%m-%d %H:%M:%S'),
            },
            **self._gather_state(),
            'param_schedulers': [s.state_dict() for s in self.param_schedulers or []],
            'log_window': self._log_window(),
        }
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        if self.rank == 0:
            write_atomically(to_cpu(checkpoint), Path(self.work_dir, name))

    def _gather_state(self) -> dict[str, Any]:
        if is_sharded(self.model):
            return full_state(self.model, self.optim_wrapper.optimizer)
        return {
            'state_dict': self.bare_model.state_dict(),
            'optimizer': self.optim_wrapper.state_dict(),
        }

    def _log_window(self) -> dict[str, torch.Tensor]:
        """The latest values of what the log averages, so that it goes on with the same averages."""
        size = self.log_processor.window_size
        return {
            name: torch.tensor(buffer.data[0][-size:])
            for name, buffer in self.message_hub.log_scalars.items()
            if name.startswith('train/') and ('loss' in name or 'grad_norm' in name)
        }

    def mark_last_checkpoint(self, name: str) -> None:
        """Notes which checkpoint ``--resume`` resumes from."""
        path = Path(self.work_dir, LAST_CHECKPOINT)
        part = path.with_suffix('.part')
        part.write_text(name)
        part.replace(path)

    def load_or_resume(self) -> None:
        """Loads weights (``load_from``), or resumes a run (``resume``)."""
        if self._has_loaded:
            return
        self._has_loaded = True
        if not self._resume:
            if self._load_from is not None:
                self.load_checkpoint(self._load_from)
            return
        path = self._load_from or self._find_last_checkpoint()
        if path is None:
            self.logger.info(f'nothing to resume in {self.work_dir}; starting from the beginning')
        else:
            self.resume(path)

    def _find_last_checkpoint(self) -> str | None:
        mark = Path(self.work_dir, LAST_CHECKPOINT)
        if not mark.is_file():
            return None
        path = Path(self.work_dir, mark.read_text().strip())
        return str(path) if path.is_file() else None

    def load_checkpoint(self, filename: str) -> dict[str, Any]:  # type: ignore[override]
        """Loads the weights of a pose model, strictly, from any known dialect."""
        trust = self.cfg.get('trust_checkpoint', False)
        self.logger.info(str(load_model(self.bare_model, filename, trust)))
        checkpoint = {'state_dict': self.bare_model.state_dict()}
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        self._has_loaded = True
        return checkpoint

    def resume(self, filename: str) -> None:  # type: ignore[override]
        """Resumes from a checkpoint of this framework."""
        checkpoint = read_checkpoint(filename, trust=self.cfg.get('trust_checkpoint', False))
        missing = [k for k in ('state_dict', 'optimizer', 'meta') if k not in checkpoint]
        if missing:
            raise ValueError(
                f'{filename} has no {missing}, so it is no state of a run; use '
                '--cfg-options load_from=... to start from its weights'
            )
        self.is_resuming = True
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        self._restore_seed(checkpoint['meta'], filename)
        if is_sharded(self.model):
            load_full_state(self.model, self.optim_wrapper.optimizer, checkpoint)
        else:
            self.bare_model.load_state_dict(checkpoint['state_dict'], strict=True)
            self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        for scheduler, state in zip(
            self.param_schedulers, checkpoint['param_schedulers'], strict=True
        ):
            scheduler.load_state_dict(state)
        for name, values in checkpoint['log_window'].items():
            for value in values.tolist():
                self.message_hub.update_scalar(name, value)
        meta = checkpoint['meta']
        self.train_loop.resume_at(meta['epoch'], meta['iter'], meta['batches_done'])
        self.logger.info(
            f'resumed from {filename}: epoch {meta["epoch"]}, iteration {meta["iter"]}'
        )

    def _restore_seed(self, meta: dict[str, Any], filename: str) -> None:
        asked = self._randomness_cfg.get('seed')
        if asked is not None and asked != meta['seed']:
            self.logger.warning(
                f'{filename} was trained with seed {meta["seed"]}, so the seed {asked} is not used'
            )
        if meta['ranks'] != self.world_size:
            self.logger.warning(
                f'{filename} was trained on {meta["ranks"]} ranks, this run has '
                f'{self.world_size}: the losses will differ from those of the first run'
            )
        self._randomness_cfg.update(seed=meta['seed'])
        self.set_randomness(**self._randomness_cfg)
        self.train_dataloader.sampler.seed = meta['seed']


def prefer_fused(optimizer: dict[str, Any]) -> None:
    """Sets the fused kernels in the config of an Adam that does not say otherwise."""
    if optimizer.get('type') in ('Adam', 'AdamW'):
        optimizer.setdefault('fused', True)


def compile_backbone(model: nn.Module, options: bool | dict[str, Any] | None) -> bool:
    """Compiles in place, which leaves the keys of checkpoints alone; returns whether it did.

    Args:
        model: A bare estimator.
        options: ``compile`` of the config: true, or arguments of ``torch.compile``.
    """
    if options:
        model.backbone.compile(**(options if isinstance(options, dict) else {}))
    return bool(options)


def write_atomically(checkpoint: dict[str, Any], path: Path) -> None:
    """Writes a checkpoint beside ``path`` and renames it when it is complete.

    Raises:
        OSError: If it cannot be written; the unfinished file is removed and ``path`` untouched.
    """
    part = path.with_name(path.name + '.part')
    try:
        with part.open('wb') as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise OSError(
            f'could not save {path}: {error}; earlier checkpoints are untouched, free some space'
        ) from error


def format_configs_once() -> None:
    """Makes mmengine remember the config texts that it has formatted; further calls change nothing.

    mmengine formats the text anew for the log, each visualizer backend and each checkpoint; for a
    mixture of datasets that is seconds every time.
    """
    if not hasattr(mmengine_config.FormatCode, '__wrapped__'):
        mmengine_config.FormatCode = _remembering(mmengine_config.FormatCode)


def _remembering(format_code: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[tuple[str, str], Any] = {}

    @wraps(format_code)
    def format_once(code: str, style_config: Any = None, verify: bool | None = None) -> Any:
        key = (code, repr((style_config, verify)))
        if key not in known:
            known.clear()  # a process has one config, which changes a few times at the start
            options = {} if verify is None else {'verify': verify}
            known[key] = format_code(code, style_config=style_config, **options)
        return known[key]

    return format_once
