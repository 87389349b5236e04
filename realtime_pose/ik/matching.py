"""Cross-view matching of tracks by the distance between lines of sight.

Where the same joint is seen by two cameras, the two lines of sight meet. That alone does not tell
people apart who are equally far away from both cameras, since lines that meet at the wrong depth
meet all the same; but the limbs that come out of it have odd lengths, which counts as well. What
two tracks have had in common is remembered, so that one frame in which two people look alike does
not mix them up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.body_size import SEGMENTS
from realtime_pose.ik.cameras import Camera
from realtime_pose.ik.rig import Proportions

Array = NDArray[np.float64]
Track = tuple[str, int]  # name of the camera, number of the track in it

MIN_JOINTS = 4  # that both cameras must see before anything can be said
FAR = 1.0  # m. A joint counts as no farther than this, nor a length as more wrong
ODD_LENGTHS = 0.5  # weight of the lengths of limbs against the lines of sight
KEEP = 2.0  # tracks that were joined may be so many times as far apart
SMALLEST, LARGEST = 0.5, 1.25  # people, in sizes of an adult of 1.70 m


def _lengths() -> dict[tuple[str, str], float]:
    """Returns pairs of joints and how far apart they are in an adult of 1.70 m."""
    body = Proportions()
    lengths = {
        (f'{side}_{start}', f'{side}_{end}'): getattr(body, part)
        for part, (start, end) in SEGMENTS.items()
        for side in ('left', 'right')
    }
    lengths['left_shoulder', 'right_shoulder'] = body.shoulder_width
    lengths['left_hip', 'right_hip'] = body.hip_width
    for side, other in (('left', 'right'), ('right', 'left')):
        for hip, across in ((side, -body.hip_width), (other, body.hip_width)):
            across = (body.shoulder_width + across) / 2
            lengths[f'{side}_shoulder', f'{hip}_hip'] = math.hypot(body.trunk, across)
    return lengths


LENGTHS = _lengths()


@dataclass(frozen=True, eq=False)
class View:
    """Tracked people in the view of one camera.

    Attributes:
        camera: The camera.
        track_ids: N track ids of this view.
        keypoints: (N, K, 2), px.
        scores: (N, K).
    """

    camera: Camera
    track_ids: Sequence[int]
    keypoints: Array
    scores: Array

    @property
    def tracks(self) -> list[Track]:
        """The N tracks."""
        return [(self.camera.name, number) for number in self.track_ids]


class ViewMatcher:
    """Matcher that assigns people the same id in all cameras.

    Tracks are joined camera by camera with the Hungarian method, so that what they have in common
    is largest. A person seen by several cameras keeps the id as long as one of them keeps the
    track.

    Args:
        joints: The skeleton.
        min_score: Keypoints below it do not count.
        max_apart: m. Tracks whose lines of sight pass each other farther away, on average, are not
            taken for one person; those that were, are given up at twice that.
        memory_s: Time constant of the accumulated distances.
        time_to_live_s: Lifetime of an unseen track.

    Raises:
        ImportError: If scipy, which makes the assignment, is not installed.
    """

    def __init__(
        self,
        joints: BodyJoints,
        min_score: float = 0.3,
        max_apart: float = 0.1,
        memory_s: float = 0.5,
        time_to_live_s: float = 3.0,
    ) -> None:
        try:
            from scipy.optimize import linear_sum_assignment
        except ImportError:
            raise ImportError('matching across cameras needs scipy; pip install scipy') from None
        self.joints = joints
        self.min_score = min_score
        self.max_apart = max_apart
        self.memory_s = memory_s
        self.time_to_live_s = time_to_live_s
        self._linear_sum_assignment = linear_sum_assignment
        self._apart: dict[tuple[Track, Track], tuple[float, float]] = {}  # m, and when; s
        self._numbers: dict[Track, tuple[int, float]] = {}
        self._num_people = 0

    def __call__(self, views: Sequence[View], time_s: float) -> list[list[int]]:
        """Returns the matched id of each person of each view.

        Args:
            views: Synchronised views, in the same order each time, without missing ones.
            time_s: Time of capture, s.
        """
        self._forget(time_s)
        for first, second in itertools.combinations(views, 2):
            self._compare(first, second, time_s)
        numbers = self._numbered(self._joined(views), [view.tracks for view in views])
        self._numbers |= {track: (number, time_s) for track, number in numbers.items()}
        return [[numbers[track] for track in view.tracks] for view in views]

    def _forget(self, time_s: float) -> None:
        oldest_s = time_s - self.time_to_live_s
        self._apart = {key: seen for key, seen in self._apart.items() if seen[1] >= oldest_s}
        self._numbers = {
            track: seen for track, seen in self._numbers.items() if seen[1] >= oldest_s
        }

    def _compare(self, first: View, second: View, time_s: float) -> None:
        """Updates the accumulated distances between people of two views."""
        apart = self._distances(first, second)
        for (i, one), (j, other) in itertools.product(
            enumerate(first.tracks), enumerate(second.tracks)
        ):
            if not math.isfinite(apart[i, j]):
                continue
            before, seen_s = self._apart.get((one, other), (apart[i, j], time_s))
            share = 1 - math.exp(-(time_s - seen_s) / self.memory_s)
            self._apart[one, other] = before + share * (apart[i, j] - before), time_s

    def _distances(self, first: View, second: View) -> Array:
        """Returns distances (N, M), m, between N people of one view and M people of another."""
        picked = []
        for view in (first, second):
            is_seen = (view.scores >= self.min_score)[..., None]
            points = np.where(is_seen, view.keypoints, np.nan)
            picked.append(points[:, self.joints.indices])
        points, apart = nearest_points(first.camera, second.camera, picked[0], picked[1])
        is_known = np.isfinite(apart)
        num_known = is_known.sum(axis=-1)
        total = np.where(is_known, np.minimum(apart, FAR), 0).sum(axis=-1)
        mean = total / np.maximum(num_known, 1) + ODD_LENGTHS * odd_lengths(points, self.joints)
        return np.asarray(np.where(num_known >= MIN_JOINTS, mean, np.nan))

    def _joined(self, views: Sequence[View]) -> list[list[Track]]:
        """Returns the tracks of each person, matched camera by camera."""
        people: list[list[Track]] = []
        for view in views:
            nearness = np.zeros((len(people), len(view.tracks)))
            for (i, person), (j, track) in itertools.product(
                enumerate(people), enumerate(view.tracks)
            ):
                nearness[i, j] = self._nearness(person, track)
            rows, columns = self._linear_sum_assignment(nearness, maximize=True)
            found = {j: i for i, j in zip(rows, columns, strict=True) if nearness[i, j] > 0}
            for j, track in enumerate(view.tracks):
                if j in found:
                    people[found[j]].append(track)
                else:
                    people.append([track])
        return people

    def _nearness(self, person: Sequence[Track], track: Track) -> float:
        """Returns the affinity of a track to those of a person, m; 0 if too low."""
        seen = [self._apart[one, track][0] for one in person if (one, track) in self._apart]
        apart = float(np.mean(seen)) if seen else math.inf
        known = self._numbers.get(track)
        is_held = known is not None and known[0] in {self._numbers.get(x, (0,))[0] for x in person}
        limit = self.max_apart * KEEP
        return limit - apart if apart < (limit if is_held else self.max_apart) else 0.0

    def _numbered(
        self, people: Sequence[Sequence[Track]], tracks: Sequence[Sequence[Track]]
    ) -> Mapping[Track, int]:
        """Returns the id of each track; known ids are kept, the first cameras first."""
        person_of = {track: i for i, person in enumerate(people) for track in person}
        numbers: dict[int, int] = {}
        for track in itertools.chain.from_iterable(tracks):
            known = self._numbers.get(track, (0, 0.0))[0]
            if known and person_of[track] not in numbers and known not in numbers.values():
                numbers[person_of[track]] = known
        for i in range(len(people)):
            if i not in numbers:
                self._num_people += 1
                numbers[i] = self._num_people
        return {track: numbers[i] for track, i in person_of.items()}


def nearest_points(
    first: Camera, second: Camera, points: Array, others: Array
) -> tuple[Array, Array]:
    """Returns the points of closest approach of the lines of sight of two cameras.

    Args:
        first: Camera of ``points``.
        second: Camera of ``others``.
        points: (N, K, 2), px. NaN where unknown.
        others: (M, K, 2), px.

    Returns:
        (N, M, K, 3) points halfway, m; (N, M, K) distances, m: NaN where unknown or where the
        lines are parallel, ``FAR`` where they would meet behind a camera.
    """
    one = first.sights(points)[:, None]  # (N, 1, K, 3)
    other = second.sights(others)[None]  # (1, M, K, 3)
    between = second.centre - first.centre
    normal = np.cross(one, other)
    square = (normal**2).sum(axis=-1)
    with np.errstate(divide='ignore', invalid='ignore'):
        depth = (np.cross(between, other) * normal).sum(axis=-1) / square
        other_depth = (np.cross(between, one) * normal).sum(axis=-1) / square
        apart = np.abs((between * normal).sum(axis=-1)) / np.sqrt(square)
        points_3d = first.centre + depth[..., None] * one
        points_3d = (points_3d + second.centre + other_depth[..., None] * other) / 2
    is_behind = (depth <= 0) | (other_depth <= 0)
    apart = np.where(is_behind, FAR, apart)
    return points_3d, np.where(np.isfinite(apart), apart, np.nan)


def odd_lengths(points: Array, joints: BodyJoints) -> Array:
    """Returns the mean error (...), m, of the bone lengths of bodies with joints (..., M, 3).

    Sizes between ``SMALLEST`` and ``LARGEST`` have no error; 0 where no length is known.
    """
    starts, stops = np.array([[joints.names.index(name) for name in ends] for ends in LENGTHS]).T
    true = np.array(list(LENGTHS.values()))
    lengths = np.linalg.norm(points[..., stops, :] - points[..., starts, :], axis=-1)  # (..., S)
    is_known = np.isfinite(lengths)
    ratios = np.where(is_known, lengths / true, np.nan)
    size = np.nanmedian(np.where(is_known.any(axis=-1, keepdims=True), ratios, 1.0), axis=-1)
    wrong = np.abs(lengths - np.clip(size, SMALLEST, LARGEST)[..., None] * true)
    total = np.where(is_known, np.minimum(wrong, FAR), 0).sum(axis=-1)
    return np.asarray(total / np.maximum(is_known.sum(axis=-1), 1))
