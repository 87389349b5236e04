"""Paths of what is drawn of each input: no two are alike, and none is a file of the user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import cv2

from mmpose.apis.inference.images import ImageSource
from mmpose.apis.inference.sources import Source
from mmpose.structures.media_files import VIDEO_SUFFIXES
from mmpose.structures.output_files import OutputFiles
from mmpose.video import video_suffixes

DEFAULT_STEM = 'camera'  # of what has no name


class FreeNames:
    """Names in a folder that derive from inputs; equal ones get numbers, whatever their case.

    Args:
        taken: Names of other files of the run there.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.lower() for name in taken}

    def take(self, stem: str, suffix: str) -> str:
        """Returns ``stem.suffix``, or ``stem_2.suffix`` where that is taken."""
        number, name = 1, f'{stem}{suffix}'
        while name.lower() in self._taken:
            number += 1
            name = f'{stem}_{number}{suffix}'
        self._taken.add(name.lower())
        return name


class DrawnPaths:
    """Paths of drawn pictures and videos in a folder, or the one file that was named.

    Args:
        out_file: The only file, instead.
        files: Claims what is written.
    """

    def __init__(self, folder: Path, out_file: Path | None, files: OutputFiles) -> None:
        self.folder = folder
        self.out_file = out_file
        self._files = files
        self._names = FreeNames()
        self._planned: dict[tuple[int, int], Path] = {}

    def plan(self, sources: Sequence[Source], images: bool, videos: bool) -> None:
        """Claims a path for all that is known beforehand.

        Raises:
            FileExistsError: If something of the user is in the way.
        """
        for number, source in enumerate(sources):
            if source.fps is not None:
                if videos:
                    self.of_video(number, source)
            elif images and isinstance(source, ImageSource) and not source.is_live:
                for index, name in enumerate(source.names):
                    self.of_image(number, index, name)

    def of_video(self, number: int, source: Source) -> Path:
        """Returns the path for a video, that of input ``number``."""
        stem = DEFAULT_STEM if source.is_live else stem_of(source.name)
        return self._path((number, 0), stem, '.mp4')

    def of_image(self, number: int, index: int, name: str) -> Path:
        """Returns the path for image ``index`` of input ``number``."""
        suffix = Path(file_name_of(name)).suffix
        is_written = suffix and suffix.lower() not in VIDEO_SUFFIXES
        if not (is_written and cv2.haveImageWriter(f'a{suffix}')):
            suffix = '.png'
        return self._path((number, index), stem_of(name), suffix)

    def _path(self, key: tuple[int, int], stem: str, suffix: str) -> Path:
        if key not in self._planned:
            path = self.out_file or self.folder / self._names.take(stem, suffix)
            self._planned[key] = self._files.claim(path)
        return self._planned[key]


def check_out_file(path: Path, is_video: bool) -> None:
    """Checks the ending of the file that a drawn picture or video goes to.

    Raises:
        ValueError: If nothing can be written in that format.
    """
    suffix = path.suffix.lower()
    if is_video and suffix not in video_suffixes():
        raise ValueError(
            f"'{path}' is the file of a drawn video, whose name has to end in "
            f'{" or ".join(video_suffixes())}; ffmpeg makes other formats of it'
        )
    is_picture = suffix and suffix not in VIDEO_SUFFIXES and cv2.haveImageWriter(str(path))
    if not is_video and not is_picture:
        raise ValueError(
            f"'{path}' is the file of a drawn image, and its ending is no image format that can be "
            'written; take .jpg or .png'
        )


def stem_of(name: str) -> str:
    """Returns the stem of the file name of a path or an address."""
    return Path(file_name_of(name)).stem or DEFAULT_STEM


def file_name_of(name: str) -> str:
    """Returns the last part of a path, or of the path of an address, without its query."""
    if '://' not in name:
        return Path(name).name
    parts = urlsplit(name)
    return PurePosixPath(parts.path).name or (parts.hostname or '').replace(':', '_')
