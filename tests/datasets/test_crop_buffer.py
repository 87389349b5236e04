"""An image is decoded once for its persons, and nothing but the order of an epoch changes."""

import dataclasses
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmpose.datasets import PoseSampler, crop_buffer, samplers
from mmpose.datasets.crop_buffer import CropBuffer, spread_images
from mmpose.datasets.samplers import SampleIndex
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import DATASETS, TRANSFORMS
from tests.datasets import tiny_coco
from tests.datasets.test_combined import equal_samples

NUM_IMAGES, PER_IMAGE = 5, 4
WINDOW_FIRST = [*tiny_coco.PIPELINE[1:-1], tiny_coco.PIPELINE[0], tiny_coco.PIPELINE[-1]]
REDUCED = [*WINDOW_FIRST[:-2], {'type': 'LoadImage', 'reduced_for_wh': (12, 16)}, WINDOW_FIRST[-1]]
PIPELINES = {
    'plain': tiny_coco.PIPELINE,
    'photometric': [*tiny_coco.PIPELINE, {'type': 'PhotometricDistortion'}],
    'reduced': REDUCED,
    'condition': [*tiny_coco.PIPELINE, {'type': 'AddCondition', 'jitter': 0.1}],
}


@TRANSFORMS.register_module()
class Negative:
    """A transform of a user's that changes the whole image."""

    def __call__(self, sample):
        return {**sample, 'image': 255 - sample['image']}


@pytest.fixture
def config(tmp_path):
    data = tiny_coco.content(NUM_IMAGES, PER_IMAGE)
    return {'type': 'CocoDataset', **tiny_coco.write(tmp_path / 'data', data)}


@pytest.fixture
def num_decoded(monkeypatch):
    """Images that were decoded in this process, one entry each."""
    decoded, decode = [], LoadImage._decode

    def count(self, path, shrink, **options):
        decoded.append((path, shrink))
        return decode(self, path, shrink, **options)

    monkeypatch.setattr(LoadImage, '_decode', count)
    return decoded


def build(config, pipeline, **options):
    dataset = DATASETS.build({**config, 'pipeline': pipeline, **options})
    return dataset, PoseSampler(dataset, seed=3, image_buffer=len(dataset))


@pytest.mark.parametrize('name', PIPELINES)
def test_samples_are_what_they_were(name, config, num_decoded):
    dataset, sampler = build(config, PIPELINES[name])
    for epoch in range(2):
        sampler.set_epoch(epoch)
        num_decoded.clear()
        samples = [(draw, dataset[draw]) for draw in sampler]
        assert len(num_decoded) == len(set(num_decoded))
        assert name == 'reduced' or len(num_decoded) == NUM_IMAGES
        plain = DATASETS.build({**config, 'pipeline': PIPELINES[name]})
        for draw, sample in samples:
            expected = plain[SampleIndex(draw.index, epoch, 3)]
            equal_samples({**sample, 'shrink': 0}, {**expected, 'shrink': 0})
            np.testing.assert_array_equal(sample['crop'].matrix(), expected['crop'].matrix())
            assert sample['dataset_meta'] is dataset.dataset_meta
            assert sample['rng'].random() == expected['rng'].random()


def test_images_of_unknown_size(config, tmp_path, num_decoded):
    content = json.loads(Path(config['data_root'], 'ann.json').read_text())
    for image in content['images']:
        del image['width'], image['height']
    Path(config['data_root'], 'ann.json').write_text(json.dumps(content))
    test_samples_are_what_they_were('plain', config, num_decoded)


def test_a_transform_that_sees_the_image_is_obeyed(config, monkeypatch):
    said = []
    monkeypatch.setattr(crop_buffer, 'print_log', lambda text, *_: said.append(text))
    pipeline = [tiny_coco.PIPELINE[0], {'type': 'Negative'}, *tiny_coco.PIPELINE[1:]]
    dataset, sampler = build(config, pipeline)
    assert dataset.crop_wh is dataset.crops is None
    assert [text for text in said if 'a transform before TopdownAffine' in text] == said != []
    plain = DATASETS.build({**config, 'pipeline': pipeline})
    for draw in sampler:
        equal_samples(dataset[draw], plain[SampleIndex(draw.index, 0, 3)])


def test_a_mixture_shares_one_buffer(config, tmp_path, num_decoded):
    other = tiny_coco.write(tmp_path / 'other', tiny_coco.content(2, 3))
    parts = [{**part, 'pipeline': tiny_coco.PIPELINE} for part in (config, {**config, **other})]
    mixture = DATASETS.build({'type': 'CombinedDataset', 'datasets': parts, 'ratios': [1, 2]})
    plain = DATASETS.build({'type': 'CombinedDataset', 'datasets': parts, 'ratios': [1, 2]})
    draws = list(PoseSampler(mixture, seed=3, image_buffer=26))
    assert max(draw.repeat for draw in draws) >= 2, 'the smaller dataset is repeated'
    for draw in draws:
        equal_samples(mixture[draw], plain[SampleIndex(draw.index, 0, 3, draw.repeat)])
    assert len(num_decoded) - len(draws) <= 2 * 7  # an image of 8 or 9 draws counts as two


@pytest.mark.parametrize('damage', ['missing', 'truncated', 'other size'])
def test_bad_images_are_replaced_as_ever(damage, config):
    path = Path(config['data_root'], 'images/1.png')
    content = path.read_bytes()
    path.unlink()
    if damage == 'truncated':
        path.write_bytes(content[: len(content) // 2])
    if damage == 'other size':
        tiny_coco.write_image(path, (50, 50))
    dataset, sampler = build(config, tiny_coco.PIPELINE, on_bad_image='skip')
    plain = DATASETS.build({**config, 'pipeline': tiny_coco.PIPELINE, 'on_bad_image': 'skip'})
    with pytest.warns(UserWarning, match='using another sample'):
        pairs = [(dataset[draw], plain[SampleIndex(draw.index, 0, 3)]) for draw in sampler]
    for sample, expected in pairs:
        equal_samples(sample, expected)
    assert dataset.bad_images == plain.bad_images


def test_the_box_of_another_person_stops_nobody(config):
    dataset, sampler = build(config, tiny_coco.PIPELINE)
    boxes = dataset.store.bbox_xywh.copy()
    boxes[2, 2:] = 0
    dataset.store = dataclasses.replace(dataset.store, bbox_xywh=boxes)
    failed = []
    for draw in sampler:
        try:
            dataset[draw]
        except RuntimeError as error:
            failed.append(str(error))
    assert len(failed) == 1
    assert 'has no size' in failed[0]


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_workers_share_the_crops(method, config):
    dataset, sampler = build(config, tiny_coco.PIPELINE)
    plain = DATASETS.build({**config, 'pipeline': tiny_coco.PIPELINE})
    context = multiprocessing.get_context(method)
    num_workers = 2 if method == 'fork' else 1  # each one imports everything
    options = dict(batch_size=2, num_workers=num_workers, persistent_workers=True, collate_fn=list)
    loader = DataLoader(dataset, sampler=sampler, multiprocessing_context=context, **options)
    for epoch in range(2):
        sampler.set_epoch(epoch)
        draws = list(sampler)
        samples = [sample for batch in loader for sample in batch]
        for draw, sample in zip(draws, samples, strict=True):
            equal_samples(sample, plain[SampleIndex(draw.index, epoch, 3)])
        assert sum(draw in dataset.crops for draw in draws) >= NUM_IMAGES


def test_two_ranks_share_the_crops(config, tmp_path):
    """The persons of an image fall to both ranks; together these decode hardly more than once."""
    (tmp_path / 'config.json').write_text(json.dumps({**config, 'pipeline': tiny_coco.PIPELINE}))
    root = Path(__file__).parents[2]
    command = [sys.executable, '-m', 'tests.datasets.crop_buffer_worker', str(tmp_path)]
    environment = {**os.environ, 'PYTHONPATH': str(root), 'OMP_NUM_THREADS': '1'}
    workers = [
        subprocess.Popen(command, env={**environment, 'RANK': str(rank)}, cwd=root)
        for rank in range(2)
    ]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    ranks = [json.loads((tmp_path / f'{rank}.json').read_text()) for rank in range(2)]
    assert sum(rank['decoded'] for rank in ranks) == NUM_IMAGES
    plain = DATASETS.build({**config, 'pipeline': tiny_coco.PIPELINE})
    _, sampler = build(config, tiny_coco.PIPELINE)
    sums = [int(plain[SampleIndex(draw.index, 0, 3)]['image'].sum()) for draw in sampler]
    assert [x for pair in zip(*(rank['sums'] for rank in ranks), strict=True) for x in pair] == sums


def test_a_buffer_that_others_cannot_open(config):
    buffer = CropBuffer(4, (24, 32))
    pid, descriptor, inode = buffer.address
    with pytest.raises(OSError, match='has another file'):
        CropBuffer(4, (24, 32), (pid, descriptor, inode + 1))
    with pytest.raises(OSError, match='No such file'):
        CropBuffer(4, (24, 32), (2**22 + 1, descriptor, inode))


def test_what_is_not_there_is_missed():
    buffer = CropBuffer(4, (24, 32))
    shared = pickle.loads(pickle.dumps(buffer))
    draw = SampleIndex(7, 1, 3, 0, 6)
    sample = {
        'image': np.full((32, 24, 3), 9, np.uint8),
        'keypoints': np.arange(34, dtype=np.float32).reshape(17, 2),
        'image_wh': (80, 60),
    }
    assert buffer.read(draw) is None
    buffer.write(draw, sample)
    equal_samples(shared.read(draw), sample)
    others = [draw._replace(**{key: 2}) for key in ('index', 'epoch', 'seed', 'repeat', 'place')]
    assert [shared.read(other) for other in others] == [None] * 5
    buffer._heads[2, 0] = 0  # as a process leaves it that dies while it writes
    assert shared.read(draw) is None
    buffer.write(draw, {**sample, 'more': 'x' * crop_buffer.ROOM})
    assert shared.read(draw) is None, 'too large'


def test_more_than_half_of_the_memory_is_left_alone(config, monkeypatch):
    said = []
    monkeypatch.setattr(crop_buffer, 'print_log', lambda text, *_: said.append(text))
    monkeypatch.setattr(crop_buffer.os, 'sysconf', lambda name: 200)
    dataset, sampler = build(config, tiny_coco.PIPELINE)
    assert 'crops take 0 MiB, more than half of the memory; lower' in said[0]
    assert dataset.crops is None
    assert not any(draw.ahead for draw in sampler)


def images_like_coco(num):
    """Image of each person: 2.65 persons per image, up to 30."""
    rng = np.random.default_rng(0)
    return np.repeat(np.arange(num), np.minimum(rng.geometric(1 / 2.65, num), 30))


def spread(images, window, seed=0):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    own, groups = spread_images(images[order], window, 8, rng)
    return order[own], groups


@pytest.mark.parametrize(('batch', 'buffer', 'factor'), [
    (64, 512, 1.5), (512, 4096, 1.5), (64, 1024, 0.5), (256, 4096, 0.5),
])  # fmt: skip
def test_persons_of_an_image_seldom_share_a_batch(batch, buffer, factor):
    """Compared with a plain permutation, for an eighth and a sixteenth of the buffer."""
    images = images_like_coco(8000)
    order, _ = spread(images, buffer)
    rows = images[order][: len(order) // batch * batch].reshape(-1, batch)
    counts = [np.unique(row, return_counts=True)[1] for row in rows]
    pairs = sum((count * (count - 1) // 2).sum() for count in counts)
    sizes = np.bincount(images)
    chance = (sizes * (sizes - 1) // 2).sum() * (batch - 1) / (len(images) - 1)
    assert pairs <= factor * chance


def test_persons_of_an_image_come_within_the_window():
    images = images_like_coco(2000)
    order, groups = spread(images, 500)
    assert sorted(order) == list(range(len(images)))
    first, last = np.full(groups.max() + 1, len(order)), np.zeros(groups.max() + 1)
    np.minimum.at(first, groups, np.arange(len(order)))
    np.maximum.at(last, groups, np.arange(len(order)))
    far = last - first > 550  # the epoch is a circle, and the random places are not quite even
    assert far.mean() < 1.5 * 500 / len(images)
    where = np.mean([np.argsort(spread(images, 500, seed)[0]) for seed in range(40)], axis=0)
    many = np.bincount(images)[images] > 5
    assert where[many].mean() == pytest.approx(where[~many].mean(), rel=0.02), 'no one comes first'


@pytest.mark.parametrize('world', [1, 2, 3])
def test_ranks_and_resumption_do_not_change_the_order(world, config, monkeypatch):
    _, whole = build(config, tiny_coco.PIPELINE)
    expected = [draw[:5] for draw in whole]
    dealt = []
    for rank in range(world):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, world))
        _, sampler = build(config, tiny_coco.PIPELINE)
        sampler._ranks = {0}  # of another machine
        own = list(sampler)
        assert all((draw.place + ahead[0]) % world == 0 for draw in own for ahead in draw.ahead)
        sampler.set_start(2, epoch=0)
        assert list(sampler) == own[2:]
        dealt.append(own)
    merged = [draw[:5] for step in zip(*dealt, strict=True) for draw in step]
    assert merged == [*expected, *expected][: len(merged)]


@pytest.mark.parametrize(
    ('options', 'found'),
    [
        ({'shuffle': False}, 'shuffle False and the dataset a CocoDataset'),
        ({'image_buffer': -1}, '-1'),
        ({'dataset': range(3)}, 'range'),
    ],
)
def test_bad_input(options, found, config):
    dataset = DATASETS.build({**config, 'pipeline': tiny_coco.PIPELINE})
    with pytest.raises(ValueError, match=f'sampler.image_buffer is .*{found}'):
        PoseSampler(**{'dataset': dataset, 'image_buffer': 9, **options})
