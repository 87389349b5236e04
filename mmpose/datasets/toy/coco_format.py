"""Generated scenes as COCO keypoint annotations."""

from typing import Any

import numpy as np

from mmpose.datasets.toy.scene import PersonLabel, Scene
from mmpose.structures import PoseMeta

_DESCRIPTION = (
    'Generated (synthetic) pictures of drawn people, made by mmpose.datasets.toy for trials and '
    'tests. No photographs; results on them say nothing about real images.'
)


def image_entry(scene: Scene, image_id: int, file_name: str) -> dict[str, Any]:
    """One entry of ``images``."""
    return {
        'id': image_id,
        'file_name': file_name,
        'width': scene.width,
        'height': scene.height,
        'license': 1,
    }


def person_entry(person: PersonLabel, image_id: int) -> dict[str, Any]:
    """One entry of ``annotations``, still without its id."""
    return {
        'image_id': image_id,
        'category_id': 1,
        'iscrowd': 0,
        'num_keypoints': int(np.count_nonzero(person.keypoints[:, 2])),
        'keypoints': [
            number for x, y, flag in person.keypoints.tolist() for number in _triple(x, y, flag)
        ],
        'bbox': [round(side, 2) for side in person.bbox_xywh],
        'area': person.area,
        'segmentation': person.polygons,
    }


def _triple(x: float, y: float, flag: float) -> tuple[float, float, int]:
    return (round(x, 2), round(y, 2), int(flag)) if flag else (0, 0, 0)


def annotation_file(
    images: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
    meta: PoseMeta,
    generator: dict[str, Any],
) -> dict[str, Any]:
    """A whole annotation file.

    Args:
        images: entries of ``images``.
        annotations: entries of ``annotations``; they are numbered here.
        meta: skeleton of the keypoints.
        generator: version and arguments of the generator, kept in ``info``.
    """
    return {
        'info': {
            'description': _DESCRIPTION,
            'version': str(generator['version']),
            'contributor': 'mmpose.datasets.toy',
            'generator': generator,
        },
        'licenses': [{'id': 1, 'name': 'Generated pictures, free to use', 'url': ''}],
        'images': images,
        'annotations': [
            {'id': number, **annotation} for number, annotation in enumerate(annotations, start=1)
        ],
        'categories': [
            {
                'id': 1,
                'name': 'person',
                'supercategory': 'person',
                'keypoints': list(meta.keypoint_names),
                'skeleton': (meta.limbs + 1).tolist(),  # COCO counts from 1
            }
        ],
    }
