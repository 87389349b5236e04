"""Annotation and result files of an evaluation to packed arrays and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mmpose.coco import json_file
from mmpose.coco.columns import Columns, id_array
from mmpose.coco.instance_layout import InstanceLayout, plain_keypoints
from mmpose.coco.json_fields import Items, Json
from mmpose.coco.json_file import (
    fast_loads,
    load_elements,
    to_json,
    without_garbage_collection,
)
from mmpose.coco.keypoint_arrays import KeypointDetections, KeypointGroundTruth
from mmpose.coco.number_table import NOT_PLAIN, join_columns, number_columns
from mmpose.coco.reader import AnnotationReader

# K, or the fields that hold the keypoints one after the other, with the number of each; of a whole
# body all may stand in the first one
KeypointFields = int | Mapping[str, int]
WHOLE = ('image_id', 'category_id', 'id', 'ann_id', 'iscrowd')  # fields that are integers
EXTRA = 'extras.'
LIST_END = re.compile(rb'}[ \t\n\r]*]')


def load_ground_truth(
    path: str | Path,
    num_keypoints: KeypointFields,
    extras: Sequence[str] = (),
    image_extras: Sequence[str] = (),
    optional_image_extras: Sequence[str] = (),
    layout: InstanceLayout | None = None,
) -> KeypointGroundTruth:
    """Annotations of a COCO keypoint file.

    Args:
        path: JSON file with ``images``, ``annotations`` and, if there are several, ``categories``.
        num_keypoints: K, or the fields that hold the keypoints, in order, with the number in each.
        extras: Further fields of every annotation, numbers or lists of numbers.
        image_extras: Further fields of every image, numbers or strings.
        optional_image_extras: Further fields of anything, as objects; None where an image has none.
        layout: Where the instances of an annotation stand.

    Returns:
        All annotations; a missing ``area`` is that of the box, a missing ``num_keypoints`` is
        counted.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not such a file; the message names the field.
    """
    make = partial(AnnotationReader, path, num_keypoints, purpose='evaluation', layout=layout)
    wanted = (extras, image_extras, optional_image_extras)
    if isinstance(num_keypoints, int) and layout in (None, InstanceLayout()):
        with suppress(*NOT_PLAIN):
            return make().read(*wanted, _plain_sections(Path(path), 3 * num_keypoints))
    return make().read(*wanted)


def _plain_sections(path: Path, num: int) -> Iterator[tuple[str, Items]]:
    """Sections of a file whose annotations hold nothing but numbers, ``num`` of them as keypoints.

    Raises:
        One of ``NOT_PLAIN``: If it is another file, or a small one.
    """
    text = path.read_bytes()
    start = text.index(b'[', text.index(b'"annotations"'))
    end = next(LIST_END.finditer(text, start)).end()
    parts = number_columns(BytesIO(text[start:end]), WHOLE)
    columns = join_columns(parts, (end - start) / json_file.PIECE)
    content = fast_loads()(text[:start] + b'0.125' + text[end:])
    if content.pop('annotations') != 0.125 or columns['keypoints'].shape[1] != num:
        raise LookupError
    for name, value in content.items():
        yield name, value if isinstance(value, list) else [value]
    yield 'annotations', {key: x.tolist() if x.ndim == 1 else x for key, x in columns.items()}


def load_detections(
    path: str | Path,
    num_keypoints: KeypointFields,
    extras: Sequence[str] = (),
    optional_extras: Sequence[str] = (),
) -> KeypointDetections:
    """Poses of a COCO keypoint result file.

    Args:
        path: JSON file: a list of objects with ``image_id``, ``category_id``, ``keypoints``
            (x, y, score of each keypoint) and ``score``.
        num_keypoints: K, or the fields that hold the keypoints, in order, with the number in each.
        extras: Further fields of every pose: whole numbers for ``ann_id``, else numbers.
        optional_extras: The same, read if the first pose has them.

    Returns:
        All poses in the order of the file; other fields are not read.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not such a file; the message names the field.
    """
    fields = {'keypoints': num_keypoints} if isinstance(num_keypoints, int) else num_keypoints
    with without_garbage_collection():
        try:
            with Path(path).open('rb') as file:
                parts = _plain_poses(file, fields, extras, optional_extras)
                columns = join_columns(parts, Path(path).stat().st_size / json_file.PIECE)
        except NOT_PLAIN:
            columns = _poses(Path(path), fields, extras, optional_extras)
    names = [name for name in columns if name.startswith(EXTRA)]
    found = {name.removeprefix(EXTRA): columns.pop(name) for name in names}
    return KeypointDetections(**columns, source=str(path), extras=found)


def _plain_poses(
    file: BinaryIO, fields: Mapping[str, int], extras: Sequence[str], optional: Sequence[str]
) -> Iterator[dict[str, np.ndarray]]:
    """Yields arrays of the poses of a file of nothing but numbers; of another one, an error."""
    for columns in number_columns(file, WHOLE):
        names = [*extras, *(name for name in optional if name in columns)]
        shapes: dict[str, tuple[int, ...]] = {name: (3 * num,) for name, num in fields.items()}
        shapes |= dict.fromkeys(('score', *names), ())
        if any(columns[name].shape[1:] != shape for name, shape in shapes.items()):
            raise LookupError
        lists = [columns[name] for name in fields]
        points = lists[0] if len(lists) == 1 else np.concatenate(lists, axis=1)
        yield _pose_columns(columns, points, names)


def _poses(
    path: Path, fields: Mapping[str, int], extras: Sequence[str], optional: Sequence[str]
) -> dict[str, np.ndarray]:
    """Arrays of the poses of any file."""
    names, num, parts = list(extras), 0, list[dict[str, np.ndarray]]()
    for records in load_elements(path, 'result file'):
        if not isinstance(records, list):
            raise ValueError(
                f'{path}: not a COCO result file; expected a list of poses but found '
                f'{type(records).__name__}'
            )
        if not parts and records and isinstance(records[0], dict):
            names += [name for name in optional if name in records[0]]
        places = range(num, num + len(records))
        rows = Columns(path, 'pose', plain_keypoints(records, fields), numbers=places)
        points = np.concatenate([rows.lists(name, 3 * n) for name, n in fields.items()], axis=1)
        before = parts[0]['image_id'][:1].tolist() if parts else []
        columns = {'image_id': _checked_ids(rows, before)}
        for name in ('category_id', 'score', *names):
            is_whole = name in ('category_id', 'ann_id')
            columns[name] = rows.integers(name) if is_whole else rows.numbers(name)
        parts.append(_pose_columns(columns, points, names))
        num += len(records)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _pose_columns(
    columns: Mapping[str, np.ndarray], points: np.ndarray, extras: Sequence[str]
) -> dict[str, np.ndarray]:
    """Arrays of poses by the names of ``KeypointDetections``, and of extras."""
    points = points.reshape(len(points), points.shape[1] // 3, 3)  # (N, 3K) -> (N, K, 3)
    return {
        'image_id': columns['image_id'],
        'category_id': columns['category_id'],
        'keypoints': points[..., :2],
        'keypoint_scores': points[..., 2],
        'scores': columns['score'],
        **{EXTRA + name: columns[name] for name in extras},
    }


def detection_records(
    detections: KeypointDetections, keypoint_fields: Mapping[str, int] | None = None
) -> list[Json]:
    """Arrays as result records, the inverse of ``load_detections``.

    Args:
        keypoint_fields: Fields that take the keypoints one after the other, with the number of
            each;
            all go into ``keypoints`` if None.

    Returns:
        One record per pose; the extras are fields too.
    """
    fields = keypoint_fields or {'keypoints': detections.num_keypoints}
    triples = np.concatenate(
        [detections.keypoints, detections.keypoint_scores[..., None]], axis=2
    )  # (N, K, 2) and (N, K, 1) -> (N, K, 3)
    ends = np.cumsum(list(fields.values()))[:-1]
    columns = {
        'image_id': detections.image_id.tolist(),
        'category_id': detections.category_id.tolist(),
        **{
            name: part.reshape(len(part), -1).tolist()  # (N, k, 3) -> (N, 3k)
            for name, part in zip(fields, np.split(triples, ends, axis=1), strict=True)
        },
        'score': detections.scores.tolist(),
        **{name: array.tolist() for name, array in detections.extras.items()},
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def write_detections(
    path: str | Path,
    detections: KeypointDetections,
    keypoint_fields: Mapping[str, int] | None = None,
) -> None:
    """Writes the result file that the COCO server and other evaluators read.

    Every number is written in full, so that the file and the arrays score the same.

    Args:
        path: File to write; its folder is made if needed.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(to_json(detection_records(detections, keypoint_fields)))


def _checked_ids(rows: Columns, before: list[int | str]) -> np.ndarray:
    ids = rows.identifiers('image_id')
    first = (before or ids)[:1]
    for row, image_id in enumerate(ids if len(set(map(type, first + ids))) > 1 else ()):
        if type(image_id) is not type(first[0]):
            found = f"field 'image_id' is {image_id!r}, but the first pose has {first[0]!r}"
            rows.fail(row, found, 'only integers or only strings')
    return id_array(ids)
