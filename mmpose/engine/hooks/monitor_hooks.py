"""Training monitors: what the log shows, a guard against NaN losses, the throughput."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from mmengine.hooks import Hook, LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor

from mmpose.engine.worker_count import num_cores
from mmpose.registry import HOOKS

NAMES_SHOWN = 8
RECORDS_ABOVE, EPOCHS_SILENT = 3, 10


def reads_back(hook: Hook, runner: Runner, batch_idx: int, value: Tensor) -> bool:
    """Tells whether numbers of the device are read after this iteration.

    Each reading makes the host wait for a GPU, so there it is done where the log is written only.
    """
    if value.device.type == 'cpu' or hook.end_of_epoch(runner.train_dataloader, batch_idx):
        return True
    intervals = [x.interval for x in runner.hooks if isinstance(x, LoggerHook)]
    return any(hook.every_n_inner_iters(batch_idx, interval) for interval in intervals)


def _to_numbers(values: list[Tensor]) -> list[float]:
    """Returns scalars of one device, which are read in one transfer."""
    whole = [x.full_tensor() if hasattr(x, 'full_tensor') else x for x in values]  # of FSDP
    return torch.stack([x.detach().float().reshape(()) for x in whole]).tolist() if whole else []


@HOOKS.register_module(name='RuntimeInfoHook')
class PoseRuntimeInfoHook(RuntimeInfoHook):
    """Hands losses and the norm of the gradients to the log, read from the device when it is due.

    mmengine's hook reads each of them in each iteration. The values and their means are the same.
    """

    def before_train(self, runner: Runner) -> None:
        """Begins with no value."""
        super().before_train(runner)
        self._waiting: list[tuple[str, Tensor | float]] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Keeps the values of the iteration."""
        wrapper = runner.optim_wrapper
        if getattr(wrapper, 'grad_norm', None) is not None:
            self._waiting.append((wrapper.grad_name, wrapper.grad_norm))
            wrapper.grad_norm = None
        self._waiting += (outputs or {}).items()
        if outputs and reads_back(self, runner, batch_idx, outputs['loss']):
            self._write(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Writes what the checkpoint takes along."""
        self._write(runner)

    def _write(self, runner: Runner) -> None:
        numbers = iter(_to_numbers([x for _, x in self._waiting if isinstance(x, Tensor)]))
        for name, value in self._waiting:
            number = next(numbers) if isinstance(value, Tensor) else value
            runner.message_hub.update_scalar(f'train/{name}', number)
        self._waiting.clear()


@HOOKS.register_module()
class LossGuardHook(Hook):
    """Raises on a NaN or infinite loss and names the images of the batch.

    On a GPU it looks when the log is written, and before a checkpoint. The checkpoints that were
    saved before stay as they are, and none is saved after.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Tensor, list[str]]] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Keeps the loss of the iteration."""
        loss = outputs['loss'].detach()
        self._waiting.append((runner.iter + 1, loss, data_batch['batch']['image_file']))
        if reads_back(self, runner, batch_idx, loss):
            self._check()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Saves no network that a bad loss has spoilt."""
        self._check()

    def _check(self) -> None:
        losses = _to_numbers([loss for _, loss, _ in self._waiting])
        waiting, self._waiting = self._waiting, []
        for loss, (iteration, _, files) in zip(losses, waiting, strict=True):
            if math.isfinite(loss):
                continue
            more = f' and {len(files) - NAMES_SHOWN} more' if len(files) > NAMES_SHOWN else ''
            raise FloatingPointError(
                f'the loss is {loss} at iteration {iteration}; the images of the batch are '
                f'{files[:NAMES_SHOWN]}{more}; lower optim_wrapper.optimizer.lr, set '
                'optim_wrapper.clip_grad, or look at these images with --show-dir'
            )


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Logs ``images_per_s`` of all ranks and ``data_wait``, the share of time without data.

    A warning, at most one in ten epochs, says what to set when three records in a row are above the
    limit.

    Args:
        interval: Iterations between two records; as that of the logger hook.
        max_wait: Limit of ``data_wait``.
    """

    priority = 'HIGH'

    def __init__(self, interval: int = 50, max_wait: float = 0.1) -> None:
        self.interval, self.max_wait = interval, max_wait
        self._above, self._silent_until = 0, 0
        self._restart(0.0)

    def _restart(self, now: float) -> None:
        self._begin, self._waited, self._images = now, 0.0, 0

    def before_train_epoch(self, runner: Runner) -> None:
        """Starts anew, so that evaluation does not count."""
        self._restart(time.perf_counter())
        self._last_end = self._begin

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None
    ) -> None:
        """Adds the time since the last iteration ended: the wait for this batch."""
        self._waited += time.perf_counter() - self._last_end

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Counts the images; writes both values every ``interval`` iterations."""
        now = self._last_end = time.perf_counter()
        self._images += len(data_batch['inputs']) * runner.world_size
        if not self.every_n_inner_iters(batch_idx, self.interval):
            return
        elapsed = now - self._begin
        runner.message_hub.update_scalar('train/images_per_s', self._images / elapsed)
        runner.message_hub.update_scalar('train/data_wait', self._waited / elapsed)
        self._above = self._above + 1 if self._waited > self.max_wait * elapsed else 0
        if self._above >= RECORDS_ABOVE and runner.epoch >= self._silent_until:
            self._silent_until = runner.epoch + EPOCHS_SILENT
            loader, more = runner.train_dataloader, ''
            if not getattr(loader.sampler, 'image_buffer', 0):
                more = ', or decode each image once by train_dataloader.sampler.image_buffer=4096'
            runner.logger.warning(
                f'training waits for data {100 * self._waited / elapsed:.0f} % of the time: raise '
                f'train_dataloader.num_workers ({loader.num_workers}; this rank has {num_cores()} '
                f'cores){more}'
            )
        self._restart(now)
