"""Synthetic people seen by several calibrated virtual cameras, with known 3D keypoints."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import Frame
from realtime_pose.capture.synthetic import LIGHT, SyntheticSource
from realtime_pose.capture.views import FileViews
from realtime_pose.ik.cameras import Camera
from toy_pose.canvas import Canvas
from toy_pose.landmarks import landmark_points
from toy_pose.outlines import View
from toy_pose.person import Person, paint_person
from toy_pose.skeleton import pose_body

TALLEST = 1.75  # m, the first person; the others are shorter by the ratios of a single camera
ASIDE = 0.8  # m, amplitude of the walk to each side of the middle
LANE = 0.6  # m, depth between neighbouring people
DISTANCE, TARGET_HEIGHT = 4.0, 0.9  # m, of the cameras and of their target point
HEIGHTS = (1.3, 2.3)  # m, alternating: cameras of equal height confuse people more easily
TURN = 50.0  # degrees from one camera to the next
MAX_CAMERAS = 6
TO_TOY = np.diag([1.0, -1.0, -1.0])  # y down and z ahead to y up and z towards the camera

Array = NDArray[np.float64]


def virtual_cameras(num: int, size_wh: tuple[int, int] = (640, 480)) -> list[Camera]:
    """Returns cameras around the people: one in front, the others left and right alternately.

    Raises:
        ValueError: If there are fewer than 2 or more than 6.
    """
    if not 2 <= num <= MAX_CAMERAS:
        raise ValueError(f'{num} synthetic cameras: expected 2 to {MAX_CAMERAS}')
    width, height = size_wh
    focal = 1.4 * height
    matrix = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    cameras = []
    for i in range(num):
        angle = np.radians(TURN * ((i + 1) // 2) * (1 if i % 2 else -1))
        centre = np.array([DISTANCE * np.sin(angle), HEIGHTS[i % 2], DISTANCE * np.cos(angle)])
        ahead = np.array([0, TARGET_HEIGHT, 0]) - centre
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(ahead, right), ahead])
        translation = -rotation @ centre
        cameras.append(Camera(f'view{i + 1}', size_wh, matrix, np.zeros(5), rotation, translation))
    return cameras


def synthetic_views(
    num_cameras: int, num_people: int = 1, size_wh: tuple[int, int] = (640, 480), fps: float = 30.0
) -> FileViews:
    """Returns a multi-view source of people who walk past each other."""
    cameras = virtual_cameras(num_cameras, size_wh)
    return FileViews(cameras, [SyntheticView(camera, num_people, fps) for camera in cameras])


@dataclass(frozen=True)
class _Perspective(View):
    """Perspective projection of joints; the thickness of limbs is scaled as at the pelvis.

    Attributes:
        camera: The camera.
        pelvis: (3,), m, in camera axes.
        height_m: Body height, m.
    """

    camera: Camera
    pelvis: Array
    height_m: float

    def points(self, points: Array) -> Array:
        """Returns image positions (..., 2), px, of points (..., 3) in view axes."""
        return self.camera.project_camera(self.pelvis + self.height_m * points @ TO_TOY)


class SyntheticView(SyntheticSource):
    """View of the people of ``SyntheticSource`` by a calibrated camera; the floor is y = 0.

    Args:
        camera: The camera.
        num_people: 1 to 4.
        fps: Frames per second of its own time.
        seed: Decides bodies, clothes and background.
        num_frames: Length; None is endless.
    """

    def __init__(
        self,
        camera: Camera,
        num_people: int = 1,
        fps: float = 30.0,
        seed: int = 0,
        num_frames: int | None = None,
    ) -> None:
        super().__init__(num_people, camera.size_wh, fps, seed, num_frames)
        self.camera = camera
        tallest = self._walkers[0].height_share
        self._heights = [TALLEST * who.height_share / tallest for who in self._walkers]

    def keypoints_3d_at(self, index: int) -> Array:
        """Returns the 3D keypoints (N, K, 3), m, y up, of a frame."""
        return np.stack(
            [
                self._pelvis_at(number, index)
                + height * landmark_points(who.person_at(index / self.fps), self.keypoint_names)
                for number, (who, height) in enumerate(
                    zip(self._walkers, self._heights, strict=True)
                )
            ]
        )

    def keypoints_at(self, index: int) -> Array:
        """Returns the keypoints (N, K, 2), img px, of a frame, including hidden ones."""
        return self.camera.project(self.keypoints_3d_at(index))

    def frame_at(self, index: int) -> Frame:
        """Returns a frame; the same index gives the same picture."""
        canvas = Canvas(*self.size_wh)
        canvas.image[:] = self._background
        pelvises = [self._pelvis_at(number, index) for number in range(len(self._walkers))]
        placed = [self.camera.rotation @ x + self.camera.translation for x in pelvises]
        for number in sorted(range(len(placed)), key=lambda i: -placed[i][2]):  # farthest first
            person, view = self._seen(number, placed[number], index / self.fps)
            rng = np.random.default_rng(number)  # the grain of the cloth stays the same
            paint_person(canvas, rng, person, view, number)
        return Frame(index, canvas.image, self.name, index / self.fps)

    def _pelvis_at(self, number: int, index: int) -> Array:
        """Returns the pelvis of a person in the world (3,), m, with the lower foot on the floor."""
        who, height = self._walkers[number], self._heights[number]
        time_s = index / self.fps
        joints = who.person_at(time_s).body.joints
        lowest = min(joint[1] for joint in joints.values())
        lane = LANE * (0.5 * (len(self._walkers) - 1) - number)
        return np.array([ASIDE * who.along_at(time_s), -height * lowest, lane])

    def _seen(self, number: int, pelvis: Array, time_s: float) -> tuple[Person, View]:
        """Returns a person in the axes of the camera, and its projection."""
        who, height = self._walkers[number], self._heights[number]
        pose = who.pose_at(time_s)
        pose = replace(pose, root=TO_TOY @ self.camera.rotation @ pose.root)
        height_px = float(height * self.camera.matrix[0, 0] / pelvis[2])
        origin = self.camera.project_camera(pelvis)
        view = _Perspective(height_px, origin, LIGHT, self.camera, pelvis, height)
        return Person(pose.family, pose_body(pose, who.lengths), who.outfit), view
