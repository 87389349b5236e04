"""Multi-view source: synchronised frames of several calibrated cameras, or of their files.

Files are read frame by frame. Cameras run freely, each read by its own thread: a frame of the first
camera is combined with the frames of the others that are nearest in time, within half a frame. Such
a set of frames is a moment. A view that is late or unplugged is omitted from it, and counted. While
the first camera is lost the next one takes its place.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmpose.apis.inference.sources import Source
from mmpose.structures import Frame
from realtime_pose.capture.named_source import OpenCapture, is_camera, open_named
from realtime_pose.capture.webcam_capture import READ_TIMEOUT_S, WebcamStream
from realtime_pose.ik.cameras import Camera
from realtime_pose.latest_frame_queue import CapturedFrame

PATIENCE_S = 0.5  # wait for a frame of the first camera, before the next one takes its place
PAUSE_S = 0.02  # sleep while no camera has a frame
NUM_GAPS = 15  # intervals between frames of the first camera; their median gives the rate
SAME_FPS = 0.01  # relative tolerance between frame rates of files


@dataclass(frozen=True, eq=False, kw_only=True)
class ViewFrame(Frame):
    """Frame of a multi-view source, with the synchronised frames of the other cameras.

    Attributes:
        view: Index of the camera in the calibration.
        camera: The camera.
        captured_s: Time of capture, monotonic clock; None in a file.
        others: Synchronised frames of other cameras in their order, without missing ones.
    """

    view: int
    camera: Camera
    captured_s: float | None
    others: tuple[ViewFrame, ...] = ()


class Views:
    """Base class of multi-view sources.

    Args:
        cameras: C cameras, calibrated for the size of their images.
        parts: Source of each camera.

    Attributes:
        problems: Error messages.
        num_missing: (C,). Number of moments so far that lack each view.
    """

    problems: list[str]

    def __init__(self, cameras: Sequence[Camera], parts: Sequence[Source]) -> None:
        self.parts = list(parts)
        self.cameras = list(cameras)
        self.name = '+'.join(camera.name for camera in cameras)
        self.num_missing = [0] * len(cameras)

    @property
    def missing(self) -> str:
        """Counts of missing views as text, such as ``right 12``; empty if there are none."""
        pairs = zip(self.cameras, self.num_missing, strict=True)
        return ', '.join(f'{camera.name} {number}' for camera, number in pairs if number)

    def _moment(
        self, frames: Sequence[Frame | None], captured_s: float | None = None
    ) -> ViewFrame | None:
        """Returns the first available one of C frames, with the others; None without any."""
        found = []
        for i, frame in enumerate(frames):
            # A camera that reconnects with another size does not fit its calibration.
            if frame is None or frame.image_wh != self.cameras[i].size_wh:
                self.num_missing[i] += 1
                continue
            found.append(
                ViewFrame(
                    index=frame.index,
                    image_bgr=frame.image_bgr,
                    name=frame.name,
                    time_s=frame.time_s,
                    view=i,
                    camera=self.cameras[i],
                    captured_s=captured_s,
                )
            )
        return replace(found[0], others=tuple(found[1:])) if found else None


class FileViews(Views):
    """Multi-view source of files, folders or synthetic figures; ends with the shortest.

    Args:
        cameras: C cameras.
        sources: Their sources, with equal frame rates.

    Raises:
        ValueError: If numbers, frame rates or sizes do not fit, or nothing can be read.
    """

    is_live = False

    def __init__(self, cameras: Sequence[Camera], sources: Sequence[Source]) -> None:
        sizes = [_first_size(source) for source in sources]
        pairs = zip(cameras, sizes, strict=True)
        super().__init__([camera.resized(size_wh) for camera, size_wh in pairs], sources)
        self.fps = sources[0].fps
        rates = [source.fps for source in sources if source.fps]
        if rates and max(rates) > (1 + SAME_FPS) * min(rates):
            listed = ', '.join(f'{x.name} {x.fps:g}' for x in sources if x.fps)
            raise ValueError(
                f'the files have different frame rates ({listed}), and are looked at frame by '
                'frame; convert them to the same one'
            )
        lengths = [source.num_frames for source in sources if source.num_frames]
        self.num_frames = min(lengths) if lengths else None
        self.problems: list[str] = []
        if lengths and max(lengths) > self.num_frames + 1:
            self.problems.append(f'the files have {lengths} frames; all end with the shortest')

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields moments; damaged frames are omitted."""
        for parts in zip(*self.parts, strict=False):
            moment = self._moment([None if damage else frame for frame, damage in parts])
            if moment is not None:
                yield moment, ''


class CameraViews(Views):
    """Multi-view source of live cameras or streams, synchronised by time of capture.

    Args:
        cameras: C cameras.
        streams: Their streams, opened here and closed by ``close``.

    Raises:
        ConnectionError: If one cannot be opened or gives no frame.
        ValueError: If numbers or sizes do not fit.
    """

    is_live = True
    num_frames = None

    def __init__(self, cameras: Sequence[Camera], streams: Sequence[WebcamStream]) -> None:
        self.streams = list(streams)
        self._next: list[CapturedFrame | None] = [None] * len(streams)
        self._is_away = [False] * len(streams)
        self._last = (-1, 0.0)  # index of the first camera, and time of its last frame
        self._is_closed = False
        try:
            sizes = [_first_live_size(stream) for stream in streams]
            pairs = zip(cameras, sizes, strict=True)
            parts = [stream.source for stream in streams]
            super().__init__([camera.resized(size_wh) for camera, size_wh in pairs], parts)
        except BaseException:
            self.close()
            raise
        self.fps: float | None = streams[0].source.fps or streams[0].fps
        self._gaps_s = deque(NUM_GAPS * [1 / self.fps], NUM_GAPS)
        self.patience_s = max(PATIENCE_S, 3 / self.fps)

    @property
    def tolerance_s(self) -> float:
        """Half a frame interval, measured: in the dark cameras are slower than they report."""
        return 0.5 * float(np.median(self._gaps_s))

    @property
    def problems(self) -> list[str]:
        """Last error message of each camera."""
        return [text for stream in self.streams for text in stream.problems[-1:]]

    def close(self) -> None:
        """Releases the cameras."""
        self._is_closed = True
        for stream in self.streams:
            stream.close()

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields moments until it is closed."""
        self._is_closed = False
        try:
            while not self._is_closed:
                number, captured = self._first()
                if captured is None:
                    time.sleep(PAUSE_S)
                    continue
                last_number, last_s = self._last
                # Another camera may have become the first; time must stay monotonic.
                moment_s = max(captured.captured_s, last_s)
                if number == last_number:
                    self._gaps_s.append(moment_s - last_s)
                self._last = (number, moment_s)
                frames = [
                    captured.frame if i == number else self._frame_at(i, moment_s)
                    for i in range(len(self.streams))
                ]
                moment = self._moment(frames, moment_s)
                if moment is not None:
                    yield moment, ''
        finally:
            self.close()  # also streams that were reopened during close()

    def _first(self) -> tuple[int, CapturedFrame | None]:
        """Returns index and frame of the first camera that is not lost."""
        for i in range(len(self.streams)):
            captured = self._take(i, 0.0 if self._is_away[i] else self.patience_s)
            self._is_away[i] = captured is None
            if captured is not None:
                return i, captured
        return 0, None

    def _frame_at(self, i: int, moment_s: float) -> Frame | None:
        """Returns the frame of a camera within half a frame of a time, if there is one."""
        latest_s = moment_s + self.tolerance_s
        while True:
            captured = self._take(i, max(0.0, latest_s - time.monotonic()))
            if captured is None:
                return None
            if captured.captured_s > latest_s:
                self._next[i] = captured
                return None
            if captured.captured_s >= moment_s - self.tolerance_s:
                return captured.frame

    def _take(self, i: int, timeout_s: float) -> CapturedFrame | None:
        kept, self._next[i] = self._next[i], None
        if kept is not None or self._is_closed:
            return kept
        return self.streams[i].capture(timeout_s)


def _first_size(source: Source) -> tuple[int, int]:
    for frame, _ in source:
        return frame.image_wh
    raise ValueError(f"'{source.name}' has no frames")


def _first_live_size(stream: WebcamStream) -> tuple[int, int]:
    captured = stream.open().capture(READ_TIMEOUT_S)
    if captured is None:
        raise ConnectionError(f'{stream.name} gave no frame in {READ_TIMEOUT_S:g} s')
    return captured.frame.image_wh


def open_views(
    names: Sequence[str | Path],
    cameras: Sequence[Camera],
    fps: float = 30.0,
    resolution: tuple[int, int] | None = None,
    allow_network: bool = False,
    open_capture: OpenCapture | None = None,
) -> FileViews | CameraViews:
    """Returns a multi-view source.

    Args:
        names: A source per camera and in their order, as ``open_named`` takes it, or each as
            ``NAME=SOURCE`` with the name of its camera.
        cameras: The calibration.
        fps: Requested frame rate of cameras.
        resolution: Requested resolution, px; that of the calibration by default.
        allow_network: Whether addresses may be opened.
        open_capture: Opens a camera or stream; OpenCV by default.

    Raises:
        FileNotFoundError, ValueError, ConnectionError: If the sources are not those of the
            cameras, or one cannot be opened.
    """
    sources = ordered_sources([str(name) for name in names], [camera.name for camera in cameras])
    kinds = {is_camera(source) for source in sources}
    if len(kinds) > 1:
        raise ValueError(
            f'sources {sources}: cameras and files do not go together, since files have no time '
            'of capture'
        )
    if kinds == {False}:
        return FileViews(cameras, [open_named(source, fps) for source in sources])
    streams = [
        WebcamStream(
            source=source,
            resolution=resolution or camera.size_wh,
            fps=fps,
            allow_network=allow_network,
            open_capture=open_capture,
        )
        for source, camera in zip(sources, cameras, strict=True)
    ]
    return CameraViews(cameras, streams)


def ordered_sources(sources: Sequence[str], names: Sequence[str]) -> list[str]:
    """Returns one source per camera, in their order, from ``SOURCE``s or ``NAME=SOURCE``s.

    Raises:
        ValueError: If they are not one per camera.
    """
    split = [source.partition('=') for source in sources]
    named = [(name, source) for name, equals, source in split if equals and name in names]
    if len(sources) != len(names) or 0 < len(dict(named)) < len(names):
        raise ValueError(
            f'sources {list(sources)} are not one for each of the cameras {list(names)}: give a '
            '--source each, in this order or all as NAME=SOURCE'
        )
    ordered = [dict(named)[name] for name in names] if named else list(sources)
    if len(set(ordered)) < len(ordered):
        raise ValueError(f'sources {ordered}: two cameras cannot have the same one')
    return ordered
