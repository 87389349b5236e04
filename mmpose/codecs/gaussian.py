"""Gaussian heatmaps and Gaussian blur, separable and without waiting for the device.

Blurring equals ``cv2.GaussianBlur(map, (size, size), 0)``.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Border = Literal['reflect', 'zero']

# OpenCV replaces the formula by these binomial-like taps up to size 9 (getGaussianKernel).
_SMALL_TAPS = {
    1: (256,),
    3: (64, 128, 64),
    5: (16, 64, 96, 64, 16),
    7: (8, 28, 56, 72, 56, 28, 8),
    9: (4, 13, 30, 51, 60, 51, 30, 13, 4),
}


def gaussian_taps(size: int) -> np.ndarray:
    """OpenCV's normalised Gaussian window (size,) float64 for a given odd size and sigma 0."""
    if size in _SMALL_TAPS:
        return np.array(_SMALL_TAPS[size], np.float64) / 256
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8  # OpenCV's rule; 2.0 for size 11
    offset = np.arange(size) - size // 2
    taps = np.exp(-(offset**2) / (2 * sigma**2))
    return taps / taps.sum()


def blur_operator(length: int, size: int, border: Border) -> np.ndarray:
    """Matrix A (length, length) float64 with blurred = A @ line.

    Args:
        length: Number of cells of the line.
        size: Odd size of the window.
        border: 'reflect' mirrors the line about its end cells (OpenCV's reflect-101), 'zero'
            continues it with zeros.
    """
    operator = np.zeros((length, length))
    rows = np.arange(length)
    for offset, tap in enumerate(gaussian_taps(size), start=-(size // 2)):
        source = rows + offset
        if border == 'reflect':
            source = (length - 1) - np.abs((length - 1) - np.abs(source))
        inside = (source >= 0) & (source < length)
        operator[rows[inside], source[inside]] += tap
    return operator


@lru_cache(maxsize=64)
def _operator_on(length: int, size: int, border: Border, device: torch.device) -> Tensor:
    return torch.tensor(blur_operator(length, size, border), dtype=torch.float32, device=device)


@lru_cache(maxsize=64)
def _taps_on(size: int, device: torch.device) -> Tensor:
    return torch.tensor(gaussian_taps(size), dtype=torch.float32, device=device)


def blur(maps: Tensor, size: int, border: Border) -> Tensor:
    """Gaussian-blurred maps (..., H, W) of maps (..., H, W).

    A matrix product, so it follows the float32 matmul precision that the user has chosen. That is
    enough to find a maximum; what is differentiated comes from `blur_at`. Autocast is left out,
    because bfloat16 is not enough.
    """
    height, width = maps.shape[-2:]
    rows = _operator_on(height, size, border, maps.device)
    columns = _operator_on(width, size, border, maps.device)
    with _no_autocast(maps.device):
        return rows @ (maps @ columns.mT)


def blur_at(maps: Tensor, cells: Tensor, size: int, reach: int, border: Border) -> Tensor:
    """Blurred maps in the neighbourhood of one cell per map, without blurring the rest.

    A sum of products in full float32, so it does not depend on TF32 or similar settings.

    Args:
        maps: (B, K, H, W).
        cells: (B, K, 2) int64, heatmap cells (x, y) inside the map.
        size: Odd size of the window.
        reach: Half width of the neighbourhood.

    Returns:
        (B, K, 2 * reach + 1, 2 * reach + 1), indexed [y, x] around the cell. With 'reflect',
        neighbours beyond the border are the mirrored ones.
    """
    taps = _taps_on(size, maps.device)
    patch = take_patch(maps, cells, size // 2 + reach, border)
    # Along y first: the order is three times faster on a CPU.
    patch = (patch.unfold(-2, size, 1) * taps).sum(-1)  # (B, K, n, n) -> (B, K, 2r+1, n)
    return (patch.unfold(-1, size, 1) * taps).sum(-1)  # -> (B, K, 2r+1, 2r+1)


def regained(maps: Tensor, maxima: Tensor, size: int) -> Tensor:
    """Factors (B, K) that bring maps (B, K, H, W), blurred among zeros, back to their maxima.

    The published code does so before it takes the log, whose floor is not scaled along.
    """
    blurred_max = blur(maps, size, 'zero').amax((-2, -1))
    return torch.where(blurred_max > 0, maxima / blurred_max, 0.0)


def take_patch(maps: Tensor, cells: Tensor, radius: int, border: Border) -> Tensor:
    """Square patches (B, K, n, n), n = 2 * radius + 1, of maps (B, K, H, W) around cells.

    Args:
        maps: (B, K, H, W).
        cells: (B, K, 2) int64, heatmap cells (x, y) inside the map.
        radius: Half width of the patch.
        border: What stands beyond the border, as in `blur_operator`.
    """
    height, width = maps.shape[-2:]
    offset = torch.arange(-radius, radius + 1, device=maps.device)
    x = cells[..., 0, None] + offset  # (B, K, n)
    y = cells[..., 1, None] + offset
    at = _mirror(y, height)[..., None] * width + _mirror(x, width)[..., None, :]  # (B, K, n, n)
    patch = maps.flatten(-2).gather(-1, at.flatten(-2)).view(at.shape)
    if border == 'reflect':
        return patch
    inside_x = (x >= 0) & (x < width)
    inside_y = (y >= 0) & (y < height)
    return patch * (inside_y[..., None] & inside_x[..., None, :])


def draw_gaussians(
    means: Tensor,
    heatmap_size: tuple[int, int],
    sigma: float,
    centers: Tensor | None,
    drawn: Tensor,
) -> Tensor:
    """Heatmaps (B, K, H, W) with one un-normalised Gaussian each, exp(-d^2 / (2 sigma^2)).

    Args:
        means: (B, K, 2), heatmap cells. Where d is measured from.
        heatmap_size: Width and height of the heatmaps.
        sigma: Cells.
        centers: (B, K, 2), whole heatmap cells. Middle of the square window of radius 3 sigma
            outside which the map is zero; None draws the whole map.
        drawn: (B, K) bool. The other maps are zero.
    """
    means = torch.where(drawn[..., None], means, 0.0)  # whatever stands there, NaN included
    lines = []
    for axis, length in enumerate(heatmap_size):
        cell = torch.arange(length, device=means.device, dtype=torch.float32)
        # Farther off than 9 sigma a value is 3e-18 instead of less: the denormal numbers that
        # would stand there take a CPU a third of the time of the whole drawing.
        distance = (cell - means[..., axis, None]).clamp(-9 * sigma, 9 * sigma)
        line = torch.exp(distance.square() * (-0.5 / sigma**2))
        if centers is not None:
            near = (cell - centers[..., axis, None]).abs() <= window_radius(sigma)
            line = line * near
        lines.append(line)
    line_x, line_y = lines  # (B, K, W), (B, K, H)
    line_y = line_y * drawn[..., None]
    return line_y[..., None] * line_x[..., None, :]  # (B, K, H, W)


def touches_map(means: Tensor, heatmap_size: tuple[int, int], sigma: float) -> Tensor:
    """Whether (B, K) the window of radius 3 sigma around (B, K, 2) means overlaps the map."""
    width, height = heatmap_size
    x, y = means.unbind(-1)
    radius = window_radius(sigma)
    inside_x = (x - radius < width) & (x + radius + 1 > 0)
    return inside_x & (y - radius < height) & (y + radius + 1 > 0)


def window_radius(sigma: float) -> int:
    """Half width of a target's window: 3 sigma, so 13 x 13 cells for sigma 2."""
    return int(3 * sigma)


def _no_autocast(device: torch.device) -> AbstractContextManager[None]:
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def _mirror(index: Tensor, length: int) -> Tensor:
    """Index reflected once about the first and the last cell (reflect-101)."""
    return (length - 1) - ((length - 1) - index.abs()).abs()
