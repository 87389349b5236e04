"""The measures of the house: sizes of units and files, and no import cycle between modules."""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, imports_of, repository_files, unit_of

PACKAGES = ('mmpose', 'mmcv_custom', 'realtime_pose', 'toy_pose', 'benchmarks')
CORE = ('mmpose', 'mmcv_custom')
MAX_UNIT_SHARE = 0.15  # of the lines of all packages; realtime_pose is an application of its own
MAX_API_FILES = 20
SMALL_FILE_LINES, MAX_SMALL_SHARE = 60, 0.08
MAX_CORE_LINES = 52_030  # 41_000 without what brings files of others in, and what comes after AP


def find_cycles(sources: dict[str, str]) -> list[str]:
    """Returns an import cycle between modules, imports within functions included.

    Args:
        sources: Path -> content.
    """
    modules = {}
    for path in sources:
        names = Path(path).with_suffix('').parts
        modules['.'.join(names[: len(names) - (names[-1] == '__init__')])] = path
    graph = {}
    for module, path in modules.items():
        tree = ast.parse(sources[path])
        found = imports_of(module, tree, path.endswith('__init__.py'))
        graph[module] = {name for name, _ in found if name in modules} - {module}
        # `from package import name` needs the package itself only if `name` is no module of it
        graph[module] |= {
            parent
            for name, _ in found
            if name not in modules and (parent := name.rpartition('.')[0]) in modules
        } - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [' <- '.join(error.args[1])]
    return []


@pytest.fixture(scope='module')
def sources():
    files = [path for path in repository_files(*PACKAGES) if path.suffix == '.py']
    return {str(path.relative_to(ROOT)): path.read_text(encoding='utf-8') for path in files}


@pytest.fixture(scope='module')
def num_lines(sources):
    return {path: len(text.splitlines()) for path, text in sources.items()}


def test_no_module_imports_itself_through_others(sources):
    assert find_cycles(sources) == []


def test_no_unit_is_most_of_the_package(num_lines):
    units = defaultdict(int)
    for path, lines in num_lines.items():
        unit = unit_of('.'.join(Path(path).with_suffix('').parts))
        units['.'.join(unit.split('.')[:2])] += lines
    total = sum(num_lines.values())
    shares = {unit: lines / total for unit, lines in units.items() if unit != 'realtime_pose'}
    assert {unit: share for unit, share in shares.items() if share > MAX_UNIT_SHARE} == {}


def test_apis_are_what_tools_and_notebooks_call(num_lines):
    assert len([path for path in num_lines if path.startswith('mmpose/apis/')]) <= MAX_API_FILES


def test_few_files_hold_half_an_idea(num_lines):
    sizes = {path: n for path, n in num_lines.items() if not path.endswith('__init__.py')}
    small = [path for path, lines in sizes.items() if lines < SMALL_FILE_LINES]
    assert len(small) / len(sizes) <= MAX_SMALL_SHARE, small


def test_the_core_stays_small(num_lines):
    core = sum(lines for path, lines in num_lines.items() if path.split('/')[0] in CORE)
    assert core <= MAX_CORE_LINES


def test_cycles_are_found():
    cycle = {
        'mmpose/a.py': 'def f():\n    from mmpose import b\n',
        'mmpose/b.py': 'from mmpose.a import f\n',
    }
    assert find_cycles(cycle) == ['mmpose.a <- mmpose.b <- mmpose.a'] or find_cycles(cycle)
    assert find_cycles({**cycle, 'mmpose/b.py': 'import numpy\n'}) == []
