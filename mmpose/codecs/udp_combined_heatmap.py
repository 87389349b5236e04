"""UDP combined heatmaps: classification and offset maps."""

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor

from mmpose.codecs.base import Codec, check_kernel
from mmpose.codecs.gaussian import blur, blur_at
from mmpose.codecs.peaks import find_peaks
from mmpose.registry import CODECS


@CODECS.register_module()
class UDPCombinedHeatmap(Codec):
    """A disc and the x and y offsets to its middle per keypoint (Huang et al., CVPR 2020).

    Channels 3k, 3k + 1 and 3k + 2 are score, x offset and y offset of keypoint k. Offsets are
    in units of the radius. The weight is the visibility, also for a disc outside the map: an
    empty score map is then what is to be learnt.
    """

    use_udp = True
    flip_mode = 'udp_combined'

    def __init__(
        self,
        input_size: Sequence[int],
        heatmap_size: Sequence[int],
        radius_factor: float = 0.0546875,
        blur_kernel_size: int = 11,
        blur_offsets: bool = True,
    ) -> None:
        """Stores the rules of drawing and reading; the sizes are those of ``Codec``.

        Args:
            radius_factor: Radius of the disc over the height of the heatmap; 3.5 cells of 64.
            blur_kernel_size: Window of the blur of the offset maps, cells. That of the score
                maps is twice as wide plus one.
            blur_offsets: Whether offsets are read off blurred maps; not so in MMPose 1.x.

        Raises:
            ValueError: If the blur does not fit the heatmap.
        """
        super().__init__(input_size, heatmap_size)
        self.radius = radius_factor * self.heatmap_size[1]
        self.offset_kernel_size = blur_kernel_size if blur_offsets else 1
        self.score_kernel_size = 2 * blur_kernel_size + 1
        check_kernel('blur_kernel_size', blur_kernel_size, self.heatmap_size)
        check_kernel('blur_kernel_size * 2 + 1', self.score_kernel_size, self.heatmap_size)

    def num_channels(self, num_keypoints: int) -> int:
        """Three channels for each of K keypoints."""
        return 3 * num_keypoints

    def unflip(self, heatmaps: Tensor, flip_indices: Tensor) -> Tensor:
        """See the base class; x offsets change their sign."""
        heatmaps = super().unflip(heatmaps, flip_indices)
        score, offset_x, offset_y = _split(heatmaps)
        return _join(torch.stack((score, -offset_x, offset_y), 2))

    def _encode(self, points_hm: Tensor, keypoints_visible: Tensor) -> tuple[Tensor, Tensor]:
        width, height = self.heatmap_size
        drawn = keypoints_visible > 0.5
        points_hm = torch.where(drawn[..., None], points_hm, 0.0)
        cell_x = torch.arange(width, device=points_hm.device)
        cell_y = torch.arange(height, device=points_hm.device)
        offset_x = (points_hm[..., 0, None] - cell_x)[..., None, :] / self.radius  # (B, K, 1, W)
        offset_y = (points_hm[..., 1, None] - cell_y)[..., :, None] / self.radius  # (B, K, H, 1)
        disc = offset_x.square() + offset_y.square() <= 1
        disc = disc & drawn[..., None, None]  # (B, K, H, W)
        maps = offset_x.new_empty(*drawn.shape, 3, height, width)
        maps[:, :, 0] = disc
        torch.mul(disc, offset_x, out=maps[:, :, 1])
        torch.mul(disc, offset_y, out=maps[:, :, 2])
        return _join(maps), keypoints_visible

    def _decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        score, offset_x, offset_y = _split(heatmaps)
        cells, scores = find_peaks(blur(score, self.score_kernel_size, 'reflect'))
        offsets = [
            blur_at(offset, cells, self.offset_kernel_size, 0, 'reflect')[..., 0, 0]
            for offset in (offset_x, offset_y)
        ]
        return cells + torch.stack(offsets, -1) * self.radius, scores


def _split(maps: Tensor) -> tuple[Tensor, ...]:
    """Score, x offset and y offset maps (B, K, H, W) of maps (B, 3K, H, W)."""
    return rearrange(maps, 'b (k part) h w -> part b k h w', part=3).unbind(0)


def _join(maps: Tensor) -> Tensor:
    return rearrange(maps, 'b k part h w -> b (k part) h w')
