"""Resuming counts epochs; what may change is done and said, what may not is refused."""

import json
import shutil

import pytest
from training import EACH_ITERATION, losses, rates, records, train

from mmpose.engine.checkpoint_files import LAUNCH_TIME

BUFFER = {'train_dataloader.sampler.image_buffer': 5, **EACH_ITERATION}
ACCUMULATING = {'optim_wrapper.accumulative_counts': 3, **EACH_ITERATION}


@pytest.fixture(scope='module')
def whole(data_root, tmp_path_factory):
    """A run of two epochs of four iterations, with a checkpoint of each."""
    work_dir = tmp_path_factory.mktemp('whole')
    train(data_root, work_dir, ACCUMULATING)
    return work_dir


def start_at(source, work_dir, name):
    """Makes a work dir in which a run was killed after it had saved a checkpoint."""
    work_dir.mkdir(exist_ok=True)
    shutil.copy(source / name, work_dir)
    (work_dir / 'last_checkpoint').write_text(name)
    return work_dir


@pytest.mark.parametrize('name', ['iter_1.pth', 'iter_2.pth', 'iter_3.pth', 'epoch_1.pth'])
def test_losses_are_equal_wherever_a_window_was_left(name, whole, data_root, tmp_path):
    train(data_root, start_at(whole, tmp_path / 'b', name), ACCUMULATING, 'auto')
    resumed, expected = losses(tmp_path / 'b'), losses(whole)
    assert len(resumed) == 8 - int({'epoch_1.pth': '4'}.get(name, name[5]))
    assert resumed == {step: expected[step] for step in resumed}


def test_losses_are_equal_with_an_image_buffer(data_root, tmp_path):
    train(data_root, tmp_path / 'a', BUFFER)
    expected = losses(tmp_path / 'a')
    train(data_root, tmp_path / 'w', {**BUFFER, 'train_dataloader.num_workers': 2})
    assert losses(tmp_path / 'w') == expected
    for name in ('iter_2.pth', 'iter_3.pth'):
        work_dir = start_at(tmp_path / 'a', tmp_path / name, name)
        train(data_root, work_dir, {**BUFFER, 'train_dataloader.num_workers': 1}, 'auto')
        resumed = losses(work_dir)
        assert resumed == {step: expected[step] for step in range(int(name[5]) + 1, 9)}


def test_other_windows_leave_the_gradients_out(whole, data_root, tmp_path, caplog):
    work_dir = start_at(whole, tmp_path / 'b', 'iter_1.pth')
    train(data_root, work_dir, {'optim_wrapper.accumulative_counts': 2}, 'auto')
    assert 'accumulative_counts is 2 instead of 3' in log(work_dir)
    assert len(losses(work_dir)) == 7


def log(work_dir):
    return '\n'.join(path.read_text() for path in work_dir.glob('*/*.log'))


@pytest.mark.parametrize(
    ('overrides', 'name', 'expected', 'said'),
    [
        # 6 of 8 samples were seen in iterations of 2: one batch of 4 is whole
        ({'train_dataloader.batch_size': 4}, 'iter_3.pth', 3, 'batch size is 4 instead of 2'),
        ({'train_dataloader.batch_size': 4}, 'epoch_1.pth', 2, 'batch size is 4 instead of 2'),
        ({'train_dataloader.batch_size': 1}, 'iter_3.pth', 10, 'goes on behind 6 batches'),
        ({'train_dataloader.batch_size': 1}, 'epoch_1.pth', 8, 'batch size is 1 instead of 2'),
        ({'train_dataloader.dataset.indices': 6}, 'iter_3.pth', 6, 'training set is 6 samples'),
        (BUFFER, 'iter_3.pth', 8, 'buffer is 5 samples instead of 0'),
        (BUFFER, 'epoch_1.pth', 4, 'buffer is 5 samples instead of 0'),
        ({'train_dataloader.dataset.indices': 6}, 'epoch_1.pth', 3, 'training set is 6 samples'),
    ],
)
def test_the_epochs_that_are_left_are_trained(
    overrides, name, expected, said, whole, data_root, tmp_path
):
    work_dir = start_at(whole, tmp_path / 'b', name)
    train(data_root, work_dir, overrides, 'auto')
    assert said in log(work_dir)
    assert len(losses(work_dir)) == expected
    assert (work_dir / 'epoch_2.pth').is_file()
    assert [r['step'] for r in records(work_dir) if 'coco/AP' in r][-1] == 2


LONG = {'train_cfg.max_epochs': 4}


def test_a_longer_run_follows_the_longer_schedule(whole, data_root, tmp_path):
    train(data_root, tmp_path / 'long', LONG)
    work_dir = start_at(whole, tmp_path / 'b', 'epoch_2.pth')
    shutil.copy(whole / 'last_evaluation.json', work_dir)
    train(data_root, work_dir, LONG, 'auto')
    expected = rates(tmp_path / 'long')
    assert rates(work_dir) == pytest.approx({step: expected[step] for step in range(9, 17)})
    assert 'that of the config counts' in log(work_dir)


@pytest.mark.parametrize(
    ('schedulers', 'rate'),
    [
        ([{'type': 'MultiStepLR', 'milestones': [1], 'gamma': 0.5, 'by_epoch': True}], 7.5e-4),
        ([], 1.5e-3),
        ([{'type': 'ConstantLR', 'factor': 0.1, 'end': 6, 'by_epoch': False}] * 3, 1.5e-6),
    ],
    ids=['one', 'none', 'three'],
)
def test_other_schedulers_count(schedulers, rate, whole, data_root, tmp_path):
    work_dir = start_at(whole, tmp_path / 'b', 'epoch_1.pth')
    train(data_root, work_dir, {}, 'auto', lambda cfg: cfg.update(param_scheduler=schedulers))
    assert rates(work_dir)[5] == pytest.approx(rate)
    assert 'the schedule is another one' in log(work_dir)


def test_other_settings_of_the_optimizer_count(whole, data_root, tmp_path):
    work_dir = start_at(whole, tmp_path / 'b', 'epoch_1.pth')
    options = {'optim_wrapper.optimizer.weight_decay': 0.2, 'optim_wrapper.optimizer.lr': 3e-3}
    runner = train(data_root, work_dir, {**ACCUMULATING, **options}, 'auto')
    assert {g['weight_decay'] for g in runner.optim_wrapper.optimizer.param_groups} == {0.2}
    assert 'weight_decay of the optimizer is 0.2 instead of 0.05' in log(work_dir)
    assert [one.base_values for one in runner.param_schedulers] == [[3e-3], [3e-3]]
    assert rates(work_dir)[5] > 1.8 * rates(whole)[5]  # less than twice, eta_min has not changed


@pytest.mark.parametrize(
    ('overrides', 'message'),
    [
        ({'model.backbone.depth': 2}, 'epoch_1.pth.*the model of the config is another one'),
        ({'optim_wrapper.optimizer': {'type': 'SGD', 'lr': 0.1, '_delete_': True}}, 'with AdamW'),
        (
            {'optim_wrapper.paramwise_cfg': {'norm_decay_mult': 0.0}},
            'parameters in 1 groups, that of the config has',
        ),
    ],
    ids=['depth', 'optimizer', 'groups'],
)
def test_another_model_or_optimizer_is_refused(overrides, message, whole, data_root, tmp_path):
    work_dir = start_at(whole, tmp_path / 'b', 'epoch_1.pth')

    def change(cfg):
        cfg.merge_from_dict(overrides)

    with pytest.raises(ValueError, match=message) as caught:
        train(data_root, work_dir, {}, 'auto', change)
    assert 'load_from' in str(caught.value)
    assert sorted(path.name for path in work_dir.glob('*.pth')) == ['epoch_1.pth']


def test_a_finished_run_says_how_to_go_on(whole, data_root, tmp_path):
    work_dir = tmp_path / 'b'
    shutil.copytree(whole, work_dir)
    before = len(records(work_dir))
    train(data_root, work_dir, ACCUMULATING, 'auto')
    assert '2 of 2 epochs are trained; to go on, set train_cfg.max_epochs' in log(work_dir)
    assert len(records(work_dir)) == before  # neither trained nor evaluated


@pytest.mark.parametrize('name', ['epoch_1.pth', 'epoch_2.pth'])
def test_an_evaluation_that_was_interrupted_is_made_up_for(name, whole, data_root, tmp_path):
    work_dir = start_at(whole, tmp_path / 'b', name)
    train(data_root, work_dir, ACCUMULATING, 'auto')
    epochs = [record['step'] for record in records(work_dir) if 'coco/AP' in record]
    assert epochs == list(range(int(name[6]), 3))
    best = json.loads((work_dir / 'last_evaluation.json').read_text())['states']['CheckpointHook']
    assert best['best_score'] is not None


def test_an_evaluation_is_not_done_twice(whole, data_root, tmp_path):
    work_dir = start_at(whole, tmp_path / 'b', 'epoch_2.pth')
    shutil.copy(whole / 'last_evaluation.json', work_dir)
    runner = train(data_root, work_dir, ACCUMULATING, 'auto')
    assert not records(work_dir)
    (hook,) = (one for one in runner.hooks if type(one).__name__ == 'CheckpointHook')
    assert hook.state['best_score'] is not None


@pytest.mark.parametrize('note', [None, '', '\0\0\0', 'epoch_9.pth', 'damaged.pth'])
def test_a_lost_note_of_the_last_checkpoint_starts_nothing_anew(note, whole, data_root, tmp_path):
    work_dir = tmp_path / 'b'
    shutil.copytree(whole, work_dir)
    for name in ('iter_8.pth', 'epoch_2.pth'):
        content = (work_dir / name).read_bytes()
        (work_dir / name).write_bytes(content[: len(content) // 2])
    shutil.copy(work_dir / 'epoch_2.pth', work_dir / 'damaged.pth')
    (work_dir / 'last_checkpoint').unlink()
    if note is not None:
        (work_dir / 'last_checkpoint').write_text(note)
    train(data_root, work_dir, ACCUMULATING, 'auto')
    assert 'iter_7.pth has most iterations and is taken' in log(work_dir)
    assert 'epoch_2.pth is left out' in log(work_dir)
    assert losses(work_dir) == losses(whole)


def test_damaged_checkpoints_are_not_replaced(whole, data_root, tmp_path):
    (tmp_path / 'epoch_1.pth').write_bytes(b'half')
    with pytest.raises(ValueError, match='has checkpoints, but none is complete'):
        train(data_root, tmp_path, {}, 'auto')
    assert (tmp_path / 'epoch_1.pth').read_bytes() == b'half'


def average(cfg):
    cfg.custom_hooks = [{'type': 'EMAHook', 'momentum': 0.1}]


def test_raw_weights_go_on_after_a_restart_by_torchrun(data_root, tmp_path, monkeypatch):
    """Such a run is not told to resume."""
    train(data_root, tmp_path / 'a', EACH_ITERATION, prepare=average)
    work_dir = start_at(tmp_path / 'a', tmp_path / 'b', 'iter_3.pth')
    for name, value in (('RESTART_COUNT', '1'), ('MAX_RESTARTS', '2')):
        monkeypatch.setenv(f'TORCHELASTIC_{name}', value)
    monkeypatch.setenv(LAUNCH_TIME, '0')
    train(data_root, work_dir, EACH_ITERATION, prepare=average)
    expected = losses(tmp_path / 'a')
    assert losses(work_dir) == {step: expected[step] for step in range(4, 9)}


def test_raw_weights_go_on_where_averaging_ends(data_root, tmp_path):
    train(data_root, tmp_path / 'a', EACH_ITERATION, prepare=average)
    work_dir = start_at(tmp_path / 'a', tmp_path / 'b', 'iter_3.pth')
    train(data_root, work_dir, EACH_ITERATION, 'auto')
    assert 'no EMAHook, so the averaged weights are left out' in log(work_dir)
    expected = losses(tmp_path / 'a')
    assert losses(work_dir) == {step: expected[step] for step in range(4, 9)}
