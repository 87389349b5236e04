"""No way of drawing samples freezes their augmentation."""

from typing import ClassVar

import pytest
import torch
from mmengine.hooks import Hook
from torch.utils.data import Sampler

from mmpose.registry import DATA_SAMPLERS, DATASETS, HOOKS
from tests.engine.training import train


@HOOKS.register_module()
class NoteDraws(Hook):
    """Notes the rotation of each person in each epoch."""

    seen: ClassVar = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        batch = data_batch['batch']
        rows = zip(batch['ann_id'].tolist(), batch['rotation'].tolist(), strict=True)
        self.seen += [(runner.epoch, ann_id, rotation) for ann_id, rotation in rows]


@DATA_SAMPLERS.register_module()
class InReverse(Sampler):
    """Plain integers of a user's sampler."""

    def __init__(self, dataset, seed=None):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __iter__(self):
        return iter(range(len(self) - 1, -1, -1))


@DATASETS.register_module()
class Twice(torch.utils.data.Dataset):
    """A user's wrapper that indexes by plain integers."""

    def __init__(self, dataset):
        self.dataset = DATASETS.build(dataset)
        self.metainfo = self.dataset.metainfo

    def __len__(self):
        return 2 * len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index.index % len(self.dataset)]


@DATASETS.register_module()
class Same(Twice):
    """A wrapper that hands on what it is asked for."""

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index]


def run(data_root, tmp_path, prepare, **overrides):
    NoteDraws.seen = []

    def change(cfg):
        cfg.custom_hooks = [dict(type='NoteDraws')]
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        turn = dict(type='RandomBBoxTransform', rotate_prob=1.0)
        cfg.train_dataloader.dataset.pipeline.insert(2, turn)
        prepare(cfg)

    train(data_root, tmp_path / 'w', overrides, prepare=change)
    return NoteDraws.seen


def set_sampler(kind):
    def prepare(cfg):
        cfg.train_dataloader.sampler = dict(type=kind)
        cfg.train_cfg = dict(by_epoch=True, max_epochs=3)

    return prepare


@pytest.mark.parametrize('kind', ['DefaultSampler', 'InReverse'])
def test_each_epoch_draws_anew(kind, data_root, tmp_path):
    seen = run(data_root, tmp_path, set_sampler(kind))

    assert {epoch for epoch, _, _ in seen} == {0, 1, 2}
    assert len({(ann_id, rotation) for _, ann_id, rotation in seen}) == len(seen) == 24
    assert (tmp_path / 'w/epoch_3.pth').is_file()


def set_batch_sampler(cfg):
    cfg.train_dataloader.batch_sampler = dict(type='BatchSampler')


def repeat(cfg):
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', dataset=cfg.train_dataloader.dataset, times=2
    )


@pytest.mark.parametrize(
    ('prepare', 'message'),
    [
        (set_batch_sampler, 'batch_sampler is .*; remove it and set sampler'),
        (repeat, r'has a RepeatDataset.*raise train_cfg\.max_epochs'),
    ],
)
def test_other_ways_are_refused(prepare, message, data_root, tmp_path):
    with pytest.raises(ValueError, match=message):
        run(data_root, tmp_path, prepare)


@pytest.mark.parametrize('num_workers', [0, 1])
@pytest.mark.parametrize('is_mixture', [False, True])
def test_a_wrapper_of_plain_integers_is_refused(num_workers, is_mixture, data_root, tmp_path):
    def wrap(cfg):
        dataset = cfg.train_dataloader.dataset
        if is_mixture:
            dataset = dict(type='CombinedDataset', datasets=[dataset])
        cfg.train_dataloader.dataset = dict(type='Twice', dataset=dataset)

    with pytest.raises(TypeError, match=r'drawn as int.*dataset that wraps this one hand its'):
        run(data_root, tmp_path, wrap, **{'train_dataloader.num_workers': num_workers})


def test_a_wrapper_that_hands_its_index_on_draws_anew(data_root, tmp_path):
    def wrap(cfg):
        cfg.train_dataloader.dataset = dict(type='Same', dataset=cfg.train_dataloader.dataset)
        cfg.train_cfg = dict(by_epoch=True, max_epochs=2)

    seen = run(data_root, tmp_path, wrap, **{'train_dataloader.num_workers': 0})
    assert len({(ann_id, rotation) for _, ann_id, rotation in seen}) == len(seen) == 16
