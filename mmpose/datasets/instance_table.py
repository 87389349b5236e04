"""The instances of a COCO keypoint file as columns, and what is left out of them."""

from __future__ import annotations

import warnings
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.json_fields import (
    Json,
    as_matrix,
    check_boxes,
    check_finite,
    describe,
    identifier,
    integer,
    number,
    numbers,
)
from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.image_table import ImageTable
from mmpose.metainfo.keypoint_names import find_disorder
from mmpose.structures import DatasetMeta, clip_xywh


class InstanceTable:
    """The ``annotations`` of a file, one :meth:`add` each, then :meth:`pack`.

    Args:
        path: The file, for messages.
        dataset_meta: The skeleton of K keypoints.
        parts: Fields that hold the keypoints, with the number in each; None for all in
            ``keypoints``.
    """

    def __init__(
        self, path: Path, dataset_meta: DatasetMeta, parts: Mapping[str, int] | None
    ) -> None:
        self.path = path
        self.dataset_meta = dataset_meta
        self.parts = dict(parts or {'keypoints': dataset_meta.num_keypoints})
        self.first = next(iter(self.parts))
        self.ids = array('q')
        self.image_ids: list[int | str] = []
        self.category_ids = array('i')
        self.boxes = array('d')
        self.areas = array('d')
        self.keypoints = array('f')
        self.left_out: Counter[str] = Counter()
        self._bare: dict[int, str] = {}  # category: the first annotation without keypoints
        self._names: dict[int, list[str]] = {}  # category: names of its keypoints
        self._misfit = ''  # the first field of a wrong length

    def add_category(self, category: Json) -> None:
        """Notes an entry of ``categories``."""
        where = describe(self.path, 'category', category)
        category_id = integer(category, 'id', where)
        names = category.get('keypoints') or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"{where}: field 'keypoints' is {names!r}, expected a list of names")
        self._names[category_id] = names

    def add(self, ann: Json) -> None:
        """Appends an entry of ``annotations``, or counts why it is left out."""
        where = describe(self.path, 'annotation', ann)
        category = integer(ann, 'category_id', where)
        if ann.get('iscrowd'):
            self.left_out['crowds'] += 1
            return
        if len(self.parts) == 1 and ann.get(f'num_{self.first}') == 0:
            self.left_out['without labelled keypoints'] += 1
            return
        if ann.get(self.first) is None:
            self._bare.setdefault(category, where)
            self.left_out['without keypoints'] += 1
            return
        keypoints = [self._checked_part(ann, field, where) for field in self.parts]
        if not any(keypoints[0]):
            self.left_out['without labelled keypoints'] += 1
            return
        for values in keypoints:
            self.keypoints.extend(values)
        self.boxes.extend(numbers(ann, 'bbox', where, 4))
        self.areas.append(number(ann, 'area', where, default=float('nan')))
        self.ids.append(integer(ann, 'id', where))
        self.image_ids.append(identifier(ann, 'image_id', where))
        self.category_ids.append(category)

    def pack(self, images: ImageTable) -> AnnotationStore:
        """Checks the columns as a whole and packs those that can be trained and tested on."""
        self._check_names()
        self._check_bare()
        if not self.ids:
            self._fail_empty()
        boxes = as_matrix(self.boxes, 4)
        check_boxes(boxes, self._name_row)
        flat = as_matrix(self.keypoints, 3 * self.dataset_meta.num_keypoints)
        check_finite(flat, self._name_row, 'keypoints')
        points = flat.reshape(len(flat), -1, 3)  # (N, 3K) -> (N, K, (x, y, v))
        keypoints_visible = self._checked_visibility(points[..., 2])
        rows = self._find_images(images)

        image_wh = as_matrix(images.wh, 2)[rows].astype(np.float64)
        image_wh[image_wh == 0] = np.inf  # unknown
        clean = clip_xywh(boxes, image_wh)
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
            keypoints_visible=keypoints_visible[order],
            area=areas[order],
            ann_ids=np.asarray(self.ids)[order],
            category_ids=np.asarray(self.category_ids)[order],
        )

    def _name_row(self, row: int) -> str:
        return f'{self.path}: annotation {self.ids[row]}'

    def _checked_part(self, ann: Json, field: str, where: str) -> list[float]:
        num = self.parts[field]
        values = ann.get(field)
        if not isinstance(values, list) or len(values) == 3 * num:
            return numbers(ann, field, where, 3 * num)
        # The names that explain it stand in `categories`, which may come later.
        self._misfit = self._misfit or (
            f"{where}: field '{field}' has {len(values)} numbers, expected {3 * num} (x, y and "
            f"visibility of {num} keypoints of '{self.dataset_meta.name}')"
        )
        return [0.0]

    def _check_names(self) -> None:
        advice = 'set dataset.metainfo to the skeleton of this file'
        expected = self.dataset_meta.keypoint_names
        if self._misfit:
            listed = next((names for names in self._names.values() if names), None)
            lists = f'; the file names {listed}, the skeleton {list(expected)}' if listed else ''
            raise ValueError(f'{self._misfit}; {advice}{lists}')
        for category, names in self._names.items():
            place = find_disorder(names, expected)
            if place is not None:
                raise ValueError(
                    f"{self.path}: category {category} has '{names[place]}' as keypoint {place}, "
                    f"where '{self.dataset_meta.name}' has '{expected[place]}'; {advice}; the "
                    'file names '
                    f'{names}, the skeleton {list(expected)}'
                )

    def _check_bare(self) -> None:
        """An annotation may lack keypoints only if its category has none at all."""
        labelled = set(self.category_ids)
        for category, where in self._bare.items():
            boneless = category in self._names and not self._names[category]
            if category in labelled or not boneless or not labelled:
                raise ValueError(
                    f"{where}: field '{self.first}' is missing; expected "
                    f'{3 * self.parts[self.first]} numbers, or num_{self.first} 0. Is this a file '
                    'of boxes instead of keypoints?'
                )

    def _checked_visibility(self, visibility: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns (N, K) visibilities 0, 1 or 2, or raises a ValueError."""
        is_graded = len(self.parts) > 1
        good = (visibility >= 0) & (visibility <= (2 if is_graded else 255))
        good &= is_graded | (visibility % 1 == 0)
        if not good.all():
            row, column = np.argwhere(~good)[0]
            kind = 'a number from 0 to 2' if is_graded else '0, 1 or 2'
            raise ValueError(
                f"{self._name_row(row)}: field 'keypoints' has visibility "
                f'{visibility[row, column]:g} for {self.dataset_meta.keypoint_names[column]}, '
                'expected '
                f'{kind}'
            )
        if not visibility.any():
            self._fail_empty()
        return np.ceil(visibility)

    def _find_images(self, images: ImageTable) -> NDArray[np.int64]:
        for row, image_id in enumerate(self.image_ids):
            images.check_id(image_id, self._name_row(row))
        rows = images.find(self.image_ids, self.path, 'annotations')
        pairs = np.stack([rows, np.asarray(self.ids)], 1)
        unique, counts = np.unique(pairs, axis=0, return_counts=True)
        if (counts > 1).any():
            image, ann_id = unique[counts > 1][0]
            raise ValueError(
                f'{self.path}: annotation id {ann_id} occurs {counts.max()} times in image '
                f'{images.ids[image]}'
            )
        return rows

    def _fail_empty(self) -> None:
        reasons = ', '.join(f'{n} {why}' for why, n in self.left_out.items())
        raise ValueError(
            f'{self.path}: no annotation has a box and a keypoint with visibility > 0'
            f'{f" (left out: {reasons})" if reasons else ""}; there is nothing to train or test on'
        )
