"""Trainings with frozen parts: adapters and their files, and parts that rest for some epochs."""

import shutil

import pytest
import torch

from mmpose.apis.test import prepare_test, run_test
from mmpose.backends import init_model
from mmpose.checkpoint_tools import convert_checkpoint, publish_checkpoint
from mmpose.checkpoints.io import read_checkpoint
from mmpose.config.load import load_config
from tests.engine.training import EACH_ITERATION, train

FREEZE = {'custom_hooks': [dict(type='FreezeHook', until={'backbone': 1})]}
SIZES = (3, 3, 128, 96)


def state_of(path):
    return read_checkpoint(path)['state_dict']


def changed(before, after):
    """Names of the tensors that differ, but for counters of batch norms."""
    return {name for name, one in before.items() if not torch.equal(one, after[name])}


@pytest.fixture(scope='module')
def base(data_root, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('base')
    train(data_root, work_dir, {'train_cfg.max_epochs': 1})
    return work_dir / 'epoch_1.pth'


@pytest.fixture(scope='module')
def adapted(base, data_root, tmp_path_factory):
    """Work dir of a training of adapters."""
    work_dir = tmp_path_factory.mktemp('adapted')
    averages = [dict(type='EMAHook', momentum=0.1)]
    options = {'model.pretrained': str(base), 'model.lora': dict(rank=2), 'custom_hooks': averages}
    train(data_root, work_dir, options)
    return work_dir


def test_a_training_of_adapters_leaves_the_backbone(base, adapted):
    before, after = state_of(base), state_of(adapted / 'epoch_2.pth')
    changes = changed(before, after)
    assert not [name for name in changes if name.startswith('backbone.')]
    assert 'head.final_layer.weight' in changes
    trained = [one for name, one in after.items() if name.endswith('lora_B')]
    assert len(trained) == 4
    assert all(one.any() for one in trained)


def test_a_file_of_adapters_and_its_merged_model(base, adapted, tmp_path):
    source = adapted / 'epoch_2.pth'
    crops = torch.randint(0, 255, SIZES, dtype=torch.uint8)
    wanted = init_model(adapted / 'config.py', source).backend.predict(crops).keypoints
    assert torch.isfinite(torch.as_tensor(wanted)).all()

    alone = publish_checkpoint(source, tmp_path / 'a.safetensors', adapter=True).weights
    assert alone.stat().st_size < 0.6 * base.stat().st_size
    merged = publish_checkpoint(source, tmp_path / 'm.pth').weights
    assert not [name for name in state_of(merged) if 'lora' in name]
    convert_checkpoint(source, tmp_path / 'c.safetensors', 'safetensors', adapted / 'config.py')
    for weights in (alone, merged, tmp_path / 'c.safetensors'):
        model = init_model(adapted / 'config.py', weights)
        assert not [name for name in model.state_dict() if 'lora' in name]
        found = model.backend.predict(crops).keypoints
        torch.testing.assert_close(
            torch.as_tensor(found), torch.as_tensor(wanted), atol=1e-3, rtol=0
        )

    cfg = load_config(adapted / 'config.py')
    prepare_test(cfg, str(alone), work_dir=str(tmp_path / 'test'))
    assert 'coco/AP' in run_test(cfg)

    other = tmp_path / 'other.pth'
    content = read_checkpoint(base)
    content['state_dict']['backbone.blocks.0.mlp.fc1.bias'] += 1
    torch.save(content, other)
    with pytest.raises(ValueError, match='adapters for another backbone'):
        init_model(adapted / 'config.py', alone, cfg_options={'model.pretrained': str(other)})


def test_a_part_rests_until_its_epoch_and_a_resumed_run_does_the_same(data_root, tmp_path):
    train(data_root, tmp_path / 'whole', FREEZE | EACH_ITERATION)
    states = [state_of(tmp_path / 'whole' / f'iter_{i}.pth') for i in (1, 3, 8)]
    states.insert(2, state_of(tmp_path / 'whole' / 'epoch_1.pth'))
    first, later, ended, last = states
    assert not [name for name in changed(first, ended) if name.startswith('backbone.')]
    assert 'head.final_layer.weight' in changed(first, later)
    assert [name for name in changed(ended, last) if name.startswith('backbone.blocks.')]
    for start in ('iter_3', 'epoch_1'):
        work_dir = tmp_path / start
        work_dir.mkdir()
        shutil.copy(tmp_path / 'whole' / f'{start}.pth', work_dir)
        train(data_root, work_dir, FREEZE, resume=str(work_dir / f'{start}.pth'))
        assert changed(state_of(work_dir / 'epoch_2.pth'), last) == set()


@pytest.mark.parametrize(
    ('until', 'message'),
    [
        ({}, 'expected names of parts'),
        ({'backbone': 1.5}, 'expected names of parts'),
        ({'body': 1}, "has 'body', but the parts that train are backbone, head"),
        ({'backbone': 1, 'head': 2}, 'freezes every part in epoch 1'),
    ],
)
def test_impossible_freezing(until, message, data_root, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(data_root, tmp_path, {'custom_hooks': [dict(type='FreezeHook', until=until)]})
