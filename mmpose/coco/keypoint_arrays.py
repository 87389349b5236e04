"""Ground truth and detections of keypoint datasets as packed arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
IdArray = npt.NDArray[Any]  # int64 or str: what the annotation file uses

HEAD_SIZE = 'head_size'  # px, an extra of the ground truth


Rows = TypeVar('Rows', bound='_Instances')


class _Instances:
    """Columns with a row per instance: (N, ...) each, but for those that all instances share."""

    keypoints: FloatArray
    image_id: IdArray
    source: str
    extras: Mapping[str, npt.NDArray[Any]]
    shared: ClassVar[tuple[str, ...]] = ()

    @property
    def num_keypoints(self) -> int:
        """K, keypoints per instance."""
        return int(self.keypoints.shape[1])

    def take(self: Rows, rows: IntArray) -> Rows:
        """Only these instances, in this order; of the same set of images.

        Args:
            rows: (M,). Indices of instances.
        """
        taken: dict[str, Any] = {name: column[rows] for name, column in self._columns().items()}
        taken['extras'] = {name: array[rows] for name, array in self.extras.items()}
        copied = object.__new__(type(self))  # rows of what was checked need no other check
        vars(copied).update(vars(self) | taken)
        return copied

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        columns = {name: x for name, x in vars(self).items() if isinstance(x, np.ndarray)}
        return {name: column for name, column in columns.items() if name not in self.shared}

    def _check_columns(self, finite: tuple[str, ...]) -> None:
        """Raises a ValueError for a wrong shape, or a number that should be finite and is not."""
        shape = self.keypoints.shape
        if len(shape) != 3 or shape[2] != 2:
            raise ValueError(f'{self.source}: keypoints has shape {shape}; expected (N, K, 2)')
        num, each = shape[:1], shape[:2]
        shapes = {'keypoints_visible': each, 'keypoint_scores': each, 'bbox_xywh': (*num, 4)}
        for name, column in self._columns().items():
            expected = shapes.get(name, shape if name == 'keypoints' else num)
            if column.shape != expected:
                raise ValueError(
                    f'{self.source}: {name} has shape {column.shape}; expected {expected}'
                )
        _check_rows(self.extras, shape[0], self.source)
        for name in finite:
            with np.errstate(over='ignore', invalid='ignore'):
                if np.isfinite(getattr(self, name).sum()):  # so is each number
                    continue
            is_finite = np.isfinite(getattr(self, name))
            if not is_finite.all():
                row = int(np.argwhere(~is_finite)[0, 0])
                raise ValueError(
                    f'{self.source}: {name} of entry {row} (image_id {self.image_id[row]}) holds '
                    'NaN or infinity; expected finite numbers'
                )


@dataclass(frozen=True)
class KeypointGroundTruth(_Instances):
    """Annotated instances of a set of images: G instances of K keypoints.

    Attributes:
        image_ids: (I,). Every image of the set, with or without an instance.
        category_ids: (C,). Every category of the set.
        ann_id: (G,). Annotation ids.
        image_id: (G,). Image of each instance.
        category_id: (G,). Category of each instance.
        keypoints: (G, K, 2), image px.
        keypoints_visible: (G, K). True where a keypoint is labelled.
        area: (G,), px^2. Object area; that of the box where the file gives none.
        bbox_xywh: (G, 4), image px.
        iscrowd: (G,). True for a region that holds many objects.
        num_labelled: (G,). As the file states it; 0 excludes an instance from the count.
        source: Where the arrays come from, for messages.
        extras: Further arrays by name with G rows each, such as ``head_size`` in px.
        image_extras: Further arrays by name with I rows each, such as ``crowdIndex``.
    """

    image_ids: IdArray
    category_ids: IntArray
    ann_id: IntArray
    image_id: IdArray
    category_id: IntArray
    keypoints: FloatArray
    keypoints_visible: BoolArray
    area: FloatArray
    bbox_xywh: FloatArray
    iscrowd: BoolArray
    num_labelled: IntArray
    source: str = 'ground truth'
    extras: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    image_extras: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    shared = ('image_ids', 'category_ids')

    def of_images(self, wanted: IdArray | None) -> KeypointGroundTruth:
        """Returns some of the images with their instances; all for None."""
        if wanted is None:
            return self
        kept = np.isin(self.image_ids, wanted)
        extras = {name: array[kept] for name, array in self.image_extras.items()}
        part = self.take(np.flatnonzero(np.isin(self.image_id, wanted)))
        return replace(part, image_ids=self.image_ids[kept], image_extras=extras)

    def __post_init__(self) -> None:
        self._check_columns(('keypoints', 'bbox_xywh'))
        _check_rows(self.image_extras, len(self.image_ids), self.source)
        _check_known(self, 'image_id', self.image_ids, f'the images of {self.source}')
        _check_known(self, 'category_id', self.category_ids, f'the categories of {self.source}')


@dataclass(frozen=True)
class KeypointDetections(_Instances):
    """Estimated poses: N instances of K keypoints.

    Attributes:
        image_id: (N,). Image of each pose.
        category_id: (N,). Category of each pose.
        keypoints: (N, K, 2), image px.
        keypoint_scores: (N, K). Confidence of each keypoint; the evaluation does not read it.
        scores: (N,). Confidence of each pose, by which poses are ranked.
        source: Where the arrays come from, for messages.
        extras: Further arrays by name with N rows each; result files hold them under these names:
            ``ann_id``, the annotation that a pose belongs to, or the ``foot_score`` of a whole
            body.
    """

    image_id: IdArray
    category_id: IntArray
    keypoints: FloatArray
    keypoint_scores: FloatArray
    scores: FloatArray
    source: str = 'detections'
    extras: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def of_categories(self, wanted: IntArray) -> KeypointDetections:
        """Returns the poses of some categories."""
        return self.take(np.flatnonzero(np.isin(self.category_id, wanted)))

    def __post_init__(self) -> None:
        self._check_columns(('keypoints', 'keypoint_scores', 'scores'))


def check_detections_fit(gt: KeypointGroundTruth, dt: KeypointDetections) -> None:
    """Returns if the detections can be evaluated against the ground truth.

    Raises:
        ValueError: If the number of keypoints differs, or a detection names an image or a category
            that the ground truth does not have.
    """
    if dt.num_keypoints != gt.num_keypoints:
        raise ValueError(
            f'{dt.source}: poses have {dt.num_keypoints} keypoints but {gt.source} has '
            f'{gt.num_keypoints}; use results and annotations of the same skeleton'
        )
    _check_known(dt, 'image_id', gt.image_ids, f'the images of {gt.source}')
    _check_known(dt, 'category_id', gt.category_ids, f'the categories of {gt.source}')


def _check_rows(extras: Mapping[str, npt.NDArray[Any]], num: int, source: str) -> None:
    for name, array in extras.items():
        if len(array) != num:
            raise ValueError(f"{source}: extra '{name}' has {len(array)} rows; expected {num}")


def _check_known(
    arrays: KeypointGroundTruth | KeypointDetections, name: str, known: IdArray, where: str
) -> None:
    values = getattr(arrays, name)
    if len(values) == 0:
        return
    if len(known) and values.dtype.kind != known.dtype.kind:
        raise ValueError(
            f'{arrays.source}: {name} {values.tolist()[0]!r} is of another type than '
            f'{known.tolist()[0]!r} among {where}; write both as numbers or both as strings'
        )
    unknown = np.flatnonzero(~np.isin(values, known))
    if len(unknown):
        raise ValueError(
            f'{arrays.source}: {name} {values[unknown[0]]} of entry {unknown[0]} is not among '
            f'{where} ({len(known)} ids); evaluate against the annotations the results were made '
            'for'
        )
