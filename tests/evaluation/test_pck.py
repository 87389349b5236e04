import numpy as np
import pytest
from evaluation_cases import POSE, shifted

from mmpose.evaluation.functional import pck_accuracy


@pytest.mark.parametrize(('offset', 'expected'), [(0.0, 1.0), (5.0, 1.0), (5.01, 0.0)])
def test_pck_counts_joints_within_the_share_of_the_norm(offset, expected):
    visible = np.ones((1, 17), dtype=bool)
    pck = pck_accuracy(shifted(offset), POSE[None], visible, np.array([100.0]), thr=0.05)
    assert pck == expected


def test_pck_leaves_out_unlabelled_joints():
    estimate = shifted(0.0)
    estimate[0, 8:] += 1000
    visible = np.arange(17)[None] < 16
    pck = pck_accuracy(estimate, POSE[None], visible, np.array([100.0]))
    assert pck == 0.5
    assert pck_accuracy(estimate, POSE[None], np.zeros_like(visible), np.array([100.0])) == -1
