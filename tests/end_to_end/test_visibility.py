"""A trained model gets a visibility head and calibrated scores, through the commands."""

import json

import pytest
import torch
from conftest import SMALL, tool

from mmpose.analysis.calibration import calibrate_checkpoint
from mmpose.config.load import load_config

VISIBILITY = 'ViTPose_tiny_visibility_toy_128x96'


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
    said = tool('calibrate', config, work_dir / 'epoch_1.pth', *options, fresh=True).stdout
    report = json.loads(target.with_suffix('.json').read_text())
    error = report['expected_calibration_error']
    assert f'{error["before"]:.4f} before, {error["after"]:.4f} after' in said
    assert report['coco/AP'].keys() == {'before', 'after'}
    assert 0 <= report['visibility_auroc'] <= 1
    assert target.with_suffix('.png').read_bytes().startswith(b'\x89PNG')

    out = tmp_path / 'poses'
    tool('infer', toy / 'val2017', '--model', config, target, '--det', 'whole-image',
         '--out', out, '--save-jsonl')  # fmt: skip
    pose = json.loads((out / 'results.jsonl').read_text().splitlines()[0])['poses'][0]
    assert len(pose['visibility']) == len(pose['sigma_px']) == 17


def test_calibration_says_what_is_wrong(toy, trained, tmp_path):
    checkpoint = str(trained / 'epoch_2.pth')

    def calibrate(out, **options):
        named = {f'val_dataloader.{key}': value for key, value in options.items()}
        cfg = load_config(trained / 'config.py', named, toy.parent)
        return calibrate_checkpoint(cfg, checkpoint, out)

    for out, options, error, sentence in (
        (checkpoint, {}, FileExistsError, 'is an input of this command'),
        (tmp_path / 'a.bin', {}, ValueError, 'should end in .pth'),
        (tmp_path / 'a.pth', {'dataset.indices': 1}, ValueError, 'the validation set has one'),
    ):
        with pytest.raises(error, match=sentence):
            calibrate(out, **options)
    training = {'ann_file': 'annotations/person_keypoints_train2017.json',
                'data_prefix.img': 'train2017/', 'bbox_file': 'boxes.json'}  # fmt: skip
    with pytest.warns(UserWarning, match='is what the model was trained on'):
        said = calibrate(tmp_path / 'a.pth', **{f'dataset.{key}': x for key, x in training.items()})
    assert said.startswith('the annotated boxes are taken, not those of boxes.json')
