"""Random shift, scale and rotation of the crop window, as MMPose 1.x or 0.x draws them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.sample import Sample
from mmpose.datasets.transforms.window import check_probability
from mmpose.registry import TRANSFORMS

DISTRIBUTIONS = ('truncated_normal', 'clipped_normal')
NORMAL = NormalDist()
TAIL = NORMAL.cdf(-1)  # share of a normal distribution below -1


@TRANSFORMS.register_module()
class RandomBBoxTransform:
    """Shifts, scales and rotates the window at random, by one of the two published distributions.

    ``truncated_normal`` (MMPose 1.x): with every z normal within ±1, the centre moves by
    ``shift_factor`` z times the window in x and in y, the size is multiplied by the middle of
    ``scale_factor`` plus z times half its range, and the rotation is ``rotate_factor`` z degrees.

    ``clipped_normal`` (MMPose 0.x, ViTPose): with z normal, the factor is 1 + s z, clipped to
    1 ± s, and the rotation is half of ``rotate_factor`` z degrees, clipped to ± ``rotate_factor``.
    There is no shift; ``RandomShiftBboxCenter`` is that of 0.x, before the flip.

    Args:
        shift_factor: Largest shift over the size of the window.
        shift_prob: Probability of a shift.
        scale_factor: Smallest and largest factor on the size; s alone is (1 - s, 1 + s).
        scale_prob: Probability of another size.
        rotate_factor: Largest rotation, degrees; twice the ``rot_factor`` of 0.x.
        rotate_prob: Probability of a rotation.
        distribution: ``truncated_normal`` or ``clipped_normal``.

    Raises:
        ValueError: If an argument is out of range, or the distribution cannot have it.
    """

    reads = ('center', 'scale', 'rng')
    writes = ('center', 'scale', 'rotation')

    def __init__(
        self,
        shift_factor: float = 0.16,
        shift_prob: float = 0.3,
        scale_factor: float | Sequence[float] = (0.5, 1.5),
        scale_prob: float = 1.0,
        rotate_factor: float = 80.0,
        rotate_prob: float = 0.6,
        distribution: Literal['truncated_normal', 'clipped_normal'] = 'truncated_normal',
    ) -> None:
        if distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"RandomBBoxTransform: distribution is '{distribution}', expected one of "
                f'{", ".join(DISTRIBUTIONS)}'
            )
        self.distribution = distribution
        self.shift_factor = shift_factor
        self.shift_prob = check_probability(self, 'shift_prob', shift_prob)
        self.spread, self.scale_range = _scale_range(scale_factor)
        self.scale_prob = check_probability(self, 'scale_prob', scale_prob)
        self.rotate_factor = rotate_factor
        self.rotate_prob = check_probability(self, 'rotate_prob', rotate_prob)
        if distribution == 'clipped_normal' and shift_prob:
            raise ValueError(
                f'RandomBBoxTransform: shift_prob is {shift_prob}, but clipped_normal (MMPose 0.x) '
                'has no shift; set shift_prob=0 and put RandomShiftBboxCenter before RandomFlip'
            )

    def __call__(self, sample: Sample) -> Sample:
        is_truncated = self.distribution == 'truncated_normal'
        draw = self._draw_truncated if is_truncated else self._draw_clipped
        shift, factor, rotation = draw(sample['rng'])
        sample['center'] = sample['center'] + shift * sample['scale']
        sample['scale'] = sample['scale'] * factor
        sample['rotation'] = rotation
        return sample

    def _draw_truncated(self, rng: np.random.Generator) -> tuple[NDArray[np.float64], float, float]:
        """Returns shift (2,) over the size of the window, factor on it, and rotation in degrees."""
        # The inverse of the distribution function; a uniform number may be 0, but TAIL is not.
        x, y, size, turn = (NORMAL.inv_cdf(TAIL + (1 - 2 * TAIL) * u) for u in rng.random(4))
        shifts, scales, turns = rng.random(3) < (self.shift_prob, self.scale_prob, self.rotate_prob)
        middle = sum(self.scale_range) / 2
        return (
            np.array([x, y]) * (self.shift_factor if shifts else 0.0),
            middle + self.spread * size if scales else 1.0,
            self.rotate_factor * turn if turns else 0.0,
        )

    def _draw_clipped(self, rng: np.random.Generator) -> tuple[float, float, float]:
        factor, rotation = 1.0, 0.0
        if self.scale_prob == 1 or rng.random() < self.scale_prob:
            low, high = self.scale_range
            factor = min(max((low + high) / 2 + self.spread * rng.standard_normal(), low), high)
        if rng.random() < self.rotate_prob:
            rotation = self.rotate_factor / 2 * rng.standard_normal()
            rotation = min(max(rotation, -self.rotate_factor), self.rotate_factor)
        return 0.0, factor, rotation


def _scale_range(scale_factor: float | Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Returns half the range of a factor, and its ends."""
    if isinstance(scale_factor, Sequence):
        low, high = scale_factor
        spread = (high - low) / 2
    else:
        spread, low, high = scale_factor, 1 - scale_factor, 1 + scale_factor
    if not 0 <= low <= high:
        raise ValueError(
            f'RandomBBoxTransform: scale_factor is {scale_factor}, expected (smallest, largest) or '
            'a number from 0 to 1'
        )
    return spread, (low, high)
