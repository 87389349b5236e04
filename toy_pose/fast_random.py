"""Fast random sampling: weighted choice, and noise cut from a bank that is drawn once.

NumPy's weighted choice takes ten times as long for a single draw, and fresh noise is slow.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

_BANK_SIZE = 640
_BANK_SEED = 20240
_BANK_DEVIATION = 40.0


def pick(rng: np.random.Generator, shares: Sequence[float]) -> int:
    """An index, drawn in proportion to the shares, which add up to 1."""
    remaining = rng.random()
    for index, share in enumerate(shares):
        remaining -= share
        if remaining < 0:
            return index
    return len(shares) - 1


@lru_cache(maxsize=4)
def _noise_bank(grain_px: float) -> np.ndarray:
    """Nearly grey noise (640, 640, 3) uint8 around 128."""
    rng = np.random.default_rng(_BANK_SEED)
    noise = rng.standard_normal((_BANK_SIZE, _BANK_SIZE, 3)).astype(np.float32)
    noise = noise[..., :1] + 0.25 * noise
    if grain_px > 0:
        noise = cv2.GaussianBlur(noise, (0, 0), grain_px)
    noise *= _BANK_DEVIATION / noise.std()
    return np.clip(np.rint(128.0 + noise), 0, 255).astype(np.uint8)


def add_noise(
    image: np.ndarray, rng: np.random.Generator, grain_px: float, strength: float
) -> np.ndarray:
    """The image (H, W, 3) uint8 plus noise of standard deviation ``strength``."""
    height, width = image.shape[:2]
    bank = _noise_bank(grain_px)
    if max(height, width) > _BANK_SIZE:
        bank = np.tile(bank, (-(-height // _BANK_SIZE), -(-width // _BANK_SIZE), 1))
    top = int(rng.integers(0, bank.shape[0] - height + 1))
    left = int(rng.integers(0, bank.shape[1] - width + 1))
    piece = bank[top : top + height, left : left + width]
    gain = strength / _BANK_DEVIATION
    return cv2.addWeighted(image, 1.0, piece, gain, -128.0 * gain)


def smooth_field(
    rng: np.random.Generator,
    height: int,
    width: int,
    cells: int,
    low: float,
    high: float,
    tint: float,
) -> np.ndarray:
    """A smooth random field (height, width, 3) uint8 that varies over about ``cells`` cells.

    It runs from ``low`` to ``high``; ``tint`` is the share of that range by which channels differ.
    """
    shape = (cells, cells + 1)
    coarse = rng.uniform(low, high, (*shape, 1)) * np.ones(3)
    coarse += tint * (high - low) * rng.uniform(-0.5, 0.5, (*shape, 3))
    coarse = np.clip(coarse, 0, 255).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
