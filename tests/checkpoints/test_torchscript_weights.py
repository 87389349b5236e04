"""Weights of TorchScript archives, read without the program; torch.jit reads the same."""

import pickle
import sys
import zipfile

import pytest
import torch
from torch import nn

from mmpose.checkpoints import read_checkpoint


class Net(nn.Module):
    """What a traced CLIP holds: attention, half precision, buffers, views, and plain numbers."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(3, 4), nn.LayerNorm(4)])
        self.attn = nn.MultiheadAttention(4, 2, batch_first=True)
        self.in_half = nn.Parameter(torch.rand(2, 3).half())
        self.tied = self.blocks[0].weight
        self.register_buffer('context_length', torch.tensor(77))
        self.register_buffer('transposed', torch.rand(4, 3).t())
        self.sizes = [1, 2]

    def forward(self, x):
        x = self.blocks[1](self.blocks[0](x))
        return self.attn(x, x, x)[0]


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))

    def forward(self, x):
        return self.layers(x)


PROGRAMS = {
    'traced': lambda: torch.jit.trace(Net().eval(), torch.rand(1, 2, 3), check_trace=False),
    'scripted': lambda: torch.jit.script(Scripted()),
}


@pytest.fixture(params=PROGRAMS)
def archive(request, tmp_path):
    path = tmp_path / 'program.pt'
    PROGRAMS[request.param]().save(str(path))
    return path


@pytest.mark.parametrize('trust', [False, True])
def test_reads_what_torch_reads(archive, trust):
    expected = torch.jit.load(str(archive)).state_dict()
    found = read_checkpoint(archive, trust)
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def rewrite(path, name_end, content):
    """Replaces one file of an archive."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [name for name in files if name.endswith(name_end)]
    files[name] = content(files[name])
    with zipfile.ZipFile(path, 'w') as archive:
        for key, value in files.items():
            archive.writestr(key, value)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


def test_runs_nothing(archive, tmp_path):
    victim = tmp_path / 'victim'
    rewrite(archive, '/data.pkl', lambda _: pickle.dumps({'x': Evil(victim)}))
    with pytest.raises(ValueError, match=r"holds '_?io\.open' besides modules and tensors"):
        read_checkpoint(archive)
    assert not victim.exists()


DAMAGE = {
    'short storage': ('/data/0', lambda raw: raw[:4]),
    'cut pickle': ('/data.pkl', lambda raw: raw[: len(raw) // 2]),
    'empty pickle': ('/data.pkl', lambda raw: b''),
    'no pickle': ('/data.pkl', lambda raw: b'hello'),
}


@pytest.mark.parametrize(('name', 'change'), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named(archive, name, change):
    rewrite(archive, name, change)
    with pytest.raises(ValueError, match=r'program\.pt'):
        read_checkpoint(archive)


def test_other_byte_order(archive):
    expected = read_checkpoint(archive)
    swapped = 'big' if sys.byteorder == 'little' else 'little'
    with zipfile.ZipFile(archive) as file:
        has_order = any(name.endswith('/byteorder') for name in file.namelist())
    if not has_order:
        pytest.skip('this PyTorch does not note the byte order')
    rewrite(archive, '/byteorder', lambda raw: swapped.encode())
    found = read_checkpoint(archive)
    for name, tensor in expected.items():
        twice = found[name].contiguous().numpy().byteswap()
        assert torch.equal(torch.from_numpy(twice), tensor.contiguous()), name
