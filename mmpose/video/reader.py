"""Readers of video files: each frame upright and with its own time, damaged ones as gaps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_DAMAGED = 250  # frames in a row that OpenCV may fail on before a file counts as over
OPEN_TIMEOUT_MS = READ_TIMEOUT_MS = 10_000
OLDEST_AV = 17  # older ones convert colours differently
INSTALL_AV = f"pip install 'av>={OLDEST_AV}'"
Step = tuple[float, NDArray[np.uint8] | None]  # seconds since the first frame; None if damaged


def find_av() -> Any:
    """Returns the package PyAV, or None where it is not installed, or too old."""
    try:
        import av
    except ImportError:
        return None
    return av if int(av.__version__.split('.')[0]) >= OLDEST_AV else None


def open_reader(path: str) -> AvReader | CvReader:
    """Returns a reader: PyAV for files, where it is installed; OpenCV for addresses.

    Raises:
        ValueError: If it cannot be read as a video.
    """
    return CvReader(path) if '://' in path or find_av() is None else AvReader(path)


class AvReader:
    """The frames of a video file by PyAV: turned upright, timed by their time stamps.

    Attributes:
        fps: Mean frame rate; 0 where the file does not say.
        time_base: Seconds of one tick of its time stamps.
        note: A sentence about what this reader cannot do; empty.

    Raises:
        ValueError: If it cannot be opened, or has no pictures.
    """

    note = ''

    def __init__(self, path: str) -> None:
        self.path = path
        with _opened(path) as container:
            stream = container.streams.best('video')
            if stream is None:
                kinds = ', '.join(sorted({x.type for x in container.streams})) or 'nothing'
                raise ValueError(f"'{path}' holds no pictures, only {kinds}; is it the right file?")
            self.fps = float(stream.average_rate or stream.guessed_rate or 0)
            self.time_base = Fraction(stream.time_base)
            self._num_in_header = stream.frames
        self._num_pairs = 0  # frames that come as two packets, one for each field

    @property
    def num_frames(self) -> int | None:
        """Number of frames that are really there: packets, counted without being decoded."""
        return len(self._packets[0]) - self._num_pairs or None

    @property
    def num_promised(self) -> int:
        """Number of frames as the header says, or as counted."""
        num_hidden = self._packets[2] + self._num_pairs
        return max(self._num_in_header - num_hidden, self.num_frames or 0)

    @property
    def start_s(self) -> float:
        """Time of the first frame on the clock that pictures and sound share."""
        return float(next(iter(self._packets[0]), 0) * self.time_base)

    @cached_property
    def _packets(self) -> tuple[list[int], bool, int]:
        """Time stamps of all frames in order; whether frames carry them; packets that an edit list
        hides."""
        ticks: list[int | None] = []
        num_hidden = 0
        with _opened(self.path) as container, suppress(find_av().FFmpegError):
            are_known = container.format.name != 'avi'  # whose packets have no time of display
            for packet in container.demux(container.streams.best('video')):
                if packet.is_discard:
                    num_hidden += 1
                elif packet.size:
                    are_known &= packet.pts is not None
                    ticks.append(packet.dts if packet.pts is None else packet.pts)
        known = sorted(tick for tick in ticks if tick is not None)
        return known if len(known) == len(ticks) else [*range(len(ticks))], are_known, num_hidden

    def __iter__(self) -> Generator[Step, None, None]:
        """Yields each frame's time and picture (H, W, 3), uint8 BGR, or None for a damaged one."""
        from av.video.reformatter import VideoReformatter

        ticks, are_known, _ = self._packets
        reformatter = VideoReformatter()  # one for all: it keeps its tables
        index = self._num_pairs = 0
        with _opened(self.path) as container:
            for frame in _decoded(container):
                missed = range(0)
                if are_known:
                    if frame is None or frame.pts is None or frame.pts < ticks[max(0, index - 1)]:
                        continue  # a picture that comes too late has had a gap in its place
                    missed = range(index, bisect_left(ticks, frame.pts))
                is_pair = len(missed) == 1 and frame.interlaced_frame
                if is_pair and (index == 1 or self._num_pairs):
                    self._num_pairs += 1
                else:
                    yield from ((self._time(number), None) for number in missed)
                index += len(missed)
                if frame is None:
                    yield self._time(index), None
                else:
                    image = reformatter.reformat(frame, format='bgr24').to_ndarray()
                    turns = round(frame.rotation / 90) % 4  # counterclockwise
                    upright = np.ascontiguousarray(np.rot90(image, turns)) if turns else image
                    yield self._time(index), upright
                index += 1

    def _time(self, index: int) -> float:
        ticks = self._packets[0]
        beyond = max(0, index - len(ticks) + 1) / (self.fps or 30)  # more pictures than packets
        return float((ticks[min(index, len(ticks) - 1)] - ticks[0]) * self.time_base) + beyond


class CvReader:
    """The frames of a video file or address by OpenCV, timed by the mean frame rate.

    Attributes: Those of ``AvReader``; the number of frames is the promised one.

    Raises:
        ValueError: If it cannot be opened.
    """

    time_base = None
    start_s = 0.0

    def __init__(self, path: str) -> None:
        self.path = path
        self.note = ''
        capture = open_capture(path)
        is_open = capture.isOpened()
        self.num_promised = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if is_open else 0)
        self.fps = float(capture.get(cv2.CAP_PROP_FPS)) if is_open else 0.0
        capture.release()
        if not is_open:
            raise ValueError(_unreadable(path, 'OpenCV'))
        self.num_frames = self.num_promised or None

    def __iter__(self) -> Generator[Step, None, None]:
        """Yields each frame's time and picture (H, W, 3), uint8 BGR, or None for a damaged one."""
        fps = self.fps if 0 < self.fps < 1000 else 30.0
        is_timed = '://' not in self.path and not self.path.lower().endswith('.avi')
        num_failed, first_ms = 0, None
        capture = open_capture(self.path)
        try:
            for index in count():
                is_read, image = capture.read()
                num_failed = 0 if is_read else num_failed + 1
                is_over = index + 1 >= self.num_promised or num_failed >= MAX_DAMAGED
                if not is_read and is_over:
                    return
                now_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
                first_ms = now_ms if first_ms is None else first_ms
                off_s = abs((now_ms - first_ms) / 1000 - index / fps) if is_timed else 0.0
                if is_read and off_s > max(0.1, 2 / fps):
                    self.note = (
                        f"the frames of '{self.path}' are not evenly spaced, and OpenCV gives them "
                        f'the times of even ones; {INSTALL_AV} reads the true ones'
                    )
                yield index / fps, image if is_read else None
        finally:
            capture.release()


def open_capture(address: str | int) -> Any:
    """Returns OpenCV's capture of a camera, a file or an address."""
    if isinstance(address, int) or '://' not in address:
        return cv2.VideoCapture(address)
    # A stream that says nothing must not hold the program for ever.
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS]
    limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)


def _opened(path: str) -> Any:
    av = find_av()
    try:
        return av.open(path, metadata_errors='replace')
    except av.FFmpegError as error:
        raise ValueError(_unreadable(path, 'PyAV')) from error


def _decoded(container: Any) -> Generator[Any, None, None]:
    """Yields the frames in the order of their display; None for a packet that is no frame."""
    stream = container.streams.best('video')
    stream.thread_type = 'AUTO'
    broken = find_av().FFmpegError
    with suppress(broken):  # a file that is cut off
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except broken:
                frames = [None]
            yield from frames


def _unreadable(path: str, reader: str) -> str:
    size = Path(path).stat().st_size if '://' not in path else 0
    return (
        f"'{path}' ({size} bytes) cannot be read as a video; it is damaged, cut off, or in a "
        f'format that {reader} does not know'
    )
