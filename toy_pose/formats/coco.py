"""COCO 2017 keypoints (Lin et al., 2014): 17 keypoints, detections for the validation images."""

from pathlib import Path
from typing import Any

import numpy as np

from mmpose.metainfo import load_metainfo
from toy_pose.formats.base import LabelledImage, write_json
from toy_pose.formats.coco_fields import (
    LICENSES,
    coco_image,
    coco_person,
    info_fields,
    person_category,
)
from toy_pose.formats.people import PeopleFormat, detections

_FIRST_IMAGE_ID = {'train': 1, 'val': 10_000_001}  # no id occurs in both
_DETECTIONS = 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json'


class CocoFormat(PeopleFormat):
    """People in small pictures, 1 to 4 each."""

    name = 'coco'
    splits = ('train', 'val')
    files = (
        'annotations/person_keypoints_train2017.json',
        'annotations/person_keypoints_val2017.json',
        _DETECTIONS,
    )
    layout = (
        "annotations/person_keypoints_{train,val}2017.json in COCO's keypoint format, images in "
        f'train2017/ and val2017/, detections in {_DETECTIONS}.'
    )
    metainfo = 'coco'

    @property
    def salt(self) -> tuple[int, ...]:
        return ()  # as the first version of the generator, on which figures were measured

    def image_path(self, split: str, index: int) -> str:
        return f'{split}2017/{_FIRST_IMAGE_ID[split] + index:012d}.jpg'

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        for split, found in images.items():
            persons = person_file(found, image_ids(split, len(found)), info)
            write_json(out / f'annotations/person_keypoints_{split}2017.json', persons)
        val = images['val']
        write_json(out / _DETECTIONS, detections(rng, val, image_ids('val', len(val))))


def image_ids(split: str, count: int) -> list[int]:
    """Ids of the first images of a split, which are also their file names."""
    return [_FIRST_IMAGE_ID[split] + index for index in range(count)]


def person_file(
    images: list[LabelledImage], ids: list[int], info: dict[str, Any]
) -> dict[str, Any]:
    """Content of a file of person keypoints."""
    dataset_meta = load_metainfo('coco')
    persons = [
        (person, image_id)
        for image, image_id in zip(images, ids, strict=True)
        for person in image.label
    ]
    return {
        'info': info_fields('COCO', info),
        'licenses': LICENSES,
        'categories': [person_category(dataset_meta.keypoint_names, dataset_meta)],
        'images': [
            coco_image(image, image_id) for image, image_id in zip(images, ids, strict=True)
        ],
        'annotations': [
            coco_person(person, image_id, number)
            for number, (person, image_id) in enumerate(persons, start=1)
        ],
    }


FORMAT = CocoFormat()
