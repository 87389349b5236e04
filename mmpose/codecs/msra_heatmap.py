"""MSRA heatmaps of Simple Baselines, decoded by quarter offset or DARK."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from mmpose.codecs.base import Codec, check_kernel
from mmpose.codecs.gaussian import blur_at, draw_gaussians, regained, touches_map
from mmpose.codecs.peaks import find_peaks, is_inside, newton_step, quarter_step
from mmpose.registry import CODECS

DECODERS = ('quarter', 'quarter_per_axis', 'dark', 'argmax')


@CODECS.register_module()
class MSRAHeatmap(Codec):
    """One Gaussian per keypoint, drawn at the nearest cell (Xiao et al., ECCV 2018).

    ``unbiased=True`` is DARK (Zhang et al., CVPR 2020). A drawn keypoint is then read back to
    0.001 cells from six cells off the border on. With ``decoder='quarter'`` it is right to a
    quarter of a cell along each axis, or half a cell if drawn at the nearest one.
    """

    def __init__(
        self,
        input_size: Sequence[int],
        heatmap_size: Sequence[int],
        sigma: float = 2.0,
        unbiased: bool = False,
        decoder: Literal['quarter', 'quarter_per_axis', 'dark', 'argmax'] | None = None,
        blur_kernel_size: int = 11,
        shift_heatmap: bool | None = None,
    ) -> None:
        """Stores the rules of drawing and reading; the sizes are those of ``Codec``.

        Args:
            sigma: Of the drawn Gaussian, cells.
            unbiased: Draw a whole-map Gaussian at the exact position instead of a window of
                radius 3 sigma around the nearest cell.
            decoder: 'argmax' reads the highest cell, 'quarter' moves a quarter of a cell towards
                the higher neighbour, 'quarter_per_axis' also along a border as in MMPose 1.x,
                'dark' takes a Newton step on the log of the blurred map.
                None is 'dark' if ``unbiased``, else 'quarter'.
            blur_kernel_size: Window of the blur of 'dark', cells; 11 fits sigma 2.
            shift_heatmap: Whether `unflip` moves the maps one cell to the right, because
                mirroring moves x_hm = x_in * W / w by three quarters of a cell. None is True,
                unless `set_flip_options` says otherwise.

        Raises:
            ValueError: If the decoder is unknown or the blur does not fit the heatmap.
        """
        super().__init__(input_size, heatmap_size)
        decoder = decoder or ('dark' if unbiased else 'quarter')
        if decoder not in DECODERS:
            raise ValueError(f'codec.decoder is {decoder!r}; expected one of {DECODERS}')
        self.sigma = sigma
        self.unbiased = unbiased
        self.decoder = decoder
        self.blur_kernel_size = check_kernel(
            'blur_kernel_size', blur_kernel_size, self.heatmap_size
        )
        self.shift_heatmap = shift_heatmap is not False
        self._may_change_shift = shift_heatmap is None

    def set_flip_options(
        self, flip_mode: str | None = None, shift_heatmap: bool | None = None
    ) -> None:
        """See the base class; a shift that the constructor did not name can be switched off."""
        if self._may_change_shift and shift_heatmap is not None:
            self.shift_heatmap = shift_heatmap
        super().set_flip_options(flip_mode, shift_heatmap)

    def unflip(self, heatmaps: Tensor, flip_indices: Tensor) -> Tensor:
        """See the base class; the first column stays when the maps are shifted."""
        heatmaps = super().unflip(heatmaps, flip_indices)
        if not self.shift_heatmap:
            return heatmaps
        return torch.cat((heatmaps[..., :1], heatmaps[..., :-1]), -1)

    def _encode(self, points_hm: Tensor, keypoints_visible: Tensor) -> tuple[Tensor, Tensor]:
        means = points_hm if self.unbiased else (points_hm + 0.5).trunc()
        weights = keypoints_visible * touches_map(means, self.heatmap_size, self.sigma)
        centers = None if self.unbiased else means
        maps = draw_gaussians(means, self.heatmap_size, self.sigma, centers, weights > 0.5)
        return maps, weights

    def _decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        cells, scores = find_peaks(heatmaps)
        if self.decoder == 'argmax':
            return cells.float(), scores
        if self.decoder.startswith('quarter'):
            per_axis = self.decoder == 'quarter_per_axis'
            return cells + quarter_step(heatmaps, cells, per_axis)[0], scores
        return cells + self._dark_step(heatmaps, cells, scores), scores

    def _dark_step(self, heatmaps: Tensor, cells: Tensor, scores: Tensor) -> Tensor:
        """Newton step (B, K, 2) on the log of the blurred map (DARK, eqs. 6-9)."""
        size = self.blur_kernel_size
        patch = blur_at(heatmaps, cells, size, 2, 'zero')
        patch = patch * regained(heatmaps, scores, size)[..., None, None]
        log = patch.clamp(min=1e-10).log()  # (B, K, 5, 5), [y, x]; floor of the published code
        log = log - log[..., 2:3, 2:3]  # the middle is 0, which loses less to rounding
        dx = 0.5 * (log[..., 2, 3] - log[..., 2, 1])
        dy = 0.5 * (log[..., 3, 2] - log[..., 1, 2])
        dxx = 0.25 * (log[..., 2, 4] + log[..., 2, 0])
        dyy = 0.25 * (log[..., 4, 2] + log[..., 0, 2])
        dxy = 0.25 * (log[..., 3, 3] - log[..., 1, 3] - log[..., 3, 1] + log[..., 1, 1])
        step = newton_step((dx, dy), (dxx, dxy, dyy))
        return step * is_inside(cells, heatmaps, 1, 2)[..., None]
