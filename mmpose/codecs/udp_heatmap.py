"""UDP heatmaps, decoded with DARK."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmpose.codecs.base import Codec, check_kernel
from mmpose.codecs.gaussian import Border, blur_at, draw_gaussians, regained, touches_map
from mmpose.codecs.peaks import find_peaks, newton_step
from mmpose.registry import CODECS

# Added to the Hessian by the published code, so that flat maps do not fail.
EPSILON = torch.finfo(torch.float32).eps


@CODECS.register_module()
class UDPHeatmap(Codec):
    """One Gaussian per keypoint at its exact position in an aligned crop (Huang et al., CVPR 2020).

    Reading takes one Newton step on the log of the blurred map, without a limit on the step. With
    sigma 2 it gives a drawn keypoint back exactly from five cells off the border on. Nearer, the
    blur and the repeated border cost up to six input px at stride 4 with ``blur_border='reflect'``,
    by which UDP, ViTPose, HAP and PGVL (MMPose 0.x) have their published numbers, and less with
    'zero', by which MMPose 1.x and VLPose have theirs. Mirroring an aligned map is exact, so
    `unflip` shifts nothing.
    """

    use_udp = True

    def __init__(
        self,
        input_size: Sequence[int],
        heatmap_size: Sequence[int],
        sigma: float = 2.0,
        blur_kernel_size: int = 11,
        blur_border: Border = 'reflect',
    ) -> None:
        """Stores the rules of drawing and reading; the sizes are those of ``Codec``.

        Args:
            sigma: Of the drawn Gaussian, cells.
            blur_kernel_size: Window of the blur before reading, cells; 11 fits sigma 2.
            blur_border: What the blur sees beyond the map: its mirror image, or zeros, after which
                the map is scaled back to its maximum.

        Raises:
            ValueError: If the blur does not fit the heatmap, or the border is unknown.
        """
        if blur_border not in ('reflect', 'zero'):
            raise ValueError(f"codec.blur_border is {blur_border!r}; expected 'reflect' or 'zero'")
        super().__init__(input_size, heatmap_size)
        self.sigma = sigma
        self.blur_kernel_size = check_kernel(
            'blur_kernel_size', blur_kernel_size, self.heatmap_size
        )
        self.blur_border: Border = blur_border

    def _encode(self, points_hm: Tensor, keypoints_visible: Tensor) -> tuple[Tensor, Tensor]:
        centers = (points_hm + 0.5).trunc()
        weights = keypoints_visible * touches_map(centers, self.heatmap_size, self.sigma)
        maps = draw_gaussians(points_hm, self.heatmap_size, self.sigma, centers, weights > 0.5)
        return maps, weights

    def _decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        cells, scores = find_peaks(heatmaps)
        patch = blur_at(heatmaps, cells, self.blur_kernel_size, 1, self.blur_border)
        if self.blur_border == 'zero':
            patch = patch * regained(heatmaps, scores, self.blur_kernel_size)[..., None, None]
        log = self._repeat_border(patch, cells).clamp(0.001, 50.0).log()  # (B, K, 3, 3), [y, x]
        log = log - log[..., 1:2, 1:2]  # the middle is 0, which loses less to rounding
        left, right, up, down = log[..., 1, 0], log[..., 1, 2], log[..., 0, 1], log[..., 2, 1]
        gradient_xy = (0.5 * (right - left), 0.5 * (down - up))
        dxx, dyy = right + left, down + up
        dxy = 0.5 * (log[..., 2, 2] + log[..., 0, 0] - dxx - dyy)
        return cells + newton_step(gradient_xy, (dxx, dxy, dyy), damping=EPSILON), scores

    def _repeat_border(self, patch: Tensor, cells: Tensor) -> Tensor:
        """Patches (B, K, 3, 3) whose cells beyond the map repeat the nearest one inside."""
        width, height = self.heatmap_size
        x, y = cells[..., 0, None], cells[..., 1, None]  # (B, K, 1)
        offset = torch.arange(-1, 2, device=cells.device)
        column = (x + offset).clamp(0, width - 1) - x + 1  # (B, K, 3)
        row = (y + offset).clamp(0, height - 1) - y + 1
        patch = patch.gather(-2, row[..., :, None].expand_as(patch))
        return patch.gather(-1, column[..., None, :].expand_as(patch))
