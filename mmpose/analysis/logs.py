"""Logs of training runs: records, and curves of any key of several runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmpose.evaluation.metrics import greater_is_better, primary_metric
from mmpose.visualization.curves import Curve, curve_of, find_epoch_ends, read_scalars
from mmpose.visualization.run_curves import Panel, plot_runs

Record = dict[str, float]

SCALARS = 'vis_data/scalars.json'
PLACES = ('step', 'epoch', 'iter', 'mode')  # of a record, not metrics


@dataclass(frozen=True)
class RunLog:
    """Log of a run.

    Attributes:
        name: Name of its folder or file.
        train: Records of training, in the order of their writing.
        val: Records of evaluations; ``step`` is the epoch, or the iteration where training
            knows no epochs.
    """

    name: str
    train: list[Record]
    val: list[Record]

    @property
    def keys(self) -> list[str]:
        """Keys of its records, in the order in which they came."""
        keys = dict.fromkeys(key for record in [*self.train, *self.val] for key in record)
        return [key for key in keys if key not in PLACES]

    @property
    def has_times(self) -> bool:
        """Whether it has times of iterations."""
        return any('time' in record for record in self.train)

    def curve(self, key: str) -> tuple[Curve, str]:
        """Returns the curve of a metric.

        Args:
            key: Its name; one that training and evaluation have is that of training.

        Returns:
            (N, 2) places and values, and what the places count: ``epoch`` or ``iteration``.

        Raises:
            ValueError: If the run has no such metric.
        """
        ends = find_epoch_ends(self.train, bool(self.val))
        trained = [record for record in self.train if key in record]
        if trained:
            return curve_of(trained, key, ends), 'iteration' if ends is None else 'epoch'
        evaluated = [record for record in self.val if key in record]
        if evaluated:
            has_epochs = not self.train or 'epoch' in self.train[0]
            return curve_of(evaluated, key, None), 'epoch' if has_epochs else 'iteration'
        raise ValueError(f"{self.name} has no '{key}'; it has {', '.join(self.keys)}")


def read_run(path: str | Path) -> RunLog:
    """Reads the log of a run.

    Args:
        path: Work dir, the folder of one start in it, ``scalars.json`` or ``.log`` there, or a
            ``.log.json`` of MMPose 0.x and ViTPose. Of a run that was resumed all parts count.

    Raises:
        FileNotFoundError: If there is nothing of that kind.
        ValueError: If a file is damaged or has no records.
    """
    path = Path(path)
    files = _scalar_files(path)
    records = [record for file in files for record in _read_records(file)]
    train = [record for record in records if 'loss' in record]
    val = [record for record in records if 'loss' not in record]
    if not train and not val:
        raise ValueError(f'{path} holds no records yet; the first comes after some iterations')
    return RunLog(_name(path), train, val)


def read_runs(paths: Sequence[str | Path]) -> list[RunLog]:
    """Reads several runs; those of equal names are told apart by their paths."""
    runs = [read_run(path) for path in paths]
    names = [run.name for run in runs]
    return [
        RunLog(str(path), run.train, run.val) if names.count(run.name) > 1 else run
        for path, run in zip(paths, runs, strict=True)
    ]


def _scalar_files(path: Path) -> list[Path]:
    if path.is_file():
        beside = path.parent / SCALARS
        if path.suffix == '.log' and not beside.is_file():
            raise FileNotFoundError(
                f'{path} is the log as text; its metrics are expected beside it in {SCALARS}'
            )
        return [beside if path.suffix == '.log' else path]
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist; expected a work dir or a log file')
    for pattern in (f'*/{SCALARS}', SCALARS, 'scalars.json', '*.log.json'):
        found = sorted(path.glob(pattern))
        if found:
            return found
    raise FileNotFoundError(
        f'{path} is no work dir of a training: it has no <time>/{SCALARS}; give the --work-dir of '
        'tools/train.py'
    )


def _name(path: Path) -> str:
    """Returns the name of the work dir of any path in it."""
    if path.name == 'scalars.json' and path.parent.name == 'vis_data':
        path = path.parent.parent
    elif path.suffix == '.log' and path.is_file():
        path = path.parent
    if re.fullmatch(r'\d{8}_\d{6}', path.name):
        path = path.resolve().parent
    return path.resolve().name.removesuffix('.json').removesuffix('.log')


def _read_records(path: Path) -> list[Record]:
    """Reads records and adds their step; those of MMPose 0.x count iterations within the epoch."""
    records = read_scalars(path)
    if not any('mode' in record for record in records):
        return [record for record in records if 'step' in record]
    records = [record for record in records if 'mode' in record]
    train = [record for record in records if record['mode'] == 'train']
    per_epoch = max((record['iter'] for record in train), default=0)
    done = []
    for record in records:
        if record['mode'] == 'train':
            step = (record['epoch'] - 1) * per_epoch + record['iter']
            done.append({**record, 'step': step})
        else:
            metrics = {key: x for key, x in record.items() if key not in (*PLACES, 'loss', 'lr')}
            done.append({**metrics, 'step': record['epoch']})
    return done


def plot_curves(
    paths: Sequence[str | Path],
    keys: Sequence[str] | None = None,
    out: str | Path | None = None,
    title: str | None = None,
    legend: Sequence[str] | None = None,
    style: str | None = None,
    backend: str | None = None,
) -> str:
    """Draws metrics of several runs, a panel for each metric and a curve for each run.

    Args:
        keys: The metrics; None takes the loss and the primary metric that all runs share.
        out: Picture to write; None shows a window.
        legend: A name for each run, or for each metric of each run, run by run; None takes the
            names of the work dirs.

    Raises:
        FileNotFoundError: If there is no log.
        ValueError: If a run has no such metric, or the legend has another length.
    """
    runs = read_runs(paths)
    keys = list(keys or _default_keys(runs))
    labels = list(legend or [run.name for run in runs])
    if len(labels) == len(runs):
        labels = [label for label in labels for _ in keys]
    if len(labels) != len(runs) * len(keys):
        raise ValueError(
            f'--legend has {len(labels)} names; expected one for each of {len(runs)} runs, or for '
            f'each of {len(keys)} metrics of each run'
        )
    path = plot_runs(_panels(runs, keys, labels), out, title, style, backend)
    return '' if path is None else f'curves: {path}'


def _panels(runs: Sequence[RunLog], keys: Sequence[str], labels: Sequence[str]) -> list[Panel]:
    panels = []
    for k, key in enumerate(keys):
        found = [run.curve(key) for run in runs]
        units = {unit for _, unit in found}
        if len(units) > 1:  # a run that is too short to tell the length of an epoch
            found = [(curve_of(run.train, key, None), 'iteration') for run in runs]
        names = labels[k :: len(keys)]
        if len(set(names)) < len(names):
            raise ValueError(f"two curves of '{key}' have the same name; see --legend: {names}")
        curves = {name: curve for name, (curve, _) in zip(names, found, strict=True)}
        is_metric = not any(key in record for run in runs for record in run.train)
        panels.append(Panel(key, found[0][1], curves, not greater_is_better(key), is_metric))
    return panels


def _default_keys(runs: Sequence[RunLog]) -> list[str]:
    keys = ['loss'] * all(run.train for run in runs)
    shared = [set(primary_keys(run)) for run in runs]
    keys += sorted(set.intersection(*shared))
    if not keys:
        raise ValueError(
            'the runs have neither a loss nor a metric in common; --keys names metrics: '
            + '; '.join(f'{run.name} has {", ".join(run.keys)}' for run in runs)
        )
    return keys


def primary_keys(run: RunLog) -> list[str]:
    """Returns the primary metric of each dataset that the run was evaluated on."""
    keys = list(dict.fromkeys(key for record in run.val for key in record if key not in PLACES))
    named = [key for key in keys if '/' in key] or [key for key in keys if 'time' not in key]
    datasets = dict.fromkeys(key.rpartition('/')[0] for key in named)
    return [primary_metric([k for k in named if k.rpartition('/')[0] == name]) for name in datasets]
