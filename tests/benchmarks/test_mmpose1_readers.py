"""Comparison of dataset readers: what is told to differ."""

from benchmarks.mmpose1_readers import SAMPLES, compare
from mmpose.config.migration.datasets import DATASETS_1X

POSES = {
    'images': ['a.png'], 'ids': [3], 'keypoints': [[[1, 2], [3, 4]]], 'center': [[5, 6]],
    'sigmas': [], 'names': ['nose', 'tail'],
}  # fmt: skip


def test_what_differs_is_told():
    assert compare(POSES, POSES) == []
    other = {**POSES, 'center': [[5, 6.5]], 'sigmas': [0.1, 0.2], 'names': ['tail', 'nose']}
    assert compare(POSES, other) == ['center by up to 0.5', 'sigmas', 'names']
    assert compare(POSES, {**POSES, 'ids': [3, 4]}) == ['1 persons, there 2']


def test_every_class_is_compared():
    """UBody2dDataset has no sample there."""
    assert set(DATASETS_1X) - {kind for kind, _, _ in SAMPLES} == {'UBody2dDataset'}
