import argparse
import functools
import http.server
import os
import pathlib
import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import nn
from torch.torch_version import TorchVersion

from mmpose.checkpoints import safe_pickle
from mmpose.checkpoints.io import extract_state_dict, read_checkpoint
from mmpose.checkpoints.safe_pickle import allow_in_checkpoints


def save(path, content, zipped=True):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize('zipped', [True, False])
def test_reads_what_mmengine_and_mae_save(tmp_path, zipped):
    history = HistoryBuffer()
    for value in (1.0, np.float64(2)):
        history.update(value)
    content = dict(
        state_dict=OrderedDict(weight=torch.arange(3)),
        message_hub=dict(log_scalars=OrderedDict(loss=history)),
        meta=dict(
            number=np.float32(0.5),
            flag=np.bool_(True),
            array=np.array([[1, 2], [3, 4]], dtype=np.int16),
            words=np.array(['nose', 'left_eye']),
            milestones=Counter({170: 1, 200: 1}),
            folder=pathlib.Path('work_dirs/run'),
        ),
        args=argparse.Namespace(model='mae_vit_base_patch16', lr=1e-3),
    )
    loaded = read_checkpoint(save(tmp_path / 'x.pth', content, zipped))

    assert loaded['state_dict']['weight'].tolist() == [0, 1, 2]
    assert loaded['message_hub']['log_scalars']['loss'].mean() == 1.5
    assert loaded['args'].lr == 1e-3
    for key, value in content['meta'].items():
        np.testing.assert_array_equal(loaded['meta'][key], value)


def test_reads_a_checkpoint_of_the_runner(tmp_path, monkeypatch):
    monkeypatch.setattr(DefaultScope, '_instance_dict', OrderedDict())  # the runner sets a scope

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def train_step(self, data, optim_wrapper):
            loss = self.layer(torch.stack(data)).square().mean()
            optim_wrapper.update_params(loss)
            return dict(loss=loss)

    runner = Runner(
        model=Model(),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            dataset=[torch.ones(2)] * 4,
            sampler=dict(type='DefaultSampler'),
            batch_size=2,
            collate_fn=dict(type='pseudo_collate'),
        ),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=dict(type='MultiStepLR', milestones=[1]),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        experiment_name='reads_a_checkpoint',
        log_level='ERROR',
    )
    runner.train()
    path = tmp_path / 'epoch_1.pth'
    loaded = read_checkpoint(path)

    assert extract_state_dict(loaded).keys() == {'layer.weight', 'layer.bias'}
    assert loaded['meta']['epoch'] == 1
    assert 'optimizer' in loaded


class Unsafe:
    """Runs code when unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_an_old_torch_reads_no_pickle(tmp_path, monkeypatch):
    """Its own ``weights_only`` can run code."""
    save_file = pytest.importorskip('safetensors.torch').save_file
    path = save(tmp_path / 'x.pth', {'a': torch.ones(2)}, True)
    save_file({'a': torch.ones(2)}, tmp_path / 'x.safetensors')
    for version in ('2.4.1', '2.5.1+cu121', '2.9.1'):
        monkeypatch.setattr(torch, '__version__', TorchVersion(version))
        with pytest.raises(ValueError, match=r'CVE-2025-32434.*PyTorch 2\.10 or newer'):
            read_checkpoint(path)
        assert read_checkpoint(path, trust=True)
        assert read_checkpoint(tmp_path / 'x.safetensors')
    monkeypatch.setattr(torch, '__version__', TorchVersion('2.10.0'))
    assert read_checkpoint(path)


@pytest.mark.parametrize('zipped', [True, False])
def test_refuses_code_and_runs_none(tmp_path, zipped):
    touched = tmp_path / 'touched'
    path = save(tmp_path / 'x.pth', dict(a=Unsafe(f'touch {touched}')), zipped)

    with pytest.raises(ValueError, match=r"x\.pth' holds '\w+\.system'.*pass --trust-checkpoint"):
        read_checkpoint(path)
    assert not touched.exists()
    read_checkpoint(path, trust=True)
    assert touched.exists()


class Attribute:
    """Asks for an attribute when unpickled, as the methods of a HistoryBuffer do."""

    def __init__(self, owner, name):
        self.owner, self.name = owner, name

    def __reduce__(self):
        return getattr, (self.owner, self.name)


@pytest.mark.parametrize(
    ('owner', 'name'), [(HistoryBuffer, '__init__'), (argparse.Namespace, 'min')]
)
def test_refuses_attributes_besides_the_four_statistics(tmp_path, owner, name):
    path = save(tmp_path / 'x.pth', dict(a=Attribute(owner, name)))

    with pytest.raises(ValueError, match=r"holds 'builtins\.getattr'.*--trust-checkpoint"):
        read_checkpoint(path)


def test_refuses_a_pickled_module_and_names_it(tmp_path):
    path = save(tmp_path / 'x.pth', nn.Linear(2, 2))

    with pytest.raises(ValueError, match=r"'torch\.nn\.modules\.linear\.Linear'.*--trust-check"):
        read_checkpoint(path)
    with pytest.raises(ValueError, match='holds a Linear, expected a dict of weights'):
        read_checkpoint(path, trust=True)


@dataclass
class Skeleton:
    name: str


def test_further_classes_can_be_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_pickle, '_extra_classes', [])
    path = save(tmp_path / 'x.pth', dict(meta=Skeleton('coco')))
    with pytest.raises(ValueError, match=r"holds '.*Skeleton'"):
        read_checkpoint(path)

    allow_in_checkpoints(Skeleton)
    assert read_checkpoint(path)['meta'] == Skeleton('coco')


def truncated(path):
    return save(path, dict(a=torch.zeros(1000))).read_bytes()[:2000]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (truncated, 'is damaged or is no PyTorch checkpoint'),
        (b'', 'is empty'),
        (b'hello world', 'is damaged or is no PyTorch checkpoint'),
        (bytes(range(256)), 'is damaged or is no PyTorch checkpoint'),
        (b'PK\x03\x04 not a zip', 'is damaged or is no PyTorch checkpoint'),
        (b'\n<!DOCTYPE html><html>sign in</html>', 'bytes, a web page'),
        (b'version https://git-lfs.github.com/spec/v1\n', 'bytes, a Git LFS pointer'),
    ],
)
@pytest.mark.parametrize('trust', [False, True])
def test_damaged_files_get_one_sentence(tmp_path, content, message, trust):
    path = tmp_path / 'x.pth'
    data = content(path) if callable(content) else content
    path.write_bytes(data)

    with pytest.raises(ValueError, match=message) as info:
        read_checkpoint(path, trust=trust)
    assert str(path) in str(info.value)
    assert '\n' not in str(info.value)


@pytest.mark.parametrize('name', ['missing.pth', '.'])
def test_missing_file(tmp_path, name):
    with pytest.raises(FileNotFoundError, match='there is no checkpoint file'):
        read_checkpoint(tmp_path / name)


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip('safetensors.torch', reason='safetensors is not installed')
    path = tmp_path / 'model.safetensors'
    safetensors.save_file({'a': torch.arange(3)}, path)

    assert read_checkpoint(path)['a'].tolist() == [0, 1, 2]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match='cannot be read as safetensors'):
        read_checkpoint(path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Address of a web server over tmp_path / 'web', and the requests it got."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            requests.append(args[1])

    folder = tmp_path / 'web'
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as httpd:
        monkeypatch.setenv('no_proxy', '*')
        monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{httpd.server_port}', folder, requests
        httpd.shutdown()


def test_downloads_once(server):
    address, folder, requests = server
    save(folder / 'weights.pth', dict(a=torch.ones(2)))

    for _ in range(2):
        assert read_checkpoint(f'{address}/weights.pth?download=1')['a'].tolist() == [1, 1]
    assert len(requests) == 1


def test_failed_download(server):
    address, _, _ = server

    with pytest.raises(ValueError, match=r"nothing\.pth' cannot be downloaded: .*404"):
        read_checkpoint(f'{address}/nothing.pth')


@pytest.mark.parametrize('key', ['state_dict', 'model', 'module', None])
def test_weights_are_found(key):
    weights = {'module.a': torch.zeros(1), 'b': torch.ones(1)}
    checkpoint = {key: weights, 'epoch': 3} if key else dict(weights, epoch=3)

    assert extract_state_dict(checkpoint) == {'a': weights['module.a'], 'b': weights['b']}


def test_no_weights():
    with pytest.raises(ValueError, match="holds no weights but 'epoch', 'optimizer'"):
        extract_state_dict(dict(epoch=1, optimizer={}))


def test_latest_is_the_last_checkpoint_of_a_work_dir(tmp_path):
    save(tmp_path / 'epoch_2.pth', {'state_dict': {'weight': torch.arange(3)}})
    with pytest.raises(FileNotFoundError, match='latest'):
        read_checkpoint(tmp_path / 'latest.pth')
    (tmp_path / 'last_checkpoint').write_text('epoch_2.pth')
    loaded = read_checkpoint(tmp_path / 'latest.pth')
    assert loaded['state_dict']['weight'].tolist() == [0, 1, 2]
    save(tmp_path / 'latest.pth', {'state_dict': {'weight': torch.zeros(1)}})
    loaded = read_checkpoint(tmp_path / 'latest.pth')
    assert loaded['state_dict']['weight'].tolist() == [0]
