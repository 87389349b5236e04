"""Training loop by epochs, resumable at any batch with the same losses."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmengine.dist import broadcast
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from mmpose.datasets.sample import training_draws
from mmpose.datasets.samplers import EpochSampler, PoseSampler
from mmpose.engine.training_length import TrainingLength, warm_up_iters
from mmpose.engine.worker_count import iterate_and_choose
from mmpose.registry import LOOPS


@LOOPS.register_module()
class PoseTrainLoop(EpochBasedTrainLoop):
    """mmengine's epoch loop, made repeatable.

    Every random number of an iteration follows from (seed, rank, iteration), and every random
    number of a sample from (seed, epoch, index), see ``mmpose.datasets.samplers``. So a run that
    was killed and resumed has the same losses as one that was not, without generator states in the
    checkpoint, for any number of workers.

    Args:
        dataloader: The training loader or its config.
        max_epochs: Epochs to train.
        val_interval: Epochs between evaluations; there is one after the last epoch too.
        val_begin: First epoch that is evaluated.
        max_iters: Stop after this many iterations, also within an epoch; for trials.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_epochs: int,
        val_interval: int = 1,
        val_begin: int = 1,
        max_iters: int | None = None,
    ) -> None:
        super().__init__(runner, dataloader, max_epochs, val_begin, val_interval)
        sampler = self.dataloader.sampler
        if not isinstance(sampler, PoseSampler | EpochSampler):
            raise ValueError(
                f'the training loader draws with {type(sampler).__name__}, whose plain integers '
                'would get the same augmentation in every epoch; set '
                "train_dataloader.sampler=dict(type='PoseSampler', shuffle=True)"
            )
        if len(self.dataloader) == 0:
            raise ValueError(
                f'the training set has {len(self.dataloader.dataset)} samples, fewer than one '
                'batch; lower train_dataloader.batch_size or drop drop_last'
            )
        self._limit = max_iters
        self.resume_at(epoch=0, iteration=0, batches_done=0)
        self._log_length()

    def _log_length(self) -> None:
        length = TrainingLength(
            num_samples=len(self.dataloader.dataset),
            batch_size=self.dataloader.batch_size * self.runner.world_size,
            num_epochs=self._max_epochs,
            num_iters=self._max_iters,
            warm_up_iters=warm_up_iters(
                self.runner.cfg.get('param_scheduler') or (), len(self.dataloader)
            ),
        )
        log = self.runner.logger.warning if length.is_mostly_warm_up else self.runner.logger.info
        log(str(length))

    def resume_at(
        self, epoch: int, iteration: int, batches_done: int, owed_evaluation: str = ''
    ) -> None:
        """Continues in ``epoch`` (0-based) after its first ``batches_done`` batches.

        Args:
            epoch: Finished epochs.
            iteration: Iterations that were trained, whatever the length of an epoch was.
            batches_done: Finished batches of the epoch that has begun.
            owed_evaluation: Name of the evaluation that the finished epochs end with, if it is
                missing.
        """
        self._epoch, self._iter, self.batches_done = epoch, iteration, batches_done
        self.owed_evaluation = owed_evaluation
        left = (self._max_epochs - epoch) * len(self.dataloader) - batches_done
        self._max_iters = iteration + max(left, 0)
        if self._limit is not None:
            self._max_iters = min(self._max_iters, self._limit)

    def evaluates_after(self, epoch: int) -> bool:
        """Tells whether the run is evaluated after so many epochs."""
        if self.runner.val_loop is None or epoch < self.val_begin:
            return False
        return epoch % self.val_interval == 0 or epoch == self._max_epochs

    def run(self) -> torch.nn.Module:
        """Trains and evaluates; an evaluation that an interrupted run owes comes first."""
        self.runner.call_hook('before_train')
        if self.owed_evaluation and self.runner.val_loop is not None:
            self.runner.logger.info(f'epoch {self._epoch} is still to be evaluated')
            self._evaluate()
        while self._epoch < self._max_epochs and not self.stop_training:
            finished = self._epoch
            self.run_epoch()
            if self._epoch > finished and self.evaluates_after(self._epoch):
                self._evaluate()
        self.runner.call_hook('after_train')
        return self.runner.model

    def _evaluate(self) -> None:
        self.runner.val_loop.run()
        self.runner.call_hook('after_evaluation')
        self.owed_evaluation = ''

    def run_epoch(self) -> None:
        """Trains one epoch, or the rest of one."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        sampler = self.dataloader.sampler
        for index, batch in enumerate(self._batches_left(), start=self.batches_done):
            self._seed_iteration()
            self.batches_done = index + 1
            self.run_iter(index, batch)
            if self.stop_training or self._iter >= self._max_iters:
                break
        self.stop_training |= self._iter >= self._max_iters
        finished = self.batches_done == len(self.dataloader)
        sampler.set_start(0)
        if not finished:
            return
        self.batches_done = 0
        self._share_buffers()
        self.owed_evaluation = secrets.token_hex(8) if self.evaluates_after(self._epoch + 1) else ''
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches_left(self) -> Iterator[Any]:
        """Yields the batches that are left in the epoch."""
        loader = self.dataloader
        ways: list[Callable] = [training_draws]
        if getattr(loader, 'chooses_workers', False):
            ways.insert(0, iterate_and_choose)
        for draw in ways:
            done = min(self.batches_done * loader.batch_size, len(loader.sampler))
            loader.sampler.set_start(done)
            if self.batches_done < len(loader):
                yield from draw(loader)

    def _seed_iteration(self) -> None:
        """Seeds dropout, drop path and whatever else draws on the device."""
        stream = (self.runner.seed * 1_000_003 + self.runner.rank) * 1_000_000_007 + self._iter
        torch.manual_seed(stream % 2**63)

    def _share_buffers(self) -> None:
        """Gives every rank the BatchNorm statistics of rank 0, which are those in checkpoints."""
        if self.runner.world_size == 1:
            return
        averaged = [hook.ema_model for hook in self.runner.hooks if hasattr(hook, 'ema_model')]
        for model in (self.runner.model, *averaged):
            for buffer in model.buffers():
                broadcast(buffer, src=0)
