"""The figures of each dataset of a mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric

from mmpose.registry import METRICS
from mmpose.structures import PoseResult

Config = Mapping[str, Any]


@METRICS.register_module()
class PerDatasetMetric(BaseMetric):
    """Metrics for every dataset of a ``CombinedDataset``, as if each were evaluated alone.

    A figure is called ``{name}/{figure}``, such as ``coco/AP`` or ``mpii/PCKh``; the prefix of a
    metric is left out unless its config sets one. A dataset that was not read, see
    ``CombinedDataset.only``, has no figures.

    Args:
        metrics: For each dataset, in the order of the mixture, a metric, its config, or a list of
            them; an empty list evaluates nothing.
        names: Short name of each dataset.
        out_dir: Folder of the files that metrics write, a folder for each dataset in it.

    Attributes:
        metrics: The metrics of each dataset.
        names: The names.
    """

    default_prefix = 'per_dataset'  # in no figure; mmengine warns of a metric without one

    def __init__(
        self,
        metrics: Sequence[Any],
        names: Sequence[str],
        out_dir: str | None = None,
    ) -> None:
        super().__init__()
        if not len(metrics) or len(metrics) != len(names):
            raise ValueError(
                f'PerDatasetMetric has metrics for {len(metrics)} datasets and {len(names)} names '
                f'({list(names)}); expected one entry of each per dataset'
            )
        bad = [name for name in names if '/' in name or list(names).count(name) > 1]
        if bad:
            raise ValueError(
                f"PerDatasetMetric.names has '{bad[0]}' twice or with a slash; expected different "
                'short names'
            )
        self.names = list(names)
        self.metrics: list[list[BaseMetric]] = [
            [
                _build(child, None if out_dir is None else Path(out_dir, name))
                for child in ([group] if isinstance(group, Mapping | BaseMetric) else group)
            ]
            for name, group in zip(names, metrics, strict=True)
        ]
        self._sizes: list[int] = []

    @property
    def dataset_meta(self) -> dict[str, Any] | None:
        """What the mixture says about its datasets; set before the evaluation."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, meta: Mapping[str, Any]) -> None:
        parts = meta.get('parts')
        if parts is None or len(parts) != len(self.names):
            found = 'none' if parts is None else len(parts)
            raise ValueError(
                f'PerDatasetMetric is for {len(self.names)} datasets {self.names} but the dataset '
                f'of the loader has {found} in its metainfo; evaluate a CombinedDataset of as many'
            )
        self._dataset_meta = dict(meta)
        self._sizes = [part['num_samples'] for part in parts]
        for part, children in zip(parts, self.metrics, strict=True):
            for child in children:
                child.dataset_meta = part

    def process(self, data_batch: Any, data_samples: Sequence[PoseResult]) -> None:
        """Gives each metric the poses of its dataset.

        Args:
            data_batch: Not read.
            data_samples: One pose per sample of the batch, of any dataset.
        """
        groups: list[list[PoseResult]] = [[] for _ in self.names]
        for pose in data_samples:
            if not 0 <= pose.dataset_idx < len(groups):
                raise ValueError(
                    f'a pose of {pose.image_file} has dataset_idx={pose.dataset_idx}, but '
                    f'PerDatasetMetric is for {len(groups)} datasets {self.names}'
                )
            groups[pose.dataset_idx].append(pose)
        for children, poses in zip(self.metrics, groups, strict=True):
            for child in children:
                child.process(data_batch, poses)

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Is not called: the metrics of the datasets compute."""
        raise NotImplementedError('call evaluate')

    def evaluate(self, size: int) -> dict[str, float]:
        """Figures of all datasets; every rank must call this, with or without samples.

        Args:
            size: Number of samples of the mixture.

        Returns:
            ``{name}/{figure}`` to value, the same on all ranks.

        Raises:
            ValueError: If samples are missing, or a dataset has a figure twice.
        """
        if sum(self._sizes) != size:
            raise ValueError(
                f'{size} samples were to be evaluated but the datasets {self.names} have '
                f'{self._sizes}'
            )
        figures: dict[str, float] = {}
        for name, length, children in zip(self.names, self._sizes, self.metrics, strict=True):
            for child in children if length else ():
                for key, value in self._evaluate(child, name, length).items():
                    if f'{name}/{key}' in figures:
                        raise ValueError(
                            f"two metrics of dataset '{name}' have a figure '{key}'; set prefix in "
                            'the config of one'
                        )
                    figures[f'{name}/{key}'] = value
        return figures

    def _evaluate(self, child: BaseMetric, name: str, size: int) -> dict[str, float]:
        try:
            return child.evaluate(size)
        except (ValueError, RuntimeError) as error:
            raise type(error)(f"dataset '{name}': {error}") from error


def _build(child: Any, out_dir: Path | None) -> BaseMetric:
    """Returns a metric without the prefix of its class."""
    if not isinstance(child, Mapping):
        return child
    config = dict(child)
    kind = METRICS.get(config['type'])
    if out_dir is not None and kind is not None and 'out_dir' in signature(kind).parameters:
        config.setdefault('out_dir', str(out_dir))
    metric = METRICS.build(config)
    metric.prefix = config.get('prefix')
    return metric
