"""Batch, epochs, warm-up and intervals follow from the number of samples."""

import pytest

from mmpose.dataset_tools.training_plan import RECIPES, plan_training

SIZES = [1, 3, 7, 12, 40, 60, 73, 100, 146, 400, 577, 1000, 3000, 10_000, 150_000]


@pytest.mark.parametrize('model', RECIPES)
@pytest.mark.parametrize('num_samples', SIZES)
def test_every_size_trains_logs_and_evaluates(num_samples, model):
    plan = plan_training(num_samples, model)
    config, length = plan.config, plan.length
    per_epoch = -(-num_samples // length.batch_size)
    assert length.num_iters == per_epoch * length.num_epochs >= 5000
    assert 20 <= length.warm_up_iters <= length.num_iters / 15
    assert config['param_scheduler'][0]['end'] == length.warm_up_iters + 1
    assert config['auto_scale_lr']['base_batch_size'] == length.batch_size
    assert 4 <= length.batch_size <= plan.recipe.max_batch
    assert plan.recipe.lr / 3 <= plan.lr <= plan.recipe.lr
    hooks = config['default_hooks']
    assert 1 <= hooks['logger']['interval'] <= per_epoch
    assert hooks['checkpoint']['interval'] == config['train_cfg']['val_interval']
    assert 19 <= length.num_epochs // config['train_cfg']['val_interval'] <= 30
    assert hooks['preview']['interval'] <= length.num_iters / 4


def test_numbers():
    plans = [plan_training(num, 'small') for num in (59, 146, 577, 1000)]
    lengths = [plan.length for plan in plans]
    assert [(x.batch_size, x.num_epochs, x.warm_up_iters) for x in lengths] == [
        (8, 625, 250), (16, 500, 250), (32, 264, 251), (32, 157, 251),
    ]  # fmt: skip
    assert [p.lr for p in plans] == [0.00013, 0.00018, 0.00025, 0.00025]
