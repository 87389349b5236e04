"""AP of single joints, on poses that are right but for one of them."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.synthetic_coco import make_synthetic_coco
from mmpose.evaluation.functional import KeypointDetections, evaluate_coco
from mmpose.evaluation.functional.coco_ap import OKS_THRESHOLDS
from mmpose.evaluation.functional.oks_errors import analyze_errors, keypoint_average_precision
from mmpose.metainfo import load_metainfo

META = load_metainfo('coco')
WRIST, KNEE = 9, 14


def truth(num_categories=1):
    """Annotated people far from each other, with half of the left wrists labelled."""
    gt, _ = make_synthetic_coco(40, 60, 1, seed=3, num_categories=num_categories)
    keypoints_visible = np.ones_like(gt.keypoints_visible)
    keypoints_visible[::2, WRIST] = False
    return replace(
        gt,
        image_id=np.repeat(gt.image_ids, 2)[:60],
        keypoints=gt.keypoints + np.arange(60)[:, None, None] * 5000,
        keypoints_visible=keypoints_visible,
        iscrowd=np.zeros(60, bool),
        num_labelled=keypoints_visible.sum(axis=1),
    )


def poses(gt, rows, points):
    scores = np.linspace(1, 0.5, len(rows))
    ones = np.ones(points.shape[:2])
    return KeypointDetections(gt.image_id[rows], gt.category_id[rows], points, ones, scores)


def figures(gt, dt):
    return keypoint_average_precision(analyze_errors(gt, dt, META.sigmas, META.flip_indices))


@pytest.mark.parametrize('num_categories', [1, 2])
def test_one_wrong_joint(num_categories):
    gt = truth(num_categories)
    rows = np.arange(60)
    points = gt.keypoints.copy()
    points[:, WRIST] += 1e4
    result = figures(gt, poses(gt, rows, points))
    assert result[WRIST] == 0
    assert np.delete(result, WRIST) == pytest.approx(1)


def test_missed_people_and_invented_ones_cost_every_joint():
    gt = truth()
    found = np.arange(30)
    result = figures(gt, poses(gt, found, gt.keypoints[found]))
    expected = evaluate_coco(gt, poses(gt, found, gt.keypoints[found]), META.sigmas).summary()
    assert result[KNEE] == pytest.approx(expected['AP'])  # all joints are right, or nothing is
    rows = np.r_[0, np.arange(60)]
    points = np.concatenate([gt.keypoints[:1] + 900, gt.keypoints])
    with_invented = poses(gt, rows, points)
    expected = evaluate_coco(gt, with_invented, META.sigmas).summary()
    assert figures(gt, with_invented)[KNEE] == pytest.approx(expected['AP'])
    assert expected['AP'] < 1


def test_a_joint_at_some_distance_is_right_at_the_lower_thresholds():
    gt = truth()
    points = gt.keypoints.copy()
    variance = (2 * META.sigmas[KNEE]) ** 2
    similarity = 0.72
    points[:, KNEE, 0] += np.sqrt(-2 * np.log(similarity) * variance * gt.area)
    result = figures(gt, poses(gt, np.arange(60), points))
    assert result[KNEE] == pytest.approx((similarity > OKS_THRESHOLDS).mean())


def test_the_place_of_another_person_is_wrong():
    gt = truth()
    gt = replace(gt, keypoints=gt.keypoints % 5000)  # people of an image are near each other
    points = gt.keypoints.copy()
    points[0:60:2, KNEE], points[1:60:2, KNEE] = gt.keypoints[1::2, KNEE], gt.keypoints[::2, KNEE]
    result = figures(gt, poses(gt, np.arange(60), points))
    assert result[KNEE] < 0.2 < 0.9 < np.delete(result, KNEE).min()


def test_a_joint_without_labels_has_no_figure():
    gt = truth()
    gt = replace(gt, keypoints_visible=gt.keypoints_visible & (np.arange(17) != KNEE))
    result = figures(gt, poses(gt, np.arange(60), gt.keypoints))
    assert np.isnan(result[KNEE])
    assert not np.isnan(np.delete(result, KNEE)).any()
