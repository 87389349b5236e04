"""Every dataset's recipe trains, validates and tests on generated data in its official layout."""

import json

import pytest
from conftest import FEW_PICTURES, tool

BODY = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap'
WHOLE = 'configs/wholebody/2d_kpt_sview_rgb_img/topdown_heatmap'
HAND = 'configs/hand/2d_kpt_sview_rgb_img/topdown_heatmap'
# Those whose metric, layout or data stand apart; test_leaves_run.py has all in one process.
# format: config, folder below the data root, other formats it needs, a figure of its metric
DATASETS = {
    'mpii': (f'{BODY}/mpii/ViTPose_small_mpii_256x192.py', 'mpii', 'PCK'),
    'ochuman': (f'{BODY}/ochuman/ViTPose_small_ochuman_256x192.py', 'ochuman', 'coco/AP'),
    'humanart': (f'{BODY}/humanart/ViTPose_small_humanart_256x192.py', 'HumanArt', 'cartoon'),
    'coco_wholebody': (
        f'{WHOLE}/coco-wholebody/ViTPose_small_wholebody_256x192.py',
        'coco',
        'coco-wholebody/AP',
    ),
    'interhand2d': (
        f'{HAND}/interhand2d/ViTPose_small_interhand2d_all_256x192.py',
        'interhand2.6m',
        'AUC',
    ),
}
TINY = [
    'model.backbone.embed_dim=24',
    'model.backbone.depth=1',
    'model.backbone.num_heads=2',
    'model.head.in_channels=24',
    'model.head.deconv_out_channels=(8,8)',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
    'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=1',
    'train_dataloader.dataset.indices=8',
    'default_hooks.preview.interval=1',
    *FEW_PICTURES,
]


@pytest.mark.parametrize('name', DATASETS)
def test_recipe_trains_validates_and_tests(name, tmp_path):
    config, folder, figure = DATASETS[name]
    root = tmp_path / 'data'
    counts = ['--num-train', 8, '--num-val', 5, '--seed', 2]
    tool('make_toy_dataset', '--format', name, '--out', root / folder, *counts)
    if name == 'ochuman':  # it has no training images of its own
        tool('make_toy_dataset', '--format', 'coco', '--out', root / 'coco', *counts)
    work_dir = tmp_path / 'run'
    options = ['--data-root', root, '--work-dir', work_dir, '--cfg-options', *TINY]
    trained = tool('train', config, '--seed', 0, *options)
    assert figure in trained.stdout
    checkpoint = work_dir / (work_dir / 'last_checkpoint').read_text()
    tool('test', config, checkpoint, *options)
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    assert any(figure in key for key in metrics), metrics
    assert all(value >= -1 for value in metrics.values())
