"""Greedy soups: what is averaged, in which order it is tried, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mmpose.checkpoint_tools.soup import add_to_mean, find_checkpoints, greedy_soup

TARGET = 1.0


class Bowl:
    """Stands for ``Validation``: weights are one number, and scored by their distance to 1."""

    name = 'EPE'

    def __init__(self, weights, greater=False):
        self.weights = weights
        self.greater = greater
        self.tried = []

    def load(self, path):
        weight = torch.tensor(self.weights[path.name], dtype=torch.float32)
        return {'weight': weight, 'num_batches_tracked': torch.tensor(len(path.name))}

    def evaluate(self, state):
        self.tried.append(float(state['weight']))
        return abs(self.tried[-1] - TARGET) * (-1 if self.greater else 1)


def stir(weights, **options):
    bowl = Bowl(weights, options.pop('greater', False))
    said = []
    soup = greedy_soup([Path(name) for name in weights], bowl, say=said.append, **options)
    return soup, bowl, said


@pytest.mark.parametrize('greater', [False, True])
def test_ingredients_are_tried_from_the_best_on_and_kept_if_nothing_is_lost(greater):
    soup, bowl, said = stir({'a': 3.0, 'b': 1.4, 'c': 0.5, 'dd': -8.0}, greater=greater)
    # b, c and a alone are off by 0.4, 0.5 and 2; b with c by 0.05; with a by 0.63; with d by 2.0
    assert [path.name for path in soup.ingredients] == ['b', 'c']
    np.testing.assert_allclose(
        bowl.tried[4:], [0.95, (1.4 + 0.5 + 3) / 3, (1.9 - 8) / 3], rtol=1e-6
    )
    np.testing.assert_allclose(soup.state['weight'], 0.95)
    assert soup.state['num_batches_tracked'] == 1
    sign = -1 if greater else 1
    np.testing.assert_allclose([soup.score, soup.best_score], [sign * 0.05, sign * 0.4], rtol=1e-5)
    assert soup.is_better
    assert said[-1].startswith('mean with dd: ')
    assert said[-1].endswith('not kept')


def test_a_soup_that_does_not_help_is_none():
    soup, _, _ = stir({'a': 1.1, 'b': 1.5})
    assert not soup.is_better
    assert [path.name for path in soup.ingredients] == ['a']
    assert stir({'a': 1.5, 'b': 1.51, 'c': 0.49}, top=2)[0].is_better is False


def test_weights_that_are_there_twice_count_once():
    soup, _, said = stir({'best': 1.4, 'epoch_3': 1.4, 'epoch_2': 0.5})
    assert [path.name for path in soup.ingredients] == ['best', 'epoch_2']
    assert said[1] == 'epoch_3: left out, it has the weights of best'


def test_means_are_those_of_numpy():
    generator = torch.Generator().manual_seed(0)
    states = [
        {
            'w': torch.randn(3, 4, generator=generator),
            'half': torch.randn(5, generator=generator).half(),
            'count': torch.tensor(i),
        }
        for i in range(4)
    ]
    mean = states[0]
    for num, state in enumerate(states[1:], 1):
        mean = add_to_mean(mean, state, num)
    np.testing.assert_allclose(mean['w'], np.mean([s['w'].numpy() for s in states], 0), atol=1e-6)
    assert mean['half'].dtype == torch.float16
    assert mean['count'] == 0


@pytest.mark.parametrize(
    ('weights', 'message'),
    [
        ({'a': 1.0}, 'two different checkpoints'),
        ({'a': 1.0, 'b': 1.0}, 'there are 1 with'),
        ({'a': 1.0, 'b': float('nan')}, 'there are 1 with'),
    ],
)
def test_too_few_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        stir(weights)


def test_folders_stand_for_their_files(tmp_path):
    for name in ('epoch_2.pth', 'epoch_1.pth', 'config.py'):
        (tmp_path / name).touch()
    found = find_checkpoints([str(tmp_path), str(tmp_path / 'epoch_2.pth')])
    assert [path.name for path in found] == ['epoch_1.pth', 'epoch_2.pth']
    with pytest.raises(FileNotFoundError, match='no checkpoint'):
        find_checkpoints([str(tmp_path / 'none')])
