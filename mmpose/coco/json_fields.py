"""Checks the fields of annotation files; every message names the file, the entry and the field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]
Namer = Callable[[int], str]  # row -> the file and entry that it came from


def describe(path: Path, what: str, item: object) -> str:
    """Returns the words for an entry, such as ``FILE: annotation 12``.

    Raises:
        TypeError: If the entry is not an object.
    """
    if not isinstance(item, dict):
        raise TypeError(f'{path}: {what} {item!r} is a {type(item).__name__}, expected an object')
    return f'{path}: {what} {item.get("id", "without id")}'


def integer(item: Json, key: str, where: str) -> int:
    """Returns an integer field, or raises a TypeError."""
    value = item.get(key)
    if type(value) is not int:
        raise TypeError(f"{where}: field '{key}' is {_show(item, key)}, expected an integer")
    return value


def identifier(item: Json, key: str, where: str) -> int | str:
    """Returns a field that is an integer or a non-empty string, or raises a TypeError."""
    value = item.get(key)
    if type(value) is int or (isinstance(value, str) and value):
        return value
    raise TypeError(
        f"{where}: field '{key}' is {_show(item, key)}, expected an integer or a string"
    )


def number(item: Json, key: str, where: str, default: float | None = None) -> float:
    """Returns a number field, or raises a TypeError; None and absence stand for the default."""
    value = item.get(key)
    if value is None and default is not None:
        return default
    if type(value) is not float and type(value) is not int:
        raise TypeError(f"{where}: field '{key}' is {_show(item, key)}, expected a number")
    return value


def numbers(item: Json, key: str, where: str, length: int) -> list[float]:
    """Returns a field that is a list of so many numbers, or raises a TypeError."""
    values = item.get(key)
    if (
        not isinstance(values, list)
        or len(values) != length
        or not {type(value) for value in values} <= {int, float}
    ):
        raise TypeError(
            f"{where}: field '{key}' is {_show(item, key)}, expected a list of {length} numbers"
        )
    return values


def table(item: Json, key: str, where: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Returns a field that is a list of so many lists of so many finite numbers.

    Raises:
        TypeError: If it is anything else.
        ValueError: If a number is NaN or infinite.
    """
    values = item.get(key)
    rows, columns = shape
    if (
        not isinstance(values, list)
        or len(values) != rows
        or not all(isinstance(row, list) and len(row) == columns for row in values)
        or not {type(value) for row in values for value in row} <= {int, float}
    ):
        came = f'a list of {len(values)}' if isinstance(values, list) else _show(item, key)
        raise TypeError(
            f"{where}: field '{key}' is {came}, expected {rows} lists of {columns} numbers"
        )
    array = np.array(values, np.float64).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError(f"{where}: field '{key}' holds NaN or infinity, expected finite numbers")
    return array


def check_boxes(bbox_xywh: NDArray[np.float64], name_row: Namer) -> None:
    """Raises a ValueError unless boxes (N, 4) are finite and have sizes >= 0."""
    check_finite(bbox_xywh, name_row, 'bbox')
    negative = (bbox_xywh[:, 2:] < 0).any(axis=1)
    if negative.any():
        row = int(negative.argmax())
        raise ValueError(
            f"{name_row(row)}: field 'bbox' is {bbox_xywh[row].tolist()}, expected [x, y, width, "
            f'height] with a size >= 0 ({negative.sum()} such boxes)'
        )


def check_finite(values: NDArray[np.floating], name_row: Namer, key: str) -> None:
    """Raises a ValueError unless values (N, D) are finite."""
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name_row(int(bad.argmax()))}: field '{key}' holds NaN or infinity, expected finite "
            f'numbers ({bad.sum()} such entries)'
        )


def as_matrix(values: Sequence[float], columns: int) -> NDArray[Any]:
    """Views a flat column of numbers as (N, columns) without a copy."""
    return np.asarray(values).reshape(-1, columns)


def _show(item: Json, key: str) -> str:
    text = repr(item[key]) if key in item else 'missing'
    return text if len(text) < 80 else f'{text[:80]}...'
