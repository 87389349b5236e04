"""Distributed start-up, mixed precision and the loss guard."""

import logging
import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from mmpose.apis.cli import one_sentence, run_tool
from mmpose.apis.machine_errors import is_first_to_tell
from mmpose.engine import LossGuardHook, MixedPrecisionOptimWrapper
from mmpose.engine.distributed import init_distributed
from mmpose.engine.train_loop import PoseTrainLoop


def test_launcher_must_be_known():
    with pytest.raises(ValueError, match=r"launcher is 'torchrun', expected one of"):
        init_distributed('torchrun')


@pytest.mark.parametrize(('launcher', 'missing'), [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID')])
def test_missing_environment_is_named(launcher, missing, monkeypatch):
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=missing):
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


def test_ranks_share_the_statistics_of_both_models(monkeypatch):
    """Also those that an EMAHook averages, by which ranks validate and which are saved."""
    shared = []
    monkeypatch.setattr('mmpose.engine.train_loop.broadcast', lambda x, src: shared.append(id(x)))
    models = [torch.nn.BatchNorm2d(2), torch.nn.BatchNorm2d(2)]
    hooks = [SimpleNamespace(), SimpleNamespace(ema_model=models[1])]
    runner = SimpleNamespace(world_size=2, model=models[0], hooks=hooks)
    PoseTrainLoop._share_buffers(SimpleNamespace(runner=runner))
    assert shared == [id(buffer) for model in models for buffer in model.buffers()]


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


FULL = 'the memory is full; lower the batch size'


@pytest.mark.parametrize(
    ('error', 'sentence'),
    [
        (
            RuntimeError('DataLoader worker (pid(s) 12) exited unexpectedly'),
            'a loader worker has died.*num_workers',
        ),
        (
            RuntimeError('DataLoader worker (pid 12) is killed by signal: Killed. '),
            'a loader worker has died.*num_workers',
        ),
        (
            RuntimeError(
                'DataLoader worker (pid 12) is killed by signal: Bus error. It is possible that '
                "dataloader's workers are out of shared memory."
            ),
            '/dev/shm is too small.*num_workers=0',
        ),
        (
            RuntimeError('unable to write to file </torch_12_3>: No space left on device (28)'),
            '/dev/shm is too small',
        ),
        (RuntimeError('received 0 items of ancdata'), 'there are too many open files.*ulimit -n'),
        (OSError(24, 'Too many open files'), 'there are too many open files.*ulimit -n'),
        (
            RuntimeError(
                'The server socket has failed to listen on any local network address. port: '
                '29511, useIpv6: false, code: -98, name: EADDRINUSE'
            ),
            'port 29511 is in use.*MASTER_PORT',
        ),
        (torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB.'), FULL),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), FULL),
        (MemoryError(), FULL),
        (RuntimeError('[gloo/pair.cc:534] Connection closed by peer [::1]:1'), 'another rank has'),
        (FileNotFoundError(2, 'No such file', '/dev/shm/a'), '.*No such file.*/dev/shm/a'),
        (ValueError('a is 1; expected 2'), 'a is 1; expected 2'),
        (AssertionError('interval must be 1 or more'), 'interval must be 1 or more'),
    ],
)
def test_machine_and_user_get_one_sentence(error, sentence, monkeypatch, capsys):
    monkeypatch.setenv('MASTER_PORT', '29511')
    monkeypatch.delenv('TORCHELASTIC_ERROR_FILE', raising=False)

    def fail():
        raise error

    with pytest.raises(SystemExit) as left:
        run_tool(fail)
    assert left.value.code == 1
    first, hint = capsys.readouterr().err.splitlines()
    assert re.match(f'error: {sentence}', first), first
    assert 'MMPOSE_TRACEBACK=1' in hint


def test_a_key_that_the_config_lacks_is_named(capsys):
    with pytest.raises(SystemExit):
        run_tool(lambda: Config(dict(model=dict())).model.backbone)
    assert "error: this command needs 'backbone', which the config" in capsys.readouterr().err
    with pytest.raises(AttributeError):  # of anything else
        run_tool(lambda: SimpleNamespace().backbone)


def test_faults_of_the_program_keep_their_traceback():
    def fail():
        raise RuntimeError('mat1 and mat2 shapes cannot be multiplied')

    with pytest.raises(RuntimeError, match='mat1'):
        run_tool(fail)


def test_one_rank_reports(tmp_path, monkeypatch):
    for rank in (0, 1):
        monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(tmp_path / f'{rank}/error.json'))
        assert is_first_to_tell(ValueError('x')) == (rank == 0)
    assert not is_first_to_tell(RuntimeError('Connection closed by peer'), patience_s=0)
