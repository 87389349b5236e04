"""Strict JSON: reading and writing without NaN and Infinity, with NumPy values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np


def to_plain(value: Any) -> Any:
    """Converts a value to dict, list, str, bool, int, finite float and None.

    Args:
        value: Any nesting of these, of tuples, and of NumPy scalars and arrays. NaN and Infinity
            become None, since JSON has neither.

    Raises:
        TypeError: If it has another type in it, which the message names.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    raise TypeError(
        f'a value of type {type(value).__name__} cannot be sent as JSON: expected numbers, text, '
        'None, lists, dicts and NumPy arrays of them'
    )


def dump_json(value: Any) -> str:
    """Returns compact JSON on one line; values as in :func:`to_plain`."""
    return json.dumps(to_plain(value), allow_nan=False, separators=(',', ':'))


def load_json(data: bytes | str) -> Any:
    """Parses a JSON text.

    Raises:
        ValueError: If it is no JSON or no UTF-8, has NaN, Infinity or a number beyond float64, or
            is nested too deeply.
    """
    try:
        return json.loads(data, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError('the JSON is nested too deeply') from None
    except UnicodeDecodeError:
        raise ValueError('the text is not UTF-8') from None
    except json.JSONDecodeError as error:
        raise ValueError(f'the text is not JSON: {error}') from None


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f'{text[:20]} is too large for a float')
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} is not JSON; unknown numbers are sent as null')
