"""AI Challenger keypoints (Wu et al., 2017) as converted to COCO's fields: 14 keypoints."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.metainfo import load_metainfo
from toy_pose.formats.base import LabelledImage, write_json
from toy_pose.formats.coco_fields import (
    LICENSES,
    info_fields,
    num_labelled,
    person_category,
    triples,
)
from toy_pose.formats.people import PeopleFormat
from toy_pose.scene import PersonLabel

_FOLDERS = {
    'train': 'ai_challenger_keypoint_train_20170902/keypoint_train_images_20170902',
    'val': 'ai_challenger_keypoint_validation_20170911/keypoint_validation_images_20170911',
}


class AicFormat(PeopleFormat):
    """People with a head top and a neck but no face; whole pixels, no areas."""

    name = 'aic'
    splits = ('train', 'val')
    files = ('annotations/aic_train.json', 'annotations/aic_val.json')
    layout = f'annotations/aic_{{train,val}}.json, images in {" and ".join(_FOLDERS.values())}.'
    metainfo = 'aic'

    def image_path(self, split: str, index: int) -> str:
        name = hashlib.sha1(f'{split} {index}'.encode(), usedforsecurity=False).hexdigest()
        return f'{_FOLDERS[split]}/{name}.jpg'

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        for split, found in images.items():
            write_json(out / f'annotations/aic_{split}.json', _file(found, info))


def _file(images: list[LabelledImage], info: dict[str, Any]) -> dict[str, Any]:
    dataset_meta = load_metainfo('aic')
    names = [name.replace('_', ' ').capitalize() for name in dataset_meta.keypoint_names]
    names = [  # 'Right Shoulder', but 'Head top'
        name.title() if name.startswith(('Left', 'Right')) else name for name in names
    ]
    persons = [
        (person, image_id)
        for image_id, image in enumerate(images, start=1)
        for person in image.label
    ]
    return {
        'info': info_fields('AI Challenger', info),
        'licenses': LICENSES,
        'categories': [person_category(names, dataset_meta)],
        'images': [
            {
                'url': '',
                'file_name': image.path.rsplit('/', 1)[-1],
                'height': image.height,
                'width': image.width,
                'id': image_id,
            }
            for image_id, image in enumerate(images, start=1)
        ],
        'annotations': [
            _person(person, image_id, number)
            for number, (person, image_id) in enumerate(persons, start=1)
        ],
    }


def _person(person: PersonLabel, image_id: int, annotation_id: int) -> dict[str, Any]:
    return {
        'bbox': [round(side) for side in person.bbox_xywh],
        'keypoints': triples(person.keypoints, digits=0),
        'num_keypoints': num_labelled(person.keypoints),
        'image_id': image_id,
        'category_id': 1,
        'id': annotation_id,
    }


FORMAT = AicFormat()
