"""Nothing is lost or doubled, in any number of processes, after any resume."""

from itertools import chain

import numpy as np
import pytest
from torch.utils.data import Sampler

from mmpose.datasets import samplers
from mmpose.datasets.samplers import PoseSampler, SampleIndex, with_epochs
from mmpose.registry import DATA_SAMPLERS


@pytest.fixture
def make(monkeypatch):
    def build(num, rank=0, world=1, **options):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda: (rank, world))
        return PoseSampler(range(num), **{'seed': 3, **options})

    return build


TABLE = [(num, world) for world in (1, 2, 3) for num in (1, 2, 3, 10, 12)]


def test_is_registered():
    built = DATA_SAMPLERS.build(
        {'type': 'PoseSampler', 'shuffle': False}, default_args={'dataset': range(3), 'seed': 1}
    )
    assert [draw.index for draw in built] == [0, 1, 2]


@pytest.mark.parametrize(('num', 'world'), TABLE)
def test_training_deals_evenly(make, num, world):
    ranks = [make(num, rank, world) for rank in range(world)]
    dealt = [[draw.index for draw in sampler] for sampler in ranks]
    lengths = {len(part) for part in dealt} | {len(sampler) for sampler in ranks}
    assert lengths == {-(-num // world)}
    counts = np.bincount(np.concatenate(dealt), minlength=num)
    extra = lengths.pop() * world - num
    assert counts.min() >= 1
    assert counts.sum() == num + extra


@pytest.mark.parametrize(('num', 'world'), TABLE)
def test_testing_loses_and_doubles_nothing(make, num, world):
    ranks = [make(num, r, world, shuffle=False, round_up=False) for r in range(world)]
    dealt = [[draw.index for draw in sampler] for sampler in ranks]
    assert [len(part) for part in dealt] == [len(sampler) for sampler in ranks]
    assert sorted(chain(*dealt)) == list(range(num))
    assert all(part == sorted(part) for part in dealt)


@pytest.mark.parametrize('world', [1, 2, 3])
def test_the_order_does_not_depend_on_the_number_of_ranks(make, world):
    ranks = [list(make(12, rank, world)) for rank in range(world)]
    merged = [draw for step in zip(*ranks, strict=True) for draw in step]
    assert merged == list(make(12))


def test_order_follows_from_seed_and_epoch(make):
    sampler = make(100)
    first, again = list(sampler), list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    other = list(make(100, seed=4))
    assert first == again
    assert all(draw == SampleIndex(draw.index, 1, 3) for draw in second)
    orders = {tuple(draw.index for draw in draws) for draws in (first, second, other)}
    assert len(orders) == 3, 'three different orders'
    assert first != [SampleIndex(i, 0, 3) for i in range(100)], 'shuffled'


@pytest.mark.parametrize('world', [1, 2, 3])
@pytest.mark.parametrize('shuffle', [True, False])
def test_resume_in_the_middle(make, world, shuffle):
    for rank in range(world):
        whole = make(10, rank, world, shuffle=shuffle)
        whole.set_epoch(5)
        expected = list(whole)
        for start in range(len(whole) + 1):
            resumed = make(10, rank, world, shuffle=shuffle)
            resumed.set_start(start, epoch=5)
            resumed.set_epoch(5)  # what the training loop does before the epoch
            assert list(resumed) == expected[start:]
            assert len(resumed) == len(expected), 'the length of an epoch stays'
            resumed.set_epoch(6)
            assert len(list(resumed)) == len(expected), 'the next epoch is whole'


def test_bad_input(make):
    sampler = make(10, 1, 3)
    with pytest.raises(ValueError, match='cannot start at sample 5: rank 1 has 4 samples'):
        sampler.set_start(5)
    with pytest.raises(ValueError, match='sampler seed is -1'):
        make(10, seed=-1)
    with pytest.raises(ValueError, match='dataset of this sampler is empty'):
        make(0)


def test_a_draw_without_a_seed_given(make):
    sampler = make(10, seed=None)
    assert sampler.seed >= 0
    assert {draw.seed for draw in sampler} == {sampler.seed}


def test_draws_have_random_numbers_of_their_own():
    draws = [SampleIndex(i, e, s) for i in range(3) for e in range(3) for s in range(3)]
    assert len({draw.generator().random() for draw in draws}) == len(draws)
    assert SampleIndex(1, 2, 3).generator().random() == SampleIndex(1, 2, 3).generator().random()


class Drawn:
    """A dataset that wants some of its samples more than once."""

    def __init__(self, order):
        self.order = order

    def __len__(self):
        return len(self.order)

    def draw_order(self, rng):
        return rng.permutation(self.order)


def test_visits_are_counted_over_all_ranks(monkeypatch):
    dealt = []
    for rank in range(2):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, 2))
        dealt.append(list(PoseSampler(Drawn(np.array([4, 4, 1, 4])), seed=1)))
    seen = sorted((draw.index, draw.repeat) for draw in chain(*dealt))
    assert seen == [(1, 0), (4, 0), (4, 1), (4, 2)]
    first_four = next(draw for step in zip(*dealt, strict=True) for draw in step if draw.index == 4)
    assert first_four.repeat == 0


def test_a_first_visit_has_the_random_numbers_of_the_sample():
    assert SampleIndex(1, 2, 3, 0).generator().random() == np.random.default_rng((3, 2, 1)).random()
    numbers = {SampleIndex(1, 2, 3, visit).generator().random() for visit in range(4)}
    assert len(numbers) == 4


def test_order_of_a_plain_dataset_stays_what_it_was(make):
    expected = np.random.default_rng((3, 2)).permutation(7)
    sampler = make(7, rank=1, world=2)
    sampler.set_epoch(2)
    assert [draw.index for draw in sampler] == [*expected[1::2], expected[0]]


class EveryOther(Sampler):
    """A sampler as MMPose users write it: plain integers, some of them twice."""

    def __init__(self, dataset, seed=None):
        self.dataset, self.seed, self.epoch = dataset, seed, 0

    def __len__(self):
        return 4

    def __iter__(self):
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.dataset) // 2)
        yield from (2 * order).tolist() * 9  # it would go on

    def set_epoch(self, epoch):
        self.epoch = epoch


def test_plain_integers_get_their_epoch():
    sampler = DATA_SAMPLERS.build(
        with_epochs(dict(type=EveryOther)), default_args=dict(dataset=range(6), seed=5)
    )
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)

    assert [x.index for x in first[:3]] == list(EveryOther(range(6), 5))[:3]
    assert [x[1:4] for x in first] == [(0, 5, 0)] * 3 + [(0, 5, 1)]
    assert [x[1:4] for x in second] == [(1, 5, 0)] * 3 + [(1, 5, 1)]
    assert len({x.generator().random() for x in (*first, *second)}) == 8
    sampler.set_start(3)
    assert list(sampler) == second[3:]
    sampler.set_epoch(2)
    assert len(list(sampler)) == 4


def test_default_sampler_is_ours():
    config = dict(type='DefaultSampler', shuffle=False, round_up=False)
    sampler = DATA_SAMPLERS.build(with_epochs(config), default_args=dict(dataset=range(3), seed=1))

    assert type(sampler) is PoseSampler
    assert [x.index for x in sampler] == [0, 1, 2]
    assert with_epochs(dict(type='PoseSampler')) == dict(type='PoseSampler')
