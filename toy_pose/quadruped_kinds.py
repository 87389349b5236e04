"""Kinds of four-legged animals: proportions and coats, drawn from rough shares of the species."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from toy_pose.appearance import Color, as_color, shade
from toy_pose.fast_random import pick


class Build(NamedTuple):
    """Lengths of an animal in trunks (shoulder joint to hip joint)."""

    leg: float  # elbow to ground
    half_depth: float  # of the trunk, up and down
    half_width: float
    neck: float
    neck_radius: float  # in the middle
    head: float  # skull to nose
    head_radius: float
    muzzle_radius: float
    leg_radius: float  # of the forearm
    ear: float
    tail: float
    tail_radius: float


class Kind(NamedTuple):
    """A kind of animal with its typical build."""

    name: str  # as in AP-10K's categories
    build: Build
    neck_rise: float  # degrees above forward, head up
    head_drop: float  # degrees, nose below forward
    has_hooves: bool
    ears: str  # 'up', 'side' or 'round'
    has_mane: bool
    horns: float  # trunks
    pattern: str  # 'plain', 'patches', 'spots', 'stripes' or 'any'
    coats: tuple[tuple[int, int, int], ...]  # BGR


_BROWN, _DARK, _BLACK = (50, 85, 130), (28, 42, 66), (26, 26, 28)
_TAN, _GREY, _WHITE = (110, 160, 200), (130, 135, 138), (222, 230, 235)
_RUST, _GOLD = (45, 100, 185), (70, 140, 205)

KINDS = (
    Kind('horse', Build(0.78, 0.28, 0.21, 0.66, 0.15, 0.42, 0.125, 0.075, 0.062, 0.13, 0.72, 0.05),
         48, 48, True, 'up', True, 0, 'any', (_BROWN, _DARK, _BLACK, _GREY, _WHITE, _RUST)),
    Kind('zebra', Build(0.68, 0.29, 0.22, 0.54, 0.16, 0.42, 0.12, 0.08, 0.06, 0.15, 0.5, 0.022),
         44, 45, True, 'up', True, 0, 'stripes', (_WHITE,)),
    Kind('cow', Build(0.58, 0.32, 0.27, 0.38, 0.19, 0.40, 0.125, 0.092, 0.066, 0.15, 0.62, 0.022),
         22, 42, True, 'side', False, 0.16, 'any', (_BROWN, _BLACK, _WHITE, _RUST, _TAN)),
    Kind('sheep', Build(0.46, 0.30, 0.27, 0.34, 0.16, 0.30, 0.10, 0.065, 0.046, 0.13, 0.18, 0.05),
         40, 38, True, 'side', False, 0, 'plain', (_WHITE, _TAN, _DARK, _GREY)),
    Kind('deer', Build(0.82, 0.24, 0.18, 0.52, 0.10, 0.32, 0.085, 0.05, 0.044, 0.17, 0.16, 0.035),
         58, 32, True, 'side', False, 0.3, 'plain', (_BROWN, _TAN, _RUST)),
    Kind('pig', Build(0.34, 0.30, 0.26, 0.20, 0.20, 0.36, 0.15, 0.085, 0.062, 0.15, 0.2, 0.018),
         8, 28, True, 'up', False, 0, 'any', ((175, 180, 225), _BLACK, _DARK)),
    Kind('dog', Build(0.58, 0.235, 0.17, 0.34, 0.115, 0.29, 0.115, 0.06, 0.05, 0.15, 0.5, 0.03),
         48, 12, False, 'up', False, 0, 'any', (_BROWN, _TAN, _BLACK, _WHITE, _GOLD, _GREY)),
    Kind('wolf', Build(0.62, 0.25, 0.18, 0.34, 0.15, 0.34, 0.12, 0.058, 0.05, 0.13, 0.5, 0.06),
         32, 12, False, 'up', False, 0, 'plain', (_GREY, _DARK, _TAN)),
    Kind('fox', Build(0.46, 0.19, 0.14, 0.28, 0.10, 0.28, 0.10, 0.036, 0.036, 0.16, 0.75, 0.075),
         32, 10, False, 'up', False, 0, 'plain', (_RUST, (40, 110, 205))),
    Kind('cat', Build(0.46, 0.19, 0.15, 0.24, 0.10, 0.16, 0.125, 0.062, 0.044, 0.12, 0.75, 0.03),
         42, 8, False, 'up', False, 0, 'any', (_GREY, _BLACK, _RUST, _WHITE, _TAN)),
    Kind('leopard', Build(0.44, 0.21, 0.16, 0.26, 0.115, 0.21, 0.115, 0.07, 0.056, 0.07, 0.8, 0.03),
         24, 12, False, 'round', False, 0, 'spots', (_GOLD, _TAN)),
    Kind('tiger', Build(0.46, 0.24, 0.18, 0.26, 0.15, 0.23, 0.13, 0.08, 0.065, 0.07, 0.72, 0.032),
         20, 12, False, 'round', False, 0, 'stripes', ((45, 125, 220),)),
    Kind('brown bear', Build(0.5, 0.31, 0.25, 0.28, 0.19, 0.32, 0.15, 0.075, 0.1, 0.08, 0.08, 0.05),
         14, 16, False, 'round', False, 0, 'plain', (_BROWN, _DARK)),
    Kind('polar bear', Build(0.52, 0.3, 0.24, 0.4, 0.16, 0.32, 0.13, 0.07, 0.1, 0.06, 0.08, 0.05),
         10, 12, False, 'round', False, 0, 'plain', (_WHITE,)),
)  # fmt: skip

KIND_NAMES = tuple(kind.name for kind in KINDS)


@dataclass(frozen=True)
class Coat:
    """Coat of one animal."""

    fur: Color
    belly: Color
    legs: Color  # from the middle joint down
    feet: Color
    muzzle: Color
    nose: Color
    mane: Color
    marks: Color
    pattern: str  # 'plain', 'patches', 'spots' or 'stripes'
    period: float  # of the pattern, trunks


def sample_build(rng: np.random.Generator, kind: Kind) -> Build:
    """The kind's build with every length changed a little, and a random stoutness."""
    build = Build(*(length * rng.uniform(0.9, 1.1) for length in kind.build))
    stout = rng.uniform(0.92, 1.12)
    return build._replace(
        half_width=build.half_width * stout, neck_radius=build.neck_radius * stout
    )


def sample_coat(rng: np.random.Generator, kind: Kind) -> Coat:
    """A random coat as the kind may have it."""
    base = np.array(kind.coats[int(rng.integers(0, len(kind.coats)))], float)
    fur = as_color(base * rng.uniform(0.8, 1.2) + rng.normal(0, 9, 3))
    pattern = kind.pattern
    if pattern == 'any':
        pattern = ('plain', 'patches', 'spots', 'stripes')[pick(rng, (0.5, 0.3, 0.1, 0.1))]
    is_light = sum(fur) > 420
    marks = shade(fur, 0.25) if is_light else as_color(np.array(_WHITE) + rng.normal(0, 10, 3))
    if pattern in ('spots', 'stripes'):
        marks = shade(fur, rng.uniform(0.1, 0.35))
    legs = (fur, shade(fur, 0.45), as_color(np.array(_WHITE, float)))[pick(rng, (0.6, 0.28, 0.12))]
    return Coat(
        fur=fur,
        belly=shade(fur, rng.uniform(0.95, 1.4)),
        legs=legs,
        feet=(38.0, 42.0, 48.0) if kind.has_hooves else shade(legs, 0.9),
        muzzle=shade(fur, rng.uniform(0.55, 1.35)),
        nose=(150.0, 150.0, 205.0) if kind.name == 'pig' else (26.0, 26.0, 30.0),
        mane=shade(fur, rng.uniform(0.2, 0.7)),
        marks=marks,
        pattern=pattern,
        period=float(rng.uniform(0.09, 0.2))
        if pattern != 'patches'
        else float(rng.uniform(0.3, 0.6)),
    )
