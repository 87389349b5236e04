import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from evaluation_cases import SIGMAS

from mmpose.evaluation.functional import (
    evaluate_files,
    make_synthetic_coco,
    write_synthetic_coco,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    gt, dt = make_synthetic_coco(20, 60, 200, seed=8)
    return write_synthetic_coco(gt, dt, tmp_path_factory.mktemp('synthetic'))


def _run(*arguments, code=0):
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        [sys.executable, ROOT / 'tools' / 'evaluate.py', *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': path},
    )
    assert done.returncode == code, done.stderr
    return done


def test_prints_and_writes_the_figures(files, tmp_path):
    out = tmp_path / 'metrics.json'
    done = _run(files[1], '--dataset', 'coco', '--ann', files[0], '--out', out)
    expected = evaluate_files(*files, SIGMAS)
    assert json.loads(out.read_text()) == expected
    lines = done.stdout.splitlines()
    assert lines == [f'{name:<6}  {value:8.4f}' for name, value in expected.items()]


def test_area_of_the_box(files, tmp_path):
    out = tmp_path / 'metrics.json'
    _run(files[1], '--ann', files[0], '--no-area', '--out', out)
    figures = json.loads(out.read_text())
    assert figures == evaluate_files(*files, SIGMAS, use_area=False)
    assert figures != evaluate_files(*files, SIGMAS)


def test_a_bad_file_gives_one_sentence(files):
    done = _run(files[0], '--ann', files[0], code=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith('error: ')
    assert 'annotations.json: not a COCO result file' in line


def test_starts_without_torch():
    code = (
        "import sys, runpy; sys.argv = ['evaluate.py', '--help']\n"
        "try: runpy.run_path('tools/evaluate.py', run_name='__main__')\n"
        'except SystemExit: pass\n'
        "print('torch' in sys.modules, 'mmpose.evaluation.functional' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == 'False True'
