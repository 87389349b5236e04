"""A mixture gives the samples of its datasets, in the asked shares, in an order of its own."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from mmpose.datasets import CombinedDataset, PoseSampler, SampleIndex, collate_poses, samplers
from mmpose.registry import DATASETS
from tests.datasets import tiny_coco

SMALL = {'type': 'CocoDataset', 'pipeline': tiny_coco.PIPELINE}


def mpii_content(num):
    joints = np.arange(32).reshape(16, 2) + 12.0
    return [
        {'image': '0.png', 'center': [40.0 + i, 30.0], 'scale': 0.2, 'joints': joints.tolist(),
         'joints_vis': [1] * 16}
        for i in range(num)
    ]  # fmt: skip


@pytest.fixture
def parts(tmp_path):
    """Configs of 6 persons with 17 keypoints, 3 with 16, and 2 more with 17."""
    first = tiny_coco.write(tmp_path / 'first')
    second = tiny_coco.write(tmp_path / 'second')
    (tmp_path / 'second/mpii.json').write_text(json.dumps(mpii_content(3)))
    third = tiny_coco.write(tmp_path / 'third', tiny_coco.content(1))
    affine = {**tiny_coco.PIPELINE[-1], 'fix_aspect': False}
    square = [*tiny_coco.PIPELINE[:2], tiny_coco.PIPELINE[3], affine]
    return [
        {**SMALL, **first},
        {**second, 'type': 'MpiiDataset', 'ann_file': 'mpii.json', 'pipeline': square},
        {**SMALL, **third},
    ]


def equal_samples(a, b):
    assert a.keys() == b.keys()
    for key in a.keys() - {'dataset_meta', 'rng', 'crop', 'dataset_idx'}:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


def test_samples_are_those_of_the_datasets(parts):
    mixture = DATASETS.build({'type': 'CombinedDataset', 'datasets': parts})
    assert len(mixture) == 6 + 3 + 2
    place = 0
    for number, config in enumerate(parts):
        alone = DATASETS.build(config)
        for index in range(len(alone)):
            sample = mixture[SampleIndex(place, 2, 9)]
            assert sample['dataset_idx'] == number
            equal_samples(sample, alone[SampleIndex(index, 2, 9)])
            assert mixture.get_sample(place)['ann_id'] == alone.get_sample(index)['ann_id']
            place += 1
    for outside in (-1, place):
        with pytest.raises(IndexError, match=f'sample {outside} of 11'):
            mixture[outside]


def test_metainfo_of_the_parts(parts):
    mixture = CombinedDataset(parts)
    meta = mixture.metainfo
    assert meta['dataset_type'] == 'CombinedDataset'
    assert [part['num_samples'] for part in meta['parts']] == [6, 3, 2]
    assert [part['dataset_meta'].name for part in meta['parts']] == ['coco', 'mpii', 'coco']
    assert [len(part['ground_truth']().ann_id) for part in meta['parts']] == [6, 3, 2]


def test_only_some_keep_their_places(parts):
    mixture = CombinedDataset([{'type': 'NoSuchDataset'}, *parts[1:]], only=[2])
    assert len(mixture) == 2
    assert {mixture[i]['dataset_idx'] for i in range(2)} == {2}
    assert [part['num_samples'] for part in mixture.metainfo['parts']] == [0, 0, 2]


def test_batch_of_two_skeletons(parts):
    mixture = CombinedDataset(parts)
    samples = [mixture[i] for i in (0, 6, 9)]
    batch = collate_poses(samples)['batch']
    assert batch['keypoints'].shape == (3, 17, 2)
    assert batch['dataset_idx'].tolist() == [0, 1, 2]
    assert batch['dataset_idx'].dtype == torch.int64
    np.testing.assert_array_equal(batch['keypoints'][1, :16], samples[1]['keypoints'])
    np.testing.assert_array_equal(batch['keypoints'][2], samples[2]['keypoints'])
    assert batch['keypoints_visible'][1].tolist() == [1] * 16 + [0]
    assert not batch['keypoints'][1, 16].any()
    assert collate_poses([mixture[6], mixture[7]])['batch']['keypoints'].shape == (2, 16, 2)


def draws_of(mixture, monkeypatch, epoch=0, rank=0, world=1, start=0):
    monkeypatch.setattr(samplers, 'get_dist_info', lambda: (rank, world))
    sampler = PoseSampler(mixture, seed=5)
    sampler.set_start(start, epoch=epoch)
    return list(sampler)


def parts_of(mixture, draws):
    numbers = np.searchsorted(mixture.ends, [draw.index for draw in draws], side='right')
    return np.bincount(numbers, minlength=len(mixture.parts)).tolist()


def test_natural_shares_visit_each_sample_once(parts, monkeypatch):
    mixture = CombinedDataset(parts)
    draws = draws_of(mixture, monkeypatch)
    assert draws == list(PoseSampler(range(11), seed=5)), 'the order of any dataset of this length'
    assert sorted(draw.index for draw in draws) == list(range(11))
    assert {draw.repeat for draw in draws} == {0}


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({'ratios': [1, 1, 1]}, [4, 4, 3]),  # 11 / 3 each, the rest to the first
        ({'ratios': [0.5, 0.25, 8]}, [1, 0, 10]),
        ({'temperature': 1.0}, [6, 3, 2]),
        ({'temperature': 1e9}, [4, 4, 3]),
        ({'temperature': 2.0}, [5, 3, 3]),  # sqrt(6, 3, 2) * 11 / 5.596 = 4.81, 3.40, 2.78
        ({'ratios': [1, 9, 1], 'only': [0, 2]}, [4, 0, 4]),
    ],
)
def test_shares(parts, monkeypatch, options, expected):
    mixture = CombinedDataset(parts, **options)
    draws = draws_of(mixture, monkeypatch)
    assert len(draws) == len(mixture) == sum(expected)
    assert parts_of(mixture, draws) == expected


def test_repeated_samples_come_in_rounds_with_other_augmentation(parts, monkeypatch):
    mixture = CombinedDataset(parts, ratios=[0.5, 0.25, 8])
    draws = draws_of(mixture, monkeypatch)
    visits = Counter(draw.index for draw in draws if draw.index >= 9)
    assert visits == {9: 5, 10: 5}, 'both persons of the third part equally often'
    own = [draw for draw in draws if draw.index == 9]
    assert sorted(draw.repeat for draw in own) == [0, 1, 2, 3, 4]
    crops = {mixture[draw]['image'].tobytes() for draw in own}
    assert len(crops) == 5


@pytest.mark.parametrize('options', [{}, {'ratios': [1, 2, 3]}, {'temperature': 3}])
def test_order_for_any_number_of_ranks_and_after_resume(parts, monkeypatch, options):
    mixture = CombinedDataset(parts, **options)
    alone = draws_of(mixture, monkeypatch, epoch=4)
    assert alone == draws_of(CombinedDataset(parts, **options), monkeypatch, epoch=4)
    assert alone != draws_of(mixture, monkeypatch, epoch=5)
    for world in (2, 3):
        ranks = [draws_of(mixture, monkeypatch, 4, rank, world) for rank in range(world)]
        merged = [draw for step in zip(*ranks, strict=True) for draw in step]
        assert merged[:11] == alone
        resumed = draws_of(mixture, monkeypatch, 4, 1, world, start=2)
        assert resumed == ranks[1][2:]


def spoil_crop(parts):
    last = {**parts[2]['pipeline'][-1], 'input_size': (48, 64)}
    parts[2]['pipeline'] = [*parts[2]['pipeline'][:-1], last]


def repeat(parts):
    parts[2] = dict(parts[0])


def repeat_in_other_words(parts):
    folder = parts[0]['data_root']
    parts[2] = {**parts[0], 'data_root': '', 'ann_file': f'{folder}/../first/ann.json',
                'data_prefix': {'img': f'{folder}/images'}}  # fmt: skip


def make_empty(parts):
    path = Path(parts[2]['data_root'], 'ann.json')
    path.write_text(json.dumps({**json.loads(path.read_text()), 'annotations': []}))


def make_one_a_test(parts):
    steps = [step for step in parts[1]['pipeline'] if step['type'] != 'RandomFlip']
    parts[1].update(test_mode=True, pipeline=steps)


@pytest.mark.parametrize(
    ('spoil', 'options', 'message'),
    [
        (list.clear, {}, 'CombinedDataset.datasets is empty'),
        (make_empty, {}, r'third/ann\.json'),
        (repeat, {}, r'datasets 0 and 2 .* both read .*first/ann\.json'),
        (repeat_in_other_words, {}, r'datasets 0 and 2 .* both read .*first/ann\.json'),
        (spoil_crop, {}, r'dataset 0 \(.*first/ann\.json\) crops to \(24, 32\) .*third.*48, 64'),
        (None, {'ratios': [1, 2]}, 'ratios has 2 numbers for 3 datasets'),
        (None, {'ratios': [1, 0, 1]}, r'ratios is \[1, 0, 1\], expected numbers above 0'),
        (None, {'ratios': [1, -1, 1]}, 'expected numbers above 0'),
        (None, {'ratios': [1, float('nan'), 1]}, 'expected numbers above 0'),
        (None, {'temperature': 0}, 'temperature is 0, expected a number above 0'),
        (None, {'temperature': 2, 'ratios': [1, 1, 1]}, 'ratios=.* and temperature=2; set one'),
        (None, {'only': [3]}, r'only is \[3\], expected some of the indices 0 to 2'),
        (None, {'only': []}, r'only is \[\], expected some'),
        (make_one_a_test, {}, 'dataset 1 .* has test_mode=True but dataset 2'),
        (lambda parts: parts[1].update(dataset_idx=0), {}, 'dataset 1 .* has dataset_idx=0'),
        (lambda parts: parts[1].update(indices=0), {}, 'indices=0 leaves no instance of .*mpii'),
    ],
)
def test_bad_mixtures(parts, spoil, options, message):
    if spoil is not None:
        spoil(parts)
    with pytest.raises(ValueError, match=message):
        CombinedDataset(parts, **options)


def test_mixtures_of_mixtures_are_refused(parts):
    inner = {'type': 'CombinedDataset', 'datasets': parts[:2]}
    with pytest.raises(TypeError, match='dataset 0 of CombinedDataset is a CombinedDataset'):
        CombinedDataset([inner, parts[2]])


def test_crops_of_different_sizes_name_the_datasets(parts):
    mixture = CombinedDataset(parts)
    samples = [mixture[0], mixture[6]]
    samples[1]['image'] = samples[1]['image'][:16]
    with pytest.raises(ValueError, match=r'\(16, 24, 3\) uint8 \(dataset 1, .*0\.png\).*dataset 0'):
        collate_poses(samples)


def test_one_dataset_has_one_number_of_keypoints(parts):
    mixture = CombinedDataset(parts)
    samples = [mixture[0], mixture[1], mixture[6]]
    samples[1]['keypoints'] = samples[1]['keypoints'][:5]
    with pytest.raises(ValueError, match=r"'keypoints' has different .* of dataset 0: \[\(5, 2\)"):
        collate_poses(samples)
