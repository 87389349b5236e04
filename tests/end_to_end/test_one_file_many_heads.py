"""People and animals in one file: generated, trained, tested, exported, found by the commands."""

import json

from conftest import FEW_PICTURES, tool

SMALL = [
    'model.backbone.embed_dim=24', 'model.backbone.depth=1', 'model.backbone.num_heads=2',
    *(f'model.heads.{i}.in_channels=24' for i in range(2)),
    *(f'model.heads.{i}.deconv_out_channels=(8,8)' for i in range(2)),
    *(f'{phase}_dataloader.{option}' for phase in ('train', 'val', 'test')
      for option in ('num_workers=0', 'persistent_workers=False', 'batch_size=8')),
    'train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'default_hooks.preview.interval=0',
    *FEW_PICTURES,
]  # fmt: skip
NUM_KEYPOINTS = {1: 17, 2: 20}


def test_one_file_one_model_a_head_per_category(tmp_path):
    data, project, run = tmp_path / 'zoo', tmp_path / 'project', tmp_path / 'run'
    counts = ['--num-train', 4, '--num-val', 2, '--seed', 5, '--workers', 1]
    tool('make_toy_dataset', '--format', 'mixed', '--out', data, *counts)
    val = data / 'annotations/val.json'
    made = tool('new_dataset', '--ann', data / 'annotations/train.json', '--val-ann', val,
                '--name', 'zoo', '--img-dir', data / 'images', '--out', project,
                '--model', 'tiny', '--size', '128x96', fresh=True)  # fmt: skip
    assert 'person (17 keypoints), quadruped (20 keypoints)' in made.stdout
    config = project / 'zoo.py'
    trained = tool('train', config, '--work-dir', run, '--cfg-options', *SMALL)
    assert 'loss_quadruped' in trained.stdout
    checkpoint = run / (run / 'last_checkpoint').read_text()
    assert 'person/AP' in trained.stdout
    assert 'quadruped/AP' in trained.stdout
    exported = tmp_path / 'zoo.onnx'
    tool('export', config, checkpoint, '--out', exported, '--cfg-options', *SMALL, fresh=True)

    truth = json.loads(val.read_text())
    expected = [(one['image_id'], one['category_id']) for one in truth['annotations']]
    images = sorted((data / 'images').glob('00001*.jpg'))
    found = []
    for model in (run, exported):
        out = tmp_path / f'out_{model.stem}'
        flags = ['--no-progress', '--save-json', '--save-csv']
        flags += ['--no-flip-test'] if model == run else []
        tool('infer', *images, '--model', model, '--det', val, '--out', out, *flags)
        records = json.loads((out / 'results.json').read_text())
        assert [(one['image_id'], one['category_id']) for one in records] == expected
        assert all(len(x['keypoints']) == 3 * NUM_KEYPOINTS[x['category_id']] for x in records)
        assert {path.name for path in out.glob('*.csv')} == {
            'results_person.csv', 'results_quadruped.csv',
        }  # fmt: skip
        found.append([x for one in records for x in one['keypoints'][2::3]])
    assert max(abs(a - b) for a, b in zip(*found, strict=True)) < 0.002  # scores, of 3 digits
    out = tmp_path / 'one'
    tool('infer', images[0], '--model', exported, '--category', 'quadruped', '--det',
         'whole-image', '--out', out, '--save-json', '--no-progress')  # fmt: skip
    [record] = json.loads((out / 'results.json').read_text())
    assert len(record['keypoints']) == 3 * 20
