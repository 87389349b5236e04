"""Heatmap decoding: argmax of each map, quarter offset and Newton step to the sub-pixel maximum."""

import numpy as np
import torch
from torch import Tensor

from mmpose.codecs.gaussian import take_patch


def find_peaks(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Cell (..., 2) int64 (x, y) and value (...) of the maximum of maps (..., H, W).

    The first in row-major order of several equal maxima.
    """
    flat = maps.flatten(-2)
    is_recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if type(flat) is Tensor and flat.device.type == 'cpu' and not is_recorded:
        # On a CPU, PyTorch's maximum with index takes 10 times as long as NumPy's argmax.
        exact = flat.float() if flat.dtype == torch.bfloat16 else flat  # unknown to NumPy
        index = torch.from_numpy(np.asarray(exact.detach().numpy().argmax(-1)))
    else:
        index = flat.argmax(-1)
    value = flat.gather(-1, index[..., None]).squeeze(-1)
    width = maps.shape[-1]
    return torch.stack((index % width, index // width), -1), value


def quarter_step(maps: Tensor, cells: Tensor, per_axis: bool = False) -> tuple[Tensor, Tensor]:
    """A quarter of a cell towards the higher neighbour along each axis.

    Args:
        maps: (B, K, H, W).
        cells: (B, K, 2) int64, heatmap cells of the maxima.
        per_axis: Whether a maximum at a border still moves along it, except at x = 0 and y = 0,
            as in MMPose 1.x.

    Returns:
        Steps (B, K, 2), heatmap cells, and whether a maximum lies 1 < x < W - 1, 1 < y < H - 1
        (B, K); the step is zero elsewhere.
    """
    patch = take_patch(maps, cells, 1, 'reflect')
    slope_x = patch[..., 1, 2] - patch[..., 1, 0]
    slope_y = patch[..., 2, 1] - patch[..., 0, 1]
    inside = is_inside(cells, maps, 1, 1)
    if per_axis:
        (x, y), (height, width) = cells.unbind(-1), maps.shape[-2:]
        along_x, along_y = (x > 1) & (x < width - 1) & (y > 0), (y > 1) & (y < height - 1) & (x > 0)
        mask = torch.stack((along_x, along_y), -1)
        return torch.stack((slope_x, slope_y), -1).sign() * 0.25 * mask, inside
    return torch.stack((slope_x, slope_y), -1).sign() * 0.25 * inside[..., None], inside


def is_inside(cells: Tensor, maps: Tensor, low: int, high: int) -> Tensor:
    """Whether (...) cells (..., 2) of maps (..., H, W) lie low < x < W - high, and so for y."""
    height, width = maps.shape[-2:]
    x, y = cells.unbind(-1)
    return (x > low) & (x < width - high) & (y > low) & (y < height - high)


def newton_step(
    gradient_xy: tuple[Tensor, Tensor], hessian: tuple[Tensor, Tensor, Tensor], damping: float = 0.0
) -> Tensor:
    """Step (..., 2) to the stationary point: -inverse(Hessian + damping * I) @ gradient.

    Zero where that matrix is singular, that is where the map is flat.

    Args:
        gradient_xy: First derivatives along x and y, (...) each.
        hessian: Second derivatives xx, xy and yy, (...) each.
        damping: Added to the diagonal.
    """
    dx, dy = gradient_xy
    dxx, dxy, dyy = hessian
    # Expanded, because a damping of 1e-7 would be lost in dxx + damping.
    determinant = (dxx * dyy - dxy * dxy) + damping * (dxx + dyy) + damping**2
    step_x = (dxy * dy - dyy * dx) - damping * dx
    step_y = (dxy * dx - dxx * dy) - damping * dy
    step = torch.stack((step_x, step_y), -1)
    regular = (determinant != 0)[..., None]
    return torch.where(regular, step / determinant[..., None], 0.0)
