"""When a training stops, and that it remembers."""

import logging
from types import SimpleNamespace

import pytest

from mmpose.engine import PoseEarlyStoppingHook

NAN = float('nan')


def runner_at(epoch=1, is_resuming=False):
    return SimpleNamespace(
        train_loop=SimpleNamespace(stop_training=False, epoch=epoch),
        max_epochs=100,
        is_resuming=is_resuming,
        logger=logging.getLogger('test'),
    )


def stops_after(hook, key, figures):
    """Number of the evaluation after which the training stops; None if it does not."""
    runner = runner_at()
    for number, figure in enumerate(figures, start=1):
        hook.after_val_epoch(runner, {'x/other': 0.0, key: figure})
        if runner.train_loop.stop_training:
            return number
    return None


@pytest.mark.parametrize(
    ('key', 'figures', 'options', 'expected'),
    [
        ('coco/AP', [0.1, 0.2, 0.2, 0.19], dict(patience=2), 4),
        ('coco/AP', [0.1, 0.2, 0.19, 0.21, 0.2], dict(patience=2), None),
        ('coco/AP', [0.7, 0.702, 0.704, 0.706], dict(patience=3, min_delta=0.005), None),
        ('coco/AP', [0.7, 0.702, 0.703, 0.704], dict(patience=3, min_delta=0.005), 4),
        ('wflw/NME', [9.0, 8.0, 8.5, 8.2], dict(patience=2), 4),
        ('wflw/NME', [9.0, 8.0, 7.0, 6.0], dict(patience=1), None),
        ('coco/AP', [NAN, NAN, 0.1], dict(patience=2), 2),
        ('coco/AP', [NAN, 0.1, 0.2], dict(patience=2), None),
        ('coco/AR', [0.5, 0.4], dict(patience=1, monitor='coco/AR'), 2),
    ],
)
def test_when_it_stops(key, figures, options, expected):
    assert stops_after(PoseEarlyStoppingHook(**options), key, figures) == expected


def test_the_count_survives_a_resume():
    first, second = PoseEarlyStoppingHook(patience=3), PoseEarlyStoppingHook(patience=3)
    assert stops_after(first, 'coco/AP', [0.5, 0.4, 0.4]) is None
    checkpoint = {}
    first.before_save_checkpoint(runner_at(), checkpoint)
    second.after_load_checkpoint(runner_at(is_resuming=False), checkpoint)
    assert second.state['waited'] == 0  # weights only
    second.after_load_checkpoint(runner_at(is_resuming=True), checkpoint)
    assert stops_after(second, 'coco/AP', [0.45]) == 1


def test_the_last_epoch_is_no_early_stop():
    runner = runner_at(epoch=100)
    PoseEarlyStoppingHook(patience=1).after_val_epoch(runner, {'coco/AP': NAN})
    assert not runner.train_loop.stop_training


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(patience=0), 'patience is 0'),
        (dict(min_delta=-1), 'min_delta -1'),
        (dict(monitor='coco/mAP'), r"monitor of PoseEarlyStoppingHook is 'coco/mAP'.*coco/AP"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        stops_after(PoseEarlyStoppingHook(**options), 'coco/AP', [0.5])
