"""Stops a run whose loss is no number any more."""

from __future__ import annotations

import math
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
