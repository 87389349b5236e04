"""The watchdog says where a training stands still, and who waits for whom."""

import json
import logging
import os
import shutil
import threading
import time
from types import SimpleNamespace

import pytest
from mmengine.hooks import Hook
from training import train

from mmpose.engine.hooks.watchdog_hook import FOLDER, WatchdogHook, who_waits
from mmpose.registry import HOOKS

WITHIN, AFTER = 'is within iteration 7', 'has finished iteration 6'
BACKWARD, READ = 'backward (graph.py:1)', 'read (files.py:2)'


@pytest.mark.parametrize(
    ('places', 'silent', 'text'),
    [
        (
            {0: (13, WITHIN, BACKWARD), 1: (12, AFTER, READ), 2: (13, WITHIN, BACKWARD)},
            [],
            f'ranks 0, 2 {WITHIN}, in {BACKWARD}; rank 1 {AFTER}, in {READ}; '
            'the others wait for rank 1',
        ),
        (
            {0: (13, WITHIN, BACKWARD)},
            [1, 2],
            f'rank 0 {WITHIN}, in {BACKWARD}; no answer from ranks 1, 2; '
            'the others wait for ranks 1, 2',
        ),
        (
            {0: (13, WITHIN, BACKWARD), 1: (13, WITHIN, READ)},
            [],
            f'rank 0 {WITHIN}, in {BACKWARD}; rank 1 {WITHIN}, in {READ}',
        ),
        ({0: (12, AFTER, READ)}, [], f'rank 0 {AFTER}, in {READ}'),
    ],
    ids=['behind', 'silent', 'same iteration', 'one rank'],
)
def test_who_waits(places, silent, text):
    assert who_waits(places, silent) == text


def test_no_time_is_refused():
    with pytest.raises(ValueError, match=r'minutes of WatchdogHook is 0; expected more than 0'):
        WatchdogHook(minutes=0)


@HOOKS.register_module()
class SleepingHook(Hook):
    """Stands still after the second iteration."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 1:
            time.sleep(3)
        if runner.iter == 3:
            raise ZeroDivisionError


def with_sleep(cfg):
    cfg.custom_hooks = [dict(type='SleepingHook')]
    cfg.default_hooks.watchdog.minutes = 1 / 60


def test_a_training_says_where_it_stands_and_goes_on(data_root, tmp_path):
    with pytest.raises(ZeroDivisionError):
        train(data_root, tmp_path, prepare=with_sleep)
    assert [x for x in threading.enumerate() if x.name == FOLDER] == []
    (log,) = tmp_path.glob('*/*.log')
    found = [x for x in log.read_text().splitlines() if 'no progress for' in x]
    assert len(found) == 1
    assert 'rank 0 has finished iteration 2' in found[0]
    assert 'in after_train_iter (' in found[0]
    assert 'wait for' not in found[0]
    stacks = (tmp_path / FOLDER / 'stacks_rank0.txt').read_text()
    assert 'in after_train_iter' in stacks
    assert stacks.count('no progress for') == 1
    steps, doing, _ = json.loads((tmp_path / FOLDER / 'rank0.json').read_text())
    assert steps >= 5
    assert 'iteration' in doing


def wait_for_word(runner, caplog, meanwhile=None):
    hook = WatchdogHook(minutes=0.001)
    hook.before_train(runner)
    hook.before_train_iter(runner, 6)
    if meanwhile is not None:
        meanwhile()
    for _ in range(200):
        if caplog.text:
            break
        time.sleep(0.05)
    hook.after_stop(runner)


def runner_of(tmp_path, world_size):
    logger = logging.getLogger('watched')
    return SimpleNamespace(logger=logger, rank=0, world_size=world_size, work_dir=tmp_path, iter=6)


def test_a_disk_that_is_gone_keeps_nobody_from_speaking(tmp_path, caplog):
    wait_for_word(runner_of(tmp_path, 1), caplog, lambda: shutil.rmtree(tmp_path / FOLDER))
    assert 'rank 0 is within iteration 7' in caplog.text
    assert 'no answer' not in caplog.text


def test_a_rank_that_does_not_answer_is_named(tmp_path, caplog):
    """Rank 1 has just written its place, rank 2 long ago, and rank 3 never has."""
    runner = runner_of(tmp_path, 4)
    (tmp_path / FOLDER).mkdir()
    for rank, written in ((1, time.time() + 600), (2, 0)):
        path = tmp_path / FOLDER / f'rank{rank}.json'
        path.write_text(json.dumps((1, WITHIN, BACKWARD)))
        os.utime(path, (written, written))
    wait_for_word(runner, caplog)
    assert 'no answer from ranks 2, 3; the others wait for ranks 1, 2, 3' in caplog.text
