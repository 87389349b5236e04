"""The images that a file in COCO's layout lists, as columns, found by their ids."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.coco.columns import Columns, EntryProblem, Integers, Report
from mmpose.coco.json_fields import Items

MAX_SIDE = 1 << 31


class ImageTable:
    """File names, ids and sizes of the images that a file lists.

    Args:
        path: The file, for messages.
        report: Gets every problem; None raises the first one.

    Attributes:
        names: I file names.
        ids: I ids, all integers or all strings.
        wh: (2 * I,), px. Widths and heights; (0, 0) where the file does not say.
    """

    def __init__(self, path: Path, report: Report | None = None) -> None:
        self.path, self.report = path, report
        self.names: list[str] = []
        self.ids: list[int | str] = []
        self.wh = array('q')

    def add(self, items: Items, needs_name: bool = True, needs_size: bool = True) -> Columns:
        """Appends entries of ``images`` that are in order; returns all of them as columns.

        Args:
            needs_name: Whether each needs a ``file_name``.
            needs_size: Whether a size must have both sides if it has one; else it is unknown.
        """
        rows = Columns(self.path, 'image', items, self.report, kind='malformed_image_entry')
        names, ids = rows.values('file_name'), rows.identifiers('id')
        if needs_name:
            for row, name in enumerate(names):
                if not isinstance(name, str) or not name:
                    rows.fail(row, f"field 'file_name' is {name!r}", 'a file name')
        first = (self.ids or ids or [0])[0]
        for row, image_id in enumerate(ids if set(map(type, ids)) != {type(first)} else ()):
            if type(image_id) is not type(first):
                found = f"field 'id' is {image_id!r}, but the first image has {first!r}"
                rows.fail(row, found, 'either all numbers or all strings')
        keep = np.flatnonzero(~rows.bad)
        self.names += [names[row] for row in keep.tolist()]
        self.ids += [ids[row] for row in keep.tolist()]
        self.wh.frombytes(_sizes(rows, needs_size)[keep].tobytes())
        return rows

    def check_unique(self) -> None:
        """Raises or reports the ids that occur more than once."""
        if len(set(self.ids)) == len(self.ids):
            return
        first: dict[int | str, int] = {}
        counts = Counter(self.ids)
        for row, image_id in enumerate(self.ids):
            if first.setdefault(image_id, row) == row:
                continue
            if self.report is None:
                raise ValueError(
                    f'{self.path}: image id {image_id} occurs {counts[image_id]} times, expected '
                    'an id of its own for every image'
                )
            found, other = f'the id of {self.names[first[image_id]]} too', self.names[row]
            entry = f'image {image_id}'
            self.report(EntryProblem('duplicate_image_id', entry, found, 'an id of its own', other))

    def columns(self) -> dict[str, Any]:
        """Returns the image columns of an annotation store."""
        return {'file_names': self.names, 'image_ids': self.ids, 'image_wh': self.wh}

    def find(self, image_ids: Sequence[int | str]) -> Integers:
        """Returns the rows of images by id; -1 where there is none of this id."""
        known = dict(zip(reversed(self.ids), range(len(self.ids) - 1, -1, -1), strict=True))
        return np.array([known.get(image_id, -1) for image_id in image_ids], np.int64)

    def find_all(self, image_ids: Sequence[int | str], path: Path, what: str) -> Integers:
        """Returns the rows of images by id.

        Raises:
            ValueError: If there are no images, or none of one of these ids.
        """
        if not self.names:
            raise ValueError(f"{self.path}: field 'images' is missing or empty")
        self.check_unique()
        rows = self.find(image_ids)
        strange = [image_ids[row] for row in np.flatnonzero(rows < 0).tolist()]
        if strange:
            raise ValueError(
                f'{path}: {len(strange)} of {len(rows)} {what} are for {len(set(strange))} images '
                f'that {self.path} does not list (first image_id {strange[0]!r}); give files of '
                'the same images'
            )
        return rows


def _sizes(rows: Columns, needs_both: bool) -> Integers:
    """Widths and heights, px: (I, 2); (0, 0) where they are missing or wrong."""
    widths, heights = rows.values('width'), rows.values('height')
    pairs = zip(widths, heights, strict=True)
    is_unknown = [w is h is None or not (needs_both or (w and h)) for w, h in pairs]
    unknown = np.array(is_unknown, np.bool_)
    columns = [rows.integers(key, unknown) for key in ('width', 'height')]
    sizes = np.stack(columns, axis=1)  # (I, 2)
    good = ((sizes >= 1) & (sizes < MAX_SIDE)).all(axis=1) | unknown

    def found(row: int) -> str:
        return f"fields 'width' and 'height' are {tuple(sizes[row].tolist())}"

    rows.check(good, found, 'integers >= 1')
    sizes[rows.bad | unknown] = 0
    return sizes
