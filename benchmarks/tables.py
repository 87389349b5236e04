"""Markdown tables of benchmark reports, and the part of a page that they replace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import COLUMNS, format_number

BEGIN, END = '<!-- figures: begin -->', '<!-- figures: end -->'


def format_file(path: str | Path) -> str:
    """Tables of a JSON file that ``benchmark.py --out`` or ``check_gpus.py`` has written.

    Raises:
        ValueError: If the file is neither.
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
        return format_check(content) if 'stages' in content else format_report(content)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'{path} is no report of tools/benchmark.py --out or tools/check_gpus.py: {error!r}'
        ) from error


def format_report(report: dict[str, Any]) -> str:
    """Tables of a benchmark: medians with the lowest and the highest."""
    settings = ', '.join(f'{key} {value}' for key, value in report['settings'].items())
    rows = [[x['name'], *(x[key] for key in COLUMNS[1:4]), x['unit']] for x in report['figures']]
    notes = ''.join(f'\n- {note}' for note in report['notes'])
    head = f'**{report["benchmark"]}**: {settings}. {_machine(report)}'
    return '\n'.join([head, '', *_table(COLUMNS, rows), notes])


def format_check(report: dict[str, Any]) -> str:
    """Tables of a check of a machine: its stages, and the figures of each kind of stage."""
    stages = report['stages']
    rows = [[x['name'], x['status'], f'{x["seconds"]:.1f}', x['text']] for x in stages]
    head = '' if report['has_gpu'] else 'No GPU: sizes are tiny and no figure counts. '
    lines = [f'{head}{_machine(report)}', '', *_table(('stage', 'result', 's', ''), rows)]
    kinds: dict[str, list[dict[str, Any]]] = {}
    for stage in stages:
        kinds.setdefault(stage['name'].split(',')[0], []).extend(stage['rows'])
    for found in kinds.values():
        columns = list(dict.fromkeys(key for row in found for key in row))
        cells = [[row.get(key, '') for key in columns] for row in found]
        lines += ['', *_table(columns, cells)] if found else []
    return '\n'.join(lines) + '\n'


def write_between_marks(path: str | Path, text: str) -> None:
    """Replaces what stands between the two marks of a page.

    Raises:
        ValueError: If the page does not have them once each.
    """
    page = Path(path).read_text(encoding='utf-8')
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(
            f"{path} needs the lines '{BEGIN}' and '{END}' once, for the tables between"
        )
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    Path(path).write_text(f'{head}{BEGIN}\n\n{text.strip()}\n\n{END}{tail}', encoding='utf-8')


def _machine(report: dict[str, Any]) -> str:
    names = ('device', 'cpu', 'cores', 'python', 'torch')
    return ', '.join(f'{name} {report["machine"][name]}' for name in names) + '.'


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    cells = [columns, ['---'] * len(columns), *([_cell(x) for x in row] for row in rows)]
    return [f'| {" | ".join(row)} |' for row in cells]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return format_number(value)
    return str(value).replace('|', '\\|').replace('\n', ' ')
