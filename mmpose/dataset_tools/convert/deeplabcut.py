"""DeepLabCut: a project, or one ``CollectedData_<scorer>.csv``, with one animal or several.

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

from mmpose.coco.json_fields import Json
from mmpose.dataset_tools.convert.files import ImageFolder, read_text, read_yaml
from mmpose.dataset_tools.convert.label_set import (
    OCCLUDED,
    VISIBLE,
    Draft,
    LabelledImage,
    LabelledInstance,
    LabelSet,
    Point,
    assemble,
    count_notes,
    exact,
)

CATEGORY = 'animal'
UNIQUE = 'single'  # individual that stands for body parts of the scene, not of an animal
HEADERS = (['scorer', 'bodyparts', 'coords'], ['scorer', 'individuals', 'bodyparts', 'coords'])
CONFIG = 'config.yaml'  # of a project
PREFIX, SCORER = 'CollectedData_', 'converted'  # name of a file of labels
LABELS = 'labeled-data'  # folder of a project with a folder per video
PATH_COLUMNS = 3  # labeled-data, video, image: how newer versions split the path


class _Table(NamedTuple):
    """A CSV file.

    Attributes:
        columns: Place, individual, body part and coordinate of each column of an animal.
        num_left_out: Columns of coordinates of no animal.
        rows: Names of images, and their cells.
    """

    columns: list[tuple[int, str, str, str]]
    num_left_out: int
    rows: list[tuple[str, list[str]]]


def read_deeplabcut(source: Path, images: ImageFolder) -> LabelSet:
    """Returns the labels of a project, or of one ``CollectedData_<scorer>.csv``.

    Empty cells mean not labelled. The format has neither boxes nor image sizes, and its
    individuals all have the category 'animal'. Skeleton links come from the ``config.yaml`` in
    the folder of the images, which is that of the project.

    Args:
        source: The file; or the folder of a project, of which the files of all videos are read.
        images: Folder that the names of images start from. If it has no path, the nearest folder
            above the file from which the name of its first image leads to one.

    Raises:
        FileNotFoundError: If there is no file, or an image is missing.
        ValueError: If a file is malformed; the message names the row.
    """
    found: list[LabelledImage] = []
    drafts: list[Draft] = []
    names: dict[str, None] = {}
    left_out: Counter[str] = Counter()
    notes: list[str] = []
    for path in _label_files(source):
        table = _read_table(path)
        names |= dict.fromkeys(part for _, _, part, _ in table.columns)
        left_out[f"columns of individual '{UNIQUE}'"] += table.num_left_out
        if images.path is None and (root := _image_root(path, table)):
            images = ImageFolder(root)
            notes.append(f'names of images start from {root}')
        for name, row in table.rows:
            drafts += _drafts(len(found), table, row, f"{path}: row '{name}'")
            found.append(LabelledImage(name, images.wh(name, path)))
    skeleton_links = _skeleton_links(images.path, list(names), left_out)
    notes += count_notes(left_out)
    return assemble(list(names), found, drafts, skeleton_links, notes)


def write_deeplabcut(labels: LabelSet, target: Path) -> dict[Path, str]:
    """Returns the texts of CSV files; with individuals if an image has more than one instance.

    DeepLabCut has no visibility, so occluded keypoints are written like visible ones. If there
    are some, a second file, ``NAME_visible.csv``, keeps the difference in the extended layout.

    Args:
        target: One file ``CollectedData_<scorer>.csv``; or the folder of a project, which gets
            one beside the images of each video, by the scorer in its ``config.yaml``.
    """
    files: dict[Path, list[tuple[str, list[LabelledInstance]]]] = {}
    project_scorer = _project_config(target).get('scorer') or SCORER
    num_animals = 0
    for (name, _), instances in labels.by_image():
        path = target
        if target.suffix != '.csv':
            path = (target / name).parent / f'{PREFIX}{project_scorer}.csv'
        files.setdefault(path, []).append((name, instances))
        num_animals = max(num_animals, len(instances))
    animals = [f'individual{i + 1}' for i in range(num_animals)]
    texts = {}
    for path, of_file in files.items():
        is_named = path.name.startswith(PREFIX)
        scorer = path.stem.removeprefix(PREFIX) if is_named else SCORER
        heads = [(scorer, animal, part) for animal in animals for part in labels.keypoint_names]
        texts[path] = _csv_text(heads, of_file, ['x', 'y'])
        points = [instance.keypoints[:, 2] for _, found in of_file for instance in found]
        if any((visibility == OCCLUDED).any() for visibility in points):
            extended = path.with_name(f'{path.stem}_visible{path.suffix}')
            texts[extended] = _csv_text(heads, of_file, ['x', 'y', 'visible'])
    return texts


def _project_config(project: Path) -> Json:
    """Returns what the ``config.yaml`` of a project holds; nothing if there is none."""
    config = project / CONFIG
    content = read_yaml(config) if config.is_file() else None
    return content if isinstance(content, dict) else {}


def _label_files(source: Path) -> list[Path]:
    """Returns the CSV file of each video of a project, or the one file that was given."""
    if source.suffix == '.h5':
        raise ValueError(f'{source} is HDF5; convert the CollectedData .csv that stands beside it')
    if not source.is_dir():
        return [source]
    below = source / LABELS
    folders = sorted(p for p in below.iterdir() if p.is_dir()) if below.is_dir() else []
    paths = []
    for folder in (source, below, *folders):
        files = sorted(folder.glob(f'{PREFIX.rstrip("_")}*.csv'))
        extended = [file.name.replace('_visible.csv', '.csv') for file in files]
        files = [file for file in files if extended.count(file.name) < 2]  # it has all of them
        if len(files) > 1:
            raise ValueError(
                f'{folder} has {len(files)} files of labels, {files[0].name} and {files[1].name}; '
                'give the one to convert in place of the folder'
            )
        paths += files
    if not paths:
        raise FileNotFoundError(
            f'{source} has no CollectedData_<scorer>.csv, neither there nor in {LABELS}/VIDEO/; '
            'give the folder of a project or such a file'
        )
    return paths


def _image_root(path: Path, table: _Table) -> Path | None:
    """Returns the nearest folder above a file from which its first image is found."""
    name = table.rows[0][0] if table.rows else ''
    return next((p for p in path.resolve().parents if name and (p / name).is_file()), None)


def _skeleton_links(
    project: Path | None, names: list[str], left_out: Counter[str]
) -> list[tuple[int, int]]:
    """Returns the links in ``config.yaml`` of a project, if it has one; counts unknown names."""
    if project is None:
        return []
    config, pairs = project / CONFIG, _project_config(project).get('skeleton')
    links = []
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and all(end in names for end in pair):
            links.append((names.index(pair[0]), names.index(pair[1])))
        else:
            left_out[f'skeleton links of {config} between other names'] += 1
    return links


def _read_table(source: Path) -> _Table:
    rows = [row for row in csv.reader(io.StringIO(read_text(source))) if row]
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
    heads = zip(range(len(coords)), individuals, rows[depth - 2], coords, strict=False)
    columns = [head for head in list(heads)[start:] if head[1] != UNIQUE]
    named = []
    for row in rows[depth:]:
        name = '/'.join(cell.replace('\\', '/') for cell in row[:start] if cell)
        if len(row) != len(coords):
            raise ValueError(f"{source}: row '{name}' has {len(row)} cells, expected {len(coords)}")
        named.append((name, row))
    return _Table(columns, len(coords) - start - len(columns), named)


def _drafts(image: int, table: _Table, row: list[str], where: str) -> list[Draft]:
    """Returns the animals of a row of which something is labelled."""
    cells: dict[str, dict[str, dict[str, float]]] = {}
    for i, animal, part, coord in table.columns:
        of_part = cells.setdefault(animal, {}).setdefault(part, {})
        of_part[coord] = _number(row[i], where)
    drafts = []
    for parts in cells.values():
        points = {part: _point(values) for part, values in parts.items()}
        labelled = {part: point for part, point in points.items() if point[2]}
        drafts += [Draft(image, CATEGORY, labelled)] if labelled else []
    return drafts


def _csv_text(
    heads: list[tuple[str, str, str]],
    images: list[tuple[str, list[LabelledInstance]]],
    axes: list[str],
) -> str:
    """Returns the text of a file with these coordinates of every keypoint.

    Args:
        heads: Scorer, individual and body part of each keypoint of each individual.
        images: Names, and their instances.
    """
    names = ('scorer', 'individuals', 'bodyparts')
    rows = [
        [name, *(text for text in texts for _ in axes)]
        for name, texts in zip(names, zip(*heads, strict=True), strict=True)
        if name != 'individuals' or len(set(texts)) > 1
    ]
    rows.append(['coords', *axes * len(heads)])
    for name, instances in images:
        cells = [
            str(exact(value)) if point[2] else ''
            for instance in instances
            for point in instance.keypoints
            for value in point[: len(axes)]
        ]
        rows.append([name, *cells, *[''] * (len(heads) * len(axes) - len(cells))])
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
