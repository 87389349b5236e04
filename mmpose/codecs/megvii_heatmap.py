"""Megvii heatmaps of MSPN and RSN: blurred impulses with a peak of 255."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from mmpose.codecs.base import Codec, check_kernel
from mmpose.codecs.gaussian import blur, blur_operator
from mmpose.codecs.peaks import find_peaks, quarter_step
from mmpose.registry import CODECS

PEAK = 255.0


@CODECS.register_module()
class MegviiHeatmap(Codec):
    """An impulse at the cell of each keypoint, blurred to a peak of 255 (Li et al., 2019).

    A keypoint outside the map has weight 0. Reading blurs the map, takes a quarter step, and adds
    half a cell because drawing rounds down; neither is done on the two outermost cells. The score
    is max / 255 + 0.5 for a map that holds a keypoint, and <= 0 for an empty one. `unflip` shifts
    nothing: with a whole stride, the pixels of a cell are mirrored onto one cell.
    """

    def __init__(
        self, input_size: Sequence[int], heatmap_size: Sequence[int], kernel_size: int = 11
    ) -> None:
        """Stores the rules of drawing and reading; the sizes are those of ``Codec``.

        Args:
            kernel_size: Window of the blur of drawing and of reading, cells.

        Raises:
            ValueError: If the blur does not fit the heatmap.
        """
        super().__init__(input_size, heatmap_size)
        self.kernel_size = check_kernel('kernel_size', kernel_size, self.heatmap_size)

    def _encode(self, points_hm: Tensor, keypoints_visible: Tensor) -> tuple[Tensor, Tensor]:
        width, height = self.heatmap_size
        x, y = points_hm.trunc().unbind(-1)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        weights = keypoints_visible * inside
        drawn = weights > 0.5
        device = points_hm.device
        x, y = (torch.where(drawn, axis, 0.0).long() for axis in (x, y))  # (B, K)
        line_x = _impulse_lines(width, self.kernel_size, device)[x]  # (B, K, W)
        line_y = _impulse_lines(height, self.kernel_size, device)[y] * drawn[..., None] * PEAK
        return line_y[..., None] * line_x[..., None, :], weights  # (B, K, H, W)

    def _decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        # The published blur is scaled back to the raw maximum, which moves neither its highest
        # cell nor the sign of its slopes, so that factor is applied to the score only.
        blurred = blur(heatmaps, self.kernel_size, 'zero')
        cells, blurred_max = find_peaks(blurred)
        step, inside = quarter_step(blurred, cells)
        raw_max = heatmaps.amax((-2, -1))
        found = (raw_max > 0) & (blurred_max > 0)
        scores = torch.where(found, raw_max / PEAK + 0.5, raw_max.clamp(max=0) / PEAK)
        return cells + step + 0.5 * inside[..., None], scores


@lru_cache(maxsize=16)
def _impulse_lines(length: int, size: int, device: torch.device) -> Tensor:
    """(length, length): row p is the blurred impulse at cell p, scaled to 1 at p."""
    operator = blur_operator(length, size, 'reflect')
    return torch.tensor((operator / operator.diagonal()).T, dtype=torch.float32, device=device)
