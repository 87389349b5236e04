"""Recorded reports are run by one command, and the page of benchmarks is made of them."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from benchmarks import recorded, tables

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / 'docs/benchmarks.md'
CHECKED = 'check'  # of a GPU machine, which `tools/check_gpus.py` writes
MACHINE = dict(device='CPU', cpu='X', cores=2, python='3.11', torch='2.9')


def figure(name, unit, median, **more):
    values = [median / 2, median, median * 2]
    return dict(
        name=name, unit=unit, median=median, min=median / 2, max=2 * median, values=values, **more
    )


BENCHMARK = dict(
    benchmark='train',
    command='python x.py',
    date='2026-11-30',
    commit='0123456789',
    machine=MACHINE,
    settings={'batch': 4},
    figures=[
        figure('speed', 'images/s', 2.0),
        figure('  first | part', 'ms', 3.0),
        figure('other', 'images/s', 4.0),
        figure('speed / other', 'x', 0.5, of=['speed', 'other']),
        figure('memory', 'MiB', 5.0),
    ],
    notes=['slow'],
)
CHECK = dict(
    machine=MACHINE,
    has_gpu=True,
    stages=[
        dict(name='step, S', status='ok', seconds=1.0, text='a|b', rows=[{'model': 'S', 'x': 1.5}]),
        dict(
            name='step, B', status='ok', seconds=1.0, text='', rows=[{'model': 'B', 'y': 12345.6}]
        ),
    ],
)
MARKS = ''.join(f'{tables.MARK.format(f"{x}.json")}\nold\n{tables.END}\n\n' for x in 'abc')
PAGE = f'# Head\n\n{MARKS}tail\n'


def run_tool(monkeypatch, *words):
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', *map(str, words)])
    runpy.run_path(str(ROOT / 'tools/benchmark.py'), run_name='__main__')


def test_the_page_is_what_the_command_writes():
    text = DOCUMENT.read_text(encoding='utf-8')
    assert tables.fill_page(DOCUMENT) == text, 'python tools/benchmark.py table --write PAGE'
    folder = Path(recorded.FIGURES).name
    names = [*recorded.COMMANDS, CHECKED]
    assert sorted(tables.MARKED.findall(text)) == sorted(f'{folder}/{x}.json' for x in names)
    assert {path.stem for path in (ROOT / recorded.FIGURES).glob('*')} <= {*names}


@pytest.mark.parametrize('name', recorded.COMMANDS)
def test_commands_name_files_of_the_repository(name):
    files = [x for x in recorded.COMMANDS[name].split() if x.endswith('.py')]
    assert len(files) + ('eval' in name or 'live' in name) == 2
    assert all((ROOT / file).is_file() for file in files)


def test_tables_replace_what_is_between_the_marks(tmp_path, monkeypatch, capsys):
    page = tmp_path / 'page.md'
    page.write_text(PAGE)
    for name, content in (('a', BENCHMARK), ('b', CHECK)):
        (tmp_path / f'{name}.json').write_text(json.dumps(content))
    for _ in range(2):
        run_tool(monkeypatch, 'table', '--write', page)
    text = page.read_text()
    assert text.startswith(f'# Head\n\n{tables.MARK.format("a.json")}\n\n`python x.py`\n')
    assert text.endswith(f'{tables.NONE_YET}\n\n{tables.END}\n\ntail\n')
    assert 'old' not in text
    assert '(2026-11-30, commit 0123456; batch 4). device CPU' in text
    assert (
        '| speed / other | 2.000 [1.000, 4.000] images/s | 4.000 [2.000, 8.000] images/s | '
        '0.5000 [0.2500, 1.000] |\n\n'
        '- speed, ms: first | part 3.000 [1.500, 6.000]\n'
        '- MiB: memory 5.000 [2.500, 10.00]\n- slow\n'
    ) in text
    assert '| step, S | ok | 1.0 | a\\|b |' in text
    assert '| model | x | y |\n| --- | --- | --- |\n| S | 1.500 |  |\n| B |  | 12346 |' in text
    run_tool(monkeypatch, 'table', tmp_path / 'a.json', tmp_path / 'b.json')
    assert all(part in text for part in capsys.readouterr().out.strip().split('\n\n'))


@pytest.mark.parametrize(
    ('report', 'page', 'message'),
    [
        ('{}', PAGE, 'a.json is no report of tools/benchmark.py --out'),
        ('no json', PAGE, 'a.json is no report'),
        (json.dumps(BENCHMARK), 'no marks', "page.md needs a line '<!-- figures: FILE.json -->'"),
        (json.dumps(BENCHMARK), PAGE + tables.END, 'page.md needs a line'),
    ],
)
def test_what_has_no_place_is_refused(report, page, message, tmp_path, monkeypatch, capsys):
    (tmp_path / 'a.json').write_text(report)
    (tmp_path / 'page.md').write_text(page)
    with pytest.raises(SystemExit):
        run_tool(monkeypatch, 'table', '--write', tmp_path / 'page.md')
    assert message in capsys.readouterr().err
    assert (tmp_path / 'page.md').read_text() == page


@pytest.mark.parametrize('words', [[], ['a.json', '--write', 'page.md']])
def test_a_table_is_printed_or_written(words, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run_tool(monkeypatch, 'table', *words)
    assert 'table needs reports to print, or --write PAGE' in capsys.readouterr().err


# a stand-in for a benchmark
SCRIPT = """
import json, os, sys
*words, flag, path = sys.argv[1:]
assert flag == '--out' and os.environ['OMP_NUM_THREADS'] == '1'
report = json.loads({report!r})
report['notes'] = words
json.dump(report, open(path, 'w'))
sys.exit(words[0] == 'wrong')
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    path = tmp_path / 'script.py'
    path.write_text(SCRIPT.format(report=json.dumps(BENCHMARK)))
    commands = {'one': f'{path} DATA --peer-python PYTHON', 'two': f'{path} wrong'}
    monkeypatch.setattr(recorded, 'COMMANDS', commands)
    return path


def test_reports_are_kept_with_a_command_without_our_folders(script, tmp_path, capfd, monkeypatch):
    words = ['--data-root', tmp_path / 'd', '--peer-python', sys.executable]
    run_tool(monkeypatch, 'all', 'one', *words, '--out-dir', tmp_path)
    found = json.loads((tmp_path / 'one.json').read_text())
    assert found['notes'] == [str(tmp_path / 'd'), '--peer-python', sys.executable]
    assert found['command'] == f'OMP_NUM_THREADS=1 python {script} DATA --peer-python PYTHON'
    printed = capfd.readouterr().out
    assert printed.startswith(f'one: python {script} DATA')
    line = r'train: speed / other +2\.000 +4\.000 +0\.5000 +0\.2500 +1\.000 +images/s\n$'
    assert re.search(line, printed)
    recorded.record(['one'], folder=tmp_path)
    assert '--peer-python' not in (tmp_path / 'one.json').read_text()


def test_a_command_that_fails_or_does_not_exist_is_named(script, tmp_path):
    with pytest.raises(ValueError, match=r"^no figures 'three', expected some of one, two$"):
        recorded.record(['three'])
    with pytest.raises(ValueError, match=r'^the command of two failed with exit status 1$'):
        recorded.record(['two'], folder=tmp_path)
    (tmp_path / 'two.json').write_text('{}')
    with pytest.raises(FileExistsError, match='is no report that this command has kept'):
        recorded.record(['two'], folder=tmp_path)
