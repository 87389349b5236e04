"""Scene layout: style of a scene, and placement of its people with overlaps and truncation."""

from dataclasses import dataclass

import numpy as np

from toy_pose.fast_random import pick
from toy_pose.outlines import View
from toy_pose.person import Person, joint_extent

_TRIES = 14


@dataclass(frozen=True)
class SceneStyle:
    """Distribution parameters of a scene; the defaults are those of format 'coco'.

    Attributes:
        sizes_wh: Image sizes, px; at most 640, the size of the noise.
        size_shares: Probability of each size.
        person_shares: Probability of 1, 2, ... people in an image.
        height_share: Body height of a scene, range in image heights.
        height_px: Smallest and largest body height, px.
        truncated_share: Probability that a person is truncated by the image border.
        crowded_share: Probability that a person may overlap others considerably.
        overlaps: Largest shared part of two boxes, usually and in a crowd.
        huddle: Distance of the others from the first person, range in body heights; None for
            anywhere.
        occluder_share: Probability of an occluder in front of a person.
        has_details: Whether faces have 68 landmarks and hands have fingers.
    """

    sizes_wh: tuple[tuple[int, int], ...] = (
        *((320, 240), (288, 216), (256, 192)),
        *((320, 214), (240, 320), (216, 288)),
    )
    size_shares: tuple[float, ...] = (0.32, 0.14, 0.14, 0.14, 0.16, 0.10)
    person_shares: tuple[float, ...] = (0.20, 0.36, 0.30, 0.14)
    height_share: tuple[float, float] = (0.45, 0.92)
    height_px: tuple[float, float] = (90.0, 230.0)
    truncated_share: float = 0.1
    crowded_share: float = 0.2
    overlaps: tuple[float, float] = (0.05, 0.4)
    huddle: tuple[float, float] | None = None
    occluder_share: float = 0.06
    has_details: bool = False


DEFAULT_STYLE = SceneStyle()


@dataclass(frozen=True)
class Placement:
    """A person with its view."""

    person: Person
    view: View
    low: np.ndarray  # (2,) px, corner of the box around all joints
    high: np.ndarray  # (2,) px


def _random_origin(
    rng: np.random.Generator, extent: np.ndarray, size_wh: np.ndarray, is_truncated: bool
) -> np.ndarray:
    """Pelvis position (2,) px for a body of ``extent`` (2, 2) px, low and high corner."""
    first, last = -extent[0] + 1.0, size_wh - extent[1] - 2.0
    place = rng.uniform(0, 1, 2)
    place[1] = np.sqrt(place[1])  # more often near the lower border
    origin = first + place * (last - first)
    if np.any(last < first):
        origin = np.where(last < first, 0.5 * (first + last), origin)
    if not is_truncated:
        return origin
    cut = rng.uniform(0.12, 0.5) * (extent[1] - extent[0])
    side = pick(rng, (0.28, 0.28, 0.36, 0.08))
    if side == 0:
        origin[0] = first[0] - cut[0]
    elif side == 1:
        origin[0] = last[0] + cut[0]
    elif side == 2:
        origin[1] = last[1] + cut[1]
    else:
        origin[1] = first[1] - 0.4 * cut[1]
    return origin


def _origin_beside(
    rng: np.random.Generator,
    extent: np.ndarray,
    size_wh: np.ndarray,
    first: View,
    distance: tuple[float, float],
) -> np.ndarray:
    """Pelvis position (2,) px beside the first person, moved into the image if possible."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    away = first.height_px * np.array([side * rng.uniform(*distance), rng.normal(0, 0.03)])
    origin = first.origin + away
    low, high = -extent[0] + 1.0, size_wh - extent[1] - 2.0
    return np.where(low < high, np.clip(origin, low, np.maximum(low, high)), origin)


def _overlap(low: np.ndarray, high: np.ndarray, others: list[Placement]) -> float:
    """Largest shared part of the box with another one, relative to the smaller of the two."""
    worst = 0.0
    for other in others:
        shared = np.minimum(high, other.high) - np.maximum(low, other.low)
        smaller = min(float(np.prod(high - low)), float(np.prod(other.high - other.low)))
        worst = max(worst, float(np.prod(np.maximum(shared, 0.0))) / smaller)
    return worst


def _place(
    rng: np.random.Generator,
    person: Person,
    height_px: float,
    size_wh: np.ndarray,
    light: np.ndarray,
    others: list[Placement],
    style: SceneStyle,
) -> Placement | None:
    """The first place of several with an acceptable overlap; None when all are crowded."""
    extent = joint_extent(person.body) * height_px
    fit = float(np.min((size_wh - 4) / (extent[1] - extent[0])))
    is_truncated = bool(rng.random() < style.truncated_share)
    if fit < 1 and not is_truncated:
        height_px, extent = height_px * fit, extent * fit
    limit = style.overlaps[1 if rng.random() < style.crowded_share else 0]
    for _ in range(_TRIES):
        if style.huddle is not None and others:
            origin = _origin_beside(rng, extent, size_wh, others[0].view, style.huddle)
        else:
            origin = _random_origin(rng, extent, size_wh, is_truncated)
        low, high = origin + extent
        if _overlap(low, high, others) <= limit:
            return Placement(person, View(height_px, origin, light), low, high)
    return None


def place_persons(
    rng: np.random.Generator, persons: list[Person], width: int, height: int, style: SceneStyle
) -> list[Placement]:
    """Places for all persons that fit, the farthest (highest feet) first."""
    size_wh = np.array([width, height], float)
    angle = rng.uniform(0, 2 * np.pi)
    light = np.array([np.cos(angle), -abs(np.sin(angle))])
    common = rng.uniform(*style.height_share) * height
    placed: list[Placement] = []
    for person in persons:
        height_px = float(np.clip(common * rng.uniform(0.8, 1.2), *style.height_px))
        place = _place(rng, person, height_px, size_wh, light, placed, style)
        if place is not None:
            placed.append(place)
    return sorted(placed, key=lambda place: float(place.high[1]))
