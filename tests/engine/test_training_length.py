"""The length of a training is said in numbers, and a training of nothing but warm-up is named."""

import pytest

from mmpose.engine.training_length import TrainingLength, warm_up_iters


def config(end=501, **loader):
    return dict(
        train_cfg=dict(max_epochs=210),
        train_dataloader=dict(batch_size=32, **loader),
        param_scheduler=[
            dict(type='LinearLR', begin=0, end=end, by_epoch=False),
            dict(type='MultiStepLR', begin=0, end=210, milestones=[170, 200], by_epoch=True),
        ],
    )


def test_the_words():
    text = str(TrainingLength.from_config(config(), 73))
    assert text.startswith(
        '73 samples give 630 iterations (210 epochs in batches of 32), 500 of them warm-up; '
    )
    assert 'raise train_cfg.max_epochs' in text
    assert str(TrainingLength.from_config(config(), 40_000)).endswith('500 of them warm-up')


@pytest.mark.parametrize(
    ('schedulers', 'expected'),
    [
        ((), 0),
        ([dict(type='MultiStepLR', milestones=[1])], 0),
        (dict(type='LinearLR', end=101, by_epoch=False), 100),
        ([dict(type='LinearLR', end=3)], 20),
        ([dict(type='LinearLR', begin=50, end=60)], 0),
    ],
)
def test_warm_up(schedulers, expected):
    assert warm_up_iters(schedulers, 10) == expected


def test_drop_last_and_max_iters():
    assert TrainingLength.from_config(config(drop_last=True), 73).num_iters == 420
    cfg = config()
    cfg['train_cfg']['max_iters'] = 7
    assert TrainingLength.from_config(cfg, 73).num_iters == 7
