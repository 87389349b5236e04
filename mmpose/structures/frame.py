"""One picture on its way through inference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """An image of a folder or a frame of a video, with its place in the source.

    Attributes:
        index: Running number in the source, from 0.
        image_bgr: (H, W, 3) uint8.
        name: Path of the image; path or address of the video or camera it is a frame of.
        time_s: Seconds since the first frame: by the frame rate in a file, by a monotonic clock
            from a camera; 0 for images.
    """

    index: int
    image_bgr: NDArray[np.uint8]
    name: str
    time_s: float = 0.0

    @property
    def image_wh(self) -> tuple[int, int]:
        """Width and height, px."""
        height, width = self.image_bgr.shape[:2]
        return width, height
