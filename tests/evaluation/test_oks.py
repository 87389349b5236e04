import numpy as np
import pytest
from evaluation_cases import POSE, SIGMAS, shifted

from mmpose.evaluation.functional.oks import (
    keypoint_variances,
    oks_iou,
    oks_of_pairs,
    oks_to_ground_truth,
)


def test_oks_iou_reproduces_the_published_vector():
    pose = np.arange(51, dtype=np.float64).reshape(17, 3)
    others = np.stack([pose + 1, pose + 5])
    oks = oks_iou(pose[:, :2], others[..., :2], 1000.0, np.array([1000.0, 2000.0]), SIGMAS)
    # sigmas are float32 constants, the vector has seven digits
    np.testing.assert_allclose(oks, [0.8937262, 0.3761216], atol=1e-6)


@pytest.mark.parametrize(
    ('offset', 'expected'), [(0.0, 1.0), (2 * 0.05 * 100, np.exp(-0.5)), (1e6, 0.0)]
)
def test_one_standard_deviation_gives_exp_of_minus_a_half(offset, expected):
    variances = keypoint_variances(np.full(17, 0.05))
    oks = oks_of_pairs(shifted(0.0), shifted(offset), np.array([100.0**2]), variances)
    np.testing.assert_allclose(oks, expected, atol=1e-12)


def test_only_labelled_joints_count():
    keypoints_visible = np.zeros((1, 17), dtype=bool)
    keypoints_visible[0, :4] = True
    estimate = POSE.copy()
    estimate[4:] += 1e4
    estimate[:2] += 1e4
    oks = oks_to_ground_truth(
        estimate[None],
        POSE[None],
        keypoints_visible,
        np.array([6400.0]),
        np.zeros((1, 4)),
        keypoint_variances(SIGMAS),
    )
    np.testing.assert_allclose(oks, 0.5, atol=1e-12)


@pytest.mark.parametrize(
    ('x', 'expected'), [(0.0, 1.0), (200.0, 1.0), (-101.0, np.exp(-0.5)), (201.0, np.exp(-0.5))]
)
def test_an_unlabelled_person_is_compared_by_three_times_its_box(x, expected):
    """The box is x 0..100, so the enlarged one -100..200; 1 px beyond is one standard deviation."""
    estimate = np.full((1, 17, 2), 50.0)
    estimate[..., 0] = x
    oks = oks_to_ground_truth(
        estimate,
        np.zeros((1, 17, 2)),
        np.zeros((1, 17), dtype=bool),
        np.array([100.0]),
        np.array([[0.0, 0.0, 100.0, 100.0]]),
        keypoint_variances(np.full(17, 0.05)),
    )
    np.testing.assert_allclose(oks, expected, atol=1e-12)
