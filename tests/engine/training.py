"""Trainings of seconds within the process of a test."""

import itertools
import json
from pathlib import Path

from mmpose.apis.train import prepare_training, run_training
from mmpose.config.load import load_config

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'
numbers = itertools.count()
SMALL = {
    'model.backbone.depth': 1,
    'model.backbone.embed_dim': 48,
    'model.backbone.num_heads': 3,
    'model.backbone.drop_path_rate': 0.3,
    'model.head.in_channels': 48,
    'model.head.deconv_out_channels': (16, 16),
    'train_dataloader.batch_size': 2,
    'train_dataloader.num_workers': 0,
    'train_dataloader.dataset.indices': 8,
    'val_dataloader.num_workers': 0,
    'val_dataloader.dataset.indices': 4,
    'default_hooks.logger.interval': 1,
    'default_hooks.preview': None,
    'default_hooks.bad_cases': None,
    'log_processor.window_size': 1,
    'train_cfg.max_epochs': 2,
    'vis_backends': [{'type': 'LocalVisBackend'}],
    'visualizer.vis_backends': [{'type': 'LocalVisBackend'}],
}
EACH_ITERATION = {
    'default_hooks.checkpoint.by_epoch': False,
    'default_hooks.checkpoint.interval': 1,
    'default_hooks.checkpoint.max_keep_ckpts': -1,
}


def train(data_root, work_dir, overrides=None, resume=None, prepare=None):
    """Trains and returns the runner; ``prepare`` may change the config last."""
    cfg = load_config(CONFIG, {**SMALL, **(overrides or {})}, data_root)
    prepare_training(cfg, work_dir=work_dir, resume=resume, seed=3)
    if prepare is not None:
        prepare(cfg)
    cfg.experiment_name = f'test_{next(numbers)}'  # of what a process has once
    return run_training(cfg)


def records(work_dir):
    """Returns what was logged, in the order of the runs."""
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'), key=lambda x: x.stat().st_mtime)
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def losses(work_dir):
    """Returns the loss of each iteration; of two runs of an iteration the later one counts."""
    return {record['step']: record['loss'] for record in records(work_dir) if 'loss' in record}


def rates(work_dir):
    """Returns the learning rate of each iteration."""
    return {record['step']: record['lr'] for record in records(work_dir) if 'loss' in record}
