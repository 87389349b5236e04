"""Mixture of datasets with different skeletons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmpose.datasets.base import KeypointDataset
from mmpose.datasets.crop_buffer import CropBuffer
from mmpose.datasets.sample import Sample, SampleIndex, as_sample_index
from mmpose.registry import DATASETS


@DATASETS.register_module()
class CombinedDataset(Dataset[Sample]):
    """Concatenation of datasets, each with its own pipeline and skeleton.

    A sample is what its dataset gives alone, but for ``dataset_idx``, the index of its
    dataset in the list, by which a model chooses the expert, the head and the skeleton.

    By default an epoch has each sample once, so the datasets have their natural shares. With
    ``ratios`` or ``temperature`` a ``PoseSampler`` that shuffles draws an epoch of the same length
    in other shares: of a dataset with a smaller share the epoch has some samples, one with a larger
    share is repeated, with other augmentation.

    Args:
        datasets: Datasets or their configs; all for training, or all with ``test_mode``.
        ratios: Share of each dataset in an epoch, relative to the others.
        temperature: Instead, the share is ``n ** (1 / temperature)`` of a dataset of n samples: 1
            is natural, larger values bring the datasets nearer to each other.
        only: Indices of the datasets to read; the others are not built, as if they had no samples,
            and the indices of these stay. None reads all.

    Attributes:
        parts: The datasets; None where ``only`` leaves one out.
        shares: (number of datasets,), their sum is 1; None for natural proportions.
    """

    def __init__(
        self,
        datasets: Sequence[KeypointDataset | dict[str, Any]],
        ratios: Sequence[float] | None = None,
        temperature: float | None = None,
        only: Sequence[int] | None = None,
    ) -> None:
        if not len(datasets):
            raise ValueError('CombinedDataset.datasets is empty, expected at least one dataset')
        wanted = _checked_choice(only, len(datasets))
        self.parts = [
            _build(config, i) if i in wanted else None for i, config in enumerate(datasets)
        ]
        self.lengths = np.array([0 if part is None else len(part) for part in self.parts])
        self.ends = np.cumsum(self.lengths)
        for i in wanted:
            if not self.lengths[i]:
                raise ValueError(f'dataset {self.describe(i)} has no samples; remove it')
        self._check_overlap()
        self._check_phase()
        self._check_crops()
        self.shares = self._shares(ratios, temperature)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int | SampleIndex) -> Sample:
        """Returns a sample that went through the pipeline of its dataset.

        Args:
            index: What a ``PoseSampler`` yields; an int stands for epoch 0 and seed 0.

        Raises:
            TypeError: For an int in training, whose augmentation would never change.
        """
        index = as_sample_index(index, any(part.test_mode for part in self.parts if part))
        part, own = self._locate(index.index)
        return part[index._replace(index=own)]

    def get_sample(self, index: int) -> Sample:
        """Returns a sample as it is annotated, before the pipeline."""
        part, index = self._locate(index)
        return part.get_sample(index)

    @property
    def metainfo(self) -> dict[str, Any]:
        """What metrics and visualisers need to know, a dict for each dataset in ``parts``."""
        parts = [
            {'num_samples': 0} if part is None else {**part.metainfo, 'num_samples': len(part)}
            for part in self.parts
        ]
        return {'parts': parts, 'dataset_type': type(self).__name__}

    @property
    def bad_images(self) -> Counter[str]:
        """How often each bad file was met by this process."""
        counters = (part.bad_images for part in self.parts if part is not None)
        return sum(counters, Counter())

    @property
    def crop_wh(self) -> tuple[int, int] | None:
        """Size of the crops that persons of an image can leave for each other; None if none can."""
        sizes = [part.crop_wh for part in self.parts if part is not None]
        return next(filter(None, sizes), None)

    def use_crops(self, crops: CropBuffer | None) -> None:
        """Takes the crops that other persons of an image have left, of all datasets."""
        for part in self.parts:
            if part is not None:
                part.use_crops(crops)

    def image_indices(self) -> np.ndarray:
        """Returns the image of each sample, (len(self),)."""
        parts = [part.image_indices() for part in self.parts if part is not None]
        begins = np.cumsum([0, *(part.max() + 1 for part in parts)])
        return np.concatenate([part + begin for part, begin in zip(parts, begins, strict=False)])

    def draw_order(self, rng: np.random.Generator) -> np.ndarray:
        """Returns the samples of an epoch in random order, (len(self),).

        Args:
            rng: The random numbers of the epoch.
        """
        if self.shares is None:
            return rng.permutation(len(self))
        starts = self.ends - self.lengths
        drawn = [
            start + _draw_rounds(rng, length, count)
            for start, length, count in zip(starts, self.lengths, self._counts(), strict=True)
        ]
        return rng.permutation(np.concatenate(drawn))

    def describe(self, index: int) -> str:
        """Returns the index and the annotation file of a dataset, for messages."""
        part = self.parts[index]
        return f'{index} (omitted)' if part is None else f'{index} ({part.ann_file})'

    def _locate(self, index: int) -> tuple[KeypointDataset, int]:
        if not 0 <= index < len(self):
            raise IndexError(f'sample {index} of {len(self)}')
        number = int(np.searchsorted(self.ends, index, side='right'))
        part = self.parts[number]
        assert part is not None
        return part, int(index - self.ends[number] + self.lengths[number])

    def _counts(self) -> np.ndarray:
        """Samples of each dataset in an epoch: the shares, rounded so that the sum is right."""
        assert self.shares is not None
        exact = self.shares * len(self)
        counts = np.floor(exact).astype(np.int64)
        by_rest = np.argsort(counts - exact, kind='stable')
        counts[by_rest[: len(self) - counts.sum()]] += 1
        return counts

    def _shares(
        self, ratios: Sequence[float] | None, temperature: float | None
    ) -> np.ndarray | None:
        if ratios is None and temperature is None:
            return None
        if ratios is not None and temperature is not None:
            raise ValueError(
                f'CombinedDataset has ratios={ratios} and temperature={temperature}; set one'
            )
        if ratios is None:
            assert temperature is not None
            if not 0 < temperature < float('inf'):
                raise ValueError(
                    f'CombinedDataset.temperature is {temperature}, expected a number above 0'
                )
            weights = self.lengths.astype(np.float64)
            weights[weights > 0] **= 1 / temperature
            return weights / weights.sum()
        weights = np.asarray(ratios, np.float64)
        if weights.shape != (len(self.parts),):
            raise ValueError(
                f'CombinedDataset.ratios has {weights.size} numbers for {len(self.parts)} '
                'datasets, expected one per dataset'
            )
        if not (np.isfinite(weights) & (weights > 0)).all():
            raise ValueError(
                f'CombinedDataset.ratios is {list(ratios)}, expected numbers above 0; a dataset '
                'that shall not be read is omitted from CombinedDataset.only'
            )
        weights = weights * (self.lengths > 0)
        return weights / weights.sum()

    def _check_overlap(self) -> None:
        known: dict[Any, int] = {}
        for i, part in enumerate(self.parts):
            if part is None:
                continue
            # the same annotations with other boxes are other samples
            sources = tuple(path.resolve() for path in part.sources())
            for category in np.unique(part.store.category_ids).tolist():
                first = known.setdefault((sources, category), i)
                if first != i:
                    raise ValueError(
                        f'datasets {first} and {i} of CombinedDataset both read category '
                        f'{category} of {part.ann_file}, so that its instances would count twice; '
                        'remove one, and change the share of the other by '
                        'CombinedDataset.ratios, or give each its own category'
                    )

    def _check_phase(self) -> None:
        modes = {part.test_mode: i for i, part in enumerate(self.parts) if part is not None}
        if len(modes) > 1:
            raise ValueError(
                f'dataset {self.describe(modes[True])} has test_mode=True but dataset '
                f'{self.describe(modes[False])} has not; give all datasets the same'
            )

    def _check_crops(self) -> None:
        sizes: dict[tuple[int, int], int] = {}
        for i, part in enumerate(self.parts):
            steps = [] if part is None else part.pipeline.transforms
            for size in [step.input_size for step in steps if hasattr(step, 'input_size')][-1:]:
                sizes.setdefault(size, i)
        if len(sizes) > 1:
            (size, i), (other, j) = list(sizes.items())[:2]
            raise ValueError(
                f'dataset {self.describe(i)} crops to {size} but dataset {self.describe(j)} to '
                f'{other}; give the TopdownAffine of all datasets one input_size'
            )


def _checked_choice(only: Sequence[int] | None, num: int) -> list[int]:
    if only is None:
        return list(range(num))
    wanted = sorted({int(i) for i in only})
    if not wanted or wanted[0] < 0 or wanted[-1] >= num:
        raise ValueError(
            f'CombinedDataset.only is {list(only)}, expected some of the indices 0 to {num - 1} of '
            'its datasets'
        )
    return wanted


def _build(config: KeypointDataset | dict[str, Any], index: int) -> KeypointDataset:
    """Returns a dataset whose samples carry the index."""
    dataset = config
    if isinstance(config, dict):
        own = config.get('dataset_idx', index)
        if own != index:
            raise ValueError(
                f'dataset {index} of CombinedDataset has dataset_idx={own}; omit it, it is '
                'the index in the list'
            )
        dataset = DATASETS.build(config)
    if not isinstance(dataset, KeypointDataset):
        raise TypeError(
            f'dataset {index} of CombinedDataset is a {type(dataset).__name__}, expected a '
            'KeypointDataset or its config; list the datasets of an inner mixture themselves'
        )
    dataset.dataset_idx = index
    return dataset


def _draw_rounds(rng: np.random.Generator, length: int, count: int) -> np.ndarray:
    """Numbers 0 to ``length - 1`` in random rounds of all of them, (count,)."""
    if not count:
        return np.zeros(0, np.int64)
    rounds = [rng.permutation(length) for _ in range(-(-count // length))]
    return np.concatenate(rounds)[:count]
