"""Reader of annotation files in COCO's layout, for training, evaluation and checking alike.

It raises the first problem, or reports all of them, in the same words; what it accepts for one of
its users it accepts for all. Usable data are accepted: ``area``, ``iscrowd``, ``num_keypoints`` and
``categories`` may be missing, and annotations may have no keypoints where nothing promises any.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.category_choice import find_categories, of_categories
from mmpose.coco.columns import Bools, Columns, EntryProblem, Floats, Integers, Report, id_array
from mmpose.coco.image_table import ImageTable
from mmpose.coco.instance_layout import (
    CENTER_SCALE,
    CENTER_ZOOM,
    CONFIDENCE,
    IMAGE,
    SCALE_PX,
    ZOOM_PX,
    InstanceLayout,
    plain_keypoints,
)
from mmpose.coco.json_fields import MAX_INTEGER, FieldError, Items, Json, show
from mmpose.coco.json_file import load_sections, without_garbage_collection
from mmpose.coco.json_stream import stream_batches
from mmpose.coco.keypoint_arrays import KeypointGroundTruth
from mmpose.metainfo.keypoint_names import find_disorder
from mmpose.structures import DatasetMeta

NAN = float('nan')
WINDOWED = ('300w', 'aflw', 'wflw')  # skeletons of faces whose files have windows beside boxes


class AnnotationReader:
    """Reads a COCO keypoint file into packed arrays.

    Args:
        fields: K, or the fields of an annotation that hold the keypoints, one after the other, with
            the number in each; all of them may stand in the first one, which decides whether an
            instance has any. Where there are several, a visibility may be any number from 0 to 2,
            as the confidences of the hands of COCO-WholeBody are, and ``num_keypoints``, which
            speaks of the body alone, is not asked.
        dataset_meta: The skeleton, with which the names in the file are compared; None compares
            nothing.
        report: Gets every problem, and every entry that is left out; None raises the first
            problem.
        purpose: ``training`` reads the file as a stream and leaves out crowds and instances
            without a labelled keypoint (``num_keypoints`` 0, or nothing but zeros), in float32;
            ``evaluation`` reads all at once, keeps every annotation, in float64, and needs no
            names of images; ``conversion`` is like it, but needs names, and no boxes: zeros stand
            for a missing one.
        layout: Where the instances of an annotation stand.

    Attributes:
        images: The images.
        categories: Entries of ``categories`` by id.
        left_out: What was left out: reason -> how many.
        num_annotations: Entries of ``annotations``, usable or not.
    """

    def __init__(
        self,
        path: str | Path,
        fields: int | Mapping[str, int],
        dataset_meta: DatasetMeta | None = None,
        report: Report | None = None,
        purpose: Literal['training', 'evaluation', 'conversion'] = 'training',
        layout: InstanceLayout | None = None,
    ) -> None:
        self.path, self.report, self.purpose = Path(path), report, purpose
        self.layout = layout or InstanceLayout()
        self.fields = (
            dict(fields) if isinstance(fields, Mapping) else {self.layout.keypoints: fields}
        )
        # keypoints of parts have confidences, and `num_keypoints` counts those of the body only
        self._has_parts = len(self.fields) > 1 or self.layout.is_part
        self.first = next(iter(self.fields))
        self.dataset_meta = dataset_meta
        self.images = ImageTable(self.path, report)
        self.categories: dict[int, Json] = {}
        self.left_out: Counter[str] = Counter()
        self.num_annotations = 0
        self._image_ids: list[int | str] = []
        self._parts: list[dict[str, NDArray[Any]]] = []
        self._bare: dict[int, str] = {}  # category: the first annotation without keypoints
        self._float = np.float32 if purpose == 'training' else np.float64
        self._misfit = ''  # the first field of a wrong length
        self._wanted: list[int] | None = None  # categories
        self._extras: dict[str, NDArray[Any]] = {}
        self._image_extras: dict[str, NDArray[Any]] = {}

    def read(
        self,
        extras: Sequence[str] = (),
        image_extras: Sequence[str] = (),
        optional_image_extras: Sequence[str] = (),
        sections: Iterable[tuple[str, Items]] | None = None,
    ) -> KeypointGroundTruth:
        """Returns the annotations in the order of the file.

        Args:
            extras: Further fields of every annotation, numbers or lists of numbers; like the next
                two for an evaluation only.
            image_extras: Further fields of every image, numbers or strings.
            optional_image_extras: Further fields of anything, as objects; None where an image has
                none.
            sections: The lists of the file with their keys, of entries or of the values of their
                fields; None reads them.

        Raises:
            FileNotFoundError: If the file does not exist.
            TypeError, ValueError: If it is malformed; the message names the file, the entry and
                the field.
        """
        is_training = self.purpose == 'training'
        self._wanted = find_categories(self.path, self.layout.category)
        with without_garbage_collection():
            if sections is None:
                sections = stream_batches(self.path) if is_training else load_sections(self.path)
            try:
                self._take(sections, extras, image_extras, optional_image_extras)
            except (OSError, ValueError) as error:
                if self.report is None:
                    raise
                self._problem(
                    'unreadable_annotations', '', str(error), "a JSON file in COCO's layout"
                )
        self.images.check_unique()
        self._check_names()
        return self._pack()

    def _take(
        self,
        batches: Iterable[tuple[str, Items]],
        extras: Sequence[str],
        image_extras: Sequence[str],
        optional_image_extras: Sequence[str],
    ) -> None:
        sections = set()
        for name, items in batches:
            sections.add(name)
            if name == 'images':
                images = self.images.add(
                    items, self.purpose != 'evaluation', self.purpose != 'conversion'
                )
                self._add_image_extras(images, image_extras, optional_image_extras)
            elif name == 'annotations':
                self._add_annotations(items, extras)
            elif name == 'categories':
                self._add_categories(items)
        self._check_sections(sections)

    def _problem(self, kind: str, entry: str, found: str, expected: str, image: Any = None) -> None:
        if self.report is None:
            where = f'{self.path}: {entry}' if entry else str(self.path)
            raise FieldError(where, found, expected)
        self.report(EntryProblem(kind, entry, found, expected, image))

    def _note(
        self, rows: Columns, which: Bools, kind: str, found: Callable[[int], str], expected: str
    ) -> None:
        """Reports entries that are accepted, but of which a check may want to tell."""
        for row in np.flatnonzero(which & ~rows.bad).tolist() if self.report else ():
            image = rows.items[row].get('image_id')
            self._problem(kind, rows.name(row), found(row), expected, image)

    def _add_image_extras(
        self, rows: Columns, extras: Sequence[str], optional: Sequence[str]
    ) -> None:
        for name in extras:
            values = rows.values(name)
            missing = np.array([value is None for value in values], np.bool_)
            rows.check(~missing, partial('field {0!r} is missing'.format, name), 'a value')
            self._image_extras[name] = np.asarray(values)
        for name in optional:
            self._image_extras[name] = np.empty(len(rows.items), dtype=object)
            self._image_extras[name][:] = rows.values(name)

    def _add_categories(self, items: Items) -> None:
        rows = Columns(self.path, 'category', items, self.report)
        for row, category_id in enumerate(rows.integers('id').tolist()):
            names = rows.items[row].get('keypoints') or []
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                rows.fail(row, f"field 'keypoints' is {names!r}", 'a list of names')
            if not rows.bad[row] and (self._wanted is None or category_id in self._wanted):
                self.categories[category_id] = rows.items[row]

    def _add_annotations(self, items: Items, extras: Sequence[str]) -> None:
        if not isinstance(items, dict):
            if self._wanted is not None:
                items = of_categories(items, self._wanted)
            self.num_annotations += len(items)
            items = plain_keypoints(self.layout.instances(items), self.fields)
        rows = Columns(self.path, 'annotation', items, self.report)
        ids, image_ids = rows.integers('id'), rows.identifiers('image_id')
        category = rows.integers('category_id')
        crowd = rows.flags('iscrowd')
        stated = rows.numbers(f'num_{self.layout.keypoints}', NAN)
        self._check_counts(rows, stated)
        counts_none = (stated == 0) & (not self._has_parts)
        points, is_bare = self._points(rows, crowd | counts_none)
        visibility = np.ascontiguousarray(points[..., 2])
        self._check_visibility(rows, visibility)
        labelled = (visibility > 0).sum(axis=1)
        num_first = self.fields[self.first]
        unlabelled = (visibility[:, :num_first] > 0).sum(axis=1) == 0
        self._note_left_out(rows, crowd, is_bare, visibility[:, :num_first], stated)
        # a list of points of which none is visible stays, as in the published loaders
        unlabelled[unlabelled] = ~points[unlabelled, :num_first].any(axis=(1, 2))
        unlabelled |= counts_none
        boxes = self._boxes(rows, crowd | unlabelled)
        area = rows.numbers('area', NAN)
        rows.check_finite(np.where(np.isnan(area), 0, area)[:, None], 'area')
        for row in np.flatnonzero(is_bare & ~crowd & (stated != 0) & ~rows.bad).tolist():
            self._bare.setdefault(int(category[row]), rows.name(row))
        counts = np.where(np.isnan(stated) | is_bare, labelled, stated).astype(np.int64)
        columns = {'ann_id': ids, 'category_id': category, 'area': area, 'bbox_xywh': boxes,
                   'iscrowd': crowd, 'num_labelled': counts, 'visibility': visibility,
                   'keypoints': points[..., :2] - self.layout.first_pixel}  # fmt: skip
        has_none = self.layout.is_part or self.purpose != 'training'
        if not has_none and any(CONFIDENCE in item for item in rows.items):
            columns[CONFIDENCE] = self._confidences(rows, visibility)
        keep = ~rows.bad
        if self.purpose == 'training':
            keep &= ~(crowd | unlabelled)
        if not keep.all():
            columns = {name: column[keep] for name, column in columns.items()}
            image_ids = [image_ids[row] for row in np.flatnonzero(keep).tolist()]
        for name in ('keypoints', 'visibility'):
            columns[name] = np.ascontiguousarray(columns[name], self._float)
        self._parts.append(columns)
        self._image_ids += image_ids
        for name in extras:
            values = rows.values(name)
            is_list = bool(values) and isinstance(values[0], list)
            column = rows.lists(name, len(values[0])) if is_list else rows.numbers(name)
            self._extras[name] = column

    def _points(self, rows: Columns, is_left_out: Bools) -> tuple[Floats, Bools]:
        """Keypoints (N, K, 3), zeros where there are none, and (N,) whether the field is missing.

        What is left out anyway may have a list of any length.
        """
        values = rows.values(self.first)
        width = 3 * self.fields[self.first]
        skip, is_bare = np.zeros(len(values), np.bool_), np.zeros(len(values), np.bool_)
        if not rows.has_lists(self.first, width):
            is_bare = np.array([value is None for value in values], np.bool_)
            lengths = [len(value) if isinstance(value, list) else width for value in values]
            skip = is_bare | (np.array(lengths) == 0) | (is_left_out & (np.array(lengths) != width))
        parts = [self._part(rows, field, num, skip) for field, num in self.fields.items()]
        points = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        rows.check_finite(points, 'keypoints', 'bad_keypoints')
        return points.reshape(len(points), points.shape[1] // 3, 3), is_bare  # (N, 3K) -> (N, K, 3)

    def _part(self, rows: Columns, field: str, num: int, skip: Bools) -> Floats:
        if not rows.has_lists(field, 3 * num):
            skip = skip.copy()
            for row, value in enumerate(rows.values(field)):
                if isinstance(value, list) and len(value) != 3 * num and not skip[row]:
                    self._note_misfit(rows, row, field, len(value))
                    skip[row] = True
        return rows.lists(field, 3 * num, skip, 'bad_keypoints')

    def _note_misfit(self, rows: Columns, row: int, field: str, length: int) -> None:
        num = self.fields[field]
        skeleton = f" of '{self.dataset_meta.name}'" if self.dataset_meta is not None else ''
        found = f"field '{field}' has {length} numbers"
        expected = f'{3 * num} (x, y and visibility of {num} keypoints{skeleton})'
        if self.report is None:
            # The names that explain it stand in `categories`, which may come later.
            where = f'{self.path}: {rows.name(row)}'
            self._misfit = self._misfit or f'{where}: {found}, expected {expected}'
            rows.bad[row] = True
        rows.fail(row, found, expected, 'wrong_keypoint_count')

    def _check_counts(self, rows: Columns, stated: Floats) -> None:
        whole = (stated >= 0) & (stated <= MAX_INTEGER) & (stated == np.rint(stated))
        found = f"field 'num_{self.layout.keypoints}' is {{:g}}".format
        rows.check(
            whole | np.isnan(stated), lambda row: found(stated[row]), 'a whole number from 0'
        )

    def _check_visibility(self, rows: Columns, visibility: Floats) -> None:
        # Files that are only evaluated, such as those of Halpe, have confidences in one field too.
        is_graded = self._has_parts or self.purpose == 'evaluation'
        good = (visibility >= 0) & (visibility <= (2 if self._has_parts else 255))
        if not is_graded:
            good &= visibility == np.rint(visibility)

        def found(row: int) -> str:
            column = int(good[row].argmin())
            meta = self.dataset_meta
            name = str(column) if meta is None else meta.keypoint_names[column]
            return f"field 'keypoints' has visibility {visibility[row, column]:g} for {name}"

        expected = 'a number from 0 to 2' if self._has_parts else '0, 1 or 2'
        rows.check(np.asarray(good.all(axis=1)), found, expected, 'bad_keypoints')
        if self.report is not None:
            good &= visibility <= 2
            self._note(rows, ~np.asarray(good.all(axis=1)), 'bad_visibility', found, expected)

    def _confidences(self, rows: Columns, visibility: Floats) -> Floats:
        """Confidences (N, K) of pseudo-labels; 1 for an annotation without, 0 if not labelled."""
        is_bare = np.array([value is None for value in rows.values(CONFIDENCE)], np.bool_)
        found = rows.lists(CONFIDENCE, visibility.shape[1], is_bare)
        found = np.where(visibility > 0, np.where(is_bare[:, None], 1, found), 0)
        # a keypoint of 0.5 or less would be trained as one that is not there; see Codec.encode
        good = ((found > 0.5) & (found <= 1)) | (visibility == 0)
        rows.check(
            np.asarray(good.all(axis=1)),
            lambda row: f"field '{CONFIDENCE}' has {found[row, good[row].argmin()]:g}",
            'a number above 0.5, up to 1, for every labelled keypoint (give a less certain one '
            'visibility 0)',
            'bad_keypoints',
        )
        return found

    def _boxes(self, rows: Columns, is_left_out: Bools) -> Floats:
        key = self.layout.bbox
        if key == IMAGE:  # known once all images are read
            return np.zeros((len(is_left_out), 4))
        if key in (CENTER_SCALE, CENTER_ZOOM):
            return self._windows(rows, is_left_out)
        skip = (is_left_out | (self.purpose == 'conversion')) & (not rows.has_lists(key, 4))
        if skip.any():
            skip &= np.array([not value for value in rows.values(key)], np.bool_)
        boxes = rows.lists(key, 4, skip)
        self._warn_of_windows(rows.items)
        rows.check_finite(boxes, key, 'bad_box')
        expected = '[x, y, width, height] with a size >= 0'

        def found(row: int) -> str:
            return f"field '{key}' is {boxes[row].tolist()}"

        rows.check(np.asarray((boxes[:, 2:] >= 0).all(axis=1)), found, expected, 'bad_box')
        boxes[:, :2] -= self.layout.first_pixel
        return boxes

    def _warn_of_windows(self, items: Sequence[Json]) -> None:
        name = getattr(self.dataset_meta, 'name', '')
        has_windows = bool(items) and {'bbox', 'center', 'scale'} <= set(items[0])
        if name in WINDOWED and has_windows and not self._parts and self.purpose == 'training':
            warnings.warn(
                f"{self.path}: the published windows of '{name}' come from 'center' and 'scale' "
                "of the annotations; set dataset.bbox_field='center_scale' to have them",
                stacklevel=2,
            )

    def _windows(self, rows: Columns, is_left_out: Bools) -> Floats:
        """Squares (N, 4) around ``center`` that ``scale`` gives the size of."""
        skip = is_left_out & np.array([not value for value in rows.values('center')], np.bool_)
        center, scale = rows.lists('center', 2, skip), rows.numbers('scale', NAN)
        rows.check_finite(center, 'center', 'bad_box')
        rows.check(
            (scale > 0) & (scale < np.inf) | skip,
            lambda row: show(rows.items[row], 'scale'),
            "a number above 0; or set dataset.bbox_field='bbox'",
            'bad_box',
        )
        scale = np.where(scale > 0, scale, 1.0)
        side = ZOOM_PX / scale if self.layout.bbox == CENTER_ZOOM else SCALE_PX * scale
        start = center - side[:, None] / 2 - self.layout.first_pixel
        return np.concatenate([start, side[:, None], side[:, None]], axis=1)

    def _fill_whole_images(self, boxes: Floats, image_ids: Sequence[int | str]) -> None:
        if self.layout.bbox != IMAGE:
            return
        boxes[:, 2:] = np.asarray(self.images.wh).reshape(-1, 2)[self.images.find(image_ids)]
        for row in np.flatnonzero((boxes[:, 2:] <= 0).any(axis=1)).tolist()[:1]:
            found, expected = 'no width and height', "both, for dataset.bbox_field='image'"
            self._problem('bad_box', f'image {image_ids[row]}', found, expected, image_ids[row])

    def _note_left_out(
        self, rows: Columns, crowd: Bools, is_bare: Bools, visibility: Floats, stated: Floats
    ) -> None:
        """Counts instances without labelled keypoints; reports them and odd counts of keypoints."""
        num = (visibility > 0).sum(axis=1)
        is_alone = not self._has_parts
        none = ~crowd & ~rows.bad & ((num == 0) | ((stated == 0) & is_alone))
        self.left_out['crowds'] += int((crowd & ~rows.bad).sum())
        self.left_out['without keypoints'] += int((none & is_bare).sum())
        self.left_out['without labelled keypoints'] += int((none & ~is_bare).sum())
        if self.report is None:
            return
        self._note(rows, crowd, 'crowd', lambda row: 'a crowd', 'an instance')
        usual = none & (num == 0) & ~(stated > 0)
        self._note(rows, usual, 'unlabelled', lambda row: 'no labelled keypoint', 'some')

        def both(row: int) -> str:
            return f'{num[row]} labelled keypoints and num_keypoints {stated[row]:g}'

        self._note(rows, none & ~usual, 'no_visible_keypoint', both, 'both above 0')
        # Some datasets, such as CrowdPose, count the visible ones only.
        is_right = np.isnan(stated) | (stated == num) | (stated == (visibility > 1).sum(axis=1))
        odd = ~is_right & ~none & ~crowd & is_alone
        self._note(rows, odd, 'num_keypoints', both, 'the number of labelled keypoints')

    def _check_sections(self, sections: set[str]) -> None:
        if '' in sections:
            found = "is a list, expected an object with 'images' and 'annotations'"
            raise ValueError(
                f'{self.path} {found}; is it a detection file? Then it belongs into '
                'dataset.bbox_file'
            )
        for name in ('images', 'annotations'):
            if name not in sections:
                found = f"field '{name}' is missing or empty"
                self._problem('unreadable_annotations', '', found, f"a list '{name}'")
        if self._wanted is not None and not self.num_annotations:
            found = f'no annotation has category_id {" or ".join(map(str, self._wanted))}'
            expected = 'some; set dataset.category to a category of this file'
            self._problem('unreadable_annotations', '', found, expected)

    def _check_names(self) -> None:
        if self.dataset_meta is None or self.layout.trust_order:
            if self._misfit:
                raise ValueError(self._misfit)
            return
        expected, skeleton = self.dataset_meta.keypoint_names, self.dataset_meta.name
        listed = {i: item.get('keypoints') or [] for i, item in self.categories.items()}
        advice = 'set dataset.metainfo to the skeleton of this file'
        if self._misfit:
            names = next((names for names in listed.values() if names), None)
            lists = f'; the file names {names}, the skeleton {list(expected)}' if names else ''
            raise ValueError(f'{self._misfit}; {advice}{lists}')
        for category, names in listed.items():
            place = find_disorder(names, expected)
            if place is None:
                continue
            found = f"'{names[place]}' as keypoint {place}"
            wanted = f"'{expected[place]}' as in '{skeleton}'"
            if self.report is None:
                wanted += (
                    f'; {advice}, or dataset.trust_order=True if the order is the same after all; '
                    f'the file names {names}, the skeleton {list(expected)}'
                )
            self._problem('keypoint_names', f'category {category}', found, wanted)

    def _check_bare(self, labelled: set[int]) -> None:
        """An annotation may lack keypoints only if its category has none at all."""
        for category, entry in self._bare.items():
            item = self.categories.get(category)
            boneless = item is not None and not item.get('keypoints')
            if category in labelled or not boneless or not labelled:
                self._problem(
                    'malformed_annotation',
                    entry,
                    f"field '{self.first}' is missing",
                    f'{3 * self.fields[self.first]} numbers, or num_{self.first} 0. Is this a '
                    'file of boxes instead of keypoints?',
                )

    def _pack(self) -> KeypointGroundTruth:
        num, ids = sum(self.fields.values()), np.zeros(0, np.int64)
        nothing = {'ann_id': ids, 'category_id': ids, 'area': np.zeros(0),
                   'bbox_xywh': np.zeros((0, 4)), 'iscrowd': np.zeros(0, np.bool_),
                   'num_labelled': ids, 'visibility': np.zeros((0, num)),
                   'keypoints': np.zeros((0, num, 2), self._float)}  # fmt: skip
        parts, self._parts = self._parts or [nothing], []
        columns = parts[0]
        if any(CONFIDENCE in part for part in parts):
            nothing[CONFIDENCE] = nothing['visibility']
            parts = [{CONFIDENCE: np.sign(part['visibility']), **part} for part in parts]
        if len(parts) > 1:
            columns = {name: np.concatenate([part[name] for part in parts]) for name in nothing}
        is_labelled = columns['visibility'].any(axis=1)
        self._check_bare(set(np.unique(columns['category_id'][is_labelled]).tolist()))
        keep = self._check_images(columns['ann_id'])
        if not keep.all():
            self._image_ids = [self._image_ids[row] for row in np.flatnonzero(keep).tolist()]
            columns = {name: column[keep] for name, column in columns.items()}
        image_id = id_array(self._image_ids)
        self._fill_whole_images(columns['bbox_xywh'], self._image_ids)
        self._fill_area(columns['area'], columns['bbox_xywh'])
        visibility = columns.pop('visibility')
        is_evaluation = self.purpose == 'evaluation'
        if self.layout.is_part:
            self._extras[CONFIDENCE] = np.minimum(visibility, 1).astype(np.float32)
        if CONFIDENCE in columns:
            self._extras[CONFIDENCE] = columns.pop(CONFIDENCE).astype(np.float32)
        return KeypointGroundTruth(
            image_ids=id_array(self.images.ids),
            category_ids=self._category_ids(columns['ann_id'], columns['category_id'], image_id),
            image_id=image_id,
            keypoints_visible=visibility > 0
            if is_evaluation
            else np.ceil(visibility).astype(np.uint8),
            source=str(self.path),
            extras=self._extras,
            image_extras=self._image_extras,
            **columns,
        )

    def _check_images(self, ann_ids: Integers) -> Bools:
        """Checks image and annotation ids; returns which annotations are on a listed image."""
        kinds = set(map(type, self.images.ids))
        if kinds and not set(map(type, self._image_ids)) <= kinds and self.report is None:
            row = next(i for i, x in enumerate(self._image_ids) if type(x) not in kinds)
            kind = 'an integer' if int in kinds else 'a string'
            found = f"field 'image_id' is {self._image_ids[row]!r}"
            self._problem('', f'annotation {ann_ids[row]}', found, f'{kind} as in the images')
        if self.report is None:
            rows = self.images.find_all(self._image_ids, self.path, 'annotations')
        else:
            rows = self.images.find(self._image_ids)
        for row in np.flatnonzero(rows < 0).tolist():
            entry, image_id = f'annotation {ann_ids[row]}', self._image_ids[row]
            expected = 'the id of one of the images'
            self._problem('unlisted_image', entry, f'image_id {image_id}', expected, image_id)
        if (np.diff(np.sort(ann_ids)) == 0).any():
            self._check_repeated(ann_ids.tolist(), rows.tolist())
        return rows >= 0

    def _check_repeated(self, ann_ids: list[int], images: list[int]) -> None:
        """Ids must differ within an image; a check also tells of those that recur in another."""
        counts, elsewhere = Counter(zip(images, ann_ids, strict=True)), Counter(ann_ids)
        first: dict[tuple[int, int], int] = {}
        for row, key in enumerate(zip(images, ann_ids, strict=True)):
            ann_id, name = key[1], self._image_ids[row]
            if first.setdefault(key, row) != row:
                found = f'annotation id {ann_id} occurs {counts[key]} times in image {name}'
                entry = '' if self.report is None else f'annotation {ann_id}'
                self._problem('duplicate_annotation_id', entry, found, 'once', name)
            elif self.report is not None and elsewhere[ann_id] > counts[key]:
                found = f'annotation id {ann_id} occurs in other images too'
                self._problem('repeated_annotation_id', f'annotation {ann_id}', found, 'once', name)

    def _fill_area(self, area: Floats, bbox_xywh: Floats) -> None:
        missing = np.isnan(area)
        if not missing.any() or self.purpose == 'conversion':
            return
        area[missing] = bbox_xywh[missing, 2:].prod(axis=1)
        found = f"{missing.sum()} of {len(area)} annotations have no 'area'"
        instead = 'that of the box stands for it, also in AP'
        if self.report is None:
            warnings.warn(f'{self.path}: {found}; {instead}', stacklevel=2)
        else:
            self._problem('no_area', '', found, f'one of each; {instead}')

    def _category_ids(self, ann_ids: Integers, used: Integers, image_id: NDArray[Any]) -> Integers:
        """Ids of the categories that are listed or used."""
        listed = list(self.categories)
        for category in np.unique(used).tolist():
            if category in self.categories:
                continue
            if listed and self.report is not None:
                rows = np.flatnonzero(used == category)
                found = f'category {category} ({len(rows)} annotations)'
                entry, expected = f'annotation {ann_ids[rows[0]]}', f'one of {sorted(listed)}'
                self._problem('unknown_category', entry, found, expected, image_id[rows[0]])
            listed.append(category)
        return np.array(listed, np.int64)
