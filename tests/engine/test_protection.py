"""One training in a work dir, a full disk that ends none, and parts that are left out."""

import errno
import os
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from training import EACH_ITERATION, ROOT, losses, records, train

from mmpose.apis.train import set_work_dir
from mmpose.engine.checkpoint_files import remove_unfinished, write_atomically
from mmpose.engine.work_dir_lock import work_dir_lock
from mmpose.registry import HOOKS

HOLD = """
import sys
from mmpose.engine.work_dir_lock import work_dir_lock
with work_dir_lock(sys.argv[1]):
    print('held', flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of a folder."""
    process = subprocess.Popen(
        [sys.executable, '-c', HOLD, tmp_path],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b'held\n'
    yield process
    process.kill()
    process.communicate()


def test_two_trainings_do_not_share_a_work_dir(holder, tmp_path, data_root):
    with pytest.raises(ValueError, match=f'in use by process {holder.pid} on .+ since .+work-dir'):
        train(data_root, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['.lock']
    holder.kill()
    holder.wait()
    with work_dir_lock(tmp_path):  # what a killed run leaves behind holds nobody up
        assert f'process {os.getpid()} on' in (tmp_path / '.lock').read_text()


def test_a_file_that_is_being_written_has_a_name_of_its_own(tmp_path, monkeypatch):
    path, save = tmp_path / 'epoch_1.pth', torch.save

    def save_slowly(checkpoint, file):
        monkeypatch.setattr(torch, 'save', save)
        file.write(b'begun')
        write_atomically({'of': 'the other'}, path)  # starts later and is ready earlier
        file.seek(0)
        save(checkpoint, file)

    monkeypatch.setattr(torch, 'save', save_slowly)
    write_atomically({'of': 'the first'}, path)
    assert torch.load(path) == {'of': 'the first'}
    (tmp_path / 'epoch_2.pth.0123.part').write_bytes(b'of a run that was killed')
    remove_unfinished(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ['epoch_1.pth']


@HOOKS.register_module()
class FullDisk(Hook):
    """Fails as a disk does that is full."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        raise OSError(errno.ENOSPC, 'No space left on device', 'picture.png')


def test_a_full_disk_ends_no_training(data_root, tmp_path):
    def fill(cfg):
        cfg.custom_hooks = [{'type': 'FullDisk'}]

    with pytest.raises(OSError, match=r'training is complete, but some .* missing.*picture\.png'):
        train(data_root, tmp_path, prepare=fill)
    assert len(losses(tmp_path)) == 8
    assert (tmp_path / 'epoch_2.pth').is_file()
    (log,) = tmp_path.glob('*/*.log')
    assert log.read_text().count('FullDisk could not write') == 1


@HOOKS.register_module()
class LogsOnFullDisk(Hook):
    """Puts the files of the log where nothing can be written."""

    def before_train(self, runner):
        for handler in runner.logger.handlers:
            if hasattr(handler, 'baseFilename'):
                handler.setStream(open('/dev/full', 'w'))  # noqa: SIM115
        os.symlink('/dev/full', f'{runner.log_dir}/vis_data/scalars.json')


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='/dev/full is a file of Linux')
def test_a_log_on_a_full_disk_ends_no_training(data_root, tmp_path, capfd):
    with pytest.raises(OSError, match='No space left'):
        train(
            data_root,
            tmp_path,
            prepare=lambda cfg: cfg.update(custom_hooks=[{'type': 'LogsOnFullDisk'}]),
        )
    assert (tmp_path / 'epoch_2.pth').is_file()
    said = ''.join(capfd.readouterr())
    assert said.count('Epoch(train)') == 8
    assert 'Traceback' not in said


def test_never_evaluates_nor_reads_the_validation_set(data_root, tmp_path):
    options = {'train_cfg.val_interval': 0, 'val_dataloader.dataset.ann_file': 'nowhere.json'}
    train(data_root, tmp_path, options)
    assert len(losses(tmp_path)) == 8
    assert not [record for record in records(tmp_path) if 'coco/AP' in record]
    with pytest.raises(ValueError, match=r'val_interval is -1; expected epochs, or 0 for never'):
        train(data_root, tmp_path, {'train_cfg.val_interval': -1})


def test_every_hook_can_be_left_out(data_root, tmp_path):
    def leave_out(cfg):
        for name in cfg.default_hooks:
            cfg.default_hooks[name] = None
        cfg.auto_scale_lr = None

    runner = train(data_root, tmp_path, EACH_ITERATION, prepare=leave_out)
    assert not runner.hooks
    assert runner.iter == 8


OTHERS = {'config.py': 'x = 1\n', 'metrics.json': '{}', 'result_keypoints.json': '[]'}


@pytest.mark.parametrize('name', OTHERS)
def test_a_folder_that_no_run_has_made_keeps_its_files(name, tmp_path):
    (tmp_path / name).write_text(OTHERS[name])
    with pytest.raises(FileExistsError, match=rf'{name}.* exists, and no run has made it'):
        set_work_dir(Config({}), str(tmp_path), 'config.py')
    assert (tmp_path / name).read_text() == OTHERS[name]


def test_a_folder_of_a_run_is_used_again(tmp_path):
    for name, text in OTHERS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / 'config.py').write_text("launcher = 'none'\n")
    for name in ('config.py', 'test_config.py'):
        set_work_dir(Config({}), str(tmp_path), name)


def test_a_config_is_not_replaced_by_what_it_resolves_to(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('x = 1\n')
    with pytest.raises(FileExistsError, match='the resolved config would replace it'):
        set_work_dir(Config.fromfile(config), str(tmp_path), 'config.py')
    assert config.read_text() == 'x = 1\n'
