"""Base of the pose metrics: packs, gathers, checks, computes once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from mmpose.evaluation.metrics.gather import compute_on_main, gather_to_main
from mmpose.evaluation.metrics.pose_arrays import (
    PoseArrays,
    check_each_sample_once,
    check_number_of_samples,
    concatenate_poses,
    pack_results,
)
from mmpose.structures import DatasetMeta, PoseResult


class GatheredMetric(BaseMetric):
    """A metric over the poses of all ranks, computed on rank 0.

    Args:
        prefix: First part of the names of the figures; ``default_prefix`` of the class if None.
    """

    def __init__(self, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)

    def process(self, data_batch: Any, data_samples: Sequence[PoseResult]) -> None:
        """Keeps the poses of one batch.

        Args:
            data_batch: Not read.
            data_samples: One pose per sample of the batch.
        """
        if len(data_samples):
            self.results.append(pack_results(data_samples))

    def evaluate(self, size: int) -> dict[str, float]:
        """Figures over all ranks; every rank must call this, with or without samples.

        Args:
            size: Number of samples of the whole dataset.

        Returns:
            ``{prefix}/{name}`` to value, the same on all ranks.

        Raises:
            ValueError: If a sample is missing or came twice.
        """
        own = concatenate_poses(self.results) if self.results else None
        self.results.clear()
        parts = gather_to_main(own)
        metrics = compute_on_main(lambda: self._compute(parts or [], size))
        if self.prefix is None:
            return metrics
        return {f'{self.prefix}/{name}': value for name, value in metrics.items()}

    @abstractmethod
    def compute_metrics(self, results: PoseArrays) -> dict[str, float]:
        """Figures of all poses, called on rank 0 only.

        Args:
            results: One pose per sample of the dataset.

        Returns:
            Name without prefix to value.
        """

    def _compute(self, parts: list[PoseArrays | None], size: int) -> dict[str, float]:
        present = [part for part in parts if part is not None]
        if not present:
            check_number_of_samples(0, size)
        poses = concatenate_poses(present)
        check_each_sample_once(poses, size)
        return self.compute_metrics(poses)

    def _skeleton(self) -> DatasetMeta:
        """The skeleton of the dataset that is evaluated."""
        return self._from_dataset('dataset_meta')

    def _from_dataset(self, key: str) -> Any:
        meta = self.dataset_meta or {}
        if key not in meta:
            raise ValueError(
                f"{type(self).__name__} needs '{key}' in the metainfo of the dataset, which has "
                f'{sorted(meta)}; evaluate with a dataset of mmpose.datasets or set dataset_meta'
            )
        return meta[key]
