"""Video sinks and replay: overlay video, lossless frames, and recorded frames as a source."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference import DrawOptions
from mmpose.structures import Frame
from mmpose.video import VideoFile
from realtime_pose.inference.stages import LiveFrame
from realtime_pose.recording import JSONL_NAME, read_recording

OVERLAY_NAME, FRAMES_NAME = 'overlay.mp4', 'frames.avi'
LOSSLESS = 'FFV1'
MAX_STILL_S = 2.0  # longest still of the video, however long the camera was lost


class FrameSink(Protocol):
    """Receiver of processed frames."""

    def add(self, live: LiveFrame) -> None:
        """Adds a frame that went through all stages."""

    def close(self) -> None:
        """Completes files; may be called twice."""


class OverlayVideo:
    """Video writer of frames with drawn poses, in real time.

    A picture is repeated where the frames after it were dropped.

    Args:
        folder: Folder of the video; created.
        fps: Frame rate of the video, which should be that of the source.
        draw: Options of drawing.
    """

    def __init__(self, folder: Path, fps: float, draw: DrawOptions | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.draw = draw or DrawOptions(show_boxes=True, show_ids=True)
        self._video = VideoFile(folder / OVERLAY_NAME, fps)
        self._start: float | None = None
        self._last: NDArray[np.uint8] | None = None

    def add(self, live: LiveFrame) -> None:
        """Writes a frame, after repeating the one before for the time between them.

        Raises:
            OSError: If the video cannot be written.
        """
        if live.result is None:
            return
        num_missing = self._num_missing(live.captured.t_capture)
        if num_missing < -1:
            return  # frames arrive faster than the source's nominal rate
        picture = live.result.draw(self.draw)
        for _ in range(num_missing if self._last is not None else 0):
            self._video.add(self._last)
        self._video.add(picture)
        self._last = picture

    def _num_missing(self, time_s: float) -> int:
        """Returns the number of pictures that the video lacks until now; negative if ahead."""
        if self._start is None:
            self._start = time_s
        fps = self._video.fps
        num_missing = round((time_s - self._start) * fps) - self._video.num_frames
        too_many = max(0, num_missing - round(MAX_STILL_S * fps))
        self._start += too_many / fps
        return num_missing - too_many

    def close(self) -> None:
        """Completes the file."""
        self._video.close()


class FrameVideo:
    """Lossless video writer (FFV1), so that a replay has identical pixels.

    Args:
        folder: Folder of the video; created.
        fps: Frame rate of the video; a replay takes the times of the messages.
    """

    def __init__(self, folder: Path, fps: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FRAMES_NAME
        self.fps = fps
        self._writer: cv2.VideoWriter | None = None

    def add(self, live: LiveFrame) -> None:
        """Writes a frame.

        Raises:
            OSError: If the video cannot be written.
        """
        frame = live.captured.frame
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*LOSSLESS)
            self._writer = cv2.VideoWriter(str(self.path), code, self.fps, frame.image_wh)
            if not self._writer.isOpened():
                raise OSError(f"'{self.path}' cannot be written; OpenCV lacks {LOSSLESS}")
        self._writer.write(frame.image_bgr)

    def close(self) -> None:
        """Completes the file."""
        if self._writer is not None:
            self._writer.release()


class RecordedFrames:
    """Source of the frames of a recording, with their original numbers and times.

    Args:
        folder: Recording with ``frames.avi``.

    Attributes:
        t_captures: Number of a frame -> time of capture, Unix seconds.

    Raises:
        FileNotFoundError: If it has no frames or no messages.
    """

    is_live = False
    fps = None

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / FRAMES_NAME
        if not self.path.is_file():
            raise FileNotFoundError(
                f"'{folder}' has no {FRAMES_NAME}; record with --record-frames to replay the frames"
            )
        self.name = f'replay:{folder}'
        self.problems: list[str] = []
        messages = read_recording(Path(folder) / JSONL_NAME)
        self.t_captures = {message.frame_id: message.t_capture for message in messages}
        self.num_frames = len(self.t_captures)

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields the frames in order."""
        capture = cv2.VideoCapture(str(self.path))
        start = next(iter(self.t_captures.values()), 0.0)
        try:
            for index, t_capture in self.t_captures.items():
                is_read, image = capture.read()
                if not is_read:
                    self.problems.append(f"'{self.path}' ends before frame {index}")
                    return
                yield Frame(index, image, self.name, t_capture - start), ''
        finally:
            capture.release()
