"""Report of a benchmark: measurements with their spread, as JSON and as a table."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.machine import describe_machine
from mmpose.version import code_commit

SIGNIFICANT_DIGITS, STORED_DIGITS = 4, 6
COLUMNS = ('', 'median', 'min', 'max', 'unit')
BUSY_CORES = 0.2


@dataclass(frozen=True)
class Measurement:
    """Measured quantity.

    Attributes:
        name: Name of the quantity.
        unit: Unit of the values, e.g. ``samples/s``.
        values: One value per round, in order; never empty.
        of: Names of the two quantities of a ratio: of which, to which.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    of: tuple[str, str] | None = None

    @property
    def median(self) -> float:
        """Median of the values."""
        return median(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Returns what the JSON file holds."""
        values = [float(f'{value:.{STORED_DIGITS}g}') for value in self.values]
        found = {
            'name': self.name,
            'unit': self.unit,
            'median': median(values),
            'min': min(values),
            'max': max(values),
            'values': values,
        }
        return found if self.of is None else {**found, 'of': list(self.of)}

    def to_row(self) -> tuple[str, ...]:
        """Returns the cells of the table, ``COLUMNS``; a single value has no spread."""
        spread = (min(self.values), max(self.values)) if len(self.values) > 1 else ()
        cells = [format_number(value) for value in (self.median, *spread)]
        return (self.name, *cells, *[''] * (3 - len(cells)), self.unit)


@dataclass
class Report:
    """Results of one run of a benchmark.

    Attributes:
        benchmark: Name of the sub-command.
        machine: Hardware and versions, see ``machine.describe_machine``.
        settings: Settings of the run.
        measurements: Results in the order of the table.
        notes: Caveats of the results.
        command: What was typed.
        date: Day on which it was.
        commit: Commit of the checkout; None for an installed package.
    """

    benchmark: str
    machine: dict[str, Any]
    settings: dict[str, Any]
    measurements: list[Measurement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    command: str = field(default_factory=lambda: shlex.join(['python', *sys.argv]))
    date: str = field(default_factory=lambda: time.strftime('%Y-%m-%d'))
    commit: str | None = field(default_factory=code_commit)

    def add(self, name: str, unit: str, values: Sequence[float] | float) -> Measurement:
        """Appends a measurement and returns it.

        Args:
            name: Name of the quantity.
            unit: Unit of the values.
            values: One value per round, or a single one.
        """
        if isinstance(values, (int, float)):
            values = [values]
        measurement = Measurement(name, unit, tuple(float(value) for value in values))
        self.measurements.append(measurement)
        return measurement

    def add_ratio(self, name: str, ours: Measurement, other: Measurement) -> Measurement:
        """Appends the ratio of ``ours`` to ``other``, round by round, and returns it.

        The two candidates of a round ran one after the other, so that a temporary slowdown of the
        machine affects both. A quantity with a single value is compared by its median alone.
        """
        if min(len(ours.values), len(other.values)) == 1:
            values: tuple[float, ...] = (ours.median / other.median,)
        else:
            pairs = zip(ours.values, other.values, strict=True)
            values = tuple(mine / theirs for mine, theirs in pairs)
        self.measurements.append(Measurement(name, 'x', values, (ours.name, other.name)))
        return self.measurements[-1]

    def find(self, name: str) -> Measurement:
        """Returns the measurement of that name."""
        for measurement in self.measurements:
            if measurement.name == name:
                return measurement
        raise KeyError(f"no measurement '{name}', there are {[x.name for x in self.measurements]}")

    def to_dict(self) -> dict[str, Any]:
        """Returns what the JSON file holds."""
        return {
            'benchmark': self.benchmark,
            'command': self.command,
            'date': self.date,
            'commit': self.commit,
            'machine': self.machine,
            'settings': self.settings,
            'figures': [measurement.to_dict() for measurement in self.measurements],
            'notes': self.notes,
        }

    def write(self, path: str | Path) -> None:
        """Writes the report as JSON; the folder is made if needed."""
        write_report(path, self.to_dict())

    def format(self) -> str:
        """Returns the machine, the settings, an aligned table and the notes."""
        settings = ', '.join(f'{key} {value}' for key, value in self.settings.items())
        machine = ', '.join(f'{key} {value}' for key, value in self.machine.items())
        rows = [(*x.to_row()[:-1], self._describe_unit(x)) for x in self.measurements]
        lines = [f'{self.benchmark}: {settings}', machine, '', *align([COLUMNS, *rows])]
        return '\n'.join([*lines, *(f'note: {note}' for note in self.notes)])

    def _describe_unit(self, measurement: Measurement) -> str:
        if measurement.of is None:
            return measurement.unit
        ours, other = map(self.find, measurement.of)
        medians = f'{format_number(ours.median)} / {format_number(other.median)}'
        return f'{measurement.unit} = {medians} {other.unit}'


def write_report(path: str | Path, content: dict[str, Any]) -> None:
    """Writes what ``Report.to_dict`` has returned as JSON; the folder is made if needed."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, sort_keys=True)
    Path(path).write_text(text + '\n', encoding='utf-8')


def start_report(benchmark: str, device: torch.device, settings: dict[str, Any]) -> Report:
    """Returns an empty report; to be called before the measurements, as it samples the load.

    Args:
        benchmark: Name of the sub-command.
        device: Device of the measured part.
        settings: Settings of the run.
    """
    machine = describe_machine(device)
    report = Report(benchmark, machine, settings)
    if (machine['busy_cores'] or 0) > BUSY_CORES:
        report.notes.append(
            f'other programs kept {machine["busy_cores"]} cores busy; repeat this on an idle '
            'machine for results to be quoted'
        )
    return report


def format_number(value: float) -> str:
    """Returns a number with four significant digits and without an exponent where it is short."""
    if value == 0:
        return '0'
    if abs(value) >= 10**SIGNIFICANT_DIGITS:
        return f'{value:.0f}'
    if abs(value) < 1e-4:
        return f'{value:.1e}'
    return f'{value:#.{SIGNIFICANT_DIGITS}g}'.rstrip('.')


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns one line a row: the first and last column to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0] = row[0].ljust(widths[0])
        cells[-1] = row[-1]
        lines.append('  '.join(cells).rstrip())
    return lines
