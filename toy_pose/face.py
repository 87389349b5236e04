"""Faces with the 68 landmarks of iBUG 300-W (Sagonas et al., 2013): geometry and painting.

Directions are in head axes (x to the person's left, y up, z forward) and head radii, as those of
`skeleton.FACE_DIRECTIONS`. The order runs from the person's right to the left: 0-16 jaw, 17-26
brows, 27-35 nose, 36-47 eyes, 48-59 outer lips, 60-67 inner lips.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from toy_pose.appearance import shade
from toy_pose.head import HeadPainter
from toy_pose.outlines import convex_hull
from toy_pose.skeleton import Body

NUM_LANDMARKS = 68
LANDMARK_NAMES = tuple(f'face-{index}' for index in range(NUM_LANDMARKS))

_JAW, _RIGHT_BROW, _LEFT_BROW = range(17), range(17, 22), range(22, 27)
_NOSE, _RIGHT_EYE, _LEFT_EYE = range(27, 36), range(36, 42), range(42, 48)
_OUTER_LIPS, _INNER_LIPS = range(48, 60), range(60, 68)
_SEEN_FROM = dict.fromkeys(_NOSE, -0.1)  # the nose sticks out, other points lie flat


def _on_head(places_xy: ArrayLike, size: float = 1.0) -> np.ndarray:
    """Directions (N, 3) on the front of the unit sphere above the places (N, 2), times size."""
    xy = np.asarray(places_xy, float)
    depth = np.sqrt(np.maximum(0.02, 1.0 - (xy**2).sum(axis=1)))
    return size * np.column_stack([xy, depth])


def _jaw() -> np.ndarray:
    turn = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 17)
    return _on_head(np.column_stack([0.97 * np.sin(turn), -0.04 - 0.9 * np.cos(turn)]))


def _brow(side: float) -> np.ndarray:
    """Five points from the person's right to the left."""
    places = ((0.66, 0.28), (0.56, 0.35), (0.43, 0.38), (0.29, 0.36), (0.15, 0.31))
    return _on_head([(side * x, y) for x, y in places][:: 1 if side < 0 else -1])


def _eye(side: float) -> np.ndarray:
    """Six points from the corner at the person's right over the upper lid and back below."""
    places = ((-0.23, 0), (-0.1, 0.09), (0.1, 0.09), (0.23, 0), (0.1, -0.09), (-0.1, -0.09))
    return np.array([(side * 0.36 + x, 0.08 + y, 0.93) for x, y in places])


_NOSE_POINTS = np.array(
    [
        *((0.0, 0.08, 1.0), (0.0, -0.02, 1.06), (0.0, -0.12, 1.11), (0.0, -0.22, 1.15)),
        *((-0.16, -0.31, 0.96), (-0.09, -0.33, 1.01), (0.0, -0.35, 1.04)),
        *((0.09, -0.33, 1.01), (0.16, -0.31, 0.96)),
    ]
)


def _lips(opening: float, smile: float) -> tuple[np.ndarray, np.ndarray]:
    """Outer (12, 3) and inner (8, 3) lip points, each from the person's right over the top."""
    rings = []
    for number, half_width, upper, lower in ((12, 0.34, 0.09, 0.11), (8, 0.27, 0.02, 0.02)):
        turn = np.pi - np.linspace(0, 2 * np.pi, number, endpoint=False)
        height = np.where(np.sin(turn) >= 0, upper, lower + opening) * np.sin(turn)
        x = half_width * np.cos(turn)
        rings.append(_on_head(np.column_stack([x, -0.56 + height + smile * np.cos(turn) ** 2])))
    return rings[0], rings[1]


def sample_landmarks(rng: np.random.Generator, body: Body) -> dict[str, np.ndarray]:
    """Landmarks of a face with a random expression, name -> (3,) in view axes, body heights."""
    opening = float(rng.uniform(0.04, 0.2)) if rng.random() < 0.4 else 0.0
    outer, inner = _lips(opening, float(rng.uniform(-0.03, 0.06)))
    directions = np.concatenate(
        [_jaw(), _brow(-1.0), _brow(1.0), _NOSE_POINTS, _eye(-1.0), _eye(1.0), outer, inner]
    )
    points = body.joints['head'] + (directions * body.proportions.head_radii) @ body.head.T
    return dict(zip(LANDMARK_NAMES, points, strict=True))


def is_landmark_seen(body: Body, name: str, point: np.ndarray) -> bool:
    """Whether the head's surface at a landmark (3,) faces the camera."""
    radii = body.proportions.head_radii
    normal = body.head @ ((point - body.joints['head']) @ body.head / radii**2)
    index = int(name.removeprefix('face-'))
    return bool(normal[2] > _SEEN_FROM.get(index, 0.0) * np.linalg.norm(normal))


def paint_landmarks(points: Mapping[str, np.ndarray], painter: HeadPainter) -> None:
    """Paint a face through its landmarks."""
    body, outfit, layers = painter.body, painter.outfit, painter.layers
    px = painter.view.points(np.stack([points[name] for name in LANDMARK_NAMES]))
    seen = [is_landmark_seen(body, name, points[name]) for name in LANDMARK_NAMES]

    def fill(indices: range, color: tuple[float, float, float], size: float = 1.0) -> None:
        if sum(seen[index] for index in indices) * 2 <= len(indices):
            return
        center = px[list(indices)].mean(axis=0)
        layers.append((convex_hull(center + size * (px[list(indices)] - center)), color))

    inner = painter.center + 0.9 * (px - painter.center)
    for first in _JAW[:-1]:
        if seen[first] and seen[first + 1]:
            strip = np.concatenate([px[first : first + 2], inner[first : first + 2]])
            layers.append((convex_hull(strip), shade(outfit.skin, 0.78)))
    for brow in (_RIGHT_BROW, _LEFT_BROW):
        fill(brow, shade(outfit.hair, 0.8))
    for eye, name in ((_RIGHT_EYE, 'right_eye'), (_LEFT_EYE, 'left_eye')):
        if outfit.has_glasses:
            fill(eye, (35, 30, 30), 1.5)
        fill(eye, (225, 228, 232))
        if all(seen[index] for index in eye):
            center = body.joints[name] - body.joints['head']
            painter.spot(center @ body.head / painter.radii, 0.06, 0.06, (40, 30, 25))
    fill(_NOSE, shade(outfit.skin, 0.78))
    fill(_NOSE[:4], shade(outfit.skin, 1.1), 0.9)
    skin = np.array(outfit.skin)
    b, g, r = (0.75 * skin + (20.0, 10.0, 60.0)).tolist()
    fill(_OUTER_LIPS, shade((b, g, r), 0.8))
    fill(_INNER_LIPS, (25, 20, 50))
