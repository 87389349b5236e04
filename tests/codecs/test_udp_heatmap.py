"""UDP: golden vectors, the reference, and the round trip."""

import codec_reference as reference
import numpy as np
import pytest
import torch
from sample_maps import GOLDEN_IN, golden_to_image, make_bumps, make_noise

from mmpose.codecs import UDPHeatmap

CODEC = UDPHeatmap((192, 256), (48, 64))


def test_golden_target():
    maps, weights = CODEC.encode(GOLDEN_IN, torch.ones(1, 2))
    assert maps.sum((2, 3))[0].tolist() == pytest.approx([25.073626, 9.456298], abs=1e-5)
    assert maps.amax((2, 3))[0].tolist() == pytest.approx([0.9758892, 0.9980334], abs=1e-6)
    index = maps[0].flatten(1).argmax(1)
    assert (index % 48).tolist() == [16, 0]
    assert (index // 48).tolist() == [25, 63]
    assert weights.tolist() == [[1, 1]]


def test_golden_decoding():
    maps, _ = CODEC.encode(GOLDEN_IN, torch.ones(1, 2))
    found = golden_to_image(CODEC.decode(maps)[0], (191, 255))
    expected = [[108.389954, 124.705963], [44.255310, 276.984131]]
    np.testing.assert_allclose(found, expected, atol=1e-4)  # image px


@pytest.mark.parametrize('sigma', [1.5, 2.0, 3.0])
def test_target_equals_reference(sigma):
    codec = UDPHeatmap((192, 256), (48, 64), sigma=sigma)
    points = np.random.default_rng(0).uniform([-60, -60], [250, 310], (60, 2))
    maps, weights = codec.encode(torch.tensor(points)[None], torch.ones(1, 60))
    for point, found, weight in zip(points, maps[0], weights[0], strict=True):
        point_hm = point * [47 / 191, 63 / 255]
        expected, met = reference.encode_gaussian(point_hm, (64, 48), sigma, exact_mean=True)
        assert weight == met
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize('size', [3, 11, 17])
@pytest.mark.parametrize('noise', [0.0, 0.03])
@pytest.mark.parametrize('border', ['reflect', 'zero'])
def test_decoding_equals_reference(border, noise, size):
    codec = UDPHeatmap((192, 256), (48, 64), blur_kernel_size=size, blur_border=border)
    maps = make_bumps(150, noise)
    keypoints, scores = codec.decode(maps)
    for heatmap, found, score in zip(
        maps[0].double().numpy(), keypoints[0], scores[0], strict=True
    ):
        point, peak = reference.decode_dark_udp(heatmap, size, border)
        np.testing.assert_allclose(found, point * codec.stride_wh, atol=1e-3)  # input px
        assert score == peak


def test_decoding_of_noise_equals_reference():
    maps = make_noise(300)
    keypoints, _ = CODEC.decode(maps)
    for heatmap, found in zip(maps[0].double().numpy(), keypoints[0], strict=True):
        point, _ = reference.decode_dark_udp(heatmap, 11)
        step = np.abs(point - reference.peak(heatmap)[:2]).max() * 4
        # Nearly singular Hessians give steps of up to hundreds of cells; float32 follows them
        # to one part in a thousand.
        np.testing.assert_allclose(found, point * CODEC.stride_wh, atol=1e-3 * (1 + step))


def test_round_trip_inside():
    # From 6.5 cells off the border on, no cell of the blur of a 13 x 13 window is reflected.
    generator = np.random.default_rng(1)
    points = torch.tensor(generator.uniform([26.5, 26.5], [164, 228], (4, 500, 2))).float()
    maps, _ = CODEC.encode(points, torch.ones(4, 500))
    error = (CODEC.decode(maps)[0] - points).abs()
    assert error.max() < 0.05  # input px


def test_borders_of_the_blur_differ_near_the_border_only():
    """Zeros around the map, as in MMPose 1.x, read border keypoints better than a mirror image."""
    points = torch.tensor(np.random.default_rng(2).uniform([0, 0], [191, 255], (4, 500, 2))).float()
    maps, _ = CODEC.encode(points, torch.ones(4, 500))
    codecs = (CODEC, UDPHeatmap((192, 256), (48, 64), blur_border='zero'))
    mirrored, zeros = ((codec.decode(maps)[0] - points).norm(dim=-1) for codec in codecs)
    distance = torch.minimum(points, torch.tensor([191.0, 255.0]) - points).amin(-1)
    inside = distance > 26.5
    assert (mirrored - zeros)[inside].abs().max() < 1e-3
    assert zeros[~inside].mean() < 0.6 * mirrored[~inside].mean()
    with pytest.raises(ValueError, match=r"blur_border is 'wrap'; expected 'reflect' or 'zero'"):
        UDPHeatmap((192, 256), (48, 64), blur_border='wrap')


def test_map_below_the_floor_of_the_log_takes_no_step():
    maps = torch.full((1, 1, 64, 48), 1e-5)
    maps[0, 0, 30, 20] = 1e-4
    keypoints, scores = CODEC.decode(maps)
    expected = torch.tensor([[[20.0, 30.0]]]) * torch.tensor(CODEC.stride_wh)
    assert torch.allclose(keypoints, expected)
    assert scores.item() == pytest.approx(1e-4)


def test_unflip_is_exact():
    points = torch.tensor([[[60.3, 101.7], [130.0, 55.5]]])
    mirrored = torch.tensor([[[191 - 130.0, 55.5], [191 - 60.3, 101.7]]])
    keypoints_visible = torch.ones(1, 2)
    found = CODEC.unflip(CODEC.encode(mirrored, keypoints_visible)[0], torch.tensor([1, 0]))
    assert torch.allclose(found, CODEC.encode(points, keypoints_visible)[0], atol=1e-5)
