"""A file is parsed once; a stale, damaged, unwritable or contested cache does no harm."""

import multiprocessing
import os
import warnings

import numpy as np
import pytest
from test_annotations import assert_equal, make_store

from mmpose.datasets import annotation_cache
from mmpose.datasets.annotation_cache import cache_root, load_or_build


class Builder:
    """Counts how often it had to parse."""

    def __init__(self, num=5):
        self.calls = 0
        self.num = num

    def __call__(self):
        self.calls += 1
        return make_store(self.num)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'ann.json'
    path.write_text('{}')
    return path


def entries(folder):
    return sorted(path for path in folder.iterdir() if path.is_dir())


@pytest.mark.parametrize(
    ('variables', 'expected'),
    [
        ({'MMPOSE_CACHE': '/a/b', 'XDG_CACHE_HOME': '/c'}, '/a/b'),
        ({'MMPOSE_CACHE': '', 'XDG_CACHE_HOME': '/c'}, '/c/mmpose'),
        ({'MMPOSE_CACHE': '', 'XDG_CACHE_HOME': '', 'HOME': '/h'}, '/h/.cache/mmpose'),
    ],
)
def test_cache_root(monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache_root()) == expected


def test_parses_once_and_maps_afterwards(source, cache_folder):
    build = Builder()
    first = load_or_build([source], {'a': 1}, build)
    second = load_or_build([source], {'a': 1}, build)
    assert build.calls == 1
    assert_equal(first, second)
    assert first.folder == second.folder == entries(cache_folder)[0]


def test_options_and_contents_decide(source, cache_folder):
    build = Builder()
    load_or_build([source], {'a': 1}, build)
    load_or_build([source], {'a': 2}, build)
    assert build.calls == 2
    assert len(entries(cache_folder)) == 2
    source.write_text('{ }')
    load_or_build([source], {'a': 1}, build)
    assert build.calls == 3
    assert len(entries(cache_folder)) == 1, 'entries of the old contents are removed'
    os.utime(source, ns=(0, 0))
    load_or_build([source], {'a': 1}, build)
    assert build.calls == 4


def test_an_open_store_survives_the_removal_of_its_files(source):
    store = load_or_build([source], {}, Builder(num=5))
    source.write_text('{ }')
    load_or_build([source], {}, Builder(num=3))
    assert_equal(store, make_store(5))


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize('damage', [truncate, lambda p: p.unlink(), lambda p: p.write_bytes(b'')])
@pytest.mark.parametrize('name', ['keypoints.npy', 'store.json', 'extra.hand.npy'])
def test_damage_is_repaired(source, cache_folder, damage, name):
    build = Builder()
    load_or_build([source], {}, build)
    damage(entries(cache_folder)[0] / name)
    with pytest.warns(UserWarning, match='damaged annotation cache'):
        store = load_or_build([source], {}, build)
    assert build.calls == 2
    assert_equal(store, make_store(5))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        load_or_build([source], {}, build)
    assert build.calls == 2
    assert len(entries(cache_folder)) == 1


def test_an_unwritable_cache_only_warns(source, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('not a folder')
    monkeypatch.setenv('MMPOSE_CACHE', str(tmp_path / 'file'))
    build = Builder()
    with pytest.warns(UserWarning, match='cannot write the annotation cache.*Set MMPOSE_CACHE'):
        store = load_or_build([source], {}, build)
    assert build.calls == 1
    assert store.folder is None
    assert_equal(store, make_store(5))


def test_missing_source(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'annotation file .*no\.json does not exist'):
        load_or_build([tmp_path / 'no.json'], {}, Builder())


def test_a_failing_parser_leaves_nothing(source, cache_folder):
    def build():
        raise OSError('disk on fire')

    with pytest.raises(OSError, match='disk on fire'):
        load_or_build([source], {}, build)
    assert entries(cache_folder) == []


def contend(source, barrier, queue, locks):
    if not locks:
        annotation_cache.fcntl = None
    build = Builder(num=20000)
    barrier.wait()
    store = load_or_build([source], {}, build)
    queue.put((build.calls, str(store.folder), float(np.sum(store.keypoints, dtype=np.float64))))


@pytest.mark.parametrize('locks', [True, False])
def test_many_processes_at_once(source, cache_folder, locks):
    context = multiprocessing.get_context('fork')
    barrier, queue = context.Barrier(4), context.Queue()
    workers = [
        context.Process(target=contend, args=(source, barrier, queue, locks)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    results = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    total = float(np.sum(make_store(20000).keypoints, dtype=np.float64))
    assert {(folder, checksum) for _, folder, checksum in results} == {
        (str(entries(cache_folder)[0]), total)
    }
    assert len(entries(cache_folder)) == 1, 'nothing is left behind'
    if locks:
        assert sum(calls for calls, _, _ in results) == 1, 'one parses, the others wait'
