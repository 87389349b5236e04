"""Length of a training: iterations and warm-up that follow from the number of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WARM_UP = 'LinearLR'
LONG_WARM_UP = 1 / 3  # of all iterations; the published schedules have under 1 %


@dataclass(frozen=True)
class TrainingLength:
    """Length of a training.

    Attributes:
        num_samples: Samples of an epoch.
        batch_size: Samples of an iteration, over all ranks.
        num_epochs: Epochs.
        num_iters: Iterations in all.
        warm_up_iters: Iterations before the learning rate is the full one.
    """

    num_samples: int
    batch_size: int
    num_epochs: int
    num_iters: int
    warm_up_iters: int

    @classmethod
    def from_config(cls, cfg: Mapping[str, Any], num_samples: int) -> TrainingLength:
        """Returns the length that a config gives to a training set, on one process."""
        loader, train_cfg = cfg['train_dataloader'], cfg['train_cfg']
        batch_size, epochs = loader['batch_size'], train_cfg['max_epochs']
        rest = 0 if loader.get('drop_last') else batch_size - 1
        per_epoch = (num_samples + rest) // batch_size
        num_iters = min(per_epoch * epochs, train_cfg.get('max_iters') or per_epoch * epochs)
        warm_up = warm_up_iters(cfg.get('param_scheduler') or (), per_epoch)
        return cls(num_samples, batch_size, epochs, num_iters, warm_up)

    @property
    def is_mostly_warm_up(self) -> bool:
        """Whether so much of the training is warm-up that little of it has the full rate."""
        return self.warm_up_iters > LONG_WARM_UP * self.num_iters

    def __str__(self) -> str:
        text = (
            f'{self.num_samples} samples give {self.num_iters} iterations ({self.num_epochs} '
            f'epochs in batches of {self.batch_size}), {self.warm_up_iters} of them warm-up'
        )
        if self.is_mostly_warm_up:
            text += (
                '; that is too few at the full learning rate: raise train_cfg.max_epochs, lower '
                'train_dataloader.batch_size, or lower end of the LinearLR in param_scheduler'
            )
        return text


def warm_up_iters(
    schedulers: Mapping[str, Any] | Sequence[Mapping[str, Any]], iters_per_epoch: int
) -> int:
    """Returns the iterations of linear warm-up; mmengine's has the full rate one before its end."""
    ends = [0]
    for scheduler in [schedulers] if isinstance(schedulers, Mapping) else schedulers:
        if scheduler['type'] == WARM_UP and not scheduler.get('begin'):
            unit = iters_per_epoch if scheduler.get('by_epoch', True) else 1
            ends.append((scheduler.get('end', 1) - 1) * unit)
    return max(ends)
