"""Mixtures of datasets train, validate, resume and test through the commands, on generated data."""

import json

import pytest
from conftest import FEW_PICTURES, losses, ranks, tool

COCO = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/coco'
SIX = f'{COCO}/vitPose+_small_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp.py'
THREE = f'{COCO}/ViTPose_base_coco+aic+mpii_256x192.py'
# format: folder below the data root; the format of whole bodies holds the files of COCO too
FOLDERS = {
    'coco_wholebody': 'coco',
    'aic': 'aic',
    'mpii': 'mpii',
    'crowdpose': 'crowdpose',
    'ap10k': 'ap10k',
    'apt36k': 'apt36k',
}
FIGURES = {
    'coco': 'coco/AP',
    'aic': 'aic/AP',
    'mpii': 'mpii/PCK',
    'ap10k': 'ap10k/AP',
    'apt36k': 'apt36k/AP',
    'wholebody': 'wholebody/AP',
}


def tiny(num_heads):
    return [
        'model.backbone.embed_dim=24',
        'model.backbone.depth=1',
        'model.backbone.num_heads=2',
        *(f'model.heads.{i}.in_channels=24' for i in range(num_heads)),
        *(f'model.heads.{i}.deconv_out_channels=(8,8)' for i in range(num_heads)),
        *(
            f'{phase}_dataloader.{option}'
            for phase in ('train', 'val', 'test')
            for option in ('num_workers=0', 'persistent_workers=False', 'batch_size=8')
        ),
        'train_cfg.val_interval=1',
        'default_hooks.logger.interval=1',
        'default_hooks.preview.interval=1',
        *FEW_PICTURES,
    ]


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    counts = ['--num-train', 3, '--num-val', 2, '--seed', 2, '--workers', 1]
    for name, folder in FOLDERS.items():
        tool('make_toy_dataset', '--format', name, '--out', root / folder, *counts)
    return root


def test_six_datasets_in_one_process(data_root, tmp_path):
    options = ['--data-root', data_root, '--work-dir', tmp_path, '--seed', 0]
    overrides = ['--cfg-options', *tiny(6), 'train_cfg.max_iters=2']
    trained = tool('train', SIX, *options, *overrides, 'train_cfg.max_epochs=1')
    assert sorted(losses(tmp_path)) == [1, 2]
    resumed = tool('train', SIX, *options, '--resume', '--cfg-options', *tiny(6),
                   'train_cfg.max_epochs=1')  # fmt: skip
    assert 'resumed from' in resumed.stdout
    assert len(losses(tmp_path)) > 2
    for figure in FIGURES.values():
        assert figure in trained.stdout + resumed.stdout
    assert list(tmp_path.glob('best_coco_AP_epoch_*.pth'))
    checkpoint = tmp_path / (tmp_path / 'last_checkpoint').read_text()
    check_test(checkpoint, data_root, tmp_path / 'test')


def check_test(checkpoint, data_root, work_dir):
    out, drawn = work_dir / 'out/poses.json', work_dir / 'drawn'
    options = ['--data-root', data_root, '--work-dir', work_dir, '--out', out]
    tested = tool('test', SIX, checkpoint, *options, '--show-dir', drawn,
                  '--cfg-options', *tiny(6))  # fmt: skip
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    for name, figure in FIGURES.items():
        assert figure in metrics
        assert f'\n{name}\n' in tested.stdout, 'a table per dataset'
        assert (work_dir / name / 'result_keypoints.json').is_file()
        assert (work_dir / f'out/poses_{name}.json').is_file()
        assert list((drawn / name).rglob('*.jpg'))
    only = ['--cfg-options', *tiny(6), 'test_dataloader.dataset.only=[2]']
    tool('test', SIX, checkpoint, '--data-root', data_root, '--work-dir', work_dir / 'one', *only)
    alone = json.loads((work_dir / 'one/metrics.json').read_text())
    assert alone == {key: value for key, value in metrics.items() if key.startswith('mpii/')}


def test_three_datasets_in_two_processes(data_root, tmp_path):
    command = [2, 'train', THREE, '--work-dir', tmp_path]
    options = ['--data-root', data_root, '--seed', 0, '--cfg-options', *tiny(3)]
    # one crop a rank and step, so that every batch lacks two datasets
    options += ['train_dataloader.batch_size=1', 'train_cfg.max_epochs=1']
    trained = ranks(*command, *options, 'train_cfg.max_iters=2')
    assert sorted(losses(tmp_path)) == [1, 2]
    resumed = ranks(*command, '--resume', *options)
    assert 'resumed from' in resumed.stdout
    metrics = trained.stdout + resumed.stdout
    assert all(FIGURES[name] in metrics for name in ('coco', 'aic', 'mpii'))


# every other mixture of the repository in one of its sizes: config, datasets
OTHERS = [
    (SIX, list(FIGURES)),
    (f'{COCO}/ViTPose_large_multitask_coco+aic+mpii_256x192.py', ['coco', 'aic', 'mpii']),
    (
        f'{COCO}/ViTPose_huge_multitask_coco+aic+mpii+crowdpose_256x192.py',
        ['coco', 'aic', 'mpii', 'crowdpose'],
    ),
    (f'{COCO}/ViTPose_base_coco+aic+mpii_384x288.py', ['coco', 'aic', 'mpii']),
]


@pytest.mark.parametrize(('config', 'names'), OTHERS, ids=[f'{i}' for i in range(4)])
def test_mixture_in_two_processes(config, names, data_root, tmp_path):
    command = [2, 'train', config, '--work-dir', tmp_path]
    options = ['--data-root', data_root, '--seed', 0, '--cfg-options', *tiny(len(names))]
    options += [f'train_dataloader.dataset.datasets.{i}.indices=3' for i in range(len(names))]
    ranks(*command, *options, 'train_cfg.max_epochs=1')
    resumed = ranks(*command, '--resume', *options, 'train_cfg.max_epochs=2')
    assert 'resumed from' in resumed.stdout
    assert (tmp_path / 'last_checkpoint').read_text() == 'epoch_2.pth'
    for name in names:
        figures = {**FIGURES, 'crowdpose': 'crowdpose/AP(H)'}
        assert figures[name] in resumed.stdout
