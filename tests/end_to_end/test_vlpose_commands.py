"""VLPose by the commands of its README: published names, two processes, one test of both boxes."""

import json

import pytest
from conftest import FEW_PICTURES, ranks, tool

pytest.importorskip('transformers', reason='transformers is not installed')

PUBLISHED = 'configs/_ours_/humanart/pretrain/cvl/first_amiddle_last_add_concat_attn_blip-B_kw1_'
BOXES = 'HumanArt/person_detection_results/HumanArt_validation_detections_AP_H_56_person.json'
TINY = [
    'model.backbone.embed_dim=24',
    'model.backbone.depth=2',
    'model.backbone.num_heads=2',
    'model.head.in_channels=24',
    'model.head.deconv_out_channels=(8,8)',
    'model.text_encoder.embed_dim=16',
    'model.text_encoder.depth=1',
    'model.text_encoder.num_heads=2',
    'model.text_encoder.mlp_dim=16',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'train_cfg.val_interval=1',
    'default_hooks.preview.interval=0',
    *FEW_PICTURES,
]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    counts = ['--num-train', 6, '--num-val', 4, '--seed', 2]
    tool('make_toy_dataset', '--format', 'humanart', '--out', folder / 'HumanArt', *counts)
    return folder


def test_two_ranks_train_and_resume_and_one_tests(root, tmp_path):
    command = [2, 'train', f'{PUBLISHED}vit-S_dp50.py']
    options = ['--data-root', root, '--work-dir', tmp_path, '--cfg-options', *TINY]
    trained = ranks(*command, *options, 'train_cfg.max_epochs=1')
    assert 'frozen parts stay as drawn at random: text_encoder, head' in trained.stdout
    resumed = ranks(*command, '--resume', *options, 'train_cfg.max_epochs=2')
    assert 'resumed from' in resumed.stdout
    assert 'frozen parts stay' not in resumed.stdout
    tool(
        *('test', f'{PUBLISHED}vit-S_dp50.py', tmp_path / 'epoch_2.pth'),
        *('--test-ann-file', 'HumanArt/annotations/validation_humanart.json'),
        *('--test-bbox-file', BOXES, 'none', *options),
    )
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    names = {key.partition('/')[0] for key in metrics}
    assert names == {'detected_boxes', 'annotated_boxes'}
    figures = [key for key in metrics if key.startswith('annotated_boxes/')]
    assert 'annotated_boxes/AP' in figures
    assert len(figures) > 12  # those of COCO, of the groups and of the scenarios
