"""COCO annotation and result files to packed arrays and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.coco.columns import (
    Record,
    column,
    float_column,
    id_column,
    matrix,
    numbers,
    optional_column,
    read_json,
    to_json,
    without_garbage_collection,
)
from mmpose.coco.keypoint_arrays import (
    FloatArray,
    KeypointDetections,
    KeypointGroundTruth,
)

# K, or the fields that hold the joints one after the other, with the number of each
Joints = int | Mapping[str, int]


def load_ground_truth(
    path: str | Path,
    num_keypoints: Joints,
    extras: Sequence[str] = (),
    image_extras: Sequence[str] = (),
    optional_image_extras: Sequence[str] = (),
) -> KeypointGroundTruth:
    """Annotations of a COCO keypoint file.

    Args:
        path: JSON file with ``images``, ``annotations`` and ``categories``.
        num_keypoints: K, joints of the skeleton; or the fields that hold them, in order, with the
            number of joints of each.
        extras: Further fields of every annotation, numbers or lists of numbers.
        image_extras: Further fields of every image, numbers or strings.
        optional_image_extras: Further fields of anything, as objects; None where an image has none.

    Returns:
        All annotations; a missing ``area`` is NaN, a missing ``num_keypoints`` is counted.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not such a file; the message names the field.
    """
    with without_garbage_collection():
        content = read_json(path)
        _check_sections(content, path)
        gt = _pack_ground_truth(content, str(path), num_keypoints)
        of_instances = {
            name: _extra_column(content['annotations'], name, str(path)) for name in extras
        }
        of_images = {
            name: np.asarray(column(content['images'], name, f'{path}, images'))
            for name in image_extras
        }
        for name in optional_image_extras:
            of_images[name] = np.empty(len(content['images']), dtype=object)
            of_images[name][:] = [image.get(name) for image in content['images']]
    return replace(gt, extras=of_instances, image_extras=of_images)


def load_detections(
    path: str | Path,
    num_keypoints: Joints,
    extras: Sequence[str] = (),
    optional_extras: Sequence[str] = (),
) -> KeypointDetections:
    """Poses of a COCO keypoint result file.

    Args:
        path: JSON file: a list of objects with ``image_id``, ``category_id``, ``keypoints``
            (x, y, score of each joint) and ``score``.
        num_keypoints: K, joints of the skeleton; or the fields that hold them, in order, with the
            number of joints of each.
        extras: Further fields of every pose: whole numbers for ``ann_id``, else numbers.
        optional_extras: The same, read if the first pose has them.

    Returns:
        All poses in the order of the file; other fields are not read.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not such a file; the message names the field.
    """
    with without_garbage_collection():
        content = read_json(path)
        if not isinstance(content, list):
            raise ValueError(
                f'{path}: not a COCO result file; expected a list of poses but found '
                f'{type(content).__name__}'
            )
        present = content[0] if content and isinstance(content[0], dict) else {}
        names = [*extras, *(name for name in optional_extras if name in present)]
        return pack_detections(content, str(path), num_keypoints, names)


def pack_detections(
    records: Sequence[Record], source: str, num_keypoints: Joints, extras: Sequence[str] = ()
) -> KeypointDetections:
    """Result records as arrays.

    Args:
        records: Objects as ``load_detections`` describes them.
        source: Name for messages.
        num_keypoints: As in ``load_detections``.
        extras: As in ``load_detections``.

    Returns:
        All poses in the given order.

    Raises:
        ValueError: If a field is missing or malformed; the message names it.
    """
    joints = _joint_columns(records, source, num_keypoints)
    readers = {'ann_id': id_column}
    return KeypointDetections(
        image_id=id_column(records, 'image_id', source),
        category_id=id_column(records, 'category_id', source),
        keypoints=np.ascontiguousarray(joints[..., :2]),
        keypoint_scores=np.ascontiguousarray(joints[..., 2]),
        scores=float_column(records, 'score', source),
        source=source,
        extras={name: readers.get(name, float_column)(records, name, source) for name in extras},
    )


def detection_records(
    detections: KeypointDetections, joint_fields: Mapping[str, int] | None = None
) -> list[Record]:
    """Arrays as result records, the inverse of ``pack_detections``.

    Args:
        detections: Poses.
        joint_fields: Fields that take the joints one after the other, with the number of each;
            all joints go into ``keypoints`` if None.

    Returns:
        One record per pose; the extras are fields too.
    """
    fields = joint_fields or {'keypoints': detections.num_joints}
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
    joint_fields: Mapping[str, int] | None = None,
) -> None:
    """Writes the result file that the COCO server and other evaluators read.

    Every number is written in full, so that the file and the arrays score the same.

    Args:
        path: File to write; its folder is made if needed.
        detections: Poses.
        joint_fields: As in ``detection_records``.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(to_json(detection_records(detections, joint_fields)))


def _check_sections(content: Any, path: str | Path) -> None:
    sections = ('images', 'annotations', 'categories')
    present = content.keys() if isinstance(content, dict) else ()
    for name in sections:
        if name not in present:
            raise ValueError(
                f"{path}: not a COCO annotation file, '{name}' is missing; expected an object "
                f'with the lists {", ".join(sections)}'
            )


def _pack_ground_truth(content: Record, source: str, num_keypoints: Joints) -> KeypointGroundTruth:
    annotations = content['annotations']
    joints = _joint_columns(annotations, source, num_keypoints)
    keypoints_visible = joints[..., 2] > 0
    bbox_xywh = matrix(column(annotations, 'bbox', source), 'bbox', source, 4)
    stated = optional_column(annotations, 'num_keypoints', source)
    return KeypointGroundTruth(
        image_ids=id_column(content['images'], 'id', source),
        category_ids=id_column(content['categories'], 'id', source),
        ann_id=id_column(annotations, 'id', source),
        image_id=id_column(annotations, 'image_id', source),
        category_id=id_column(annotations, 'category_id', source),
        keypoints=np.ascontiguousarray(joints[..., :2]),
        keypoints_visible=keypoints_visible,
        area=optional_column(annotations, 'area', source),
        bbox_xywh=bbox_xywh,
        iscrowd=optional_column(annotations, 'iscrowd', source) > 0,  # NaN is not above 0
        num_keypoints=np.where(np.isnan(stated), keypoints_visible.sum(axis=1), stated).astype(
            np.int64
        ),
        source=source,
    )


def _extra_column(records: Sequence[Record], key: str, source: str) -> FloatArray:
    values = column(records, key, source)
    if values and isinstance(values[0], list):
        return matrix(values, key, source, len(values[0]))
    return numbers(values, key, source)


def _joint_columns(records: Sequence[Record], source: str, num_keypoints: Joints) -> FloatArray:
    """x, y and visibility or score of all joints: (N, K, 3)."""
    fields = {'keypoints': num_keypoints} if isinstance(num_keypoints, int) else num_keypoints
    parts = [
        matrix(column(records, name, source), name, source, 3 * num).reshape(-1, num, 3)
        for name, num in fields.items()
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
