"""The stages of the live pipeline: each is a class with one method, called frame by frame."""

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
from realtime_pose.capture.mailbox import CapturedFrame
from realtime_pose.capture.views import ViewFrame
from realtime_pose.communication.message import Person, PoseMessage
from realtime_pose.ik.cameras import Camera
from realtime_pose.ik.ik_solver import IKSolution, SimpleIKSolver
from realtime_pose.inference.pace import EFFORTS, Effort

FOUND_IOU = 0.3  # of a box and the place where somebody was expected
FORGET_AFTER_S = 2.0  # the 3D state of somebody who is not seen

T = TypeVar('T')


@dataclass(eq=False)
class LiveFrame:
    """A frame on its way through the stages.

    Attributes:
        captured: The frame.
        effort: How much may be done for it.
        boxes: Where people are.
        has_guesses: Whether boxes are among them that come from poses, not from the detector.
        poses: One a box; with ids after tracking.
        solutions: 3D of each pose; None where there is none.
        message: What is sent.
        result: What is drawn.
        view: Number of the camera, where there are several.
        camera: The camera, where it is calibrated.
        others: The same moment in the other cameras that have it; this one is drawn and sent.
    """

    captured: CapturedFrame
    effort: Effort = EFFORTS[0]
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
    def of(cls, captured: CapturedFrame, effort: Effort) -> LiveFrame:
        """Returns a frame at the start, with those of other cameras if it has any."""
        frame = captured.frame
        if not isinstance(frame, ViewFrame):
            return cls(captured, effort)
        others = [cls.of(replace(captured, frame=other), effort) for other in frame.others]
        return cls(captured, effort, view=frame.view, camera=frame.camera, others=others)

    @property
    def views(self) -> list[LiveFrame]:
        """This frame and the others."""
        return [self, *self.others]


class Stage(Protocol):
    """A step of the pipeline.

    Attributes:
        name: What its time is shown under.
    """

    name: str

    def __call__(self, live: LiveFrame) -> None:
        """Fills in its part of the frame."""


class DetectStage:
    """Finds people in every N-th frame; in between they are where their poses lead to.

    Args:
        detector: Finds the people.
        det_every: N.
        max_people: Boxes of a frame, the surest; None takes all.

    Attributes:
        favourite: Who is looked at before all others, as last seen; None is nobody.
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
        self.favourite: PoseResult | None = None
        self._missed: set[int | None] = set()
        self._last: tuple[Sequence[PoseResult], Sequence[PoseResult]] = ((), ())

    def __call__(self, live: LiveFrame) -> None:
        """Fills in the boxes."""
        every = self.det_every * live.effort.det_factor
        guessed = boxes_from_poses(*self._last)
        # Nobody to follow: only a detection can find somebody, as often as was asked for.
        is_due = self._num_since >= (every if len(guessed) else self.det_every)
        frame = live.captured.frame
        boxes = guessed
        if is_due:
            [found] = self.detector([frame])
            self._num_since = 0
            boxes = self._with_missed(found) if every > 1 else found
        live.has_guesses = not is_due or len(boxes) > len(found)
        self._num_since += 1
        boxes = boxes.select(boxes.is_usable(frame.image_wh))
        limits = [x for x in (self.max_people, live.effort.max_people) if x is not None]
        if limits and len(boxes) > min(limits):
            best = np.argsort(-self._importance(boxes), kind='stable')[: min(limits)]
            boxes = boxes.select(np.sort(best))
        live.boxes = boxes

    def _with_missed(self, found: Boxes) -> Boxes:
        """Returns also the boxes of people whom this detection missed, but not the one before."""
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
        if self.favourite is not None:
            guess = boxes_from_poses([self.favourite], self._last[1])
            xywh = guess.xywh[0] if len(guess) else self.favourite.bbox_xywh
            # Left, top, width and height: people who cross are at one place, and differ in size.
            scores[np.abs(boxes.xywh - xywh).sum(axis=1).argmin()] = np.inf
        return scores

    def follow(self, poses: Sequence[PoseResult]) -> None:
        """Takes the poses of the frame, for the boxes of the next."""
        self._last = (poses, self._last[0])


class PoseStage:
    """Estimates the poses of all people of a frame in one batch, and of all cameras.

    Args:
        predictor: Runs the network.
        set_flip_test: Switches the mirror image, where it is wanted at all.
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
            self.set_flip_test(live.effort.flip_test)
        views = live.views
        poses = self.predictor([x.captured.frame for x in views], [x.boxes for x in views])
        for view, own in zip(views, poses, strict=True):
            view.poses = own


class TrackStage:
    """Numbers the people.

    Args:
        tracker: Remembers them.
        detect: Learns where they are.
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
    """Keeps one person and leaves out all others.

    It is the largest, and stays the same until nobody has seen that person for a while.

    Args:
        release_s: How long that is; as long as the tracker keeps numbers.
        detect: Looks at that person, also where it may look at few; one per camera.
    """

    name = 'lock'

    def __init__(self, release_s: float, detect: Sequence[DetectStage]) -> None:
        self.release_s = release_s
        self.detect = detect
        self._id: int | None = None
        self._seen_s = -math.inf

    def __call__(self, live: LiveFrame) -> None:
        """Takes the others out of the poses."""
        now = live.captured.t_capture
        if now - self._seen_s > self.release_s:
            for detect in self.detect:
                detect.favourite = None
            if live.poses:
                largest = max(live.poses, key=lambda pose: float(np.prod(pose.bbox_xywh[2:])))
                self._id = largest.track_id
        live.poses = [pose for pose in live.poses if pose.track_id == self._id]
        if live.poses:
            self._seen_s = now
        for view in live.views:
            for pose in view.poses:
                if pose.track_id == self._id:
                    # Across cameras people have other numbers than in the view of each.
                    is_known = len(self.detect) == 1
                    favourite = pose if is_known else replace(pose, track_id=None)
                    self.detect[view.view].favourite = favourite


class SmoothStage:
    """Steadies the joints by the One-Euro filter."""

    name = 'smooth'

    def __init__(self, smoother: KeypointSmoother) -> None:
        self.smoother = smoother

    def __call__(self, live: LiveFrame) -> None:
        """Replaces the poses."""
        live.poses = self.smoother(live.poses, live.captured.t_capture)


class PerPerson(Generic[T]):
    """Something that each person has, such as a solver, until nobody has seen the person a while.

    Args:
        new: Makes one.
    """

    def __init__(self, new: Callable[[], T]) -> None:
        self.new = new
        self._owned: dict[int, tuple[T, float]] = {}

    def at(self, time_s: float) -> Callable[[int], T]:
        """Returns what gives the thing of a person, by id, at a time."""
        self._owned = {
            key: (thing, seen_s)
            for key, (thing, seen_s) in self._owned.items()
            if time_s - seen_s <= FORGET_AFTER_S
        }

        def owned(key: int) -> T:
            thing = self._owned[key][0] if key in self._owned else self.new()
            self._owned[key] = (thing, time_s)
            return thing

        return owned


class LiftStage:
    """Lifts every person to 3D and turns the bones of the rig, each with a solver of its own.

    Args:
        new_solver: Makes one.
    """

    name = '3d'

    def __init__(self, new_solver: Callable[[], SimpleIKSolver]) -> None:
        self._solvers = PerPerson(new_solver)
        new_solver()  # says now if the skeleton has no body

    def __call__(self, live: LiveFrame) -> None:
        """Fills in the solutions."""
        solvers = self._solvers.at(live.captured.t_capture)
        live.solutions = [
            solvers(pose.track_id or 0).solve(pose.keypoints, pose.keypoint_scores)
            for pose in live.poses
        ]


class MessageStage:
    """Puts what is known about a frame into a message.

    Args:
        dataset_meta: The skeleton.
        source: Name of the source, where it has only one camera.
        stats: Gives the figures that messages carry.
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
        score=float(pose.keypoint_scores.mean()),
        bbox_xywh=pose.bbox_xywh,
        keypoints=pose.keypoints,
        scores=pose.keypoint_scores,
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
