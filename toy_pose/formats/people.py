"""What all layouts with drawn people have in common."""

from typing import Any, ClassVar

import numpy as np

from mmpose.metainfo import load_metainfo
from toy_pose.detections import detect
from toy_pose.formats.base import LabelledImage, RenderedImage, ToyFormat
from toy_pose.scene import render_scene
from toy_pose.style import DEFAULT_STYLE, SceneStyle


class PeopleFormat(ToyFormat):
    """Draws people and labels them with the keypoints of one dataset; a label is their list."""

    metainfo: ClassVar[str]  # skeleton, in the order of the annotation file
    style: ClassVar[SceneStyle] = DEFAULT_STYLE

    def scene_style(self, rng: np.random.Generator) -> SceneStyle:
        """The kind of picture to draw."""
        return self.style

    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        names = tuple(load_metainfo(self.metainfo).keypoint_names)
        scene = render_scene(rng, names, self.scene_style(rng))
        return RenderedImage(scene.jpeg, scene.width, scene.height, scene.persons)


def detections(
    rng: np.random.Generator, images: list[LabelledImage], image_ids: list[int]
) -> list[dict[str, Any]]:
    """A detection file: what a detector might find on images whose labels are lists of persons."""
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
