"""Writers of drawn frames: image files, a window on the screen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

DISPLAYS = ('DISPLAY', 'WAYLAND_DISPLAY')
NO_WINDOWS = (
    '--show needs a screen and an OpenCV with windows (not opencv-python-headless); write into '
    '--out instead'
)
QUIT_KEYS = {ord('q'), 27}  # 27 is Escape
Image = NDArray[np.uint8]


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
