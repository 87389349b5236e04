"""APT-36K (Yang et al., NeurIPS 2022 Datasets and Benchmarks): AP-10K's keypoints in clips."""

from pathlib import Path
from typing import Any

import numpy as np

from toy_pose.formats.ap10k import categories
from toy_pose.formats.base import LabelledImage, RenderedImage, ToyFormat, write_json
from toy_pose.quadruped_coco import FIRST_IMAGE_ID, ap10k_file
from toy_pose.quadruped_kinds import KIND_NAMES, KINDS
from toy_pose.quadruped_scene import render_animals

_CLIP_IMAGES = 15  # frames of a clip, as published; the drawn ones do not show one motion


class Apt36kFormat(ToyFormat):
    """The first published split; ``file_name`` has the folders of species and clip."""

    name = 'apt36k'
    splits = ('train', 'val')
    files = tuple(f'annotations/{split}_annotations_1.json' for split in splits)
    layout = (
        'annotations/{train,val}_annotations_1.json in the layout of AP-10K, images in folders of '
        'species and clip below this folder.'
    )
    instances = 'animals'

    def image_path(self, split: str, index: int) -> str:
        kind = KIND_NAMES[index % len(KIND_NAMES)].replace(' ', '-')
        clip, frame = divmod(index // len(KIND_NAMES), _CLIP_IMAGES)
        return f'{kind}/{split}-clip{clip + 1}/{FIRST_IMAGE_ID[split] + frame:012d}.jpg'

    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        scene = render_animals(rng, (KINDS[index % len(KINDS)],))
        return RenderedImage(scene.jpeg, scene.width, scene.height, scene.animals)

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        drawn = [category for category in categories() if category['name'] in KIND_NAMES]
        for split, file in zip(self.splits, self.files, strict=True):
            write_json(out / file, ap10k_file(images, split, drawn, info, lambda path: path))


FORMAT = Apt36kFormat()
