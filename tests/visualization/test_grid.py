"""Tiles have the size and place that the docstring says, and keep their shape."""

import numpy as np
import pytest

from mmpose.metainfo import load_metainfo
from mmpose.visualization import make_grid, side_by_side, training_preview

META = load_metainfo('coco')
RED, BLUE, BACK = (0, 0, 255), (255, 0, 0), (7, 8, 9)


def plain(height, width, color=RED):
    return np.full((height, width, 3), color, np.uint8)


def batch(size=3):
    rng = np.random.default_rng(0)
    return {
        'inputs': rng.integers(0, 256, (size, 3, 64, 48), dtype=np.uint8),
        'keypoints_in': rng.uniform(4, 44, (size, 17, 2)),
        'keypoints_visible': np.ones((size, 17)),
        'predicted_in': rng.uniform(4, 44, (size, 17, 2)),
        'keypoint_scores': np.full((size, 17), 0.2),
        'target_heatmaps': rng.uniform(0, 1, (size, 17, 16, 12)),
        'dataset_meta': META,
        'tile_height': 128,
    }


@pytest.mark.parametrize(
    ('num', 'columns', 'pad', 'shape'),
    [
        (1, 1, 0, (20, 30)),
        (4, 2, 0, (40, 60)),
        (5, 2, 3, (3 * 23 + 3, 2 * 33 + 3)),
        (2, 4, 5, (25 + 5, 4 * 35 + 5)),
    ],
)
def test_grid_size(num, columns, pad, shape):
    assert make_grid([plain(20, 30)] * num, columns, pad=pad).shape == (*shape, 3)


def test_tiles_are_read_left_to_right_then_down():
    images = [plain(10, 10, (i, i, i)) for i in (50, 100, 150)]
    grid = make_grid(images, columns=2, pad=2, background=BACK)
    assert [grid[7, 7, 0], grid[7, 19, 0], grid[19, 7, 0]] == [50, 100, 150]
    assert tuple(grid[19, 19]) == tuple(grid[0, 0]) == tuple(grid[7, 12]) == BACK


@pytest.mark.parametrize(
    ('image_hw', 'tile_hw', 'rows', 'columns'),
    [
        ((10, 20), (40, 40), (10, 30), (0, 40)),
        ((20, 10), (40, 40), (0, 40), (10, 30)),
        ((400, 100), (40, 40), (0, 40), (15, 25)),
        ((10, 10), (10, 30), (0, 10), (10, 20)),
    ],
)
def test_images_are_letterboxed(image_hw, tile_hw, rows, columns):
    grid = make_grid([plain(*image_hw)], 1, pad=0, background=BACK, tile_hw=tile_hw)
    expected = plain(*tile_hw, BACK)
    expected[slice(*rows), slice(*columns)] = RED
    np.testing.assert_array_equal(grid, expected)


def test_tiles_default_to_the_greatest_size():
    assert make_grid([plain(10, 30), plain(20, 5)], 2, pad=0).shape == (20, 60, 3)


def test_titles_stand_above_their_tile():
    images = [plain(100, 200), plain(100, 200)]
    grid = make_grid(images, 2, pad=0, background=BACK, titles=['left', ''])
    title_h = grid.shape[0] - 100
    assert title_h > 10
    assert (grid[title_h:] == RED).all()
    assert (grid[:title_h, :200].max(axis=2) > 200).any()
    assert (grid[:title_h, 200:] == BACK).all()


def test_long_titles_stay_in_their_column():
    grid = make_grid([plain(60, 40)] * 2, 2, pad=0, background=BACK, titles=['w' * 60, ''])
    assert (grid[: grid.shape[0] - 60, 40:] == BACK).all()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (([], 1), 'needs images and columns, got 0 and 1'),
        (([plain(4, 4)], 0), 'got 1 and 0'),
        (([plain(4, 4)], 1, 0, BACK, ['a', 'b']), '2 titles for 1 images'),
        (([np.zeros((4, 4), np.uint8)], 1), r'shape \(4, 4\)'),
    ],
)
def test_impossible_grids_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_grid(*arguments)


def test_side_by_side_keeps_both_pictures():
    both = side_by_side(plain(50, 60), plain(50, 60, BLUE))
    reds, blues = ((both == color).all(axis=2) for color in (RED, BLUE))
    assert reds.sum() == blues.sum() == 50 * 60
    assert np.nonzero(reds)[1].max() < np.nonzero(blues)[1].min()


def test_preview_takes_both_layouts():
    arguments = batch()
    last = {**arguments, 'inputs': arguments['inputs'].transpose(0, 2, 3, 1)}
    np.testing.assert_array_equal(training_preview(**arguments), training_preview(**last))


@pytest.mark.parametrize(('size', 'max_samples', 'rows'), [(1, 8, 1), (3, 8, 2), (9, 4, 2)])
def test_preview_shows_up_to_max_samples(size, max_samples, rows):
    one = training_preview(**batch(1)).shape[0] - 8
    assert training_preview(**batch(size), max_samples=max_samples).shape[0] == rows * one + 8


def tiles(preview, num):
    """Returns the pictures of a preview of one sample, tile_height 128, crops of 3 to 4."""
    top = preview.shape[0] - 8 - 4 - 128
    lefts = [8 + 4 + i * (96 + 4) for i in range(num)]
    return [preview[top : top + 128, left : left + 96] for left in lefts]


def test_preview_of_a_perfect_prediction_repeats_the_target():
    arguments = batch(1)
    arguments['predicted_in'] = arguments['keypoints_in']
    target, heat, prediction = tiles(training_preview(**arguments), 3)
    np.testing.assert_array_equal(target, prediction)
    assert (target != heat).any()


def test_preview_shows_a_wrong_prediction():
    target, prediction = tiles(training_preview(**{**batch(1), 'target_heatmaps': None}), 2)
    assert (target != prediction).any()


def test_preview_hides_what_is_invisible_or_unsure():
    arguments = {
        **batch(1),
        'keypoints_visible': np.zeros((1, 17)),
        'keypoint_scores': np.zeros((1, 17)),
    }
    arguments['target_heatmaps'] = np.zeros((1, 17, 16, 12))
    target, heat, prediction = tiles(training_preview(**arguments), 3)
    np.testing.assert_array_equal(target, heat)
    np.testing.assert_array_equal(target, prediction)


def test_preview_enlarges_keypoints_with_their_crop():
    arguments = {**batch(1), 'inputs': np.zeros((1, 3, 64, 48), np.uint8)}
    arguments['keypoints_visible'] = np.eye(17)[:1]  # the nose
    arguments['keypoints_in'][0, 0] = [20, 30]
    target = tiles(training_preview(**arguments), 3)[0].max(axis=2)
    rows, columns = np.nonzero(target > 100)
    # Twice the size; pixel centres map (x + 0.5) * 2 - 0.5. 0.2 px: cv2's anti-aliasing.
    assert (columns.mean(), rows.mean()) == pytest.approx((40.5, 60.5), abs=0.2)


def test_preview_leaves_its_inputs_alone():
    arguments, copies = batch(), batch()
    training_preview(**arguments)
    for name in ('inputs', 'keypoints_in', 'predicted_in', 'target_heatmaps'):
        np.testing.assert_array_equal(arguments[name], copies[name])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'inputs': np.zeros((3, 3, 64, 48), np.float32)}, 'float32.*before normalisation'),
        ({'inputs': np.zeros((3, 64, 48), np.uint8)}, r'\(3, 64, 48\)'),
        ({'target_heatmaps': np.zeros((3, 51, 16, 12))}, r'\(3, 51, 16, 12\).*without offsets'),
        ({'predicted_in': np.zeros((3, 16, 2))}, r"\(16, 2\).*'coco' needs"),
    ],
)
def test_wrong_batches_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        training_preview(**{**batch(), **change})
