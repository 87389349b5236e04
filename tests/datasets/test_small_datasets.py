"""The smaller datasets of docs/datasets/more.md load through CocoDataset, and are documented so."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import mmcv_custom  # noqa: F401  registers the layer-decay constructor
import mmpose.evaluation.metrics  # noqa: F401  registers the metrics
from mmpose.apis import load_config
from mmpose.config.check import check_config
from mmpose.datasets import CocoDataset, SampleIndex
from mmpose.metainfo import load_metainfo
from mmpose.registry import METRICS
from tests.datasets import tiny_coco

# metainfo name -> K, as published
SMALL = {
    'halpe': 136,
    'halpe26': 26,
    'jhmdb': 15,
    'posetrack18': 17,
    'macaque': 17,
    'horse10': 22,
    'atrw': 15,
    'animalkingdom': 23,
    'freihand': 21,
    'onehand10k': 21,
    'rhd': 21,
    'panoptic_hand': 21,
    '300w': 68,
    'wflw': 98,
    'cofw': 29,
    'aflw': 19,
    'lapa': 106,
    'coco_wholebody_face': 68,
    'coco_wholebody_hand': 21,
    'deepfashion_upper': 6,
    'deepfashion_lower': 4,
    'deepfashion_full': 8,
    'deepfashion2': 294,
    'coco_wholebody': 133,
    'exlpose': 14,
}
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs/datasets/more.md'


def write(folder, name):
    """Writes two images with two instances each; returns the arguments of a dataset."""
    meta = load_metainfo(name)
    rng = np.random.default_rng(0)
    data = tiny_coco.content(num_images=2)
    data['categories'] = [
        {'id': 1, 'name': name, 'keypoints': list(meta.keypoint_names), 'skeleton': []}
    ]
    for person in data['annotations']:
        xy = rng.integers((10, 8), (40, 48), (meta.num_keypoints, 2))
        points = np.column_stack([xy, rng.integers(1, 3, meta.num_keypoints)])
        person['keypoints'] = points.ravel().tolist()
        person['num_keypoints'] = meta.num_keypoints
    return {**tiny_coco.write(folder, data), 'metainfo': name}, data


@pytest.mark.parametrize(('name', 'num_keypoints'), SMALL.items(), ids=SMALL)
def test_loads(tmp_path, name, num_keypoints):
    options, content = write(tmp_path, name)
    data = CocoDataset(**options)
    assert len(data) == 4
    for i, person in enumerate(content['annotations']):
        sample = data.get_sample(i)
        points = np.reshape(person['keypoints'], (num_keypoints, 3))
        np.testing.assert_array_equal(sample['keypoints'], points[:, :2])
        assert sample['keypoints_visible'].tolist() == [1] * num_keypoints


@pytest.mark.parametrize('name', SMALL)
def test_training_pipeline(tmp_path, name):
    options, _ = write(tmp_path, name)
    sample = CocoDataset(**options, pipeline=tiny_coco.PIPELINE)[SampleIndex(0, 0, 0)]
    assert sample['keypoints'].shape == (SMALL[name], 2)
    assert np.isfinite(sample['keypoints']).all()


def table_rows():
    """Returns the cells of the rows of the page that name a skeleton."""
    rows = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in PAGE.read_text().splitlines()
        if line.startswith('|')
    ]
    return [row for row in rows if len(row) == 6 and row[2].isdigit()]


def test_page_lists_the_datasets_with_their_keypoints():
    listed = {row[1].strip('`'): int(row[2]) for row in table_rows()}
    assert listed == SMALL


def metrics_of(row):
    """Returns the metrics that a row of the page names, as configs."""
    calls = [ast.parse(text, mode='eval').body for text in re.findall(r'`([^`]+)`', row[4])]
    return [
        {'type': call.func.id, **{key.arg: ast.literal_eval(key.value) for key in call.keywords}}
        for call in calls
    ]


@pytest.mark.parametrize('row', table_rows(), ids=lambda row: row[1].strip('`'))
def test_metrics_of_the_page(row):
    """They can be built, and ask for keypoints that the skeleton has and sigmas if it has some."""
    meta = load_metainfo(row[1].strip('`'))
    configs = metrics_of(row)
    assert configs
    for config in configs:
        METRICS.build(config)
        keypoints = config.get('keypoint_indices') or config.get('torso_keypoints') or ()
        assert all(
            keypoint in meta.keypoint_names for keypoint in keypoints if isinstance(keypoint, str)
        )
        if keypoints and not isinstance(keypoints[0], str):
            assert meta.flip_indices[keypoints[0]] == keypoints[1], (
                'faces: a keypoint and its partner'
            )
        assert config['type'] != 'CocoMetric' or meta.sigmas is not None


def test_config_of_the_page(tmp_path):
    """The example is composed and checked like a config of the repository."""
    (block,) = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.S)
    path = tmp_path / 'example.py'
    path.write_text(block.replace('../../../../_base_', str(ROOT / 'configs/_base_')))
    cfg = load_config(str(path))
    assert check_config(cfg) == []
    assert cfg.model.head.out_channels == load_metainfo(cfg.metainfo).num_keypoints
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.metainfo == cfg.model.metainfo == 'wflw'
        assert 'bbox_file' not in loader.dataset
    assert cfg.val_evaluator == metrics_of(next(r for r in table_rows() if r[1] == '`wflw`'))[0]


def test_wrong_skeleton_is_refused(tmp_path):
    options, _ = write(tmp_path, 'wflw')
    with pytest.raises(ValueError, match=r"has 294 numbers, expected 204 .*'300w'"):
        CocoDataset(**{**options, 'metainfo': '300w'})
