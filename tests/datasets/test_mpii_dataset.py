"""MPII: a list of persons, counted from 1, and the head sizes of its validation set."""

import json

import cv2
import numpy as np
import pytest

from mmpose.datasets import MpiiDataset
from mmpose.evaluation.functional.mpii import MAT_JOINTS
from tests.datasets import tiny_coco


def entry(row, **changes):
    """Returns a person with 16 joints; ... removes a field."""
    joints = [[10.0 + row + joint, 20.0 + joint] for joint in range(16)]
    person = {
        'image': f'{row // 2}.png',
        'center': [40.0, 30.0],
        'scale': 0.2,
        'joints': joints,
        'joints_vis': [1] * 16,
    }
    return {key: value for key, value in {**person, **changes}.items() if value is not ...}


def write(folder, people, name='mpii_val.json'):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(3):
        cv2.imwrite(str(folder / f'{i}.png'), tiny_coco.smooth_image((80, 60), i))
    (folder / name).write_text(json.dumps(people))


def dataset(folder, people, **options):
    write(folder, people)
    return MpiiDataset('mpii_val.json', str(folder), **options)


def write_gt(folder, joints, boxes, missing=None, **changes):
    """Writes the ground-truth file: joints (N, 16, 2), boxes (N, 2, 2) of corners."""
    scipy_io = pytest.importorskip('scipy.io')
    joints, boxes = np.asarray(joints, float), np.asarray(boxes, float)
    content = {
        'pos_gt_src': joints.transpose(1, 2, 0),
        'jnt_missing': np.zeros((16, len(joints))) if missing is None else missing,
        'headboxes_src': boxes.transpose(1, 2, 0),
        'dataset_joints': np.array(MAT_JOINTS, dtype=object),
        **changes,
    }
    content = {key: value for key, value in content.items() if value is not ...}
    scipy_io.savemat(folder / 'mpii_gt_val.mat', content)


def test_one_person(tmp_path):
    joints = [[5.0, 7.0]] * 15 + [[-1.0, -1.0]]
    people = [entry(0), entry(3, joints=joints, joints_vis=[1] * 15 + [0], scale=0.5)]
    sample = dataset(tmp_path, people).get_sample(1)
    assert sample['image_file'] == str(tmp_path / '1.png')
    assert (sample['img_id'], sample['ann_id'], sample['category_id']) == (1, 1, 1)
    assert sample['image_wh'] == (0, 0)
    np.testing.assert_array_equal(sample['keypoints'], [[4, 6]] * 15 + [[0, 0]])
    assert sample['keypoints_visible'].tolist() == [1] * 15 + [0]
    # side 200 s round (c_x - 1, c_y + 15 s - 1)
    np.testing.assert_allclose(sample['bbox_xywh'], [39 - 50, 36.5 - 50, 100, 100])


def test_numbers(tmp_path):
    """Images by first appearance, persons by row."""
    people = [entry(4), entry(0), entry(5), entry(1), entry(2)]
    data = dataset(tmp_path, people)
    samples = [data.get_sample(i) for i in range(5)]
    assert [s['ann_id'] for s in samples] == [0, 1, 2, 3, 4]
    assert [s['img_id'] for s in samples] == [0, 1, 0, 1, 2]
    assert [s['image_file'][-5:] for s in samples] == ['2.png', '0.png', '2.png', '0.png', '1.png']


def test_published_window(tmp_path):
    """The published loader: center - 1, y + 15 s, scale * 1.25; the square is stretched."""
    people = [entry(0, center=[41.0, 25.0], scale=0.3)]
    pipeline = [
        {'type': 'LoadImage'},
        {'type': 'GetBBoxCenterScale', 'padding': 1.25},
        {'type': 'TopdownAffine', 'input_size': (24, 32), 'use_udp': True, 'fix_aspect': False},
    ]
    sample = dataset(tmp_path, people, pipeline=pipeline)[0]
    np.testing.assert_allclose(sample['center'], [40.0, 25 + 15 * 0.3 - 1], atol=1e-5)
    np.testing.assert_allclose(sample['scale'], [75.0, 75.0], atol=1e-4)
    points = np.array(people[0]['joints']) - 1
    expected = (points - sample['center'] + 37.5) * [23 / 75, 31 / 75]
    np.testing.assert_allclose(sample['keypoints'], expected, atol=1e-3)


def test_a_test_file(tmp_path):
    people = [entry(i, joints=..., joints_vis=...) for i in range(3)]
    data = dataset(tmp_path, people, test_mode=True)
    assert len(data) == 3
    assert 'keypoints' not in data.get_sample(0)
    assert not data.ground_truth().keypoints_visible.any()
    with pytest.raises(ValueError, match=r"no entry has a field 'joints'.*test_mode=True"):
        dataset(tmp_path, people)


def test_head_boxes_of_the_entries(tmp_path):
    people = [entry(i, head_box=[10, 10, 13 + i, 14]) for i in range(2)]
    data = dataset(tmp_path, people)
    truth = data.ground_truth()
    expected = [0.6 * 5, 0.6 * np.hypot(4, 4)]
    np.testing.assert_allclose(truth.extras['head_size'], expected, rtol=1e-6)
    assert truth.ann_id.tolist() == [0, 1]
    assert 'head_size' not in data.get_sample(0)


def test_head_boxes_of_the_ground_truth_file(tmp_path):
    people = [entry(i) for i in range(3)]
    write(tmp_path, people)
    boxes = [[[0, 0], [3 * k, 4 * k]] for k in (1, 2, 3)]
    write_gt(tmp_path, [person['joints'] for person in people], boxes)
    truth = MpiiDataset('mpii_val.json', str(tmp_path)).ground_truth()
    np.testing.assert_allclose(truth.extras['head_size'], [3, 6, 9], rtol=1e-6)
    write(tmp_path, people[:2], 'mpii_train.json')
    other = MpiiDataset('mpii_train.json', str(tmp_path))
    assert dict(other.ground_truth().extras) == {}, 'another set'


def test_head_boxes_of_the_entries_come_first(tmp_path):
    people = [entry(0, head_box=[0, 0, 6, 8])]
    write_gt(tmp_path, [people[0]['joints']], [[[0, 0], [3, 4]]])
    truth = dataset(tmp_path, people).ground_truth()
    np.testing.assert_allclose(truth.extras['head_size'], [6], rtol=1e-6)


JOINTS = [entry(0)['joints']]
BOX = [[[0, 0], [3, 4]]]


@pytest.mark.parametrize(
    ('joints', 'boxes', 'changes', 'message'),
    [
        (np.add(JOINTS, 100), BOX, {}, r'not the same: their joints are 141 px apart'),
        (JOINTS, [[[3, 4], [3, 4]]], {}, r"'headboxes_src' of entry 0 gives a head of 0.0 px"),
        (JOINTS, BOX, {'jnt_missing': ...}, r"'jnt_missing' \(16, N\) is missing"),
    ],
)
def test_bad_ground_truth_files(tmp_path, joints, boxes, changes, message):
    write(tmp_path, [entry(0)])
    write_gt(tmp_path, joints, boxes, **changes)
    data = MpiiDataset('mpii_val.json', str(tmp_path))
    with pytest.raises(ValueError, match=message) as caught:
        data.ground_truth()
    assert str(tmp_path / 'mpii_gt_val.mat') in str(caught.value)


def test_a_ground_truth_file_that_is_none(tmp_path):
    pytest.importorskip('scipy.io')
    write(tmp_path, [entry(0)])
    (tmp_path / 'mpii_gt_val.mat').write_bytes(b'<html>not found</html>' * 20)
    data = MpiiDataset('mpii_val.json', str(tmp_path))
    with pytest.raises(ValueError, match=r'mpii_gt_val\.mat is not a readable MATLAB file'):
        data.ground_truth()


def test_unknown_centres_are_left_out(tmp_path):
    people = [entry(0, center=[-1, -1], head_box=[0, 0, 3, 4]), entry(1, head_box=[0, 0, 6, 8])]
    with pytest.warns(UserWarning, match='left out 1 of 2 entries whose center is'):
        data = dataset(tmp_path, people)
    assert data.store.ann_ids.tolist() == [1]
    np.testing.assert_allclose(data.ground_truth().extras['head_size'], [6], rtol=1e-6)


NAN = float('nan')
CASES = {
    'an object': ({'images': [1]}, r"is an object with 'images', expected a list of persons"),
    'empty': ([], 'is an empty list'),
    'a number': ([1], 'entry 0 is a int, expected an object'),
    'no image': ([entry(0, image=...)], "entry 0: field 'image' is None, expected a file name"),
    'no center': ([entry(0), entry(1, center=...)], "entry 1: field 'center' is missing"),
    'center NaN': ([entry(0, center=[NAN, 1])], "entry 0: fields 'center' and 'scale' are"),
    'no scale': ([entry(0, scale=...)], "entry 0: field 'scale' is missing, expected a number"),
    'scale 0': ([entry(0, scale=0)], 'and 0, expected finite numbers and a scale > 0'),
    'joints of 14': ([entry(0, joints=[[1, 2]] * 14)], "'joints' is a list of 14, expected 16 li"),
    'joint of 3': ([entry(0, joints=[[1, 2, 1]] * 16)], "'joints' is .*16 lists of 2 numbers"),
    'joint NaN': ([entry(0, joints=[[NAN, 2]] * 16)], "entry 0: field 'joints' holds NaN"),
    'joint text': ([entry(0, joints=[['1', 2]] * 16)], 'expected 16 lists of 2 numbers'),
    'no joints_vis': ([entry(0, joints_vis=...)], "expected both 'joints' and 'joints_vis'"),
    'no joints once': (
        [entry(0), entry(1, joints=..., joints_vis=...)],
        r"entry 1: expected both 'joints' and 'joints_vis' in every entry, or neither in any",
    ),
    'vis 2': ([entry(0, joints_vis=[2] * 16)], "field 'joints_vis' is .*expected zeros and ones"),
    'no head_box': (
        [entry(0, head_box=[0, 0, 3, 4]), entry(1)],
        "entry 1: field 'head_box' is missing, but other entries have one",
    ),
    'head_box 0': ([entry(0, head_box=[3, 3, 3, 3])], "'head_box' of entry 0 gives a head of 0.0"),
}


@pytest.mark.parametrize('case', CASES)
def test_bad_lists(tmp_path, case):
    people, message = CASES[case]
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        dataset(tmp_path, people)
    assert str(tmp_path / 'mpii_val.json') in str(caught.value)
    assert '\n' not in str(caught.value)


def test_truncated(tmp_path):
    write(tmp_path, [entry(0), entry(1)])
    path = tmp_path / 'mpii_val.json'
    path.write_text(path.read_text()[:-50])
    with pytest.raises(ValueError, match=r'mpii_val\.json is not valid JSON.*truncated'):
        MpiiDataset('mpii_val.json', str(tmp_path))
