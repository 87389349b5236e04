"""Pictures of samples: as many as asked for, the same for a seed, with targets at the keypoints."""

from pathlib import Path

import cv2
import faulty_dataset
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.fileio import BaseStorageBackend, register_backend

from mmpose.dataset_tools.browse import browse_dataset, build_annotated, draw_views
from mmpose.registry import CODECS

CODECS_OF_CONFIGS = [
    dict(type='UDPHeatmap', sigma=2),
    dict(type='MSRAHeatmap', sigma=2),
    dict(type='UDPCombinedHeatmap'),
]


@register_backend('under_another_name')
class UnderAnotherName(BaseStorageBackend):
    """A user's storage: files have a suffix of their own."""

    def get(self, filepath):
        return Path(f'{filepath}.stored').read_bytes()

    def get_text(self, filepath, encoding='utf-8'):
        return self.get(filepath).decode(encoding)


@pytest.fixture
def cfg(tmp_path):
    """A config with augmentation, on a generated dataset."""
    cfg = faulty_dataset.write(tmp_path / 'data', [])
    train = cfg.train_dataloader.dataset
    train.pipeline = [
        *train.pipeline[:2],
        dict(type='RandomFlip', prob=0.5),
        dict(type='RandomBBoxTransform', rotate_prob=1.0),
        train.pipeline[-1],
    ]
    codec = dict(type='UDPHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
    cfg.merge_from_dict({'model': {'head': {'decoder': codec}}})
    return cfg


def test_as_many_pictures_as_asked_for_and_the_same_again(cfg, tmp_path):
    paths = browse_dataset(cfg, tmp_path / 'a', num=3, views=2, seed=1)
    again = browse_dataset(cfg, tmp_path / 'b', num=3, views=2, seed=1)
    other = browse_dataset(cfg, tmp_path / 'c', num=3, views=2, seed=2)
    assert len(set(paths)) == 3
    for first, second in zip(paths, again, strict=True):
        assert first.name == second.name
        assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in paths] != [path.name for path in other]


def test_views_differ_where_the_pipeline_augments(cfg):
    codec = CODECS.build(dict(cfg.model.head.decoder))
    train = build_annotated(cfg.train_dataloader.dataset)
    val = build_annotated({**cfg.val_dataloader.dataset, 'test_mode': True})
    for dataset, augments in ((train, True), (val, False)):
        one = draw_views(dataset, 0, codec, 1, seed=0)
        two = draw_views(dataset, 0, codec, 2, seed=0)
        step = two.shape[1] - one.shape[1]
        first, second = two[40:400, -2 * step : -step - 6], two[40:400, -step:-6]
        assert np.array_equal(first, second) != augments


def test_images_come_from_the_storage_of_the_pipeline(cfg, tmp_path):
    (before,) = browse_dataset(cfg, tmp_path / 'a', split='val', num=1, views=1)
    dataset = cfg.val_dataloader.dataset
    for path in (tmp_path / 'data/val').iterdir():
        path.rename(f'{path}.stored')
    dataset.pipeline[0].backend_args = dict(backend='under_another_name')
    (after,) = browse_dataset(cfg, tmp_path / 'b', split='val', num=1, views=1)
    assert after.read_bytes() == before.read_bytes()


@pytest.mark.parametrize('codec', CODECS_OF_CONFIGS, ids=lambda codec: codec['type'])
def test_targets_glow_at_the_keypoints(cfg, codec):
    size = dict(input_size=(96, 128), heatmap_size=(24, 32))
    dataset = build_annotated(cfg.val_dataloader.dataset)
    picture = draw_views(dataset, 0, CODECS.build({**codec, **size}), 1, seed=0)
    sample = dataset[0]
    scale, width = 384 / 128, round(96 * 384 / 128)
    left = picture.shape[1] - 6 - width
    target = picture[-6 - 384 : -6, left : left + width].astype(int)
    plain = cv2.resize(sample['image'], (width, 384), interpolation=cv2.INTER_CUBIC).astype(int)
    change = np.abs(target - plain).sum(axis=2)
    x, y = ((sample['keypoints'] + 0.5) * scale - 0.5).round().astype(int).T
    assert np.median(change[y, x]) > 100
    corner = change[:30, :10]  # no keypoint of these boxes gets there
    assert np.median(corner) < 10


def test_a_mixture_shows_all_its_parts(cfg, tmp_path):
    parts = [cfg.train_dataloader.dataset, cfg.val_dataloader.dataset]
    cfg.train_dataloader.dataset = Config(dict(x=dict(datasets=parts))).x
    paths = browse_dataset(cfg, tmp_path / 'out', num=3, views=1)
    assert [path.name[:7] for path in paths] == ['train.0', 'train.0', 'train.1']


def test_what_cannot_be_shown(cfg, tmp_path):
    with pytest.raises(ValueError, match='no test_dataloader'):
        browse_dataset(cfg, tmp_path, split='test')
    with pytest.raises(ValueError, match='num is 0'):
        browse_dataset(cfg, tmp_path, num=0)
    del cfg.model.head['decoder']
    with pytest.raises(ValueError, match=r'no model\.head\.decoder'):
        browse_dataset(cfg, tmp_path)
