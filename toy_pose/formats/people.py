"""Base class of formats with drawn people, and simulated person detections."""

from typing import Any, ClassVar

import numpy as np

from mmpose.metainfo import load_metainfo
from toy_pose.formats.base import LabelledImage, RenderedImage, ToyFormat
from toy_pose.placement import DEFAULT_STYLE, SceneStyle
from toy_pose.scene import render_scene

_MISSED = 0.04  # of the boxes
_TWICE = 0.15  # of the boxes, found again with a low score
_FALSE_PER_IMAGE = 0.5
_SHIFT = 0.03  # standard deviation of each side, in box sizes


class PeopleFormat(ToyFormat):
    """Format of drawn people with the keypoints of one dataset; a label is the list of persons."""

    metainfo: ClassVar[str]  # skeleton, in the order of the annotation file
    style: ClassVar[SceneStyle] = DEFAULT_STYLE

    def scene_style(self, rng: np.random.Generator) -> SceneStyle:
        """Returns the style of the next scene."""
        return self.style

    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        names = tuple(load_metainfo(self.metainfo).keypoint_names)
        scene = render_scene(rng, names, self.scene_style(rng))
        return RenderedImage(scene.jpeg, scene.width, scene.height, scene.persons)


def detections(
    rng: np.random.Generator, images: list[LabelledImage], image_ids: list[int]
) -> list[dict[str, Any]]:
    """Returns simulated detections of images whose labels are lists of persons."""
    return [
        entry
        for image, image_id in zip(images, image_ids, strict=True)
        for entry in detect(
            rng,
            [person.bbox_xywh for person in image.label],
            image.width,
            image.height,
            image_id,
        )
    ]


def detect(
    rng: np.random.Generator,
    boxes_xywh: list[tuple[float, float, float, float]],
    width: int,
    height: int,
    image_id: int,
) -> list[dict[str, Any]]:
    """Simulates the detections of one image: shifted boxes with scores, misses, false positives."""
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
