"""Opening of frame sources by name, and validation of the paths that a user may name."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import cv2

from mmpose.apis.inference.sources import WEBCAM, Source, open_sources
from mmpose.apis.inference.videos import CameraSource
from mmpose.structures import Frame
from mmpose.version import PROJECT
from mmpose.video.reader import open_capture as open_stream
from realtime_pose.capture.synthetic import SyntheticSource

# The checkout, or the current folder where the package is installed.
PROJECT_ROOT = PROJECT if PROJECT.name != '.mim' else Path.cwd()
SYNTHETIC = 'synthetic'
NETWORK_MARK = '://'
NETWORK_SCHEMES = ('rtsp', 'rtsps', 'http', 'https')

Say = Callable[[str], None]
OpenCapture = Callable[[str | int], Any]


def open_named(
    source: int | str | Path,
    fps: float,
    resolution: tuple[int, int] | None = None,
    backend: int | None = None,
    allow_network: bool = False,
    open_capture: OpenCapture | None = None,
) -> Source:
    """Returns a source of frames.

    Args:
        source: Number of a camera, also as text or as ``webcam:1``; ``synthetic`` or
            ``synthetic:3`` for so many people; address of a stream; a video; a folder or pattern
            of images.
        fps: Requested frame rate of a camera, and that of the synthetic figure.
        resolution: Width and height of a camera or the synthetic figure, px.
        backend: One of OpenCV's ``CAP_...`` for cameras; any by default.
        allow_network: Whether addresses may be opened.
        open_capture: Opens a camera or stream; OpenCV by default.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or is an address and none is allowed.
        ConnectionError: If a camera or stream cannot be opened.
    """
    text = str(source)
    if is_synthetic(text):
        num_people = int(text.partition(':')[2] or 1)
        return SyntheticSource(num_people, resolution or (640, 480), fps)
    number = camera_number(text)
    if number is not None:
        opener = open_capture or _camera_opener(fps, resolution, backend)
        return CameraSource(number, opener, waits_s=(), say=_ignore)
    if NETWORK_MARK in text:
        _check_address(text, allow_network)
        return CameraSource(text, open_capture or open_stream, waits_s=(), say=_ignore)
    sources = open_sources(text)
    return sources[0] if len(sources) == 1 else _Chain(sources, text)


def validate_path(
    path: str | Path, must_exist: bool = True, roots: Sequence[str | Path] = (PROJECT_ROOT,)
) -> Path:
    """Returns the resolved path of a file below one of the allowed roots.

    Args:
        path: Absolute, or relative to a root; ``~`` is the home of the user. Links are resolved
            before the comparison.
        must_exist: Whether the file must exist.
        roots: Allowed folders; the project by default.

    Raises:
        ValueError: If it is outside of all roots.
        FileNotFoundError: If it is missing.
    """
    folders = [Path(root).resolve() for root in roots]
    wanted = os.path.expanduser(path)
    paths = [(folder / wanted).resolve() for folder in folders]  # an absolute path stays as it is
    inside = [x for x, folder in zip(paths, folders, strict=True) if x.is_relative_to(folder)]
    if not inside:
        raise ValueError(
            f"'{path}' is outside of the allowed folders ({', '.join(map(str, folders))})"
        )
    found = [x for x in inside if x.exists()]
    if must_exist and not found:
        raise FileNotFoundError(f"there is no '{path}' in {', '.join(map(str, folders))}")
    return (found or inside)[0]


def is_synthetic(text: str) -> bool:
    """Returns whether a source is ``synthetic`` or ``synthetic:3``."""
    kind, _, rest = text.partition(':')
    return kind == SYNTHETIC and (not rest or rest.isdecimal())


def camera_number(text: str) -> int | None:
    """Returns 1 for ``1`` and ``webcam:1``, 0 for ``webcam``; None if it is no camera."""
    kind, _, rest = text.partition(':')
    if kind == WEBCAM and (not rest or rest.isdecimal()):
        return int(rest or 0)
    return int(text) if text.isdecimal() else None


def is_camera(text: str) -> bool:
    """Returns whether a source is live: a camera or a stream."""
    return camera_number(text) is not None or NETWORK_MARK in text


def _check_address(text: str, allow_network: bool) -> None:
    scheme = text.partition(NETWORK_MARK)[0].lower()
    if scheme not in NETWORK_SCHEMES:
        raise ValueError(f"'{scheme}://' is no stream; expected {', '.join(NETWORK_SCHEMES)}")
    if not allow_network:
        raise ValueError(
            'streams of the network are off; allow them with --allow-network (allow_network=True)'
        )


def _ignore(_: str) -> None:
    """Discards a message: ``WebcamStream`` reports lost cameras itself."""


def _camera_opener(
    fps: float, resolution: tuple[int, int] | None, backend: int | None
) -> OpenCapture:
    def open_camera(number: str | int) -> Any:
        capture = cv2.VideoCapture(int(number), cv2.CAP_ANY if backend is None else backend)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        capture.set(cv2.CAP_PROP_FPS, fps)
        if resolution is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, resolution[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, resolution[1])
        return capture

    return open_camera


class _Chain:
    """Concatenation of the sources of a folder, at the frame rate of the first video."""

    is_live = False

    def __init__(self, sources: list[Source], name: str) -> None:
        self.sources = sources
        self.name = name
        self.num_frames: int | None = None
        self.fps = next((source.fps for source in sources if source.fps), None)
        self.problems: list[str] = []

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields the frames of all sources in order."""
        yield from chain.from_iterable(self.sources)
