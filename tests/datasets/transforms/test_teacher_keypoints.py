"""Poses of a teacher: they follow the crop and its flip as the annotated keypoints do."""

import json

import numpy as np
import pytest
from samples import make_sample, write_poses

from mmpose.datasets.transforms import AddTeacherKeypoints, Compose
from mmpose.metainfo import load_metainfo

STEPS = [
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomBBoxTransform', shift_prob=1, rotate_prob=1),
]


def pose_file(path, pose, ann_id=2):
    """Writes one pose (K, 3)."""
    row = dict(image_id=1, category_id=1, score=1.0, ann_id=ann_id, keypoints=pose.ravel().tolist())
    path.write_text(json.dumps([row]))
    return str(path)


@pytest.mark.parametrize('use_udp', [False, True])
def test_a_pose_moves_as_the_annotated_one_does(tmp_path, use_udp):
    first = make_sample()
    scores = np.linspace(0.1, 1, 17)
    pose = np.concatenate([first['keypoints'], scores[:, None]], 1)
    affine = dict(type='TopdownAffine', input_size=(48, 64), use_udp=use_udp)
    step = dict(type='AddTeacherKeypoints', file=pose_file(tmp_path / 'poses.json', pose))
    keys = {*make_sample()} - {'center', 'scale', 'rotation'}
    pipeline = Compose([*STEPS, affine, step], keys)
    flips = set()
    for seed in range(12):
        sample = pipeline(make_sample() | dict(rng=np.random.default_rng(seed)))
        flips.add(bool(sample.get('flipped', False)))
        partners = sample['dataset_meta'].flip_indices if sample.get('flipped') else range(17)
        np.testing.assert_allclose(
            sample['teacher_keypoints'][:, :2], sample['keypoints'], atol=1e-3
        )  # px
        np.testing.assert_allclose(sample['teacher_keypoints'][:, 2], scores[partners], atol=1e-6)
    assert flips == {True, False}


def test_poses_of_another_skeleton_and_annotations_without_a_pose(tmp_path):
    num = load_metainfo('coco_wholebody').num_keypoints
    both = [
        AddTeacherKeypoints(
            write_poses(tmp_path / name, [2, 7], num), metainfo='coco', source='coco_wholebody'
        )
        for name in ('poses.json', 'poses.npz')
    ]
    np.testing.assert_allclose(both[0].poses, both[1].poses, atol=1e-5)
    assert both[0].poses.shape == (2, 17, 3)
    sample = make_sample(ann_id=3, crop=None)
    assert not both[0](sample)['teacher_keypoints'].any()


@pytest.mark.parametrize(
    ('make', 'options', 'error', 'message'),
    [
        (lambda path: str(path), {}, FileNotFoundError, 'poses.npz'),
        (lambda path: write_poses(path, [1, 1]), {}, ValueError, '2 poses of 1 annotations'),
        (
            lambda path: write_poses(path, [1], 14),
            {},
            ValueError,
            "14 keypoints but 'coco' has 17; set model.teacher.metainfo",
        ),
        (
            lambda path: write_poses(path, [1], 14),
            dict(source='crowdpose'),
            ValueError,
            "skeleton 'crowdpose' of model.teacher.predictions has no nose, left_eye",
        ),
    ],
)
@pytest.mark.parametrize('name', ['poses.npz', 'poses.json'])
def test_bad_files_get_a_sentence(tmp_path, make, options, error, message, name):
    if name.endswith('json'):  # whose reader says it in its words
        message = message.replace('npz', 'json').replace("14 keypoints but 'coco' has 17; set", '')
        message = message.replace(' model.teacher.metainfo', '51')
    with pytest.raises(error, match=message):
        AddTeacherKeypoints(make(tmp_path / name), **options)


def test_columns_are_asked_for(tmp_path):
    np.savez(tmp_path / 'poses.npz', ann_id=[1])
    with pytest.raises(ValueError, match=r"lacks one of \('ann_id', 'keypoints', .*--dump"):
        AddTeacherKeypoints(str(tmp_path / 'poses.npz'))
