"""Images as frames: decoding, conversion to BGR, and a source of image files and arrays."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sized
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.transforms import LoadImage
from mmpose.datasets.transforms.loading import BadImageError
from mmpose.structures import Frame

_load = LoadImage()


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Returns an image file as (H, W, 3) uint8 BGR, turned upright by its EXIF orientation.

    Grey becomes colour, 16 bits a channel become 8, and transparency is left out.

    Raises:
        BadImageError: If it cannot be decoded; it is a ValueError, and a FileNotFoundError too
            if there is no such file.
    """
    return _load({'image_file': str(path), 'image_wh': (0, 0)})['image']


def as_bgr(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Returns an array in memory as (H, W, 3) uint8 BGR.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA; uint8, or uint16 over the whole
            range. Transparency is left out.

    Raises:
        ValueError: If it is none of these, or has no pixels.
    """
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    num_channels = image.shape[2] if image.ndim == 3 else int(image.ndim == 2)
    if image.dtype != np.uint8 or num_channels not in (1, 3, 4) or not image.size:
        raise ValueError(
            f'an image of shape {image.shape} and type {image.dtype} came, expected (H, W), '
            '(H, W, 3) BGR or (H, W, 4) BGRA with uint8 or uint16 numbers'
        )
    if num_channels == 1:
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


class ImageSource:
    """Image files and arrays, one after the other.

    A file that cannot be read is left out and named in ``problems``; if not one can be read, the
    first problem is raised.

    Args:
        images: Paths, or arrays as ``as_bgr`` takes them; a list, or an iterator of whatever
            length, which is read only as images are wanted.

    Attributes:
        name: Name in messages.
        num_frames: Number of images; None of an iterator.
        fps: None, as they are no video.
        is_live: Whether it is an iterator.
        problems: A sentence for each image that was left out so far.
    """

    fps = None

    def __init__(self, images: Iterable[str | Path | NDArray[Any]]) -> None:
        self.images = images
        self.num_frames = len(images) if isinstance(images, Sized) else None
        self.is_live = self.num_frames is None
        self.name = {None: 'images', 1: '1 image'}.get(self.num_frames, f'{self.num_frames} images')
        self.problems: list[str] = []

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields each frame, and an empty text where a video tells of a damaged frame."""
        num_read = 0
        for index, image in enumerate(self.images):
            try:
                pixels = as_bgr(image) if isinstance(image, np.ndarray) else read_image(image)
            except BadImageError as error:
                self.problems.append(str(error))
                continue
            name = f'image {index}' if isinstance(image, np.ndarray) else str(image)
            num_read += 1
            yield Frame(index, pixels, name), ''
        if self.problems and not num_read:
            raise BadImageError(self.problems[0])
