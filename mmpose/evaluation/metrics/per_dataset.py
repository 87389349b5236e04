"""PerDatasetMetric: the metrics of each dataset of a mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric

from mmpose.evaluation.metrics.metric_info import metric_class
from mmpose.registry import METRICS
from mmpose.structures import PoseResult

Config = Mapping[str, Any]


@METRICS.register_module()
class PerDatasetMetric(BaseMetric):
    """Metrics for every dataset of a ``CombinedDataset``, as if each were evaluated alone.

    A value is called ``{name}/{metric}``, such as ``coco/AP`` or ``mpii/PCK``; the prefix of a
    metric is omitted unless its config sets one. A dataset that was not read, see
    ``CombinedDataset.only``, has no values.

    Args:
        metrics: For each dataset, in the order of the mixture, a metric, its config, or a list of
            them; an empty list evaluates nothing.
        names: Short name of each dataset.
        outfile_prefix: As of the metrics; the files of a dataset are in a folder of its name, so
            ``results/val`` gives ``results/coco/val_keypoints.json``.

    Attributes:
        metrics: The metrics of each dataset.
        names: The names.
    """

    writes_results = True
    default_prefix = 'per_dataset'  # in no name; mmengine warns of a metric without one

    reads_results = True

    def __init__(
        self, metrics: Sequence[Any], names: Sequence[str], outfile_prefix: str | None = None
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
                _build(child, _in_folder(outfile_prefix, name))
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
        for number, (part, children) in enumerate(zip(parts, self.metrics, strict=True)):
            for child in children:
                child.dataset_meta = part
                child.first_place = sum(self._sizes[:number])

    def process(self, data_batch: Any, data_samples: Sequence[PoseResult]) -> None:
        """Gives each metric the poses of its dataset.

        Args:
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
        """Metrics of all datasets; every rank must call this, with or without samples.

        Args:
            size: Number of samples of the mixture.

        Returns:
            ``{name}/{metric}`` to value, the same on all ranks.

        Raises:
            ValueError: If samples are missing, or a dataset has a metric twice.
        """
        if sum(self._sizes) != size:
            raise ValueError(
                f'{size} samples were to be evaluated but the datasets {self.names} have '
                f'{self._sizes}'
            )
        metrics: dict[str, float] = {}
        for name, length, children in zip(self.names, self._sizes, self.metrics, strict=True):
            for child in children if length else ():
                for key, value in self._evaluate(child, name, length).items():
                    if f'{name}/{key}' in metrics:
                        raise ValueError(
                            f"two metrics of dataset '{name}' have a value '{key}'; set prefix in "
                            'the config of one'
                        )
                    metrics[f'{name}/{key}'] = value
        return metrics

    def _evaluate(self, child: BaseMetric, name: str, size: int) -> dict[str, float]:
        try:
            return child.evaluate(size)
        except (ValueError, RuntimeError) as error:
            raise type(error)(f"dataset '{name}': {error}") from error


def _build(child: Any, outfile_prefix: str | None) -> BaseMetric:
    """Builds a metric without the prefix of its class."""
    if not isinstance(child, Mapping):
        return child
    config = dict(child)
    kind = metric_class(config)
    if outfile_prefix is not None and kind is not None and kind.writes_results:
        config.setdefault('outfile_prefix', outfile_prefix)
    metric = METRICS.build(config)
    metric.prefix = config.get('prefix')
    return metric


def _in_folder(outfile_prefix: str | None, name: str) -> str | None:
    """``folder/name/file`` for ``folder/file``."""
    if outfile_prefix is None:
        return None
    return str(Path(outfile_prefix).parent / name / Path(outfile_prefix).name)
