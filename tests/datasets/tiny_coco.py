"""A COCO-style dataset of a few small generated images, and ways to spoil it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

IMAGE_WH = (80, 60)
PIPELINE = [
    {'type': 'LoadImage'},
    {'type': 'GetBBoxCenterScale'},
    {'type': 'RandomShiftBboxCenter'},
    {'type': 'RandomFlip'},
    {'type': 'RandomHalfBody', 'min_upper_keypoints': 3, 'upper_prioritized_prob': 0.6915},
    {'type': 'RandomBBoxTransform', 'distribution': 'clipped_normal', 'shift_prob': 0},
    {'type': 'TopdownAffine', 'input_size': (24, 32), 'use_udp': True},
]
TEST_PIPELINE = [PIPELINE[0], PIPELINE[1], PIPELINE[-1]]


def annotation(ann_id: int, image_id: int, **changes: Any) -> dict[str, Any]:
    """Returns a person with 17 keypoints in a 30 x 40 box; ... removes a field."""
    rng = np.random.default_rng(ann_id)
    xy = rng.integers((10, 8), (40, 48), (17, 2))
    points = np.concatenate([xy, rng.integers(1, 3, (17, 1))], axis=1)
    person = {
        'id': ann_id,
        'image_id': image_id,
        'category_id': 1,
        'bbox': [10.5, 8.25, 30.0, 40.0],
        'area': 900.5,
        'iscrowd': 0,
        'num_keypoints': 17,
        'keypoints': points.ravel().tolist(),
    }
    return {key: value for key, value in {**person, **changes}.items() if value is not ...}


def content(num_images: int = 3, per_image: int = 2) -> dict[str, Any]:
    """Returns what the annotation file of :func:`write` holds; image ids are 100, 101, ..."""
    width, height = IMAGE_WH
    images = [
        {'id': 100 + i, 'file_name': f'{i}.png', 'width': width, 'height': height}
        for i in range(num_images)
    ]
    people = [annotation(1 + i, 100 + i // per_image) for i in range(num_images * per_image)]
    return {
        'images': images,
        'annotations': people,
        'categories': [{'id': 1, 'name': 'person', 'keypoints': ['nose'] * 17}],
    }


def smooth_image(wh: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Returns a (H, W, 3) uint8 image that interpolation cannot get far wrong."""
    noise = np.random.default_rng(seed).uniform(0, 255, (wh[1], wh[0], 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 4)
    low, high = blurred.min(), blurred.max()
    return ((blurred - low) / (high - low) * 255).round().astype(np.uint8)


def write(folder: Path, data: dict[str, Any] | None = None) -> dict[str, str]:
    """Writes the images and ``ann.json``; returns the arguments of a dataset that reads them."""
    data = content() if data is None else data
    (folder / 'images').mkdir(parents=True, exist_ok=True)
    for i in range(len(data['images'])):
        cv2.imwrite(str(folder / 'images' / f'{i}.png'), smooth_image(IMAGE_WH, i))
    (folder / 'ann.json').write_text(json.dumps(data))
    return {'data_root': str(folder), 'ann_file': 'ann.json', 'data_prefix': {'img': 'images'}}


def write_image(path: Path, wh: tuple[int, int] = IMAGE_WH) -> None:
    """Writes an image into a folder, which is made if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), smooth_image(wh))
