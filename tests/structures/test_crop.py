"""Crop windows against matrices printed by the published code (fact sheet, golden vectors)."""

import numpy as np
import pytest

from mmpose.structures import CropWindow, clip_xywh

INPUT_WH = (192, 256)
BOX = [100, 50, 80, 200]
POINTS = np.array([[120, 90], [150, 200]], float)

# (aligned, rotation, matrix of the published affine for BOX)
GOLDEN = [
    (True, 0, [[1.0186666, 0, -47.113335], [0, 1.02, -25.5]]),
    (True, 30, [[0.8821912, -0.5093333, 48.393234], [0.51, 0.8833459, -76.401886]]),
    (False, 0, [[1.024, 0, -47.36], [0, 1.024, -25.6]]),
    (False, 30, [[0.88681, 0.512, -104.9534046], [-0.512, 0.88681, 66.6584986]]),
]


@pytest.mark.parametrize(('use_udp', 'rotation', 'expected'), GOLDEN)
def test_matrix_equals_the_published_one(use_udp, rotation, expected):
    upright = CropWindow.from_bbox(BOX, INPUT_WH)
    window = CropWindow(upright.center, upright.scale, INPUT_WH, rotation, use_udp)
    np.testing.assert_allclose(window.matrix(), expected, atol=2e-5)


@pytest.mark.parametrize(
    ('use_udp', 'expected'),
    [
        (True, [[75.1266603, 66.2999983], [105.6866591, 178.4999962]]),
        (False, [[75.52, 66.56], [106.24, 179.2]]),
    ],
)
def test_points_equal_the_published_ones(use_udp, expected):
    window = CropWindow.from_bbox(BOX, INPUT_WH, use_udp=use_udp)
    np.testing.assert_allclose(window.to_input(POINTS), expected, atol=2e-5)


@pytest.mark.parametrize(
    ('use_udp', 'expected'),
    [
        (True, [[0.764, 0, 19.1], [0, 1.02, 25.5]]),
        (False, [[0.768, 0, 19.2], [0, 0.768, 51.2]]),
    ],
)
def test_square_window_stretches_only_when_aligned(use_udp, expected):
    window = CropWindow([100, 100], [250, 250], INPUT_WH, 0.0, use_udp)
    np.testing.assert_allclose(window.matrix(), expected, atol=1e-9)


@pytest.mark.parametrize('use_udp', [True, False])
@pytest.mark.parametrize('rotation', [0, 17.5, -80])
def test_to_image_inverts_to_input(use_udp, rotation):
    window = CropWindow([140.3, 150.1], [187.5, 251.0], INPUT_WH, rotation, use_udp)
    np.testing.assert_allclose(window.to_image(window.to_input(POINTS)), POINTS, atol=1e-9)


def test_box_grows_to_the_aspect_ratio_of_the_input():
    window = CropWindow.from_bbox(BOX, INPUT_WH)
    np.testing.assert_allclose(window.center, [140, 150])
    np.testing.assert_allclose(window.scale, [187.5, 250])  # 0.9375 and 1.25 times 200 px


def test_empty_window_is_refused():
    with pytest.raises(ValueError, match=r'positive size, got \[0.0, 10.0\]'):
        CropWindow([0, 0], [0, 10], INPUT_WH)


def test_clip_counts_pixel_centres():
    boxes = np.array([[-5, 10, 20, 30], [90, 90, 50, 50]], float)
    expected = [[0, 10, 19, 29], [90, 90, 9, 9]]
    np.testing.assert_allclose(clip_xywh(boxes, np.array([100, 100])), expected)
