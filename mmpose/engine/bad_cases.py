"""Ranking of the worst predictions, and a fixed sample of all, over any number of ranks.

Each rank keeps as many cases as are asked for, so that memory does not grow with the dataset.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.combined import CombinedDataset
from mmpose.datasets.transforms.loading import LoadImage, image_loader
from mmpose.evaluation.functional import KeypointGroundTruth, load_ground_truth
from mmpose.evaluation.functional.oks import keypoint_variances, oks_to_ground_truth
from mmpose.structures import DatasetMeta, PoseResult, box_iou_xywh
from mmpose.visualization import TruePoses, mean_errors

METRICS = ('auto', 'oks', 'error')
# A box belongs to the annotated instance whose box overlaps it most, at least so much.
LEAST_IOU = 0.5
# Area of an instance in that of the box, where a file gives no area; as OKS is computed for AIC.
AREA_OF_BOX = 0.53


@dataclass(frozen=True, eq=False)
class Case:
    """A prediction with its annotation.

    Attributes:
        result: The prediction.
        keypoints: (K, 2), img px. Annotated.
        keypoints_visible: (K,). True where a keypoint is labelled.
        bbox_xywh: (4,), img px. Annotated.
        error: Mean distance of the labelled keypoints, in square roots of the area of the box.
        oks: None where the skeleton has no sigmas.
        badness: What the ranking goes by; greater is worse.
        chance: From 0 to 1, follows from the ids of image and annotation.
    """

    result: PoseResult
    keypoints: NDArray[np.float64]
    keypoints_visible: NDArray[np.bool_]
    bbox_xywh: NDArray[np.float64]
    error: float
    oks: float | None
    badness: float
    chance: float

    @property
    def offsets(self) -> NDArray[np.float64]:
        """(K,), img px. Distances from the true places; NaN where no keypoint is labelled."""
        distances = np.hypot(*(self.result.keypoints - self.keypoints).T)
        return np.where(self.keypoints_visible, distances, np.nan)

    def truth(self) -> TruePoses:
        """Returns the annotation as drawings take it."""
        return TruePoses(self.keypoints[None], self.keypoints_visible[None], self.bbox_xywh[None])


@dataclass
class Collection:
    """Cases of one dataset.

    Attributes:
        worst: The worst first.
        random: In the order of their chance.
        num_compared: Predictions that lie on an annotated instance.
        num_skipped: Predictions that do not, or whose instance has no labelled keypoint.
    """

    worst: list[Case] = field(default_factory=list)
    random: list[Case] = field(default_factory=list)
    num_compared: int = 0
    num_skipped: int = 0

    def add(self, other: Collection, num_worst: int, num_random: int) -> None:
        """Takes over what another rank or batch found, and keeps as many as are asked for."""
        self.worst = heapq.nlargest(
            num_worst, [*self.worst, *other.worst], key=lambda case: (case.badness, case.chance)
        )
        self.random = heapq.nsmallest(
            num_random, [*self.random, *other.random], key=lambda case: case.chance
        )
        self.num_compared += other.num_compared
        self.num_skipped += other.num_skipped


class AnnotationTable:
    """Finds the annotation of a prediction and compares the two.

    Args:
        truth: Annotations of the dataset.
        metric: ``oks``, ``error``, or ``auto`` for OKS where the skeleton has sigmas.
        loader: Reads the images of the dataset; from local files if None.

    Raises:
        ValueError: If OKS is asked for and the skeleton has no sigmas.
    """

    def __init__(
        self,
        truth: KeypointGroundTruth,
        dataset_meta: DatasetMeta,
        metric: str = 'auto',
        loader: LoadImage | None = None,
    ) -> None:
        if metric not in METRICS:
            raise ValueError(f"metric is '{metric}', expected one of {', '.join(METRICS)}")
        if metric == 'oks':
            dataset_meta.oks_sigmas("; set metric='error'")
        self.dataset_meta = dataset_meta
        self.loader = loader or LoadImage()
        self.metric = (
            ('error' if dataset_meta.sigmas is None else 'oks') if metric == 'auto' else metric
        )
        self._truth = truth
        self._rows = np.argsort(truth.image_id, kind='stable')
        self._sorted_ids = truth.image_id[self._rows]

    def compare(self, results: Iterable[PoseResult]) -> Collection:
        """Returns all cases among some predictions."""
        cases, skipped = [], 0
        for result in results:
            row = self._annotation(result)
            if row is None:
                skipped += 1
            else:
                cases.append(self._case(result, row))
        return Collection(cases, list(cases), len(cases), skipped)

    def _annotation(self, result: PoseResult) -> int | None:
        first = np.searchsorted(self._sorted_ids, result.img_id, side='left')
        last = np.searchsorted(self._sorted_ids, result.img_id, side='right')
        rows = self._rows[first:last]
        if not len(rows):
            return None
        overlaps = box_iou_xywh(result.bbox_xywh, self._truth.bbox_xywh[rows])
        # two instances may share a box; the id then decides, where the boxes are the annotated ones
        overlaps = overlaps + 1e-3 * (self._truth.ann_id[rows] == result.ann_id)
        row = int(rows[np.argmax(overlaps)])
        if overlaps.max() < LEAST_IOU or self._truth.iscrowd[row]:
            return None
        return row if self._truth.keypoints_visible[row].any() else None

    def _case(self, result: PoseResult, row: int) -> Case:
        truth = self._truth
        rows = slice(row, row + 1)
        true_pose = TruePoses(
            truth.keypoints[rows], truth.keypoints_visible[rows], truth.bbox_xywh[rows]
        )
        error = float(mean_errors(true_pose, result.keypoints)[0])
        oks = self._oks(result, rows)
        name = f'{result.img_id}/{result.ann_id}'.encode()
        return Case(
            result=result,
            keypoints=truth.keypoints[row],
            keypoints_visible=truth.keypoints_visible[row],
            bbox_xywh=truth.bbox_xywh[row],
            error=error,
            oks=oks,
            badness=error if self.metric == 'error' or oks is None else 1 - oks,
            chance=zlib.crc32(name) / 2**32,
        )

    def _oks(self, result: PoseResult, rows: slice) -> float | None:
        if self.dataset_meta.sigmas is None:
            return None
        boxes = self._truth.bbox_xywh[rows]
        area = self._truth.area[rows]
        oks = oks_to_ground_truth(
            result.keypoints[None].astype(np.float64),
            self._truth.keypoints[rows],
            self._truth.keypoints_visible[rows],
            np.where(np.isnan(area), AREA_OF_BOX * boxes[:, 2] * boxes[:, 3], area),
            boxes,
            keypoint_variances(self.dataset_meta.sigmas),
        )
        return float(oks[0])


def tables_of(dataset: Any, metric: str) -> list[AnnotationTable | None]:
    """Returns a table for each dataset of a mixture, or one; None for one without samples."""
    parts = dataset.parts if isinstance(dataset, CombinedDataset) else [dataset]
    return [
        None
        if part is None
        else AnnotationTable(_annotations(part), part.dataset_meta, metric, image_loader(part))
        for part in parts
    ]


def merged(parts: Sequence[list[Collection]], num_worst: int, num_random: int) -> list[Collection]:
    """Returns the collections of all ranks as one per dataset."""
    total = [Collection() for _ in parts[0]]
    for part in parts:
        for whole, own in zip(total, part, strict=True):
            whole.add(own, num_worst, num_random)
    return total


def _annotations(dataset: Any) -> KeypointGroundTruth:
    if getattr(dataset, 'bbox_file', None) is None:
        return dataset.ground_truth()
    # the store holds the boxes of the detector, so the annotations come from their file
    num = dataset.parts or dataset.dataset_meta.num_keypoints
    return load_ground_truth(dataset.ann_file, num, layout=dataset.instance_layout)
