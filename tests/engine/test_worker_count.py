"""The number of workers is measured; the losses and the samples stay; a slow loader is said."""

import time
from pathlib import Path

import pytest
from training import losses, train

from mmpose.datasets import CocoDataset
from mmpose.engine import worker_count
from mmpose.engine.train_loop import PoseTrainLoop

AUTO = {'train_dataloader.num_workers': 'auto', 'train_dataloader.persistent_workers': True}


def log(work_dir):
    return '\n'.join(path.read_text() for path in Path(work_dir).glob('*/*.log'))


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(worker_count, 'SECONDS', 0.0)
    monkeypatch.setattr(worker_count, 'WARM_UP_BATCHES', 1)
    monkeypatch.setattr(worker_count, 'FIRST_WORKERS', 1)


@pytest.mark.parametrize('buffer', [0, 5])
def test_losses_are_those_of_any_number(buffer, quick, data_root, tmp_path, monkeypatch):
    load = CocoDataset.__getitem__

    def load_slowly(self, index):
        time.sleep(0.0 if self.test_mode else 0.5)
        return load(self, index)

    buffer = {'train_dataloader.sampler.image_buffer': buffer}
    train(data_root, tmp_path / 'none', buffer)
    monkeypatch.setattr(worker_count, 'num_cores', lambda: 2)
    monkeypatch.setattr(CocoDataset, '__getitem__', load_slowly)
    runner = train(data_root, tmp_path / 'auto', {**AUTO, **buffer})
    assert losses(tmp_path / 'auto') == losses(tmp_path / 'none')
    assert runner.train_dataloader.num_workers == 2
    assert log(tmp_path / 'auto').count("num_workers='auto' is 2: a batch takes") == 1
    assert 'WARNING - train_dataloader' in log(tmp_path / 'auto')


def test_an_epoch_that_ends_before_is_whole(data_root, tmp_path):
    runner = train(data_root, tmp_path, AUTO)
    assert sorted(losses(tmp_path)) == list(range(1, 9))
    assert 1 <= runner.train_dataloader.num_workers <= worker_count.num_cores()
    assert log(tmp_path).count("num_workers='auto' is") == 1


@pytest.mark.parametrize(('seconds', 'num_warnings'), [(0.0, 0), (0.4, 1)])
def test_a_slow_loader_is_said_once(seconds, num_warnings, data_root, tmp_path, monkeypatch):
    batches = PoseTrainLoop._batches_left

    def wait(self):
        for batch in batches(self):
            time.sleep(seconds)
            yield batch

    monkeypatch.setattr(PoseTrainLoop, '_batches_left', wait)
    limit = 0.1 if seconds else 0.9  # a busy machine may be slow too
    options = {'default_hooks.throughput': dict(type='ThroughputHook', max_wait=limit, interval=1)}
    train(data_root, tmp_path, options)
    assert log(tmp_path).count('training waits for data') == num_warnings
