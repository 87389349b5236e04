"""One pipeline for all visitors of a page: what is started and stopped."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mmpose.apis.cli import one_sentence
from realtime_pose.capture.allowed_paths import PROJECT_ROOT, validate_path
from realtime_pose.capture.named_source import SYNTHETIC
from realtime_pose.capture.webcam_capture import RECONNECT_WAITS_S, WebcamStream
from realtime_pose.communication import MessageSink, UdpSender, parse_target
from realtime_pose.communication.sinks import logger
from realtime_pose.communication.udp import LOOPBACK
from realtime_pose.frame_sinks import FrameSink, OverlayVideo
from realtime_pose.inference.meter import PaceReport
from realtime_pose.inference.model_choice import available_models
from realtime_pose.inference.stages import LiveFrame
from realtime_pose.inference.vitpose_inference import ViTPoseEstimator
from realtime_pose.interface import browser_camera
from realtime_pose.interface.browser_camera import BrowserCamera
from realtime_pose.interface.choice import CAMERA, HUMANOID, Choice, Offer
from realtime_pose.interface.texts import Saying
from realtime_pose.pipeline import LiveOptions, LivePipeline
from realtime_pose.recording import Recorder

RECORDINGS = 'work_dirs/recordings'
UNWATCHED_S = 60.0  # a page that was closed does not say so
HISTORY = 300
JOIN_S = 30.0  # the files of a long recording take their time


class LiveSession:
    """The pipeline that all pages share: started and stopped by whoever presses the button.

    Args:
        offer: What may be chosen.
        recordings: Folder where recordings get folders of their own.
        clock: Monotonic clock, s.

    Attributes:
        choice: What runs, or ran last; None before the first start.
        camera: Takes the pictures of a browser, where these are the source.
        saying: What the page says: why it ended, or where the recording is.
        latency_ms: Of the last frames.
    """

    def __init__(
        self,
        offer: Offer,
        recordings: Path = PROJECT_ROOT / RECORDINGS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.offer = offer
        self.recordings = recordings
        self.choice: Choice | None = None
        self.camera: BrowserCamera | None = None
        self.saying: Saying | None = None
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
        """Whether frames are being looked at."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def latest(self) -> LiveFrame | None:
        """The last frame that came through."""
        return None if self._pipeline is None else self._pipeline.latest

    @property
    def report(self) -> PaceReport:
        """The figures of the pipeline."""
        return PaceReport() if self._pipeline is None else self._pipeline.meter.report()

    @property
    def problems(self) -> list[str]:
        """What is out of order now."""
        found = [] if self._pipeline is None else self._pipeline.problems
        return [text for text in found if self._thread is not None or text.startswith('closing ')]

    def watch(self) -> None:
        """Says that somebody looks at it; after a minute without it stops by itself, unless it
        records or sends."""
        self._watched_s = self._clock()

    def estimator(self, model: str, device: str) -> ViTPoseEstimator:
        """Returns the model; it is loaded once for all visitors.

        Raises:
            ValueError: If it is not on offer or cannot be loaded.
        """
        if model not in self.offer.models or device not in self.offer.devices:
            raise ValueError(f"model '{model}' on '{device}' is not on offer")
        with self._lock:
            key = (model, device)
            if self._estimator is None or self._estimator[0] != key:
                self._estimator = None  # its memory goes before the next one comes
                choice = available_models()[model]
                self._estimator = (key, ViTPoseEstimator(choice.config, choice.checkpoint, device))
            return self._estimator[1]

    def rig_file(self, rig: str) -> Path | None:
        """Returns the file of a 3D model on offer; None is the one that ships with the project.

        Raises:
            ValueError: If it is not on offer.
        """
        if rig not in self.offer.rigs:
            raise ValueError(f"rig '{rig}' is not on offer")
        return None if rig == HUMANOID else validate_path(rig, roots=(self.offer.media,))

    def start(self, choice: Choice) -> None:
        """Starts; what ran before is stopped.

        Raises:
            ValueError: If the choice is not on offer.
            OSError: If the source or recording cannot be opened.
        """
        choice.check(self.offer)
        with self._lock:
            self.stop()
            estimator = self.estimator(choice.model, choice.device)
            stream = self._stream_of(choice).open()
            try:
                sinks, frame_sinks = self._sinks_of(choice)
                # The synthetic figure knows better than any detector where it is.
                is_figure = choice.source.startswith(SYNTHETIC)
                options = LiveOptions(
                    detector=None if is_figure else self.offer.detector,
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
            self.watch()
            is_kept = choice.is_recorded or choice.target is not None
            self._stop = threading.Event() if is_kept else _WhenUnwatched(self)
            self._thread = threading.Thread(
                target=self._run, args=(pipeline, self._stop), name='pipeline', daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stops and completes the files; nothing happens when it does not run."""
        with self._lock:
            self._stop.set()
            thread, self._thread, self.camera = self._thread, None, None
            if thread is not None:
                thread.join(JOIN_S)
            if self.saying is not None and self.saying.key == 'recording':
                self.saying = replace(self.saying, key='recorded')

    def unwatched_s(self) -> float:
        """Returns for how long nobody has looked at it."""
        return self._clock() - self._watched_s

    def _run(self, pipeline: LivePipeline, stop: threading.Event) -> None:
        def note(live: LiveFrame) -> None:
            self.latency_ms.append(1000 * (self._clock() - live.captured.captured_s))

        try:
            report = pipeline.run(stop=stop, on_frame=note)
        except Exception as error:
            self.saying = Saying('failed', reason=f'{type(error).__name__}: {one_sentence(error)}')
            logger.warning('the pipeline ended: %s', error)
            return
        if not stop.is_set():
            self.saying = Saying('over', number=report.num_frames)

    def _stream_of(self, choice: Choice) -> WebcamStream:
        name = choice.source
        source: int | str | Path | BrowserCamera = name
        is_address = '://' in name
        if name == browser_camera.NAME:
            source = self.camera = BrowserCamera(choice.size_wh, choice.fps)
        elif name.startswith(CAMERA):
            source = int(name.removeprefix(CAMERA))
        elif not name.startswith(SYNTHETIC) and not is_address:
            source = validate_path(name, roots=(self.offer.media,))
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
        self.saying = None
        if choice.target is not None:
            host, port = parse_target(choice.target)
            # The operator has listed the target; the host is what it may resolve to.
            sinks.append(UdpSender(host, port, _networks_of(host)))
        if choice.is_recorded:
            folder = self.recordings / time.strftime('%Y%m%d_%H%M%S')
            sinks.append(Recorder(folder, model=self.rig_file(choice.rig)))
            frame_sinks.append(OverlayVideo(folder, choice.fps))
            self.saying = Saying('recording', folder=os.path.relpath(folder, PROJECT_ROOT))
        return sinks, frame_sinks


class _WhenUnwatched(threading.Event):
    """Is set by itself when no page was open for a minute, whether or not frames come."""

    def __init__(self, session: LiveSession) -> None:
        super().__init__()
        self._session = session

    def is_set(self) -> bool:
        """Returns whether it is set, by somebody or by itself."""
        if not super().is_set() and self._session.unwatched_s() > UNWATCHED_S:
            self._session.saying = Saying('unwatched', seconds=UNWATCHED_S)
            logger.warning('%s', self._session.saying.text('English'))
            self.set()
        return super().is_set()


def _networks_of(host: str) -> tuple[str, ...]:
    return (*LOOPBACK, host) if host.replace('.', '').isdecimal() or ':' in host else LOOPBACK
