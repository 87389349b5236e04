"""The real commands on a small generated dataset."""

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'
# pictures take longer than all else here
FEW_PICTURES = ['default_hooks.bad_cases.num_worst=1', 'default_hooks.bad_cases.num_random=1']
# a network that learns nothing but runs in seconds
SMALL = [
    'model.backbone.embed_dim=48',
    'model.backbone.depth=2',
    'model.backbone.num_heads=3',
    'model.backbone.drop_path_rate=0.3',
    'model.head.in_channels=48',
    'model.head.deconv_out_channels=(16,16)',
    'train_dataloader.batch_size=8',
    'train_dataloader.num_workers=1',
    'val_dataloader.num_workers=0',
    'default_hooks.logger.interval=1',
    'default_hooks.throughput.interval=1',
    'default_hooks.preview.interval=0',
    *FEW_PICTURES,
]


SAVE_EACH_ITERATION = (
    'default_hooks.checkpoint.interval=1',
    'default_hooks.checkpoint.by_epoch=False',
)


def environment():
    folders = [str(Path(__file__).parent), os.environ.get('PYTHONPATH', '')]  # slow_hook.py
    path = os.pathsep.join(filter(None, folders))
    return {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable, 'PYTHONPATH': path}


def run(*command, check=True, **options):
    """Runs a command of the repository and returns what it printed, both streams."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
        **options,
    )
    if check:
        assert done.returncode == 0, done.stdout[-6000:]
    return done


def tool(name, *arguments, fresh=False, **options):
    """Runs a tool in a fork of a process that has imported PyTorch, or as its users start it.

    Args:
        fresh: Whether it is started as its users do, which a test of each tool does.
    """
    if fresh:
        return run(sys.executable, f'tools/{name}.py', *arguments, **options)
    return _run_forked([f'tools/{name}.py', *arguments], [environment()], **options)


def ranks(num, name, *arguments, **options):
    """Runs a tool in several ranks, as ``tools/dist_*.sh`` do, but in forks as above."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = str(server.getsockname()[1])
    common = {'WORLD_SIZE': str(num), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port}
    environments = [
        {**environment(), **common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)}
        for rank in range(num)
    ]
    words = [f'tools/{name}.py', '--launcher', 'pytorch', *arguments]
    return _run_forked(words, environments, **options)


def _run_forked(words, environments, check=True):
    server = _fork_server()
    with tempfile.NamedTemporaryFile('r', errors='replace') as log:
        command = [str(word) for word in words]
        request = {'command': command, 'log': log.name, 'environments': environments}
        server.stdin.write(json.dumps(request) + '\n')
        server.stdin.flush()
        codes = json.loads(server.stdout.readline())
        done = subprocess.CompletedProcess(command, next(filter(None, codes), 0), log.read())
    if check:
        assert not any(codes), (codes, done.stdout[-6000:])
    return done


@cache
def _fork_server():
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name('fork_server.py')],
        cwd=ROOT,
        env=environment(),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(process.communicate)  # which closes its stdin, and it ends
    return process


def losses(work_dir):
    """Returns the loss of each iteration; of two runs of an iteration the later one counts."""
    found = {}
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if 'loss' in record:
                found[record['step']] = record['loss']
    return found


def train_options(toy, *more):
    return [CONFIG, '--data-root', toy.parent, '--seed', '3', '--cfg-options', *SMALL, *more]


@pytest.fixture(scope='session')
def toy(tmp_path_factory):
    """The folder of a toy dataset of some dozens of people; its name is as in the config."""
    folder = tmp_path_factory.mktemp('data') / 'toy'
    counts = ['--num-train', 16, '--num-val', 9, '--seed', 1]
    tool('make_toy_dataset', '--out', folder, *counts, fresh=True)
    return folder


@pytest.fixture(scope='session')
def trained(toy, tmp_path_factory):
    """The work dir of a run of two epochs in one process."""
    work_dir = tmp_path_factory.mktemp('trained')
    options = train_options(toy, *SAVE_EACH_ITERATION)
    tool('train', *options, 'train_cfg.max_epochs=2', '--work-dir', work_dir, fresh=True)
    return work_dir
