"""Images as a source of frames: files, folders, patterns and arrays."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
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
        images: Paths, or arrays as ``as_bgr`` takes them.

    Attributes:
        name: What the source is called in messages.
        num_frames: Number of images.
        fps: None, as they are no video.
        is_live: False.
        problems: A sentence for each image that was left out so far.
    """

    fps = None
    is_live = False

    def __init__(self, images: Sequence[str | Path | NDArray[Any]]) -> None:
        self.images = images
        self.num_frames = len(images)
        is_one_file = len(images) == 1 and not isinstance(images[0], np.ndarray)
        self.name = str(images[0]) if is_one_file else f'{len(images)} images'
        self.problems: list[str] = []

    def __iter__(self) -> Iterator[tuple[Frame, str]]:
        """Yields each frame, and an empty text where a video tells of a damaged frame."""
        for index, image in enumerate(self.images):
            try:
                pixels = as_bgr(image) if isinstance(image, np.ndarray) else read_image(image)
            except BadImageError as error:
                if len(self.problems) == len(self.images) - 1:
                    raise
                self.problems.append(str(error))
                continue
            name = f'image {index}' if isinstance(image, np.ndarray) else str(image)
            yield Frame(index, pixels, name), ''


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
