"""Every test of the datasets has a cache folder and a tiny dataset of its own."""

import pytest

from tests.datasets import tiny_coco


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('MMPOSE_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'annotations'


@pytest.fixture
def tiny(tmp_path):
    """Arguments of a dataset of 3 images with 2 persons each."""
    return tiny_coco.write(tmp_path / 'data')
