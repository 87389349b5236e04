"""Frozen modules stay frozen, whoever holds or copies them."""

import copy
import pickle

import pytest
import torch
from torch import nn

from mmpose.models.language import freeze


def holder(keep_eval: bool = True) -> nn.Module:
    """Returns a module around a frozen one with dropout and batch statistics."""
    inner = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    return nn.ModuleDict({'frozen': freeze(inner, keep_eval), 'free': nn.Linear(4, 4)})


COPIES = {
    'itself': lambda x: x,
    'deep copy': copy.deepcopy,
    'pickled': lambda x: pickle.loads(pickle.dumps(x)),
}


@pytest.mark.parametrize('make', COPIES.values(), ids=COPIES)
def test_frozen_part_stays_in_eval_mode(make):
    original = holder()
    model = make(original).train()
    frozen = model['frozen']
    assert model['free'].training
    assert not any(module.training for module in frozen.modules())
    assert not any(x.requires_grad for x in frozen.parameters())
    x = torch.rand(8, 4)
    assert torch.equal(frozen(x), frozen(x))
    assert torch.equal(frozen[1].running_mean, torch.zeros(4))
    if model is not original:
        assert frozen.train.module is frozen


def test_published_behaviour_follows_train():
    frozen = holder(keep_eval=False).train()['frozen']
    assert all(module.training for module in frozen.modules())
    assert not any(x.requires_grad for x in frozen.parameters())


def test_state_has_the_same_names():
    plain = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    names = list(plain.state_dict())
    assert list(freeze(freeze(plain)).state_dict()) == names
