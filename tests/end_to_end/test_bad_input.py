"""Bad input ends a command with one sentence and exit code 1, without a traceback."""

import pytest
import torch
from conftest import CONFIG, SMALL, tool, train_options


def sentence(done):
    """Returns the error of a failed command."""
    assert done.returncode == 1, done.stdout[-3000:]
    assert 'Traceback' not in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith('error: ')]
    return line


def test_contradicting_config():
    done = tool('train', CONFIG, '--cfg-options', 'model.head.out_channels=16', check=False)
    assert "16 channels but 'coco' has 17 keypoints" in sentence(done)


def test_unknown_argument_of_a_component(toy, tmp_path):
    options = train_options(toy, 'train_cfg.max_epoch=3')
    done = tool('train', *options, '--work-dir', tmp_path, check=False)
    assert 'max_epoch' in sentence(done)


def test_missing_data_names_the_way_out(tmp_path):
    done = tool('train', CONFIG, '--data-root', tmp_path, '--work-dir', tmp_path, check=False)
    text = sentence(done)
    assert str(tmp_path) in text
    assert 'data_root' in text


def test_damaged_image_is_named_from_a_worker(toy, tmp_path):
    folder = tmp_path / 'toy'
    for name in ('annotations', 'train2017', 'val2017'):
        (folder / name).mkdir(parents=True)
        for path in (toy / name).iterdir():
            (folder / name / path.name).write_bytes(path.read_bytes())
    damaged = sorted((folder / 'train2017').iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:500])
    options = [CONFIG, '--data-root', tmp_path, '--work-dir', tmp_path / 'out']
    options += ['--cfg-options', *SMALL, 'train_cfg.max_epochs=1']
    assert damaged.name in sentence(tool('train', *options, check=False))
    done = tool('train', *options, 'train_dataloader.dataset.on_bad_image=skip')
    assert damaged.name in done.stdout


def test_checkpoint_of_another_architecture(trained, toy):
    options = [CONFIG, trained / 'epoch_2.pth', '--data-root', toy.parent]
    text = sentence(tool('test', *options, check=False))
    assert 'epoch_2.pth' in text
    assert '48' in text
    assert '192' in text


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'is empty'),
        (b'not a checkpoint', 'bad.pth'),
    ],
)
def test_unreadable_checkpoint(content, message, toy, tmp_path):
    path = tmp_path / 'bad.pth'
    path.write_bytes(content)
    done = tool(
        'test', CONFIG, path, '--data-root', toy.parent, '--work-dir', tmp_path, check=False
    )
    assert message in sentence(done)


class Payload:
    """An object that a checkpoint must not bring to life."""


def test_checkpoint_that_runs_code_is_refused(toy, tmp_path):
    path = tmp_path / 'pickle.pth'
    torch.save({'state_dict': {'w': torch.zeros(1)}, 'extra': Payload()}, path)
    done = tool(
        'test', CONFIG, path, '--data-root', toy.parent, '--work-dir', tmp_path, check=False
    )
    text = sentence(done)
    assert 'Payload' in text
    assert '--trust-checkpoint' in text


def test_truncated_annotations(toy, tmp_path):
    folder = tmp_path / 'toy' / 'annotations'
    folder.mkdir(parents=True)
    (tmp_path / 'toy/train2017').mkdir()
    text = (toy / 'annotations/person_keypoints_train2017.json').read_text()
    (folder / 'person_keypoints_train2017.json').write_text(text[:-100])
    done = tool('train', CONFIG, '--data-root', tmp_path, '--work-dir', tmp_path, check=False)
    assert 'person_keypoints_train2017.json' in sentence(done)


def test_nan_loss_names_the_images(toy, tmp_path):
    options = train_options(toy, 'train_cfg.max_epochs=3', 'model.data_preprocessor.std=[0,0,0]')
    done = tool('train', *options, '--work-dir', tmp_path, check=False)
    text = sentence(done)
    assert 'the loss is nan at iteration 1' in text
    assert 'train2017/0000' in text
    assert not list(tmp_path.glob('*.pth'))
