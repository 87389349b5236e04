"""Cells of joints on the token grid, against the published drawing of the small target."""

import numpy as np
import pytest
import torch

from mmpose.models.losses import token_cells

INPUT_WH, GRID_WH = (192, 256), (12, 16)


def draw(point, keypoints_visible):
    """The published target of one joint, and its weight: a window of 1.5 cells, side 4, peak 1."""
    width, height = GRID_WH
    target, weight, half = np.zeros((height, width)), keypoints_visible, 1.5
    strides = [size / cells for size, cells in zip(INPUT_WH, GRID_WH, strict=True)]
    mu_x, mu_y = (int(x / stride + 0.5) for x, stride in zip(point, strides, strict=True))
    low = [int(mu_x - half), int(mu_y - half)]
    high = [int(mu_x + half + 1), int(mu_y + half + 1)]
    if low[0] >= width or low[1] >= height or high[0] < 0 or high[1] < 0:
        weight = 0
    if weight <= 0.5:
        return target, weight
    x = np.arange(2 * half + 1)
    gaussian = np.exp(-((x - 2) ** 2 + (x[:, None] - 2) ** 2) / (2 * 0.5**2))
    from_x, to_x = max(0, -low[0]), min(high[0], width) - low[0]
    from_y, to_y = max(0, -low[1]), min(high[1], height) - low[1]
    drawn = gaussian[from_y:to_y, from_x:to_x]
    top, left = max(0, low[1]), max(0, low[0])
    target[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return target, weight


def test_cells_are_where_the_published_target_is_one():
    steps = np.arange(-75, 300, 7.5)
    points = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    keypoints_visible = np.resize([1.0, 1.0, 0.0], len(points))
    cells, weights = token_cells(
        torch.tensor(points)[None], torch.tensor(keypoints_visible)[None], INPUT_WH, GRID_WH
    )
    num_found = 0
    for point, is_visible, cell, weight in zip(
        points, keypoints_visible, cells[0].tolist(), weights[0].tolist(), strict=True
    ):
        target, expected = draw(point, is_visible)
        peaks = np.flatnonzero(target == 1).tolist()
        assert peaks == ([cell] if cell >= 0 else []), point
        assert weight == expected, point
        num_found += len(peaks)
    assert num_found > 500


@pytest.mark.parametrize(
    ('index', 'cell'), [(5, 5), (2, 2), (1, 2), (0, 1), (-1, 1), (-2, 0), (-3, -1), (12, -1)]
)
def test_published_shift_at_the_left_border(index, cell):
    point = torch.tensor([[[16.0 * index, 16.0 * 8]]])
    cells, weights = token_cells(point, torch.ones(1, 1), INPUT_WH, GRID_WH)
    assert cells.item() == (-1 if cell < 0 else 8 * 12 + cell)
    assert weights.item() == 1


def test_invisible_joints_are_never_read():
    points = torch.full((1, 2, 2), torch.nan)
    cells, weights = token_cells(points, torch.zeros(1, 2), INPUT_WH, GRID_WH)
    assert cells.tolist() == [[-1, -1]]
    assert weights.tolist() == [[0, 0]]
