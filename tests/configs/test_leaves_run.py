"""Every leaf config trains, validates and tests, with a tiny network on generated data."""

import math

import pytest
import torch
from test_configs import LEAVES, name_of

from mmpose.apis import load_config
from mmpose.apis.test import prepare_test, run_test
from mmpose.apis.train import prepare_training, run_training
from mmpose.datasets.toy import ToySpec, generate_toy_dataset

# folder of the configs: formats and the folders they belong into
NEEDS = {
    'toy': {'coco': 'toy'},
    'coco': {'coco': 'coco'},
    'mpii': {'mpii': 'mpii'},
    'aic': {'aic': 'aic'},
    'crowdpose': {'crowdpose': 'crowdpose'},
    'ochuman': {'ochuman': 'ochuman', 'coco': 'coco'},
    'humanart': {'humanart': 'HumanArt'},
    'ap10k': {'ap10k': 'ap10k'},
    'apt36k': {'apt36k': 'apt36k'},
    'animalpose': {'animalpose': 'animalpose'},
    'coco-wholebody': {'coco_wholebody': 'coco'},
    'interhand2d': {'interhand2d': 'interhand2.6m'},
}
TINY = {
    'model.backbone.embed_dim': 24,
    'model.backbone.depth': 1,
    'model.backbone.num_heads': 2,
    'model.head.in_channels': 24,
    'default_hooks.preview.interval': 0,
    'train_cfg.max_epochs': 1,
    'train_cfg.val_interval': 1,
    'train_dataloader.dataset.indices': 8,
    'train_dataloader.batch_size': 4,
    **{
        f'{phase}_dataloader.{key}': value
        for phase in ('train', 'val', 'test')
        for key, value in (('num_workers', 0), ('persistent_workers', False))
    },
}


@pytest.fixture(scope='session')
def data_root(tmp_path_factory):
    """Returns a function: folder of configs -> data root with what they need, made once."""
    made = {}

    def root_for(folder):
        if folder not in made:
            made[folder] = tmp_path_factory.mktemp('data')
            for layout, name in NEEDS[folder].items():
                spec = ToySpec(num_train=8, num_val=3, seed=4, format=layout)
                out = made[folder] / name
                generate_toy_dataset(out, spec, workers=1, report=lambda line: None)
        return made[folder]

    return root_for


@pytest.mark.parametrize('path', LEAVES, ids=name_of)
def test_leaf_trains_validates_and_tests(path, data_root, tmp_path):
    root = data_root(path.parent.name)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        cfg = load_config(path, TINY, data_root=str(root))
        run_training(prepare_training(cfg, work_dir=str(tmp_path), seed=0))
        checkpoint = str(tmp_path / (tmp_path / 'last_checkpoint').read_text())
        cfg = load_config(path, TINY, data_root=str(root))
        metrics = run_test(prepare_test(cfg, checkpoint, work_dir=str(tmp_path)))
    finally:
        torch.set_num_threads(threads)
    assert metrics
    assert all(math.isfinite(value) for value in metrics.values())
