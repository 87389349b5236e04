"""MSRA: golden vectors, the reference, the round trip of DARK, and the shift of a flip."""

import codec_reference as reference
import numpy as np
import pytest
import torch
from sample_maps import GOLDEN_IN, golden_to_image, make_bumps, make_noise

from mmpose.codecs import MSRAHeatmap, UDPHeatmap


def build(**arguments):
    return MSRAHeatmap((192, 256), (48, 64), **arguments)


def test_golden_target():
    maps, weights = build().encode(GOLDEN_IN, torch.ones(1, 2))
    assert maps.sum((2, 3))[0].tolist() == pytest.approx([25.081287, 6.0203223], abs=1e-5)
    assert maps.amax((2, 3))[0].tolist() == pytest.approx([1.0, 0.8824969], abs=1e-6)
    index = maps[0].flatten(1).argmax(1)
    assert (index % 48).tolist() == [16, 0]
    assert (index // 48).tolist() == [25, 63]
    assert weights.tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ('decoder', 'expected'),
    [
        ('quarter', [[107.773438, 123.632813], [46.25, 271.09375]]),
        ('dark', [[107.096756, 123.147690], [46.25, 271.09375]]),
        ('argmax', [[108.75, 122.65625], [46.25, 271.09375]]),
    ],
)
def test_golden_decoding(decoder, expected):
    maps, _ = UDPHeatmap((192, 256), (48, 64)).encode(GOLDEN_IN, torch.ones(1, 2))
    keypoints, _ = build(decoder=decoder).decode(maps)
    np.testing.assert_allclose(golden_to_image(keypoints, (192, 256)), expected, atol=1e-4)


@pytest.mark.parametrize('sigma', [1.0, 2.0, 3.0])
def test_target_equals_reference(sigma):
    points = np.random.default_rng(0).uniform([-60, -60], [250, 310], (60, 2))
    maps, weights = build(sigma=sigma).encode(torch.tensor(points)[None], torch.ones(1, 60))
    assert 0 < weights.sum() < 60
    for point, found, weight in zip(points, maps[0], weights[0], strict=True):
        expected, met = reference.encode_gaussian(point / 4, (64, 48), sigma, exact_mean=False)
        assert weight == met
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_unbiased_target_is_a_whole_map_gaussian():
    points = np.random.default_rng(0).uniform([0, 0], [192, 256], (30, 2))
    maps, weights = build(unbiased=True).encode(torch.tensor(points)[None], torch.ones(1, 30))
    assert weights.all()
    for point, found in zip(points, maps[0], strict=True):
        expected = reference.encode_unbiased(point / 4, (64, 48), 2.0)
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(('x', 'weight'), [(-26.0, 1), (-30.0, 0), (213.0, 1), (214.0, 0)])
def test_weight_is_zero_once_the_window_leaves_the_map(x, weight):
    # The window of cell mu covers mu - 6 to mu + 6; input px are 4 per cell and rounded.
    maps, weights = build().encode(torch.tensor([[[x, 100.0]]]), torch.ones(1, 1))
    assert weights.item() == weight
    assert bool(maps.any()) == bool(weight)


REFERENCES = {
    'quarter': lambda heatmap: reference.decode_quarter(heatmap)[:2],
    'quarter_per_axis': reference.decode_quarter_per_axis,
    'dark': lambda heatmap: reference.decode_dark(heatmap, 11),
    'argmax': lambda heatmap: (
        np.array(reference.peak(heatmap)[:2], float),
        reference.peak(heatmap)[2],
    ),
}


@pytest.mark.parametrize('decoder', sorted(REFERENCES))
@pytest.mark.parametrize('noise', [0.0, 0.03, None])
def test_decoding_equals_reference(noise, decoder):
    maps = make_noise(150) if noise is None else make_bumps(150, noise)
    keypoints, scores = build(decoder=decoder).decode(maps)
    for heatmap, found, score in zip(
        maps[0].double().numpy(), keypoints[0], scores[0], strict=True
    ):
        point, peak = REFERENCES[decoder](heatmap)
        step = np.abs(point - reference.peak(heatmap)[:2]).max() * 4
        # Input px. Pure noise has nearly singular Hessians and steps of hundreds of cells.
        atol = 1e-3 * (1 + step) if noise is None else 1e-3
        np.testing.assert_allclose(found, point * 4, atol=atol)
        assert score == peak


def test_round_trip_of_dark_inside():
    # From 8 cells off the border on, the zeros around the map are out of reach of the stencil.
    points = np.random.default_rng(1).uniform([32, 32], [156, 220], (4, 500, 2))
    points = torch.tensor(points).float()
    codec = build(unbiased=True)
    assert codec.decoder == 'dark'  # as in MMPose
    maps, _ = codec.encode(points, torch.ones(4, 500))
    # A Gaussian blurred by an 11 x 11 window is a Gaussian but for the tail that the window cuts.
    assert (codec.decode(maps)[0] - points).abs().max() < 0.004  # input px, 0.001 cells


def test_round_trip_of_quarter_steps():
    points = torch.tensor(np.random.default_rng(1).uniform(32, 156, (1, 500, 2))).float()
    codec = build(unbiased=True, decoder='quarter')
    maps, _ = codec.encode(points, torch.ones(1, 500))
    # Right to a quarter of a cell: 1 input px.
    assert (codec.decode(maps)[0] - points).abs().max() <= 1 + 1e-3


@pytest.mark.parametrize(
    ('is_shifted', 'expected'),
    [(False, [[7, 6, 5, 4], [3, 2, 1, 0]]), (True, [[7, 7, 6, 5], [3, 3, 2, 1]])],
)
def test_golden_flip(is_shifted, expected):
    codec = MSRAHeatmap((16, 64), (4, 16), blur_kernel_size=1, shift_heatmap=is_shifted)
    rows = torch.tensor([[0.0, 1, 2, 3], [4, 5, 6, 7]])
    maps = rows[None, :, None].expand(1, 2, 16, 4)
    found = codec.unflip(maps, torch.tensor([1, 0]))
    assert torch.equal(found, torch.tensor(expected).float()[None, :, None].expand(1, 2, 16, 4))


def test_unknown_decoder():
    with pytest.raises(ValueError, match=r"codec.decoder is 'taylor'; expected one of"):
        build(decoder='taylor')
