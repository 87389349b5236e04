"""The rules of docs/architecture.md that a machine can check: who imports whom, and sizes."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A unit may import units of lower rank; those of rank 0 each other as well. mmcv_custom knows
# nothing of poses, so it imports none of them.
RANKS = {
    'mmpose': 0,
    'mmpose.version': 0,
    'mmpose.registry': 0,
    'mmpose.structures': 0,
    'mmpose.metainfo': 0,
    'mmcv_custom': 1,
    'toy_pose': 1,
    'mmpose.coco': 1,
    'mmpose.codecs': 1,
    'mmpose.video': 1,
    'mmpose.evaluation': 1,
    'mmpose.evaluation.functional': 2,
    'mmpose.checkpoints': 2,
    'mmpose.tracking': 3,
    'mmpose.datasets': 3,
    'mmpose.detectors': 3,
    'mmpose.models': 3,
    'mmpose.evaluation.metrics': 3,
    'mmpose.visualization': 3,
    'mmpose.config': 4,
    'mmpose.engine': 4,
    'mmpose.backends': 5,
    'mmpose.checkpoint_tools': 5,
    'mmpose.dataset_tools': 5,
    'mmpose.apis': 6,
    'mmpose.analysis': 7,
    'mmpose.export': 7,
    'mmpose.labelling': 7,
    'realtime_pose': 8,
    'benchmarks': 9,
    'mmpose.__main__': 10,
    'tools': 10,
    'setup': 10,
    'tests': 11,
}
# What a unit may import from outside as its module is loaded. Everything else is optional and
# belongs into the function that uses it.
OUTSIDE_ANYWHERE = {'torch', 'numpy', 'cv2', 'mmengine', 'einops', 'json_tricks'}
OUTSIDE = {
    'mmcv_custom': {'torch', 'numpy', 'mmengine'},
    'mmpose': set(),
    'mmpose.version': set(),
    'mmpose.registry': {'mmengine'},
    'mmpose.structures': {'numpy'},
    'mmpose.metainfo': {'numpy'},
    'mmpose.coco': {'numpy'},
    'mmpose.codecs': {'numpy', 'torch', 'mmengine', 'einops'},
    'mmpose.models': {*OUTSIDE_ANYWHERE, 'einops'},
    'mmpose.evaluation.functional': {'numpy'},
    'mmpose.tracking': {'numpy'},
    'mmpose.video': {'numpy', 'cv2'},
    'mmpose.detectors': {'numpy', 'cv2'},
    'mmpose.visualization': {'numpy', 'cv2'},
    'setup': {'setuptools', 'check_environment'},
}
# The one drawer: published code imports realtime_pose.utils.helpers, which here only passes on what
# lives under the name of its subject.
PUBLISHED_DRAWER = ('realtime_pose', 'utils')
MAX_FILE_LINES, MAX_FUNCTION_LINES = 600, 80
SOURCES = ('mmpose', 'mmcv_custom', 'realtime_pose', 'toy_pose', 'benchmarks', 'tools', 'tests')
TEXTS = {'.py', '.sh', '.md', '.txt', '.toml', '.csv', '.in', ''}
# Places on the machine of a developer, spelled so that this line is none of them.
OUTER_PATH = re.compile(r'\.\./' r'shared|/work' r'/(main|scratch|shared|venv)\b')


def unit_of(module: str) -> str | None:
    """Returns the unit with the longest name that holds a module."""
    parents = [module.rsplit('.', cut)[0] for cut in range(module.count('.') + 1)]
    return next((name for name in parents if name in RANKS), None)


def imports_of(module: str, tree: ast.AST, is_package: bool) -> list[tuple[str, bool]]:
    """Returns the modules that a module imports, and whether each is imported as it is loaded."""
    found = []

    def visit(node: ast.AST, at_load: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend((name.name, at_load) for name in node.names)
        if isinstance(node, ast.ImportFrom):
            depth = node.level - is_package
            base = module.rsplit('.', depth)[0] if node.level and depth else module
            parts = [base] * bool(node.level) + [node.module] * bool(node.module)
            found.extend(('.'.join([*parts, name.name]), at_load) for name in node.names)
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_for_types = isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.unparse(node.test)
        for child in ast.iter_child_nodes(node):
            visit(child, at_load and not is_function and not is_for_types)

    visit(tree, True)
    return found


def import_problem(unit: str, imported: str, at_load: bool) -> str | None:
    """Returns what is wrong with an import, if anything."""
    target = unit_of(imported)
    if target is not None:
        rank, other = RANKS[unit], RANKS[target]
        if unit == target or rank == other == 0 or (other < rank and unit != 'mmcv_custom'):
            return None
        return f'{unit} (rank {rank}) may not import {target} (rank {other})'
    top = imported.partition('.')[0]
    if top in sys.stdlib_module_names or unit == 'tests' or not at_load:
        return None
    if top in OUTSIDE.get(unit, OUTSIDE_ANYWHERE):
        return None
    return f'{unit} imports {top} at module level'


def find_problems(sources: dict[str, str]) -> list[str]:
    """Returns the broken rules of files, given as path -> content."""
    problems = []
    graph: dict[str, set[str]] = {}
    for path, source in sources.items():
        names = Path(path).with_suffix('').parts
        is_package = names[-1] == '__init__'
        module = '.'.join(names[: len(names) - is_package])
        unit = unit_of(module)
        if unit is None or unit == 'mmpose' != module:
            problems.append(f'{path}: has no rank in RANKS')
            continue
        tree = ast.parse(source)
        for imported, at_load in imports_of(module, tree, is_package):
            problem = import_problem(unit, imported, at_load)
            problems += [f'{path}: {problem}'] if problem else []
            graph.setdefault(unit, set()).update({unit_of(imported) or unit} - {unit})
        problems += [f'{path}: {problem}' for problem in size_problems(source, tree)]
        is_drawer = any(name in ('utils', 'util', 'helpers', 'common', 'misc') for name in names)
        if is_drawer and names[:2] != PUBLISHED_DRAWER:
            problems.append(f'{path}: is a drawer; name it after its subject')
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        problems.append(f'import cycle: {" <- ".join(error.args[1])}')
    return problems


def size_problems(source: str, tree: ast.AST) -> list[str]:
    """Returns the limits that a file or one of its functions exceeds."""
    num_lines = len(source.splitlines())
    problems = [f'{num_lines} lines'] if num_lines > MAX_FILE_LINES else []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            problems += [f'{node.name} has {length} lines'] * (length > MAX_FUNCTION_LINES)
    return problems


def repository_files(*folders: str) -> list[Path]:
    hidden = {'__pycache__', '.venv', '.git', 'build', 'dist', 'data', 'work_dirs'}
    paths = [path for folder in folders for path in (ROOT / folder).rglob('*') if path.is_file()]
    return [path for path in paths if not hidden & set(path.relative_to(ROOT).parts)]


def test_repository_keeps_the_rules():
    paths = [path for path in repository_files(*SOURCES) if path.suffix == '.py']
    sources = {str(x.relative_to(ROOT)): x.read_text() for x in [*paths, ROOT / 'setup.py']}
    assert len(sources) > 40
    assert find_problems(sources) == []


BODY = 'x = 1\n'
REJECTED = {
    'upward': ({'mmpose/codecs/a.py': 'import mmpose.models'}, 'codecs .* may not import .*models'),
    'sideways': (
        {'mmpose/models/a.py': 'from mmpose.datasets import CocoDataset'},
        'models .* may not import mmpose.datasets',
    ),
    'sideways in a function': (
        {'mmpose/datasets/a.py': 'def f():\n    from mmpose import models\n'},
        'datasets .* may not import mmpose.models',
    ),
    'relative': (
        {'mmpose/structures/__init__.py': 'from ..codecs import x'},
        'structures .* may not import mmpose.codecs',
    ),
    'metrics from functional': (
        {'mmpose/evaluation/functional/a.py': 'from mmpose.evaluation import metrics'},
        'functional .* may not import mmpose.evaluation.metrics',
    ),
    'poses in mmcv_custom': ({'mmcv_custom/a.py': 'import mmpose'}, 'may not import mmpose'),
    'tools in package': ({'mmpose/apis/a.py': 'import tools.train'}, 'may not import tools'),
    'optional': ({'mmpose/models/a.py': 'if 1:\n    import timm'}, 'imports timm at module level'),
    'torch in structures': ({'mmpose/structures/a.py': 'import torch'}, 'structures imports torch'),
    'cycle': (
        {
            'mmpose/structures/a.py': 'import mmpose.metainfo',
            'mmpose/metainfo/a.py': 'import mmpose.structures',
        },
        'import cycle',
    ),
    'no rank': ({'mmpose/extra/a.py': BODY}, 'has no rank'),
    'drawer': ({'mmpose/models/utils/a.py': BODY}, 'is a drawer'),
    'long file': ({'tools/a.py': BODY * 601}, '601 lines'),
    'long function': ({'tests/test_a.py': 'def f():\n' + '    x = 1\n' * 80}, 'f has 81 lines'),
}


@pytest.mark.parametrize(('sources', 'message'), REJECTED.values(), ids=REJECTED)
def test_rules_reject(sources, message):
    problems = find_problems(sources)
    assert len(problems) == 1
    assert re.search(message, problems[0])


@pytest.mark.parametrize(
    'sources',
    [
        {'mmpose/models/a.py': 'import torch\nfrom mmpose.codecs import UDPHeatmap\n'},
        {'mmpose/models/a.py': 'def f():\n    import timm\n'},
        {'mmpose/metainfo/a.py': 'from ..structures import DatasetMeta\nfrom .reader import x\n'},
        {'mmpose/apis/a.py': 'import typing\nif typing.TYPE_CHECKING:\n    import timm'},
        {'tools/a.py': BODY * 600, 'tests/a.py': 'def f():\n' + '    x = 1\n' * 79},
    ],
)
def test_rules_accept(sources):
    assert find_problems(sources) == []


def test_no_file_names_a_path_outside():
    paths = [
        *repository_files('configs', 'docs', 'examples', 'requirements', *SOURCES),
        *(path for path in ROOT.iterdir() if path.is_file()),
    ]
    found = [
        f'{path.relative_to(ROOT)}: {match.group()}'
        for path in paths
        if path.suffix in TEXTS
        for match in OUTER_PATH.finditer(path.read_text(encoding='utf-8'))
    ]
    assert found == []


def test_pattern_of_outside_paths():
    for text in ('a = "../' + 'shared/data"', '/work' + '/scratch/x'):
        assert OUTER_PATH.search(text)
    assert not OUTER_PATH.search('work_dirs/main and /work_dirs/')


@pytest.mark.parametrize(
    ('module', 'unwanted'),
    [
        ('mmpose', {'torch', 'cv2', 'timm', 'transformers', 'scipy', 'matplotlib'}),
        (
            'mmpose.apis',
            {'timm', 'xtcocotools', 'faster_coco_eval', 'albumentations', 'onnxruntime'},
        ),
    ],
)
def test_import_is_cheap(module, unwanted):
    code = f'import sys, {module}; print(sorted({unwanted!r} & set(sys.modules)))'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == '[]', done.stderr
