"""The one cell of a coarse grid in which a keypoint lies, as PGVL draws it for training."""

import torch
from torch import Tensor

# The published target is a Gaussian of sigma 0.5 cells in a window of 1.5 cells on either side.
_HALF_WINDOW = 1.5
_CENTRE = 2  # row of the peak in that window of four


def token_cells(
    keypoints: Tensor,
    keypoints_visible: Tensor,
    input_size: tuple[int, int],
    grid_wh: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Returns the cell of the feature map that holds each keypoint.

    Near the left and the top border the published window was cut off by one cell too few, which
    moves the peak by one; weights that were trained with it are to be trained on with it.

    Args:
        keypoints: (B, K, 2), input px.
        keypoints_visible: (B, K). Joints above 0.5 have a cell.
        input_size: Width and height of the network input, px.
        grid_wh: Width and height of the feature map, cells.

    Returns:
        Cells (B, K) int64, numbered row by row, -1 for none; and weights (B, K) float32: the
        visibility, or 0 for a joint whose window misses the grid.
    """
    sides = keypoints.new_tensor(grid_wh, dtype=torch.float32)
    strides = keypoints.new_tensor(input_size, dtype=torch.float32) / sides
    points = torch.where(
        (keypoints_visible > 0.5)[..., None], keypoints.float(), 0.0
    )  # NaN included
    nearest = (points / strides + 0.5).trunc()
    low = (nearest - _HALF_WINDOW).trunc()
    high = (nearest + _HALF_WINDOW + 1).trunc()
    touches = ((low < sides) & (high >= 0)).all(-1)
    peaks = low + _CENTRE
    has_peak = ((peaks >= 0) & (peaks < sides)).all(-1) & touches & (keypoints_visible > 0.5)
    x, y = peaks.long().unbind(-1)
    cells = torch.where(has_peak, y * grid_wh[0] + x, -1)
    return cells, keypoints_visible.float() * touches
