"""Calibrated cameras: calibration file, projection, undistortion and rays.

A file is JSON::

    {"schema": "realtime_pose.cameras/1", "unit": "m", "up": "+y",
     "cameras": [{"name": "left", "size": [1920, 1080],
                  "K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]],
                  "distortion": [k1, k2, p1, p2, k3],
                  "R": [[...], [...], [...]], "t": [x, y, z]}, ...]}

with the conventions of OpenCV: ``x_camera = R x_world + t``, x to the right, y down, z ahead; the
distortion is that of ``cv2.calibrateCamera`` (Brown-Conrady). ``unit`` is m, cm or mm. ``up`` is
the world axis that points up; joints come out in metres with y up, as the rig has them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_pose.communication.strict_json import load_json

Array = NDArray[np.float64]

SCHEMA = 'realtime_pose.cameras/1'
MAX_ASPECT_ERROR = 0.01  # sizes are whole pixels
UNITS = {'m': 1.0, 'cm': 0.01, 'mm': 0.001}
# Rotations from a world with the given axis up to one with y up.
TO_Y_UP = {
    '+y': np.eye(3),
    '-y': np.diag([1.0, -1.0, -1.0]),
    '+z': np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    '-z': np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    '+x': np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    '-x': np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
}


@dataclass(frozen=True, eq=False)
class Camera:
    """Calibrated camera, in a world of metres with y up.

    Attributes:
        name: As in the file.
        size_wh: (2,) width and height of its images, px.
        matrix: (3, 3). Focal lengths and principal point, px.
        distortion: (5,) k1, k2, p1, p2, k3.
        rotation: (3, 3) from world to camera.
        translation: (3,), m.

    Raises:
        ValueError: If the parts have other shapes, or ``rotation`` is none.
    """

    name: str
    size_wh: tuple[int, int]
    matrix: Array
    distortion: Array
    rotation: Array
    translation: Array

    def __post_init__(self) -> None:
        shapes = {'K': (3, 3), 'distortion': (5,), 'R': (3, 3), 't': (3,)}
        parts = (self.matrix, self.distortion, self.rotation, self.translation)
        for (part, shape), value in zip(shapes.items(), parts, strict=True):
            if value.shape != shape or not np.isfinite(value).all():
                raise ValueError(
                    f"camera '{self.name}': {part} has shape {value.shape}, expected {shape} of "
                    'finite numbers'
                )
        off = np.abs(self.rotation @ self.rotation.T - np.eye(3)).max()
        # Files are often rounded to 6 digits.
        if off > 1e-4 or np.linalg.det(self.rotation) < 0:
            raise ValueError(f"camera '{self.name}': R is no rotation (R R' is {off:.2g} off)")
        if self.matrix[0, 0] <= 0 or self.matrix[1, 1] <= 0:
            raise ValueError(f"camera '{self.name}': the focal lengths in K must be positive")

    @property
    def centre(self) -> Array:
        """Camera centre in the world (3,), m."""
        return -self.rotation.T @ self.translation

    def project(self, points: Array) -> Array:
        """Projects world points (..., 3), m, to the image (..., 2), px."""
        return self.project_camera(points @ self.rotation.T + self.translation)

    def project_camera(self, points: Array) -> Array:
        """Projects points (..., 3) in camera axes to the image (..., 2), px."""
        x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
        k1, k2, p1, p2, k3 = self.distortion
        square = x * x + y * y
        radial = 1 + square * (k1 + square * (k2 + square * k3))
        bent_x = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x)
        bent_y = y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y
        bent = np.stack([bent_x, bent_y, np.ones_like(bent_x)], axis=-1)
        return (bent @ self.matrix.T)[..., :2]

    def rays(self, pixels: Array) -> Array:
        """Undistorts pixels (..., 2) to x and y at depth 1 in camera axes (..., 2).

        The distortion is inverted by fixed-point steps, which serves as a start; the projection
        above is exact.
        """
        homogeneous = np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=-1)
        bent = (homogeneous @ np.linalg.inv(self.matrix).T)[..., :2]
        k1, k2, p1, p2, k3 = self.distortion
        ray = bent
        for _ in range(10):
            x, y = ray[..., 0], ray[..., 1]
            square = x * x + y * y
            radial = 1 + square * (k1 + square * (k2 + square * k3))
            shift_x = 2 * p1 * x * y + p2 * (square + 2 * x * x)
            shift_y = p1 * (square + 2 * y * y) + 2 * p2 * x * y
            shift = np.stack([shift_x, shift_y], axis=-1)
            ray = (bent - shift) / radial[..., None]
        return ray

    def sights(self, pixels: Array) -> Array:
        """Returns unit viewing directions (..., 3) in the world of pixels (..., 2)."""
        rays = self.rays(pixels)
        ahead = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) @ self.rotation
        return np.asarray(ahead / np.linalg.norm(ahead, axis=-1, keepdims=True))

    def resized(self, size_wh: tuple[int, int]) -> Camera:
        """Returns the camera whose images are scaled to another size, px.

        Raises:
            ValueError: If the images have other proportions, so that they are cut, not scaled.
        """
        if size_wh == self.size_wh:
            return self
        factors = np.array(size_wh) / self.size_wh
        if abs(factors[0] / factors[1] - 1) > MAX_ASPECT_ERROR:
            raise ValueError(
                f"images of camera '{self.name}' have {size_wh[0]}x{size_wh[1]} px and its "
                f'calibration {self.size_wh[0]}x{self.size_wh[1]}, which are other proportions; '
                'calibrate it with the size that it is used with'
            )
        scale = np.diag([*factors, 1.0])
        # Pixel 0 has its centre at 0, so the image begins at -0.5.
        scale[:2, 2] = 0.5 * (factors - 1)
        return replace(self, size_wh=size_wh, matrix=scale @ self.matrix)


def load_cameras(path: str | Path) -> list[Camera]:
    """Returns the cameras of a calibration file, in metres with y up.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a part is missing or wrong; the message names the file and the camera.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f'no calibration file {file}')
    try:
        return read_cameras(load_json(file.read_bytes()))
    except ValueError as error:
        raise ValueError(f'{file}: {error}') from None


def read_cameras(content: Any) -> list[Camera]:
    """Returns the cameras of the content of a calibration file; see :func:`load_cameras`."""
    if not isinstance(content, dict) or content.get('schema') != SCHEMA:
        raise ValueError(f"expected an object with schema '{SCHEMA}'")
    unit, up, entries = (content.get(name) for name in ('unit', 'up', 'cameras'))
    if unit not in UNITS:
        raise ValueError(f'unit is {unit!r}, expected one of {sorted(UNITS)}')
    if up not in TO_Y_UP:
        raise ValueError(f'up is {up!r}, expected one of {sorted(TO_Y_UP)}')
    if not isinstance(entries, list) or len(entries) < 2:
        raise ValueError('cameras must list two cameras or more')
    cameras = [_camera(entry, UNITS[unit], TO_Y_UP[up]) for entry in entries]
    names = [camera.name for camera in cameras]
    if len(set(names)) < len(names):
        raise ValueError(f'names of cameras must differ, these are {names}')
    return cameras


def _camera(entry: Any, metres: float, to_y_up: Array) -> Camera:
    needed = ('name', 'size', 'K', 'R', 't')
    missing = [key for key in needed if not isinstance(entry, dict) or key not in entry]
    if missing:
        raise ValueError(f'a camera lacks {", ".join(missing)}')
    name = str(entry['name'])
    try:
        width, height = (int(side) for side in entry['size'])
        matrix, rotation, translation = (np.array(entry[x], np.float64) for x in ('K', 'R', 't'))
        given = np.array(entry.get('distortion', []), np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"camera '{name}': size, K, R, t and distortion must be numbers") from None
    if given.ndim != 1 or len(given) not in (0, 4, 5):
        raise ValueError(f"camera '{name}': distortion has shape {given.shape}, expected 4 or 5")
    distortion = np.zeros(5)
    distortion[: len(given)] = given
    if rotation.shape == (3, 3):
        rotation = rotation @ to_y_up.T
    return Camera(name, (width, height), matrix, distortion, rotation, metres * translation)
