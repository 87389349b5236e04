"""Base class of the pose metrics (packs, gathers, computes once) and the prediction dump."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mmengine.evaluator import BaseMetric

from mmpose.coco.instance_layout import InstanceLayout
from mmpose.evaluation.metrics.gather import compute_on_main, gather_to_main
from mmpose.evaluation.metrics.pose_arrays import (
    PoseColumns,
    check_each_sample_once,
    check_number_of_samples,
    concatenate_poses,
    in_dataset_order,
    pack_results,
)
from mmpose.registry import METRICS
from mmpose.structures import DatasetMeta, PoseResult


class GatheredMetric(BaseMetric):
    """A metric over the poses of all ranks, computed on rank 0.

    What a config check, the checkpoint hook or a tool has to know about a metric is asked of its
    class; see ``metric_info`` for the questions.

    Args:
        prefix: First part of the metric names; ``default_prefix`` of the class if None.

    Attributes:
        primary_metrics: Names, without prefix, of the values that papers compare. Where an
            evaluation has several of them, the one with the lowest number is the primary one.
        greater_is_better: Whether a greater value is better.
        aliases: Further names for ``tools/test.py --eval``, those of the 0.x command line.
        needs_sigmas: Whether the skeleton must have OKS sigmas.
        needs_gt_boxes: Whether every pose must belong to an annotated box, not a detected one.
        annotation_layout: Layout of the annotation file that the metric reads; None if the
            dataset itself gives the ground truth.
        writes_results: Whether the metric takes ``outfile_prefix`` and writes a result file.
        reads_results: That it is given ``PoseResult``, not data samples as in MMPose 1.x.
        first_place: Place of the first sample in the mixture that the dataset belongs to.
    """

    primary_metrics: ClassVar[Mapping[str, int]] = {}
    greater_is_better: ClassVar[bool] = True
    aliases: ClassVar[tuple[str, ...]] = ()
    needs_sigmas: ClassVar[bool] = False
    needs_gt_boxes: ClassVar[bool] = False
    annotation_layout: ClassVar[str | None] = None
    writes_results: ClassVar[bool] = False
    first_place: int = 0
    reads_results: ClassVar[bool] = True

    def __init__(self, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix or type(self).__name__)  # mmengine warns without a prefix
        self.prefix = prefix or self.default_prefix

    def process(self, data_batch: Any, data_samples: Sequence[PoseResult]) -> None:
        """Keeps the poses of one batch."""
        if len(data_samples):
            self.results.append(pack_results(data_samples))

    def evaluate(self, size: int) -> dict[str, float]:
        """Metrics over all ranks; every rank must call this, with or without samples.

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
    def compute_metrics(self, results: PoseColumns) -> dict[str, float]:
        """Metrics of all poses, called on rank 0 only."""

    def _compute(self, parts: list[PoseColumns | None], size: int) -> dict[str, float]:
        if all(part is None for part in parts):
            check_number_of_samples(0, size)
        poses = in_dataset_order(parts, self.first_place)
        check_each_sample_once(poses, size)
        return self.compute_metrics(poses)

    def _skeleton(self) -> DatasetMeta:
        """The skeleton of the dataset that is evaluated."""
        return self._from_dataset('dataset_meta')

    def _layout(self) -> InstanceLayout | None:
        """Where the instances of an annotation stand in the files of the dataset."""
        return (self.dataset_meta or {}).get('instance_layout')

    def _from_dataset(self, key: str) -> Any:
        meta = self.dataset_meta or {}
        if key not in meta:
            raise ValueError(
                f"{type(self).__name__} needs '{key}' in the metainfo of the dataset, which has "
                f'{sorted(meta)}; evaluate with a dataset of mmpose.datasets or set dataset_meta'
            )
        return meta[key]


@METRICS.register_module()
class PredictionDump(GatheredMetric):
    """Writes the predictions of all ranks, before any suppression, into one ``.npz`` file.

    The file holds the columns of ``pack_results`` by name: keypoints in img px, scores, boxes, ids.
    ``numpy.load`` reads it without unpickling.
    """

    def __init__(self, out_file: str) -> None:
        super().__init__()
        if not out_file.endswith('.npz'):
            raise ValueError(f'predictions are dumped as .npz, but the file is {out_file}')
        self.out_file = Path(out_file)

    def compute_metrics(self, results: PoseColumns) -> dict[str, float]:
        """Writes the file; there is no metric."""
        self.out_file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self.out_file, **results)
        return {}
