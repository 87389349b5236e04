"""Live pipeline: takes the newest frame, runs the stages, sends the result to the sinks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmpose.apis.inference.sources import Source
from mmpose.detectors import Detector, build_detector
from mmpose.tracking import KeypointSmoother, PoseTracker
from realtime_pose.capture.synthetic import GroundTruthDetector, SyntheticSource
from realtime_pose.capture.views import Views
from realtime_pose.capture.webcam_capture import WebcamStream
from realtime_pose.communication.sinks import MessageSink, Outage
from realtime_pose.frame_sinks import FrameSink
from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.ik_solver import SimpleIKSolver
from realtime_pose.ik.matching import ViewMatcher
from realtime_pose.inference.latency_stats import LatencyReport, LatencyStats
from realtime_pose.inference.rate_controller import RateController
from realtime_pose.inference.stages import (
    DetectStage,
    LiftStage,
    LiveFrame,
    LockStage,
    MessageStage,
    PoseStage,
    SmoothStage,
    Stage,
    TrackStage,
)
from realtime_pose.inference.view_stages import (
    DetectViewsStage,
    MatchStage,
    PerViewStage,
    TriangulateStage,
)
from realtime_pose.inference.vitpose_inference import ViTPoseEstimator
from realtime_pose.latest_frame_queue import CapturedFrame
from realtime_pose.recording import Recorder

WAIT_S = 0.2  # timeout for a frame, after which the stop event is checked
DET_EVERY = 5  # detection interval of a detector network, frames
REMEMBER_S = 3.0  # lifetime of an unseen track: a slow machine has only a frame or two per second
WHOLE_IMAGE = 'whole-image'
TRIANGULATE = 'triangulate'
METHODS_3D = ('lift', TRIANGULATE, 'none')


@dataclass(frozen=True)
class LiveOptions:
    """Options of the live pipeline.

    Attributes:
        detector: See ``build_detector``. None takes the true boxes of the synthetic source, and
            the whole image otherwise.
        det_every: Detection interval, frames; None is 5 for networks, else 1.
        max_people: Limit per frame; None takes all.
        is_locked: Whether one person is followed, the largest at first, and all others omitted.
        smoothing: Whether keypoints are smoothed over time.
        min_cutoff_hz: See ``KeypointSmoother``.
        beta: See ``KeypointSmoother``.
        method_3d: ``lift`` (by bone lengths, approximate), ``triangulate`` (several calibrated
            cameras, exact) or ``none``.
        min_score: Keypoints below it count as unknown in 3D.
        target_fps: Frame rate to hold by lowering the quality; None keeps full quality.
    """

    detector: str | None = None
    det_every: int | None = None
    max_people: int | None = None
    is_locked: bool = False
    smoothing: bool = True
    min_cutoff_hz: float = 1.0
    beta: float = 10.0
    method_3d: str = 'lift'
    min_score: float = 0.3
    target_fps: float | None = None


class LivePipeline:
    """Loop that runs the stages on the newest frame of a stream.

    A stage or sink that fails is logged and costs that frame only.

    Args:
        stream: Frames of one camera or of ``Views``.
        estimator: The model.
        options: Options.
        sinks: Receivers of messages.
        frame_sinks: Receivers of pictures.
        clock: Monotonic clock, s.

    Attributes:
        latest: The last processed frame; None before the first.
        rate_controller: Decides the quality level.
        latency_stats: Times of the last frames.

    Raises:
        ValueError: If an option is out of its range, or does not fit the number of cameras.
    """

    def __init__(
        self,
        stream: WebcamStream,
        estimator: ViTPoseEstimator,
        options: LiveOptions | None = None,
        sinks: Sequence[MessageSink] = (),
        frame_sinks: Sequence[FrameSink] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        options = options or LiveOptions()
        if options.method_3d not in METHODS_3D:
            raise ValueError(f"3D method '{options.method_3d}': expected one of {METHODS_3D}")
        self.stream = stream
        self.sinks = tuple(sinks)
        self.frame_sinks = tuple(frame_sinks)
        self.rate_controller = RateController(options.target_fps)
        self.latency_stats = LatencyStats()
        self.latest: LiveFrame | None = None
        self._clock = clock
        self._outages: dict[str, Outage] = {}
        self.stages = self._stages_of(estimator, options)

    def run(
        self,
        max_frames: int | None = None,
        stop: threading.Event | None = None,
        on_frame: Callable[[LiveFrame], None] | None = None,
    ) -> LatencyReport:
        """Processes frames until the source ends, ``max_frames`` are done or ``stop`` is set."""
        stop = stop or threading.Event()
        num_frames = 0
        try:
            with self.stream:
                while not stop.is_set() and (max_frames is None or num_frames < max_frames):
                    captured = self.stream.capture(WAIT_S)
                    if captured is None:
                        if self.stream.is_over:
                            break
                        continue
                    live = self.step(captured)
                    num_frames += 1
                    if on_frame is not None:
                        on_frame(live)
        finally:
            # Videos first: unreadable until closed, and a recorder takes long to close. Receivers
            # after the recorder: some take a while to go.
            sinks = sorted(self.sinks, key=lambda sink: not isinstance(sink, Recorder))
            closing = [(type(x).__name__, x.close) for x in (*self.frame_sinks, *sinks)]
            for name, close in closing:
                self._guarded(f'closing {name}', close)
        return self.latency_stats.report()

    def step(self, captured: CapturedFrame) -> LiveFrame:
        """Runs all stages and sinks on one frame."""
        live = LiveFrame.of(captured, self.rate_controller.quality)
        started = self._clock()
        for stage in self.stages:
            before = self._clock()
            is_done = self._guarded(stage.name, stage, live)
            self.latency_stats.add_stage(stage.name, self._clock() - before)
            if not is_done:
                break
        before = self._clock()
        if live.message is not None:
            for number, sink in enumerate(self.sinks):
                self._guarded(f'{type(sink).__name__} {number}', sink.send, live.message)
            for picture in self.frame_sinks:
                self._guarded(type(picture).__name__, picture.add, live)
        done = self._clock()
        self.latency_stats.add_stage('sinks', done - before)
        self.latency_stats.add_frame(captured.captured_s, done, self.stream.num_dropped)
        self.rate_controller.update(done - started)
        self.latest = live
        return live

    @property
    def problems(self) -> list[str]:
        """Current failures of the source, of stages and of sinks."""
        failing = [f'{outage.name} fails' for outage in self._outages.values() if outage.is_out]
        source = self.stream.source
        views = source.problems if isinstance(source, Views) else []
        return [*([self.stream.problem] if self.stream.problem else []), *views, *failing]

    def _guarded(self, name: str, call: Callable[..., object], *arguments: object) -> bool:
        """Returns whether a call succeeded; logs a failure once."""
        outage = self._outages.setdefault(name, Outage(name))
        try:
            call(*arguments)
        except Exception as error:  # no failure of a stage may end the loop
            outage.failed(f'{type(error).__name__}: {error}')
            return False
        outage.worked()
        return True

    def _stages_of(self, estimator: ViTPoseEstimator, options: LiveOptions) -> list[Stage]:
        meta, min_score = estimator.dataset_meta, options.min_score
        source = self.stream.open().source
        is_multiview = isinstance(source, Views)
        if is_multiview != (options.method_3d == TRIANGULATE):
            raise ValueError(
                f"3D method '{options.method_3d}' does not fit '{self.stream.name}': "
                f"'{TRIANGULATE}' is for several calibrated cameras, and they for nothing else"
            )
        parts = source.parts if isinstance(source, Views) else [source]
        detectors, is_network = _detectors_of(options, parts, estimator.device)
        every = DET_EVERY if is_network else 1
        every = every if options.det_every is None else options.det_every
        detect = [DetectStage(detector, every, options.max_people) for detector in detectors]
        trackers = [PoseTracker(meta, time_to_live_s=REMEMBER_S) for _ in detect]
        set_flip_test = estimator.set_flip_test if estimator.has_flip_test else None
        stages: list[Stage] = [
            DetectViewsStage(detect) if is_multiview else detect[0],
            PoseStage(estimator.predictor, set_flip_test),
            _each([TrackStage(*pair) for pair in zip(trackers, detect, strict=True)]),
        ]
        if options.smoothing:
            cutoffs = (options.min_cutoff_hz, options.beta)
            stages.append(_each([SmoothStage(KeypointSmoother(*cutoffs)) for _ in detect]))
        if is_multiview:
            stages.append(MatchStage(ViewMatcher(BodyJoints.of_skeleton(meta), min_score)))
        if options.is_locked:
            stages.append(LockStage(REMEMBER_S, detect))
        if options.method_3d == 'lift':
            stages.append(LiftStage(lambda: SimpleIKSolver(skeleton=meta, min_score=min_score)))
        elif is_multiview:
            stages.append(TriangulateStage(meta, min_score))
        stages.append(MessageStage(meta, self.stream.name, self._stats, time.time))
        return stages

    def _stats(self) -> dict[str, float | str | None]:
        report = self.latency_stats.report()
        source = self.stream.source
        views = {'views_missing': source.missing} if isinstance(source, Views) else {}
        return {
            'fps': round(report.fps, 2),
            'latency_p50_ms': round(report.latency_p50_ms, 1),
            'latency_p95_ms': round(report.latency_p95_ms, 1),
            'dropped': report.num_dropped,
            'effort': self.rate_controller.quality.text,
            **views,
        }


def _detectors_of(
    options: LiveOptions, sources: Sequence[Source], device: str
) -> tuple[list[Detector], bool]:
    """Returns a detector per source, and whether it is a network that need not run every frame."""
    if options.detector is None:
        known = [
            GroundTruthDetector(x) if isinstance(x, SyntheticSource) else None for x in sources
        ]
        return [detector or build_detector(WHOLE_IMAGE) for detector in known], False
    is_network = options.detector != WHOLE_IMAGE and not options.detector.endswith('.json')
    return [build_detector(options.detector, device)] * len(sources), is_network


def _each(stages: Sequence[Stage]) -> Stage:
    return stages[0] if len(stages) == 1 else PerViewStage(stages)
