"""What a person detector might have found: shifted boxes with scores, some missed, some false."""

from typing import Any

import numpy as np

_MISSED = 0.04  # of the boxes
_TWICE = 0.15  # of the boxes, found again with a low score
_FALSE_PER_IMAGE = 0.5
_SHIFT = 0.03  # standard deviation of each side, in box sizes


def detect(
    rng: np.random.Generator,
    boxes_xywh: list[tuple[float, float, float, float]],
    width: int,
    height: int,
    image_id: int,
) -> list[dict[str, Any]]:
    """Entries of a COCO detection file for one image, the best first."""
    found = []
    for box in boxes_xywh:
        x, y, w, h = box
        low, high = np.array([x, y]), np.array([x + w, y + h])
        if rng.random() >= _MISSED:
            found.append((_shifted(rng, low, high, _SHIFT), rng.uniform(0.7, 1.0)))
        if rng.random() < _TWICE:
            found.append((_shifted(rng, low, high, 4 * _SHIFT), rng.uniform(0.05, 0.5)))
    for _ in range(int(rng.poisson(_FALSE_PER_IMAGE))):
        size = rng.uniform(0.1, 0.6, 2) * (width, height)
        low = rng.uniform(0, 1, 2) * ((width, height) - size)
        found.append((np.stack([low, low + size]), rng.uniform(0.02, 0.5)))
    entries = [_entry(corners, score, width, height, image_id) for corners, score in found]
    return sorted(entries, key=lambda entry: -entry['score'])


def _shifted(
    rng: np.random.Generator, low: np.ndarray, high: np.ndarray, deviation: float
) -> np.ndarray:
    return np.stack([low, high]) + rng.normal(0, deviation, (2, 2)) * (high - low)


def _entry(
    corners: np.ndarray, score: float, width: int, height: int, image_id: int
) -> dict[str, Any]:
    low, high = np.clip(corners, 0, (width, height))
    high = np.maximum(high, low + 1.0)
    box = [*low.tolist(), *(high - low).tolist()]
    return {'bbox': box, 'category_id': 1, 'image_id': image_id, 'score': float(score)}
