"""Frame sources of videos, cameras and network streams."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.structures import Frame

MAX_DAMAGED = 250  # frames in a row that a decoder may fail on before a file counts as over
OPEN_TIMEOUT_MS = READ_TIMEOUT_MS = 10_000
RECONNECT_WAITS_S = (1, 2, 4, 8, 15)  # before each attempt to reach a camera again

# Opens a file, an address or the number of a camera; what comes back acts as cv2.VideoCapture.
OpenCapture = Callable[[str | int], Any]


class VideoSource:
    """The frames of a video file or its address: all that the decoder counts, also damaged ones.

    Where the decoder fails in the middle of a file, the picture before stands in for the frame,
    and the text beside it says so, so that later frames keep their number and time.

    Args:
        path: The file, or its address.

    Attributes:
        name: The path, or the address without user and password.
        num_frames: As the file says; None if it does not.
        fps: Frames per second; 30 where the file does not say.
        is_live: False.
        problems: A sentence for each kind of damage, complete when the last frame has come.

    Raises:
        ConnectionError: If it is an address that cannot be opened.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no video that OpenCV can read.
    """

    is_live = False

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        is_remote = '://' in self.path
        self.name = without_password(self.path) if is_remote else self.path
        if not is_remote and not Path(path).is_file():
            raise FileNotFoundError(f"there is no video '{path}'")
        capture = self._open()
        is_open = capture.isOpened()
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if is_open else 0
        fps = float(capture.get(cv2.CAP_PROP_FPS)) if is_open else 0.0
        capture.release()
        if not is_open and is_remote:
            raise ConnectionError(f"'{self.name}' cannot be opened as a video")
        if not is_open:
            size = Path(path).stat().st_size
            raise ValueError(
                f"'{path}' ({size} bytes) cannot be read as a video; it is damaged, cut off, or in "
                'a format that OpenCV does not know'
            )
        self.num_frames = count if count > 0 else None
        self.fps = fps if 0 < fps < 1000 else 30.0
        self.problems: list[str] = []

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields each frame, with a text if it is damaged.

        Raises:
            ValueError: If not one frame can be decoded.
        """
        self.problems = []
        capture = self._open()
        index, num_damaged = 0, 0
        last: NDArray[np.uint8] | None = None
        try:
            while (step := self._next(capture, index)) is not None:
                missed, image = step
                for number in range(index, index + missed):
                    stand_in = np.zeros_like(image) if last is None else last
                    yield self._frame(number, stand_in), f'frame {number} is damaged'
                num_damaged += missed
                index += missed
                yield self._frame(index, image), ''
                last = image
                index += 1
        finally:
            capture.release()
        if last is None:
            raise ValueError(f"not one frame of '{self.name}' can be decoded; it is damaged")
        self._note(index, num_damaged)

    def _open(self) -> Any:
        return _open_live(self.path) if '://' in self.path else cv2.VideoCapture(self.path)

    def _next(self, capture: Any, index: int) -> tuple[int, NDArray[np.uint8]] | None:
        """Returns how many frames were missed, and the next good one; None at the end."""
        left = (self.num_frames or index) - index
        for missed in range(max(1, min(left, MAX_DAMAGED))):
            is_read, image = capture.read()
            if is_read:
                return missed, image
        return None

    def _frame(self, index: int, image: NDArray[np.uint8]) -> Frame:
        return Frame(index, image, self.name, index / self.fps)

    def _note(self, num_read: int, num_damaged: int) -> None:
        if num_damaged:
            self.problems.append(
                f"{num_damaged} of {num_read} frames of '{self.name}' are damaged; the picture "
                'before stands in for each, without poses'
            )
        missing = (self.num_frames or num_read) - num_read
        if missing > 1:  # some containers count one frame more than they hold
            self.problems.append(
                f"'{self.name}' promises {self.num_frames} frames but ends after {num_read}"
            )


class CameraSource:
    """The frames of a camera or a network stream, until it ends or goes away for good.

    When a frame does not come, the camera is opened again after 1, 2, 4, 8 and 15 s. Numbers and
    times of frames go on where they were; time is that of the clock.

    Args:
        address: Number of a camera, or URL of a stream.
        open_capture: Opens it.
        waits_s: Seconds before each attempt to open it again.
        say: Gets a sentence when the connection is lost, and when it is back.

    Attributes:
        name: Such as ``camera 0``, or the URL without user and password.
        num_frames: None.
        fps: Frames per second as the driver says; 30 where it does not.
        is_live: True.
        is_file: Whether it has a known number of frames, so that it ends.
        problems: A sentence for each loss of the connection.

    Raises:
        ConnectionError: If it cannot be opened; it is an OSError.
    """

    num_frames = None
    is_live = True

    def __init__(
        self,
        address: int | str,
        open_capture: OpenCapture | None = None,
        waits_s: tuple[float, ...] = RECONNECT_WAITS_S,
        say: Callable[[str], None] = print,
    ) -> None:
        self.address = address
        self.name = f'camera {address}' if isinstance(address, int) else without_password(address)
        self.problems: list[str] = []
        self._open = open_capture or _open_live
        self._waits_s = waits_s
        self._say = say
        self._capture = self._open(address)
        if not self._capture.isOpened():
            raise ConnectionError(
                f'{self.name} cannot be opened; is it connected, free, and the right number or '
                'address?'
            )
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps < 1000 else 30.0
        self.is_file = float(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)) > 0

    def close(self) -> None:
        """Releases it."""
        self._capture.release()

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields each frame as it comes.

        Raises:
            ConnectionError: If the camera goes away and does not come back.
        """
        started, index = time.monotonic(), 0
        try:
            while True:
                is_read, image = self._capture.read()
                if not is_read and self.is_file and index:
                    return  # a file that ended has ended
                if not is_read:
                    image = self._reconnect(index)
                yield Frame(index, image, self.name, time.monotonic() - started), ''
                index += 1
        finally:
            self._capture.release()

    def _reconnect(self, num_frames: int) -> NDArray[np.uint8]:
        """Returns the first frame after the connection was lost."""
        lost = f'{self.name} went away after {num_frames} frames'
        self._say(f'{lost}; trying to reach it again')
        for attempt, wait_s in enumerate(self._waits_s, start=1):
            self._capture.release()
            time.sleep(wait_s)
            self._capture = self._open(self.address)
            is_read, image = self._capture.read() if self._capture.isOpened() else (False, None)
            if is_read:
                self.problems.append(f'{lost} and came back at attempt {attempt}')
                self._say(f'{self.name} is back')
                return image
        if not self._waits_s:
            raise ConnectionError(lost)
        tried = f'{len(self._waits_s)} attempts within {sum(self._waits_s):g} s'
        raise ConnectionError(f'{lost} and did not come back in {tried}')


def without_password(address: str) -> str:
    """Returns ``rtsp://host/a`` for ``rtsp://user:secret@host/a``: names go into logs and files."""
    return re.sub(r'://[^/]*@', '://', address)


def _open_live(address: str | int) -> Any:
    if isinstance(address, int):
        return cv2.VideoCapture(address)
    # A stream that says nothing must not hold the program for ever.
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS]
    limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
