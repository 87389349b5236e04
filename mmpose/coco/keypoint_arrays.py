"""Ground truth and detections of keypoint datasets as packed arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
IdArray = npt.NDArray[Any]  # int64 or str: what the annotation file uses

HEAD_SIZE = 'head_size'  # px, an extra of the ground truth


@dataclass(frozen=True)
class KeypointGroundTruth:
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

    def __post_init__(self) -> None:
        num, num_keypoints = _pose_shape(self.keypoints, self.source)
        expected = {
            'ann_id': (num,),
            'image_id': (num,),
            'category_id': (num,),
            'keypoints_visible': (num, num_keypoints),
            'area': (num,),
            'bbox_xywh': (num, 4),
            'iscrowd': (num,),
            'num_labelled': (num,),
        }
        _check_shapes(self, expected)
        _check_rows(self.extras, num, self.source)
        _check_rows(self.image_extras, len(self.image_ids), self.source)
        _check_finite(self, ('keypoints', 'bbox_xywh'))
        _check_known(self, 'image_id', self.image_ids, f'the images of {self.source}')
        _check_known(self, 'category_id', self.category_ids, f'the categories of {self.source}')

    @property
    def num_keypoints(self) -> int:
        """K, keypoints per instance."""
        return int(self.keypoints.shape[1])

    def take(self, rows: IntArray) -> KeypointGroundTruth:
        """The same set of images with only these instances, in this order.

        Args:
            rows: (M,). Indices of instances.
        """
        return _take(self, rows, ('image_ids', 'category_ids'))


@dataclass(frozen=True)
class KeypointDetections:
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

    def __post_init__(self) -> None:
        num, num_keypoints = _pose_shape(self.keypoints, self.source)
        expected = {
            'image_id': (num,),
            'category_id': (num,),
            'keypoint_scores': (num, num_keypoints),
            'scores': (num,),
        }
        _check_shapes(self, expected)
        _check_rows(self.extras, num, self.source)
        _check_finite(self, ('keypoints', 'keypoint_scores', 'scores'))

    @property
    def num_keypoints(self) -> int:
        """K, keypoints per pose."""
        return int(self.keypoints.shape[1])

    def take(self, rows: IntArray) -> KeypointDetections:
        """Only these poses, in this order.

        Args:
            rows: (M,). Indices of poses.
        """
        return _take(self, rows)


Arrays = TypeVar('Arrays', KeypointGroundTruth, KeypointDetections)


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


def _take(arrays: Arrays, rows: IntArray, shared: tuple[str, ...] = ()) -> Arrays:
    """Copy with these rows of all arrays but the shared ones."""
    columns = {name: x for name, x in vars(arrays).items() if isinstance(x, np.ndarray)}
    taken: dict[str, Any] = {name: x[rows] for name, x in columns.items() if name not in shared}
    taken['extras'] = {name: array[rows] for name, array in arrays.extras.items()}
    copied = object.__new__(type(arrays))  # rows of what was checked need no other check
    vars(copied).update(vars(arrays) | taken)
    return copied


def _pose_shape(keypoints: FloatArray, source: str) -> tuple[int, int]:
    if keypoints.ndim != 3 or keypoints.shape[2] != 2:
        raise ValueError(f'{source}: keypoints has shape {keypoints.shape}; expected (N, K, 2)')
    return keypoints.shape[0], keypoints.shape[1]


def _check_shapes(
    arrays: KeypointGroundTruth | KeypointDetections, expected: dict[str, tuple[int, ...]]
) -> None:
    for name, shape in expected.items():
        actual = getattr(arrays, name).shape
        if actual != shape:
            raise ValueError(f'{arrays.source}: {name} has shape {actual}; expected {shape}')


def _check_rows(extras: Mapping[str, npt.NDArray[Any]], num: int, source: str) -> None:
    for name, array in extras.items():
        if len(array) != num:
            raise ValueError(f"{source}: extra '{name}' has {len(array)} rows; expected {num}")


def _check_finite(arrays: KeypointGroundTruth | KeypointDetections, names: tuple[str, ...]) -> None:
    for name in names:
        finite = np.isfinite(getattr(arrays, name))
        if finite.all():
            continue
        row = int(np.argwhere(~finite)[0, 0])
        raise ValueError(
            f'{arrays.source}: {name} of entry {row} (image_id {arrays.image_id[row]}) holds NaN '
            'or infinity; expected finite numbers'
        )


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
