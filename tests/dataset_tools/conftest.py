"""The dataset tools run in this process, and keep their caches to themselves."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

CONVERTERS = Path(__file__).parents[2] / 'tools/dataset_converters'


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('MMPOSE_CACHE', str(tmp_path / 'cache'))


@pytest.fixture
def run_converter(monkeypatch, capsys):
    """Runs a tool in this process; returns its status and what it printed."""

    def call(tool, *arguments):
        path = str(CONVERTERS / f'{tool}.py')
        monkeypatch.setattr(sys, 'argv', [path, *map(str, arguments)])
        code = 0
        try:
            runpy.run_path(path, run_name='__main__')
        except SystemExit as status:
            code = status.code
        printed = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=printed.out, stderr=printed.err)

    return call
