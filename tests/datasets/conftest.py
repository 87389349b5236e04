"""Every test of the datasets has a cache folder and a tiny dataset of its own."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_coco

CONVERTERS = Path(__file__).parents[2] / 'tools/dataset_converters'


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('MMPOSE_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'annotations'


@pytest.fixture
def tiny(tmp_path):
    """Arguments of a dataset of 3 images with 2 persons each."""
    return tiny_coco.write(tmp_path / 'data')


@pytest.fixture
def run_converter(monkeypatch, capsys):
    """Runs a tool in this process; returns its status and what it printed."""

    def call(tool, *arguments):
        path = str(CONVERTERS / f'{tool}.py')
        monkeypatch.setattr(sys, 'argv', [path, *map(str, arguments)])
        with pytest.raises(SystemExit) as status:
            runpy.run_path(path, run_name='__main__')
        printed = capsys.readouterr()
        return SimpleNamespace(returncode=status.value.code, stdout=printed.out, stderr=printed.err)

    return call
