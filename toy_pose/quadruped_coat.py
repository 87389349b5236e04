"""Coat patterns, blended into the pixels of a painted animal so that its shading is kept."""

import cv2
import numpy as np

from toy_pose.canvas import Canvas
from toy_pose.fast_random import add_noise, smooth_field
from toy_pose.outlines import View
from toy_pose.quadruped import Animal
from toy_pose.quadruped_kinds import Coat

_MARK_STRENGTH = 0.8  # how much of the mark's colour covers the fur
_BELLY_FROM = 0.35  # of the trunk's half depth below its middle


def _is_among(ids: np.ndarray, chosen: tuple[int, ...]) -> np.ndarray:
    table = np.zeros(256, bool)
    table[list(chosen)] = True
    return table[ids]


def _blotches(rng: np.random.Generator, shape: tuple[int, int], period_px: float) -> np.ndarray:
    """A smooth field (H, W) uint8 around 128 that varies over about ``period_px``."""
    side = max(shape)
    cells = int(np.clip(round(2 * side / max(period_px, 2.0)), 2, 60))
    return smooth_field(rng, side, side, cells, 0, 255, 0.0)[: shape[0], : shape[1], 0]


def _marks(
    rng: np.random.Generator, coat: Coat, height: np.ndarray, along: np.ndarray, scale: float
) -> np.ndarray:
    """Mask (H, W) of the marks of a coat, bool.

    Args:
        rng: Source of the pattern.
        coat: Says which pattern.
        height: (H, W), trunks above the trunk's middle.
        along: (H, W), trunks along the trunk.
        scale: Length of a trunk, px.
    """
    field = _blotches(rng, height.shape, coat.period * scale)
    if coat.pattern == 'stripes':
        bend = (field.astype(np.float32) - 128) / 128
        return (
            np.sin(2 * np.pi * (along + 0.15 * height) / (0.75 * coat.period) + 1.6 * bend) > 0.25
        )
    return field > (158 if coat.pattern == 'spots' else 138)


def print_coat(
    canvas: Canvas,
    rng: np.random.Generator,
    animal: Animal,
    coat: Coat,
    view: View,
    region: tuple[slice, slice],
    printed: tuple[int, ...],
    every: tuple[int, ...],
) -> None:
    """Belly colour, pattern and grain.

    Args:
        canvas: Has the animal.
        rng: Source of pattern and grain.
        animal: Says where the trunk is.
        coat: Colours and pattern.
        view: Position in the image; ``height_px`` is the length of a trunk.
        region: Rows and columns that hold the animal.
        printed: Ids that the pattern covers.
        every: All ids of the animal.
    """
    image, ids = canvas.image[region], canvas.ids[region]
    up = view.directions(animal.trunk[:, 1]) / view.height_px
    up = up / max(float(np.hypot(*up)), 1e-6)
    rows, columns = np.ogrid[region]
    x, y = (columns - view.origin[0]) / view.height_px, (rows - view.origin[1]) / view.height_px
    height, along = x * up[0] + y * up[1], x * up[1] - y * up[0]
    fur = _is_among(ids, printed)
    belly = fur & (height < -_BELLY_FROM * animal.build.half_depth)
    image[belly] = (0.55 * image[belly] + 0.45 * np.array(coat.belly)).astype(np.uint8)
    if coat.pattern != 'plain':
        marked = fur & _marks(rng, coat, height, along, view.height_px)
        light = image[marked].astype(np.float32).mean(axis=1, keepdims=True) / (
            max(float(np.mean(coat.fur)), 1.0)
        )
        marks = np.array(coat.marks) * np.clip(light, 0.6, 1.2)
        blend = (1 - _MARK_STRENGTH) * image[marked] + _MARK_STRENGTH * marks
        image[marked] = np.clip(blend, 0, 255).astype(np.uint8)
    rough = add_noise(image, rng, 1.0, float(rng.uniform(4, 14)))
    cv2.copyTo(rough, _is_among(ids, every).astype(np.uint8), image)
