"""Parts of a painted animal: chains of ellipsoids with a hull over each two neighbours."""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np

from toy_pose.appearance import Color, shade
from toy_pose.limbs import TONES
from toy_pose.outlines import View, convex_hull, ellipsoid_outline

# The tones of people's limbs with one more between each two: a trunk is large.
_FINE_TONES = tuple(
    tuple(float(value) for value in tone)
    for tone in np.stack(
        [np.interp((0, 0.5, 1, 1.5, 2), (0, 1, 2), column) for column in np.transpose(TONES)],
        axis=1,
    )
)


class AnimalPart(IntEnum):
    """Parts of an animal in the id image; the ids of animal i are 20 * i + part."""

    TRUNK = 1
    NECK = 2
    HEAD = 3
    TAIL = 4
    LEFT_EAR = 5
    RIGHT_EAR = 6
    LEFT_FRONT_UPPER = 7
    LEFT_FRONT_LOWER = 8
    LEFT_FRONT_FOOT = 9
    RIGHT_FRONT_UPPER = 10
    RIGHT_FRONT_LOWER = 11
    RIGHT_FRONT_FOOT = 12
    LEFT_BACK_UPPER = 13
    LEFT_BACK_LOWER = 14
    LEFT_BACK_FOOT = 15
    RIGHT_BACK_UPPER = 16
    RIGHT_BACK_LOWER = 17
    RIGHT_BACK_FOOT = 18


@dataclass(frozen=True)
class Ball:
    """An ellipsoid in view axes; the rows of ``axes`` (3, 3) are its semi-axes, in trunks."""

    center: np.ndarray  # (3,)
    axes: np.ndarray

    @property
    def radius(self) -> float:
        return float(np.linalg.norm(self.axes, axis=1).min())


@dataclass(frozen=True)
class Link:
    """The hull over two balls."""

    part: AnimalPart
    first: Ball
    last: Ball
    color: Color


@dataclass(frozen=True)
class Chain:
    """Links that are painted together, tone by tone, so that no seam shows."""

    order: float  # in which chains are painted, the largest last
    links: tuple[Link, ...]


def round_ball(center: np.ndarray, radius: float) -> Ball:
    """A sphere."""
    return Ball(center, radius * np.eye(3))


def link_balls(parts: list[AnimalPart], balls: list[Ball], colors: list[Color]) -> tuple[Link, ...]:
    """Links over each two neighbours of ``balls``."""
    return tuple(
        Link(part, first, last, color)
        for part, (first, last), color in zip(parts, pairwise(balls), colors, strict=True)
    )


def _outline(ball: Ball, view: View, size: float, shift: float) -> np.ndarray:
    """Outline (16, 2) px of a ball made smaller and moved towards the light."""
    move = shift * ball.radius * view.height_px * view.light
    return ellipsoid_outline(view.points(ball.center) + move, size * view.directions(ball.axes))


def chain_layers(chain: Chain, view: View) -> list[tuple[np.ndarray, Color]]:
    """Convex polygons (N, 2) px of a chain with their colours, in the order of painting."""
    layers = []
    for size, shift, brightness in _FINE_TONES:
        for link in chain.links:
            ends = [_outline(ball, view, size, shift) for ball in (link.first, link.last)]
            layers.append((convex_hull(np.concatenate(ends)), shade(link.color, brightness)))
    return layers
