"""The real commands on a small generated dataset."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'
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


def tool(name, *arguments, **options):
    return run(sys.executable, f'tools/{name}.py', *arguments, **options)


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
    tool('make_toy_dataset', '--out', folder, '--num-train', 16, '--num-val', 9, '--seed', 1)
    return folder


@pytest.fixture(scope='session')
def trained(toy, tmp_path_factory):
    """The work dir of a run of two epochs in one process."""
    work_dir = tmp_path_factory.mktemp('trained')
    options = train_options(toy, *SAVE_EACH_ITERATION)
    tool('train', *options, 'train_cfg.max_epochs=2', '--work-dir', work_dir)
    return work_dir
