"""Rates by keywords: the rule of mmcv's configs, in few groups."""

import pytest
import torch
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmcv_custom import KeywordOptimWrapperConstructor

OPTIMIZER = dict(optimizer=dict(type='AdamW', lr=5e-4, weight_decay=1e-4))
KEYS = dict(text_encoder=dict(lr_mult=0.0), backbone=dict(lr_mult=0.1), norm=dict(decay_mult=0.0))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.ModuleDict({'norm1': nn.LayerNorm(2), 'fc': nn.Linear(2, 2)})
        self.text_encoder = nn.Linear(2, 2)
        self.graph = nn.ModuleDict({'norm_list': nn.LayerNorm(2), 'ln_1': nn.LayerNorm(2)})
        self.scale = nn.Parameter(torch.zeros(()))


def make(keys=KEYS, **options):
    return KeywordOptimWrapperConstructor(OPTIMIZER, dict(custom_keys=keys, **options))


def rates(optimizer):
    """Parameter -> its rate and decay."""
    return {
        id(parameter): (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for parameter in group['params']
    }


def test_factors_are_those_of_mmengine_in_few_groups():
    model = Model()
    theirs = DefaultOptimWrapperConstructor(OPTIMIZER, dict(custom_keys=KEYS))(model)
    ours = make()(model)
    assert rates(ours.optimizer) == rates(theirs.optimizer)
    assert [group['group_name'] for group in ours.optimizer.param_groups] == [
        'rest', 'backbone', 'text_encoder', 'norm',
    ]  # fmt: skip
    assert ours.optimizer.param_groups[1]['lr'] == pytest.approx(5e-5)


def test_frozen_parameters_are_left_out():
    model = Model()
    model.text_encoder.requires_grad_(False)
    with pytest.raises(ValueError, match=r"'text_encoder' is part of no name of a trained"):
        make().param_groups(model)
    keys = {key: KEYS[key] for key in ('backbone', 'norm')}
    names = [x for group in make(keys).param_groups(model) for x in group['param_names']]
    assert 'text_encoder.weight' not in names
    assert len(names) == len(set(names)) == len(list(model.parameters())) - 2


BAD = [
    (dict(custom_keys=dict(backbone=dict(lr_multi=0.1))), "'backbone' has lr_multi, expected"),
    (dict(custom_keys=KEYS, norm_decay_mult=0), 'has custom_keys, norm_decay_mult, expected'),
    (dict(), 'paramwise_cfg has nothing, expected exactly custom_keys'),
]


@pytest.mark.parametrize(('paramwise', 'message'), BAD)
def test_bad_options_are_refused(paramwise, message):
    with pytest.raises(ValueError, match=message):
        KeywordOptimWrapperConstructor(OPTIMIZER, paramwise)
