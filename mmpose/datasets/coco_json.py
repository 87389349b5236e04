"""Parses annotation and detection files in COCO's JSON layout into packed arrays."""

from __future__ import annotations

import warnings
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.json_fields import (
    Json,
    as_matrix,
    check_boxes,
    check_finite,
    describe,
    integer,
    number,
    numbers,
)
from mmpose.datasets.json_stream import stream_json
from mmpose.structures import PoseMeta, clip_xywh

PERSON = 1  # category of COCO's person detections


def read_coco_annotations(path: Path, meta: PoseMeta) -> AnnotationStore:
    """Returns the ground-truth instances of a COCO keypoint file.

    Left out, as the loaders of the top-down literature do: crowds, instances without a labelled
    keypoint (``num_keypoints`` 0, or nothing but zeros), boxes that are empty once clipped to the
    image, and areas that are not positive. Instances are ordered by image, then as in the file.

    Raises:
        FileNotFoundError: If the file does not exist.
        TypeError, ValueError: If it is malformed or holds no usable instance; the message names
            the file, the annotation and the field.
    """
    images, instances = _Images(path), _Instances(path, meta)
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


def read_coco_detections(path: Path, ann_file: Path) -> AnnotationStore:
    """Returns the person boxes of a COCO result file, in its order, without clipping them.

    Args:
        path: List of ``{image_id, category_id, bbox, score}``.
        ann_file: Annotation file that lists the images.

    Raises:
        FileNotFoundError: If a file does not exist.
        TypeError, ValueError: If one is malformed, no person is left, or images are not listed in
            the annotation file; the message names file, entry and field.
    """
    images = _Images(ann_file)
    for section, item in stream_json(ann_file):
        if section == 'images':
            images.add(item)
    image_ids, boxes, scores = array('q'), array('d'), array('d')
    num_entries = 0
    for section, entry in stream_json(path):
        if section or not isinstance(entry, dict):
            raise ValueError(f'{path} is not a list of detections')
        where = f'{path}: detection {num_entries}'
        num_entries += 1
        if integer(entry, 'category_id', where) != PERSON:
            continue
        image_ids.append(integer(entry, 'image_id', where))
        boxes.extend(numbers(entry, 'bbox', where, 4))
        scores.append(number(entry, 'score', where))
    if not image_ids:
        raise ValueError(
            f'{path}: none of {num_entries} detections has category_id {PERSON} (person)'
        )

    def name_row(row: int) -> str:
        return f'{path}: person detection {row}'

    bbox_xywh = as_matrix(boxes, 4)
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
        image_index=images.find(np.asarray(image_ids), path, 'detections'),
        bbox_xywh=bbox_xywh,
        bbox_score=scores,
        keypoints=np.zeros((len(image_ids), 0, 2)),
        visible=np.zeros((len(image_ids), 0)),
        ann_ids=np.arange(len(image_ids)),
        category_ids=PERSON,
    )


class _Images:
    """The ``images`` of a file as columns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        self.ids = array('q')
        self.wh = array('i')

    def add(self, image: Json) -> None:
        where = describe(self.path, 'image', image)
        name = image.get('file_name')
        if not isinstance(name, str) or not name:
            raise TypeError(f"{where}: field 'file_name' is {name!r}, expected a file name")
        self.names.append(name)
        self.ids.append(integer(image, 'id', where))
        size = (integer(image, 'width', where), integer(image, 'height', where))
        if min(size) < 1:
            raise ValueError(f"{where}: fields 'width' and 'height' are {size}, expected >= 1")
        self.wh.extend(size)

    def columns(self) -> dict[str, Any]:
        return {'file_names': self.names, 'image_ids': self.ids, 'image_wh': self.wh}

    def find(self, image_ids: NDArray[np.int64], path: Path, what: str) -> NDArray[np.int64]:
        """Returns the rows of images by id; ``path`` and ``what`` say who asks."""
        if not self.names:
            raise ValueError(f"{self.path}: field 'images' is missing or empty")
        known, rows, counts = np.unique(self.ids, return_index=True, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f'{self.path}: image id {known[counts > 1][0]} occurs {counts.max()} times'
            )
        place = np.minimum(np.searchsorted(known, image_ids), len(known) - 1)
        strange = known[place] != image_ids
        if strange.any():
            raise ValueError(
                f'{path}: {strange.sum()} of {len(image_ids)} {what} are for '
                f'{len(np.unique(image_ids[strange]))} images that {self.path} does not list '
                f'(first image_id {image_ids[strange][0]}); give files of the same images'
            )
        return rows[place]


class _Instances:
    """The ``annotations`` of a file as columns."""

    def __init__(self, path: Path, meta: PoseMeta) -> None:
        self.path = path
        self.meta = meta
        self.ids = array('q')
        self.image_ids = array('q')
        self.category_ids = array('i')
        self.boxes = array('d')
        self.areas = array('d')
        self.keypoints = array('f')
        self.left_out: Counter[str] = Counter()
        self._bare: dict[int, str] = {}  # category: the first annotation without keypoints
        self._boneless: set[int] = set()  # categories that have no keypoints

    def add_category(self, category: Json) -> None:
        where = describe(self.path, 'category', category)
        if not category.get('keypoints'):
            self._boneless.add(integer(category, 'id', where))

    def add(self, ann: Json) -> None:
        where = describe(self.path, 'annotation', ann)
        category = integer(ann, 'category_id', where)
        if ann.get('iscrowd'):
            self.left_out['crowds'] += 1
            return
        if ann.get('num_keypoints') == 0:
            self.left_out['without labelled keypoints'] += 1
            return
        if ann.get('keypoints') is None:
            self._bare.setdefault(category, where)
            self.left_out['without keypoints'] += 1
            return
        keypoints = self._checked_keypoints(ann, where)
        if not any(keypoints):
            self.left_out['without labelled keypoints'] += 1
            return
        self.keypoints.extend(keypoints)
        self.boxes.extend(numbers(ann, 'bbox', where, 4))
        self.areas.append(number(ann, 'area', where, default=float('nan')))
        self.ids.append(integer(ann, 'id', where))
        self.image_ids.append(integer(ann, 'image_id', where))
        self.category_ids.append(category)

    def pack(self, images: _Images) -> AnnotationStore:
        """Checks the columns as a whole and packs those that can be trained and tested on."""
        self._check_bare()
        if not self.ids:
            self._fail_empty()
        boxes = as_matrix(self.boxes, 4)
        check_boxes(boxes, self._name_row)
        flat = as_matrix(self.keypoints, 3 * self.meta.num_keypoints)
        check_finite(flat, self._name_row, 'keypoints')
        points = flat.reshape(len(flat), -1, 3)  # (N, 3K) -> (N, K, (x, y, v))
        self._check_visibility(points[..., 2])
        rows = images.find(np.asarray(self.image_ids), self.path, 'annotations')
        self._check_unique()

        clean = clip_xywh(boxes, as_matrix(images.wh, 2)[rows])
        areas = np.asarray(self.areas)
        keep = (clean[:, 2:] > 0).all(1) & ~(areas <= 0)
        if not keep.all():
            self.left_out['with an empty box or area'] += int((~keep).sum())
            warnings.warn(
                f'{self.path}: left out {(~keep).sum()} of {len(keep)} annotations whose box is '
                f'empty inside the image or whose area is 0, first id {self.ids[keep.argmin()]}',
                stacklevel=2,
            )
        if not keep.any():
            self._fail_empty()
        order = np.flatnonzero(keep)
        order = order[np.argsort(rows[order], kind='stable')]
        return AnnotationStore.pack(
            **images.columns(),
            image_index=rows[order],
            bbox_xywh=clean[order],
            keypoints=points[order, :, :2],
            visible=points[order, :, 2],
            area=areas[order],
            ann_ids=np.asarray(self.ids)[order],
            category_ids=np.asarray(self.category_ids)[order],
        )

    def _name_row(self, row: int) -> str:
        return f'{self.path}: annotation {self.ids[row]}'

    def _checked_keypoints(self, ann: Json, where: str) -> list[float]:
        num = self.meta.num_keypoints
        length = len(ann['keypoints']) if isinstance(ann['keypoints'], list) else 3 * num
        if length != 3 * num:
            raise ValueError(
                f"{where}: field 'keypoints' has {length} numbers, expected {3 * num} (x, y and "
                f"visibility of the {num} keypoints of '{self.meta.name}'); set dataset.metainfo "
                'to the skeleton of this file'
            )
        return numbers(ann, 'keypoints', where, length)

    def _check_bare(self) -> None:
        """An annotation may lack keypoints only if its category has none at all."""
        labelled = set(self.category_ids)
        for category, where in self._bare.items():
            if category in labelled or category not in self._boneless or not labelled:
                raise ValueError(
                    f"{where}: field 'keypoints' is missing; expected {3 * self.meta.num_keypoints}"
                    ' numbers, or num_keypoints 0. Is this a file of boxes instead of keypoints?'
                )

    def _check_visibility(self, visibility: NDArray[np.float32]) -> None:
        good = (visibility >= 0) & (visibility <= 255) & (visibility % 1 == 0)
        if not good.all():
            row, column = np.argwhere(~good)[0]
            raise ValueError(
                f"{self._name_row(row)}: field 'keypoints' has visibility "
                f'{visibility[row, column]:g} for {self.meta.keypoint_names[column]}, expected 0, '
                '1 or 2'
            )
        if not visibility.any():
            self._fail_empty()

    def _check_unique(self) -> None:
        pairs = np.stack([np.asarray(self.image_ids), np.asarray(self.ids)], 1)
        unique, counts = np.unique(pairs, axis=0, return_counts=True)
        if (counts > 1).any():
            image_id, ann_id = unique[counts > 1][0]
            raise ValueError(
                f'{self.path}: annotation id {ann_id} occurs {counts.max()} times in image '
                f'{image_id}'
            )

    def _fail_empty(self) -> None:
        reasons = ', '.join(f'{n} {why}' for why, n in self.left_out.items())
        raise ValueError(
            f'{self.path}: no annotation has a box and a keypoint with visibility > 0'
            f'{f" (left out: {reasons})" if reasons else ""}; there is nothing to train or test on'
        )
