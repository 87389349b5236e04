"""Webcam stream: a camera, file or network stream that a background thread reads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference.sources import Source
from mmpose.apis.inference.videos import without_password
from mmpose.structures import Frame
from realtime_pose.capture.named_source import OpenCapture, open_named
from realtime_pose.latest_frame_queue import CapturedFrame, LatestFrameQueue

logger = logging.getLogger('realtime_pose')

RECONNECT_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # backoff; the last value repeats
READ_TIMEOUT_S = 15.0
TIME_DIGITS = 6  # of t_capture: as many as messages have
MAX_PROBLEMS = 19
MAX_LAG_S = 0.5  # a file that is read too slowly is not sped up to catch up

Image = NDArray[np.uint8]


class WebcamStream:
    """Background reader of a source that keeps the newest frame only.

    A lost camera or stream is reopened until it is back, which is logged once. Files, folders and
    the synthetic figure are paced at their frame rate, as a camera would be.

    Args:
        index: Number of the camera.
        source: Source instead of a camera, see
            :func:`realtime_pose.capture.named_source.open_named`; or an open source, which is
            iterated again when looped.
        resolution: Requested width and height of a camera, px; it may deliver another.
        fps: Requested frame rate of a camera, and that of a folder of images.
        backend: One of OpenCV's ``CAP_...``; any by default.
        loop: Whether files restart at their end.
        keep_all: Whether no frame is dropped: files are read as fast as frames are taken. Has no
            effect on cameras.
        allow_network: Whether ``source`` may be an address.
        open_capture: Opens a camera or stream; OpenCV by default.
        reconnect_waits_s: Seconds before each attempt to reconnect; the last value repeats.

    Attributes:
        problems: Error messages, newest last; at most 20.
        problem: Current error; empty when there is none, such as after a reconnection.
        num_reconnects: Number of reconnections.
    """

    def __init__(
        self,
        index: int = 0,
        *,
        source: int | str | Path | Source | None = None,
        resolution: tuple[int, int] | None = None,
        fps: float = 30,
        backend: int | None = None,
        loop: bool = False,
        keep_all: bool = False,
        allow_network: bool = False,
        open_capture: OpenCapture | None = None,
        reconnect_waits_s: tuple[float, ...] = RECONNECT_WAITS_S,
    ) -> None:
        if not fps > 0:
            raise ValueError(f'fps is {fps}, expected more than 0')
        if resolution is not None and min(resolution) < 1:
            raise ValueError(f'resolution is {resolution}, expected a width and height above 0')
        self.wanted = index if source is None else source
        self.resolution = resolution
        self.fps = float(fps)
        self.backend = backend
        self.loop = loop
        self.keep_all = keep_all
        self.allow_network = allow_network
        self.problems: list[str] = []
        self.problem = ''
        self.num_reconnects = 0
        self._open_capture = open_capture
        self._waits_s = reconnect_waits_s
        self._source: Source | None = None
        self._queue: LatestFrameQueue[CapturedFrame] = LatestFrameQueue()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._num_captured = 0
        self._started = (0.0, 0.0)

    def open(self) -> WebcamStream:
        """Opens the source, starts the thread and returns itself; no-op when open.

        Raises:
            FileNotFoundError, ValueError, ConnectionError: If it cannot be opened.
        """
        if self._thread is not None:
            return self
        self._source = self._opened()
        is_camera = self._source.is_live
        self._queue = LatestFrameQueue(self.keep_all and not is_camera)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name='capture', daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stops the thread and releases the camera; may be called twice."""
        self._stop.set()
        # Sources that wait for others, or have threads, can be closed.
        close_source = getattr(self._source, 'close', None)
        if close_source is not None:
            close_source()
        self._queue.close()
        self._queue.get(0)
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(2.0)  # a network read may block longer; the thread then ends by itself

    def __enter__(self) -> WebcamStream:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        return getattr(self.wanted, 'name', without_password(str(self.wanted)))

    @property
    def source(self) -> Source:
        """The open source.

        Raises:
            RuntimeError: If it was not opened.
        """
        if self._source is None:
            raise RuntimeError('the stream is not open; call open() first')
        return self._source

    @property
    def is_over(self) -> bool:
        """Whether no more frames come."""
        return self._queue.is_over

    @property
    def num_dropped(self) -> int:
        """Number of frames that were replaced by newer ones before anybody took them."""
        return self._queue.num_dropped

    def capture(self, timeout_s: float | None = None) -> CapturedFrame | None:
        """Waits for the newest frame that was not taken yet.

        Returns:
            None after the timeout, or when no more frames come (see ``is_over``).
        """
        self.open()
        return self._queue.get(timeout_s)

    def read(self) -> Image:
        """Returns the newest frame (H, W, 3), uint8 BGR, not taken yet; opens on demand.

        Raises:
            RuntimeError: If no frame comes: at the end of a file, or from a lost camera.
        """
        captured = self.capture(READ_TIMEOUT_S)
        if captured is None:
            reason = 'is over' if self.is_over else f'gave no frame in {READ_TIMEOUT_S:g} s'
            raise RuntimeError(f'{self.name} {reason}')
        return captured.frame.image_bgr

    def stream(self) -> Iterator[Image]:
        """Yields the newest frames until the source ends."""
        while True:
            captured = self.capture(1.0)
            if captured is not None:
                yield captured.frame.image_bgr
            elif self.is_over:
                return

    def _opened(self) -> Source:
        if isinstance(self.wanted, int | str | Path):
            return open_named(
                self.wanted,
                self.fps,
                self.resolution,
                self.backend,
                self.allow_network,
                self._open_capture,
            )
        return self.wanted

    def _run(self) -> None:
        queue, stop, source = self._queue, self._stop, self._source
        attempt = 0
        while not stop.is_set():
            num_before = self._num_captured
            try:
                source = source or self._opened()
                self._pass_on(source, queue, stop)
                is_over = not source.is_live and not self.loop
                reason = '' if not source.is_live else f'{self.name} ended'
            except (OSError, ValueError, RuntimeError) as error:
                is_over = source is not None and not source.is_live
                reason = str(error) or type(error).__name__
            if reason and not stop.is_set():
                attempt = 0 if self._num_captured > num_before else attempt + 1
                self._note_loss(reason, is_over)
                stop.wait(self._waits_s[min(attempt, len(self._waits_s) - 1)])
            if is_over or (self._num_captured == num_before and not reason):
                break
            if reason:
                source = None
        queue.close()

    def _pass_on(
        self, source: Source, queue: LatestFrameQueue[CapturedFrame], stop: threading.Event
    ) -> None:
        """Moves the frames of a source into the queue until it ends or ``stop`` is set."""
        is_paced = not source.is_live and not queue.keep_all
        step_s = 1 / (source.fps or self.fps)
        due_s = time.monotonic()
        was_away = bool(self.problem) and source.is_live
        with closing(iter(source)) as frames:
            for frame, damage in frames:
                if damage:
                    continue  # its image is that of the frame before
                if stop.is_set():
                    return
                if was_away:
                    self.num_reconnects += 1
                    logger.warning('%s is back', self.name)
                    was_away, self.problem = False, ''
                queue.put(self._stamped(source, frame))
                if is_paced:
                    # Before the next frame is read or drawn, which would slow the work on this one.
                    due_s = max(due_s + step_s, time.monotonic() - MAX_LAG_S)
                    stop.wait(max(0.0, due_s - time.monotonic()))
        for problem in source.problems:
            if problem not in self.problems:  # a file that is looped has the same each time
                self._note(problem)

    def _stamped(self, source: Source, frame: Frame) -> CapturedFrame:
        """Returns a frame with its number and time of capture.

        Time is the wall clock at the start plus the elapsed monotonic time, so it never runs back.
        With ``keep_all`` it is the time in the file instead.
        """
        captured_s = getattr(frame, 'captured_s', None) or time.monotonic()
        number = self._num_captured
        self._num_captured += 1
        if number == 0:
            self._started = (captured_s, time.time())
        start_s, start = self._started
        recorded: dict[int, float] | None = getattr(source, 't_captures', None)
        if recorded is not None:
            return CapturedFrame(frame, recorded[frame.index], captured_s)
        elapsed_s = captured_s - start_s
        if self._queue.keep_all:
            elapsed_s = number / (source.fps or self.fps)
        t_capture = round(start + elapsed_s, TIME_DIGITS)
        return CapturedFrame(replace(frame, index=number, time_s=elapsed_s), t_capture, captured_s)

    def _note_loss(self, reason: str, is_over: bool) -> None:
        if self.problem and not is_over:
            return  # logged already when it was lost
        self._note(reason if is_over else f'{reason}; trying to reach it again')

    def _note(self, problem: str) -> None:
        self.problem = problem
        self.problems = [*self.problems[-MAX_PROBLEMS:], problem]
        logger.warning('%s', problem)


def get_frame() -> Image:
    """Returns one frame (H, W, 3), uint8 BGR, of camera 0, and closes it.

    Raises:
        ConnectionError: If it cannot be opened.
        RuntimeError: If it gives no frame.
    """
    with WebcamStream() as stream:
        return stream.read()
