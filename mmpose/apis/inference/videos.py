"""Frame sources of videos, cameras and network streams."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.structures import Frame
from mmpose.video import open_reader
from mmpose.video.reader import open_capture as _open_live

RECONNECT_WAITS_S = (1, 2, 4, 8, 15)  # before each attempt to reach a camera again

# Opens a file, an address or the number of a camera; what comes back acts as cv2.VideoCapture.
OpenCapture = Callable[[str | int], Any]


class VideoSource:
    """The frames of a video file or its address: all that it holds, also damaged ones.

    Where the decoder fails in the middle of a file, the picture before stands in for the frame,
    and the text beside it says so, so that later frames keep their number and time.

    Args:
        path: The file, or its address.

    Attributes:
        name: The path, or the address without user and password.
        reader: What decodes it.
        fps: Frames per second, on average; 30 where the file does not say.
        is_live: False.
        problems: A sentence for each kind of damage, complete when the last frame has come.

    Raises:
        ConnectionError: If it is an address that cannot be opened.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no video that can be read.
    """

    is_live = False

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        is_remote = '://' in self.path
        self.name = without_password(self.path) if is_remote else self.path
        if not is_remote and not Path(path).is_file():
            raise FileNotFoundError(f"there is no video '{path}'")
        try:
            self.reader = open_reader(self.path)
        except ValueError as error:
            if is_remote:
                raise ConnectionError(f"'{self.name}' cannot be opened as a video") from error
            raise
        self.fps = self.reader.fps if 0 < self.reader.fps < 1000 else 30.0
        self.problems: list[str] = []

    @property
    def num_frames(self) -> int | None:
        """Number of frames: counted by PyAV, as the file says by OpenCV; None where unknown."""
        return self.reader.num_frames

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields each frame, with a text if it is damaged.

        Raises:
            ValueError: If not one frame can be decoded.
        """
        self.problems = []
        index, num_damaged = 0, 0
        missed: list[float] = []  # times of frames that wait for a picture after them
        last: NDArray[np.uint8] | None = None
        with closing(iter(self.reader)) as steps:
            for time_s, image in steps:
                if image is None:
                    missed.append(time_s)
                    continue
                for missed_s in missed:
                    stand_in = np.zeros_like(image) if last is None else last
                    yield Frame(index, stand_in, self.name, missed_s), f'frame {index} is damaged'
                    index += 1
                num_damaged += len(missed)
                missed = []
                yield Frame(index, image, self.name, time_s), ''
                last = image
                index += 1
        if last is None:
            raise ValueError(f"not one frame of '{self.name}' can be decoded; it is damaged")
        self._note(index, num_damaged)

    def _note(self, num_read: int, num_damaged: int) -> None:
        if num_damaged:
            self.problems.append(
                f"{num_damaged} of {num_read} frames of '{self.name}' are damaged; the picture "
                'before stands in for each, without poses'
            )
        num_promised = self.reader.num_promised
        if num_promised - num_read > 1:  # some containers count one frame more than they hold
            self.problems.append(
                f"'{self.name}' promises {num_promised} frames but ends after {num_read}"
            )
        self.problems += [self.reader.note] if self.reader.note else []


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
