"""The live pipeline: newest frame in, people out to wherever they are wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmpose.apis.inference.sources import Source
from mmpose.detectors import Detector, build_detector
from mmpose.tracking import KeypointSmoother, PoseTracker
from realtime_pose.capture.mailbox import CapturedFrame
from realtime_pose.capture.synthetic import KnownBoxes, SyntheticSource
from realtime_pose.capture.views import Views
from realtime_pose.capture.webcam_capture import WebcamStream
from realtime_pose.communication.sinks import MessageSink, Outage
from realtime_pose.frame_sinks import FrameSink
from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.ik_solver import SimpleIKSolver
from realtime_pose.ik.matching import ViewMatcher
from realtime_pose.inference.meter import Meter, PaceReport
from realtime_pose.inference.pace import PaceKeeper
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
from realtime_pose.inference.view_stages import EachView, MatchStage, TriangulateStage
from realtime_pose.inference.vitpose_inference import ViTPoseEstimator

WAIT_S = 0.2  # for a frame, before it is looked whether somebody wants to stop
DET_EVERY = 5  # frames from one run of a detector network to the next
REMEMBER_S = 3.0  # an unseen person's number: a slow machine has only a frame or two in a second
WHOLE_IMAGE = 'whole-image'
TRIANGULATE = 'triangulate'
METHODS_3D = ('lift', TRIANGULATE, 'none')


@dataclass(frozen=True)
class LiveOptions:
    """How people are looked at.

    Attributes:
        detector: See ``build_detector``. None takes the boxes of the drawing for the synthetic
            source, and the whole image otherwise.
        det_every: Frames from one detection to the next; None is 5 for networks, else 1.
        max_people: Of a frame; None takes all.
        is_locked: Whether one person is followed, the largest at first, and all others left out.
        smoothing: Whether joints are steadied.
        min_cutoff_hz: See ``KeypointSmoother``.
        beta: See ``KeypointSmoother``.
        method_3d: ``lift`` (by bone lengths, approximate), ``triangulate`` (several calibrated
            cameras, exact) or ``none``.
        min_score: Joints below it count as unknown in 3D.
        target_fps: Frame rate that is held by doing less; None does everything.
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
    """Runs the stages on the newest frame of a stream, again and again.

    A stage or sink that fails is said in the log, and costs that frame; the next one is tried.

    Args:
        stream: Gives the frames, of one camera or of ``Views``.
        estimator: The model.
        options: How people are looked at.
        sinks: Where messages go.
        frame_sinks: Where pictures go.
        clock: Monotonic clock, s.

    Attributes:
        latest: The last frame that came through; None before the first.
        pace: Decides how much is done.

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
        self.pace = PaceKeeper(options.target_fps)
        self.meter = Meter()
        self.latest: LiveFrame | None = None
        self._clock = clock
        self._outages: dict[str, Outage] = {}
        self.stages = self._stages_of(estimator, options)

    def run(
        self,
        max_frames: int | None = None,
        stop: threading.Event | None = None,
        on_frame: Callable[[LiveFrame], None] | None = None,
    ) -> PaceReport:
        """Works until the source is over, after so many frames, or until somebody stops it."""
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
            # Videos first: they cannot be read before, and a recorder takes its time.
            closing = [(type(x).__name__, x.close) for x in (*self.frame_sinks, *self.sinks)]
            for name, close in closing:
                self._guarded(f'closing {name}', close)
        return self.meter.report()

    def step(self, captured: CapturedFrame) -> LiveFrame:
        """Takes one frame through all stages and to all sinks."""
        live = LiveFrame.of(captured, self.pace.effort)
        started = self._clock()
        for stage in self.stages:
            before = self._clock()
            is_done = self._guarded(stage.name, stage, live)
            self.meter.stage(stage.name, self._clock() - before)
            if not is_done:
                break
        before = self._clock()
        if live.message is not None:
            for number, sink in enumerate(self.sinks):
                self._guarded(f'{type(sink).__name__} {number}', sink.send, live.message)
            for picture in self.frame_sinks:
                self._guarded(type(picture).__name__, picture.add, live)
        done = self._clock()
        self.meter.stage('sinks', done - before)
        self.meter.frame(captured.captured_s, done, self.stream.num_dropped)
        self.pace.note(done - started)
        self.latest = live
        return live

    @property
    def problems(self) -> list[str]:
        """What is out of order now: sources, and stages or sinks that fail."""
        failing = [f'{outage.name} fails' for outage in self._outages.values() if outage.is_out]
        source = self.stream.source
        views = source.problems if isinstance(source, Views) else []
        return [*([self.stream.problem] if self.stream.problem else []), *views, *failing]

    def _guarded(self, name: str, call: Callable[..., object], *arguments: object) -> bool:
        """Returns whether a call went well; what went wrong is said, once."""
        outage = self._outages.setdefault(name, Outage(name))
        try:
            call(*arguments)
        except Exception as error:  # whatever a stage raises must not end the show
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
            _each(detect),
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
        report = self.meter.report()
        source = self.stream.source
        views = {'views_missing': source.missing} if isinstance(source, Views) else {}
        return {
            'fps': round(report.fps, 2),
            'latency_p50_ms': round(report.latency_p50_ms, 1),
            'latency_p95_ms': round(report.latency_p95_ms, 1),
            'dropped': report.num_dropped,
            'effort': self.pace.effort.text,
            **views,
        }


def _detectors_of(
    options: LiveOptions, sources: Sequence[Source], device: str
) -> tuple[list[Detector], bool]:
    """Returns a detector per source, and whether it is a network that is worth sparing."""
    if options.detector is None:
        known = [KnownBoxes(x) if isinstance(x, SyntheticSource) else None for x in sources]
        return [detector or build_detector(WHOLE_IMAGE) for detector in known], False
    is_network = options.detector != WHOLE_IMAGE and not options.detector.endswith('.json')
    return [build_detector(options.detector, device)] * len(sources), is_network


def _each(stages: Sequence[Stage]) -> Stage:
    return stages[0] if len(stages) == 1 else EachView(stages)
