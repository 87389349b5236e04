"""The cache of text features: what it keeps, and what makes it forget."""

import copy

import pytest
import torch
from torch import Tensor, nn

from mmpose.models.language import TextCache, freeze


class Encoder(nn.Module):
    """Counts how often it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.cache = TextCache()
        self.calls = 0

    def forward(self, key: str) -> Tensor:
        return self.cache.get(key, lambda: self._compute(len(key)))

    def _compute(self, length: int) -> Tensor:
        self.calls += 1
        return self.layer(torch.full((1, 3), float(length), dtype=self.layer.weight.dtype))


def test_computes_each_text_once():
    encoder = Encoder().eval()
    with torch.no_grad():
        first = encoder('nose')
        assert encoder('nose') is first
        assert not torch.equal(encoder('left eye'), first)
    assert encoder.calls == 2


FORGETS = {
    'train': lambda x: x.train().eval(),
    'eval': lambda x: x.eval(),
    'load': lambda x: x.load_state_dict({k: v + 1 for k, v in x.state_dict().items()}),
    'dtype': lambda x: x.double(),
    'device': lambda x: x.to('meta').to_empty(device='cpu'),
    'clear': lambda x: x.cache.clear(),
}


@pytest.mark.parametrize('change', FORGETS.values(), ids=FORGETS)
def test_forgets_when_weights_may_have_changed(change):
    encoder = Encoder().eval()
    model = nn.ModuleDict({'text': encoder})
    with torch.no_grad():
        encoder('nose')
        change(model['text'])
        assert len(encoder.cache) == 0
        encoder('nose')
    assert encoder.calls == 2


@pytest.mark.parametrize('is_training', [True, False])
def test_keeps_nothing_that_has_gradients(is_training):
    encoder = Encoder().train(is_training)
    assert encoder('nose').requires_grad
    assert len(encoder.cache) == 0
    if is_training:
        with torch.no_grad():
            encoder('nose')
        assert len(encoder.cache) == 0


def test_frozen_encoder_keeps_features_while_the_model_trains():
    model = nn.ModuleDict({'text': freeze(Encoder())}).train()
    with torch.no_grad():
        assert model['text']('nose') is model['text']('nose')


def test_autocast_has_features_of_its_own():
    encoder = Encoder().eval()
    with torch.no_grad():
        with torch.autocast('cpu', torch.bfloat16):
            assert encoder('nose').dtype == torch.bfloat16
        assert encoder('nose').dtype == torch.float32


def test_has_no_state_and_can_be_copied():
    encoder = Encoder().eval()
    with torch.no_grad():
        encoder('nose')
    assert set(encoder.state_dict()) == {'layer.weight', 'layer.bias'}
    assert copy.deepcopy(encoder).cache.training is False


def test_is_bounded():
    cache = TextCache().eval()
    with torch.no_grad():
        for i in range(1000):
            cache.get(i, lambda: torch.zeros(1))
    assert len(cache) <= 256
