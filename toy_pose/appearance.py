"""Random appearance of a person: skin, hair and clothes, symmetric between left and right."""

from dataclasses import dataclass

import numpy as np

from toy_pose.fast_random import pick

Color = tuple[float, float, float]  # BGR, 0 to 255

_SKIN_BGR = np.array(
    [[196, 220, 250], [160, 195, 238], [125, 165, 220], [90, 130, 190], [60, 92, 145], [42, 62, 98]]
)
_HAIR_BGR = np.array(
    [[20, 20, 24], [28, 40, 62], [45, 75, 110], [90, 150, 200], [150, 150, 155], [40, 60, 140]]
)
_TROUSERS_BGR = np.array(
    [[95, 65, 45], [60, 45, 38], [38, 36, 36], [120, 150, 175], [95, 100, 105], [65, 80, 70]]
)
_SHOES_BGR = np.array([[30, 30, 32], [225, 225, 225], [45, 65, 100], [60, 60, 180], [130, 90, 60]])
_MIN_HAIR_CONTRAST = 150.0  # of the sums of the three channels


@dataclass(frozen=True)
class Outfit:
    """Appearance of one person."""

    skin: Color
    hair: Color
    hair_style: str  # 'short', 'long', 'bald' or 'cap'
    cap: Color
    has_glasses: bool
    has_beard: bool
    shirt: Color
    shirt_accent: Color
    shirt_pattern: str  # 'plain', 'stripes', 'checks' or 'print'
    pattern_period: float  # body heights
    has_open_collar: bool
    sleeves: str  # 'none', 'short' or 'long'
    legwear: str  # 'trousers', 'shorts', 'skirt' or 'dress'
    trousers: Color
    shoes: Color
    looseness: float  # factor on the thickness of clothed limbs


def as_color(bgr: np.ndarray) -> Color:
    """Clips an array (3,) to a colour."""
    b, g, r = bgr.tolist()
    return (min(max(b, 0.0), 255.0), min(max(g, 0.0), 255.0), min(max(r, 0.0), 255.0))


def shade(color: Color, factor: float) -> Color:
    """Returns the colour darkened (factor < 1) or lightened."""
    b, g, r = color
    return (min(255.0, b * factor), min(255.0, g * factor), min(255.0, r * factor))


def random_color(rng: np.random.Generator) -> Color:
    """Returns a random colour of an object: often greyish, sometimes saturated."""
    grey = rng.uniform(20, 235)
    strength = (10.0, 30.0, 60.0)[pick(rng, (0.3, 0.4, 0.3))]
    return as_color(grey + rng.normal(0, strength, 3))


def random_skin(rng: np.random.Generator) -> Color:
    """Returns a random skin colour."""
    return _near(rng, _SKIN_BGR, 8.0)


def _near(rng: np.random.Generator, palette: np.ndarray, spread: float) -> Color:
    """Returns a colour near a random mixture of two neighbours in the palette (N, 3)."""
    place = rng.uniform(0, len(palette) - 1)
    low = int(place)
    mixed = palette[low] + (place - low) * (palette[min(low + 1, len(palette) - 1)] - palette[low])
    return as_color(mixed + rng.normal(0, spread, 3))


def sample_outfit(rng: np.random.Generator) -> Outfit:
    """Returns a random outfit; hair differs from skin, which distinguishes front from back."""
    skin, hair = random_skin(rng), _near(rng, _HAIR_BGR, 8.0)
    if abs(sum(hair) - sum(skin)) < _MIN_HAIR_CONTRAST:
        hair = shade(hair, 0.4)
    shirt = random_color(rng)
    legwear = ('trousers', 'shorts', 'skirt', 'dress')[pick(rng, (0.6, 0.22, 0.09, 0.09))]
    trousers = _near(rng, _TROUSERS_BGR, 14.0) if rng.random() < 0.75 else random_color(rng)
    hair_style = ('short', 'long', 'bald', 'cap')[pick(rng, (0.52, 0.30, 0.05, 0.13))]
    return Outfit(
        skin=skin,
        hair=hair,
        hair_style=hair_style,
        cap=random_color(rng),
        has_glasses=bool(rng.random() < 0.12),
        has_beard=bool(hair_style != 'long' and rng.random() < 0.15),
        shirt=shirt,
        shirt_accent=random_color(rng),
        shirt_pattern=('plain', 'stripes', 'checks', 'print')[pick(rng, (0.55, 0.18, 0.09, 0.18))],
        pattern_period=float(rng.uniform(0.025, 0.075)),
        has_open_collar=bool(rng.random() < 0.35),
        sleeves=('none', 'short', 'long')[pick(rng, (0.12, 0.46, 0.42))],
        legwear=legwear,
        trousers=shirt if legwear == 'dress' else trousers,
        shoes=_near(rng, _SHOES_BGR, 10.0),
        looseness=float(rng.uniform(1.0, 1.35)),
    )
