"""COCO annotation and result files to packed arrays and back."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.evaluation.functional.keypoint_arrays import (
    FloatArray,
    IdArray,
    KeypointDetections,
    KeypointGroundTruth,
)

Record = dict[str, Any]


def load_ground_truth(path: str | Path, num_keypoints: int) -> KeypointGroundTruth:
    """Annotations of a COCO keypoint file.

    Args:
        path: JSON file with ``images``, ``annotations`` and ``categories``.
        num_keypoints: K, joints of the skeleton.

    Returns:
        All annotations; a missing ``area`` is NaN, a missing ``num_keypoints`` is counted.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not such a file; the message names the field.
    """
    with _without_garbage_collection():
        content = _read_json(path)
        _check_sections(content, path)
        return _pack_ground_truth(content, str(path), num_keypoints)


def load_detections(path: str | Path, num_keypoints: int) -> KeypointDetections:
    """Poses of a COCO keypoint result file.

    Args:
        path: JSON file: a list of objects with ``image_id``, ``category_id``, ``keypoints``
            (x, y, score of each joint) and ``score``; other keys are not read.
        num_keypoints: K, joints of the skeleton.

    Returns:
        All poses in the order of the file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not such a file; the message names the field.
    """
    with _without_garbage_collection():
        content = _read_json(path)
        if not isinstance(content, list):
            raise ValueError(
                f'{path}: not a COCO result file; expected a list of poses but found '
                f'{type(content).__name__}'
            )
        return pack_detections(content, str(path), num_keypoints)


def pack_detections(
    records: Sequence[Record], source: str, num_keypoints: int
) -> KeypointDetections:
    """Result records as arrays.

    Args:
        records: Objects as ``load_detections`` describes them.
        source: Name for messages.
        num_keypoints: K, joints of the skeleton.

    Returns:
        All poses in the given order.

    Raises:
        ValueError: If a field is missing or malformed; the message names it.
    """
    joints = _joint_column(records, source, num_keypoints)
    return KeypointDetections(
        image_id=_id_column(records, 'image_id', source),
        category_id=_id_column(records, 'category_id', source),
        keypoints=np.ascontiguousarray(joints[..., :2]),
        keypoint_scores=np.ascontiguousarray(joints[..., 2]),
        scores=_float_column(records, 'score', source),
        source=source,
    )


def detection_records(detections: KeypointDetections) -> list[Record]:
    """Arrays as result records, the inverse of ``pack_detections``."""
    num, joints = detections.keypoint_scores.shape
    triples = np.concatenate(
        [detections.keypoints, detections.keypoint_scores[..., None]], axis=2
    ).reshape(num, 3 * joints)  # (N, K, 2) and (N, K, 1) -> (N, 3K)
    columns = zip(
        detections.image_id.tolist(),
        detections.category_id.tolist(),
        triples.tolist(),
        detections.scores.tolist(),
        strict=True,
    )
    return [
        {'image_id': image, 'category_id': category, 'keypoints': keypoints, 'score': score}
        for image, category, keypoints, score in columns
    ]


def write_detections(path: str | Path, detections: KeypointDetections) -> None:
    """Writes the result file that the COCO server and other evaluators read.

    Every number is written in full, so that the file and the arrays score the same.

    Args:
        path: File to write; its folder is made if needed.
        detections: Poses.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(to_json(detection_records(detections)))


def to_json(content: Any) -> bytes:
    """JSON text of lists, dicts, strings and numbers."""
    try:
        import orjson
    except ImportError:
        return json.dumps(content, separators=(',', ':'), allow_nan=False).encode()
    return orjson.dumps(content)


def _check_sections(content: Any, path: str | Path) -> None:
    sections = ('images', 'annotations', 'categories')
    present = content.keys() if isinstance(content, dict) else ()
    for name in sections:
        if name not in present:
            raise ValueError(
                f"{path}: not a COCO annotation file, '{name}' is missing; expected an object "
                f'with the lists {", ".join(sections)}'
            )


def _read_json(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such file; expected a COCO JSON file')
    text = Path(path).read_bytes()
    try:
        return _fast_loads()(text)
    except ValueError:
        pass
    # json reads NaN, which the checks of the arrays then name, and says where a text breaks off
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(
            f'{path}: not valid JSON ({error}); the file may be cut off, write it again'
        ) from None


def _fast_loads() -> Callable[[bytes], Any]:
    try:
        import orjson
    except ImportError:
        return json.loads
    return orjson.loads


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keeps the collector from walking millions of new objects again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _pack_ground_truth(content: Record, source: str, num_keypoints: int) -> KeypointGroundTruth:
    annotations = content['annotations']
    joints = _joint_column(annotations, source, num_keypoints)
    visible = joints[..., 2] > 0
    bbox_xywh = _matrix(_column(annotations, 'bbox', source), 'bbox', source, 4)
    stated = _optional_column(annotations, 'num_keypoints', source)
    return KeypointGroundTruth(
        image_ids=_id_column(content['images'], 'id', source),
        category_ids=_id_column(content['categories'], 'id', source),
        ann_id=_id_column(annotations, 'id', source),
        image_id=_id_column(annotations, 'image_id', source),
        category_id=_id_column(annotations, 'category_id', source),
        keypoints=np.ascontiguousarray(joints[..., :2]),
        visible=visible,
        area=_optional_column(annotations, 'area', source),
        bbox_xywh=bbox_xywh,
        iscrowd=_optional_column(annotations, 'iscrowd', source) > 0,  # NaN is not above 0
        num_keypoints=np.where(np.isnan(stated), visible.sum(axis=1), stated).astype(np.int64),
        source=source,
    )


def _column(records: Sequence[Record], key: str, source: str) -> list[Any]:
    try:
        return list(map(itemgetter(key), records))
    except (KeyError, TypeError):
        pass
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            raise ValueError(f'{source}: entry {row} is {record!r}; expected an object')
        if key not in record:
            raise ValueError(
                f"{source}: entry {row} has no '{key}'; it has {', '.join(sorted(record))}"
            )
    raise AssertionError('a record without the key must exist')


def _id_column(records: Sequence[Record], key: str, source: str) -> IdArray:
    values = _column(records, key, source)
    if not values:
        return np.zeros(0, dtype=np.int64)
    kinds = set(map(type, values))
    if kinds in ({int}, {str}):
        return np.asarray(values)
    kind = str if type(values[0]) is str else int
    odd = next(i for i, value in enumerate(values) if type(value) is not kind)
    raise ValueError(
        f"{source}: '{key}' of entry {odd} is {values[odd]!r}; expected only whole numbers, or "
        'only strings'
    )


def _float_column(records: Sequence[Record], key: str, source: str) -> FloatArray:
    return _numbers(_column(records, key, source), key, source)


def _optional_column(records: Sequence[Record], key: str, source: str) -> FloatArray:
    """Numbers of a field, NaN where a record has no such field."""
    return _numbers([record.get(key, math.nan) for record in records], key, source)


def _numbers(values: list[Any], key: str, source: str) -> FloatArray:
    for row, value in enumerate(values):
        if not isinstance(value, (int, float)):
            raise ValueError(f"{source}: '{key}' of entry {row} is {value!r}; expected a number")
    return np.array(values, dtype=np.float64)


def _joint_column(records: Sequence[Record], source: str, num_keypoints: int) -> FloatArray:
    rows = _column(records, 'keypoints', source)
    return _matrix(rows, 'keypoints', source, 3 * num_keypoints).reshape(-1, num_keypoints, 3)


def _matrix(rows: list[Any], key: str, source: str, width: int) -> FloatArray:
    """Lists of equal length as an array: (N, width)."""
    for row, values in enumerate(rows):
        if not isinstance(values, list) or len(values) != width:
            found = f'{len(values)} numbers' if isinstance(values, list) else repr(values)
            raise ValueError(
                f"{source}: '{key}' of entry {row} has {found}; expected {width}"
                + (f' (x, y, v of {width // 3} joints)' if key == 'keypoints' else '')
            )
    try:
        flat = np.fromiter(chain.from_iterable(rows), np.float64, count=len(rows) * width)
    except (TypeError, ValueError):
        row, odd = next(
            (row, value)
            for row, values in enumerate(rows)
            for value in values
            if not isinstance(value, (int, float))
        )
        raise ValueError(
            f"{source}: '{key}' of entry {row} holds {odd!r}; expected numbers"
        ) from None
    return flat.reshape(len(rows), width)
