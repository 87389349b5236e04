"""Reader of skeleton tables.

A table is a text file with two sections of comma-separated rows, ``#`` starting a comment line::

    [keypoints]
    name, swap, part, weight, sigma, color
    nose, -,    upper, 1.0,   0.026, #3399ff

    [skeleton_links]
    from, to, color

``swap`` names the mirror partner, ``part`` is ``upper``, ``lower`` or ``-``, and ``-`` as sigma
means that none was published.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path

import numpy as np

from mmpose.structures import DatasetMeta

KEYPOINT_COLUMNS = ['name', 'swap', 'part', 'weight', 'sigma', 'color']
SKELETON_LINK_COLUMNS = ['from', 'to', 'color']
WORDS_TABLE = 'keypoint_names'  # beside the skeletons, read by keypoint_names.py

Row = dict[str, str]


def available_metainfo() -> list[str]:
    """Returns the names of the skeletons that ship with the package."""
    tables = Path(__file__).parent.glob('*.csv')
    return sorted(path.stem for path in tables if path.stem != WORDS_TABLE)


def load_metainfo(name: str | Path | DatasetMeta) -> DatasetMeta:
    """Returns a skeleton by name, or from a table of your own.

    Args:
        name: A name such as ``coco``, the path of a ``.csv`` table, or a skeleton, which is
            returned as it is.

    Raises:
        FileNotFoundError: If there is no such name or file; the message offers near names.
        ValueError: If the table is malformed; the message names the file and the row.
    """
    return name if isinstance(name, DatasetMeta) else _load(str(name))


@cache
def _load(name: str) -> DatasetMeta:
    path = Path(name) if name.endswith('.csv') else Path(__file__).with_name(f'{name}.csv')
    if not path.is_file():
        near = get_close_matches(name, available_metainfo()) or available_metainfo()
        raise FileNotFoundError(
            f"no skeleton '{name}': expected one of {near} or the path of a .csv table"
        )
    sections = read_sections(path)
    if 'limbs' in sections:
        raise ValueError(f'{path}: the section [limbs] is called [skeleton_links]')
    keypoints = _rows(path, 'keypoints', sections.get('keypoints', []), KEYPOINT_COLUMNS)
    skeleton_links = _rows(
        path, 'skeleton_links', sections.get('skeleton_links', []), SKELETON_LINK_COLUMNS
    )
    if not keypoints:
        raise ValueError(f'{path}: the section [keypoints] is missing or empty')
    return _build(path, keypoints, skeleton_links)


def _build(path: Path, keypoints: list[Row], skeleton_links: list[Row]) -> DatasetMeta:
    names = [row['name'] for row in keypoints]
    index = {name: i for i, name in enumerate(names)}

    def find(name: str, where: str) -> int:
        if name not in index:
            raise ValueError(f"{path}: {where} names '{name}', which is not a keypoint")
        return index[name]

    flips = [
        i if row['swap'] == '-' else find(row['swap'], f"the swap of '{row['name']}'")
        for i, row in enumerate(keypoints)
    ]
    pairs = [
        (find(row['from'], 'a skeleton link'), find(row['to'], 'a skeleton link'))
        for row in skeleton_links
    ]
    sigmas = [row['sigma'] for row in keypoints]
    has_sigmas = any(sigma != '-' for sigma in sigmas)
    return DatasetMeta(
        name=path.stem,
        keypoint_names=tuple(names),
        flip_indices=np.array(flips, np.int64),
        upper_body_ids=tuple(i for i, row in enumerate(keypoints) if row['part'] == 'upper'),
        lower_body_ids=tuple(i for i, row in enumerate(keypoints) if row['part'] == 'lower'),
        skeleton_links=np.array(pairs, np.int64).reshape(-1, 2),
        dataset_keypoint_weights=np.array(
            [_number(path, row, 'weight') for row in keypoints], np.float32
        ),
        sigmas=(
            np.array([_number(path, row, 'sigma') for row in keypoints], np.float32)
            if has_sigmas
            else None
        ),
        keypoint_colors=np.array([_color(path, row) for row in keypoints], np.uint8),
        skeleton_link_colors=np.array(
            [_color(path, row) for row in skeleton_links], np.uint8
        ).reshape(-1, 3),
    )


def read_sections(path: Path) -> dict[str, list[str]]:
    """Returns the rows below each ``[section]`` of a table, without comments and empty lines.

    Raises:
        ValueError: If a row stands before any section.
    """
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in path.read_text(encoding='utf-8').splitlines():
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        if line.startswith('['):
            current = sections.setdefault(line.strip('[]'), [])
        elif current is None:
            raise ValueError(f"{path}: the row '{line}' stands before any [section]")
        else:
            current.append(line)
    return sections


def _rows(path: Path, section: str, lines: list[str], columns: list[str]) -> list[Row]:
    table = [[cell.strip() for cell in line.split(',')] for line in lines]
    if table and table[0] != columns:
        raise ValueError(f'{path}: [{section}] must start with the row {", ".join(columns)}')
    for cells in table[1:]:
        if len(cells) != len(columns):
            raise ValueError(
                f'{path}: [{section}] row {cells} has {len(cells)} cells, expected {len(columns)}'
            )
    return [dict(zip(columns, cells, strict=True)) for cells in table[1:]]


def _number(path: Path, row: Row, column: str) -> float:
    try:
        return float(row[column])
    except ValueError:
        raise ValueError(
            f"{path}: {column} of '{row['name']}' is '{row[column]}', expected a number"
        ) from None


def _color(path: Path, row: Row) -> list[int]:
    text = row['color'].lstrip('#')
    try:
        return list(bytes.fromhex(text.zfill(6) if len(text) == 6 else 'x'))
    except ValueError:
        raise ValueError(
            f"{path}: colour '{row['color']}' in row {list(row.values())}, expected #rrggbb"
        ) from None
