"""Writers of videos for people to watch: H.264 with the times and the sound of their source."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.video.encoder import NOT_WHOLE, AvWriter
from mmpose.video.reader import INSTALL_AV, AvReader, CvReader, find_av

# MPEG-4 part 2 is what every build of OpenCV can write into .mp4; browsers play VP8.
CV_CODECS = {'.mp4': 'mp4v', '.webm': 'VP80'}
AV_SUFFIXES = ('.mp4', '.webm', '.m4v', '.mov', '.mkv')
TICK = Fraction(1, 90_000)  # s, of times that come from a clock: that of MPEG transport streams
Image = NDArray[np.uint8]


class VideoFile:
    """A video with a picture for each frame of its source.

    By PyAV it is H.264 (VP9 in ``.webm``), yuv420p, BT.709, each picture at its time, with the
    sound of the source. Widths and heights are even: an odd one repeats its last pixel. By OpenCV
    it has a constant frame rate, no sound, and a codec that browsers play in ``.webm`` only.

    The first picture sets the size; others are fitted into it, with black bars.

    Args:
        path: Ends as ``video_suffixes`` says.
        fps: Frames per second, of pictures without a time.
        source: What the pictures are drawn from, for its sound and the unit of its times.

    Attributes:
        num_frames: Pictures written so far.
        problems: A sentence for each thing that the video lacks.
    """

    def __init__(self, path: Path, fps: float, source: AvReader | CvReader | None = None) -> None:
        self.path = path
        self.fps = fps
        self.num_frames = 0
        self.problems: list[str] = []
        self._source = source
        self._writer: AvWriter | cv2.VideoWriter | None = None
        self._size_wh = (0, 0)

    def add(self, image_bgr: Image, time_s: float | None = None) -> None:
        """Writes a picture (H, W, 3).

        Args:
            time_s: Seconds, on the clock of the source; None is one step after the one before.

        Raises:
            OSError: If the video cannot be written.
        """
        if self._writer is None:
            self._size_wh = image_bgr.shape[1], image_bgr.shape[0]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._opened(is_timed=time_s is not None)
        image_bgr = _fitted(image_bgr, self._size_wh)
        if isinstance(self._writer, AvWriter):
            self._writer.write(image_bgr, time_s)
        else:
            self._writer.write(image_bgr)
        self.num_frames += 1

    def close(self) -> None:
        """Completes the file; sound goes on after the pictures if those of the source are all."""
        if isinstance(self._writer, AvWriter):
            num_expected = self._source.num_frames if self._source is not None else None
            self._writer.close(is_whole=self.num_frames >= (num_expected or 0))
        elif self._writer is not None:
            self._writer.release()
        self._writer = None

    def _opened(self, is_timed: bool) -> AvWriter | cv2.VideoWriter:
        size = f'{self._size_wh[0]}x{self._size_wh[1]}'
        if find_av() is not None:
            rate = Fraction(self.fps).limit_denominator(1001)
            tick = (getattr(self._source, 'time_base', None) or TICK) if is_timed else 1 / rate
            for source in (self._source, None):
                try:
                    return AvWriter(self.path, self._size_wh, rate, tick, source, self.problems)
                except (find_av().FFmpegError, ValueError) as error:
                    reason = error
                if isinstance(source, AvReader):
                    self.problems.append(NOT_WHOLE.format(source.path, reason))
            raise OSError(f"'{self.path}' cannot be written as a video of {size} px: {reason}")
        suffix = self.path.suffix.lower()
        code = cv2.VideoWriter.fourcc(*CV_CODECS[suffix])
        writer = cv2.VideoWriter(str(self.path), code, self.fps, self._size_wh)
        if not writer.isOpened():
            raise OSError(f"'{self.path}' cannot be written as a video of {size} px")
        player = 'is MPEG-4 part 2, which browsers do not play, and' * (suffix == '.mp4')
        self.problems.append(
            f"'{self.path}' {player or 'is written by OpenCV and'} has a constant frame rate and "
            f'no sound; {INSTALL_AV} for H.264 with the times and the sound of the source'
        )
        return writer


def video_suffixes() -> Sequence[str]:
    """Returns the endings that a drawn video can have here."""
    return AV_SUFFIXES if find_av() is not None else tuple(CV_CODECS)


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
