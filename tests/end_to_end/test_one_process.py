"""Train, kill, resume, test and evaluate through the commands of the README."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import (
    CONFIG,
    ROOT,
    SAVE_EACH_ITERATION,
    SMALL,
    environment,
    losses,
    tool,
    train_options,
)


def test_training_leaves_what_a_user_looks_for(trained):
    assert (trained / 'config.py').is_file()
    assert (trained / 'last_checkpoint').read_text() == 'epoch_2.pth'
    assert (trained / 'epoch_2.pth').is_file()
    assert len(list(trained.glob('best_coco_AP_epoch_*.pth'))) == 1
    assert len(list(trained.glob('*/environment.txt'))) == 1
    assert len(list(trained.glob('*/vis_data/events.out.tfevents*'))) == 1
    assert json.loads((trained / 'bad_cases/bad_cases.json').read_text())['worst']
    assert list(trained.glob('*/vis_data/vis_image/val_worst_*.png'))
    assert not list(trained.glob('*.part'))


def test_log_shows_speed_and_the_wait_for_data(trained):
    (path,) = trained.glob('*/vis_data/scalars.json')
    records = [json.loads(line) for line in path.read_text().splitlines()]
    training = [record for record in records if 'loss' in record]
    assert all(record['images_per_s'] > 0 for record in training)
    assert all(0 <= record['data_wait'] <= 1 for record in training)
    assert [record['coco/AP'] for record in records if 'coco/AP' in record]


SLOW_CONFIG = f"""_base_ = ['{ROOT / CONFIG}']
custom_imports = dict(imports=['mmcv_custom', 'slow_hook'], allow_failed_imports=False)
custom_hooks = [dict(type='SlowHook')]
"""


def wait_for(path, process):
    for _ in range(1200):
        if path.is_file() and path.read_text() == 'iter_2.pth':
            return
        assert process.poll() is None, process.communicate()[0][-4000:]
        time.sleep(0.05)
    raise AssertionError(f'{path} did not come')


@pytest.fixture
def running(toy, tmp_path):
    """A training that is in the middle of its first epoch; it waits after each batch."""
    config = tmp_path / 'slow.py'
    config.write_text(SLOW_CONFIG)
    options = [config, *train_options(toy, *SAVE_EACH_ITERATION)[1:]]
    command = [sys.executable, 'tools/train.py', *options, 'train_cfg.max_epochs=2']
    command += ['--work-dir', tmp_path]
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    wait_for(tmp_path / 'last_checkpoint', process)
    yield process, tmp_path, command
    process.kill()


def test_killed_run_resumes_with_the_same_losses(running, trained):
    process, work_dir, command = running
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = tool('train', *command[2:], '--resume')
    assert 'resumed from' in done.stdout
    expected = losses(trained)
    assert len(expected) >= 4
    assert losses(work_dir) == expected


@pytest.mark.parametrize('send', [os.kill, os.killpg])
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_signal_saves_and_says_how_to_go_on(number, send, running):
    process, _, command = running
    send(process.pid, number)  # the id of a group is that of its first process
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number, output[-2000:]
    assert 'add --resume to the same command' in output
    assert 'Traceback' not in output
    done = tool('train', *command[2:], '--resume', 'auto')
    assert 'resumed from' in done.stdout


def test_results_evaluate_to_the_same_numbers_without_the_model(toy, trained, tmp_path):
    results = tmp_path / 'results.json'
    tested = tool(
        *('test', CONFIG, trained / 'epoch_2.pth', '--data-root', toy.parent),
        *('--work-dir', tmp_path, '--out', results, '--dump', tmp_path / 'all.npz'),
        *('--show-dir', tmp_path / 'drawn', '--cfg-options', *SMALL),
        fresh=True,
    )
    assert 'coco/AP' in tested.stdout
    annotations = toy / 'annotations/person_keypoints_val2017.json'
    metrics = tmp_path / 'metrics_again.json'
    against = ['--dataset', 'coco', '--ann', annotations]
    tool('evaluate', results, *against, '--out', metrics, fresh=True)
    ours = json.loads((tmp_path / 'metrics.json').read_text())
    again = json.loads(metrics.read_text())
    assert ours == pytest.approx({f'coco/{key}': again[key] for key in again}, abs=1e-6)
    assert len(list((tmp_path / 'drawn').glob('*.jpg'))) == 9
    assert (tmp_path / 'all.npz').is_file()
    summary = tool('summarize', tmp_path, fresh=True)
    assert (tmp_path / 'predictions.png').is_file(), summary.stdout


def test_fusing_batch_norms_changes_nothing(toy, trained, tmp_path):
    metrics = []
    for flags in ([], ['--fuse-conv-bn']):
        tool(
            *('test', CONFIG, trained / 'epoch_2.pth', '--data-root', toy.parent),
            *('--work-dir', tmp_path, *flags, '--cfg-options', *SMALL),
        )
        metrics.append(json.loads((tmp_path / 'metrics.json').read_text()))
    assert metrics[0] == pytest.approx(metrics[1], abs=1e-3)


# (flags, overrides): each trains an epoch
VARIANTS = [
    (['--amp'], []),
    ([], ['optim_wrapper.accumulative_counts=2']),
    ([], ["custom_hooks=[dict(type='EMAHook',momentum=0.1)]"]),
    (['--no-validate', '--deterministic', '--auto-scale-lr'], []),
    (
        [],
        [
            'optim_wrapper.constructor=LayerDecayOptimWrapperConstructor',
            'optim_wrapper.paramwise_cfg.layer_decay_rate=0.8',
        ],
    ),
]


@pytest.mark.parametrize(('flags', 'overrides'), VARIANTS)
def test_variant_trains_and_resumes(flags, overrides, toy, tmp_path):
    options = [*train_options(toy, *overrides), '--work-dir', tmp_path, *flags]
    tool('train', *options, '--cfg-options', 'train_cfg.max_epochs=1')
    done = tool('train', *options, '--resume', '--cfg-options', 'train_cfg.max_epochs=2')
    assert 'resumed from' in done.stdout
    assert (tmp_path / 'epoch_2.pth').is_file()
