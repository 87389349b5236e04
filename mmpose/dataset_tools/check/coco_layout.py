"""Reads a file in COCO's layout to its end, whatever is wrong in it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmpose.coco.json_stream import stream_json
from mmpose.dataset_tools.check.issues import Issue, IssueLog
from mmpose.dataset_tools.check.split import Split
from mmpose.metainfo.keypoint_names import find_disorder

MAX_SHOWN = 80
MAX_ID = 1 << 62


def read_coco_split(split: Split, log: IssueLog, fields: Sequence[str] = ('keypoints',)) -> None:
    """Fills a split from its annotation file; what is malformed goes into the log instead.

    Args:
        split: Empty but for its names; changed in place.
        log: Gets every fault.
        fields: Fields of an annotation that hold its keypoints.
    """
    reader = _Reader(split, log, fields)
    try:
        for section, item in stream_json(split.ann_file):
            reader.take(section, item)
    except (OSError, ValueError) as error:
        log.add(
            Issue(
                'unreadable_annotations',
                split.name,
                str(split.ann_file),
                '',
                str(error),
                'a JSON file in the layout of COCO',
            )
        )
    reader.finish()


class _Reader:
    """The columns of a file while it is read."""

    def __init__(self, split: Split, log: IssueLog, fields: Sequence[str]) -> None:
        self.split, self.log, self.fields = split, log, fields
        self.num_values = 3 * split.dataset_meta.num_keypoints
        self.wh: list[tuple[int, int]] = []
        self.image_of: list[int | str] = []  # image id of each instance
        self.category_ids: list[int] = []
        self.boxes, self.areas, self.points = array('d'), array('d'), array('f')
        self.image_rows: dict[int | str, int] = {}
        self.seen_anns: set[int] = set()
        self.sections: set[str] = set()

    def take(self, section: str, item: Any) -> None:
        """Takes one element of the file."""
        self.sections.add(section)
        takers = {
            'images': self._image,
            'annotations': self._annotation,
            'categories': self._category,
        }
        if section in takers:
            takers[section](item)

    def finish(self) -> None:
        """Writes the columns into the split, without instances on unlisted images."""
        for section in ('images', 'annotations'):
            if self.sections and section not in self.sections:
                self._add(
                    'unreadable_annotations', '', f"no '{section}'", f"a list '{section}'", ''
                )
        split, num = self.split, self.split.dataset_meta.num_keypoints
        rows = [self.image_rows.get(image_id, -1) for image_id in self.image_of]
        for row, ann_id, image_id in zip(rows, split.ann_ids, self.image_of, strict=True):
            if row < 0:
                self._add(
                    'unlisted_image',
                    f'annotation {ann_id}',
                    f'image_id {image_id}',
                    'the id of one of the images',
                )
        index = np.array(rows, np.int64)
        keep = index >= 0
        points = np.array(self.points, np.float32).reshape(-1, num, 3)[keep]
        split.image_wh = np.array(self.wh, np.int64).reshape(-1, 2)
        split.image_index = index[keep]
        split.ann_ids = [i for i, kept in zip(split.ann_ids, keep, strict=True) if kept]
        split.category_ids = np.array(self.category_ids, np.int64)[keep]
        split.bbox_xywh = np.array(self.boxes).reshape(-1, 4)[keep]
        split.area = np.array(self.areas)[keep]
        split.keypoints = np.ascontiguousarray(points[..., :2])
        split.keypoints_visible = np.ceil(np.clip(points[..., 2], 0, 2)).astype(np.uint8)
        self._check_categories()
        self._name_images()

    def _name_images(self) -> None:
        """Names the images of faults that were met before the list of the images."""
        names = {
            _unknown_image(image_id): self.split.file_names[row]
            for image_id, row in self.image_rows.items()
        }
        self.log.issues = [
            replace(issue, image=names.get(issue.image, issue.image))
            if issue.split == self.split.name
            else issue
            for issue in self.log.issues
        ]

    def _image(self, item: Any) -> None:
        entry = _entry('image', item)
        expected = 'an object with id, file_name, width and height'
        if not isinstance(item, dict) or not _is_id(item.get('id')):
            self._add('malformed_image_entry', entry, _show(item), expected)
            return
        name = item.get('file_name')
        if not isinstance(name, str) or not name:
            found = f'file_name {_show(name)}'
            self._add('malformed_image_entry', entry, found, 'the name of a file')
            return
        size = (item.get('width'), item.get('height'))
        if size == (None, None):
            size = (0, 0)
        elif not all(_is_int(side) and side > 0 for side in size):
            found = f'width and height {_show(size)}'
            self._add('malformed_image_entry', entry, found, 'integers above 0', name)
            size = (0, 0)
        if item['id'] in self.image_rows:
            other = self.split.file_names[self.image_rows[item['id']]]
            self._add(
                'duplicate_image_id', entry, f'the id of {other} too', 'an id of its own', name
            )
        else:
            self.image_rows[item['id']] = len(self.wh)
        self.split.image_ids.append(item['id'])
        self.split.file_names.append(name)
        self.wh.append(size)

    def _category(self, item: Any) -> None:
        if not isinstance(item, dict) or not _is_int(item.get('id')):
            self._add('malformed_annotation', _entry('category', item), _show(item), 'an id')
            return
        self.split.categories[item['id']] = str(item.get('name', item['id']))
        names, own = item.get('keypoints'), self.split.dataset_meta.keypoint_names
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return
        place = find_disorder(names, own)
        if place is not None:
            entry = f'category {item["id"]}'
            found = f"'{names[place]}' as keypoint {place}"
            expected = f"'{own[place]}' as in '{self.split.dataset_meta.name}'"
            self._add('keypoint_names', entry, found, expected)

    def _annotation(self, item: Any) -> None:
        self.split.num_annotations += 1
        entry = _entry('annotation', item)
        if not isinstance(item, dict):
            self._add('malformed_annotation', entry, _show(item), 'an object')
            return
        for key in ('id', 'image_id', 'category_id'):
            is_good = _is_id if key == 'image_id' else _is_int
            if not is_good(item.get(key)):
                found = f'{key} {_show(item.get(key))}'
                self._add('malformed_annotation', entry, found, 'an integer')
                return
        image = self._image_name(item)
        if item['id'] in self.seen_anns:
            self._add('duplicate_annotation_id', entry, 'the id a second time', 'one', image)
        self.seen_anns.add(item['id'])
        if item.get('iscrowd'):
            self._add('crowd', entry, 'iscrowd', 'a person', image)
            return
        box = self._box(item, entry, image)
        points = self._points(item, entry, image)
        if box is None or points is None:
            return
        area = item.get('area')
        self.split.ann_ids.append(item['id'])
        self.image_of.append(item['image_id'])
        self.category_ids.append(item['category_id'])
        self.boxes.extend(box)
        self.areas.append(area if _is_number(area) else math.nan)
        self.points.extend(points)

    def _box(self, item: dict[str, Any], entry: str, image: str) -> list[float] | None:
        box = item.get('bbox')
        if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
            found = f'bbox {_show(box)}' if 'bbox' in item else 'no bbox'
            self._add('malformed_annotation', entry, found, '[x, y, width, height]', image)
            return None
        if not all(map(math.isfinite, box)) or min(box[2:]) < 0:
            expected = 'finite [x, y, width, height] with a size >= 0'
            self._add('bad_box', entry, f'bbox {box}', expected, image)
            return None
        return box

    def _points(self, item: dict[str, Any], entry: str, image: str) -> list[float] | None:
        promised = item.get('num_keypoints')
        if all(item.get(name) is None for name in self.fields):
            if promised:
                found = f'no keypoints but num_keypoints {promised}'
                self._add('malformed_annotation', entry, found, 'keypoints', image)
            else:
                self._add('unlabelled', entry, 'no keypoints', 'some', image)
            return None
        lists = [item.get(name) for name in self.fields]
        if not all(isinstance(values, list) for values in lists):
            found = f'{self.fields} of types {[type(v).__name__ for v in lists]}'
            self._add('bad_keypoints', entry, found, 'lists of numbers', image)
            return None
        values = [value for part in lists for value in part]
        if len(values) != self.num_values:
            self._add(
                'wrong_keypoint_count',
                entry,
                f'{len(values)} numbers ({len(values) / 3:g} keypoints)',
                f'{self.num_values} ({self.split.dataset_meta.num_keypoints} of '
                f"'{self.split.dataset_meta.name}')",
                image,
            )
            return None
        if not all(map(_is_number, values)) or not all(map(math.isfinite, values)):
            bad = [v for v in values if not _is_number(v) or not math.isfinite(v)]
            self._add('bad_keypoints', entry, f'{bad[:3]}', 'finite numbers', image)
            return None
        return self._labelled(item, values, entry, image)

    def _labelled(
        self, item: dict[str, Any], values: list[float], entry: str, image: str
    ) -> list[float] | None:
        visibility = values[2::3]
        is_graded = len(self.fields) > 1  # face and hands have a confidence instead
        if not is_graded and not set(visibility) <= {0, 1, 2}:
            place = next(i for i, value in enumerate(visibility) if value not in (0, 1, 2))
            found = f'{visibility[place]:g} for {self.split.dataset_meta.keypoint_names[place]}'
            self._add('bad_visibility', entry, found, '0, 1 or 2', image)
        body = visibility[: len(item[self.fields[0]]) // 3]
        labelled = sum(value > 0 for value in body)
        promised = item.get('num_keypoints')
        if not labelled or (promised == 0 and not is_graded):
            is_usual = promised == 0 and not labelled
            kind = 'unlabelled' if is_usual else 'no_visible_keypoint'
            found = f'{labelled} labelled keypoints and num_keypoints {promised}'
            self._add(kind, entry, found, 'both above 0', image)
            return None
        # Some datasets, such as CrowdPose, count the visible ones only.
        right = {labelled, sum(value > 1 for value in body)}
        if not is_graded and _is_int(promised) and promised not in right:
            self._add('num_keypoints', entry, f'{promised}', f'{labelled}', image)
        return values

    def _check_categories(self) -> None:
        split = self.split
        if not split.categories:
            return
        for category in np.unique(split.category_ids).tolist():
            if category not in split.categories:
                row = int(np.flatnonzero(split.category_ids == category)[0])
                count = int((split.category_ids == category).sum())
                self._add(
                    'unknown_category',
                    split.entry(row),
                    f'category {category} ({count} annotations)',
                    f'one of {sorted(split.categories)}',
                    split.image_name(row),
                )

    def _image_name(self, item: dict[str, Any]) -> str:
        row = self.image_rows.get(item['image_id'])
        return _unknown_image(item['image_id']) if row is None else self.split.file_names[row]

    def _add(self, kind: str, entry: str, found: str, expected: str, image: str = '') -> None:
        file = str(self.split.ann_file)
        self.log.add(Issue(kind, self.split.name, file, entry, found, expected, image))


def _unknown_image(image_id: int | str) -> str:
    return f'image_id {image_id}'


def _entry(what: str, item: Any) -> str:
    return f'{what} {item.get("id", "without id") if isinstance(item, dict) else _show(item)}'


def _is_int(value: Any) -> bool:
    return type(value) is int and abs(value) < MAX_ID


def _is_id(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, str) and bool(value))


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) < MAX_SHOWN else f'{text[:MAX_SHOWN]}...'
