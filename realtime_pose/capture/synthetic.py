"""Synthetic source: moving people with known keypoints, so that no camera is needed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from mmpose.metainfo import load_metainfo
from mmpose.structures import Boxes, Frame
from toy_pose.appearance import Outfit, sample_outfit
from toy_pose.background import paint_background
from toy_pose.canvas import Canvas
from toy_pose.landmarks import landmark_points
from toy_pose.outlines import View
from toy_pose.person import Person, paint_person
from toy_pose.skeleton import (
    LimbAngles,
    Pose,
    Proportions,
    pose_body,
    rotation_y,
    sample_proportions,
)

LIGHT = np.array([-0.6, -0.8])
LAP_S = 8.0  # from one side to the other and back
STEPS_HZ = 0.9
BOX_MARGIN = 0.06  # of the extent of the keypoints; flesh and clothes on each side
MAX_PEOPLE = 4

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Walker:
    """Person who walks to and fro and waves.

    Attributes:
        lengths: Body proportions.
        outfit: Clothes and colours.
        height_share: Height of the body over that of the image.
        phase: Start of the walk, laps.
        direction: 1 or -1.
    """

    lengths: Proportions
    outfit: Outfit
    height_share: float
    phase: float
    direction: int

    def pose_at(self, time_s: float) -> Pose:
        """Returns the joint angles at a time."""
        swing = float(np.sin(2 * np.pi * STEPS_HZ * time_s + 5 * self.phase))
        wave = float(np.sin(2 * np.pi * 0.7 * time_s))
        lift = float(0.5 + 0.5 * np.sin(2 * np.pi * 0.15 * time_s + self.phase))
        yaw = 35.0 * float(np.sin(2 * np.pi * (time_s / LAP_S + self.phase)))
        left = LimbAngles(20 + 110 * lift, 80, 80 * lift, 30 + 50 * lift + 20 * wave)
        right = LimbAngles(abs(25 * swing) + 6, 20 if swing > 0 else 160, 0, 25)
        legs = [
            LimbAngles(abs(26 * s) + 2, 0 if s > 0 else 180, 5, 12 + 22 * max(-s, 0.0))
            for s in (-swing, swing)
        ]
        return Pose(
            family='walking',
            root=rotation_y(yaw),
            lean=4.0,
            side_bend=0.0,
            torso_twist=6.0 * swing,
            head=(10.0 * wave, 0.0, 0.0),
            arms=(left, right),
            legs=(legs[0], legs[1]),
            foot_follow=0.3,
        )

    def person_at(self, time_s: float) -> Person:
        """Returns the posed and dressed body."""
        return Person('walking', pose_body(self.pose_at(time_s), self.lengths), self.outfit)

    def along_at(self, time_s: float) -> float:
        """Returns the position along the walk, from -1, the left end, to 1, the right one."""
        return self.direction * float(np.sin(2 * np.pi * (time_s / LAP_S + self.phase)))

    def view_at(self, time_s: float, size_wh: tuple[int, int]) -> View:
        """Returns the projection of the body into the image."""
        width, height = size_wh
        origin = np.array([width * (0.5 + 0.3 * self.along_at(time_s)), height * 0.53])
        return View(self.height_share * height, origin, LIGHT)


class SyntheticSource:
    """Source of drawn people who walk past each other; the keypoints of each frame are known.

    Args:
        num_people: 1 to 4.
        size_wh: Size of the frames, px.
        fps: Frames per second of its own time.
        seed: Decides bodies, clothes and background.
        num_frames: Length; None is endless.

    Attributes:
        keypoint_names: Names of the known keypoints.

    Raises:
        ValueError: If an argument is out of its range.
    """

    name = 'synthetic'
    is_live = False

    def __init__(
        self,
        num_people: int = 1,
        size_wh: tuple[int, int] = (640, 480),
        fps: float = 30.0,
        seed: int = 0,
        num_frames: int | None = None,
    ) -> None:
        if not 1 <= num_people <= MAX_PEOPLE:
            raise ValueError(f'{num_people} synthetic people: expected 1 to {MAX_PEOPLE}')
        if not fps > 0 or min(size_wh) < 32:
            raise ValueError(f'fps {fps} and size {size_wh}: expected more than 0 and 32x32 px')
        self.size_wh = size_wh
        self.fps = fps
        self.num_frames = num_frames
        self.keypoint_names = load_metainfo('coco').keypoint_names
        self.problems: list[str] = []
        rng = np.random.default_rng(seed)
        canvas = Canvas(*size_wh)
        paint_background(canvas, rng)
        self._background = canvas.image.copy()
        self._walkers = [
            _Walker(
                sample_proportions(rng),
                sample_outfit(rng),
                height_share=0.74 - 0.06 * i,
                phase=0.5 * i / num_people,
                direction=-1 if i % 2 else 1,
            )
            for i in range(num_people)
        ]

    def keypoints_at(self, index: int) -> Array:
        """Returns the keypoints (N, K, 2), img px, of a frame, including hidden ones."""
        time_s = index / self.fps
        return np.stack(
            [
                who.view_at(time_s, self.size_wh).points(
                    landmark_points(who.person_at(time_s), self.keypoint_names)
                )
                for who in self._walkers
            ]
        )

    def boxes_at(self, index: int) -> Boxes:
        """Returns a box around each person in a frame."""
        keypoints = self.keypoints_at(index)
        low, high = keypoints.min(axis=1), keypoints.max(axis=1)  # (N, 2)
        margin = BOX_MARGIN * (high - low).max(axis=1, keepdims=True)
        return Boxes.from_xywh(np.hstack([low - margin, high - low + 2 * margin]))

    def frame_at(self, index: int) -> Frame:
        """Returns a frame; the same index gives the same picture."""
        time_s = index / self.fps
        canvas = Canvas(*self.size_wh)
        canvas.image[:] = self._background
        for number, who in enumerate(self._walkers):
            view = who.view_at(time_s, self.size_wh)
            rng = np.random.default_rng(number)  # the grain of the cloth stays the same
            paint_person(canvas, rng, who.person_at(time_s), view, number)
        return Frame(index, canvas.image, self.name, time_s)

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields the frames in order, as fast as they are requested."""
        for index in count() if self.num_frames is None else range(self.num_frames):
            yield self.frame_at(index), ''


class GroundTruthDetector:
    """Detector for frames of a ``SyntheticSource``, which returns the true boxes."""

    def __init__(self, source: SyntheticSource) -> None:
        self.source = source

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns the boxes of each frame, img px."""
        return [self.source.boxes_at(frame.index) for frame in frames]
