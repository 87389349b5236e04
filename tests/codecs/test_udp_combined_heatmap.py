"""UDP combined: the reference, the round trip, and the sign of a flip."""

import codec_reference as reference
import numpy as np
import pytest
import torch

from mmpose.codecs import UDPCombinedHeatmap

CODEC = UDPCombinedHeatmap((192, 256), (48, 64))
RADIUS = 3.5  # 0.0546875 * 64 cells


def make_points(count):
    points = np.random.default_rng(count).uniform([-20, -20], [210, 275], (count, 2))
    return torch.tensor(points).float()[None]


def test_target_equals_reference():
    points = make_points(60)
    maps, weights = CODEC.encode(points, torch.ones(1, 60))
    assert weights.all(), 'also a disc outside the map is learnt, as an empty map'
    for point, found in zip(points[0].double().numpy(), maps[0].unflatten(0, (60, 3)), strict=True):
        expected = reference.encode_disc(point * [47 / 191, 63 / 255], (64, 48), RADIUS)
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize('blur_offsets', [True, False])
def test_decoding_equals_reference(blur_offsets):
    codec = UDPCombinedHeatmap((192, 256), (48, 64), blur_offsets=blur_offsets)
    maps, _ = CODEC.encode(make_points(60).clamp(0, 191), torch.ones(1, 60))
    maps = maps + 0.05 * torch.randn(maps.shape, generator=torch.manual_seed(0))
    keypoints, scores = codec.decode(maps)
    persons = maps[0].double().numpy().reshape(60, 3, 64, 48)
    for channels, found, score in zip(persons, keypoints[0], scores[0], strict=True):
        point, peak = reference.decode_combined(channels, 11, RADIUS, None if blur_offsets else 1)
        np.testing.assert_allclose(found, point * CODEC.stride_wh, atol=1e-3)  # input px
        np.testing.assert_allclose(score, peak, atol=1e-5)


def test_round_trip_inside():
    # The blur shrinks the offsets, so part of the rounding to a cell, 2.03 input px, remains.
    points = torch.tensor(np.random.default_rng(1).uniform(40, 150, (1, 200, 2))).float()
    maps, _ = CODEC.encode(points, torch.ones(1, 200))
    error = (CODEC.decode(maps)[0] - points).abs()
    assert error.max() < 1.5


def test_unflip_negates_x_offsets():
    # The mirrored input shows joint 0 where joint 1 was, and the other way round.
    points = torch.tensor([[[60.3, 101.7], [130.0, 55.5]]])
    mirrored = torch.tensor([[[191 - 130.0, 55.5], [191 - 60.3, 101.7]]])
    keypoints_visible = torch.ones(1, 2)
    found = CODEC.unflip(CODEC.encode(mirrored, keypoints_visible)[0], torch.tensor([1, 0]))
    assert torch.allclose(found, CODEC.encode(points, keypoints_visible)[0], atol=1e-4)
