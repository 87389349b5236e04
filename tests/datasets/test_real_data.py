"""Real files of every dataset, if the environment variable MMPOSE_TEST_DATA names their folder."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose.datasets import (
    CocoDataset,
    CocoWholeBodyDataset,
    InterHand2DDataset,
    MpiiDataset,
    SampleIndex,
    collate_poses,
)
from tests.datasets import tiny_coco

ROOT = Path(os.environ.get('MMPOSE_TEST_DATA', ''))
pytestmark = pytest.mark.skipif(
    not (ROOT / 'coco_mini').is_dir(),
    reason='set MMPOSE_TEST_DATA to a folder with coco_mini/ and samples/',
)

MINI = ('coco_mini', 'annotations/person_keypoints_train2017.json', 'train2017/')
# Folder, annotation file, image folder, skeleton.
FILES = [
    MINI,
    ('samples/coco', 'test_coco.json', ''),
    ('samples/ochuman', 'test_ochuman.json', ''),
    ('samples/ap10k', 'test_ap10k.json', '', 'ap10k'),
    ('samples/aic', 'test_aic.json', '', 'aic'),
    ('samples/crowdpose', 'test_crowdpose.json', '', 'crowdpose'),
    ('samples/animalpose', 'test_animalpose.json', '', 'animalpose'),
]
DETECTIONS = 'test_coco_det_AP_H_56.json'


def make(root, ann_file, prefix, metainfo='coco', **options):
    return CocoDataset(ann_file, str(ROOT / root), {'img': prefix}, metainfo, **options)


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
        np.testing.assert_array_equal(sample['keypoints_visible'], np.minimum(points[:, 2], 1))
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
    samples = [data[SampleIndex(i, 0, 1)] for i in range(len(data))]
    batch = collate_poses(samples)
    assert batch['inputs'].float().std(dim=(1, 2, 3)).min() > 5, 'no crop is blank'
    points, keypoints_visible = batch['batch']['keypoints'], batch['batch']['keypoints_visible'] > 0
    inside = ((points > -0.5) & (points < points.new_tensor([23.5, 31.5]))).all(-1)
    assert inside[keypoints_visible].float().mean() > 0.75, 'most keypoints are in the crop'


def test_test_windows_hold_all_keypoints():
    """The padded window of an annotated box contains nearly every keypoint."""
    data = make(*MINI, pipeline=tiny_coco.TEST_PIPELINE)
    batch = collate_poses([data[i] for i in range(len(data))])['batch']
    points, keypoints_visible = batch['keypoints'], batch['keypoints_visible'] > 0
    inside = ((points >= -0.5) & (points <= points.new_tensor([23.5, 31.5]))).all(-1)
    assert (
        inside[keypoints_visible].float().mean() > 0.98
    )  # a few lie outside of the annotated boxes


def humanart(folder):
    """Reads Human-Art, whose file names start with ``HumanArt/images``."""
    (folder / 'HumanArt').mkdir()
    (folder / 'HumanArt/images').symlink_to(ROOT / 'samples/humanart')
    file = ROOT / 'samples/humanart/test_humanart.json'
    return CocoDataset(str(file), data_prefix={'img': str(folder)})


def interhand(_):
    names = (f'test_interhand2.6m_{part}.json' for part in ('data', 'camera', 'joint_3d'))
    return InterHand2DDataset(*names, data_root=str(ROOT / 'samples/interhand2.6m'))


# Dataset: how to read it, number of instances, images, and of labelled keypoints.
SAMPLES = {
    'coco': (lambda _: make(*FILES[1]), 12, 4, 181),
    'coco_wholebody': (
        lambda _: CocoWholeBodyDataset('test_coco_wholebody.json', str(ROOT / 'samples/coco')),
        12, 4, None,
    ),
    'ochuman': (lambda _: make(*FILES[2]), 5, 3, 73),
    'ap10k': (lambda _: make(*FILES[3]), 2, 2, 32),
    'aic': (lambda _: make(*FILES[4]), 9, 3, 101),
    'crowdpose': (lambda _: make(*FILES[5]), 4, 2, 47),
    'animalpose': (lambda _: make(*FILES[6]), 2, 2, 32),
    'humanart': (humanart, 4, 3, 61),
    'mpii': (lambda _: MpiiDataset('test_mpii.json', str(ROOT / 'samples/mpii')), 5, 5, 76),
    'interhand2d': (interhand, 6, 4, 126),
}  # fmt: skip


@pytest.mark.parametrize('name', SAMPLES)
def test_every_sample(tmp_path, name):
    """The keypoints lie in their padded boxes, and on their images, which are there."""
    read, num_instances, num_images, num_keypoints = SAMPLES[name]
    data = read(tmp_path)
    assert (len(data), len(data.store.image_ids)) == (num_instances, num_images)
    samples = [data.get_sample(i) for i in range(len(data))]
    keypoints_visible = sum(int(sample['keypoints_visible'].sum()) for sample in samples)
    assert num_keypoints is None or keypoints_visible == num_keypoints
    inside = 0
    for sample in samples:
        points = sample['keypoints'][sample['keypoints_visible'] > 0]
        first, size = np.split(sample['bbox_xywh'].astype(float), 2)
        margin = 0.125 * size + 1
        inside += ((points >= first - margin) & (points <= first + size + margin)).all(-1).sum()
        height, width = cv2.imread(sample['image_file']).shape[:2]
        assert sample['image_wh'] in [(width, height), (0, 0)]
        assert ((points >= -1) & (points <= [width, height])).all()
    assert (
        inside >= 0.95 * keypoints_visible
    )  # two of CrowdPose, behind a table, lie below their box
    truth = data.ground_truth()
    assert truth.ann_id.tolist() == [sample['ann_id'] for sample in samples]
    assert int(truth.keypoints_visible.sum()) == keypoints_visible


def test_wholebody_parts():
    """Each labelled part lies in the box that the file gives for it."""
    path = ROOT / 'samples/coco/test_coco_wholebody.json'
    raw = {ann['id']: ann for ann in json.loads(path.read_text())['annotations']}
    data = CocoWholeBodyDataset(path.name, str(path.parent))
    ids = {'face': slice(23, 91), 'lefthand': slice(91, 112), 'righthand': slice(112, 133)}
    checked = 0
    for i in range(len(data)):
        sample = data.get_sample(i)
        for part, own in ids.items():
            is_valid = raw[sample['ann_id']][f'{part}_valid']
            points = sample['keypoints'][own][sample['keypoints_visible'][own] > 0]
            assert is_valid == bool(len(points))
            x, y, w, h = raw[sample['ann_id']][f'{part}_box']
            near = (points > [x - w / 2, y - h / 2]) & (points < [x + 1.5 * w, y + 1.5 * h])
            assert near.all()
            checked += is_valid
    assert checked >= 10


def test_interhand_boxes():
    """The official box is the one around the joints of both hands, enlarged by 1.2."""
    path = ROOT / 'samples/interhand2.6m/test_interhand2.6m_data.json'
    official = {ann['image_id']: ann['bbox'] for ann in json.loads(path.read_text())['annotations']}
    data = interhand(None)
    joints = {image: [] for image in official}
    for i in range(len(data)):
        sample = data.get_sample(i)
        joints[sample['img_id']].extend(sample['keypoints'][sample['keypoints_visible'] > 0])
    for image, bbox in official.items():
        first, last = np.min(joints[image], axis=0), np.max(joints[image], axis=0)
        expected = [*((first + last) / 2 - 0.6 * (last - first)), *(1.2 * (last - first))]
        np.testing.assert_allclose(bbox, expected, atol=1e-2)


@pytest.mark.parametrize('file', FILES[3:])
def test_a_skeleton_of_as_many_keypoints_is_refused(file):
    other = {'ap10k': 'coco', 'aic': 'crowdpose', 'crowdpose': 'aic', 'animalpose': 'coco'}
    with pytest.raises(ValueError, match=r'dataset\.metainfo'):
        make(*file[:3], other[file[3]])


@pytest.mark.parametrize(
    ('folder', 'ann_file', 'boxes', 'num'),
    [
        ('crowdpose', 'test_crowdpose.json', 'test_crowdpose_det_AP_40.json', 6),
        ('humanart', 'test_humanart.json', 'test_humanart_det_AP_H_56.json', 13),
    ],
)
def test_detections_of_other_datasets(folder, ann_file, boxes, num):
    root = str(ROOT / 'samples' / folder)
    metainfo = 'crowdpose' if folder == 'crowdpose' else 'coco'
    data = CocoDataset(ann_file, root, metainfo=metainfo, bbox_file=boxes, test_mode=True)
    assert len(data) == num
