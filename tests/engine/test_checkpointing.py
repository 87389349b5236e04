"""What is saved survives; what cannot be saved does no harm."""

import errno
import logging
from types import SimpleNamespace

import pytest
import torch

from mmpose.engine import CheckpointHook
from mmpose.engine.hooks import checkpoint_hook
from mmpose.engine.runner import write_atomically


def test_full_disk_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    write_atomically({'value': 1}, path)

    def save_half(checkpoint, file):
        file.write(b'half')
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(torch, 'save', save_half)
    with pytest.raises(OSError, match=r'could not save .*epoch_1\.pth: .*No space left.*untouched'):
        write_atomically({'value': 2}, path)
    monkeypatch.undo()
    assert torch.load(path) == {'value': 1}
    assert [file.name for file in tmp_path.iterdir()] == ['epoch_1.pth']


class FakeRunner:
    """As much of a runner as the hook asks for; ``broken`` makes saving fail."""

    def __init__(self, work_dir):
        self.work_dir = str(work_dir)
        self.rank = 0
        self.epoch = 0
        self.iter = 0
        self.is_resuming = True
        self.broken = False
        self.logger = logging.getLogger('fake')

    def save_training_state(self, name, epoch, iteration, batches_done=0):
        if self.broken:
            raise OSError(f'could not save {name}')
        with open(f'{self.work_dir}/{name}', 'w') as file:
            file.write(str(iteration))


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


@pytest.fixture
def runner(tmp_path):
    return FakeRunner(tmp_path)


def test_old_checkpoints_go_only_when_a_new_one_is_there(runner, tmp_path):
    hook = CheckpointHook(max_keep_ckpts=2)
    for epoch in (1, 2, 3):
        hook._save_latest(runner, f'epoch_{epoch}.pth', epoch)
    assert names(tmp_path) == ['epoch_2.pth', 'epoch_3.pth']
    runner.broken = True
    hook._save_latest(runner, 'epoch_4.pth', 4)
    assert names(tmp_path) == ['epoch_2.pth', 'epoch_3.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == 'epoch_3.pth'
    with pytest.raises(OSError, match='could not save epoch_4'):
        hook.after_train(runner)
    runner.broken = False
    hook._save_latest(runner, 'epoch_5.pth', 5)
    hook.after_train(runner)
    assert names(tmp_path) == ['epoch_3.pth', 'epoch_5.pth']


@pytest.mark.parametrize(
    ('key', 'scores', 'best'),
    [
        ('coco/AP', [0.1, 0.3, 0.2, float('nan')], 2),
        ('EPE', [9.0, 4.0, 5.0, 4.0], 2),
    ],
)
def test_best_checkpoint_follows_the_metric(key, scores, best, runner, tmp_path):
    hook = CheckpointHook(save_best='auto')
    for runner.epoch, score in enumerate(scores, start=1):
        hook.after_val_epoch(runner, {key: score})
    assert names(tmp_path) == [f'best_{key.replace("/", "_")}_epoch_{best}.pth']


def test_best_survives_a_failed_save(runner, tmp_path):
    hook = CheckpointHook(save_best='auto')
    runner.epoch = 1
    hook.after_val_epoch(runner, {'coco/AP': 0.1})
    runner.epoch, runner.broken = 2, True
    hook.after_val_epoch(runner, {'coco/AP': 0.2})
    assert names(tmp_path) == ['best_coco_AP_epoch_1.pth']
    assert hook.state['best_file'] == 'best_coco_AP_epoch_1.pth'


def test_unknown_metric_is_named(runner):
    hook = CheckpointHook(save_best='coco/ap')
    with pytest.raises(ValueError, match=r"save_best is 'coco/ap'.*gives \['coco/AP'\]"):
        hook.after_val_epoch(runner, {'coco/AP': 0.1})


def test_bookkeeping_travels_with_the_checkpoint(runner):
    hook, other = CheckpointHook(save_best='auto'), CheckpointHook(save_best='auto')
    runner.epoch = 1
    hook.after_val_epoch(runner, {'coco/AP': 0.4})
    checkpoint = {}
    hook.before_save_checkpoint(runner, checkpoint)
    other.after_load_checkpoint(runner, checkpoint)
    assert other.state['best_score'] == 0.4


def test_second_signal_is_not_ours_any_more(runner):
    installed = {}
    fake = SimpleNamespace(
        SIGINT=2,
        SIGTERM=15,
        signal=lambda number, handler: installed.update({number: handler}) or 'default',
        Signals=lambda number: SimpleNamespace(name=f'signal {number}'),
    )
    hook = CheckpointHook(save_best='auto')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint_hook, 'signal', fake)
        hook.before_train(runner)
        assert installed[2] == hook._on_signal
        hook._on_signal(2, None)
    assert installed == {2: 'default', 15: 'default'}
    with pytest.raises(SystemExit) as leave:
        hook._leave_if_asked(runner)
    assert leave.value.code == 130


def test_best_checkpoint_follows_the_figure_that_papers_report(runner, tmp_path):
    hook = CheckpointHook(save_best='auto')
    for epoch, head, pckh in [(1, 90.0, 80.0), (2, 85.0, 82.0)]:
        runner.epoch = epoch
        hook.after_val_epoch(runner, {'mpii/Head PCK': head, 'mpii/PCK': pckh})
    assert names(tmp_path) == ['best_mpii_PCK_epoch_2.pth']
