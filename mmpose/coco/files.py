"""Annotation and result files of an evaluation to packed arrays and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.coco.columns import Columns, id_array
from mmpose.coco.instance_layout import InstanceLayout, plain_keypoints
from mmpose.coco.json_fields import Json
from mmpose.coco.json_file import list_pieces, load_elements, to_json, without_garbage_collection
from mmpose.coco.keypoint_arrays import KeypointDetections, KeypointGroundTruth
from mmpose.coco.reader import AnnotationReader

# K, or the fields that hold the keypoints one after the other, with the number of each; of a whole
# body all may stand in the first one
KeypointFields = int | Mapping[str, int]
SIMDJSON_BYTES = 1 << 23  # of a smaller file, the import takes longer than it saves


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
    reader = AnnotationReader(path, num_keypoints, purpose='evaluation', layout=layout)
    return reader.read(extras, image_extras, optional_image_extras)


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
    names, num = list(extras), 0
    with without_garbage_collection():
        parts = [] if optional_extras else _read_plain(Path(path), fields, names)
        for records in () if parts else load_elements(Path(path), 'result file'):
            if not isinstance(records, list):
                raise ValueError(
                    f'{path}: not a COCO result file; expected a list of poses but found '
                    f'{type(records).__name__}'
                )
            if not parts and records and isinstance(records[0], dict):
                names += [name for name in optional_extras if name in records[0]]
            places = range(num, num + len(records))
            rows = Columns(Path(path), 'pose', plain_keypoints(records, fields), numbers=places)
            points = np.concatenate([rows.lists(name, 3 * n) for name, n in fields.items()], axis=1)
            before = parts[0]['image_id'][:1].tolist() if parts else []
            parts.append(_pose_columns(rows, points, names, before))
            num += len(records)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found = {name: columns.pop(f'extras.{name}') for name in names}
    return KeypointDetections(**columns, source=str(path), extras=found)


def _read_plain(
    path: Path, fields: Mapping[str, int], extras: Sequence[str]
) -> list[dict[str, np.ndarray]]:
    """Columns of poses of which none has a fault, read by simdjson without a Python float each.

    Returns:
        Nothing if it is not installed or there may be a fault, which the slower way then names.
    """
    columns = {name: list[Any]() for name in ('image_id', 'category_id', 'score', *extras)}
    packed, num = bytearray(), 3 * fields.get('keypoints', 0)
    try:
        if path.stat().st_size < SIMDJSON_BYTES:
            return []
        import simdjson

        parser: Any = simdjson.Parser()
        for text in list_pieces(path) if len(fields) == 1 else ():
            poses = list(parser.parse(text))
            for name, column in columns.items():
                column += [pose[name] for pose in poses]
            lists = [pose['keypoints'] for pose in poses]
            # a list in a list would pass for its numbers
            num_lists = sum(isinstance(value, list) for value in poses[0].values())
            found = np.count_nonzero(np.frombuffer(text, np.uint8) == ord('['))
            if set(map(len, lists)) != {num} or found != 1 + num_lists * len(poses):
                return []
            packed += b''.join([numbers.as_buffer(of_type='d') for numbers in lists])
            del poses, lists  # which frees the parser
        items: list[Json] = [{}] * len(columns['score'])
        rows = Columns(path, 'pose', items, numbers=range(len(items)), values=columns)
        points = np.frombuffer(packed, count=len(packed) // 8).reshape(len(items), -1)
        return [_pose_columns(rows, points, extras, [])] if packed else []
    except (ImportError, OSError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return []


def _pose_columns(
    rows: Columns, points: np.ndarray, extras: Sequence[str], before: list[int | str]
) -> dict[str, np.ndarray]:
    """Arrays of poses by the names of ``KeypointDetections``; ``before`` has ids that came."""
    points = points.reshape(len(points), points.shape[1] // 3, 3)  # (N, 3K) -> (N, K, 3)
    return {
        'image_id': _checked_ids(rows, before),
        'category_id': rows.integers('category_id'),
        'keypoints': points[..., :2],
        'keypoint_scores': points[..., 2],
        'scores': rows.numbers('score'),
        **{
            f'extras.{name}': rows.integers(name) if name == 'ann_id' else rows.numbers(name)
            for name in extras
        },
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
