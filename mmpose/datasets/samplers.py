"""Deterministic distributed sampler.

The order does not depend on the number of workers, nor on where training was resumed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sized
from itertools import islice
from typing import Any

import numpy as np
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmpose.datasets.crop_buffer import count_earlier, share_crops, spread_images
from mmpose.datasets.sample import SampleIndex
from mmpose.registry import DATA_SAMPLERS

MAX_TOGETHER = 8  # persons of an image that follow one another within the image buffer


@DATA_SAMPLERS.register_module()
class PoseSampler(Sampler[SampleIndex]):
    """Distributed sampler whose order depends on seed and epoch only.

    The shard of rank r of R is r, r + R, r + 2R, ... of the order. For training, shuffle and round
    up, so that every rank makes the same number of steps; for testing do neither, and every
    sample is seen exactly once.

    A dataset with a method ``draw_order(rng)`` makes the order of a shuffled epoch itself, out of
    the random numbers of seed and epoch; of other datasets it is a permutation.

    Args:
        dataset: Anything with a length.
        seed: Seed of the order and of all augmentation; None for one drawn by rank 0.
        shuffle: False for the order of the dataset.
        round_up: Repeats the first samples at the end until every rank has the same number.
        image_buffer: Samples of a shuffled epoch within which the persons of an image come, so that
            it is decoded once for all of them: their crops wait in shared memory. 4096 crops of
            192 x 256 px take 592 MiB. Several times the batch size times the workers of all ranks.
            0 for a plain permutation, in which each person decodes its image.

    Attributes:
        epoch: Number of the current pass; see :meth:`set_epoch`.
        start: Samples of this rank that the current pass omits; see :meth:`set_start`.
    """

    def __init__(
        self,
        dataset: Sized,
        seed: int | None = None,
        shuffle: bool = True,
        round_up: bool = True,
        image_buffer: int = 0,
    ) -> None:
        if seed is not None and seed < 0:
            raise ValueError(f'sampler seed is {seed}, expected None or a number >= 0')
        if not len(dataset):
            raise ValueError('the dataset of this sampler is empty')
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.num_total = len(dataset)
        self.seed = sync_random_seed() if seed is None else seed
        self.shuffle = shuffle
        self.round_up = round_up
        self.epoch = 0
        self.start = 0
        self.image_buffer = min(image_buffer, self.num_total)
        if image_buffer:
            self._images, self._ranks = self._open_buffer()

    def __len__(self) -> int:
        """Number of samples of this rank in a whole epoch, wherever it starts."""
        spare = self.world_size - 1 if self.round_up else self.world_size - 1 - self.rank
        return (self.num_total + spare) // self.world_size

    def __iter__(self) -> Iterator[SampleIndex]:
        epoch, seed = self.epoch, self.seed
        rng = np.random.default_rng((seed, epoch))
        order = self._order(rng)
        if self.image_buffer:
            yield from self._near_siblings(order, rng, SampleIndex(0, epoch, seed))
            return
        repeats = self._repeats(order)
        for index, repeat in zip(self._shard(order), self._shard(repeats), strict=True):
            yield SampleIndex(index, epoch, seed, repeat)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next pass; a new epoch starts at its first sample."""
        if epoch != self.epoch:
            self.start = 0
        self.epoch = epoch

    def set_start(self, num_samples: int, epoch: int | None = None) -> None:
        """Omits the first samples of this rank, without loading them, to resume an epoch.

        It holds until :meth:`set_epoch` names another epoch.

        Args:
            num_samples: Samples that this rank has already used in the epoch.
            epoch: The epoch to resume; None for the current one.
        """
        if not 0 <= num_samples <= len(self):
            raise ValueError(
                f'cannot start at sample {num_samples}: rank {self.rank} has {len(self)} samples '
                'in an epoch'
            )
        if epoch is not None:
            self.epoch = epoch
        self.start = num_samples

    @property
    def _is_drawn(self) -> bool:
        return self.shuffle and hasattr(self.dataset, 'draw_order')

    def _repeats(self, order: np.ndarray) -> np.ndarray:
        return count_earlier(order) if self._is_drawn else np.zeros_like(order)

    def _open_buffer(self) -> tuple[np.ndarray, set[int]]:
        """Gives the dataset its buffer; returns the image of each sample, and who shares it."""
        if not (self.shuffle and hasattr(self.dataset, 'image_indices') and self.image_buffer > 0):
            raise ValueError(
                f'sampler.image_buffer is {self.image_buffer}, shuffle {self.shuffle} and the '
                f'dataset a {type(self.dataset).__name__}; expected a number above 0, True and a '
                'dataset that knows its images; set train_dataloader.sampler.image_buffer=0'
            )
        crops, ranks = share_crops(self.image_buffer, self.dataset.crop_wh)
        self.dataset.use_crops(crops)
        return self.dataset.image_indices(), set(ranks)

    def _near_siblings(
        self, order: np.ndarray, rng: np.random.Generator, draw: SampleIndex
    ) -> Iterator[SampleIndex]:
        """Samples of this rank, each with those of its image that are to come on this machine."""
        spread, groups = spread_images(self._images[order], self.image_buffer, MAX_TOGETHER, rng)
        order = order[spread]
        chain = np.argsort(groups, kind='stable')  # places, image by image
        own = np.argsort(chain)
        ends = np.searchsorted(groups[chain], groups, side='right').tolist()
        indices, repeats = order.tolist(), self._repeats(order).tolist()
        for place in self._shard(np.arange(len(order))):
            later = chain[own[place] + 1 : ends[place]].tolist()
            ahead = tuple(
                (other - place, indices[other] - indices[place], repeats[other])
                for other in later
                if other - place < self.image_buffer and other % self.world_size in self._ranks
            )
            own_draw = dict(index=indices[place], repeat=repeats[place], place=place)
            yield draw._replace(**own_draw, ahead=ahead)

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        """The samples of the epoch over all ranks, (num_total,)."""
        if not self.shuffle:
            return np.arange(self.num_total)
        if not self._is_drawn:
            return rng.permutation(self.num_total)
        order = self.dataset.draw_order(rng)
        assert order.shape == (self.num_total,)
        return order

    def _shard(self, values: np.ndarray) -> list[int]:
        """Values of the samples of this rank that are left in the epoch."""
        if self.round_up:
            values = np.resize(values, len(self) * self.world_size)
        return values[self.rank :: self.world_size][self.start :].tolist()


@DATA_SAMPLERS.register_module()
class EpochSampler(Sampler[SampleIndex]):
    """Order of another sampler, whose plain integers become samples of an epoch.

    All random numbers of a sample follow from its epoch, so a plain integer would get the same
    flip, scale and rotation in every epoch. A resumed run has the order of one that
    was not if that of the other sampler follows from its ``set_epoch``.

    Args:
        dataset: Anything with a length.
        sampler: Config of the other sampler, or the sampler.
        seed: As of :class:`PoseSampler`; the other sampler gets it too.

    Attributes:
        start: As of :class:`PoseSampler`.
    """

    def __init__(
        self, dataset: Sized, sampler: Sampler | dict[str, Any], seed: int | None = None
    ) -> None:
        self.seed = sync_random_seed() if seed is None else seed
        if isinstance(sampler, Mapping):
            arguments = dict(dataset=dataset, seed=self.seed)
            sampler = DATA_SAMPLERS.build(dict(sampler), default_args=arguments)
        self.sampler = sampler
        self.epoch = self.start = 0

    def __len__(self) -> int:
        """Number of samples of this rank in a whole epoch, wherever it starts."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[SampleIndex]:
        repeats: Counter[int] = Counter()
        for place, index in enumerate(islice(self.sampler, len(self))):
            if not isinstance(index, SampleIndex):
                index = SampleIndex(int(index), self.epoch, self.seed, repeats[int(index)])
                repeats[index.index] += 1
            if place >= self.start:
                yield index

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next pass; a new epoch starts at its first sample."""
        if hasattr(self.sampler, 'set_epoch'):
            self.sampler.set_epoch(epoch)
        self.start = self.start if epoch == self.epoch else 0
        self.epoch = epoch

    def set_start(self, num_samples: int, epoch: int | None = None) -> None:
        """Omits the first samples of this rank, see :meth:`PoseSampler.set_start`."""
        if epoch is not None:
            self.set_epoch(epoch)
        self.start = num_samples


def with_epochs(sampler: Any) -> Any:
    """Returns a sampler, or its config, whose samples know their epoch.

    ``DefaultSampler`` becomes :class:`PoseSampler`, whose arguments are the same; any other sampler
    than ours goes into an :class:`EpochSampler`.
    """
    kind = sampler['type'] if isinstance(sampler, Mapping) else type(sampler)
    kind = DATA_SAMPLERS.get(kind) if isinstance(kind, str) else kind
    if kind is DefaultSampler and isinstance(sampler, Mapping):
        return {**sampler, 'type': PoseSampler}
    if kind is None or issubclass(kind, PoseSampler | EpochSampler):
        return sampler  # an unknown name is the registry's to refuse
    return dict(type=EpochSampler, sampler=sampler)
