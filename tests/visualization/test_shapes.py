"""Shapes have the size and place that was asked for, to a fraction of a pixel."""

import numpy as np
import pytest

from mmpose.visualization.shapes import blend, fill_capsule, fill_disc, text_coverage

WHITE = (255, 255, 255)


def black(height=80, width=80):
    return np.zeros((height, width, 3), np.uint8)


@pytest.mark.parametrize('radius', [1.5, 2, 3.3, 8, 20])
@pytest.mark.parametrize('center', [(40, 40), (40.3, 39.6), (39.5, 40.5)])
def test_disc_area_and_center(radius, center):
    canvas = black()
    fill_disc(canvas, np.array(center), radius, WHITE)
    coverage = canvas[..., 0] / 255
    rows, columns = np.indices(coverage.shape)
    centroid = (coverage * columns).sum(), (coverage * rows).sum()
    assert np.array(centroid) / coverage.sum() == pytest.approx(center, abs=0.1)
    # 0.15 px: what remains of cv2's margin around a polygon.
    assert np.sqrt(coverage.sum() / np.pi) == pytest.approx(radius, abs=0.15)


@pytest.mark.parametrize('width', [2.5, 4, 7.7])
@pytest.mark.parametrize('end', [(60.2, 20), (20, 60.7), (55, 52)])
def test_capsule_area(width, end):
    canvas = black()
    start = np.array([20.0, 20.0])
    fill_capsule(canvas, start, np.array(end), width, WHITE)
    length = np.hypot(*(end - start))
    drawn = ((canvas[..., 0] / 255).sum() - np.pi * width**2 / 4) / length
    # 0.6 px: cv2 rounds the edges of thin upright and level lines outwards.
    assert drawn == pytest.approx(width, abs=0.6)


@pytest.mark.parametrize('cap_height', [8, 12, 30])
def test_text_has_the_height_that_was_asked_for(cap_height):
    rows = np.flatnonzero(text_coverage('HEX', cap_height).max(axis=1) > 0.5)
    # OpenCV 4's font is made of strokes, whose width comes on top.
    assert len(rows) == pytest.approx(cap_height, abs=0.15 * cap_height + 1)


def test_texts_of_one_height_stand_level():
    shapes = {text_coverage(text, 10).shape[0] for text in ('aeo', 'HIT', 'gjp', '')}
    assert len(shapes) == 1


@pytest.mark.parametrize(
    'left_top', [(2, 3), (-4, -2), (7, 8), (-1, 9), (-9, 0), (0, -4), (30, 30)]
)
def test_blend_is_cut_at_the_border(left_top):
    coverage = np.arange(24).reshape(4, 6) / 23
    # The same on a canvas that is large enough, cut afterwards.
    large, canvas = black(60, 60), black(10, 10)
    blend(large, coverage, (left_top[0] + 10, left_top[1] + 10), (100, 200, 50))
    blend(canvas, coverage, left_top, (100, 200, 50))
    assert large.any()
    np.testing.assert_array_equal(canvas, large[10:20, 10:20])


def test_blend_mixes():
    canvas = black(1, 2)
    canvas[:] = 100
    blend(canvas, np.array([[0.5, 0.0]]), (0, 0), (200, 0, 100))
    assert canvas[0].tolist() == [[150, 50, 100], [100, 100, 100]]
