"""Frame sources from user inputs: paths, folders, patterns, cameras, URLs, arrays."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference.addresses import local_path, open_address
from mmpose.apis.inference.images import EXPECTED, ImageSource, is_in_memory
from mmpose.apis.inference.videos import CameraSource, VideoSource
from mmpose.datasets.transforms.loading import BadImageError
from mmpose.structures import Frame
from mmpose.structures.media_files import VIDEO_SUFFIXES, find_files, is_pattern

Input = str | Path | int | bytes | NDArray[Any] | Any  # see ``to_bgr``
WEBCAM = 'webcam'  # what MMPose calls camera 0; webcam:1 is camera 1


class EmptyFolderError(BadImageError, FileNotFoundError):
    """A folder holds no image and no video."""


class Source(Protocol):
    """Source of frames: ``ImageSource``, ``VideoSource`` or ``CameraSource``.

    Attributes:
        name: Name in messages.
        num_frames: Number of frames, where known.
        fps: Frames per second; None if it is no video.
        is_live: Whether frames come at their own time, so that chunks must not wait for more.
        problems: Messages about errors that did not end it.
    """

    name: str
    num_frames: int | None
    fps: float | None
    is_live: bool
    problems: list[str]

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields each frame, with a text if it is damaged."""
        ...


def open_sources(inputs: Input | Source | Iterable[Input]) -> list[Source]:
    """Returns the sources of an input, in its order.

    Of several inputs, images and videos that are there but cannot be read are left out and named
    among the problems.

    Args:
        inputs: Path of an image or a video; a folder or pattern of them; number of a camera,
            also as text or as ``webcam`` or ``webcam:1``; address of an image, a video or a
            stream; an image in memory as ``to_bgr`` takes it, or (N, H, W, 3) several of them; a
            list of any of these; an iterator of images; or a source.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If it is something else.
        ValueError: If a file is no video, or an array no image.
        ConnectionError: If a camera or stream cannot be opened.
    """
    if isinstance(inputs, Iterator) and not is_in_memory(inputs):
        return [ImageSource(inputs)]
    sources: list[Source] = []
    images: list[Any] = []
    items = list(_flat(inputs, is_alone=True))
    for item in items:
        opened = item if _is_source(item) else _opened(item, is_alone=len(items) == 1)
        if not _is_source(opened):
            images.append(opened)
            continue
        if images:
            sources.append(ImageSource(images))
            images = []
        sources.append(opened)
    if images:
        sources.append(ImageSource(images))
    if not sources:
        raise ValueError('there is nothing to look at: the list of inputs is empty')
    for source in sources:
        if isinstance(source, ImageSource):
            source.may_be_empty = len(sources) > 1
    return sources


def paths_of(source: Source) -> list[str]:
    """Returns the files that a source reads."""
    return source.names if isinstance(source, ImageSource) else [source.name]


def _opened(item: Any, is_alone: bool) -> Any:
    """Returns a source of a video file; an image, or the error of what cannot be read, as it is."""
    if not isinstance(item, str) or Path(item).suffix.lower() not in VIDEO_SUFFIXES:
        return item
    try:
        return VideoSource(item)
    except ValueError as error:
        if is_alone:
            raise
        return BadImageError(str(error))


def _flat(inputs: Any, is_alone: bool) -> Iterator[Any]:
    """Yields image files, images in memory, video files, open sources, and errors of a list."""
    if _is_source(inputs):
        yield inputs
    elif is_in_memory(inputs):
        yield from inputs if getattr(inputs, 'ndim', 0) == 4 else [inputs]
    elif isinstance(inputs, (int, np.integer)) and not isinstance(inputs, bool):
        yield CameraSource(int(inputs))
    elif isinstance(inputs, (str, Path)):
        yield from _named(local_path(str(inputs)), is_alone)
    elif isinstance(inputs, Iterable) and not isinstance(inputs, Mapping):
        items = list(inputs)
        for item in items:
            yield from _flat(item, is_alone=is_alone and len(items) == 1)
    else:
        raise TypeError(
            f'{type(inputs).__name__} is no input; expected a pattern, a folder, an address, the '
            f'number of a camera, {EXPECTED}, or a list of them'
        )


def is_stream(text: str) -> bool:
    """Returns whether the words of a user are a camera or an address, and no path."""
    return camera_number(text) is not None or '://' in local_path(text)


def camera_number(text: str) -> int | None:
    """Returns the number of the camera that the words of a user are, such as ``webcam:1``."""
    kind, _, number = text.partition(':')
    if text.isdecimal():
        return int(text)
    return int(number or 0) if kind == WEBCAM and (not number or number.isdecimal()) else None


def _named(text: str, is_alone: bool) -> Iterator[Any]:
    camera = camera_number(text)
    if camera is not None:
        yield CameraSource(camera)
    else:
        try:
            yield from [open_address(text)] if '://' in text else _files(text)
        except BadImageError as error:
            if is_alone:
                raise
            yield error


def _files(text: str) -> list[str]:
    """Returns the files of a path, folder or pattern.

    Raises:
        BadImageError: If there is something else, or nothing to look at in a folder.
        FileNotFoundError: If there is nothing of the name.
    """
    try:
        if Path(text).is_file():
            return [text]
        exists, is_folder = os.path.lexists(text), Path(text).is_dir()
        if is_folder or is_pattern(text):
            return find_files(text)
    except FileNotFoundError as error:
        raise EmptyFolderError(str(error)) if is_folder else error from None
    except (OSError, ValueError) as error:  # such as a name that is too long
        reason = getattr(error, 'strerror', None) or error
        raise BadImageError(f"'{text[:200]}' cannot be opened: {reason}") from None
    if exists:
        raise BadImageError(f"'{text}' is neither a file nor a folder, or a link to nowhere")
    raise FileNotFoundError(f"there is no image, video or folder '{text}'")


def _is_source(item: Any) -> bool:
    return all(hasattr(item, name) for name in ('fps', 'is_live', 'problems'))
