"""Random poses of people from several families: standing, walking, running, sitting, etc."""

from collections.abc import Callable

import numpy as np

from toy_pose.fast_random import pick
from toy_pose.skeleton import LimbAngles, Pose, rotation_x, rotation_y, rotation_z

Limbs = tuple[LimbAngles, LimbAngles]


def _draw(rng: np.random.Generator, *ranges: tuple[float, float]) -> LimbAngles:
    """Limb angles drawn from (low, high) ranges of swing, azimuth, twist and bend."""
    return LimbAngles(*(float(rng.uniform(low, high)) for low, high in ranges))


def _hanging(rng: np.random.Generator) -> LimbAngles:
    return _draw(rng, (5, 18), (50, 110), (-30, 10), (5, 35))


def _on_hip(rng: np.random.Generator) -> LimbAngles:
    return _draw(rng, (38, 52), (90, 120), (-80, -60), (85, 105))


def _bent_forward(rng: np.random.Generator) -> LimbAngles:
    return _draw(rng, (8, 35), (20, 70), (-55, -5), (65, 125))


def _pointing(rng: np.random.Generator) -> LimbAngles:
    return _draw(rng, (65, 110), (0, 100), (-10, 50), (0, 40))


def _waving(rng: np.random.Generator) -> LimbAngles:
    return _draw(rng, (60, 110), (70, 100), (60, 100), (50, 125))


def _raised(rng: np.random.Generator) -> LimbAngles:
    return _draw(rng, (125, 172), (55, 100), (30, 100), (0, 65))


def _any_arm(rng: np.random.Generator) -> LimbAngles:
    return _draw(rng, (10, 165), (0, 115), (-50, 90), (0, 115))


_CASUAL_ARMS = (_hanging, _on_hip, _bent_forward, _pointing, _waving, _any_arm)
_CASUAL_SHARES = (0.50, 0.14, 0.14, 0.09, 0.09, 0.04)


def _casual_arms(rng: np.random.Generator) -> Limbs:
    left, right = (pick(rng, _CASUAL_SHARES) for _ in range(2))
    if rng.random() < 0.4:
        right = left
    return _CASUAL_ARMS[left](rng), _CASUAL_ARMS[right](rng)


def _standing_legs(rng: np.random.Generator) -> Limbs:
    spread = rng.uniform(0, 12)
    return (
        _draw(rng, (spread - 2, spread + 4), (70, 110), (0, 25), (0, 12)),
        _draw(rng, (spread - 2, spread + 4), (70, 110), (0, 25), (0, 12)),
    )


def _stride(
    rng: np.random.Generator, reach: float, lift: float, arm_reach: float, elbow: float
) -> tuple[Limbs, Limbs]:
    """Arms and legs of a gait with thighs swinging by ``reach`` and shanks lifted by ``lift``."""
    phase = rng.uniform(0, 2 * np.pi)
    legs, arms = [], []
    for shift in (0.0, np.pi):
        swing = reach * np.sin(phase + shift)
        bend = 6.0 + lift * max(0.0, float(np.cos(phase + shift + 0.35)))
        legs.append(LimbAngles(float(swing), float(rng.uniform(-8, 8)), 3.0, bend))
        arm = -arm_reach * np.sin(phase + shift) + rng.uniform(-6, 6)
        arms.append(
            LimbAngles(float(arm), 12.0, float(rng.uniform(-30, -5)), elbow + rng.uniform(-12, 12))
        )
    return (arms[0], arms[1]), (legs[0], legs[1])


def _view(rng: np.random.Generator) -> np.ndarray:
    """Root rotation (3, 3) of an upright body: mostly frontal, also from the side and behind."""
    facing = pick(rng, (0.90, 0.06, 0.04))
    side = 1.0 if rng.random() < 0.5 else -1.0
    low, high = ((0, 45), (45, 120), (120, 180))[facing]
    camera = rotation_z(rng.normal(0, 3)) @ rotation_x(rng.uniform(-4, 18))
    return camera @ rotation_y(side * rng.uniform(low, high))


def _compose(
    rng: np.random.Generator,
    family: str,
    arms: Limbs,
    legs: Limbs,
    lean: tuple[float, float] = (-5, 8),
    foot_follow: float = 0.2,
    root: np.ndarray | None = None,
) -> Pose:
    return Pose(
        family=family,
        root=_view(rng) if root is None else root,
        lean=float(rng.uniform(*lean)),
        side_bend=float(rng.normal(0, 4)),
        torso_twist=float(rng.normal(0, 8)),
        head=(float(rng.normal(0, 20)), float(rng.normal(6, 10)), float(rng.normal(0, 6))),
        arms=arms,
        legs=legs,
        foot_follow=foot_follow,
    )


def _standing(rng: np.random.Generator) -> Pose:
    return _compose(rng, 'standing', _casual_arms(rng), _standing_legs(rng))


def _walking(rng: np.random.Generator) -> Pose:
    arms, legs = _stride(rng, rng.uniform(14, 30), rng.uniform(25, 50), rng.uniform(10, 30), 25.0)
    if rng.random() < 0.25:
        arms = _casual_arms(rng)
    return _compose(rng, 'walking', arms, legs, (-2, 10), 0.5)


def _running(rng: np.random.Generator) -> Pose:
    arms, legs = _stride(rng, rng.uniform(32, 55), rng.uniform(60, 110), rng.uniform(30, 55), 88.0)
    return _compose(rng, 'running', arms, legs, (6, 22), 0.8)


def _sitting(rng: np.random.Generator) -> Pose:
    knee = rng.uniform(68, 108)
    legs = tuple(_draw(rng, (76, 96), (0, 26), (-8, 12), (knee - 8, knee + 8)) for _ in range(2))
    lap = tuple(_draw(rng, (18, 45), (5, 40), (-25, 5), (30, 75)) for _ in range(2))
    arms = lap if rng.random() < 0.6 else _casual_arms(rng)
    return _compose(rng, 'sitting', (arms[0], arms[1]), (legs[0], legs[1]), (-12, 22))


def _arms_up(rng: np.random.Generator) -> Pose:
    return _compose(rng, 'arms_up', (_raised(rng), _raised(rng)), _standing_legs(rng), (-8, 6))


def _crouching(rng: np.random.Generator) -> Pose:
    legs = tuple(_draw(rng, (92, 122), (8, 36), (0, 15), (105, 140)) for _ in range(2))
    arms = tuple(_draw(rng, (35, 85), (0, 40), (-30, 10), (10, 75)) for _ in range(2))
    return _compose(rng, 'crouching', (arms[0], arms[1]), (legs[0], legs[1]), (18, 42), 0.4)


def _bending(rng: np.random.Generator) -> Pose:
    arms = tuple(_draw(rng, (40, 105), (0, 35), (-20, 20), (0, 45)) for _ in range(2))
    return _compose(rng, 'bending', (arms[0], arms[1]), _standing_legs(rng), (32, 75))


def _sport(rng: np.random.Generator) -> Pose:
    legs = (
        _draw(rng, (-25, 70), (-5, 60), (0, 20), (0, 85)),
        _draw(rng, (-25, 70), (-5, 60), (0, 20), (0, 85)),
    )
    return _compose(rng, 'sport', (_any_arm(rng), _any_arm(rng)), legs, (-10, 30), 0.9)


def _star(rng: np.random.Generator) -> Pose:
    arms = tuple(_draw(rng, (60, 145), (75, 105), (-20, 80), (0, 30)) for _ in range(2))
    legs = tuple(_draw(rng, (12, 42), (70, 105), (0, 25), (0, 20)) for _ in range(2))
    return _compose(rng, 'star', (arms[0], arms[1]), (legs[0], legs[1]), (-8, 8), 0.7)


def _lying(rng: np.random.Generator) -> Pose:
    side = 1.0 if rng.random() < 0.5 else -1.0
    roll = rotation_z(side * rng.uniform(75, 105))
    root = rotation_x(rng.uniform(0, 30)) @ roll @ rotation_y(rng.uniform(-180, 180))
    legs = tuple(_draw(rng, (-5, 45), (0, 60), (-5, 20), (5, 80)) for _ in range(2))
    return _compose(
        rng, 'lying', _casual_arms(rng), (legs[0], legs[1]), (-5, 15), foot_follow=1.0, root=root
    )


_FAMILIES: tuple[tuple[Callable[[np.random.Generator], Pose], float], ...] = (
    (_standing, 0.38),
    (_walking, 0.21),
    (_running, 0.10),
    (_sitting, 0.06),
    (_arms_up, 0.10),
    (_crouching, 0.02),
    (_bending, 0.02),
    (_sport, 0.05),
    (_star, 0.05),
    (_lying, 0.01),
)


def sample_pose(rng: np.random.Generator) -> Pose:
    """A random pose of a random family, seen from a random side."""
    family, _ = _FAMILIES[pick(rng, [share for _, share in _FAMILIES])]
    return family(rng)
