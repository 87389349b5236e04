"""Painting of heads: skull, hair or cap, and a face that is visible only from the front."""

from collections.abc import Callable

import numpy as np

from toy_pose.appearance import Color, Outfit, shade
from toy_pose.outlines import View, convex_hull, ellipse_outline, ellipsoid_outline
from toy_pose.parts import BodyPart, Patch
from toy_pose.skeleton import FACE_DIRECTIONS, Body

Layers = list[tuple[np.ndarray, Color]]


def _sphere_points(azimuths: tuple[float, float], heights: tuple[float, float]) -> np.ndarray:
    """Directions (N, 3) in head axes between the given angles in degrees; azimuth 0 is forward."""
    azimuth, height = np.meshgrid(
        np.deg2rad(np.linspace(*azimuths, 15)), np.deg2rad(np.linspace(*heights, 8))
    )
    level = np.cos(height)
    xyz = [level * np.sin(azimuth), np.sin(height), level * np.cos(azimuth)]
    return np.stack(xyz, axis=-1).reshape(-1, 3)


_FACE = np.concatenate([_sphere_points((-72, 72), (-85, 34)), _sphere_points((-96, 96), (-85, -8))])
_BEARD = _sphere_points((-70, 70), (-88, -30))
_CAP = _sphere_points((-180, 180), (28, 90))
_BRIM = _sphere_points((-55, 55), (26, 32))


def facing(body: Body, keypoint: str) -> float:
    """Returns the cosine between the head's surface normal at a face keypoint and the camera."""
    normal = body.head @ (FACE_DIRECTIONS[keypoint] / body.proportions.head_radii)
    return float(normal[2] / np.linalg.norm(normal))


# Smallest `facing` at which a face point is seen: nose and ears stick out of the head.
SEEN_FROM = {'nose': -0.12, 'left_eye': 0.1, 'right_eye': 0.1, 'left_ear': -0.3, 'right_ear': -0.3}


def is_face_point_seen(body: Body, outfit: Outfit, keypoint: str) -> bool:
    """Whether a face keypoint is on the near side of the head and not under long hair."""
    if outfit.hair_style == 'long' and keypoint.endswith('ear'):
        return False
    return facing(body, keypoint) > SEEN_FROM[keypoint]


_BROW = np.array([0.0, 0.2, 0.0])  # from the eye


class HeadPainter:
    """Painter that collects the polygons of one head."""

    def __init__(self, body: Body, outfit: Outfit, view: View) -> None:
        self.body, self.outfit, self.view = body, outfit, view
        self.radii = body.proportions.head_radii
        self.center = view.points(body.joints['head'])
        self.layers: Layers = []

    def skull(self, size: float, color: Color, shift: np.ndarray | None = None) -> None:
        """The whole head scaled by ``size`` and moved by ``shift`` (3,) in head axes."""
        axes = self.view.directions((self.body.head * (size * self.radii)).T)
        move = 0.0 if shift is None else self.view.directions(self.body.head @ shift)
        self.layers.append((ellipsoid_outline(self.center + move, axes), color))

    def surface(self, directions: np.ndarray, size: float, color: Color) -> None:
        """The near side of a region given by directions (N, 3) in head axes."""
        near = (directions / self.radii) @ self.body.head[2] > 0
        if np.count_nonzero(near) < 3:
            return
        self.hull(directions[near] * size, color)

    def hull(self, directions: np.ndarray, color: Color) -> None:
        """The convex hull of points at directions (N, 3) in head axes, in head radii."""
        offsets = (directions * self.radii) @ self.body.head.T
        points = self.center + self.view.directions(offsets)
        self.layers.append((convex_hull(points), color))

    def spot(
        self,
        direction: np.ndarray,
        half_width: float,
        half_height: float,
        color: Color,
        across: int = 0,
    ) -> None:
        """A flat ellipse on the head, spanned by head axis ``across`` and the vertical one."""
        offset = self.body.head @ (direction * self.radii)
        size = self.radii[1]
        self.layers.append(
            (
                ellipse_outline(
                    self.center + self.view.directions(offset),
                    self.view.directions(half_width * size * self.body.head[:, across]),
                    self.view.directions(half_height * size * self.body.head[:, 1]),
                ),
                color,
            )
        )


def _paint_ears(painter: HeadPainter) -> None:
    for name in ('left_ear', 'right_ear'):
        if is_face_point_seen(painter.body, painter.outfit, name):
            skin = painter.outfit.skin
            painter.spot(FACE_DIRECTIONS[name], 0.17, 0.26, shade(skin, 0.85), across=2)
            painter.spot(FACE_DIRECTIONS[name], 0.08, 0.14, shade(skin, 0.6), across=2)


def paint_face(painter: HeadPainter) -> None:
    """Eyes, nose, mouth and beard of a small face."""
    outfit = painter.outfit
    if outfit.has_beard:
        painter.surface(_BEARD, 1.02, outfit.hair)
    for name in ('left_eye', 'right_eye'):
        if not is_face_point_seen(painter.body, outfit, name):
            continue
        eye = FACE_DIRECTIONS[name]
        if outfit.has_glasses:
            painter.spot(eye, 0.26, 0.16, (35, 30, 30))
        else:
            painter.spot(eye + _BROW, 0.19, 0.045, shade(outfit.hair, 0.8))
            painter.spot(eye, 0.17, 0.10, (225, 228, 232))
            painter.spot(eye, 0.09, 0.095, (40, 30, 25))
    if facing(painter.body, 'nose') > 0.2:
        painter.spot(np.array([0.0, -0.56, 0.84]), 0.22, 0.055, shade(outfit.skin, 0.55))
    if is_face_point_seen(painter.body, outfit, 'nose'):
        nose = np.array([[0, 0.1, 0.98], [0, -0.22, 1.16], [0.15, -0.3, 0.96], [-0.15, -0.3, 0.96]])
        painter.hull(nose, shade(outfit.skin, 0.78))
        painter.hull(nose * (0.5, 0.9, 1.0), shade(outfit.skin, 1.08))


def _long_hair(painter: HeadPainter) -> Patch:
    """Hair down to the shoulders; it lies behind the head, so it hides the back from behind."""
    body, radii = painter.body, painter.radii
    back = -0.55 * radii[2] * body.head[:, 2]
    top = body.joints['head'] + back
    tip = body.joints['neck'] - 0.03 * body.torso[:, 1] - 0.6 * radii[2] * body.torso[:, 2]
    outlines = []
    for place, width in ((top, 1.06), (tip, 0.85)):
        across = painter.view.directions(width * radii[0] * body.head[:, 0])
        deep = painter.view.directions(0.5 * radii[2] * body.head[:, 2])
        upright = painter.view.directions(0.5 * radii[1] * body.head[:, 1])
        outlines.append(
            ellipsoid_outline(painter.view.points(place), np.stack([across, deep, upright]))
        )
    outline = convex_hull(np.concatenate(outlines))
    depth = float(0.5 * (top[2] + tip[2]) + back[2])
    return Patch(BodyPart.HEAD, depth, (outline,), ((outline, shade(painter.outfit.hair, 0.8)),))


def skull_outline(body: Body, view: View) -> np.ndarray:
    """Outline (16, 2) px of the head without hair and nose."""
    axes = view.directions((body.head * body.proportions.head_radii).T)
    return ellipsoid_outline(view.points(body.joints['head']), axes)


def head_patches(
    body: Body,
    outfit: Outfit,
    view: View,
    paint: Callable[[HeadPainter], None] = paint_face,
) -> list[Patch]:
    """Painted pieces of the head; ``paint`` adds the face."""
    painter = HeadPainter(body, outfit, view)
    hair = outfit.skin if outfit.hair_style == 'bald' else outfit.hair
    depth = float(body.joints['head'][2]) + 0.02
    brim_is_near = body.head[2, 2] > 0
    if outfit.hair_style == 'cap' and not brim_is_near:
        painter.hull(np.concatenate([_BRIM, _BRIM * (1.5, 1.0, 1.75)]), shade(outfit.cap, 0.7))
    painter.skull(1.04, shade(hair, 0.8), np.array([0.0, 0.006, -0.006]))
    painter.skull(0.62, shade(hair, 1.08), np.array([0.0, 0.02, -0.006]))
    painter.surface(_FACE, 1.0, shade(outfit.skin, 0.9))
    painter.surface(_FACE * (0.82, 0.9, 1.0), 0.98, outfit.skin)
    _paint_ears(painter)
    paint(painter)
    if outfit.hair_style == 'cap':
        painter.surface(_CAP, 1.12, outfit.cap)
    if outfit.hair_style == 'cap' and brim_is_near:
        painter.hull(np.concatenate([_BRIM, _BRIM * (1.4, 0.95, 1.7)]), shade(outfit.cap, 0.75))
    outline = convex_hull(np.concatenate([polygon for polygon, _ in painter.layers]))
    patches = [Patch(BodyPart.HEAD, depth, (outline,), tuple(painter.layers))]
    if outfit.hair_style == 'long':
        patches.append(_long_hair(painter))
    return patches
