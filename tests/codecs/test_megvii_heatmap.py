"""Megvii: golden vectors and the reference."""

import codec_reference as reference
import numpy as np
import pytest
import torch
from sample_maps import GOLDEN_IN, make_bumps

from mmpose.codecs import MegviiHeatmap

CODEC = MegviiHeatmap((192, 256), (48, 64))


def test_golden_target():
    maps, _ = CODEC.encode(GOLDEN_IN, torch.ones(1, 2))
    assert maps.sum((2, 3))[0].tolist() == pytest.approx([6339.1074, 2284.2295], abs=2e-3)
    assert maps.amax((2, 3))[0].tolist() == pytest.approx([255, 255], abs=1e-4)


@pytest.mark.parametrize('size', [3, 11])
def test_target_equals_reference(size):
    codec = MegviiHeatmap((192, 256), (48, 64), kernel_size=size)
    points = np.random.default_rng(0).uniform([-30, -30], [220, 290], (80, 2))
    maps, weights = codec.encode(torch.tensor(points)[None], torch.ones(1, 80))
    assert 0 < weights.sum() < 80
    for point, found, weight in zip(points, maps[0], weights[0], strict=True):
        expected = reference.encode_impulse(point / 4, (64, 48), size)
        assert weight == (expected is not None)
        expected = np.zeros((64, 48)) if expected is None else expected
        np.testing.assert_allclose(found, expected, atol=1e-3)  # of 255


@pytest.mark.parametrize('noise', [0.0, 0.03])
def test_decoding_equals_reference(noise):
    maps = make_bumps(150, noise) * 255
    keypoints, scores = CODEC.decode(maps)
    for heatmap, found, score in zip(
        maps[0].double().numpy(), keypoints[0], scores[0], strict=True
    ):
        point, expected_score = reference.decode_megvii(heatmap, 11)
        np.testing.assert_allclose(found, point * 4, atol=1e-3)  # input px
        np.testing.assert_allclose(score, expected_score, atol=1e-5)


def test_peak_that_the_blur_removes_is_no_keypoint():
    maps = torch.full((1, 1, 64, 48), -1.0)
    maps[0, 0, 30, 20] = 1.0
    keypoints, scores = CODEC.decode(maps)
    assert torch.equal(keypoints, torch.full((1, 1, 2), -4.0))
    assert scores.item() <= 0
