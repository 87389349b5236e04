"""The pairs that are compared at all: none that could match is left out."""

import numpy as np
import pytest

from benchmarks.synthetic_coco import make_synthetic_coco
from mmpose.evaluation.functional.coco_matching import find_pairs, pose_boxes
from mmpose.evaluation.functional.oks import keypoint_variances, oks_to_ground_truth

SIGMAS = np.linspace(0.02, 0.11, 17)


def _spoil_areas(rng, gt, dt):
    gt.area[:] *= rng.choice([0, -1, 1, 50], len(gt.area))


def _spoil_boxes(rng, gt, dt):
    gt.bbox_xywh[:] *= rng.choice([-1, 0, 1], gt.bbox_xywh.shape)


def _far_apart(rng, gt, dt):
    gt.keypoints[:] += rng.normal(0, 1e6, (len(gt.area), 1, 1))


def _exact_copies(rng, gt, dt):
    dt.keypoints[:] = gt.keypoints[rng.integers(0, len(gt.area), len(dt.scores))]


def _as_it_is(rng, gt, dt):
    pass


@pytest.mark.filterwarnings('ignore:overflow')  # an area below 0 makes an exponent above 0
@pytest.mark.parametrize(
    'change', [_as_it_is, _spoil_areas, _spoil_boxes, _far_apart, _exact_copies]
)
@pytest.mark.parametrize('min_oks', [0.1, 0.5, 0.999])
def test_all_pairs_that_reach_the_threshold_are_found(change, min_oks):
    rng = np.random.default_rng(0)
    gt, dt = make_synthetic_coco(1, 60, 150, seed=4)
    change(rng, gt, dt)
    dt = dt.take(rng.permutation(150)[:140])
    variances = keypoint_variances(SIGMAS)
    groups = np.zeros(60, np.int64), np.zeros(140, np.int64)
    boxes = pose_boxes(dt.keypoints)
    pairs = find_pairs(gt, groups[0], gt.area, dt, groups[1], boxes, variances, min_oks)
    detection, annotation = np.divmod(np.arange(140 * 60), 60)
    oks = oks_to_ground_truth(
        dt.keypoints[detection],
        gt.keypoints[annotation],
        gt.keypoints_visible[annotation],
        gt.area[annotation],
        gt.bbox_xywh[annotation],
        variances,
    )
    near = oks >= min_oks
    assert 0 < near.sum() < len(near)
    assert pairs.detection.tolist() == detection[near].tolist()
    assert pairs.annotation.tolist() == annotation[near].tolist()
    assert pairs.oks.tolist() == oks[near].tolist()


def test_boxes_of_poses():
    poses = np.random.default_rng(0).normal(size=(5000, 17, 2))
    expected = np.concatenate([poses.min(axis=1), poses.max(axis=1)], axis=1).T
    np.testing.assert_array_equal(pose_boxes(poses), expected)
    assert pose_boxes(poses[:0]).shape == (4, 0)


def test_oks_does_not_depend_on_the_pairs_before():
    """Equal pairs are equal to the last digit, or ties would be decided by their places."""
    gt, dt = make_synthetic_coco(1, 1500, 1500, seed=2)
    arrays = (gt.keypoints, gt.keypoints_visible, gt.area, gt.bbox_xywh)
    variances = keypoint_variances(SIGMAS)
    together = oks_to_ground_truth(dt.keypoints, *arrays, variances)
    alone = [
        oks_to_ground_truth(dt.keypoints[i : i + 1], *(x[i : i + 1] for x in arrays), variances)
        for i in range(1500)
    ]
    assert together.tolist() == np.concatenate(alone).tolist()
