"""Backbone and heads are compiled in place; what cannot be compiled runs as it is and says why."""

import pytest
import torch
from test_fake_gpu import build, make_batch

from mmpose.engine.compilation import compile_parts

compiled_graphs = []


def recording(graph, inputs):
    compiled_graphs.append(graph)
    return graph


def broken(graph, inputs):
    raise OSError('no compiler here\nmore of it')


def losses(model, data):
    torch.manual_seed(0)
    return {name: float(x) for name, x in model.train()(**data, mode='loss').items()}


def prepared(name):
    torch.manual_seed(0)
    model, heads = build(name)
    data = make_batch(model, heads)
    return model, {**data, 'inputs': torch.rand(data['inputs'].shape)}


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    compiled_graphs.clear()


@pytest.mark.parametrize(('name', 'num_parts'), [('simple', 2), ('heads', 4)])
def test_backbone_and_heads_are_compiled(name, num_parts):
    model, data = prepared(name)
    keys, expected = list(model.state_dict()), losses(model, data)
    told = []
    assert compile_parts(model, {'backend': recording}, told.append)
    assert losses(model, data) == pytest.approx(expected)
    assert len(compiled_graphs) >= num_parts
    assert list(model.state_dict()) == keys
    assert told == []


def test_what_cannot_be_compiled_says_why():
    model, data = prepared('simple')
    expected = losses(model, data)
    told = []
    compile_parts(model, {'backend': broken}, told.append)
    for _ in range(2):
        assert losses(model, data) == pytest.approx(expected)
    assert len(told) == 2
    assert told[0].startswith('the backbone runs without compilation: ')
    assert told[0].endswith('Error: no compiler here')
    assert told[1].startswith('the head runs without compilation: ')


def test_an_error_of_the_model_stays_one():
    model, data = prepared('simple')
    told = []
    compile_parts(model, {'backend': recording}, told.append)
    with pytest.raises(ValueError, match='head has 17 keypoints but the batch has 3'):
        model(data['inputs'], {**data['batch'], 'keypoints': torch.zeros(2, 3, 2)}, mode='loss')
    assert told == []


def test_nothing_is_compiled_unasked():
    model, _ = prepared('simple')
    assert not compile_parts(model, None)
    assert model.backbone._compiled_call_impl is None
