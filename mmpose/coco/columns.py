"""Entries of a list in a JSON file as arrays, a column for each field.

Whole columns are checked at once, which costs little; only where one is not as it should be, its
entries are looked at one by one, to name each bad one.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.json_fields import (
    MAX_INTEGER,
    MAX_NUMBER,
    FieldError,
    Items,
    Json,
    flag,
    identifier,
    integer,
    number,
    numbers,
    show_value,
    table,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


class EntryProblem(NamedTuple):
    """What is wrong with an entry of a file.

    Attributes:
        kind: A short name, such as ``bad_box``.
        entry: The entry, such as ``annotation 12``; '' for the whole file.
        found: Words for what is there.
        expected: Words for what should be there.
        image: File name or id of the image concerned; None if there is none.
    """

    kind: str
    entry: str
    found: str
    expected: str
    image: object = None


Report = Callable[[EntryProblem], None]


class Columns:
    """The fields of N entries of one list.

    Args:
        path: The file, for messages.
        what: Word for an entry, such as ``annotation``.
        items: The entries, or the values of their fields: lists, or (N, D) numbers for lists of D.
        report: Gets every problem; None raises the first one.
        numbers: Numbers of the entries, by which they are named; None where their ``id`` does it.
        kind: Kind of a problem unless another one is given.

    Attributes:
        bad: (N,). Entries with a problem; what the columns hold there means nothing.
    """

    def __init__(
        self,
        path: Path,
        what: str,
        items: Items,
        report: Report | None = None,
        numbers: Sequence[int] | None = None,
        kind: str = 'malformed_annotation',
    ) -> None:
        self.path, self.what, self.report, self.kind = path, what, report, kind
        self.entry_numbers = numbers
        self._is_table = isinstance(items, dict)
        self._values: dict[str, Any] = items if isinstance(items, dict) else {}
        if isinstance(items, dict):
            items = [{}] * len(next(iter(items.values())))
        self.bad: Bools = np.zeros(len(items), np.bool_)
        self.items: Sequence[Json] = items
        if not set(map(type, items)) <= {dict}:
            for row, item in enumerate(items):
                if type(item) is not dict:
                    self.fail(row, f'a {type(item).__name__}', 'an object')
            self.items = [item if type(item) is dict else {} for item in items]

    def name(self, row: int) -> str:
        """Returns what an entry is called in messages."""
        if self.entry_numbers is not None:
            return f'{self.what} {self.entry_numbers[row]}'
        item = self.items[row]
        if type(item) is not dict:
            return f'{self.what} {show_value(item)}'
        own = item.get('id', 'without id')
        return f'{self.what} {own if isinstance(own, str) else show_value(own)}'

    def fail(self, row: int, found: str, expected: str, kind: str | None = None) -> None:
        """Raises or reports a problem of an entry, and marks it bad; the first one counts."""
        if self.bad[row]:
            return
        if self.report is None:
            raise FieldError(f'{self.path}: {self.name(row)}', found, expected)
        item = self.items[row]
        image = item.get('file_name', item.get('image_id')) if type(item) is dict else None
        self.report(EntryProblem(kind or self.kind, self.name(row), found, expected, image))
        self.bad[row] = True

    def check(
        self, good: Bools, found: Callable[[int], str], expected: str, kind: str | None = None
    ) -> None:
        """Fails the entries that are not good; ``found`` gives the words for one of them."""
        for row in np.flatnonzero(~good & ~self.bad).tolist():
            self.fail(row, found(row), expected, kind)

    def check_finite(self, values: Floats, key: str, kind: str | None = None) -> None:
        """Fails the entries whose values (N, D) are not all finite."""
        if not values.size or (values.min() >= -MAX_NUMBER and values.max() <= MAX_NUMBER):
            return
        good = np.asarray((np.abs(values) <= MAX_NUMBER).all(axis=1))  # NaN is not
        found = f"field '{key}' holds NaN or infinity"
        self.check(good, lambda row: found, f'finite numbers up to {MAX_NUMBER:g}', kind)

    def values(self, key: str) -> Any:
        """Values of a field as they are; None where an entry has none."""
        if key not in self._values:
            try:
                self._values[key] = list(map(itemgetter(key), self.items))
            except KeyError:
                self._values[key] = [item.get(key) for item in self.items]
        return self._values[key]

    def integers(self, key: str, skip: Bools | None = None) -> Integers:
        """Integers of a field: (N,); 0 in the rows to skip."""
        values = self.values(key)
        if set(map(type, values)) <= {int}:
            try:
                column = np.array(values, np.int64)
            except OverflowError:
                pass
            else:
                if not len(column) or max(-column.min(), column.max()) < MAX_INTEGER:
                    return column
        return np.array(self._each(key, integer, 0, skip), np.int64)

    def identifiers(self, key: str) -> list[int | str]:
        """Ids of a field: N integers or N strings."""
        values = self.values(key)
        kinds = set(map(type, values))
        is_whole = kinds <= {int} and (not values or max(-min(values), max(values)) < MAX_INTEGER)
        if is_whole or (kinds == {str} and all(values)):
            return [*values]
        return self._each(key, identifier, 0)

    def numbers(self, key: str, default: float | None = None) -> Floats:
        """Numbers of a field: (N,); the default, if there is one, where there is none."""
        values = self.values(key)
        kinds = set(map(type, values))
        if default is not None and type(None) in kinds:
            kinds.remove(type(None))
            values = [default if value is None else value for value in values]
        if kinds <= {int, float}:
            try:
                return np.array(values, np.float64)
            except OverflowError:
                pass
        read = partial(number, default=default)
        return np.array(self._each(key, read, math.nan), np.float64)

    def flags(self, key: str) -> Bools:
        """Truth values of a field: (N,); False where there is none."""
        values = self.values(key)
        if set(map(type, values)) <= {int, bool} and set(values) <= {0, 1}:
            return np.array(values, np.bool_)
        return np.array(self._each(key, flag, False), np.bool_)

    def lists(
        self, key: str, length: int, skip: Bools | None = None, kind: str | None = None
    ) -> Floats:
        """Lists of numbers of a field: (N, length); zeros in the rows to skip."""
        zeros = [0.0] * length
        rows = self.values(key)
        if self.has_lists(key, length) and isinstance(rows, np.ndarray):
            return rows
        if skip is not None and skip.any():
            rows = [zeros if out else row for row, out in zip(rows, skip, strict=True)]
        if set(map(type, rows)) <= {list}:
            pack = struct.Struct(f'{length}d').pack
            try:
                packed = bytearray().join([pack(*row) for row in rows])
            except (struct.error, OverflowError):  # another length, or not all are numbers
                pass
            else:
                return np.frombuffer(packed, count=len(rows) * length).reshape(-1, length)
        read = partial(numbers, length=length)
        return np.array(self._each(key, read, zeros, skip, kind), np.float64).reshape(-1, length)

    def has_lists(self, key: str, length: int) -> bool:
        """Whether a field is a list of this length in every entry."""
        values = self.values(key)
        if isinstance(values, np.ndarray):
            return bool(values.shape[1:] == (length,))
        return set(map(type, values)) <= {list} and set(map(len, values)) <= {length}

    def tables(self, key: str, shape: tuple[int, int]) -> Floats:
        """Lists of lists of finite numbers of a field: (N, *shape)."""
        found = self._each(key, partial(table, shape=shape), np.zeros(shape))
        return np.array(found, np.float64).reshape(-1, *shape)

    def _each(
        self,
        key: str,
        read: Callable[..., Any],
        instead: Any,
        skip: Bools | None = None,
        kind: str | None = None,
    ) -> list[Any]:
        """Reads a field entry by entry; ``instead`` stands for those that fail or are skipped."""
        if self._is_table:
            raise LookupError(f"field '{key}' has another form than numbers")
        found = [instead] * len(self.items)
        for row, item in enumerate(self.items):
            if skip is not None and skip[row]:
                continue
            try:
                found[row] = read(item, key, where='')
            except FieldError as error:
                self.fail(row, error.found, error.expected, kind)
        return found


def id_array(ids: Sequence[int | str]) -> NDArray[Any]:
    """Ids as an array, int64 or str: (N,)."""
    return np.asarray(ids) if len(ids) else np.zeros(0, np.int64)
