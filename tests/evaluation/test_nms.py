import numpy as np
import pytest
from evaluation_cases import SIGMAS, shifted

from mmpose.evaluation.functional import oks_iou, oks_nms, soft_oks_nms

AREA = 6400.0
# OKS with the unshifted pose, in the order of the shifts: 1, 0.97, 0.89, 0.75, 0
NEAR, CLOSE, BESIDE, FAR = 2.0, 4.0, 6.5, 500.0


def test_the_shifts_have_the_similarities_that_the_tables_rely_on():
    oks = oks_iou(shifted(0)[0], shifted(NEAR, CLOSE, BESIDE, FAR), AREA, np.full(4, AREA), SIGMAS)
    assert oks[0] > 0.95
    assert 0.8 < oks[1] < 0.9
    assert 0.5 < oks[2] < 0.8
    assert oks[3] < 1e-6


@pytest.mark.parametrize(
    ('offsets', 'scores', 'images', 'thr', 'kept'),
    [
        ([], [], [], 0.9, []),
        ([0], [0.5], [0], 0.9, [0]),
        ([0, NEAR], [0.5, 0.9], [0, 0], 0.9, [1]),
        ([0, NEAR], [0.5, 0.9], [0, 1], 0.9, [0, 1]),
        ([0, FAR], [0.5, 0.9], [0, 0], 0.9, [1, 0]),
        ([0, CLOSE], [0.5, 0.9], [0, 0], 0.9, [1, 0]),
        ([0, CLOSE], [0.5, 0.9], [0, 0], 0.5, [1]),
        # the first of equal scores wins
        ([0, NEAR], [0.5, 0.5], [0, 0], 0.9, [0]),
        # a pose that is gone suppresses nothing: 0 removes NEAR, which would have removed CLOSE
        ([0, NEAR, CLOSE], [0.9, 0.8, 0.7], [0, 0, 0], 0.9, [0, 2]),
        ([0, FAR, 0, FAR], [0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0], 0.9, [3, 2, 1, 0]),
    ],
)
def test_oks_nms_table(offsets, scores, images, thr, kept):
    poses = shifted(*offsets)
    areas = np.full(len(poses), AREA)
    index = np.array(images, dtype=np.int64)
    found = oks_nms(poses, np.array(scores), areas, SIGMAS, thr, image_index=index)
    assert found.tolist() == kept


@pytest.mark.parametrize(
    ('offsets', 'scores', 'max_dets', 'kept'),
    [
        ([], [], 20, []),
        ([0, NEAR, FAR], [0.9, 0.8, 0.5], 20, [0, 2, 1]),
        # 0.8 * exp(-0.97^2 / 0.9) is about 0.3: below 0.5 of the distant pose, above 0.2
        ([0, NEAR, FAR], [0.9, 0.8, 0.5], 2, [0, 2]),
        ([0, NEAR, FAR], [0.9, 0.8, 0.2], 2, [0, 1]),
        ([0, FAR, 2 * FAR], [0.1, 0.3, 0.2], 20, [1, 2, 0]),
    ],
)
def test_soft_oks_nms_table(offsets, scores, max_dets, kept):
    poses = shifted(*offsets)
    areas = np.full(len(poses), AREA)
    found = soft_oks_nms(poses, np.array(scores), areas, SIGMAS, max_dets=max_dets)
    assert found.tolist() == kept


def _greedy(poses, scores, areas, thr):
    """One image, one pose after the other."""
    left, kept = np.argsort(-scores, kind='stable').tolist(), []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [
            i
            for i in left
            if oks_iou(poses[best], poses[[i]], areas[best], areas[[i]], SIGMAS)[0] <= thr
        ]
    return kept


def _soft(poses, scores, areas, thr, max_dets):
    """One image, one pose after the other."""
    left, kept = dict(enumerate(scores)), []
    while left and len(kept) < max_dets:
        best = max(left, key=left.get)
        del left[best]
        kept.append(best)
        for i in left:
            oks = oks_iou(poses[best], poses[[i]], areas[best], areas[[i]], SIGMAS)[0]
            left[i] *= np.exp(-(oks**2) / thr)
    return kept


@pytest.mark.parametrize('seed', range(4))
def test_all_images_at_once_equal_one_image_after_the_other(seed):
    rng = np.random.default_rng(seed)
    images = rng.choice([3, 5, 9, 11], 90, p=[0.5, 0.3, 0.15, 0.05])
    poses = shifted(*rng.integers(0, 4, 90) * 60.0) + rng.normal(0, 3, (90, 17, 2))
    scores, areas = rng.random(90), rng.uniform(3000, 9000, 90)
    expected_hard, expected_soft = [], []
    for image in np.unique(images):
        rows = np.flatnonzero(images == image)
        part = poses[rows], scores[rows], areas[rows]
        expected_hard += rows[_greedy(*part, 0.7)].tolist()
        expected_soft += rows[_soft(*part, 0.7, 12)].tolist()
    hard = oks_nms(poses, scores, areas, SIGMAS, 0.7, image_index=images)
    soft = soft_oks_nms(poses, scores, areas, SIGMAS, 0.7, 12, image_index=images)
    assert hard.tolist() == expected_hard
    assert len(hard) < 60
    assert soft.tolist() == expected_soft
