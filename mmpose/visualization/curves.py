"""Curves of a training run: places and values out of its ``scalars.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Scalars = Sequence[Mapping[str, float]]
Curve = NDArray[np.float64]

# Each point of the smooth curve averages this part of the curve, as a moving window.
SMOOTH_PART = 0.03


def read_scalars(path: str | Path) -> list[dict[str, float]]:
    """Returns the records of a JSON-lines file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is not a JSON object; the message says which.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no scalars at '{path}': expected the vis_data/scalars.json of a training run"
        )
    records = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f'{path}, line {number} is not JSON: {error}') from None
        if not isinstance(record, dict):
            raise ValueError(f'{path}, line {number} is {line[:40]!r}, expected a JSON object')
        records.append(record)
    return records


def all_keys(records: Scalars) -> set[str]:
    """Returns the keys that any of the records has."""
    return {key for record in records for key in record}


def find_epoch_ends(train: Scalars, is_validated: bool) -> Curve | None:
    """Returns (N, 2) epochs and the iterations at their ends, None if the records do not tell.

    An unvalidated first epoch may be unfinished, so its length is unknown; that of a later last
    epoch is taken from those before it.
    """
    ends = {0: 0.0}
    for record in train:
        if 'epoch' not in record:
            return None
        epoch = int(record['epoch'])
        ends[epoch] = max(ends.get(epoch, 0.0), float(record['step']))
    if len(ends) == 1 or (len(ends) == 2 and not is_validated):
        return None
    table = np.array(sorted(ends.items()), np.float64)
    if len(table) > 2:
        (before, before_end), (last, last_end) = table[-2:]
        table[-1, 1] = max(last_end, before_end / before * last)
    # A resumed run may count fewer iterations; places must not step back.
    table[:, 1] = np.maximum.accumulate(table[:, 1])
    return table


def curve_of(records: Scalars, key: str, epoch_ends: Curve | None) -> Curve:
    """Returns (N, 2) places and values in the order of the places."""
    values = {float(record['step']): float(record[key]) for record in records}
    curve = np.array(sorted(values.items()), np.float64).reshape(-1, 2)
    if epoch_ends is not None:
        curve[:, 0] = np.interp(curve[:, 0], epoch_ends[:, 1], epoch_ends[:, 0])
    return curve


def smooth_curve(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns a centred moving average (N,), whose window is cut at both ends."""
    half = max(1, round(len(values) * SMOOTH_PART / 2))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first, last = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)
