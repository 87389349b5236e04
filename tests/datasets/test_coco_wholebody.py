"""COCO-WholeBody: five fields become 133 keypoints."""

import json

import numpy as np
import pytest

from mmpose.datasets import CocoWholeBodyDataset
from tests.datasets import tiny_coco

PARTS = {
    'keypoints': 17, 'foot_kpts': 6, 'face_kpts': 68, 'lefthand_kpts': 21, 'righthand_kpts': 21,
}  # fmt: skip
STARTS = dict(zip(PARTS, np.cumsum([0, *PARTS.values()]), strict=False))


def person(ann_id, **changes):
    """Returns a person whose k-th keypoint of all is at (10 + k / 10, 20)."""
    found = tiny_coco.annotation(ann_id, 100)
    for field, num in PARTS.items():
        ids = STARTS[field] + np.arange(num)
        points = np.stack([10 + ids / 10, np.full(num, 20), np.full(num, 2)], axis=1)
        found[field] = points.ravel().tolist()
    return {key: value for key, value in {**found, **changes}.items() if value is not ...}


def dataset(folder, *people, **options):
    data = tiny_coco.content()
    data['annotations'] = list(people)
    return CocoWholeBodyDataset(**{**tiny_coco.write(folder, data), **options})


def with_visibility(field, *values):
    points = person(1)[field]
    points[2 : 3 * len(values) : 3] = values
    return {field: points}


def test_order_of_the_parts(tmp_path):
    data = dataset(tmp_path, person(1))
    sample = data.get_sample(0)
    expected = np.stack([10 + np.arange(133) / 10, np.full(133, 20)], axis=1)
    np.testing.assert_allclose(sample['keypoints'], expected, atol=1e-5)
    assert sample['keypoints_visible'].tolist() == [1] * 133
    names = data.dataset_meta.keypoint_names
    assert names[STARTS['foot_kpts']] == 'left_big_toe'
    assert names[STARTS['face_kpts']] == 'face-0'
    assert names[STARTS['lefthand_kpts']] == 'left_hand_root'
    assert names[STARTS['righthand_kpts']] == 'right_hand_root'


def test_confidences_above_0_are_labelled(tmp_path):
    data = dataset(tmp_path, person(1, **with_visibility('righthand_kpts', 0.046, 0.0, 1, 2)))
    start = STARTS['righthand_kpts']
    assert data.get_sample(0)['keypoints_visible'][start : start + 4].tolist() == [1, 0, 1, 1]
    assert data.store.keypoints_visible[0, start : start + 4].tolist() == [1, 0, 1, 2]
    assert data.ground_truth().keypoints_visible[0, start : start + 4].tolist() == [
        True,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ('changes', 'is_kept'),
    [
        ({'num_keypoints': 0}, True),
        ({'keypoints': [0] * 51}, False),
        ({'keypoints': [0] * 51, 'num_keypoints': 0}, False),
        ({'iscrowd': 1}, False),
        ({'face_kpts': [0.0] * 204}, True),
    ],
)
def test_who_is_kept(tmp_path, changes, is_kept):
    data = dataset(tmp_path, person(1, **changes), person(2))
    assert data.store.ann_ids.tolist() == ([1, 2] if is_kept else [2])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'foot_kpts': ...}, r"annotation 1: field 'foot_kpts' is missing, expected a list of 18"),
        ({'face_kpts': [1] * 201}, "annotation 1: field 'face_kpts' has 201 numbers, expected 204"),
        ({'face_kpts': [float('nan')] * 204}, "annotation 1: field 'keypoints' holds NaN"),
        (with_visibility('foot_kpts', -0.5), 'visibility -0.5 for left_big_toe, .* from 0 to 2'),
        (with_visibility('foot_kpts', 3), 'visibility 3 for left_big_toe, .* from 0 to 2'),
    ],
)
def test_bad_annotations(tmp_path, changes, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        dataset(tmp_path, person(1, **changes))
    assert str(tmp_path / 'ann.json') in str(caught.value)


def test_a_file_of_coco_alone(tmp_path):
    with pytest.raises(TypeError, match="field 'foot_kpts' is missing"):
        dataset(tmp_path, tiny_coco.annotation(1, 100))


def test_another_skeleton(tmp_path):
    with pytest.raises(ValueError, match=r"metainfo 'coco' has 17 keypoints, expected the 133"):
        dataset(tmp_path, person(1), metainfo='coco')


def test_detections(tmp_path):
    box = {'image_id': 100, 'category_id': 1, 'bbox': [1, 1, 9, 9], 'score': 0.5}
    tmp_path.joinpath('det.json').write_text(json.dumps([box]))
    data = dataset(tmp_path, person(1), bbox_file='det.json', test_mode=True)
    assert data.get_sample(0)['bbox_score'] == 0.5
