"""Training curves: loss and validation metrics of one run, read from ``scalars.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Scalars = Sequence[Mapping[str, float]]
Curve = NDArray[np.float64]

DPI = 120
# Each point of the smooth curve averages this part of the curve, as a moving window.
SMOOTH_PART = 0.03
COLORS = ('#2563eb', '#ea580c', '#16a34a', '#9333ea', '#0891b2', '#be123c')
INK, GRID = '#1f2937', '#d7dbe2'


def plot_training(
    scalars: Scalars | str | Path,
    out_png: str | Path,
    metrics: Sequence[str] | None = None,
    size_px: tuple[int, int] = (1320, 1020),
) -> Path:
    """Draws the training loss and the validation metrics and returns the path of the picture.

    Both panels share one axis. It counts epochs as soon as the records tell how many iterations
    an epoch has, and iterations otherwise. Of two records at the same place, which a resumed run
    can leave, the later one counts.

    Args:
        scalars: Records in the order in which they were written, or the path of the
            ``scalars.json`` that mmengine's local backend writes, one JSON object a line.
        out_png: Where the picture goes; its folder is made.
        metrics: Keys to draw, such as ``coco/AP``. None draws every ``<dataset>/AP``, or every
            key with a slash in it if no dataset has an AP.
        size_px: Width and height of the picture.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is not JSON, if a record has no step, if no record has a metric that
            was asked for, or if there is neither a loss nor a metric.
    """
    records = read_scalars(scalars) if isinstance(scalars, str | Path) else list(scalars)
    train = [record for record in records if 'loss' in record]
    val = [record for record in records if 'loss' not in record]
    named = sorted(key for key in _all_keys(val) if '/' in key)
    primary = [key for key in named if key.endswith('/AP')] or named
    keys = primary if metrics is None else list(metrics)
    unknown = sorted(set(keys) - _all_keys(val))
    if unknown:
        raise ValueError(f'no validation has {unknown}; there are {sorted(_all_keys(val))}')
    if not train and not keys:
        raise ValueError(
            f"{len(records)} records, but none has a 'loss' or a metric; there are "
            f'{sorted(_all_keys(records))}'
        )
    if not all('step' in record for record in records):
        raise ValueError("a record has no 'step', the iteration or epoch it belongs to")
    epoch_ends = find_epoch_ends(train, bool(val))
    loss = curve_of(train, 'loss', epoch_ends)
    curves = {key: curve_of([r for r in val if key in r], key, None) for key in keys}
    unit = 'epoch' if epoch_ends is not None or not train else 'iteration'
    out_path = Path(out_png)
    out_path.parent.mkdir(parents=True, exist_ok=True)
    _draw_figure(loss, curves, unit, size_px).savefig(out_path, dpi=DPI, format='png')
    return out_path


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


def _all_keys(records: Scalars) -> set[str]:
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


def _draw_figure(
    loss: Curve, curves: Mapping[str, Curve], unit: str, size_px: tuple[int, int]
) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    figure = Figure(figsize=(size_px[0] / DPI, size_px[1] / DPI), dpi=DPI, layout=layout)
    panels = figure.subplots(bool(len(loss)) + bool(curves), sharex=True, squeeze=False)[:, 0]
    if len(loss):
        _draw_loss(panels[0], loss)
    if curves:
        _draw_metrics(panels[-1], curves, unit)
    panels[-1].set_xlabel(unit, color=INK)
    figure.align_ylabels()
    return figure


def _draw_loss(axes: Axes, curve: Curve) -> None:
    is_finite = np.isfinite(curve[:, 1])
    places, values = curve[is_finite].T
    decorate_axes(axes, 'Training loss', 'loss')
    if not is_finite.all():
        axes.set_title(f'{(~is_finite).sum()} values are not finite', loc='right', color=COLORS[5])
    if len(values) and values.min() > 0:
        axes.set_yscale('log')
        axes.set_ylabel('loss (log scale)', color=INK)
    marker = 'o' if len(values) < 3 else None
    axes.plot(places, values, color=COLORS[0], alpha=0.3, linewidth=1, marker=marker)
    if len(values) >= 3:
        axes.plot(
            places, smooth_curve(values), color=COLORS[0], linewidth=2, label='moving average'
        )
        axes.legend(frameon=False)


def _draw_metrics(axes: Axes, curves: Mapping[str, Curve], unit: str) -> None:
    decorate_axes(axes, 'Validation', next(iter(curves)) if len(curves) == 1 else 'metric')
    for i, (key, curve) in enumerate(curves.items()):
        places, values = curve.T
        color = COLORS[i % len(COLORS)]
        label = key
        if np.isfinite(values).any():
            label = mark_best(axes, key, curve, int(np.nanargmax(values)), unit, color)
        axes.plot(places, values, color=color, linewidth=2, marker='.', label=label)
    axes.legend(frameon=False)


def mark_best(axes: Axes, name: str, curve: Curve, best: int, unit: str, color: str) -> str:
    """Marks the best point of a curve by its row, and returns the label that tells of it."""
    place, value = curve[best]
    axes.plot(place, value, 'o', color=color, markersize=8, zorder=3)
    return f'{name}, best {value:.4g} at {unit} {place:.4g}'


def decorate_axes(axes: Axes, title: str, y_label: str) -> None:
    axes.set_title(title, loc='left', fontweight='bold', color=INK)
    axes.set_ylabel(y_label, color=INK)
    axes.grid(which='both', color=GRID, linewidth=0.6)
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(colors=INK, which='both')
