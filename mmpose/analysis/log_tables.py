"""Tables of training logs: training time, best and last metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.analysis.error_tables import Table
from mmpose.analysis.logs import RunLog, primary_keys
from mmpose.evaluation.metrics import greater_is_better


@dataclass(frozen=True)
class TrainTime:
    """Iteration times of a run.

    Attributes:
        epochs: (E,). Numbers of the epochs.
        means: (E,), s. Mean time of an iteration in each epoch.
        mean: s. Over all records.
        total: s. Iterations times their time; without evaluation and start.
        images_per_s: Mean over the records; NaN if not logged.
        data_wait: Share of the time without data; NaN if not logged.
    """

    epochs: NDArray[np.int_]
    means: NDArray[np.float64]
    mean: float
    total: float
    images_per_s: float
    data_wait: float


def measure_train_time(run: RunLog, include_outliers: bool = False) -> TrainTime:
    """Returns the training time of a run from its log.

    Args:
        include_outliers: Whether the first record of each epoch counts, in which loader workers
            start.

    Raises:
        ValueError: If the log has no times.
    """
    # of two records at the same place, which a resumed run leaves, the later one counts
    timed = {record['step']: record for record in run.train if 'time' in record}
    records = [timed[step] for step in sorted(timed)]
    if not records:
        raise ValueError(
            f"{run.name} logs no 'time' of iterations; IterTimerHook measures it. It has "
            f'{", ".join(run.keys)}'
        )
    times = np.array([record['time'] for record in records])
    epochs = np.array([int(record.get('epoch', 1)) for record in records])
    is_first = np.diff(epochs, prepend=epochs[0] - 1) != 0
    # an epoch with one record has nothing else to offer
    is_alone = np.bincount(epochs)[epochs] == 1
    is_kept = np.ones(len(times), bool) if include_outliers else ~is_first | is_alone
    numbers = np.unique(epochs)
    steps = np.diff([0.0, *sorted(timed)])
    return TrainTime(
        epochs=numbers,
        means=np.array([times[is_kept & (epochs == n)].mean() for n in numbers]),
        mean=float(times[is_kept].mean()),
        total=float((steps * times).sum()),
        images_per_s=_mean(records, 'images_per_s'),
        data_wait=_mean(records, 'data_wait'),
    )


def _mean(records: Sequence[dict[str, float]], key: str) -> float:
    values = [record[key] for record in records if key in record]
    return float(np.mean(values)) if values else float('nan')


def time_table(runs: Sequence[RunLog], include_outliers: bool = False) -> Table:
    """Table of the training time of runs, a row each; arguments as of ``measure_train_time``."""
    rows: list[list[Any]] = []
    for run in runs:
        time = measure_train_time(run, include_outliers)
        slow, fast = int(time.means.argmax()), int(time.means.argmin())
        rows.append(
            [
                run.name,
                len(time.epochs),
                f'{time.mean:.4f}',
                f'{time.means[slow]:.4f} ({time.epochs[slow]})',
                f'{time.means[fast]:.4f} ({time.epochs[fast]})',
                f'{time.means.std():.4f}',
                '-' if np.isnan(time.images_per_s) else f'{time.images_per_s:.1f}',
                '-' if np.isnan(time.data_wait) else f'{100 * time.data_wait:.1f} %',
                format_duration(time.total),
            ]
        )
    return Table(
        'Training time',
        'Seconds of an iteration: over all, in the slowest and the fastest epoch (number), and '
        'their spread. The first record of an epoch, in which workers start, '
        f'{"counts" if include_outliers else "is left out"}; the total has all iterations that '
        'were logged, without evaluation and start.',
        ['run', 'epochs', 's/iter', 'slowest epoch', 'fastest epoch', 'std over epochs', 'images/s',
         'without data', 'total'],
        rows,
    )  # fmt: skip


def format_duration(seconds: float) -> str:
    """Returns hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02d}:{rest:02d}'


def metric_table(runs: Sequence[RunLog], keys: Sequence[str] | None = None) -> Table:
    """Table of best and last values, a row for each metric of each run.

    Args:
        keys: The metrics; None takes the loss and the primary metric of each dataset.
    """
    rows: list[list[Any]] = []
    for run in runs:
        own = keys or [*(['loss'] * bool(run.train)), *(primary_keys(run) if run.val else ())]
        for key in own:
            curve, unit = run.curve(key)
            curve = curve[np.isfinite(curve[:, 1])]
            if not len(curve):
                rows.append([run.name, key, 'never finite', '', '', ''])
                continue
            values = curve[:, 1]
            best = int(values.argmax() if greater_is_better(key) else values.argmin())
            places = [f'{unit} {curve[i, 0]:.4g}' for i in (best, -1)]
            rows.append(
                [run.name, key, f'{values[best]:.4g}', places[0], f'{values[-1]:.4g}', places[1]]
            )
    return Table(
        'Best and last',
        'Errors and losses are best where they are lowest, all other metrics where highest.',
        ['run', 'metric', 'best', 'at', 'last', 'at'],
        rows,
    )
