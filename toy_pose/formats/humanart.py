"""Human-Art (Ju et al., CVPR 2023): people in photographs and 18 kinds of art, 17 or 21 keypoints.

The folder is the release's 'HumanArt' itself; file names start with it.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mmpose.metainfo import load_metainfo
from toy_pose.formats.base import LabelledImage, RenderedImage, write_json
from toy_pose.formats.coco_fields import (
    info_fields,
    num_labelled,
    person_category,
    triples,
)
from toy_pose.formats.people import PeopleFormat, detect
from toy_pose.medium import MEDIA, paint_in_medium
from toy_pose.scene import PersonLabel, render_scene

_SCENARIOS = {
    '2D_virtual_human': (
        *('cartoon', 'digital_art', 'ink_painting', 'kids_drawing', 'mural', 'oil_painting'),
        *('shadow_play', 'sketch', 'stained_glass', 'ukiyoe', 'watercolor'),
    ),
    '3D_virtual_human': ('garage_kits', 'relief', 'sculpture'),
    'real_human': ('acrobatics', 'cosplay', 'dance', 'drama', 'movie'),
}
# Ids start with the number of the scenario, counted from 1 in this order, times 10**12: the real
# digital_art is 2, garage_kits 12 and acrobatics 15.
_PLACES = [(group, name) for group, names in _SCENARIOS.items() for name in names]
_ID_STEP = 10**12
_FIRST_NUMBER = {'train': 1, 'val': 500_001}
_FILES = {
    'train': 'annotations/training_humanart.json',
    'val': 'annotations/validation_humanart.json',
}
_DETECTIONS = 'person_detection_results/HumanArt_validation_detections_AP_H_56_person.json'
_STRIDE = 7  # coprime to the number of scenarios: a few images already cover all groups


class HumanArtFormat(PeopleFormat):
    """Human-Art: people in the medium of each scenario, one scenario after the other."""

    name = 'humanart'
    splits = ('train', 'val')
    files = (*_FILES.values(), _DETECTIONS)
    layout = (
        'this folder is data/HumanArt; annotations/{training,validation}_humanart.json, images in '
        f'images/<group>/<scenario>/, detections in {_DETECTIONS}.'
    )
    metainfo = 'humanart21'

    def image_path(self, split: str, index: int) -> str:
        group, scenario = _place(index)
        return f'images/{group}/{scenario}/{_FIRST_NUMBER[split] + index:012d}.jpg'

    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        names = tuple(load_metainfo(self.metainfo).keypoint_names)
        medium = MEDIA[_place(index)[1]]
        scene = render_scene(rng, names, self.style, paint_in_medium(medium))
        return RenderedImage(scene.jpeg, scene.width, scene.height, scene.persons)

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        for split, found in images.items():
            write_json(out / _FILES[split], _file(found, info))
        entries = []
        for image in images['val']:
            boxes = [person.bbox_xywh for person in image.label]
            entries += detect(rng, boxes, image.width, image.height, _image_id(image))
        write_json(out / _DETECTIONS, entries)


def _place(index: int) -> tuple[str, str]:
    """Group and scenario of the image with this index."""
    return _PLACES[(index * _STRIDE) % len(_PLACES)]


def _first_id(image: LabelledImage) -> int:
    """First id of an image and its persons."""
    _, group, scenario, _ = image.path.split('/')
    return _ID_STEP * (_PLACES.index((group, scenario)) + 1)


def _image_id(image: LabelledImage) -> int:
    return _first_id(image) + int(Path(image.path).stem)


def _file(images: list[LabelledImage], info: dict[str, Any]) -> dict[str, Any]:
    dataset_meta = load_metainfo('humanart21')
    persons = [(person, image) for image in images for person in image.label]
    return {
        'info': info_fields('Human-Art', info),
        'images': [_image(image) for image in images],
        'annotations': [
            _person(person, image, number) for number, (person, image) in enumerate(persons, 1)
        ],
        'categories': [person_category(dataset_meta.keypoint_names, dataset_meta)],
    }


def _image(image: LabelledImage) -> dict[str, Any]:
    scenario = image.path.split('/')[2]
    return {
        'file_name': f'HumanArt/{image.path}',
        'height': image.height,
        'width': image.width,
        'id': _image_id(image),
        'page_url': '',
        'image_url': '',
        'picture_name': 'None',
        'author': 'None',
        'description': f'{scenario}, a generated picture of {len(image.label)} drawn people',
        'category': scenario.replace('_', ' '),
    }


def _person(person: PersonLabel, image: LabelledImage, number: int) -> dict[str, Any]:
    x, y, w, h = person.bbox_xywh
    return {
        'keypoints': triples(person.keypoints[:17], digits=4),
        'keypoints_21': triples(person.keypoints, digits=4),
        'self_contact': [],
        'num_keypoints': num_labelled(person.keypoints[:17]),
        'num_keypoints_21': num_labelled(person.keypoints),
        'iscrowd': 0,
        'image_id': _image_id(image),
        'area': w * h,  # the release gives the area of the box
        'bbox': [x, y, w, h],
        'category_id': 1,
        'id': _first_id(image) + number,
        'annotator': 1,
    }


FORMAT = HumanArtFormat()
