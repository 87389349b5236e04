"""Distributed start-up, mixed precision and the loss guard."""

import logging
from types import SimpleNamespace

import pytest
import torch

from mmpose.apis.cli import one_sentence
from mmpose.engine import LossGuardHook, MixedPrecisionOptimWrapper
from mmpose.engine.distributed import init_distributed


def test_launcher_must_be_known():
    with pytest.raises(ValueError, match=r"launcher is 'torchrun', expected one of"):
        init_distributed('torchrun')


@pytest.mark.parametrize(('launcher', 'missing'), [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID')])
def test_missing_environment_is_named(launcher, missing, monkeypatch):
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match=missing):
        init_distributed(launcher)


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)


@pytest.mark.parametrize(
    ('dtype', 'message'),
    [('float16', 'float16 training needs a GPU'), ('half', "optim_wrapper.dtype is 'half'")],
)
def test_impossible_precision_is_refused(dtype, message, monkeypatch):
    monkeypatch.setattr('mmpose.engine.amp.get_device', lambda: 'cpu')
    with pytest.raises(ValueError, match=message):
        MixedPrecisionOptimWrapper(optimizer(), dtype=dtype)


def test_bfloat16_runs_on_a_cpu(monkeypatch):
    monkeypatch.setattr('mmpose.engine.amp.get_device', lambda: 'cpu')
    wrapper = MixedPrecisionOptimWrapper(optimizer(), clip_grad={'max_norm': 1.0})
    layer = torch.nn.Linear(4, 4)
    with wrapper.optim_context(layer):
        assert layer(torch.ones(1, 4)).dtype == torch.bfloat16
    before = wrapper.optimizer.param_groups[0]['params'][0].clone()
    wrapper.update_params((wrapper.optimizer.param_groups[0]['params'][0] * 5).sum())
    after = wrapper.optimizer.param_groups[0]['params'][0]
    torch.testing.assert_close(before - after, torch.full((2,), 0.1 / 2**0.5))
    wrapper.load_state_dict(wrapper.state_dict())


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_bad_loss_stops_with_the_images(value):
    runner = SimpleNamespace(iter=6, logger=logging.getLogger('fake'))
    batch = {'batch': {'image_file': [f'{i}.jpg' for i in range(10)]}}
    with pytest.raises(FloatingPointError, match=r"iteration 7; .*'0.jpg'.*and 2 more"):
        LossGuardHook().after_train_iter(runner, 0, batch, {'loss': torch.tensor(value)})


def test_error_of_a_worker_is_one_sentence():
    text = (
        'Caught ValueError in DataLoader worker process 0.\nOriginal Traceback (most recent call '
        'last):\n  File "x.py", line 1\nValueError: image a.jpg is damaged: expected a JPEG\n'
    )
    assert one_sentence(ValueError(text)) == 'image a.jpg is damaged: expected a JPEG'
    assert one_sentence(KeyError('x')) == 'x'
