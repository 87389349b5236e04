"""One pipeline for all visitors of a page: what may be chosen, started and stopped."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from mmpose.apis.inference.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from realtime_pose.capture.allowed_paths import PROJECT_ROOT, validate_path
from realtime_pose.capture.named_source import SYNTHETIC
from realtime_pose.capture.webcam_capture import WebcamStream
from realtime_pose.communication import MessageSink, UdpSender, parse_target
from realtime_pose.communication.sinks import logger
from realtime_pose.communication.udp import LOOPBACK
from realtime_pose.frame_sinks import FrameSink, OverlayVideo
from realtime_pose.inference.meter import PaceReport
from realtime_pose.inference.model_choice import available_models
from realtime_pose.inference.stages import LiveFrame
from realtime_pose.inference.vitpose_inference import ViTPoseEstimator
from realtime_pose.pipeline import METHODS_3D, LiveOptions, LivePipeline
from realtime_pose.recording import Recorder

MEDIA_VARIABLE, DEFAULT_MEDIA = 'VITPOSE_MEDIA', 'resources/videos'
ADDRESSES_VARIABLE = 'VITPOSE_ADDRESSES'
TARGETS_VARIABLE, DEFAULT_TARGET = 'VITPOSE_UDP_TARGETS', '127.0.0.1:5005'
RECORDINGS = 'work_dirs/recordings'
NUM_CAMERAS = 4
MAX_LISTED = 200
UNWATCHED_S = 60.0  # a page that was closed does not say so
HISTORY = 300


@dataclass(frozen=True)
class Offer:
    """What visitors may choose from; the operator decides by the environment.

    Attributes:
        models: Names.
        devices: Such as ``cpu`` and ``cuda:0``.
        sources: Names: the synthetic figure, cameras of the server, files and addresses.
        targets: Addresses for UDP.
        media: Folder of the files.
    """

    models: tuple[str, ...]
    devices: tuple[str, ...]
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    media: Path

    @classmethod
    def of_environment(
        cls, environment: Mapping[str, str] = os.environ, root: Path = PROJECT_ROOT
    ) -> Offer:
        """Returns what is there: ``VITPOSE_MEDIA`` is a folder of videos and pictures,
        ``VITPOSE_ADDRESSES`` and ``VITPOSE_UDP_TARGETS`` are lists with commas."""
        media = (root / environment.get(MEDIA_VARIABLE, DEFAULT_MEDIA)).resolve()
        suffixes = VIDEO_SUFFIXES | IMAGE_SUFFIXES
        files = [
            str(path.relative_to(media))
            for path in (sorted(media.rglob('*')) if media.is_dir() else [])
            if path.suffix.lower() in suffixes and path.resolve().is_relative_to(media)
        ][:MAX_LISTED]
        cameras = [f'camera {number}' for number in range(NUM_CAMERAS)]
        figures = [SYNTHETIC, f'{SYNTHETIC}:2', f'{SYNTHETIC}:3']
        gpus = [f'cuda:{number}' for number in range(torch.cuda.device_count())]
        return cls(
            models=tuple(available_models(environment, root)),
            devices=(*gpus, 'cpu'),
            sources=(*figures, *cameras, *files, *_listed(environment, ADDRESSES_VARIABLE)),
            targets=tuple(_listed(environment, TARGETS_VARIABLE)) or (DEFAULT_TARGET,),
            media=media,
        )


def _listed(environment: Mapping[str, str], variable: str) -> list[str]:
    return [part.strip() for part in environment.get(variable, '').split(',') if part.strip()]


@dataclass(frozen=True)
class Choice:
    """What a visitor has chosen.

    Attributes:
        model: One of the offer, as the following.
        device: Where it runs.
        source: What is looked at.
        target: Where messages go by UDP; None sends none.
        fps: Of a camera or the figure, 1 to 60.
        size_wh: The same; px.
        target_fps: Rate that is held by doing less; None does everything.
        min_score: Joints below it count as unknown in 3D.
        smoothing: Whether joints are steadied.
        max_people: Of a frame, 1 to 20.
        method_3d: ``lift`` or ``none``.
        is_recorded: Whether a recording is written.
    """

    model: str
    device: str
    source: str
    target: str | None = None
    fps: float = 30.0
    size_wh: tuple[int, int] = (640, 480)
    target_fps: float | None = None
    min_score: float = 0.3
    smoothing: bool = True
    max_people: int = 10
    method_3d: str = 'lift'
    is_recorded: bool = False

    def check(self, offer: Offer) -> None:
        """Checks everything, whatever form it came from.

        Raises:
            ValueError: If something is not on offer, or out of range.
        """
        listed = {
            'model': offer.models,
            'device': offer.devices,
            'source': offer.sources,
            'target': (None, *offer.targets),
            'method_3d': METHODS_3D,
        }
        for name, allowed in listed.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} '{getattr(self, name)}' is not one of {allowed}")
        limits = {'fps': (1, 60), 'min_score': (0, 1), 'max_people': (1, 20)}
        limits['target_fps'] = (1, 60)
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f'{name} is {value}, expected {low} to {high}')
        if not all(32 <= side <= 1920 for side in self.size_wh):
            raise ValueError(f'size is {self.size_wh}, expected 32 to 1920 px a side')


class LiveSession:
    """The pipeline that all pages share: started and stopped by whoever presses the button.

    Args:
        offer: What may be chosen.
        recordings: Folder where recordings get folders of their own.
        clock: Monotonic clock, s.

    Attributes:
        message: What the page says: why it ended, or where the recording is.
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
        self.message = ''
        self.latency_ms: deque[float] = deque(maxlen=HISTORY)
        self._clock = clock
        self._lock = threading.RLock()
        self._estimator: tuple[tuple[str, str], ViTPoseEstimator] | None = None
        self._pipeline: LivePipeline | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._watched_s = 0.0
        self._is_kept = False

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
        return [] if self._pipeline is None else self._pipeline.problems

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
                options = LiveOptions(
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
            self._is_kept = choice.is_recorded or choice.target is not None
            self._pipeline, self._stop = pipeline, threading.Event()
            self.watch()
            self._thread = threading.Thread(
                target=self._run, args=(pipeline, self._stop), name='pipeline', daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stops and completes the files; nothing happens when it does not run."""
        with self._lock:
            self._stop.set()
            thread, self._thread = self._thread, None
            if thread is not None:
                thread.join(10.0)

    def _run(self, pipeline: LivePipeline, stop: threading.Event) -> None:
        def note(live: LiveFrame) -> None:
            now = self._clock()
            self.latency_ms.append(1000 * (now - live.captured.captured_s))
            if not self._is_kept and now - self._watched_s > UNWATCHED_S:
                self.message = f'stopped: no page was open for {UNWATCHED_S:g} s'
                logger.warning(self.message)
                stop.set()

        try:
            report = pipeline.run(stop=stop, on_frame=note)
        except Exception as error:
            self.message = f'{type(error).__name__}: {error}'
            logger.warning('the pipeline ended: %s', self.message)
            return
        if not stop.is_set():
            self.message = f'the source is over after {report.num_frames} frames'

    def _stream_of(self, choice: Choice) -> WebcamStream:
        name = choice.source
        source: int | str | Path = name
        is_address = '://' in name
        if name.startswith('camera '):
            source = int(name.removeprefix('camera '))
        elif not name.startswith(SYNTHETIC) and not is_address:
            source = validate_path(name, roots=(self.offer.media,))
        return WebcamStream(
            source=source,
            resolution=choice.size_wh,
            fps=choice.fps,
            loop=True,
            allow_network=is_address,
        )

    def _sinks_of(self, choice: Choice) -> tuple[list[MessageSink], list[FrameSink]]:
        sinks: list[MessageSink] = []
        frame_sinks: list[FrameSink] = []
        self.message = ''
        if choice.target is not None:
            host, port = parse_target(choice.target)
            # The operator has listed the target; the host is what it may resolve to.
            sinks.append(UdpSender(host, port, _networks_of(host)))
        if choice.is_recorded:
            folder = self.recordings / time.strftime('%Y%m%d_%H%M%S')
            sinks.append(Recorder(folder))
            frame_sinks.append(OverlayVideo(folder, choice.fps))
            self.message = f'recording to {folder}'
        return sinks, frame_sinks


def _networks_of(host: str) -> tuple[str, ...]:
    return (*LOOPBACK, host) if host.replace('.', '').isdecimal() or ':' in host else LOOPBACK
