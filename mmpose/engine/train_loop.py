"""Training loop by epochs, resumable at any batch with the same losses."""

from __future__ import annotations

import torch
from mmengine.dist import broadcast
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from mmpose.engine.training_length import TrainingLength, warm_up_iters
from mmpose.registry import LOOPS


@LOOPS.register_module()
class PoseTrainLoop(EpochBasedTrainLoop):
    """mmengine's epoch loop, made repeatable.

    Every random number of an iteration follows from (seed, rank, iteration), and every random
    number of a sample from (seed, epoch, index), see ``mmpose.datasets.samplers``. So a run that
    was killed and resumed has the same losses as one that was not, without generator states in the
    checkpoint, for any number of workers.

    Args:
        runner: The runner.
        dataloader: The training loader or its config.
        max_epochs: Epochs to train.
        val_interval: Epochs between evaluations.
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
        if len(self.dataloader) == 0:
            raise ValueError(
                f'the training set has {len(self.dataloader.dataset)} samples, fewer than one '
                'batch; lower train_dataloader.batch_size or drop drop_last'
            )
        if max_iters is not None:
            self._max_iters = min(self._max_iters, max_iters)
        self.batches_done = 0
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

    def resume_at(self, epoch: int, iteration: int, batches_done: int) -> None:
        """Continues in ``epoch`` (0-based) after its first ``batches_done`` batches."""
        if batches_done > len(self.dataloader):
            raise ValueError(
                f'the checkpoint was saved after batch {batches_done} of an epoch that now has '
                f'{len(self.dataloader)}; resume with the same dataset, batch size and GPUs'
            )
        self._epoch, self._iter, self.batches_done = epoch, iteration, batches_done

    def run_epoch(self) -> None:
        """Trains one epoch, or the rest of one."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        sampler = self.dataloader.sampler
        sampler.set_start(min(self.batches_done * self.dataloader.batch_size, len(sampler)))
        for index, batch in enumerate(self.dataloader, start=self.batches_done):
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
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _seed_iteration(self) -> None:
        """Seeds dropout, drop path and whatever else draws on the device."""
        stream = (self.runner.seed * 1_000_003 + self.runner.rank) * 1_000_000_007 + self._iter
        torch.manual_seed(stream % 2**63)

    def _share_buffers(self) -> None:
        """Gives every rank the BatchNorm statistics of rank 0, which are those in checkpoints."""
        if self.runner.world_size == 1:
            return
        for buffer in self.runner.model.buffers():
            broadcast(buffer, src=0)
