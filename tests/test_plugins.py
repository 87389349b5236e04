"""Plugins: installed packages whose entry points bring components, by name, into the commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from toy_pose.folder import ToySpec
from toy_pose.generate import generate_toy_dataset

ROOT = Path(__file__).parents[1]
TOY = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'
GOOD = """
from mmengine.evaluator import BaseMetric
from torch import nn
from mmpose.datasets import CocoDataset
from mmpose.registry import DATASETS, METRICS, MODELS


@MODELS.register_module()
class PluginNet(nn.Module):
    def __init__(self, out_channels):
        super().__init__()
        self.out_channels = out_channels
        self.stem = nn.Conv2d(3, out_channels, 16, 16)

    def forward(self, x):
        return self.stem(x)


@DATASETS.register_module()
class PluginDataset(CocoDataset):
    pass


@METRICS.register_module()
class PluginMetric(BaseMetric):
    default_prefix = 'plugin'

    def process(self, data_batch, data_samples):
        self.results += [1] * len(data_samples)

    def compute_metrics(self, results):
        return dict(count=len(results))
"""
MODULES = {
    'good': GOOD,
    'bad': 'import nothing_there\n',
    'broken': 'x = (1\n',
    'clash': """
from mmpose.registry import MODELS

MODELS.register_module(module=type('ViT', (), {}))
""",
}
CONFIG = f"""
_base_ = ['{TOY}']
model = dict(
    backbone=dict(_delete_=True, type='PluginNet', out_channels=24), head=dict(in_channels=24)
)
optim_wrapper = dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3))
train_dataloader = dict(dataset=dict(type='PluginDataset'), batch_size=2, num_workers=0)
val_dataloader = dict(dataset=dict(type='PluginDataset'), num_workers=0)
test_dataloader = val_dataloader
val_evaluator = [dict(type='CocoMetric'), dict(type='PluginMetric')]
test_evaluator = val_evaluator
default_hooks = dict(preview=None, bad_cases=None)
train_cfg = dict(max_epochs=1)
"""


@pytest.fixture
def site(tmp_path):
    """A folder where distributions are installed, as pip leaves them."""

    def install(*names):
        for name in names:
            (tmp_path / f'pose_{name}.py').write_text(MODULES[name])
            info = tmp_path / f'pose_{name}-1.2.dist-info'
            info.mkdir()
            (info / 'METADATA').write_text(
                f'Metadata-Version: 2.1\nName: pose-{name}\nVersion: 1.2\n'
            )
            (info / 'entry_points.txt').write_text(f'[mmpose.plugins]\nmine = pose_{name}\n')
        (tmp_path / 'config.py').write_text(CONFIG)
        return tmp_path

    return install


def pose(folder, *arguments):
    path = os.pathsep.join([str(ROOT), str(folder)])
    environment = {**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, '-m', 'mmpose', *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_training_finds_backbone_dataset_and_metric_of_a_plugin(site):
    folder = site('good')
    generate_toy_dataset(folder / 'data/toy', ToySpec(num_train=4, num_val=3), workers=1)
    done = pose(folder, 'train', 'config.py', '--work-dir', 'w')
    assert done.returncode == 0, done.stderr
    assert 'plugin/count: ' in done.stdout + done.stderr
    assert list((folder / 'w').glob('epoch_1.pth'))


def test_plugins_that_fail_are_named_and_stop_no_other(site):
    done = pose(site('bad', 'broken', 'clash', 'good'), 'summary', 'config.py')
    assert done.returncode == 0, done.stderr
    assert 'rest of the backbone' in done.stdout
    for name, reason in (
        ('bad', "ModuleNotFoundError: No module named 'nothing_there'"),
        ('broken', "SyntaxError: '(' was never closed"),
        ('clash', 'KeyError: ViT is already registered in model at mmpose.models.backbones.vit'),
    ):
        start = f"plugin 'mine' of pose-{name} 1.2 is left out, since 'pose_{name}' does not import"
        [line] = [line for line in done.stderr.splitlines() if start in line]
        assert f'{start}: {reason}' in line
    assert 'pose-good' not in done.stderr


def test_without_its_plugin_a_name_is_unknown(site):
    done = pose(site(), 'summary', 'config.py')
    assert done.returncode == 1
    assert 'PluginNet' in done.stderr
    assert 'Traceback' not in done.stderr
