"""PCK, AUC, EPE and NME against loops written from their definitions."""

import math

import numpy as np
import pytest

from mmpose.evaluation.functional import (
    area_under_curve,
    keypoint_accuracies,
    keypoint_distances,
    mean_distance,
    pck_accuracy,
)


def _random_case(seed, num=60, joints=7):
    """Joint 2 is never labelled, joint 3 once; two instances have no length."""
    rng = np.random.default_rng(seed)
    gt = rng.uniform(0, 100, (num, joints, 2))
    keypoints_visible = rng.random((num, joints)) < 0.7
    keypoints_visible[:, 2] = False
    keypoints_visible[:, 3] = np.arange(num) == 5
    norm = rng.uniform(20, 80, num)
    norm[[7, 8]] = 0
    reach = rng.exponential(0.2, (num, 1, 1)) * norm[:, None, None]
    keypoints = gt + rng.normal(0, 1, gt.shape) * reach
    keypoints[10:14] = gt[10:14]
    return keypoints, gt, keypoints_visible, norm


def _errors_by_joint(keypoints, gt, keypoints_visible, norm):
    """Normalised errors of the labelled instances of each joint."""
    errors = [[] for _ in range(gt.shape[1])]
    for i in range(len(gt)):
        for k in range(gt.shape[1]):
            if keypoints_visible[i, k] and norm[i] > 0:
                errors[k].append(math.dist(keypoints[i, k], gt[i, k]) / norm[i])
    return errors


def _pck(errors, thr):
    shares = [sum(error < thr for error in part) / len(part) for part in errors if part]
    return sum(shares) / len(shares)


@pytest.mark.parametrize('seed', range(3))
def test_equals_loops_over_joints_and_instances(seed):
    case = _random_case(seed)
    errors, distances = _errors_by_joint(*case), keypoint_distances(*case)
    assert not errors[2]
    assert len(errors[3]) == 1
    for thr in (0.05, 0.2, 0.5):
        assert pck_accuracy(distances, thr) == pytest.approx(_pck(errors, thr), abs=1e-12)
    expected = sum(_pck(errors, i / 20) for i in range(20)) / 20
    assert 0 < expected < 1
    assert area_under_curve(distances) == pytest.approx(expected, abs=1e-12)
    flat = [error for part in errors for error in part]
    assert mean_distance(distances) == pytest.approx(sum(flat) / len(flat), abs=1e-12)


def test_joints_count_alike_however_often_they_are_labelled():
    """Joint 0 is right in 3 of 3, joint 1 in 0 of 1, joint 2 never labelled: 1/2, not 3/4."""
    gt = np.zeros((3, 3, 2))
    keypoints = gt.copy()
    keypoints[:, 1] = 100
    keypoints_visible = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0]], dtype=bool)
    distances = keypoint_distances(keypoints, gt, keypoints_visible, np.full(3, 10.0))
    np.testing.assert_array_equal(keypoint_accuracies(distances, 0.2), [1, 0, np.nan])
    assert pck_accuracy(distances, 0.2) == 0.5


@pytest.mark.parametrize(('offset', 'expected'), [(0.0, 1.0), (1.99, 1.0), (2.0, 0.0)])
def test_a_joint_at_the_threshold_is_wrong(offset, expected):
    gt = np.zeros((1, 1, 2))
    distances = keypoint_distances(
        gt + np.array([offset, 0]), gt, np.ones((1, 1), bool), np.array([10.0])
    )
    assert pck_accuracy(distances, 0.2) == expected


def test_perfect_poses_and_known_jitter():
    gt = np.random.default_rng(0).uniform(0, 100, (5, 4, 2))
    keypoints_visible, norm = np.ones((5, 4), bool), np.full(5, 30.0)
    perfect = keypoint_distances(gt, gt, keypoints_visible, norm)
    assert pck_accuracy(perfect, 0.2) == 1
    assert area_under_curve(perfect) == pytest.approx(0.95)  # nothing is below the threshold 0
    assert mean_distance(perfect) == 0
    moved = keypoint_distances(gt + np.array([3.0, 4.0]), gt, keypoints_visible, norm)
    assert mean_distance(moved) == pytest.approx(5 / 30)
    # 5/30 is below 16 of the thresholds 0, .05, ..., .95
    assert area_under_curve(moved) == pytest.approx(16 / 20)


def test_nothing_labelled():
    distances = keypoint_distances(
        np.zeros((2, 3, 2)), np.zeros((2, 3, 2)), np.zeros((2, 3), bool), np.ones(2)
    )
    values = (pck_accuracy(distances, 0.2), area_under_curve(distances), mean_distance(distances))
    assert values == (-1, -1, -1)
