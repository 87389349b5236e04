"""Reader of skeleton tables.

A table is a text file with two sections of comma-separated rows, ``#`` starting a comment line;
spreadsheets may save it in their own way (byte order mark, UTF-16, semicolons, quotes, rows filled
up with commas)::

    [keypoints]
    name, swap, part, weight, sigma, color
    nose, -,    upper, 1.0,   0.026, #3399ff

    [skeleton_links]
    from, to, color

``swap`` names the mirror partner, ``part`` is ``upper``, ``lower`` or ``-``, and ``-`` as sigma
means that none was published.
"""

from __future__ import annotations

import codecs
import csv
import math
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mmpose.metainfo.info_dict import NAMES, Info, build_meta, meta_from_info, read_info
from mmpose.structures import DatasetMeta

KEYPOINT_COLUMNS = ['name', 'swap', 'part', 'weight', 'sigma', 'color']
SKELETON_LINK_COLUMNS = ['from', 'to', 'color']
WORDS_TABLE = 'keypoint_names'  # beside the skeletons, read by keypoint_names.py

LINE = 'line'  # key of a row: its number in the file
DELIMITERS = ',;\t'
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Row = dict[str, str]


class Line(NamedTuple):
    """Line of a table.

    Attributes:
        number: Its number in the file, from 1.
        cells: Its cells without those that are empty at its end.
    """

    number: int
    cells: list[str]


def available_metainfo() -> list[str]:
    """Returns the names of the skeletons that ship with the package."""
    tables = Path(__file__).parent.glob('*.csv')
    return sorted(path.stem for path in tables if path.stem != WORDS_TABLE)


def load_metainfo(name: str | Path | DatasetMeta | Info) -> DatasetMeta:
    """Returns a skeleton by name, from a table of your own, or from what MMPose has for one.

    Args:
        name: A name such as ``coco``, also as MMPose calls it, the path of a ``.csv`` table or of
            a ``.py`` file with a dict as MMPose's, such a dict or ``dict(from_file=PATH)``, or a
            skeleton, which is returned as it is. A ``.py`` file that is not there means the
            skeleton of its name, as in MMPose.

    Raises:
        FileNotFoundError: If there is no such name or file; the message offers near names.
        ValueError: If the table is malformed; the message names the file and the row.
    """
    if isinstance(name, DatasetMeta):
        return name
    if isinstance(name, Mapping) and 'table' in name:  # its text, in a model that was saved
        return _parse(Path(f'{name["dataset_name"]}.csv'), str(name['table']).encode())
    if isinstance(name, Mapping) and 'from_file' not in name:
        return meta_from_info(name)
    name = str(name['from_file'] if isinstance(name, Mapping) else name)
    if name.lower().endswith('.py'):
        if Path(name).is_file():
            return meta_from_info(read_info(name))
        name = Path(name).stem
    name = NAMES.get(name, name)
    path = Path(name) if name.lower().endswith('.csv') else Path(__file__).with_name(f'{name}.csv')
    if not path.is_file():
        near = get_close_matches(name, available_metainfo()) or available_metainfo()
        raise FileNotFoundError(
            f"no skeleton '{name}': expected one of {near} or the path of a .csv table"
        )
    return _parse(path, path.read_bytes())


@lru_cache(maxsize=64)
def _parse(path: Path, content: bytes) -> DatasetMeta:
    sections = read_sections(path, content)
    keypoints = _rows(path, 'keypoints', sections.get('keypoints', []), KEYPOINT_COLUMNS)
    links = sections.get('skeleton_links') or sections.get('limbs', [])  # as tables of users say
    skeleton_links = _rows(path, 'skeleton_links', links, SKELETON_LINK_COLUMNS)
    if not keypoints:
        raise ValueError(f'{path}: the section [keypoints] is missing or empty')
    points = [
        {
            'name': row['name'],
            'swap': None if row['swap'] == '-' else row['swap'],
            'type': row['part'],
            'color': _color(path, row),
        }
        for row in keypoints
    ]
    lines = [
        {'link': (row['from'], row['to']), 'color': _color(path, row)} for row in skeleton_links
    ]
    weights = [_number(path, row, 'weight', may_be_0=True) for row in keypoints]
    has_sigmas = any(row['sigma'] != '-' for row in keypoints)
    sigmas = [_number(path, row, 'sigma') for row in keypoints] if has_sigmas else None
    return build_meta(path.stem, str(path), points, lines, weights, sigmas)


def read_sections(path: Path, content: bytes) -> dict[str, list[Line]]:
    """Returns the lines below each ``[section]`` of a table, without comments and empty lines.

    Raises:
        ValueError: If it is no text, or a row stands before any section.
    """
    text = _decode(path, content)
    lines = text.splitlines()
    rows = [line for line in lines if not line.lstrip(' "').startswith('#')]
    delimiter = max(DELIMITERS, key=lambda mark: sum(row.count(mark) for row in rows))
    sections: dict[str, list[Line]] = {}
    current: list[Line] | None = None
    for number, line in enumerate(lines, 1):
        cells = _cells(line, delimiter)
        if not cells or cells[0].startswith('#'):
            continue
        if cells[0].startswith('['):
            current = sections.setdefault(cells[0].strip('[]'), [])
        elif current is None:
            raise ValueError(f"{path}: the row '{line.strip()}' stands before any [section]")
        else:
            current.append(Line(number, cells))
    return sections


def _decode(path: Path, content: bytes) -> str:
    encoding = 'utf-16' if content.startswith(UTF16_MARKS) else 'utf-8-sig'
    if b'\0' in content[:2]:  # the first character is an ASCII one
        encoding = 'utf-16-be' if content[0] == 0 else 'utf-16-le'
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f'{path} is no text in {encoding.removesuffix("-sig")} ({error}); save it as '
            '"CSV UTF-8"'
        ) from None


def _cells(line: str, delimiter: str) -> list[str]:
    """Returns the cells of a line without quotes, and without those that are empty at its end."""
    (cells,) = csv.reader([line], delimiter=delimiter, skipinitialspace=True) if line else ([],)
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _rows(path: Path, section: str, lines: list[Line], columns: list[str]) -> list[Row]:
    if lines and lines[0].cells != columns:
        raise ValueError(f'{path}: [{section}] must start with the row {", ".join(columns)}')
    for number, cells in lines[1:]:
        if len(cells) != len(columns):
            raise ValueError(
                f'{path}, line {number}: [{section}] row {cells} has {len(cells)} cells, expected '
                f'{len(columns)}'
            )
    return [
        {LINE: str(line.number), **dict(zip(columns, line.cells, strict=True))}
        for line in lines[1:]
    ]


def _number(path: Path, row: Row, column: str, may_be_0: bool = False) -> float:
    """Returns a finite number; with a decimal comma too, as spreadsheets may write it."""
    try:
        value = float(row[column].replace(',', '.'))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0 or (value == 0 and not may_be_0):
        expected = 'a number from 0 on' if may_be_0 else 'a number above 0'
        raise ValueError(
            f"{path}, line {row[LINE]}: {column} of '{row['name']}' is '{row[column]}', expected "
            f'{expected}'
        )
    return value


def _color(path: Path, row: Row) -> list[int]:
    text = row['color'].lstrip('#')
    try:
        return list(bytes.fromhex(text.zfill(6) if len(text) == 6 else 'x'))
    except ValueError:
        raise ValueError(
            f"{path}, line {row[LINE]}: colour '{row['color']}', expected #rrggbb"
        ) from None
