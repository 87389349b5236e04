"""A model that reads texts, by the commands of the PGVL README: two processes, resumed, tested."""

import json

import pytest
from conftest import FEW_PICTURES, ranks, run, tool

CONFIG = (
    'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/crowdpose/PGVL_v2_ViTB_crowdpose_256X192.py'
)
SMALL = [
    'model.backbone.embed_dim=24',
    'model.backbone.depth=1',
    'model.backbone.num_heads=2',
    'model.text_encoder.width=16',
    'model.text_encoder.out_channels=32',
    'model.text_encoder.layers=1',
    'model.parse_graph.dim=32',
    'model.parse_graph.dims=(32,)',
    'model.head.in_channels=32',
    'model.head.deconv_out_channels=(8,8)',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'default_hooks.preview.interval=0',
    'train_cfg.val_interval=1',
    *FEW_PICTURES,
]


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    options = ('--format', 'crowdpose', '--num-train', 8, '--num-val', 4, '--seed', 2)
    tool('make_toy_dataset', '--out', root / 'crowdpose', *options)
    return root


def test_two_ranks_train_resume_and_test_like_one(data_root, tmp_path):
    def options(epochs):
        return ['--cfg-options', *SMALL, f'train_cfg.max_epochs={epochs}']

    command = ['bash', 'tools/dist_train.sh', CONFIG, 2, '0,1', '--data-root', data_root]
    done = run(*command, '--work-dir', tmp_path, '--seed', 3, *options(1))
    assert 'the text encoder starts from random weights' in done.stdout
    assert 'loss_feature' in done.stdout
    common = ['--data-root', data_root, '--work-dir']
    done = ranks(2, 'train', CONFIG, *common, tmp_path, '--resume', *options(2))
    assert 'resumed from' in done.stdout
    metrics = []
    for num in (1, 2):
        work_dir = tmp_path / str(num)
        test = ['test', CONFIG, tmp_path / 'epoch_2.pth', *common, work_dir]
        ranks(num, *test, '--cfg-options', *SMALL)
        metrics.append(json.loads((work_dir / 'metrics.json').read_text()))
    assert metrics[0] == pytest.approx(metrics[1], abs=1e-6)


def test_unknown_joint_is_one_sentence(data_root, tmp_path):
    options = ('--data-root', data_root, '--work-dir', tmp_path, '--cfg-options', *SMALL)
    done = tool('train', CONFIG, *options, 'model.prompts.left_knie=knee', check=False)
    assert done.returncode
    assert "did you mean 'left_knee'?" in done.stdout
    assert 'Traceback' not in done.stdout
