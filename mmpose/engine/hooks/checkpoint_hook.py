"""Checkpoint hook: a kill, a full disk or a Ctrl-C never costs more than an iteration."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpose.engine.checkpoint_files import mark_last_checkpoint, note_evaluation
from mmpose.evaluation.metrics import PerDatasetMetric, greater_is_better, primary_metric
from mmpose.registry import HOOKS

RULES = ('greater', 'less')


@HOOKS.register_module()
class CheckpointHook(Hook):
    """Saves the latest checkpoints, the best one, and one when the run is interrupted.

    A file is written beside its final name first and renamed when it is complete, and an old
    checkpoint is deleted only after the new one is there. If saving fails (no space left), the
    training goes on with an error in the log, and it ends with an error unless a later save
    succeeds. Arguments and their defaults are those of mmengine's hook, in whose place a config of
    this package gets this one.

    A checkpoint that is saved before an evaluation names it, and a file beside it says which has
    been done, so that a run that is killed in between makes up for it.

    Args:
        interval: Epochs, or iterations, between two checkpoints; -1 for none. One is also saved
            before each evaluation and after the last epoch.
        by_epoch: Whether ``interval`` counts epochs; else iterations.
        max_keep_ckpts: How many of the latest to keep; -1 keeps all.
        save_best: Metric whose best checkpoint is kept, None for none. ``auto`` takes the primary
            metric of the evaluation, see ``primary_metric``; in a mixture of datasets that of the
            first dataset.
        rule: ``greater`` or ``less``, what is better; None follows from the metric.
    """

    priority = 'VERY_LOW'

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool = True,
        max_keep_ckpts: int = -1,
        save_best: str | None = None,
        rule: str | None = None,
    ) -> None:
        if rule is not None and rule not in RULES:
            raise ValueError(f"rule of CheckpointHook is '{rule}'; expected one of {RULES} or None")
        self.interval = interval
        self.by_epoch = by_epoch
        self.max_keep_ckpts = max_keep_ckpts
        self.save_best = save_best
        self.rule = rule
        self.state: dict[str, Any] = {'kept': [], 'best_score': None, 'best_file': None}
        self.failure: OSError | None = None
        self.signal_number: int | None = None
        self._handlers: dict[int, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Starts to listen for Ctrl-C and SIGTERM."""
        self._logger = runner.logger
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._on_signal)

    def after_train(self, runner: Runner) -> None:
        """Stops listening; raises if the last save failed."""
        self._restore_handlers()
        if self.failure is not None:
            raise self.failure

    def after_train_epoch(self, runner: Runner) -> None:
        """Saves every ``interval`` epochs, before an evaluation, and after the last epoch."""
        epoch = runner.epoch + 1
        last = self.is_last_train_epoch(runner)
        if (
            runner.train_loop.owed_evaluation
            or last
            or (self.by_epoch and self.every_n_epochs(runner, self.interval))
        ):
            self._save_latest(runner, f'epoch_{epoch}.pth', epoch)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Saves every ``interval`` iterations, and at once when interrupted."""
        due = not self.by_epoch and self.every_n_train_iters(runner, self.interval)
        stop_early = runner.iter + 1 >= runner.max_iters and not self._ends_epoch(runner)
        if due or stop_early or self.signal_number is not None:
            self._save_latest(
                runner,
                f'iter_{runner.iter + 1}.pth',
                epoch=runner.epoch,
                iteration=runner.iter + 1,
                batches_done=runner.train_loop.batches_done,
            )
        self._leave_if_asked(runner)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: Any = None,
    ) -> None:
        """Leaves an evaluation that is interrupted; a checkpoint was saved before it began."""
        self._leave_if_asked(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Keeps the checkpoint of the best evaluation."""
        if self.save_best is None or not metrics:
            return
        key = watched_metric(runner, metrics, self.save_best, 'default_hooks.checkpoint.save_best')
        greater = greater_is_better(key) if self.rule is None else self.rule == 'greater'
        if not is_better(metrics[key], self.state['best_score'], greater):
            return
        previous = self.state['best_file']
        name = f'best_{key.replace("/", "_").replace(" ", "")}_epoch_{runner.epoch}.pth'
        self.state.update(best_score=float(metrics[key]), best_file=name)
        if not self._save(runner, name, epoch=runner.epoch):
            self.state['best_file'] = previous
            return
        runner.logger.info(f'best {key} so far: {metrics[key]:.4f}, saved as {name}')
        if previous and previous != name and runner.rank == 0:
            Path(runner.work_dir, previous).unlink(missing_ok=True)

    def after_evaluation(self, runner: Runner) -> None:
        """Notes that the evaluation is done, and what it changed in the hooks that count."""
        if runner.rank == 0:
            states = {type(h).__name__: h.state for h in runner.hooks if hasattr(h, 'state')}
            note_evaluation(runner.work_dir, runner.train_loop.owed_evaluation, states)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Stores which files are kept."""
        checkpoint['checkpoint_hook'] = dict(self.state)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Restores it when a run resumes."""
        if runner.is_resuming:
            self.state.update(checkpoint.get('checkpoint_hook', {}))

    def _ends_epoch(self, runner: Runner) -> bool:
        return runner.train_loop.batches_done == len(runner.train_dataloader)

    def _save_latest(
        self,
        runner: Runner,
        name: str,
        epoch: int,
        iteration: int | None = None,
        batches_done: int = 0,
    ) -> None:
        kept = [file for file in self.state['kept'] if file != name]
        self.state['kept'] = [*kept, name]
        if not self._save(runner, name, epoch, iteration, batches_done):
            self.state['kept'] = kept
            return
        while 0 < self.max_keep_ckpts < len(self.state['kept']):
            old = self.state['kept'].pop(0)
            if runner.rank == 0:
                Path(runner.work_dir, old).unlink(missing_ok=True)

    def _save(
        self,
        runner: Runner,
        name: str,
        epoch: int,
        iteration: int | None = None,
        batches_done: int = 0,
    ) -> bool:
        iteration = runner.iter if iteration is None else iteration
        try:
            runner.save_training_state(name, epoch, iteration, batches_done)
            if runner.rank == 0 and name in self.state['kept']:
                mark_last_checkpoint(runner.work_dir, name)
        except OSError as error:
            self.failure = error
            runner.logger.error(f'{error}; the training goes on')
            return False
        self.failure = None
        return True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signal_number = number
        self._restore_handlers()
        self._logger.warning(
            f'{signal.Signals(number).name}: saving a checkpoint after this iteration; '
            'once more stops at once'
        )

    def _restore_handlers(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def _leave_if_asked(self, runner: Runner) -> None:
        if self.signal_number is None:
            return
        runner.logger.warning(
            f'stopped at iteration {runner.iter + 1}; add --resume to the same command to resume'
        )
        raise SystemExit(128 + self.signal_number)


def watched_metric(runner: Runner, metrics: dict[str, float], choice: str, option: str) -> str:
    """Name of the metric that decides which evaluation is better.

    Args:
        runner: Says which dataset of a mixture is the first.
        metrics: Values of an evaluation.
        choice: Name of the metric; ``auto`` takes the primary one.
        option: Where the choice comes from, for the message.

    Raises:
        ValueError: If the evaluation does not give the metric.
    """
    key = choice
    if key == 'auto':
        key = primary_metric(_names_of_first_dataset(runner, list(metrics)))
    if key not in metrics:
        raise ValueError(f"{option} is '{key}', but the evaluation gives {list(metrics)}")
    return key


def is_better(score: float, best: float | None, greater: bool, min_delta: float = 0.0) -> bool:
    """Whether a value beats the best one by more than ``min_delta``; NaN beats nothing.

    Args:
        best: The best one so far; None if there is none.
        greater: Whether greater is better.
        min_delta: Improvement that does not count yet.
    """
    if not math.isfinite(score):
        return False
    if best is None:
        return True
    return (score - best if greater else best - score) > min_delta


def _names_of_first_dataset(runner: Runner, keys: list[str]) -> list[str]:
    """Of a mixture, the metric names of the first dataset that has any; otherwise all."""
    evaluator = getattr(getattr(runner, 'val_loop', None), 'evaluator', None)
    for metric in getattr(evaluator, 'metrics', ()):
        for name in metric.names if isinstance(metric, PerDatasetMetric) else ():
            own = [key for key in keys if key.startswith(f'{name}/')]
            if own:
                return own
    return keys
