"""Base class of codecs: batched heatmap encoding and decoding of keypoints."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor


class Codec(ABC):
    """Heatmap codec: encodes keypoints as heatmaps and decodes them, batched on any device.

    Nothing here waits for the device: there is no loop over instances or keypoints, no read-out of
    a value, and constants are kept on the device after their first use.

    A map without a positive value holds no keypoint. It decodes to the cell (-1, -1), which is
    minus one stride in input px, with a score <= 0.

    Attributes:
        use_udp: Whether the crop has to be a UDP crop, in which the centres of the corner pixels
            of input and heatmap coincide: x_in = x_hm * (w - 1) / (W - 1). Otherwise
            x_in = x_hm * w / W.
        flip_mode: Name of ``unflip`` in MMPose's ``test_cfg``.
        shift_heatmap: Whether `unflip` moves the maps one cell to the right.
    """

    use_udp: bool = False
    flip_mode: str = 'heatmap'
    shift_heatmap: bool = False

    def __init__(self, input_size: Sequence[int], heatmap_size: Sequence[int]) -> None:
        """Stores the two sizes.

        Args:
            input_size: Width and height of the network input, px.
            heatmap_size: Width and height of the heatmaps, cells.
        """
        self.input_size = _as_size('input_size', input_size)
        self.heatmap_size = _as_size('heatmap_size', heatmap_size)

    @property
    def stride_wh(self) -> tuple[float, float]:
        """Input px per heatmap cell along x and y."""
        less = 1 if self.use_udp else 0
        (w, h), (map_w, map_h) = self.input_size, self.heatmap_size
        return (w - less) / (map_w - less), (h - less) / (map_h - less)

    def num_channels(self, num_keypoints: int) -> int:
        """Number of heatmap channels C for K keypoints."""
        return num_keypoints

    def encode(self, keypoints: Tensor, keypoints_visible: Tensor) -> tuple[Tensor, Tensor]:
        """Encodes keypoints as target heatmaps.

        Args:
            keypoints: (B, K, 2), input px. What stands at an invisible keypoint is never read.
            keypoints_visible: (B, K). Keypoints above 0.5 are drawn; the others get an empty map.

        Returns:
            Heatmaps (B, C, H, W) and weights (B, K), float32. A weight is the visibility, or 0
            for a keypoint that the map cannot show.

        Raises:
            ValueError: If the shapes do not fit together.
        """
        if (
            keypoints.ndim != 3
            or keypoints.shape[2] != 2
            or keypoints_visible.shape != keypoints.shape[:2]
        ):
            raise ValueError(
                f'encode got keypoints {tuple(keypoints.shape)} and keypoints_visible '
                f'{tuple(keypoints_visible.shape)}; expected (B, K, 2) and (B, K)'
            )
        stride_x, stride_y = self.stride_wh
        x, y = keypoints.float().unbind(-1)
        points_hm = torch.stack((x / stride_x, y / stride_y), -1)
        return self._encode(points_hm, keypoints_visible.float())

    @torch.no_grad()
    def decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Decodes predicted heatmaps to keypoints.

        Args:
            heatmaps: (B, C, H, W), any floating type; computed in float32. Left unchanged.

        Returns:
            Keypoints (B, K, 2), input px, and scores (B, K), float32.

        Raises:
            ValueError: If the maps are not those of this codec.
        """
        self._check_maps(heatmaps)
        points_hm, scores = self._decode(heatmaps.float())
        points_hm = torch.where((scores > 0)[..., None], points_hm, -1.0)
        stride_x, stride_y = self.stride_wh
        x, y = points_hm.unbind(-1)
        return torch.stack((x * stride_x, y * stride_y), -1), scores

    def unflip(self, heatmaps: Tensor, flip_indices: Tensor) -> Tensor:
        """Returns the heatmaps of a mirrored input, brought into the frame of the input itself.

        Args:
            heatmaps: (B, C, H, W) that the network gave for the mirrored input.
            flip_indices: (K,) int64 on the same device. Left-right partner of every keypoint.

        Returns:
            (B, C, H, W), ready to be averaged with the heatmaps of the input itself.

        Raises:
            ValueError: If the maps are not those of this codec and K.
        """
        self._check_maps(heatmaps)
        if heatmaps.shape[1] != self.num_channels(len(flip_indices)):
            raise ValueError(
                f'unflip got {heatmaps.shape[1]} channels; expected '
                f'{self.num_channels(len(flip_indices))} for {len(flip_indices)} flip indices; '
                'set head.out_channels or the metainfo'
            )
        group = torch.arange(self.num_channels(1), device=flip_indices.device)
        channels = (flip_indices[:, None] * len(group) + group).flatten()  # (K, n) -> (C,)
        return heatmaps.index_select(1, channels).flip(-1)

    def set_flip_options(
        self, flip_mode: str | None = None, shift_heatmap: bool | None = None
    ) -> None:
        """Applies options of MMPose's ``test_cfg`` to `unflip`; None leaves one as it is.

        Raises:
            ValueError: If the codec cannot have the option.
        """
        name = type(self).__name__
        if flip_mode not in (None, self.flip_mode):
            raise ValueError(
                f"model.test_cfg.flip_mode is '{flip_mode}', but maps of {name} are flipped as "
                f"'{self.flip_mode}'; remove it"
            )
        if shift_heatmap not in (None, self.shift_heatmap):
            raise ValueError(
                f'model.test_cfg.shift_heatmap is {shift_heatmap}, but {name} has '
                f'shift_heatmap={self.shift_heatmap}; remove one of them'
            )

    @abstractmethod
    def _encode(self, points_hm: Tensor, keypoints_visible: Tensor) -> tuple[Tensor, Tensor]:
        """Heatmaps (B, C, H, W) and weights (B, K) of float32 points (B, K, 2), heatmap cells."""

    @abstractmethod
    def _decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2), heatmap cells, and scores (B, K) of float32 maps (B, C, H, W)."""

    def _check_maps(self, heatmaps: Tensor) -> None:
        width, height = self.heatmap_size
        if heatmaps.ndim != 4 or heatmaps.shape[2:] != (height, width):
            raise ValueError(
                f'{type(self).__name__} got heatmaps {tuple(heatmaps.shape)}; expected '
                f'(B, C, {height}, {width}); set codec.heatmap_size to what the head produces'
            )
        if heatmaps.shape[1] % self.num_channels(1):
            raise ValueError(
                f'{type(self).__name__} got {heatmaps.shape[1]} channels; expected '
                f'{self.num_channels(1)} per keypoint; set head.out_channels'
            )


def check_kernel(name: str, size: int, heatmap_size: tuple[int, int]) -> int:
    """The blur size itself, when it is odd and its reflection fits into the heatmap.

    Raises:
        ValueError: If the size is even, not positive, or too large for the heatmap.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f'codec.{name} is {size}; expected an odd number of cells')
    if size // 2 + 3 > min(heatmap_size):
        raise ValueError(
            f'codec.{name} is {size}, too large for heatmap_size {heatmap_size}; '
            f'expected at most {2 * min(heatmap_size) - 5}'
        )
    return size


def _as_size(name: str, size_wh: Sequence[int]) -> tuple[int, int]:
    if len(size_wh) != 2 or not all(isinstance(x, Real) and x == x // 1 >= 2 for x in size_wh):
        raise ValueError(f'codec.{name} is {tuple(size_wh)}; expected (width, height) in whole px')
    return int(size_wh[0]), int(size_wh[1])
