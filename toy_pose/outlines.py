"""Outlines of simple solids under parallel projection, and the view that projects them."""

from dataclasses import dataclass

import cv2
import numpy as np

_HALF_TURN = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 8)
_END_CAP = np.stack([np.cos(_HALF_TURN), np.sin(_HALF_TURN)], axis=1)  # (8, 2) around +x
_TURN = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)  # (16, 2)


@dataclass(frozen=True)
class View:
    """Places a body in the image: view axes in body heights -> img px."""

    height_px: float
    origin: np.ndarray  # (2,) img px of the pelvis
    light: np.ndarray  # (2,) img direction towards the light, length 1

    def points(self, points: np.ndarray) -> np.ndarray:
        """Image positions (..., 2) px of points (..., 3) in view axes."""
        return self.origin + self.directions(points)

    def directions(self, vectors: np.ndarray) -> np.ndarray:
        """Image vectors (..., 2) px of vectors (..., 3) in view axes; y turns downwards."""
        return vectors[..., :2] * (self.height_px, -self.height_px)


def capsule_outlines(
    starts: np.ndarray, ends: np.ndarray, start_radii: np.ndarray, end_radii: np.ndarray
) -> np.ndarray:
    """Convex outlines (N, 16, 2) px of rods with round ends.

    Args:
        starts: (N, 2), px.
        ends: (N, 2), px.
        start_radii: (N,), px.
        end_radii: (N,), px.
    """
    axis = ends - starts
    length = np.hypot(axis[:, 0], axis[:, 1])
    axis = axis / np.maximum(length, 1e-6)[:, None]
    axis[length < 1e-6] = (1.0, 0.0)
    normal = np.stack([-axis[:, 1], axis[:, 0]], axis=1)
    turn = np.stack([axis, normal], axis=1)  # (N, 2, 2), rows are the images of x and y
    cap = _END_CAP @ turn  # (8, 2) @ (N, 2, 2) -> (N, 8, 2)
    last = ends[:, None] + end_radii[:, None, None] * cap
    first = starts[:, None] - start_radii[:, None, None] * cap
    return np.concatenate([last, first], axis=1)


def ellipse_outline(center: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Outline (16, 2) px of a flat ellipse with projected semi-axes ``first``, ``second`` (2,)."""
    return center + _CIRCLE[:, :1] * first + _CIRCLE[:, 1:] * second


def ellipsoid_outline(center: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Outline (16, 2) px of an ellipsoid whose three projected semi-axes are ``axes`` (3, 2)."""
    spread = axes.T @ axes
    xx, xy, yy = spread[0, 0], spread[0, 1], spread[1, 1]
    side = np.sqrt(max(xx, 1e-9))
    first = np.array([side, xy / side])  # Cholesky factor of the (2, 2) spread
    second = np.array([0.0, np.sqrt(max(yy - first[1] ** 2, 1e-9))])
    return ellipse_outline(center, first, second)


def convex_hull(points: np.ndarray) -> np.ndarray:
    """Convex hull (M, 2) px of points (N, 2) px."""
    return cv2.convexHull(points.astype(np.float32))[:, 0]
