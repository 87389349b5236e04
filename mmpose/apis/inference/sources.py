"""Frame sources from user inputs: paths, folders, patterns, cameras, URLs, arrays."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference.images import ImageSource
from mmpose.apis.inference.videos import CameraSource, VideoSource
from mmpose.structures import Frame
from mmpose.structures.media_files import VIDEO_SUFFIXES, find_files, is_pattern

Input = str | Path | int | NDArray[Any]
WEBCAM = 'webcam'  # what MMPose calls camera 0; webcam:1 is camera 1


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

    Args:
        inputs: Path of an image or a video; a folder or pattern of them; number of a camera,
            also as text or as ``webcam`` or ``webcam:1``; URL of a stream; an image array, or
            (N, H, W, 3) several of them; a list of any of these; an iterator of paths and arrays
            of images; or a source.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is no video, or an array no image.
        ConnectionError: If a camera or stream cannot be opened.
    """
    if isinstance(inputs, Iterator):
        return [ImageSource(inputs)]
    sources: list[Source] = []
    images: list[str | Path | NDArray[Any]] = []
    for item in _flat(inputs):
        if _is_image(item):
            images.append(item)
        else:
            if images:
                sources.append(ImageSource(images))
                images = []
            sources.append(item if _is_source(item) else VideoSource(item))
    if images:
        sources.append(ImageSource(images))
    if not sources:
        raise ValueError('there is nothing to look at: the list of inputs is empty')
    return sources


def _is_image(item: Any) -> bool:
    if isinstance(item, str):
        return Path(item).suffix.lower() not in VIDEO_SUFFIXES
    return isinstance(item, np.ndarray)


def _flat(inputs: Any) -> Iterator[Any]:
    """Yields image files, image arrays, video files and open sources."""
    if _is_source(inputs):
        yield inputs
    elif isinstance(inputs, np.ndarray):
        yield from inputs if inputs.ndim == 4 else [inputs]
    elif isinstance(inputs, (int, np.integer)) and not isinstance(inputs, bool):
        yield CameraSource(int(inputs))
    elif isinstance(inputs, (str, Path)):
        yield from _named(str(inputs))
    elif isinstance(inputs, Iterable):
        for item in inputs:
            yield from _flat(item)
    else:
        raise TypeError(
            f'{type(inputs).__name__} is no input; expected a path, pattern, URL, camera number, '
            'image array or a list of them'
        )


def _named(text: str) -> Iterator[Any]:
    kind, _, number = text.partition(':')
    if text.isdigit():
        yield CameraSource(int(text))
    elif kind == WEBCAM and (not number or number.isdigit()):
        yield CameraSource(int(number or 0))
    elif '://' in text:
        yield CameraSource(text)
    elif Path(text).is_dir() or is_pattern(text):
        yield from find_files(text)
    elif Path(text).is_file():
        yield text
    else:
        raise FileNotFoundError(f"there is no image, video or folder '{text}'")


def _is_source(item: Any) -> bool:
    return all(hasattr(item, name) for name in ('num_frames', 'fps', 'is_live', 'problems'))
