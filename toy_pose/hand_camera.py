"""Pinhole cameras round a place where hands are held up, as in InterHand2.6M's studio.

World axes as in its files: x, y, z in mm; the hands are about a metre from the world's origin. A
camera takes a point X to R (X - t), with x to the right, y down and z forward, and to the image by
f x / z + c.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from toy_pose.skeleton import rotation_z

STAGE = np.array([0.0, -80.0, 1050.0])  # mm, world: where the hands are
UP = np.array([0.0, -1.0, 0.0])  # world: the camera of the origin has y downwards
NUM_CAMERAS = 6  # of a capture
_SEED = 26  # of the rig, which does not depend on the seed of the data set


@dataclass(frozen=True)
class HandCamera:
    """A calibrated camera."""

    name: str
    position: np.ndarray  # (3,) mm, world
    rotation: np.ndarray  # (3, 3) world -> camera
    focal: np.ndarray  # (2,) px
    center: np.ndarray  # (2,) px, the principal point
    width: int
    height: int

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in camera axes, mm, of points in the world."""
        return (points - self.position) @ self.rotation.T

    def project(self, points: np.ndarray) -> np.ndarray:
        """Image positions (..., 2) px of points (..., 3) in the world."""
        local = self.to_camera(points)
        return local[..., :2] / local[..., 2:] * self.focal + self.center


@lru_cache(maxsize=64)
def rig_camera(capture: int, number: int) -> HandCamera:
    """Camera ``number`` of a capture; every capture has a rig of its own."""
    rng = np.random.default_rng((_SEED, capture, number))
    is_wide = rng.random() < 0.3
    width, height = (512, 334) if is_wide else (334, 512)  # the two sizes of the published images
    azimuth = np.deg2rad(rng.uniform(-75, 75))
    elevation = np.deg2rad(rng.uniform(-25, 50))
    outward = np.array(
        [
            np.sin(azimuth) * np.cos(elevation),
            -np.sin(elevation),
            -np.cos(azimuth) * np.cos(elevation),
        ]
    )
    position = STAGE + rng.uniform(950, 1150) * outward
    target = STAGE + rng.normal(0, 12, 3)
    return HandCamera(
        name=f'{400002 + 10 * number}',
        position=position,
        rotation=_look_at(position, target, float(rng.normal(0, 4))),
        focal=rng.uniform(1240, 1300) + rng.normal(0, 0.2, 2),
        center=np.array([width, height]) / 2 + rng.normal(0, 8, 2),
        width=width,
        height=height,
    )


def _look_at(position: np.ndarray, target: np.ndarray, roll: float) -> np.ndarray:
    """Rotation (3, 3), rows are the camera's x (right), y (down) and z (forward) in the world."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, UP)
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    return rotation_z(roll) @ np.stack([right, down, forward])
