"""Training monitors: a guard against NaN losses, and the throughput in images per second."""

from __future__ import annotations

import math
import time
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpose.registry import HOOKS

NAMES_SHOWN = 8


@HOOKS.register_module()
class LossGuardHook(Hook):
    """Raises on a NaN or infinite loss and names the images of the batch.

    The checkpoints that were saved before stay as they are, and none is saved after.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Checks the loss of the iteration."""
        loss = float(outputs['loss'].detach())
        if math.isfinite(loss):
            return
        files = data_batch['batch']['image_file']
        more = f' and {len(files) - NAMES_SHOWN} more' if len(files) > NAMES_SHOWN else ''
        raise FloatingPointError(
            f'the loss is {loss} at iteration {runner.iter + 1}; the images of the batch are '
            f'{files[:NAMES_SHOWN]}{more}; lower optim_wrapper.optimizer.lr, set '
            'optim_wrapper.clip_grad, or look at these images with --show-dir'
        )


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Logs ``images_per_s`` of all ranks and ``data_wait``, the share of time without data.

    Args:
        interval: Iterations between two records; as that of the logger hook.
    """

    priority = 'HIGH'

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
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
        self._restart(now)
