"""Images as a source of frames: files, folders, patterns and arrays."""

from __future__ import annotations

import glob
import re
from collections.abc import Generator, Iterable, Sized
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference.pixels import as_bgr, read_image
from mmpose.datasets.transforms.loading import BadImageError
from mmpose.structures import Frame

IMAGE_SUFFIXES = {'.jpg', '.jpeg', '.jpe', '.png', '.bmp', '.webp', '.tif', '.tiff', '.ppm', '.pgm'}
VIDEO_SUFFIXES = {'.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv'}


class ImageSource:
    """Image files and arrays, one after the other.

    A file that cannot be read is left out and named in ``problems``; if not one can be read, the
    first problem is raised.

    Args:
        images: Paths, or arrays as ``as_bgr`` takes them; a list, or an iterator of whatever
            length, which is read only as images are wanted.

    Attributes:
        name: What the source is called in messages.
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


def find_files(path: str | Path) -> list[str]:
    """Returns the images and videos of a folder or a pattern, in natural order of their names.

    Args:
        path: A folder, whose own files are taken; or a pattern such as ``shots/**/*.jpg``.

    Raises:
        FileNotFoundError: If there is none.
    """
    if Path(path).is_dir():
        found = [str(file) for file in Path(path).iterdir() if file.is_file()]
    else:
        found = [name for name in glob.glob(str(path), recursive=True) if Path(name).is_file()]
    kinds = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    found = [name for name in found if Path(name).suffix.lower() in kinds]
    if not found:
        raise FileNotFoundError(
            f"there is no image or video in '{path}'; looked for {', '.join(sorted(kinds))}"
        )
    return sorted(found, key=_natural)


def is_pattern(path: str) -> bool:
    """Returns whether a path that is no file holds one of ``* ? [``."""
    return any(letter in path for letter in '*?[') and not Path(path).exists()


def _natural(name: str) -> list[tuple[bool, int | str]]:
    parts = re.split(r'(\d+)', name)
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]
