"""Image and video files: suffixes that OpenCV reads, and the search in folders and patterns."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from pathlib import Path, PurePath

# Files that hold one image, and those that are read frame by frame.
IMAGE_SUFFIXES = frozenset(
    (
        *('.avif', '.bmp', '.dib', '.jfif', '.jp2', '.jpe', '.jpeg', '.jpg', '.pbm', '.pgm'),
        *('.png', '.pnm', '.ppm', '.tif', '.tiff', '.webp'),
    )
)
VIDEO_SUFFIXES = frozenset(
    (
        *('.3g2', '.3gp', '.avi', '.flv', '.gif', '.m2ts', '.m4v', '.mkv', '.mov', '.mp4'),
        *('.mpeg', '.mpg', '.mts', '.ogv', '.qt', '.ts', '.webm', '.wmv'),
    )
)


def find_files(path: str | Path) -> list[str]:
    """Returns the images and videos of a folder or a pattern, in natural order of their names.

    Args:
        path: A folder, whose own files are taken; or a pattern such as ``shots/**/*.jpg``.

    Raises:
        FileNotFoundError: If there is none.
    """
    deeper = ''
    if Path(path).is_dir():
        if any(file.is_dir() for file in Path(path).iterdir()):
            deeper = f"; folders in it are not searched: for them give the pattern '{path}/**/*'"
        found = [str(file) for file in Path(path).iterdir() if file.is_file()]
    else:
        found = [name for name in glob.glob(str(path), recursive=True) if Path(name).is_file()]
    kinds = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    found = [name for name in found if Path(name).suffix.lower() in kinds]
    if not found:
        raise FileNotFoundError(
            f"there is no image or video in '{path}'; looked for {', '.join(sorted(kinds))}{deeper}"
        )
    return sorted(found, key=_natural_key)


class NamedFiles:
    """Finds files among names by the last parts of their paths.

    Args:
        names: File names, with as many folders as it takes to tell files apart.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._by_base: dict[str, list[str]] = {}
        for name in names:
            self._by_base.setdefault(PurePath(name).name, []).append(name)

    def find(self, path: str | Path) -> list[str]:
        """Returns the names that share the most folders with a path; several if unclear."""
        own = PurePath(path)
        names = self._by_base.get(own.name, [])
        if len(names) < 2:
            return list(names)
        shared = [_num_shared_parts(own, PurePath(name)) for name in names]
        return [name for name, num in zip(names, shared, strict=True) if num == max(shared)]


def is_pattern(path: str) -> bool:
    """Returns whether a path that is no file holds one of ``* ? [``."""
    return any(letter in path for letter in '*?[') and not Path(path).exists()


def _natural_key(name: str) -> list[tuple[bool, int | str]]:
    parts = re.split(r'(\d+)', name)
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]


def _num_shared_parts(first: PurePath, second: PurePath) -> int:
    """Returns how many parts at the end of two paths are the same."""
    pairs = zip(reversed(first.parts), reversed(second.parts), strict=False)
    return next(
        (i for i, (a, b) in enumerate(pairs) if a != b), min(len(first.parts), len(second.parts))
    )
