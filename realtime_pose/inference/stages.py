"""Stages of the live pipeline: detection, pose, tracking, lock, smoothing, lifting, message."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference import FrameResult, PosePredictor
from mmpose.detectors import Detector
from mmpose.structures import Boxes, DatasetMeta, PoseResult, box_iou_xywh
from mmpose.tracking import KeypointSmoother, PoseTracker, boxes_from_poses, suppress_duplicates
from realtime_pose.capture.views import ViewFrame
from realtime_pose.communication.message import Person, PoseMessage
from realtime_pose.ik.cameras import Camera
from realtime_pose.ik.ik_solver import IKSolution, SimpleIKSolver
from realtime_pose.inference.rate_controller import QUALITY_LEVELS, QualityLevel
from realtime_pose.latest_frame_queue import CapturedFrame

FOUND_IOU = 0.3  # of a detected box and the box that was predicted from a pose
FORGET_AFTER_S = 2.0  # expiry of the 3D state of a person who is not seen

T = TypeVar('T')


@dataclass(eq=False)
class LiveFrame:
    """State of a frame that the stages fill in one after the other.

    Attributes:
        captured: The frame.
        quality: Quality level to process it with.
        boxes: Boxes of people.
        has_guesses: Whether some boxes were predicted from poses instead of detected.
        poses: One per box; with ids after tracking.
        solutions: 3D solution of each pose, or None.
        message: Message to send.
        result: Poses to draw.
        view: Index of the camera in a multi-view source.
        camera: The calibrated camera, if any.
        others: Synchronised frames of the other cameras; this one is drawn and sent.
    """

    captured: CapturedFrame
    quality: QualityLevel = QUALITY_LEVELS[0]
    boxes: Boxes = field(default_factory=lambda: Boxes.from_xywh([]))
    has_guesses: bool = False
    poses: list[PoseResult] = field(default_factory=list)
    solutions: list[IKSolution | None] = field(default_factory=list)
    message: PoseMessage | None = None
    result: FrameResult | None = None
    view: int = 0
    camera: Camera | None = None
    others: list[LiveFrame] = field(default_factory=list)

    @classmethod
    def of(cls, captured: CapturedFrame, quality: QualityLevel) -> LiveFrame:
        """Returns the initial state of a frame, with those of other cameras if it has any."""
        frame = captured.frame
        if not isinstance(frame, ViewFrame):
            return cls(captured, quality)
        others = [cls.of(replace(captured, frame=other), quality) for other in frame.others]
        return cls(captured, quality, view=frame.view, camera=frame.camera, others=others)

    @property
    def views(self) -> list[LiveFrame]:
        """This frame and the others."""
        return [self, *self.others]


class Stage(Protocol):
    """Step of the pipeline.

    Attributes:
        name: Key of its time in the statistics.
    """

    name: str

    def __call__(self, live: LiveFrame) -> None:
        """Fills in its part of the frame."""


class DetectStage:
    """Person detection in every N-th frame; between detections boxes are predicted from poses.

    Args:
        detector: Person detector.
        det_every: Detection interval N, frames.
        max_people: Number of boxes with the highest scores; None takes all.

    Attributes:
        locked_instance: Last pose of the person who has priority over all others, or None.
    """

    name = 'detect'

    def __init__(
        self, detector: Detector, det_every: int = 1, max_people: int | None = None
    ) -> None:
        for what, value in (('det_every', det_every), ('max_people', max_people)):
            if value is not None and value < 1:
                raise ValueError(f'{what} is {value}, expected 1 or more')
        self.detector = detector
        self.det_every = det_every
        self.max_people = max_people
        self._num_since = math.inf  # never yet
        self.locked_instance: PoseResult | None = None
        self._missed: set[int | None] = set()
        self._guessed = Boxes.from_xywh([])
        self._last: tuple[Sequence[PoseResult], Sequence[PoseResult]] = ((), ())

    def __call__(self, live: LiveFrame) -> None:
        """Fills in the boxes."""
        self.fill(live, self.detector([live.captured.frame])[0] if self.is_due(live) else None)

    def is_due(self, live: LiveFrame) -> bool:
        """Returns whether the detector is to look at a frame."""
        self._guessed = boxes_from_poses(*self._last)
        # Without a tracked person only a detection can find one, at the requested interval.
        factor = live.quality.det_factor if len(self._guessed) else 1
        return self._num_since >= self.det_every * factor

    def fill(self, live: LiveFrame, found: Boxes | None) -> None:
        """Fills in the boxes that were found, or where none were looked for, those predicted."""
        boxes = self._guessed
        if found is not None:
            self._num_since = 0
            every = self.det_every * live.quality.det_factor
            boxes = self._with_missed(found) if every > 1 else found
        live.has_guesses = found is None or len(boxes) > len(found)
        self._num_since += 1
        boxes = boxes.select(boxes.is_usable(live.captured.frame.image_wh))
        limits = [x for x in (self.max_people, live.quality.max_people) if x is not None]
        if limits and len(boxes) > min(limits):
            best = np.argsort(-self._importance(boxes), kind='stable')[: min(limits)]
            boxes = boxes.select(np.sort(best))
        live.boxes = boxes

    def _with_missed(self, found: Boxes) -> Boxes:
        """Adds predicted boxes of people whom this detection missed, but not the one before."""
        poses, before = self._last
        guesses = [boxes_from_poses([pose], before) for pose in poses]
        followed = [(p.track_id, g) for p, g in zip(poses, guesses, strict=True) if len(g)]
        overlap = np.zeros((len(followed), len(found)))
        for row, (_, guess) in enumerate(followed):
            overlap[row] = box_iou_xywh(np.repeat(guess.xywh, len(found), axis=0), found.xywh)
        is_missed = np.ones(len(followed), bool)
        while overlap.size and overlap.max() >= FOUND_IOU:
            row, column = np.unravel_index(overlap.argmax(), overlap.shape)
            is_missed[row] = False
            overlap[row], overlap[:, column] = 0, 0
        missed = {followed[row][0]: followed[row][1] for row in np.flatnonzero(is_missed)}
        kept = [guess for number, guess in missed.items() if number not in self._missed]
        self._missed = set(missed)
        return Boxes.from_xywh(
            np.concatenate([found.xywh, *(guess.xywh for guess in kept)]),
            np.concatenate([found.scores, *(guess.scores for guess in kept)]),
            np.concatenate([found.category_ids, *(guess.category_ids for guess in kept)]),
        )

    def _importance(self, boxes: Boxes) -> NDArray[np.float32]:
        """Returns the scores (N,), highest for the box next to where the favourite is expected."""
        scores = boxes.scores.copy()
        if self.locked_instance is not None:
            guess = boxes_from_poses([self.locked_instance], self._last[1])
            xywh = guess.xywh[0] if len(guess) else self.locked_instance.bbox_xywh
            # Left, top, width and height: crossing people share a position but differ in size.
            scores[np.abs(boxes.xywh - xywh).sum(axis=1).argmin()] = np.inf
        return scores

    def follow(self, poses: Sequence[PoseResult]) -> None:
        """Stores the poses of the frame, from which the next boxes are predicted."""
        self._last = (poses, self._last[0])


class PoseStage:
    """Pose estimation of all people of a frame and of all cameras in one batch.

    Args:
        predictor: Runs the network.
        set_flip_test: Switches the flip test, where the model has one.
    """

    name = 'pose'

    def __init__(
        self, predictor: PosePredictor, set_flip_test: Callable[[bool], None] | None = None
    ) -> None:
        self.predictor = predictor
        self.set_flip_test = set_flip_test

    def __call__(self, live: LiveFrame) -> None:
        """Fills in the poses."""
        if self.set_flip_test is not None:
            self.set_flip_test(live.quality.flip_test)
        views = live.views
        poses = self.predictor([x.captured.frame for x in views], [x.boxes for x in views])
        for view, own in zip(views, poses, strict=True):
            view.poses = own


class TrackStage:
    """Tracking: assigns a persistent id to each person.

    Args:
        tracker: Associates poses with tracks.
        detect: Predicts its next boxes from the tracked poses.
    """

    name = 'track'

    def __init__(self, tracker: PoseTracker, detect: DetectStage) -> None:
        self.tracker = tracker
        self.detect = detect

    def __call__(self, live: LiveFrame) -> None:
        """Fills in the ids."""
        if live.has_guesses:
            live.poses = suppress_duplicates(live.poses, self.tracker.dataset_meta)
        live.poses = self.tracker(live.poses, live.captured.t_capture)
        self.detect.follow(live.poses)


class LockStage:
    """Lock on one person, the largest at first; all others are dropped.

    The lock is released when that person has not been seen for a while.

    Args:
        release_s: Seconds until the release; as long as the tracker keeps ids.
        detect: Detection stages, which give that person priority; one per camera.
    """

    name = 'lock'

    def __init__(self, release_s: float, detect: Sequence[DetectStage]) -> None:
        self.release_s = release_s
        self.detect = detect
        self._id: int | None = None
        self._seen_s = -math.inf

    def __call__(self, live: LiveFrame) -> None:
        """Removes the poses of all others."""
        now = live.captured.t_capture
        if now - self._seen_s > self.release_s:
            for detect in self.detect:
                detect.locked_instance = None
            if live.poses:
                largest = max(live.poses, key=lambda pose: float(np.prod(pose.bbox_xywh[2:])))
                self._id = largest.track_id
        live.poses = [pose for pose in live.poses if pose.track_id == self._id]
        if live.poses:
            self._seen_s = now
        for view in live.views:
            for pose in view.poses:
                if pose.track_id == self._id:
                    # Matched ids of several cameras differ from the track ids of each view.
                    is_known = len(self.detect) == 1
                    locked_instance = pose if is_known else replace(pose, track_id=None)
                    self.detect[view.view].locked_instance = locked_instance


class SmoothStage:
    """Temporal smoothing of keypoints by the One-Euro filter."""

    name = 'smooth'

    def __init__(self, smoother: KeypointSmoother) -> None:
        self.smoother = smoother

    def __call__(self, live: LiveFrame) -> None:
        """Replaces the poses."""
        live.poses = self.smoother(live.poses, live.captured.t_capture)


class PerPerson(Generic[T]):
    """Per-person state, such as a solver, which expires when the person is no longer seen.

    Args:
        new: Factory of the state of one person.
    """

    def __init__(self, new: Callable[[], T]) -> None:
        self.new = new
        self._owned: dict[int, tuple[T, float]] = {}

    def at(self, time_s: float) -> Callable[[int], T]:
        """Drops expired states; returns a function from a person's id to the state at a time."""
        self._owned = {
            key: (state, seen_s)
            for key, (state, seen_s) in self._owned.items()
            if time_s - seen_s <= FORGET_AFTER_S
        }

        def owned(key: int) -> T:
            state = self._owned[key][0] if key in self._owned else self.new()
            self._owned[key] = (state, time_s)
            return state

        return owned


class LiftStage:
    """Monocular 3D lifting and inverse kinematics, with one solver per person.

    Args:
        new_solver: Factory of solvers.
    """

    name = '3d'

    def __init__(self, new_solver: Callable[[], SimpleIKSolver]) -> None:
        self._solvers = PerPerson(new_solver)
        new_solver()  # fails now if the skeleton has no body

    def __call__(self, live: LiveFrame) -> None:
        """Fills in the solutions."""
        solver_of = self._solvers.at(live.captured.t_capture)
        live.solutions = [
            *SimpleIKSolver.solve_all(
                [solver_of(pose.track_id or 0) for pose in live.poses],
                [pose.keypoints for pose in live.poses],
                [pose.keypoint_scores for pose in live.poses],
            )
        ]


class MessageStage:
    """Assembly of the message of a frame.

    Args:
        dataset_meta: The skeleton.
        source: Name of the source, where it has only one camera.
        stats: Returns the statistics that messages carry.
        clock: Unix seconds.
    """

    name = 'message'

    def __init__(
        self,
        dataset_meta: DatasetMeta,
        source: str,
        stats: Callable[[], dict[str, float | str | None]],
        clock: Callable[[], float],
    ) -> None:
        self.dataset_meta = dataset_meta
        self.source = source
        self.stats = stats
        self.clock = clock
        self._seq = 0

    def __call__(self, live: LiveFrame) -> None:
        """Fills in the message and the result."""
        frame = live.captured.frame
        solutions = live.solutions or [None] * len(live.poses)
        live.message = PoseMessage(
            seq=self._seq,
            frame_id=frame.index,
            t_capture=live.captured.t_capture,
            t_sent=self.clock(),
            source=self.source if live.camera is None else live.camera.name,
            size_wh=frame.image_wh,
            skeleton=self.dataset_meta.name,
            people=tuple(map(_person, live.poses, solutions)),
            stats=self.stats(),
        )
        live.result = FrameResult(frame, live.poses, self.dataset_meta)
        self._seq += 1


def _person(pose: PoseResult, solution: IKSolution | None) -> Person:
    person = Person(
        id=pose.track_id or 0,
        score=float(pose.keypoint_scores.mean() if pose.pose_score is None else pose.pose_score),
        bbox_xywh=pose.bbox_xywh,
        keypoints=pose.keypoints,
        scores=pose.keypoint_scores,
        sigma_px=pose.sigma_px,
        visibility=pose.visibility,
    )
    if solution is None or solution.method == '2d' or not np.isfinite(solution.joints_3d).any():
        return person
    return replace(
        person,
        joints_3d=solution.joints_3d,
        method_3d=solution.method,
        rotations=solution.rotations,
        root=solution.root,
    )
