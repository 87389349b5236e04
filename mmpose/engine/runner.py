"""mmengine's runner with what poses need and what mmengine 0.10.7 gets wrong.

It starts on CPUs, saves atomically, loads strictly and without running code from the file,
resumes within an epoch, and keeps the console for progress.
"""

from __future__ import annotations

import copy
import errno
import gc
import logging
import sys
import time
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.config import config as mmengine_config
from mmengine.device import get_device
from mmengine.evaluator import Evaluator
from mmengine.hooks import EMAHook
from mmengine.model import convert_sync_batchnorm
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from mmengine.utils import get_git_hash
from mmengine.utils.dl_utils import collect_env
from mmengine.visualization import Visualizer
from torch import nn
from torch.utils.data import DataLoader

from mmpose.checkpoints.io import read_checkpoint
from mmpose.checkpoints.load import load_model, naming
from mmpose.datasets.collate import collate_poses
from mmpose.datasets.samplers import with_epochs
from mmpose.engine.checkpoint_files import (
    NEEDED,
    find_last_checkpoint,
    find_own_checkpoint,
    noted_evaluation,
    remove_unfinished,
    write_atomically,
)
from mmpose.engine.compilation import compile_parts
from mmpose.engine.cpu_memory import keep_freed_memory
from mmpose.engine.distributed import init_worker
from mmpose.engine.optim_wrapper import PoseOptimWrapper
from mmpose.engine.resume import (
    batches_done_now,
    check_fits,
    group_settings,
    restore_schedules,
    steps_until,
)
from mmpose.engine.sharding import (
    STRATEGIES,
    is_sharded,
    load_optimizer_state,
    optimizer_state,
    replicate_model,
    shard_model,
    to_cpu,
)
from mmpose.engine.train_loop import PoseTrainLoop
from mmpose.engine.worker_count import FIRST_WORKERS, num_cores
from mmpose.evaluation.metrics.data_samples import PoseEvaluator
from mmpose.evaluation.metrics.gather import evaluation_group
from mmpose.registry import LOOPS, METRICS, RUNNERS
from mmpose.version import __version__

# Full disks and quotas, and disks that fail or go away; other errors are those of a config.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EROFS, errno.ESTALE)
MMENGINE_HOOKS = {
    'runtime_info',
    'timer',
    'sampler_seed',
    'logger',
    'param_scheduler',
    'checkpoint',
}
MMENGINE_DATASETS = ('ClassBalancedDataset', 'ConcatDataset', 'RepeatDataset')
TRAIN_CONFIG = 'config.py'
TEST_CONFIG = 'test_config.py'


@RUNNERS.register_module()
class PoseRunner(Runner):
    """Runs training, evaluation and tests from a config."""

    is_resuming = False
    unwritten: OSError | None = None

    @classmethod
    def from_cfg(cls, cfg: Config) -> PoseRunner:
        """Builds the runner; ``val_cfg`` and ``test_cfg`` may be absent, mmengine's loops then run.

        Args:
            cfg: The config. ``train_cfg.val_interval=0`` evaluates never, so that the validation
                set need not be there.

        Raises:
            ValueError: If the interval is negative.
        """
        cfg = copy.deepcopy(cfg)
        interval = (cfg.get('train_cfg') or {}).get('val_interval', 1)
        if interval < 0:
            raise ValueError(
                f'train_cfg.val_interval is {interval}; expected epochs, or 0 for never'
            )
        if not interval:
            cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        for phase in ('val', 'test'):
            if cfg.get(f'{phase}_dataloader') is not None and cfg.get(f'{phase}_cfg') is None:
                cfg[f'{phase}_cfg'] = {}
        runner = super().from_cfg(cfg)
        runner.bare_model.cfg = runner.cfg  # as of a loaded model, which push_to_hub reads
        return runner

    def build_train_loop(self, loop: BaseLoop | dict[str, Any]) -> BaseLoop:
        """Builds the training loop: ``PoseTrainLoop``, also under the names of mmengine's.

        Raises:
            ValueError: If the config counts iterations, or names a loop that cannot be resumed.
        """
        if not isinstance(loop, dict):
            return super().build_train_loop(loop)
        loop = dict(loop)
        named = loop.pop('type', PoseTrainLoop)
        kind = LOOPS.get(named) if isinstance(named, str) else named
        if not loop.pop('by_epoch', kind is not IterBasedTrainLoop):
            raise ValueError(
                'train_cfg counts iterations, but trainings count epochs here; set '
                'train_cfg=dict(max_epochs=..., val_interval=...)'
            )
        kind = PoseTrainLoop if kind is EpochBasedTrainLoop else kind
        if kind is None or not issubclass(kind, PoseTrainLoop):
            raise ValueError(
                f'train_cfg.type is {named}, but only PoseTrainLoop and what '
                'derives from it can be saved and resumed here'
            )
        loop['type'] = kind
        return super().build_train_loop(loop)

    def build_visualizer(self, visualizer: Visualizer | dict[str, Any] | None = None) -> Visualizer:
        """Builds a visualizer of this run's own.

        mmengine goes on with one of the same name that an earlier run of the process has left,
        whose scalars and pictures go to the earlier work dir.
        """
        if isinstance(visualizer, dict):
            name = visualizer.get('name', self._experiment_name)
            visualizer = {**visualizer, 'name': f'{name} of {self._log_dir}'}
        return super().build_visualizer(visualizer)

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
        return shard_model(model) if strategy == 'fsdp' else replicate_model(model, self.cfg)

    def rewrap_model(self) -> None:
        """Lets DDP, if it is in use, wait for the gradients of what trains now, and of no more."""
        if self.model is not self.bare_model:
            self.model = self.bare_model
            gc.collect()  # the old wrapper, whose hooks on the gradients end with it
            self.model = replicate_model(self.model, self.cfg)

    def _init_model_weights(self) -> None:
        """Nothing is left to do: :meth:`wrap_model` has initialised, and DDP has shared."""

    @property
    def bare_model(self) -> nn.Module:
        """The model without the wrapper of DDP."""
        return getattr(self.model, 'module', self.model)

    def register_default_hooks(self, hooks: dict[str, Any] | None = None) -> None:
        """Registers the hooks of the config; ``None`` leaves one out, also one of ours."""
        ours = {name: hook for name, hook in (hooks or {}).items() if hook is not None}
        super().register_default_hooks(dict.fromkeys(set(hooks or ()) & MMENGINE_HOOKS) | ours)

    def train(self) -> nn.Module:
        """Trains; the workers of the loaders have ended when it returns or raises.

        Raises:
            OSError: At the end, if something could not be written meanwhile.
        """
        try:
            model = super().train()
        finally:
            self._end_workers()
            self.call_hook('after_stop')
        if self.unwritten is not None:
            raise OSError(
                f'the training is complete, but some logs or pictures are missing: {self.unwritten}'
            )
        return model

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Calls the hooks; a full or broken disk ends none but that what could not be written.

        Logs and pictures are not worth a training. :class:`CheckpointHook` sees to checkpoints.
        """
        for hook in self._hooks:
            method = getattr(hook, fn_name, None)
            if method is None:
                continue
            try:
                method(self, **kwargs)
            except OSError as error:
                if error.errno not in DISK_ERRORS:
                    raise
                self._note_unwritten(type(hook).__name__, error)

    def _note_unwritten(self, writer: str, error: OSError) -> None:
        if self.unwritten is None:
            self.unwritten = error
            self.logger.error(f'{writer} could not write: {error}; the training goes on')

    def build_logger(self, *args: Any, **kwargs: Any) -> Any:
        """Builds the logger; a file of it that cannot be written is noted, without tracebacks."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handleError = self._note_lost_log
        return logger

    def _note_lost_log(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        assert isinstance(error, OSError), error
        self._note_unwritten('the log', error)

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
        Metrics of a user's are given data samples as in MMPose, see ``PoseEvaluator``.
        """
        if self.distributed:
            evaluation_group()
        if isinstance(evaluator, dict) and METRICS.get(evaluator.get('type', '')) is not None:
            evaluator = [evaluator]
        evaluator = super().build_evaluator(evaluator)
        return PoseEvaluator(evaluator.metrics) if type(evaluator) is Evaluator else evaluator

    def _maybe_compile(self, target: str) -> None:
        """Compiles backbone and heads if the config says so."""
        if compile_parts(self.bare_model, self.cfg.get('compile', None), self.logger.warning):
            self.logger.info('backbone and heads are compiled; the first iterations are slow')

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict[str, Any],
        seed: int | None = None,
        diff_rank_seed: bool = False,
    ) -> DataLoader:
        """Builds a loader with the defaults that poses need.

        Batches are made by ``collate_poses``, workers leave Ctrl-C to the main process, memory is
        pinned for GPUs, and ``persistent_workers`` does not contradict ``num_workers=0``. Samplers
        of plain integers, such as mmengine's, get epochs. ``num_workers='auto'`` is up to 4 at
        first; the training loop measures how many keep up.

        Raises:
            ValueError: For a batch sampler, or a wrapper of datasets of mmengine.
        """
        if isinstance(dataloader, DataLoader):
            return dataloader
        config = copy.deepcopy(dataloader)
        refuse_foreign_draws(config)
        if config.get('sampler') is not None:
            config['sampler'] = with_epochs(config['sampler'])
        config.setdefault('collate_fn', {'type': collate_poses})
        config.setdefault('pin_memory', torch.cuda.is_available())
        config.setdefault('worker_init_fn', dict(type=init_worker))
        is_auto = config.get('num_workers') == 'auto'
        if is_auto:
            config['num_workers'] = min(FIRST_WORKERS, num_cores())
        if config.get('num_workers', 0) == 0:
            config['persistent_workers'] = False
            config.pop('prefetch_factor', None)
        loader = Runner.build_dataloader(config, seed, diff_rank_seed)
        loader.chooses_workers = is_auto
        return loader

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """Sets up the process, as mmengine does, and lets it format the config once.

        ``tf32`` says whether a GPU may round float32 products and convolutions to TensorFloat-32.
        On macOS a forked worker of a loader can die in Apple's libraries, so it is spawned.
        """
        format_configs_once()
        if 'tf32' in env_cfg:
            torch.backends.cuda.matmul.allow_tf32 = env_cfg['tf32']
            torch.backends.cudnn.allow_tf32 = env_cfg['tf32']
        if sys.platform == 'darwin' and 'mp_cfg' in env_cfg:
            env_cfg['mp_cfg']['mp_start_method'] = 'spawn'
        if get_device() == 'cpu':
            keep_freed_memory()
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
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else get_device()
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
                'owed_evaluation': self.train_loop.owed_evaluation,
                'seed': self.seed,
                **self._batches(),
                'optimizer': type(self.optim_wrapper.optimizer).__name__,
                'cfg': self.cfg.pretty_text,
                'dataset_meta': self.bare_model.dataset_meta.name,
                'mmpose_version': __version__,
                'time': time.strftime('%Y-%m-%d %H:%M:%S'),
            },
            **self._gather_state(),
            'param_schedulers': [s.state_dict() for s in self.param_schedulers or []],
        }
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        checkpoint['log_window'] = self._log_window()
        if self.rank == 0 or is_sharded(self.model):
            checkpoint = to_cpu(checkpoint)
        if self.rank == 0:
            write_atomically(checkpoint, Path(self.work_dir, name))

    def _gather_state(self) -> dict[str, Any]:
        own, state = self.optim_wrapper, {'state_dict': self.bare_model.state_dict()}
        is_spread = is_sharded(self.model)
        state['optimizer'] = (
            optimizer_state(self.model, own.optimizer) if is_spread else own.state_dict()
        )
        if isinstance(own, PoseOptimWrapper):
            state['accumulation'] = own.accumulation_state(self.bare_model)
        return state

    def _log_window(self) -> dict[str, torch.Tensor]:
        """The latest values of what the log averages, so that it goes on with the same averages."""
        size = self.log_processor.window_size
        return {
            name: torch.tensor(buffer.data[0][-size:])
            for name, buffer in self.message_hub.log_scalars.items()
            if name.startswith('train/') and ('loss' in name or 'grad_norm' in name)
        }

    def load_or_resume(self) -> None:
        """Loads weights (``load_from``), or resumes a run (``resume``)."""
        if self._has_loaded:
            return
        self._has_loaded = True
        if self._train_dataloader is not None and self.rank == 0:
            remove_unfinished(self.work_dir)
        trust = self.cfg.get('trust_checkpoint', False)
        path = find_own_checkpoint(self.work_dir, trust, self.logger.warning)
        if path is None and not self._resume:
            if self._load_from is not None:
                self.load_checkpoint(self._load_from)
            return
        path = path or self._load_from
        path = path or find_last_checkpoint(self.work_dir, trust, self.logger.warning)
        if path is None:
            self.logger.info(f'nothing to resume in {self.work_dir}; starting from the beginning')
        else:
            self.resume(str(path))

    def load_checkpoint(self, filename: str) -> dict[str, Any]:  # type: ignore[override]
        """Loads the weights of a pose model, strictly, from any known dialect."""
        trust = self.cfg.get('trust_checkpoint', False)
        self.logger.info(str(load_model(self.bare_model, filename, trust)))
        checkpoint = {'state_dict': self.bare_model.state_dict()}
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        self._has_loaded = True
        return checkpoint

    def resume(self, filename: str) -> None:  # type: ignore[override]
        """Resumes from a checkpoint of this framework.

        Raises:
            ValueError: If it is no state of a run, or of another model or optimizer.
        """
        checkpoint = read_checkpoint(filename, trust=self.cfg.get('trust_checkpoint', False))
        missing = [key for key in NEEDED if key not in checkpoint]
        if missing:
            raise ValueError(
                f'{filename} has no {missing}, so it is no state of a run; use '
                '--cfg-options load_from=... to start from its weights'
            )
        with naming(filename):
            check_fits(checkpoint, self.bare_model, self.optim_wrapper.optimizer)
            changes = list(self._restore(checkpoint, Path(filename).parent))
        for change in changes:
            self.logger.warning(f'resuming from {Path(filename).name}: {change}')
        loop = self.train_loop
        self.logger.info(f'resumed from {filename}: epoch {loop.epoch}, iteration {loop.iter}')
        if loop.epoch >= loop.max_epochs:
            self.logger.warning(
                f'{loop.epoch} of {loop.max_epochs} epochs are trained; to go on, set '
                'train_cfg.max_epochs to more'
            )

    def _restore(self, checkpoint: dict[str, Any], folder: Path) -> Iterator[str]:
        """Restores the state of a run; yields a sentence on each change."""
        meta = checkpoint['meta']
        yield from self._restore_seed(meta)
        batches_done, changes = batches_done_now(meta, self._batches())
        yield from changes
        epoch, iteration = meta['epoch'], meta['iter']
        self.is_resuming = self._resume = True  # the latter is what mmengine's EMAHook asks
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        owed = meta.get('owed_evaluation', '')
        states = noted_evaluation(folder, owed)
        for hook in self.hooks if states is not None else ():
            if type(hook).__name__ in states:
                hook.state.update(states[type(hook).__name__])
        owed = owed if states is None else ''
        self.train_loop.resume_at(epoch, iteration, batches_done, owed)
        if 'ema_state_dict' in checkpoint and not self._has_ema():
            averaged = checkpoint['ema_state_dict']  # EMAHook saves them the other way round
            names = [name for name in averaged if name.startswith('module.')]
            checkpoint['state_dict'].update({n.removeprefix('module.'): averaged[n] for n in names})
            yield 'the config has no EMAHook, so the averaged weights are left out'
        settings = group_settings(self.optim_wrapper.optimizer)
        self.bare_model.load_state_dict(checkpoint['state_dict'], strict=True)
        if is_sharded(self.model):
            optimizer, state = self.optim_wrapper.optimizer, checkpoint['optimizer']
            load_optimizer_state(self.model, optimizer, state)
        else:
            self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        length = len(self.train_dataloader)
        steps = steps_until(
            self._schedule_configs(), epoch, iteration, epoch * length + batches_done
        )
        schedules = (self.param_schedulers or [], checkpoint['param_schedulers'], steps)
        yield from restore_schedules(self.optim_wrapper, settings, *schedules)
        if isinstance(self.optim_wrapper, PoseOptimWrapper):
            lost = self.optim_wrapper.restore_accumulation(
                self.bare_model, checkpoint.get('accumulation', {})
            )
            yield from [lost] if lost else []
        for name, values in checkpoint['log_window'].items():
            for value in values.tolist():
                self.message_hub.update_scalar(name, value)

    def _has_ema(self) -> bool:
        return any(isinstance(hook, EMAHook) for hook in self._hooks)

    def _schedule_configs(self) -> list[dict[str, Any]]:
        configs = self.cfg.get('param_scheduler') or []
        return [configs] if isinstance(configs, dict) else list(configs)

    def _batches(self) -> dict[str, int]:
        """What a place in an epoch is counted in."""
        return {
            'batch_size': self.train_dataloader.batch_size,
            'ranks': self.world_size,
            'num_samples': len(self.train_dataloader.dataset),
            'epoch_length': len(self.train_dataloader),
            'image_buffer': getattr(self.train_dataloader.sampler, 'image_buffer', 0),
        }

    def _restore_seed(self, meta: dict[str, Any]) -> Iterator[str]:
        asked = self._randomness_cfg.get('seed')
        if asked is not None and asked != meta['seed']:
            yield f'it was trained with seed {meta["seed"]}, so the seed {asked} is not used'
        if meta['dataset_meta'] != self.bare_model.dataset_meta.name:
            yield f'it was trained for the skeleton {meta["dataset_meta"]}'
        self._randomness_cfg.update(seed=meta['seed'])
        self.set_randomness(**self._randomness_cfg)
        self.train_dataloader.sampler.seed = meta['seed']


def prefer_fused(optimizer: dict[str, Any]) -> None:
    """Sets the fused kernels in the config of an Adam that does not say otherwise."""
    if optimizer.get('type') in ('Adam', 'AdamW'):
        optimizer.setdefault('fused', True)


def refuse_foreign_draws(dataloader: dict[str, Any]) -> None:
    """Refuses what would draw samples without their epoch, or not resumably."""
    if dataloader.get('batch_sampler') is not None:
        raise ValueError(
            f'batch_sampler is {dataloader["batch_sampler"]}, but an epoch is resumed by the order '
            'of a sampler here; remove it and set sampler, batch_size and drop_last of the loader'
        )
    dataset = dataloader.get('dataset')
    kind = str(dataset.get('type', '')) if isinstance(dataset, dict) else ''
    if kind.rpartition('.')[2] in MMENGINE_DATASETS:
        raise ValueError(
            f'the loader has a {kind}, whose samples would have the same augmentation in every '
            'epoch; raise train_cfg.max_epochs instead, or mix datasets by CombinedDataset(ratios='
            '...)'
        )


def format_configs_once() -> None:
    """Makes mmengine remember the config texts that it has formatted; further calls change nothing.

    mmengine formats the text anew for the log, each visualizer backend and each checkpoint; for a
    mixture of datasets that is seconds every time.
    """
    from yapf.yapflib import yapf_api

    # mmengine takes the function when it is imported, onedl-mmengine at each call
    owner = mmengine_config if hasattr(mmengine_config, 'FormatCode') else yapf_api
    if not hasattr(owner.FormatCode, '__wrapped__'):
        owner.FormatCode = _remembering(owner.FormatCode)


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
