"""Markdown tables of benchmark reports, and the parts of a page that are made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import align, format_number

MARK, END = '<!-- figures: {} -->', '<!-- figures: end -->'
MARKED = re.compile(MARK.format(r'(\S+\.json)') + f'.*?{END}', re.DOTALL)
NONE_YET = 'No figures have been recorded yet.'


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
    """Command, machine, a table of the comparisons of a benchmark, and lists of all else."""
    triples = _comparisons(report)
    compared = {x['name'] for triple in triples for x in triple}
    rows = [[x['name'], _with_unit(a), _with_unit(b), _spread(x)] for x, a, b in triples]
    lists: dict[str, list[str]] = {}
    whole = ''
    for x in report['figures']:
        is_part = x['name'].startswith('  ')
        whole = whole if is_part else x['name']
        if x['name'] not in compared:
            name = x['name'].strip().removesuffix(f' ({whole})')
            label = f'{whole}, {x["unit"]}' if is_part else x['unit']
            lists.setdefault(label, []).append(f'{name} {_spread(x)}')
    settings = ', '.join(f'{key} {value}' for key, value in report['settings'].items())
    commit = f', commit {report["commit"][:7]}' if report['commit'] else ''
    about = f'({report["date"]}{commit}; {settings}). {_machine(report)}'
    lines = [f'`{report["command"]}`', about]
    lines += ['', *_table(('A / B', 'A', 'B', 'ratio'), rows)] if rows else []
    items = [f'{label}: {"; ".join(found)}' for label, found in lists.items()]
    return '\n'.join([*lines, '', *(f'- {x}' for x in [*items, *report['notes']])])


def format_ratios(reports: Sequence[dict[str, Any]]) -> str:
    """Returns a line for each ratio A / B of some reports, beside the medians of A and B."""
    rows = [('A / B', 'A', 'B', 'ratio', 'lowest', 'highest', '')]
    for report in reports:
        for ratio, a, b in _comparisons(report):
            values = (a['median'], b['median'], *(ratio[key] for key in ('median', 'min', 'max')))
            name = f'{report["benchmark"]}: {ratio["name"]}'
            rows.append((name, *map(format_number, values), b['unit']))
    return '\n'.join(align(rows))


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


def fill_page(path: str | Path) -> str:
    """Returns a page with the tables of the files that its marks name, relative to it.

    A file that is not there is said to be missing in its place.

    Raises:
        ValueError: If the page has no marks, or one without its end.
    """
    page = Path(path).read_text(encoding='utf-8')
    if not MARKED.search(page) or len(MARKED.findall(page)) != page.count(END):
        raise ValueError(
            f"{path} needs a line '{MARK.format('FILE.json')}' and a line '{END}' for each table"
        )

    def fill(found: re.Match[str]) -> str:
        file = Path(path).parent / found[1]
        text = format_file(file).strip() if file.is_file() else NONE_YET
        return f'{MARK.format(found[1])}\n\n{text}\n\n{END}'

    return MARKED.sub(fill, page)


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


def _comparisons(report: dict[str, Any]) -> list[tuple[dict[str, Any], ...]]:
    """Returns each ratio with its two quantities; of several of a name the first one counts."""
    figures = {x['name']: x for x in reversed(report['figures'])}
    ratios = [x for x in report['figures'] if 'of' in x]
    return [(ratio, *(figures[name] for name in ratio['of'])) for ratio in ratios]


def _with_unit(figure: dict[str, Any]) -> str:
    return f'{_spread(figure)} {figure["unit"]}'


def _spread(figure: dict[str, Any]) -> str:
    low, middle, high = (format_number(figure[key]) for key in ('min', 'median', 'max'))
    return middle if len(figure['values']) == 1 else f'{middle} [{low}, {high}]'
