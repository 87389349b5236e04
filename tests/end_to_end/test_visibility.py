"""A trained model gets a visibility head and calibrated scores, through the commands."""

import json

import torch
from conftest import SMALL, tool

VISIBILITY = 'ViTPose_tiny_visibility_toy_128x96'
FLAGS = 'person_keypoints_{}2017.json'


def test_visibility_and_calibration(toy, trained, tmp_path):
    pose, work_dir = trained / 'epoch_2.pth', tmp_path / 'visibility'
    common = ['--data-root', toy.parent, '--cfg-options', *SMALL]
    tool('train', VISIBILITY, '--work-dir', work_dir, *common, f'model.pretrained={pose}',
         'train_cfg.max_epochs=1')  # fmt: skip
    before, after = (torch.load(x, weights_only=False)['state_dict'] for x in
                     (pose, work_dir / 'epoch_1.pth'))  # fmt: skip
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert all(name.startswith('visibility_head.') for name in after.keys() - before.keys())

    config, target = work_dir / 'config.py', tmp_path / 'calibrated.pth'
    options = ['--data-root', toy.parent, '--out', target]
    said = tool('calibrate', config, work_dir / 'epoch_1.pth', *options).stdout
    report = json.loads(target.with_suffix('.json').read_text())
    error = report['expected_calibration_error']
    assert f'{error["before"]:.4f} before, {error["after"]:.4f} after' in said
    assert report['coco/AP'].keys() == {'before', 'after'}
    assert 0 <= report['visibility_auroc'] <= 1
    assert target.with_suffix('.png').read_bytes().startswith(b'\x89PNG')

    tool('test', config, target, '--data-root', toy.parent, '--work-dir', tmp_path / 'test')
    out = tmp_path / 'poses'
    tool('infer', toy / 'val2017', '--model', config, target, '--det', 'whole-image',
         '--out', out, '--save-jsonl')  # fmt: skip
    pose = json.loads((out / 'results.jsonl').read_text().splitlines()[0])['poses'][0]
    assert len(pose['visibility']) == len(pose['sigma_px']) == 17


def test_calibration_says_what_is_wrong(toy, trained, tmp_path):
    config, checkpoint = trained / 'config.py', trained / 'epoch_2.pth'
    common = ['calibrate', config, checkpoint, '--data-root', toy.parent]
    on_training = ['val_dataloader.dataset.ann_file=annotations/person_keypoints_train2017.json',
                   'val_dataloader.dataset.data_prefix.img=train2017/']  # fmt: skip
    out = ['--out', tmp_path / 'a.pth', '--cfg-options', *on_training]
    assert 'warning: ' in tool(*common, *out).stdout
    for arguments, sentence in {
        ('--out', checkpoint): 'is an input of this command',
        ('--out', tmp_path / 'a.bin'): 'should end in .pth',
        ('--out', tmp_path / 'b.pth', '--cfg-options', 'val_dataloader.dataset.indices=1'): (
            'the validation set has one image'
        ),
    }.items():
        done = tool(*common, *arguments, check=False)
        assert done.returncode == 1
        assert sentence in done.stdout, done.stdout
        assert 'Traceback' not in done.stdout
