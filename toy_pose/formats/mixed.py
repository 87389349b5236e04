"""People and animals in one file, with different keypoints: those of COCO and of AnimalPose.

It imitates no published dataset: it is for models with a head per category.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmpose.metainfo import load_metainfo
from toy_pose.formats.animalpose import JOINTS, SKELETON
from toy_pose.formats.base import LabelledImage, RenderedImage, ToyFormat, write_json
from toy_pose.formats.coco_fields import (
    LICENSES,
    coco_image,
    info_fields,
    num_labelled,
    person_category,
    triples,
)
from toy_pose.medium import encode_jpeg
from toy_pose.quadruped_coco import FIRST_IMAGE_ID, select_joints
from toy_pose.quadruped_scene import AnimalLabel, render_animals
from toy_pose.scene import PersonLabel, render_scene

PERSON, QUADRUPED = 1, 2  # category ids
Label = PersonLabel | AnimalLabel


class MixedFormat(ToyFormat):
    """A scene of people and a scene of animals side by side, both annotated in one file."""

    name = 'mixed'
    splits = ('train', 'val')
    files = ('annotations/train.json', 'annotations/val.json')
    layout = (
        "annotations/{train,val}.json in COCO's layout, with the categories person (17 keypoints "
        'of COCO) and quadruped (20 of AnimalPose), all images in images/.'
    )
    instances = 'persons and animals'

    def image_path(self, split: str, index: int) -> str:
        return f'images/{FIRST_IMAGE_ID[split] + index:012d}.jpg'

    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        people = render_scene(rng, tuple(load_metainfo('coco').keypoint_names))
        animals = render_animals(rng)
        first, second = (
            cv2.imdecode(np.frombuffer(scene.jpeg, np.uint8), cv2.IMREAD_COLOR)
            for scene in (people, animals)
        )
        height = max(len(first), len(second))
        whole = np.zeros((height, people.width + animals.width, 3), np.uint8)
        whole[: len(first), : people.width] = first
        whole[: len(second), people.width :] = second
        labels: list[Label] = [*people.persons]
        labels += [_moved(animal, people.width) for animal in animals.animals]
        return RenderedImage(encode_jpeg(whole, rng), whole.shape[1], height, labels)

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        coco = load_metainfo('coco')
        categories = [
            person_category(coco.keypoint_names, coco),
            {
                'supercategory': 'animal',
                'id': QUADRUPED,
                'name': 'quadruped',
                'keypoints': list(JOINTS),
                'skeleton': [list(limb) for limb in SKELETON],
            },
        ]
        for split, file in zip(self.splits, self.files, strict=True):
            ids = [FIRST_IMAGE_ID[split] + index for index in range(len(images[split]))]
            found = [
                (label, image_id)
                for image_id, image in zip(ids, images[split], strict=True)
                for label in image.label
            ]
            content = {
                'info': info_fields('COCO', info),
                'licenses': LICENSES,
                'categories': categories,
                'images': [
                    coco_image(image, image_id)
                    for image_id, image in zip(ids, images[split], strict=True)
                ],
                'annotations': [
                    _entry(label, image_id, number)
                    for number, (label, image_id) in enumerate(found, start=1)
                ],
            }
            write_json(out / file, content)


def _moved(animal: AnimalLabel, by: int) -> AnimalLabel:
    """Moves an animal to the right."""
    keypoints = animal.keypoints.copy()
    keypoints[keypoints[:, 2] > 0, 0] += by
    x, *rest = animal.bbox_xywh
    return replace(animal, keypoints=keypoints, bbox_xywh=(x + by, *rest))


def _entry(label: Label, image_id: int, number: int) -> dict[str, Any]:
    is_person = isinstance(label, PersonLabel)
    keypoints = label.keypoints if is_person else select_joints(label, JOINTS)
    return {
        'id': number,
        'image_id': image_id,
        'category_id': PERSON if is_person else QUADRUPED,
        'bbox': [round(float(side), 2) for side in label.bbox_xywh],
        'area': float(label.area),
        'iscrowd': 0,
        'num_keypoints': num_labelled(keypoints),
        'keypoints': triples(keypoints),
    }


FORMAT = MixedFormat()
