"""Boxes that were found or drawn before."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from mmpose.coco.columns import Columns
from mmpose.coco.image_table import ImageTable
from mmpose.coco.json_file import read_json
from mmpose.detectors.categories import COCO_CATEGORIES, choose_classes, list_categories
from mmpose.detectors.selection import Selection
from mmpose.structures import Boxes, Frame
from mmpose.structures.media_files import IMAGE_SUFFIXES, NamedFiles


class BoxesFile:
    """Takes the boxes of each image from a JSON file.

    The file is one of

    - COCO detections: a list of ``{image_id, category_id, bbox, score}``;
    - COCO annotations: ``{images, annotations, categories}``, without crowds;
    - ``{name: boxes}``, each box ``[x, y, width, height]`` or with a score as fifth number.

    An image is found by its file name, of the folders as many as it takes to tell images apart;
    in a list of detections, which has no names, by an ``image_id`` that is the name, or the
    number that the name is, as in COCO. A frame of a video or camera is found by its number, from
    0, as ``image_id`` or name.

    Args:
        selection: Which categories and scores are kept. ``{name: boxes}`` says no categories, so
            all boxes are wanted. The ids of a list are COCO's, or those of a dict of categories.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is something else, or lacks a category.
    """

    def __init__(self, path: str | Path, selection: Selection = Selection()) -> None:  # noqa: B008
        self.path = Path(path)
        self.selection = selection
        self.rows: dict[str, list[list[float]]] = {}  # x, y, width, height, score, category
        self.has_names = True
        content = read_json(self.path, 'file with boxes')
        if isinstance(content, list):
            self.has_names = False
            self._add_detections(content)
        elif isinstance(content, dict) and {'images', 'annotations'} <= set(content):
            self._add_annotations(content)
        elif isinstance(content, dict):
            self._add_mapping(content)
        else:
            raise ValueError(f'{path} holds a {type(content).__name__}, expected a list or object')
        self._names = NamedFiles(self.rows)
        self._has_warned = False

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns the boxes of each frame, in the order of the file.

        Raises:
            ValueError: If the file knows the images by name and lacks one, or has several that
                could be it.
        """
        return [self._boxes(frame) for frame in frames]

    def _boxes(self, frame: Frame) -> Boxes:
        rows = np.array(self._find(frame), np.float64).reshape(-1, 6)
        rows = rows[rows[:, 4] >= self.selection.score_threshold]
        return Boxes.from_xywh(rows[:, :4], rows[:, 4], rows[:, 5])

    def _find(self, frame: Frame) -> list[list[float]]:
        path = PurePath(frame.name)
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            return self._find_number(frame)
        names = self._names.find(frame.name)
        if not names and not self.has_names:
            number = str(int(path.stem)) if path.stem.isdecimal() else path.stem
            names = [name for name in (path.stem, number) if name in self.rows][:1]
        if len(names) == 1:
            return self.rows[names[0]]
        known = f'it knows {len(self.rows)} images, such as {next(iter(self.rows), "none")}'
        if names:
            raise ValueError(f"{self.path}: '{frame.name}' could be {' or '.join(names)}")
        if self.has_names:
            raise ValueError(f"{self.path} has no image '{frame.name}'; {known}")
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"{self.path} has no boxes for '{frame.name}' ({known}); nobody is taken to be in "
                'images without boxes, without further warnings',
                stacklevel=4,
            )
        return []

    def _find_number(self, frame: Frame) -> list[list[float]]:
        if not any(name.isdecimal() for name in self.rows):
            raise ValueError(
                f"{self.path} has boxes of images, and '{frame.name}' is a video; expected numbers "
                'of frames from 0 as image_id or name'
            )
        return self.rows.get(str(frame.index), [])

    def _add_detections(self, entries: Sequence[Any]) -> None:
        wanted = choose_classes(self.selection.categories, self._listed(), 'COCO')
        rows = Columns(self.path, 'detection', entries, numbers=range(len(entries)))
        images, categories = rows.identifiers('image_id'), rows.integers('category_id').tolist()
        self._warn_of_others(categories, wanted)
        for image in images:
            self.rows.setdefault(str(image), [])
        chosen = [row for row, category in enumerate(categories) if category in wanted]
        part = Columns(self.path, 'detection', [entries[row] for row in chosen], numbers=chosen)
        boxes, scores = part.lists('bbox', 4).tolist(), part.numbers('score').tolist()
        for row, box, score in zip(chosen, boxes, scores, strict=True):
            self.rows[str(images[row])].append([*box, score, categories[row]])

    def _add_annotations(self, content: Mapping[str, Any]) -> None:
        listed = Columns(self.path, 'category', content.get('categories') or [])
        names = dict(zip(listed.integers('id').tolist(), listed.values('name'), strict=True))
        wanted = choose_classes(self.selection.categories, names or self._listed(), str(self.path))
        images = ImageTable(self.path)
        images.add(content['images'])
        self.rows.update((name, []) for name in images.names)
        entries = content['annotations']
        rows = Columns(self.path, 'annotation', entries)
        categories, crowd = rows.integers('category_id').tolist(), rows.flags('iscrowd').tolist()
        self._warn_of_others(categories, wanted)
        chosen = [
            row
            for row, (category, is_crowd) in enumerate(zip(categories, crowd, strict=True))
            if category in wanted and not is_crowd
        ]
        part = Columns(self.path, 'annotation', [entries[row] for row in chosen])
        places = images.find_all(part.identifiers('image_id'), self.path, 'annotations').tolist()
        for row, place, box in zip(chosen, places, part.lists('bbox', 4).tolist(), strict=True):
            self.rows[images.names[place]].append([*box, 1.0, wanted[categories[row]]])

    def _listed(self) -> Mapping[int, str]:
        """Returns the names of categories by id where the file lists none."""
        given = self.selection.categories
        if not isinstance(given, Mapping):
            return COCO_CATEGORIES
        return {number: name for name, number in given.items()}

    def _warn_of_others(self, categories: Sequence[int], wanted: Mapping[int, int]) -> None:
        """Warns of boxes of other categories where a head is chosen by category."""
        given = self.selection.categories
        others = [number for number in categories if number not in wanted]
        if others and isinstance(given, Mapping):
            ids = ', '.join(map(str, sorted(set(others))[:10]))
            warnings.warn(
                f'{self.path}: {len(others)} boxes of category_id {ids} are left out; the '
                f'categories looked for are {list_categories(given)}',
                stacklevel=4,
            )

    def _add_mapping(self, content: Mapping[str, Any]) -> None:
        given = self.selection.categories
        if isinstance(given, Mapping):
            raise ValueError(
                f'{self.path} says no category of its boxes, and the model has a head for each of '
                f'{list_categories(given)}; give --category (dataset=) with one of them, or a list '
                'of detections with category_id'
            )
        for name, boxes in content.items():
            where = f"{self.path}: '{name}'"
            if not isinstance(boxes, list):
                raise ValueError(f'{where} is {boxes!r}, expected a list of boxes')
            rows = [_numbers(box, (4, 5), where) for box in boxes]
            self.rows[name] = [[*row[:4], row[4] if row[4:] else 1.0, 1] for row in rows]


def _numbers(box: Any, lengths: tuple[int, ...], where: str) -> list[float]:
    is_right = isinstance(box, list) and len(box) in lengths
    if not is_right or not all(isinstance(value, int | float) for value in box):
        raise ValueError(f'{where}: box is {box!r}, expected [x, y, width, height]')
    return [float(value) for value in box]
