"""DeepLabCut: ``CollectedData_<scorer>.csv`` of a project with one animal or several.

Header rows are scorer, (individuals,) bodyparts, coords; a row per image follows, whose first
column or first three columns are the path. A third coordinate ``visible`` with COCO's values is
the extension of Lightning Pose (https://lightning-pose.readthedocs.io, 'Label CSV file format').
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmpose.dataset_tools.convert.files import ImageFolder, read_text
from mmpose.dataset_tools.convert.label_set import (
    OCCLUDED,
    VISIBLE,
    Draft,
    LabelledImage,
    LabelSet,
    Point,
    assemble,
    count_notes,
    tidy,
)

CATEGORY = 'animal'
UNIQUE = 'single'  # individual that stands for body parts of the scene, not of an animal
HEADERS = (['scorer', 'bodyparts', 'coords'], ['scorer', 'individuals', 'bodyparts', 'coords'])
PATH_COLUMNS = 3  # labeled-data, video, image: how newer versions split the path


class _Columns(NamedTuple):
    """Header rows of a CSV file: per column, and where the coordinates start."""

    start: int
    depth: int
    individuals: list[str]
    parts: list[str]
    coords: list[str]


def read_deeplabcut(source: Path, images: ImageFolder) -> LabelSet:
    """Returns the labels of a ``CollectedData_<scorer>.csv``.

    Empty cells mean not labelled. The format has neither boxes nor image sizes, and its
    individuals all have the category 'animal'.

    Raises:
        ValueError: If the file is malformed; the message names the row.
    """
    if source.suffix == '.h5':
        raise ValueError(f'{source} is HDF5; convert the CollectedData .csv that stands beside it')
    rows = [row for row in csv.reader(io.StringIO(read_text(source))) if row]
    columns = _columns(source, rows)
    used = [
        i for i in range(columns.start, len(columns.coords)) if columns.individuals[i] != UNIQUE
    ]
    left_out = Counter(
        {f"columns of individual '{UNIQUE}'": len(columns.coords) - columns.start - len(used)}
    )
    found: list[LabelledImage] = []
    drafts: list[Draft] = []
    for row in rows[columns.depth :]:
        name = '/'.join(cell.replace('\\', '/') for cell in row[: columns.start] if cell)
        where = f"{source}: row '{name}'"
        if len(row) != len(columns.coords):
            raise ValueError(f'{where} has {len(row)} cells, expected {len(columns.coords)}')
        cells: dict[str, dict[str, dict[str, float]]] = {}
        for i in used:
            of_animal = cells.setdefault(columns.individuals[i], {})
            of_part = of_animal.setdefault(columns.parts[i], {})
            of_part[columns.coords[i]] = _number(row[i], where)
        for animal in cells.values():
            points = {part: _point(values) for part, values in animal.items()}
            labelled = {part: point for part, point in points.items() if point[2]}
            drafts += [Draft(len(found), CATEGORY, labelled)] if labelled else []
        found.append(LabelledImage(name, images.wh(name, source)))
    names = list(dict.fromkeys(columns.parts[i] for i in used))
    return assemble(source, names, found, drafts, (), count_notes(left_out))


def write_deeplabcut(labels: LabelSet, target: Path) -> dict[Path, str]:
    """Returns the text of a CSV file; with individuals if an image has more than one instance.

    DeepLabCut has no visibility, so occluded keypoints are written like visible ones. If there
    are some, a second file, ``NAME_visible.csv``, keeps the difference in the extended layout.
    """
    texts = {target: _table(labels, ['x', 'y'])}
    if any((instance.keypoints[:, 2] == OCCLUDED).any() for instance in labels.instances):
        extended = target.with_name(f'{target.stem}_visible{target.suffix}')
        texts[extended] = _table(labels, ['x', 'y', 'visible'])
    return texts


def _columns(source: Path, rows: list[list[str]]) -> _Columns:
    depth = next((len(h) for h in HEADERS if [row[0] for row in rows[: len(h)]] == h), 0)
    if not depth:
        raise ValueError(
            f'{source}: the first column starts with {[row[0] for row in rows[:4]]}, expected '
            f'{HEADERS[0]} or {HEADERS[1]}; is it a CollectedData file?'
        )
    coords = rows[depth - 1]
    start = next((i for i, text in enumerate(coords) if i and text), len(coords))
    if start not in (1, PATH_COLUMNS) or not set(coords[start:]) <= {'x', 'y', 'visible'}:
        raise ValueError(
            f"{source}: row 'coords' is {coords[:6]} ..., expected x and y of each body part; "
            'predictions with a likelihood are no labels'
        )
    individuals = rows[1] if depth == len(HEADERS[1]) else [CATEGORY] * len(coords)
    return _Columns(start, depth, individuals, rows[depth - 2], coords)


def _table(labels: LabelSet, axes: list[str]) -> str:
    """Returns the CSV text with these coordinates of every keypoint."""
    grouped = labels.of_image()
    num_animals = max(len(instances) for instances in grouped)
    animals = [f'individual{i + 1}' for i in range(num_animals)]
    heads = [(a, part, axis) for a in animals for part in labels.keypoint_names for axis in axes]
    rows = [['scorer', *['converted'] * len(heads)]]
    rows += [['individuals', *(head[0] for head in heads)]] if num_animals > 1 else []
    rows += [['bodyparts', *(head[1] for head in heads)], ['coords', *(head[2] for head in heads)]]
    for image, instances in zip(labels.images, grouped, strict=True):
        cells = [
            str(tidy(value)) if point[2] else ''
            for instance in instances
            for point in instance.keypoints
            for value in point[: len(axes)]
        ]
        rows.append([image.file_name, *cells, *[''] * (len(heads) - len(cells))])
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue()


def _number(text: str, where: str) -> float:
    try:
        return float(text) if text.strip() else np.nan
    except ValueError:
        raise ValueError(f"{where} has the cell '{text}', expected a number or nothing") from None


def _point(values: dict[str, float]) -> Point:
    x, y = values.get('x', np.nan), values.get('y', np.nan)
    if not np.isfinite([x, y]).all():
        return (0.0, 0.0, 0)
    visible = values.get('visible', np.nan)
    return (x, y, int(visible) if np.isfinite(visible) else VISIBLE)
