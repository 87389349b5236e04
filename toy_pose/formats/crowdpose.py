"""CrowdPose (Li et al., CVPR 2019): 14 keypoints, a crowd index per image, detections for test."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.metainfo import load_metainfo
from toy_pose.fast_random import pick
from toy_pose.formats.base import LabelledImage, write_json
from toy_pose.formats.coco_fields import (
    num_labelled,
    person_category,
    rounded_box,
    triples,
)
from toy_pose.formats.people import PeopleFormat, detections
from toy_pose.placement import SceneStyle
from toy_pose.scene import PersonLabel

_FIRST_ID = {'train': 100_001, 'val': 200_001, 'test': 300_001}
_FILES = {'train': ('train',), 'val': ('val',), 'trainval': ('train', 'val'), 'test': ('test',)}
_DETECTIONS = 'annotations/det_for_crowd_test_0.1_0.5.json'
_ALONE = SceneStyle()
_BESIDE = replace(
    _ALONE,
    person_shares=(0.0, 0.3, 0.4, 0.3),
    crowded_share=1.0,
    overlaps=(0.4, 0.95),
    huddle=(0.2, 0.7),
)
_CROWD = replace(
    _BESIDE, person_shares=(0.0, 0.1, 0.4, 0.5), overlaps=(0.4, 1.0), huddle=(0.05, 0.22)
)


class CrowdPoseFormat(PeopleFormat):
    """People alone, beside each other and in tight groups, a third of the pictures each."""

    name = 'crowdpose'
    splits = ('train', 'val', 'test')
    files = (*(f'annotations/mmpose_crowdpose_{name}.json' for name in _FILES), _DETECTIONS)
    layout = (
        'annotations/mmpose_crowdpose_{train,val,trainval,test}.json, all images in images/, '
        f'detections in {_DETECTIONS}.'
    )
    metainfo = 'crowdpose'

    def scene_style(self, rng: np.random.Generator) -> SceneStyle:
        return (_ALONE, _BESIDE, _CROWD)[pick(rng, (0.3, 0.4, 0.3))]

    def image_path(self, split: str, index: int) -> str:
        return f'images/{_FIRST_ID[split] + index}.jpg'

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        for name, splits in _FILES.items():
            found = [image for split in splits for image in images[split]]
            write_json(out / f'annotations/mmpose_crowdpose_{name}.json', _file(found))
        test = images['test']
        write_json(out / _DETECTIONS, detections(rng, test, [_image_id(image) for image in test]))


def crowd_index(persons: list[PersonLabel]) -> float:
    """Crowd index of an image, from 0 to 1 (Li et al., 2019, equation 7).

    The mean over all persons of the number of other persons' joints inside their box, relative to
    the number of their own joints; ratios above 1 count as 1. Only joints inside the image count.
    """
    ratios = []
    for person in persons:
        x, y, w, h = person.bbox_xywh
        own = num_labelled(person.keypoints)
        foreign = 0
        for other in persons:
            if other is person:
                continue
            px, py, flag = other.keypoints.T
            is_inside = (px >= x) & (px <= x + w) & (py >= y) & (py <= y + h)
            foreign += int(np.count_nonzero(is_inside & (flag > 0)))
        if own:
            ratios.append(min(1.0, foreign / own))
    return round(float(np.mean(ratios)), 2) if ratios else 0.0


def _image_id(image: LabelledImage) -> int:
    return int(Path(image.path).stem)


def _file(images: list[LabelledImage]) -> dict[str, Any]:
    dataset_meta = load_metainfo('crowdpose')
    names = ['head' if name == 'top_head' else name for name in dataset_meta.keypoint_names]
    persons = [(person, _image_id(image)) for image in images for person in image.label]
    return {
        'categories': [person_category(names, dataset_meta)],
        'images': [
            {
                'file_name': image.path.rsplit('/', 1)[-1],
                'id': _image_id(image),
                'height': image.height,
                'width': image.width,
                'crowdIndex': crowd_index(image.label),
            }
            for image in images
        ],
        'annotations': [
            {
                'num_keypoints': num_labelled(person.keypoints),
                'iscrowd': 0,
                'keypoints': triples(person.keypoints, digits=0),
                'image_id': image_id,
                'bbox': rounded_box(person),
                'category_id': 1,
                'id': number,
            }
            for number, (person, image_id) in enumerate(persons, start=1)
        ],
    }


FORMAT = CrowdPoseFormat()
