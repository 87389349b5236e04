"""Random poses of four-legged animals: standing, walking, running, head down, lying."""

import numpy as np

from toy_pose.fast_random import pick
from toy_pose.quadruped import AnimalPose, LegPose, root_rotation
from toy_pose.quadruped_kinds import Kind

FAMILIES = ('standing', 'walking', 'running', 'head_down', 'lying')
_SHARES = (0.26, 0.28, 0.14, 0.16, 0.16)
_SIDE_VIEW_SHARE = 0.62  # photographs of animals mostly show a side

_Legs = tuple[LegPose, LegPose]


def _standing_legs(rng: np.random.Generator) -> tuple[_Legs, _Legs]:
    front, back = [], []
    for _ in range(2):
        lean = rng.normal(0, 5)
        splay = rng.uniform(-1, 6)
        front.append(LegPose(-25, 2 + lean, lean + rng.normal(0, 3), splay))
        lean = rng.normal(0, 6)
        back.append(LegPose(32 + lean, -36 + lean, 3 + lean, splay))
    return (front[0], front[1]), (back[0], back[1])


def _moving_legs(rng: np.random.Generator, stride: float, lift: float) -> tuple[_Legs, _Legs]:
    """Legs of a walk or run: each swings with its own phase and bends while it comes forward."""
    start = rng.uniform(0, 2 * np.pi)
    gallop = lift > 60 and rng.random() < 0.5
    offsets = (0.0, 0.4, np.pi, np.pi + 0.4) if gallop else (0.0, np.pi, np.pi, 0.0)
    legs = []
    for number, offset in enumerate(offsets):
        phase = start + offset + rng.normal(0, 0.25)
        swing, bend = stride * np.sin(phase), lift * max(0.0, float(np.cos(phase)))
        splay = rng.uniform(0, 4)
        if number < 2:
            legs.append(
                LegPose(-25 + 0.7 * swing, 4 + swing + 0.35 * bend, swing - 0.85 * bend, splay)
            )
        else:
            legs.append(
                LegPose(
                    32 + 0.7 * swing + 0.35 * bend,
                    -36 + 0.8 * swing - 0.5 * bend,
                    4 + swing - 0.1 * bend,
                    splay,
                )
            )
    return (legs[0], legs[1]), (legs[2], legs[3])


def _lying_legs(rng: np.random.Generator, has_hooves: bool) -> tuple[_Legs, _Legs]:
    """Legs folded under the trunk; paws may also be stretched forward."""
    front, back = [], []
    for _ in range(2):
        splay = rng.uniform(8, 25)
        if has_hooves and rng.random() < 0.8:
            front.append(LegPose(-35, 78 + rng.normal(0, 5), -98 + rng.normal(0, 6), splay))
        else:
            front.append(LegPose(-45, 82 + rng.normal(0, 4), 88 + rng.normal(0, 4), splay))
        back.append(
            LegPose(72 + rng.normal(0, 5), -76 + rng.normal(0, 5), 88 + rng.normal(0, 5), splay)
        )
    return (front[0], front[1]), (back[0], back[1])


def sample_azimuth(rng: np.random.Generator) -> float:
    """Direction in degrees, 0 towards the camera; sides are more frequent."""
    if rng.random() < _SIDE_VIEW_SHARE:
        side = 90.0 if rng.random() < 0.5 else -90.0
        return side + float(rng.normal(0, 18))
    return float(rng.uniform(-180, 180))


def sample_animal_pose(rng: np.random.Generator, kind: Kind) -> AnimalPose:
    """A random pose in a random direction."""
    family = FAMILIES[pick(rng, _SHARES)]
    if family in ('walking', 'running'):
        is_running = family == 'running'
        front, back = _moving_legs(rng, *((38.0, 95.0) if is_running else (22.0, 45.0)))
    elif family == 'lying':
        front, back = _lying_legs(rng, kind.has_hooves)
    else:
        front, back = _standing_legs(rng)
    neck_rise = kind.neck_rise + rng.normal(0, 9)
    head_drop = kind.head_drop + rng.normal(0, 10)
    if family == 'head_down':
        neck_rise = rng.uniform(-62, -38) if kind.build.leg > 0.4 else rng.uniform(-30, -15)
        head_drop = rng.uniform(45, 75)
    elif family == 'running':
        neck_rise = 0.7 * neck_rise
    return AnimalPose(
        family=family,
        root=root_rotation(sample_azimuth(rng), rng.uniform(-3, 16), rng.normal(0, 2.5)),
        neck_rise=float(neck_rise),
        neck_turn=float(rng.normal(0, 16)),
        head_drop=float(head_drop),
        head_turn=float(rng.normal(0, 20)),
        tail_drop=float(rng.uniform(5, 80) if not kind.has_hooves else rng.uniform(55, 85)),
        tail_curl=float(rng.normal(0, 18)),
        front=front,
        back=back,
    )
