"""Writers of drawn frames: image files, videos, a window on the screen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

# MPEG-4 part 2 is what every build of OpenCV can write into .mp4; browsers play VP8.
CODECS = {'.mp4': 'mp4v', '.webm': 'VP80'}
DISPLAYS = ('DISPLAY', 'WAYLAND_DISPLAY')
NO_WINDOWS = (
    '--show needs a screen and an OpenCV with windows (not opencv-python-headless); write into '
    '--out instead'
)
QUIT_KEYS = {ord('q'), 27}  # 27 is Escape
Image = NDArray[np.uint8]


class VideoFile:
    """A video with the frame rate of its source and a picture for each of its frames.

    The first picture sets the size; others are fitted into it, with black bars.

    Args:
        path: Ends in ``.mp4``, or in ``.webm`` for browsers.
        fps: Frames per second.

    Attributes:
        num_frames: Pictures written so far.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.fps = fps
        self.num_frames = 0
        self._writer: cv2.VideoWriter | None = None
        self._size_wh = (0, 0)

    def add(self, image_bgr: Image) -> None:
        """Writes a picture (H, W, 3).

        Raises:
            OSError: If the video cannot be written.
        """
        if self._writer is None:
            self._size_wh = image_bgr.shape[1], image_bgr.shape[0]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            code = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
            self._writer = cv2.VideoWriter(str(self.path), code, self.fps, self._size_wh)
            if not self._writer.isOpened():
                size = f'{self._size_wh[0]}x{self._size_wh[1]}'
                raise OSError(f"'{self.path}' cannot be written as a video of {size} px")
        self._writer.write(_fitted(image_bgr, self._size_wh))
        self.num_frames += 1

    def close(self) -> None:
        """Completes the file."""
        if self._writer is not None:
            self._writer.release()


def write_image(path: Path, image_bgr: Image) -> None:
    """Writes a picture in the format of its name.

    Raises:
        OSError: If that fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        is_written = cv2.imwrite(str(path), image_bgr)
    except cv2.error as error:
        raise OSError(f"'{path}' cannot be written: its ending is no image format") from error
    if not is_written:
        raise OSError(f"'{path}' cannot be written")


class Window:
    """A window on the screen, for the main thread.

    Args:
        title: Of the window.
        wait_ms: How long a picture stays; 0 waits for a key.

    Raises:
        OSError: If there is no screen.
    """

    def __init__(self, title: str, wait_ms: int) -> None:
        needs_display = sys.platform.startswith('linux')
        if needs_display and not any(os.environ.get(name) for name in DISPLAYS):
            raise OSError(NO_WINDOWS)  # OpenCV would end the process instead
        self.title = title
        self.wait_ms = wait_ms

    def show(self, image_bgr: Image) -> bool:
        """Shows a picture; returns False when the user quits (q, Escape).

        Raises:
            OSError: If there is no screen.
        """
        try:
            cv2.imshow(self.title, image_bgr)
            return cv2.waitKey(self.wait_ms) & 0xFF not in QUIT_KEYS
        except cv2.error as error:
            raise OSError(NO_WINDOWS) from error


def _fitted(image_bgr: Image, size_wh: tuple[int, int]) -> Image:
    height, width = image_bgr.shape[:2]
    if (width, height) == size_wh:
        return image_bgr
    scale = min(size_wh[0] / width, size_wh[1] / height)
    new_wh = max(1, int(width * scale)), max(1, int(height * scale))
    canvas = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    left, top = (size_wh[0] - new_wh[0]) // 2, (size_wh[1] - new_wh[1]) // 2
    canvas[top : top + new_wh[1], left : left + new_wh[0]] = cv2.resize(image_bgr, new_wh)
    return canvas
