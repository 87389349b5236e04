"""Logistic curves, calibration error and ROC, beside SciPy and plain loops."""

import numpy as np
import pytest
from scipy import optimize, stats

from mmpose.coco.keypoint_arrays import KeypointGroundTruth
from mmpose.evaluation.functional.calibration import (
    area_under_roc,
    fit_calibration,
    fit_logistic,
    keypoint_similarities,
    reliability,
)
from mmpose.evaluation.functional.oks import keypoint_variances, oks_to_ground_truth


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def draw(num, slope, bias, seed=0):
    """Logits of scores, and hits whose probability is sigmoid(slope * logit + bias)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.5, 1.5, num)
    return logits, (rng.random(num) < sigmoid(slope * logits + bias)).astype(float)


@pytest.mark.parametrize('weight', [1e-3, 10.0, 1e4])
def test_logistic_curve_is_that_of_scipy(weight):
    logits, targets = draw(500, 0.4, 0.7)
    targets[:50] = np.nan
    targets[50:90] = 0.3  # expected similarities are not 0 or 1
    prior = np.array([1.0, 0.0])

    def cost(values):
        known = np.isfinite(targets)
        p = sigmoid(values[0] * logits[known] + values[1])
        entropy = -(targets[known] * np.log(p) + (1 - targets[known]) * np.log(1 - p)).sum()
        return entropy + weight / 2 * ((values - prior) ** 2).sum()

    expected = optimize.minimize(cost, prior, method='Nelder-Mead', tol=1e-10).x
    assert fit_logistic(logits, targets, prior, weight) == pytest.approx(expected, abs=1e-4)


def test_perfectly_separated_scores_have_a_curve():
    logits = np.array([-9.0, -8.0, 8.0, 9.0])
    slope, bias = fit_logistic(logits, (logits > 0) * 1.0, np.array([1.0, 0.0]), 1e-3)
    assert 0.5 < slope < 100
    assert abs(bias) < 1


def test_calibration_finds_each_temperature_and_takes_the_error_away():
    slopes, biases = [0.5, 2.0], [1.5, 1.0]
    columns = [
        draw(4000, *pair, seed) for seed, pair in enumerate(zip(slopes, biases, strict=True))
    ]
    logits, hits = (np.stack(x, axis=1) for x in zip(*columns, strict=True))
    scores = sigmoid(logits)
    within, similarity, labelled = fit_calibration(scores, hits)
    assert within[:, 0] == pytest.approx(slopes, rel=0.1)
    assert within[:, 1] == pytest.approx(biases, abs=0.15)
    np.testing.assert_allclose(within, similarity)
    assert sigmoid(labelled[:, 0] * logits + labelled[:, 1]).min() > 0.97  # all are labelled
    after = sigmoid(within[:, 0] * logits + within[:, 1])
    assert reliability(scores.ravel(), hits.ravel() > 0)[1] > 0.1
    assert reliability(after.ravel(), hits.ravel() > 0)[1] < 0.02


def test_keypoint_with_few_samples_takes_the_curve_of_all():
    logits, hits = draw(4000, 0.5, 1.0)
    scores, similarities = np.tile(sigmoid(logits)[:, None], (1, 2)), np.tile(hits[:, None], (1, 2))
    similarities[1:, 1] = np.nan  # one sample
    within = fit_calibration(scores, similarities)[0]
    assert within[1] == pytest.approx(within[0], abs=0.15)


def test_no_label_is_an_error():
    with pytest.raises(ValueError, match='no keypoint of the poses is labelled'):
        fit_calibration(np.full((3, 2), 0.5), np.full((3, 2), np.nan))


def test_calibration_error_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    scores, hits = rng.random(200), rng.random(200) < 0.4
    scores[:3] = 0, 1, 1 / 15  # ends of bins; a bin has its upper end
    error = 0.0
    for b in range(15):
        in_bin = [i for i, s in enumerate(scores) if b / 15 < s <= (b + 1) / 15 or (b == s == 0)]
        if in_bin:
            gap = abs(np.mean(scores[in_bin]) - np.mean(hits[in_bin]))
            error += len(in_bin) / 200 * gap
    table, found = reliability(scores, hits)
    assert found == pytest.approx(error)
    assert table[:, 2].sum() == 200
    assert reliability(np.array([0.9, 0.9]), np.array([True, False]))[1] == pytest.approx(0.4)


def test_area_under_roc_is_that_of_scipy():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 20, 300) / 20, rng.random(300) < 0.3  # many are equal
    wins = stats.mannwhitneyu(scores[positive], scores[~positive]).statistic
    expected = wins / (positive.sum() * (~positive).sum())
    assert area_under_roc(scores, positive) == pytest.approx(expected)
    assert area_under_roc(scores, np.ones(300, bool)) is None


def test_similarity_is_the_part_of_a_keypoint_in_oks():
    rng = np.random.default_rng(0)
    visible = rng.random((4, 3)) < 0.7
    gt = KeypointGroundTruth(
        image_ids=np.arange(4),
        category_ids=np.array([1]),
        ann_id=np.arange(4),
        image_id=np.arange(4),
        category_id=np.ones(4, np.int64),
        keypoints=rng.uniform(0, 100, (4, 3, 2)),
        keypoints_visible=visible,
        area=rng.uniform(1000, 2000, 4),
        bbox_xywh=np.tile([0.0, 0, 100, 50], (4, 1)),
        iscrowd=np.zeros(4, bool),
        num_labelled=visible.sum(1),
        source='test',
    )
    poses, sigmas = gt.keypoints + rng.normal(0, 4, (4, 3, 2)), np.array([0.03, 0.06, 0.1])
    found = keypoint_similarities(poses, gt, sigmas)
    assert (np.isnan(found) == ~visible).all()
    oks = oks_to_ground_truth(
        poses, gt.keypoints, visible, gt.area, gt.bbox_xywh, keypoint_variances(sigmas)
    )
    rows = visible.any(1)
    np.testing.assert_allclose(np.nanmean(found[rows], axis=1), oks[rows])
    distances = np.linalg.norm(poses - gt.keypoints, axis=2)
    expected = np.where(visible, distances < 5, np.nan)  # 0.05 of the longer side
    np.testing.assert_array_equal(keypoint_similarities(poses, gt, None), expected)
