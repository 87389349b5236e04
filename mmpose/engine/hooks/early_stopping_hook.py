"""Early stopping: ends a training that no longer gets better."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpose.engine.hooks.checkpoint_hook import is_better, watched_metric
from mmpose.evaluation.metrics import greater_is_better
from mmpose.registry import HOOKS


@HOOKS.register_module()
class PoseEarlyStoppingHook(Hook):
    """Stops the training when evaluations no longer improve a metric.

    mmengine's hook cannot tell whether a greater AP is better, forgets its count when a run
    resumes, and asks for a gain of 0.1, which no AP in [0, 1] gains again and again.

    All ranks know the same values, so they stop together.

    Args:
        monitor: Metric to watch; ``auto`` takes the primary one, as ``save_best`` of
            ``CheckpointHook``.
        patience: Evaluations without improvement after which the training stops.
        min_delta: An improvement is a change by more than this, in the unit of the metric.
    """

    priority = 'LOWEST'

    def __init__(self, monitor: str = 'auto', patience: int = 5, min_delta: float = 0.0) -> None:
        if patience < 1 or min_delta < 0:
            raise ValueError(
                f'patience is {patience} and min_delta {min_delta}; expected at least 1 and at '
                'least 0'
            )
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.state: dict[str, Any] = {'best_score': None, 'waited': 0}

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Counts evaluations without improvement; the loop ends after ``patience`` of them."""
        if not metrics or runner.train_loop.epoch >= runner.max_epochs:
            return
        key = watched_metric(runner, metrics, self.monitor, 'monitor of PoseEarlyStoppingHook')
        best = self.state['best_score']
        if is_better(metrics[key], best, greater_is_better(key), self.min_delta):
            self.state.update(best_score=float(metrics[key]), waited=0)
            return
        self.state['waited'] += 1
        if self.state['waited'] < self.patience:
            return
        shown = 'never a number' if best is None else f'{best:.4f}'
        runner.logger.info(
            f'stopping: {key} has not improved in {self.patience} evaluations; the best was {shown}'
        )
        runner.train_loop.stop_training = True

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Stores the count."""
        checkpoint['early_stopping'] = dict(self.state)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Restores it when a run resumes."""
        if runner.is_resuming:
            self.state.update(checkpoint.get('early_stopping', {}))
