"""Session of the live page: one pipeline that all visitors share, start and stop."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mmpose.apis.cli import one_sentence
from realtime_pose.capture.named_source import PROJECT_ROOT, SYNTHETIC, validate_path
from realtime_pose.capture.webcam_capture import RECONNECT_WAITS_S, WebcamStream
from realtime_pose.communication import MessageSink, UdpSender, parse_target
from realtime_pose.communication.sinks import logger
from realtime_pose.communication.udp import LOOPBACK
from realtime_pose.frame_sinks import FrameSink, OverlayVideo
from realtime_pose.inference.latency_stats import LatencyReport
from realtime_pose.inference.model_choice import available_models
from realtime_pose.inference.stages import LiveFrame
from realtime_pose.inference.vitpose_inference import ViTPoseEstimator
from realtime_pose.interface import browser_camera
from realtime_pose.interface.browser_camera import BrowserCamera
from realtime_pose.interface.server_options import CAMERA, HUMANOID, Choice, ServerOptions
from realtime_pose.interface.texts import StatusText
from realtime_pose.pipeline import LiveOptions, LivePipeline
from realtime_pose.recording import Recorder

RECORDINGS = 'work_dirs/recordings'
UNWATCHED_S = 60.0  # a closed page sends no notification
HISTORY = 300
JOIN_S = 30.0  # a long recording takes time to complete


class LiveSession:
    """Shared pipeline of all visitors; any of them may start and stop it.

    Args:
        server_options: Options on offer.
        recordings: Folder of recordings, each in its own folder.
        clock: Monotonic clock, s.

    Attributes:
        choice: Settings of the current or last run; None before the first start.
        camera: Receiver of a browser's pictures, where these are the source.
        status: Status line of the page: reason of an end, or folder of the recording.
        picture_note: What each picture has to say of the model.
        latency_ms: Latency of the last frames.
    """

    def __init__(
        self,
        server_options: ServerOptions,
        recordings: Path = PROJECT_ROOT / RECORDINGS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server_options = server_options
        self.recordings = recordings
        self.choice: Choice | None = None
        self.camera: BrowserCamera | None = None
        self.status: StatusText | None = None
        self.picture_note = ''
        self.latency_ms: deque[float] = deque(maxlen=HISTORY)
        self._clock = clock
        self._lock = threading.RLock()
        self._estimator: tuple[tuple[str, str], ViTPoseEstimator] | None = None
        self._pipeline: LivePipeline | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._watched_s = 0.0

    @property
    def is_running(self) -> bool:
        """Whether the pipeline runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def latest(self) -> LiveFrame | None:
        """The last processed frame."""
        return None if self._pipeline is None else self._pipeline.latest

    @property
    def report(self) -> LatencyReport:
        """Latency and throughput of the pipeline."""
        return LatencyReport() if self._pipeline is None else self._pipeline.latency_stats.report()

    @property
    def problems(self) -> list[str]:
        """Current failures of the pipeline."""
        found = [] if self._pipeline is None else self._pipeline.problems
        return [text for text in found if self._thread is not None or text.startswith('closing ')]

    def watch(self) -> None:
        """Notes that a page is open.

        After a minute without one the pipeline stops by itself, unless it records or sends.
        """
        self._watched_s = self._clock()

    def estimator(self, model: str, device: str) -> ViTPoseEstimator:
        """Returns the model, loaded once for all visitors.

        Raises:
            ValueError: If it is not on offer or cannot be loaded.
        """
        if model not in self.server_options.models or device not in self.server_options.devices:
            raise ValueError(f"model '{model}' on '{device}' is not on offer")
        with self._lock:
            key = (model, device)
            if self._estimator is None or self._estimator[0] != key:
                self._estimator = None  # frees its memory before the next one is loaded
                choice = available_models()[model]
                self._estimator = (key, ViTPoseEstimator(choice.config, choice.checkpoint, device))
            return self._estimator[1]

    def rig_file(self, rig: str) -> Path | None:
        """Returns the file of a 3D model on offer; None for the shipped humanoid.

        Raises:
            ValueError: If it is not on offer.
        """
        if rig not in self.server_options.rigs:
            raise ValueError(f"rig '{rig}' is not on offer")
        return None if rig == HUMANOID else validate_path(rig, roots=(self.server_options.media,))

    def start(self, choice: Choice) -> None:
        """Starts the pipeline; a running one is stopped first.

        Raises:
            ValueError: If the choice is not on offer.
            OSError: If the source or recording cannot be opened.
        """
        choice.check(self.server_options)
        with self._lock:
            self.stop()
            estimator = self.estimator(choice.model, choice.device)
            stream = self._stream_of(choice).open()
            try:
                sinks, frame_sinks = self._sinks_of(choice)
                # The synthetic figure has true boxes.
                is_figure = choice.source.startswith(SYNTHETIC)
                options = LiveOptions(
                    detector=None if is_figure else self.server_options.detector,
                    max_people=choice.max_people,
                    smoothing=choice.smoothing,
                    method_3d=choice.method_3d,
                    min_score=choice.min_score,
                    target_fps=choice.target_fps,
                )
                pipeline = LivePipeline(stream, estimator, options, sinks, frame_sinks)
            except BaseException:
                stream.close()
                raise
            self.latency_ms.clear()
            self.choice, self._pipeline = choice, pipeline
            self.picture_note = available_models()[choice.model].picture_note
            self.watch()
            is_kept = choice.is_recorded or choice.target is not None
            self._stop = threading.Event() if is_kept else _UnwatchedStop(self)
            self._thread = threading.Thread(
                target=self._run, args=(pipeline, self._stop), name='pipeline', daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stops the pipeline and completes the files; no-op when it does not run."""
        with self._lock:
            self._stop.set()
            thread, self._thread, self.camera = self._thread, None, None
            if thread is not None:
                thread.join(JOIN_S)
            if self.status is not None and self.status.key == 'recording':
                self.status = replace(self.status, key='recorded')

    def unwatched_s(self) -> float:
        """Returns the seconds since a page was open."""
        return self._clock() - self._watched_s

    def _run(self, pipeline: LivePipeline, stop: threading.Event) -> None:
        def note(live: LiveFrame) -> None:
            self.latency_ms.append(1000 * (self._clock() - live.captured.captured_s))

        try:
            report = pipeline.run(stop=stop, on_frame=note)
        except Exception as error:
            self.status = StatusText(
                'failed', reason=f'{type(error).__name__}: {one_sentence(error)}'
            )
            logger.warning('the pipeline ended: %s', error)
            return
        if not stop.is_set():
            self.status = StatusText('over', number=report.num_frames)

    def _stream_of(self, choice: Choice) -> WebcamStream:
        name = choice.source
        source: int | str | Path | BrowserCamera = name
        is_address = '://' in name
        if name == browser_camera.NAME:
            source = self.camera = BrowserCamera(choice.size_wh, choice.fps)
        elif name.startswith(CAMERA):
            source = int(name.removeprefix(CAMERA))
        elif not name.startswith(SYNTHETIC) and not is_address:
            source = validate_path(name, roots=(self.server_options.media,))
        return WebcamStream(
            source=source,
            resolution=choice.size_wh,
            fps=choice.fps,
            loop=True,
            allow_network=is_address,
            reconnect_waits_s=RECONNECT_WAITS_S if self.camera is None else (0.1,),
        )

    def _sinks_of(self, choice: Choice) -> tuple[list[MessageSink], list[FrameSink]]:
        sinks: list[MessageSink] = []
        frame_sinks: list[FrameSink] = []
        self.status = None
        if choice.target is not None:
            host, port = parse_target(choice.target)
            # The operator has listed the target, so its own address is allowed.
            sinks.append(UdpSender(host, port, _networks_of(host)))
        if choice.is_recorded:
            folder = self.recordings / time.strftime('%Y%m%d_%H%M%S')
            sinks.append(Recorder(folder, model=self.rig_file(choice.rig)))
            frame_sinks.append(OverlayVideo(folder, choice.fps))
            self.status = StatusText('recording', folder=os.path.relpath(folder, PROJECT_ROOT))
        return sinks, frame_sinks


class _UnwatchedStop(threading.Event):
    """Stop event that sets itself when no page was open for a minute, with or without frames."""

    def __init__(self, session: LiveSession) -> None:
        super().__init__()
        self._session = session

    def is_set(self) -> bool:
        """Returns whether it is set, explicitly or by the timeout."""
        if not super().is_set() and self._session.unwatched_s() > UNWATCHED_S:
            self._session.status = StatusText('unwatched', seconds=UNWATCHED_S)
            logger.warning('%s', self._session.status.text('English'))
            self.set()
        return super().is_set()


def _networks_of(host: str) -> tuple[str, ...]:
    return (*LOOPBACK, host) if host.replace('.', '').isdecimal() or ':' in host else LOOPBACK
