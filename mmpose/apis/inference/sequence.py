"""Sequence estimator: boxes, poses and tracks of the frames of one source; result per frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference.predictor import PosePredictor
from mmpose.detectors import Detector
from mmpose.structures import Boxes, DatasetMeta, Frame, PoseResult, per_dataset
from mmpose.tracking import PoseTracker, boxes_from_poses, refine_boxes, suppress_duplicates
from mmpose.visualization import draw_results


@dataclass(frozen=True)
class DrawOptions:
    """Drawing options; see ``draw_results``."""

    score_threshold: float = 0.3
    line_width: float | None = None
    show_boxes: bool = False
    show_scores: bool = False
    style: str = 'mmpose'
    color_by: str = 'keypoint'
    show_ids: bool = False
    keypoint_text: str | None = None
    radius: float | None = None
    alpha: float = 1.0
    heatmap: str | None = None
    black_background: bool = False


@dataclass(frozen=True, eq=False)
class FrameResult:
    """A frame and the poses in it.

    Attributes:
        frame: The image, with its place in the source.
        poses: One per instance; none in a damaged frame.
        dataset_meta: Skeleton of the poses.
        problem: Why the frame could not be read; its image is the one before it then. Empty for
            a good frame.
        heads: Name and skeleton of each head of a model with a head per category, by
            ``dataset_idx`` of the poses; empty for any other model.
    """

    frame: Frame
    poses: list[PoseResult]
    dataset_meta: DatasetMeta
    problem: str = ''
    heads: tuple[tuple[str, DatasetMeta], ...] = ()

    def draw(self, options: DrawOptions | None = None) -> NDArray[np.uint8]:
        """Returns the image (H, W, 3), uint8 BGR, with the poses."""
        drawing, image = asdict(options or DrawOptions()), self.frame.image_bgr
        if not self.heads:
            return draw_results(image, self.poses, self.dataset_meta, **drawing)
        for number, (_, dataset_meta) in enumerate(self.heads):
            own = [pose for pose in self.poses if pose.dataset_idx == number]
            image = draw_results(image, own, dataset_meta, **drawing)
            drawing['black_background'] = False  # which the first has made
        return image


@dataclass(eq=False)
class FrameJob:
    """State of a frame between the steps of inference.

    Attributes:
        frame: The frame.
        problem: Why it is damaged; empty for a good one.
        boxes: Detected boxes; None where the detector did not run.
        is_guessed: Whether the boxes come from the poses of the frame before.
        poses: Filled by the last step.
    """

    frame: Frame
    problem: str = ''
    boxes: Boxes | None = None
    is_guessed: bool = False
    poses: list[PoseResult] = field(default_factory=list)


class SequenceEstimator:
    """Detects instances and estimates their poses in frames that come in order, in chunks.

    Args:
        detector: Finds the instances.
        predictor: Estimates their poses.
        det_every: Frames from one detection to the next.
        trackers: Give track ids, one for each ``dataset_idx``; none gives none.
        max_instances: Boxes of a frame at most, those with the highest scores; None takes all.
        refine: How often poses are estimated again, in the boxes around their keypoints; poses
            that become the same are one then.
    """

    def __init__(
        self,
        detector: Detector,
        predictor: PosePredictor,
        det_every: int = 1,
        trackers: Sequence[PoseTracker] = (),
        max_instances: int | None = None,
        refine: int = 0,
    ) -> None:
        self.detector = detector
        self.predictor = predictor
        self.det_every = det_every
        self.trackers = trackers
        self.max_instances = max_instances
        self.refine = refine
        self._num_until_detection = 0
        self._num_unusable = 0
        self._last: list[list[PoseResult]] = [[], []]  # of the last two frames

    @property
    def problems(self) -> list[str]:
        """Messages about boxes that were left out."""
        if not self._num_unusable:
            return []
        return [f'{self._num_unusable} boxes without a size or outside the image were left out']

    def detect(self, jobs: list[FrameJob]) -> list[FrameJob]:
        """Fills in the boxes of the frames due for detection; damaged frames get none."""
        due = []
        for job in jobs:
            if job.problem:
                job.boxes = Boxes.from_xywh([])
            elif self._num_until_detection <= 0:
                due.append(job)
                self._num_until_detection = self.det_every
            self._num_until_detection -= 1
        if due:
            found = self.detector([job.frame for job in due])
            for job, boxes in zip(due, found, strict=True):
                job.boxes = self._chosen(boxes, job.frame)
                self._num_unusable += len(boxes) - int(boxes.is_usable(job.frame.image_wh).sum())
        return jobs

    def estimate(self, jobs: list[FrameJob]) -> list[FrameJob]:
        """Fills in the poses; frames without detection are taken one after the other."""
        if all(job.boxes is not None for job in jobs):
            self._predict(jobs)
            return jobs
        for job in jobs:
            if job.boxes is None:
                last, before = self._last
                job.boxes = self._chosen(boxes_from_poses(last, before), job.frame)
                job.is_guessed = True
            self._predict([job])
        return jobs

    def _predict(self, jobs: Sequence[FrameJob]) -> None:
        good = [job for job in jobs if not job.problem]
        boxes = [job.boxes for job in good if job.boxes is not None]
        frames = [job.frame for job in good]
        poses = self.predictor(frames, boxes)
        for _ in range(self.refine):
            pairs = zip(poses, frames, strict=True)
            boxes = [refine_boxes(own, frame.image_wh) for own, frame in pairs]
            best = partial(self._without_duplicates, by_score=True)
            poses = [per_dataset(own, best) for own in self.predictor(frames, boxes)]
        for job, own in zip(good, poses, strict=True):
            if job.is_guessed:
                own = per_dataset(own, self._without_duplicates)
            if self.trackers:
                own = per_dataset(own, partial(self._tracked, job.frame.time_s))
            job.poses = own
            self._last = [job.poses, self._last[0]]

    def _without_duplicates(
        self, number: int, poses: list[PoseResult], by_score: bool = False
    ) -> list[PoseResult]:
        backends = [head.backend for head in self.predictor.heads] or [self.predictor.backend]
        return suppress_duplicates(poses, backends[number].dataset_meta, by_score)

    def _tracked(self, time_s: float, number: int, poses: list[PoseResult]) -> list[PoseResult]:
        num = len(self.trackers)  # no id is in two of them
        return [
            replace(pose, track_id=num * ((pose.track_id or 1) - 1) + number + 1)
            for pose in self.trackers[number](poses, time_s)
        ]

    def _chosen(self, boxes: Boxes, frame: Frame) -> Boxes:
        boxes = boxes.select(boxes.is_usable(frame.image_wh))
        if self.max_instances is None or len(boxes) <= self.max_instances:
            return boxes
        best = np.argsort(-boxes.scores, kind='stable')[: self.max_instances]
        return boxes.select(np.sort(best))
