"""The same commands in two processes that talk through gloo."""

import json

import pytest
import torch
from conftest import CONFIG, ROOT, SMALL, losses, ranks, run, train_options

from mmpose.checkpoints.io import read_checkpoint


@pytest.fixture(scope='module')
def two_ranks(toy, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('two_ranks')
    options = train_options(toy, 'train_cfg.max_epochs=1')
    run('bash', 'tools/dist_train.sh', options[0], 2, '--work-dir', work_dir, *options[1:])
    return work_dir


def test_two_ranks_train_with_one_log(two_ranks):
    assert (two_ranks / 'epoch_1.pth').is_file()
    assert len(list(two_ranks.glob('*/vis_data/scalars.json'))) == 1
    assert len(losses(two_ranks)) >= 1


def test_two_ranks_test_like_one(two_ranks, toy, tmp_path):
    metrics = []
    files = [CONFIG, two_ranks / 'epoch_1.pth']
    for num in (1, 2):
        work_dir = tmp_path / str(num)
        options = ['--work-dir', work_dir, '--data-root', toy.parent, '--cfg-options', *SMALL]
        if num == 1:
            ranks(num, 'test', *files, *options)
        else:
            run('bash', 'tools/dist_test.sh', *files, num, *options)
        metrics.append(json.loads((work_dir / 'metrics.json').read_text()))
        results = json.loads((work_dir / 'result_keypoints.json').read_text())
        annotations = json.loads((toy / 'annotations/person_keypoints_val2017.json').read_text())
        assert len(results) <= len(annotations['annotations'])
    assert metrics[0] == pytest.approx(metrics[1], abs=1e-6)


def test_two_ranks_resume(two_ranks, toy, tmp_path):
    options = train_options(toy, 'train_cfg.max_epochs=2')
    command = [2, 'train', options[0], '--work-dir', two_ranks]
    done = ranks(*command, '--resume', *options[1:])
    assert 'resumed from' in done.stdout
    assert (two_ranks / 'epoch_2.pth').is_file()


@pytest.mark.parametrize('averages', [[], ["custom_hooks=[dict(type='EMAHook',momentum=0.1)]"]])
def test_sharded_training_saves_a_plain_checkpoint_and_resumes(toy, tmp_path, averages):
    options = train_options(toy, 'strategy=fsdp', 'train_cfg.max_epochs=1', *averages)
    command = [2, 'train', options[0], '--work-dir', tmp_path]
    ranks(*command, *options[1:])
    if averages:
        ranks(*command[:4], tmp_path / 'ddp', *options[1:], 'strategy=ddp')
        state, wanted = (
            read_checkpoint(folder / 'epoch_1.pth') for folder in (tmp_path, tmp_path / 'ddp')
        )
        for key in ('state_dict', 'ema_state_dict'):  # the averages; the last weights
            torch.testing.assert_close(dict(state[key]), dict(wanted[key]), atol=1e-4, rtol=1e-3)
    done = ranks(*command, '--resume', *options[1:], 'train_cfg.max_epochs=2')
    assert 'resumed from' in done.stdout
    tested = ranks(
        *(1, 'test', CONFIG, tmp_path / 'epoch_2.pth', '--work-dir', tmp_path),
        *('--data-root', toy.parent, '--cfg-options', *SMALL),
    )
    assert 'coco/AP' in tested.stdout


FREEZING_CONFIG = """
_base_ = ['{base}']
custom_imports = dict(imports=['mmcv_custom', 'same_hook'], allow_failed_imports=False)
custom_hooks = [dict(type='FreezeHook', until=dict(backbone=1)), dict(type='SameHook')]
"""


def test_two_ranks_unfreeze_together(toy, tmp_path):
    config = tmp_path / 'freezing.py'
    config.write_text(FREEZING_CONFIG.format(base=ROOT / CONFIG))
    options = train_options(toy, 'train_cfg.max_epochs=2', 'default_hooks.checkpoint.interval=1')
    work_dir = tmp_path / 'run'
    done = ranks(
        *(2, 'train', config, '--work-dir', work_dir),
        *(*options[1:], 'default_hooks.checkpoint.max_keep_ckpts=-1'),
    )
    assert 'from epoch 1 on: backbone is frozen' in done.stdout
    assert 'from epoch 2 on: backbone trains' in done.stdout
    states = [read_checkpoint(work_dir / f'epoch_{i}.pth')['state_dict'] for i in (1, 2)]
    name = 'backbone.blocks.0.mlp.fc1.weight'
    assert not torch.equal(states[0][name], states[1][name])
