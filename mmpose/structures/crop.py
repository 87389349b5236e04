"""Crop windows: affines from the image to the network input and back, for MSRA and for UDP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.structures.boxes import fix_aspect_ratio, xywh_to_center_wh

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class CropWindow:
    """Rotated window of an image that is resampled to the network input.

    With the window centre ``c``, its size ``s`` and the input size ``n`` (``input_size``), rotation
    0 maps ``in = (img - c + s / 2) * n / s``. UDP (Huang et al., CVPR 2020) counts distances
    between pixel centres, so an *aligned* window uses ``n - 1``. A window that is not aligned
    scales both axes by the horizontal factor, as the affine of the classic top-down pipelines
    does; the two agree whenever the window has the aspect ratio of the input.

    Attributes:
        center: (2,), img px. Centre of the window.
        scale: (2,), img px. Width and height of the window, padding included.
        rotation: Degrees. The sign follows the published code: an aligned window turns the
            content clockwise on the screen (y points down), one that is not turns it the other
            way.
        input_size: Width and height of the network input, px.
        use_udp: True for UDP codecs.
    """

    center: Array
    scale: Array
    input_size: tuple[int, int]
    rotation: float = 0.0
    use_udp: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, 'center', np.asarray(self.center, np.float64).reshape(2))
        object.__setattr__(self, 'scale', np.asarray(self.scale, np.float64).reshape(2))
        if not all(size > 0 for size in self.scale.tolist()):
            raise ValueError(f'a crop window needs a positive size, got {self.scale.tolist()}')

    @classmethod
    def from_bbox(
        cls,
        bbox_xywh: ArrayLike,
        input_size: tuple[int, int],
        padding: float = 1.25,
        use_udp: bool = False,
    ) -> CropWindow:
        """Returns the upright window around a box.

        Args:
            bbox_xywh: (4,), img px. Left, top, width, height.
            input_size: Network input; the short side of the box grows to its aspect ratio.
            padding: Factor on both sides afterwards; 1.25 in the top-down literature.
            use_udp: True for UDP codecs.
        """
        center, box_wh = xywh_to_center_wh(np.asarray(bbox_xywh, np.float64))
        scale = fix_aspect_ratio(box_wh, input_size[0] / input_size[1]) * padding
        return cls(center, scale, input_size, 0.0, use_udp)

    def matrix(self) -> Array:
        """Returns the (2, 3) affine from img px to in px."""
        return window_matrices(
            self.center, self.scale, np.float64(self.rotation), self.input_size, self.use_udp
        )

    def to_input(self, points: ArrayLike) -> Array:
        """Maps points (..., N, 2) from img px to in px."""
        return transform_points(points, self.matrix())

    def to_image(self, points: ArrayLike) -> Array:
        """Maps points (..., N, 2) from in px to img px: the exact inverse of :meth:`to_input`."""
        return transform_points(points, invert_affine(self.matrix()))


def window_matrices(
    center: Array, scale: Array, rotation: Array, input_size: tuple[int, int], use_udp: bool
) -> Array:
    """Returns the affines (..., 2, 3) from img px to in px of any number of windows.

    Args:
        center: (..., 2), img px.
        scale: (..., 2), img px.
        rotation: (...), degrees.
        input_size: Network input, px, the same for all.
        use_udp: Whether the windows are aligned (UDP), the same for all.
    """
    angle = np.radians(rotation)
    cos, sin = np.cos(angle), np.sin(angle)
    in_wh = np.array(input_size, np.float64)
    if use_udp:
        factors = (in_wh - 1) / scale  # (..., 2)
        target = (in_wh - 1) / 2
    else:
        factors = in_wh[0] / scale[..., :1]  # (..., 1)
        sin = -sin
        target = in_wh / 2
    matrices = np.empty((*center.shape[:-1], 2, 3))
    linear = matrices[..., :2]
    linear[..., 0, 0] = linear[..., 1, 1] = cos
    linear[..., 0, 1], linear[..., 1, 0] = -sin, sin
    linear *= factors[..., None]
    matrices[..., 2:] = target[..., None] - linear @ center[..., None]
    return matrices


def transform_points(points: ArrayLike, matrix: Array) -> Array:
    """Applies affines (..., 2, 3) to points (..., N, 2)."""
    return (
        np.asarray(points, np.float64) @ np.swapaxes(matrix[..., :2], -1, -2)
        + matrix[..., None, :, 2]
    )


def invert_affine(matrix: Array) -> Array:
    """Returns the inverses (..., 2, 3) of affines (..., 2, 3)."""
    linear = np.linalg.inv(matrix[..., :2])
    return np.concatenate([linear, -(linear @ matrix[..., 2:])], axis=-1)
