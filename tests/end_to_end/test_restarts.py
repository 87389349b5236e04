"""A job of two ranks that is restarted by itself has the losses of one that nothing happened to."""

import os
import shutil

from conftest import CONFIG, ROOT, SAVE_EACH_ITERATION, losses, run, train_options

FAILING = f"""
_base_ = {str(ROOT / CONFIG)!r}
custom_imports = dict(imports=['mmcv_custom', 'failing_hook'], allow_failed_imports=False)
custom_hooks = [dict(type='FailingHook')]
default_hooks = dict(watchdog=dict(minutes=0.2))
"""


def train(toy, config, work_dir):
    options = train_options(toy, 'train_cfg.max_epochs=1', 'train_cfg.val_interval=0')
    return run(
        *('bash', 'tools/dist_train.sh', config, 2, '--work-dir', work_dir),
        *(*options[1:], *SAVE_EACH_ITERATION, 'train_dataloader.batch_size=4'),
    ).stdout


def test_a_kill_and_a_standstill_cost_nothing(toy, tmp_path, monkeypatch):
    whole, failing = tmp_path / 'whole', tmp_path / 'failing'
    train(toy, CONFIG, whole)
    # checkpoints of an earlier run, which nobody asked to resume
    shutil.copytree(whole, failing, ignore=shutil.ignore_patterns('vis_data'))
    config = tmp_path / 'failing.py'
    config.write_text(FAILING)
    monkeypatch.setitem(os.environ, 'MAX_RESTARTS', '4')
    said = train(toy, config, failing)
    assert 'restart 2 of 4' in said
    assert 'epoch 0, iteration 1\n' in said
    assert 'epoch 0, iteration 2\n' in said
    assert losses(failing) == losses(whole)
    assert len(losses(whole)) >= 3
    assert 'no progress for 0.2 minutes' in said
    assert 'rank 0 is within iteration 3, in ' in said
    assert 'rank 1 has finished iteration 2' in said
    assert 'the others wait for rank 1' in said
    assert 'failing_hook.py' in (failing / 'watchdog/stacks_rank1.txt').read_text()
