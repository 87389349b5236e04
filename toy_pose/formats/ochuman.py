"""OCHuman (Zhang et al., CVPR 2019): 17 keypoints, people who hide each other, no training set."""

from pathlib import Path
from typing import Any

import numpy as np

from mmpose.metainfo import load_metainfo
from toy_pose.formats.base import LabelledImage, RenderedImage, write_json
from toy_pose.formats.coco_fields import (
    encode_mask,
    info_fields,
    num_labelled,
    person_category,
    triples,
)
from toy_pose.formats.people import PeopleFormat
from toy_pose.placement import SceneStyle
from toy_pose.scene import render_scene

_FIRST_NAME = {'val': 1, 'test': 500_001}
_FILE = 'annotations/ochuman_coco_format_{}_range_0.00_1.00.json'


class OCHumanFormat(PeopleFormat):
    """Pairs of people, one close before the other; a label is (person, segmentation) pairs."""

    name = 'ochuman'
    splits = ('val', 'test')
    files = tuple(_FILE.format(split) for split in splits)
    layout = f'{_FILE.format("{val,test}")}, all images in images/; training images: format coco.'
    metainfo = 'coco'
    style = SceneStyle(
        person_shares=(0.0, 0.85, 0.15),
        height_share=(0.6, 0.92),
        crowded_share=1.0,
        overlaps=(1.0, 1.0),
        huddle=(0.04, 0.17),
        occluder_share=0.0,
    )

    def image_path(self, split: str, index: int) -> str:
        return f'images/{_FIRST_NAME[split] + index:06d}.jpg'

    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        names = tuple(load_metainfo(self.metainfo).keypoint_names)
        scene = render_scene(rng, names, self.style)
        outlines = [encode_mask(mask) for mask in scene.masks]
        label = list(zip(scene.persons, outlines, strict=True))
        return RenderedImage(scene.jpeg, scene.width, scene.height, label)

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        for split, found in images.items():
            write_json(out / _FILE.format(split), _file(found, info))


def _file(images: list[LabelledImage], info: dict[str, Any]) -> dict[str, Any]:
    dataset_meta = load_metainfo('coco')
    annotations = []
    for image_id, image in enumerate(images, start=1):
        for person, segmentation in image.label:
            box = [round(side) for side in person.bbox_xywh]
            annotations.append(
                {
                    'area': box[2] * box[3],  # the release gives the area of the box
                    'image_id': image_id,
                    'iscrowd': 0,
                    'category_id': 1,
                    'bbox': box,
                    'segmentation': segmentation,
                    'num_keypoints': num_labelled(person.keypoints),
                    'id': len(annotations) + 1,
                    'keypoints': triples(person.keypoints),
                }
            )
    return {
        'categories': [person_category(dataset_meta.keypoint_names, dataset_meta)],
        'images': [
            {
                'file_name': image.path.rsplit('/', 1)[-1],
                'width': image.width,
                'height': image.height,
                'id': image_id,
            }
            for image_id, image in enumerate(images, start=1)
        ],
        'annotations': annotations,
        'info': info_fields('OCHuman', info),
    }


FORMAT = OCHumanFormat()
