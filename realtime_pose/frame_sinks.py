"""Pictures into files: the overlay as a video, and the frames themselves without loss."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Protocol

import cv2

from mmpose.apis.inference import DrawOptions
from mmpose.apis.inference.pictures import VideoFile
from mmpose.structures import Frame
from realtime_pose.inference.stages import LiveFrame
from realtime_pose.recording import JSONL_NAME, read_recording

OVERLAY_NAME, FRAMES_NAME = 'overlay.mp4', 'frames.avi'
LOSSLESS = 'FFV1'


class FrameSink(Protocol):
    """Takes frames with what was found in them."""

    def add(self, live: LiveFrame) -> None:
        """Takes a frame that went through all stages."""

    def close(self) -> None:
        """Completes files; may be called twice."""


class OverlayVideo:
    """Writes the frames with the poses drawn on them.

    Args:
        folder: Where to; is made.
        fps: Of the video. It has a picture per frame that was looked at.
        draw: How poses are drawn.
    """

    def __init__(self, folder: Path, fps: float, draw: DrawOptions | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.draw = draw or DrawOptions(show_boxes=True, show_ids=True)
        self._video = VideoFile(folder / OVERLAY_NAME, fps)

    def add(self, live: LiveFrame) -> None:
        """Writes a frame."""
        if live.result is not None:
            self._video.add(live.result.draw(self.draw))

    def close(self) -> None:
        """Completes the file."""
        self._video.close()


class FrameVideo:
    """Writes the frames without loss (FFV1), so that a replay sees the very same pixels.

    Args:
        folder: Where to; is made.
        fps: Of the video; a replay takes the times of the messages.
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
    """The frames of a recording as a source, with the numbers and times they had.

    Args:
        folder: A recording with ``frames.avi``.

    Attributes:
        t_captures: When each frame was taken, Unix seconds, by its number.

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
