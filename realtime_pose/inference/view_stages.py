"""Multi-view stages: a stage per camera, matching across views, triangulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import Boxes, DatasetMeta, PoseResult
from realtime_pose.ik.matching import View, ViewMatcher
from realtime_pose.ik.measured_solver import MeasuredIKSolver
from realtime_pose.ik.triangulation import triangulate
from realtime_pose.inference.stages import DetectStage, LiveFrame, PerPerson, Stage

# Largest reprojection error of a keypoint, as a share of the size of a person's box (square root of
# the area, about a metre); beyond it at least one camera sees something else.
MAX_ERROR = 0.1

Array = NDArray[np.float64]


class PerViewStage:
    """Wrapper that runs a separate stage for the view of each camera.

    Args:
        stages: One per camera.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.name = stages[0].name
        self.stages = list(stages)

    def __call__(self, live: LiveFrame) -> None:
        """Runs the stage of each view."""
        for view in live.views:
            self.stages[view.view](view)


class DetectViewsStage:
    """Person detection in the views of several cameras: one call for all that are due.

    Images of different sizes go into calls of their own, since networks would pad them.

    Args:
        stages: One per camera.
    """

    name = 'detect'

    def __init__(self, stages: Sequence[DetectStage]) -> None:
        self.stages = list(stages)

    def __call__(self, live: LiveFrame) -> None:
        """Fills in the boxes of each view."""
        batches: dict[tuple[int, tuple[int, int]], list[LiveFrame]] = {}
        for view in live.views:
            stage = self.stages[view.view]
            if stage.is_due(view):
                key = id(stage.detector), view.captured.frame.image_wh
                batches.setdefault(key, []).append(view)
        found: dict[int, Boxes] = {}
        for views in batches.values():
            boxes = self.stages[views[0].view].detector([x.captured.frame for x in views])
            found |= zip((x.view for x in views), boxes, strict=True)
        for view in live.views:
            self.stages[view.view].fill(view, found.get(view.view))


class MatchStage:
    """Cross-view matching: assigns people the same id in all views.

    Args:
        matcher: Associates the tracks of the cameras.
    """

    name = 'match'

    def __init__(self, matcher: ViewMatcher) -> None:
        self.matcher = matcher

    def __call__(self, live: LiveFrame) -> None:
        """Replaces the ids."""
        num_joints = self.matcher.joints.dataset_meta.num_keypoints
        views = []
        for view in live.views:
            assert view.camera is not None
            keypoints = np.array([pose.keypoints for pose in view.poses], np.float64)
            scores = np.array([pose.keypoint_scores for pose in view.poses], np.float64)
            ids = [pose.track_id or 0 for pose in view.poses]
            shape = (len(ids), num_joints)
            views.append(
                View(view.camera, ids, keypoints.reshape(*shape, 2), scores.reshape(shape))
            )
        numbers = self.matcher(views, live.captured.t_capture)
        for view, own in zip(live.views, numbers, strict=True):
            view.poses = [
                replace(pose, track_id=number) for pose, number in zip(view.poses, own, strict=True)
            ]


class TriangulateStage:
    """Triangulation of the keypoints of people in the main view whom another view sees as well.

    A keypoint that is confident in fewer than two views, or inconsistent between them, is unknown.

    Args:
        dataset_meta: The skeleton.
        min_score: Keypoints below it do not count.
    """

    name = '3d'

    def __init__(self, dataset_meta: DatasetMeta, min_score: float = 0.3) -> None:
        self.num_joints = dataset_meta.num_keypoints
        self.min_score = min_score
        self._solvers = PerPerson(lambda: MeasuredIKSolver(dataset_meta))

    def __call__(self, live: LiveFrame) -> None:
        """Fills in the solutions."""
        solver_of = self._solvers.at(live.captured.t_capture)
        live.solutions = [None] * len(live.poses)
        joints = self._measured(live)
        rows = np.flatnonzero(np.isfinite(joints).any(axis=(1, 2)))
        solvers = [solver_of(live.poses[i].track_id or 0) for i in rows]
        solved = MeasuredIKSolver.solve_all(solvers, joints[rows])
        for i, solution in zip(rows, solved, strict=True):
            live.solutions[i] = solution

    def _measured(self, live: LiveFrame) -> Array:
        """Returns the 3D keypoints (N, K, 3), m, of the people of the main view."""
        views = live.views
        num_people = len(live.poses)
        if len(views) < 2 or not num_people:
            return np.full((num_people, self.num_joints, 3), np.nan)
        shape = (len(views), num_people, self.num_joints)
        points, scores = np.full((*shape, 2), np.nan), np.zeros(shape)
        sizes = np.full(shape[:2], np.nan)
        for v, view in enumerate(views):
            poses = {pose.track_id: pose for pose in view.poses}
            for n, person in enumerate(live.poses):
                pose = poses.get(person.track_id)
                if pose is not None:
                    points[v, n], scores[v, n] = pose.keypoints, pose.keypoint_scores
                    sizes[v, n] = _size(pose)
        limits = MAX_ERROR * np.repeat(np.nanmean(sizes, axis=0), self.num_joints)
        cameras = [view.camera for view in views if view.camera is not None]
        found = triangulate(
            cameras,
            points.reshape(len(views), -1, 2),
            scores.reshape(len(views), -1),
            self.min_score,
            limits,
        )
        is_sure = found.error_px <= limits  # NaN is not
        joints = np.where(is_sure[:, None], found.joints_3d, np.nan)
        return joints.reshape(num_people, self.num_joints, 3)


def _size(pose: PoseResult) -> float:
    return float(np.sqrt(max(pose.bbox_xywh[2] * pose.bbox_xywh[3], 1.0)))
