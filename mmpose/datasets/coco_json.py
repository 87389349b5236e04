"""Parses annotation and detection files in COCO's JSON layout into packed arrays."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmpose.coco.json_fields import (
    as_matrix,
    check_boxes,
    check_finite,
    identifier,
    integer,
    number,
    numbers,
)
from mmpose.coco.json_stream import stream_json
from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.image_table import ImageTable
from mmpose.datasets.instance_table import InstanceTable
from mmpose.structures import DatasetMeta

PERSON = 1  # category of COCO's person detections


def read_coco_annotations(
    path: Path, dataset_meta: DatasetMeta, parts: Mapping[str, int] | None = None
) -> AnnotationStore:
    """Returns the ground-truth instances of a COCO keypoint file.

    Left out, as the loaders of the top-down literature do: crowds, instances without a labelled
    keypoint (``num_keypoints`` 0, or nothing but zeros), boxes that are empty once clipped to the
    image, and areas that are not positive. Instances are ordered by image, then as in the file.
    A box on an image of unknown size is not clipped at the right and below.

    Args:
        parts: Fields that hold the keypoints, one after the other, with the number of keypoints
            in each; None for all of them in ``keypoints``. The first field decides about
            instances without labelled keypoints. Where there are several, a visibility may be
            any number from 0 to 2, as the confidences of the hands of COCO-WholeBody are, and
            counts as labelled above 0; ``num_keypoints``, which speaks of the body alone, is not
            asked.

    Raises:
        FileNotFoundError: If the file does not exist.
        TypeError, ValueError: If it is malformed or holds no usable instance; the message names
            the file, the annotation and the field.
    """
    images, instances = ImageTable(path), InstanceTable(path, dataset_meta, parts)
    sections = set()
    for section, item in stream_json(path):
        sections.add(section)
        if section == 'images':
            images.add(item)
        elif section == 'annotations':
            instances.add(item)
        elif section == 'categories':
            instances.add_category(item)
    if '' in sections:
        raise ValueError(
            f"{path} is a list, expected an object with 'images' and 'annotations'; is it a "
            'detection file? Then it belongs into dataset.bbox_file'
        )
    for needed in ('images', 'annotations'):
        if needed not in sections:
            raise ValueError(f"{path}: field '{needed}' is missing or empty")
    return instances.pack(images)


def read_coco_detections(path: Path, ann_file: Path, bbox_format: str = 'xywh') -> AnnotationStore:
    """Returns the person boxes of a COCO result file, in its order, without clipping them.

    Args:
        path: List of ``{image_id, category_id, bbox, score}``.
        ann_file: Annotation file that lists the images.
        bbox_format: ``xywh``, or ``xyxy`` if the file holds corners.

    Raises:
        FileNotFoundError: If a file does not exist.
        TypeError, ValueError: If one is malformed, no person is left, or images are not listed in
            the annotation file; the message names file, entry and field.
    """
    images = ImageTable(ann_file)
    for section, item in stream_json(ann_file):
        if section == 'images':
            images.add(item)
    image_ids: list[int | str] = []
    boxes, scores = array('d'), array('d')
    num_entries = 0
    for section, entry in stream_json(path):
        if section or not isinstance(entry, dict):
            raise ValueError(f'{path} is not a list of detections')
        where = f'{path}: detection {num_entries}'
        num_entries += 1
        if integer(entry, 'category_id', where) != PERSON:
            continue
        image_ids.append(identifier(entry, 'image_id', where))
        images.check_id(image_ids[-1], where)
        boxes.extend(numbers(entry, 'bbox', where, 4))
        scores.append(number(entry, 'score', where))
    if not image_ids:
        raise ValueError(
            f'{path}: none of {num_entries} detections has category_id {PERSON} (person)'
        )

    def name_row(row: int) -> str:
        return f'{path}: person detection {row}'

    bbox_xywh = as_matrix(boxes, 4)
    if bbox_format == 'xyxy':
        bbox_xywh[:, 2:] -= bbox_xywh[:, :2]
    check_boxes(bbox_xywh, name_row)
    empty = (bbox_xywh[:, 2:] == 0).all(axis=1)
    if empty.any():
        raise ValueError(
            f"{name_row(int(empty.argmax()))}: field 'bbox' has width and height 0 "
            f'({empty.sum()} such boxes)'
        )
    check_finite(as_matrix(scores, 1), name_row, 'score')
    return AnnotationStore.pack(
        **images.columns(),
        image_index=images.find(image_ids, path, 'detections'),
        bbox_xywh=bbox_xywh,
        bbox_score=scores,
        keypoints=np.zeros((len(image_ids), 0, 2)),
        keypoints_visible=np.zeros((len(image_ids), 0)),
        ann_ids=np.arange(len(image_ids)),
        category_ids=PERSON,
    )
