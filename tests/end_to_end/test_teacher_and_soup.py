"""A teacher and a soup through the commands of docs/distillation.md."""

import json

from conftest import SMALL, tool, train_options

NARROW = [x.replace('=48', '=24') for x in SMALL if x.endswith('=48')]


def test_a_student_and_a_soup(toy, trained, tmp_path):
    student, soup = tmp_path / 'student', tmp_path / 'soup.pth'
    more = ['default_hooks.checkpoint.interval=1', f'model.teacher.config={trained}']
    options = train_options(toy, *NARROW, 'train_cfg.max_epochs=2', *more)
    out = tool('train', *options, '--work-dir', student).stdout
    assert f'teacher: {trained}/config.py with ' in out
    records = [json.loads(x) for x in next(student.glob('*/vis_data/scalars.json')).open()]
    assert all(x['loss'] > x['loss_teacher'] > 0 for x in records if 'loss' in x)
    tool('publish_model', student / 'epoch_1.pth', tmp_path / 'plain', fresh=True)
    assert 'teacher' not in (tmp_path / 'plain/config.json').read_text()

    wide = ['--data-root', toy.parent, '--work-dir', tmp_path / 'logs', '--soup', soup]
    out = tool('model_soup', student / 'config.py', student, *wide, fresh=True).stdout
    assert 'epoch_1.pth: coco/AP ' in out or 'epoch_1.pth: left out' in out
    assert 'mean with ' in out
    assert soup.exists() != ('nothing written' in out)
    bad = tool('model_soup', trained / 'config.py', student, *wide, check=False)
    assert bad.returncode == 1
    assert 'embed_dim is 24 in the file and 48 in the model' in bad.stdout
