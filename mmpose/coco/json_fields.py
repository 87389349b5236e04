"""Fields of one JSON object, checked; every message names the file, the entry and the field."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]
Items = Sequence[Any] | dict[str, Any]  # entries of a list, or the values of their fields

MAX_INTEGER = 1 << 62  # ids go into int64, and InterHand2.6M doubles them
MAX_SHOWN = 12  # of a longer list of numbers a message tells the length
MAX_NUMBER = 1e18  # the area of a box of such sides still is a float32


class FieldError(TypeError, ValueError):
    """A field of a file that is not what it should be.

    Attributes:
        found: Words for what is there, such as ``field 'area' is 'big'``.
        expected: Words for what should be there.
    """

    def __init__(self, where: str, found: str, expected: str) -> None:
        super().__init__(f'{where}: {found}, expected {expected}')
        self.found = found
        self.expected = expected


def describe(path: Path, what: str, item: object) -> str:
    """Returns the words for an entry, such as ``FILE: annotation 12``.

    Raises:
        TypeError: If the entry is not an object.
    """
    if not isinstance(item, dict):
        raise TypeError(f'{path}: {what} {item!r} is a {type(item).__name__}, expected an object')
    return f'{path}: {what} {item.get("id", "without id")}'


def integer(item: Json, key: str, where: str) -> int:
    """Returns an integer field that fits into int64, or raises a FieldError."""
    value = item.get(key)
    if type(value) is not int or abs(value) >= MAX_INTEGER:
        raise FieldError(where, show(item, key), 'an integer')
    return value


def identifier(item: Json, key: str, where: str) -> int | str:
    """Returns a field that is an integer or a non-empty string, or raises a FieldError."""
    value = item.get(key)
    if (type(value) is int and abs(value) < MAX_INTEGER) or (isinstance(value, str) and value):
        return value
    raise FieldError(where, show(item, key), 'an integer or a string')


def number(item: Json, key: str, where: str, default: float | None = None) -> float:
    """Returns a number field, or raises a FieldError; None and absence stand for the default."""
    value = item.get(key)
    if value is None and default is not None:
        return default
    if value is None or not _is_number(value):
        raise FieldError(where, show(item, key), 'a number')
    return value


def flag(item: Json, key: str, where: str) -> bool:
    """Returns a field that is 0 or 1, or raises a FieldError; absence and None stand for 0."""
    value = item.get(key)
    if value is not None and value not in (0, 1):
        raise FieldError(where, show(item, key), '0 or 1')
    return bool(value)


def numbers(item: Json, key: str, where: str, length: int) -> list[float]:
    """Returns a field that is a list of so many numbers, or raises a FieldError."""
    values = item.get(key)
    if isinstance(values, list) and len(values) == length and all(map(_is_number, values)):
        return values
    found = show(item, key)
    if isinstance(values, list) and len(values) != length > MAX_SHOWN:
        found = f"field '{key}' has {len(values)} numbers"
    raise FieldError(where, found, f'a list of {length} numbers')


def table(item: Json, key: str, where: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Returns a field that is a list of so many lists of so many finite numbers.

    Raises:
        FieldError: If it is anything else.
    """
    values = item.get(key)
    rows, columns = shape
    if (
        not isinstance(values, list)
        or len(values) != rows
        or not all(isinstance(row, list) and len(row) == columns for row in values)
        or not {type(value) for row in values for value in row} <= {int, float}
    ):
        came = f"field '{key}' is a list of {len(values)}" if isinstance(values, list) else None
        expected = f'{rows} lists of {columns} numbers'
        raise FieldError(where, came or show(item, key), expected)
    array = np.array(values, np.float64).reshape(shape)
    if not np.isfinite(array).all():
        raise FieldError(where, f"field '{key}' holds NaN or infinity", 'finite numbers')
    return array


def show(item: Json, key: str) -> str:
    """Returns the words for what a field is."""
    text = show_value(item[key]) if key in item else 'missing'
    return f"field '{key}' is {text}"


def show_value(value: object) -> str:
    """Returns a value as text; a long integer as the float that some readers of JSON make of it."""
    if type(value) is int and MAX_INTEGER <= abs(value) < 1 << 1023:
        value = float(value)
    text = repr(value)
    return text if len(text) < 80 else f'{text[:80]}...'


def _is_number(value: Any) -> TypeGuard[float]:
    # a longer integer has no float
    return type(value) is float or (type(value) is int and value.bit_length() < 1024)
