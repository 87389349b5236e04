"""Real COCO files, if the environment variable MMPOSE_TEST_DATA names a folder with them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tiny_coco

from mmpose.datasets import CocoDataset, Draw, collate_poses

ROOT = Path(os.environ.get('MMPOSE_TEST_DATA', ''))
pytestmark = pytest.mark.skipif(
    not (ROOT / 'coco_mini').is_dir(),
    reason='set MMPOSE_TEST_DATA to a folder with coco_mini/ and samples/',
)

MINI = ('coco_mini', 'annotations/person_keypoints_train2017.json', 'train2017/')
FILES = [
    MINI,
    ('samples/coco', 'test_coco.json', ''),
    ('samples/ochuman', 'test_ochuman.json', ''),
    ('samples/ap10k', 'test_ap10k.json', ''),
]
DETECTIONS = 'test_coco_det_AP_H_56.json'


def make(root, ann_file, prefix, **options):
    return CocoDataset(ann_file, str(ROOT / root), prefix, **options)


def expected_instances(path):
    """Applies the rules for COCO files one annotation at a time."""
    data = json.loads(path.read_text())
    sizes = {image['id']: (image['width'], image['height']) for image in data['images']}
    found = {}
    for ann in data['annotations']:
        labelled = max(ann.get('keypoints', [0])) > 0 and ann.get('num_keypoints', 1) > 0
        if ann.get('iscrowd', 0) or not labelled or ann.get('area', 1) <= 0:
            continue
        width, height = sizes[ann['image_id']]
        x, y, w, h = ann['bbox']
        left, top = max(0, x), max(0, y)
        right = min(width - 1, left + max(0, w - 1))
        bottom = min(height - 1, top + max(0, h - 1))
        if right > left and bottom > top:
            found[ann['id']] = (ann, [left, top, right - left, bottom - top])
    return found


@pytest.mark.parametrize('file', FILES)
def test_annotations(file):
    data = make(*file)
    expected = expected_instances(ROOT / file[0] / file[1])
    samples = [data.get_sample(i) for i in range(len(data))]
    assert sorted(sample['ann_id'] for sample in samples) == sorted(expected)
    for sample in samples:
        ann, bbox = expected[sample['ann_id']]
        points = np.reshape(ann['keypoints'], (-1, 3))
        np.testing.assert_array_equal(sample['bbox_xywh'], np.float32(bbox))
        np.testing.assert_array_equal(sample['keypoints'], points[:, :2].astype(np.float32))
        np.testing.assert_array_equal(sample['visible'], np.minimum(points[:, 2], 1))
        assert sample['img_id'] == ann['image_id']
        assert os.path.isfile(sample['image_file'])


def test_the_number_of_persons():
    assert len(make(*MINI)) == 86


def test_detections():
    entries = json.loads((ROOT / 'samples/coco' / DETECTIONS).read_text())
    data = make(
        'samples/coco', 'test_coco.json', '', bbox_file=DETECTIONS, bbox_score_thr=0.5,
        test_mode=True,
    )  # fmt: skip
    expected = [e for e in entries if e['category_id'] == 1 and e['score'] >= 0.5]
    assert 0 < len(expected) < len(entries)
    boxes = [data.get_sample(i)['bbox_xywh'] for i in range(len(data))]
    np.testing.assert_array_equal(boxes, np.float32([entry['bbox'] for entry in expected]))


@pytest.mark.parametrize('file', FILES[:2])
def test_training_pipeline(file):
    data = make(*file, pipeline=tiny_coco.PIPELINE)
    samples = [data[Draw(i, 0, 1)] for i in range(len(data))]
    batch = collate_poses(samples)
    assert batch['inputs'].float().std(dim=(1, 2, 3)).min() > 5, 'no crop is blank'
    points, visible = batch['batch']['keypoints'], batch['batch']['visible'] > 0
    inside = ((points > -0.5) & (points < points.new_tensor([23.5, 31.5]))).all(-1)
    assert inside[visible].float().mean() > 0.75, 'most keypoints are in the crop'


def test_test_windows_hold_all_keypoints():
    """The padded window of an annotated box contains nearly every keypoint."""
    data = make(*MINI, pipeline=tiny_coco.TEST_PIPELINE)
    batch = collate_poses([data[i] for i in range(len(data))])['batch']
    points, visible = batch['keypoints'], batch['visible'] > 0
    inside = ((points >= -0.5) & (points <= points.new_tensor([23.5, 31.5]))).all(-1)
    assert inside[visible].float().mean() > 0.98  # a few lie outside of the annotated boxes
