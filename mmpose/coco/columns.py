"""Fields of JSON records as columns, with messages that name file, entry and field."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.coco.keypoint_arrays import FloatArray, IdArray

Record = dict[str, Any]
# fields that hold x, y and visibility or score of joints
JOINT_FIELDS = ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts')


def read_json(path: str | Path) -> Any:
    """Content of a JSON file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not JSON.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such file; expected a COCO JSON file')
    text = Path(path).read_bytes()
    try:
        return _fast_loads()(text)
    except ValueError:
        pass
    # json reads NaN, which the checks of the arrays then name, and says where a text breaks off
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(
            f'{path}: not valid JSON ({error}); the file may be cut off, write it again'
        ) from None


def _fast_loads() -> Callable[[bytes], Any]:
    try:
        import orjson
    except ImportError:
        return json.loads
    return orjson.loads


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Keeps the collector from walking millions of new objects again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def to_json(content: Any) -> bytes:
    """JSON text of lists, dicts, strings and numbers."""
    try:
        import orjson
    except ImportError:
        return json.dumps(content, separators=(',', ':'), allow_nan=False).encode()
    return orjson.dumps(content)


def column(records: Sequence[Record], key: str, source: str) -> list[Any]:
    """Values of a field that every record has.

    Args:
        records: Objects of the file.
        key: Name of the field.
        source: Name for messages.

    Returns:
        One value per record.

    Raises:
        ValueError: If a record is no object or lacks the field.
    """
    try:
        return list(map(itemgetter(key), records))
    except (KeyError, TypeError):
        pass
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            raise ValueError(f'{source}: entry {row} is {record!r}; expected an object')
        if key not in record:
            raise ValueError(
                f"{source}: entry {row} has no '{key}'; it has {', '.join(sorted(record))}"
            )
    raise AssertionError('a record without the key must exist')


def id_column(records: Sequence[Record], key: str, source: str) -> IdArray:
    """Ids of a field, (N,) int64 or str."""
    values = column(records, key, source)
    if not values:
        return np.zeros(0, dtype=np.int64)
    kinds = set(map(type, values))
    if kinds in ({int}, {str}):
        return np.asarray(values)
    kind = str if type(values[0]) is str else int
    odd = next(i for i, value in enumerate(values) if type(value) is not kind)
    raise ValueError(
        f"{source}: '{key}' of entry {odd} is {values[odd]!r}; expected only whole numbers, or "
        'only strings'
    )


def float_column(records: Sequence[Record], key: str, source: str) -> FloatArray:
    """Numbers of a field, (N,)."""
    return numbers(column(records, key, source), key, source)


def optional_column(records: Sequence[Record], key: str, source: str) -> FloatArray:
    """Numbers of a field, (N,), NaN where a record has no such field."""
    return numbers([record.get(key, math.nan) for record in records], key, source)


def numbers(values: list[Any], key: str, source: str) -> FloatArray:
    """Values of a field as float64, (N,)."""
    for row, value in enumerate(values):
        if not isinstance(value, (int, float)):
            raise ValueError(f"{source}: '{key}' of entry {row} is {value!r}; expected a number")
    return np.array(values, dtype=np.float64)


def matrix(rows: list[Any], key: str, source: str, width: int) -> FloatArray:
    """Lists of equal length as an array: (N, width)."""
    for row, values in enumerate(rows):
        if not isinstance(values, list) or len(values) != width:
            found = f'{len(values)} numbers' if isinstance(values, list) else repr(values)
            raise ValueError(
                f"{source}: '{key}' of entry {row} has {found}; expected {width}"
                + (f' (x, y, v of {width // 3} joints)' if key in JOINT_FIELDS else '')
            )
    try:
        flat = np.fromiter(chain.from_iterable(rows), np.float64, count=len(rows) * width)
    except (TypeError, ValueError):
        row, odd = next(
            (row, value)
            for row, values in enumerate(rows)
            for value in values
            if not isinstance(value, (int, float))
        )
        raise ValueError(
            f"{source}: '{key}' of entry {row} holds {odd!r}; expected numbers"
        ) from None
    return flat.reshape(len(rows), width)
