"""Generated animals as entries of COCO-like files."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from toy_pose.formats.base import LabelledImage
from toy_pose.quadruped import JOINT_NAMES
from toy_pose.quadruped_scene import AnimalLabel

FIRST_IMAGE_ID = {'train': 1, 'val': 10_000_001, 'test': 20_000_001}  # no id occurs in two splits
_MAX_ANIMALS = 4  # of an image; annotation ids are image id times this, plus a number

# AP-10K's names of the joints (categories of its annotation files) -> joints of the skeleton.
AP10K_JOINTS = {
    'left_eye': 'left_eye',
    'right_eye': 'right_eye',
    'nose': 'nose',
    'neck': 'neck',
    'root_of_tail': 'tail_base',
    'left_shoulder': 'left_elbow',
    'left_elbow': 'left_carpus',
    'left_front_paw': 'left_front_paw',
    'right_shoulder': 'right_elbow',
    'right_elbow': 'right_carpus',
    'right_front_paw': 'right_front_paw',
    'left_hip': 'left_stifle',
    'left_knee': 'left_hock',
    'left_back_paw': 'left_back_paw',
    'right_hip': 'right_stifle',
    'right_knee': 'right_hock',
    'right_back_paw': 'right_back_paw',
}
# Limbs of AP-10K's categories, counted from 1.
AP10K_SKELETON = (
    (1, 2), (1, 3), (2, 3), (3, 4), (4, 5), (4, 6), (6, 7), (7, 8), (4, 9), (9, 10), (10, 11),
    (5, 12), (12, 13), (13, 14), (5, 15), (15, 16), (16, 17),
)  # fmt: skip


def numbered(
    images: Mapping[str, list[LabelledImage]], split: str
) -> Iterator[tuple[int, LabelledImage, list[tuple[int, AnimalLabel]]]]:
    """Image id, image, and its animals with their annotation ids, in order."""
    for index, image in enumerate(images[split]):
        image_id = FIRST_IMAGE_ID[split] + index
        yield (
            image_id,
            image,
            [(_MAX_ANIMALS * image_id + n, label) for n, label in enumerate(image.label)],
        )


def select_joints(label: AnimalLabel, joints: Mapping[str, str]) -> np.ndarray:
    """Keypoints (K, 3) of an animal for a data set's names -> joints of the skeleton."""
    return label.keypoints[[JOINT_NAMES.index(joint) for joint in joints.values()]]


def whole_box(label: AnimalLabel) -> list[int]:
    """The box x, y, w, h in whole pixels, as AP-10K and AnimalPose have it."""
    x, y, width, height = label.bbox_xywh
    left, top = int(np.floor(x)), int(np.floor(y))
    return [left, top, int(np.ceil(x + width)) - left, int(np.ceil(y + height)) - top]


def ap10k_file(
    images: Mapping[str, list[LabelledImage]],
    split: str,
    categories: list[dict[str, Any]],
    info: Mapping[str, Any],
    file_name: Callable[[str], str],
) -> dict[str, Any]:
    """A whole annotation file in the layout of AP-10K.

    Args:
        images: Split -> images.
        split: Split of the file.
        categories: Entries of ``categories``; animals are found by name.
        info: Version and arguments of the generator.
        file_name: Path of an image below the folder of the data set -> its ``file_name``.
    """
    category_ids = {category['name']: category['id'] for category in categories}
    image_entries, annotations = [], []
    for image_id, image, animals in numbered(images, split):
        image_entries.append(
            {
                'license': 1,
                'id': image_id,
                'file_name': file_name(image.path),
                'width': image.width,
                'height': image.height,
                'background': 1,
            }
        )
        annotations += [
            _ap10k_entry(label, ann_id, image_id, category_ids[label.kind])
            for ann_id, label in animals
        ]
    return {
        'info': {
            'description': 'Generated (synthetic) pictures of drawn animals, made for trials and '
            f'tests. Arguments: {dict(info)}',
            'url': '',
            'version': str(info['version']),
            'year': 0,  # the bytes must not depend on the day
            'contributor': 'toy_pose',
            'date_created': '',
        },
        'licenses': [{'id': 1, 'name': 'Generated pictures, free to use', 'url': ''}],
        'images': image_entries,
        'annotations': annotations,
        'categories': categories,
    }


def ap10k_category(category_id: int, name: str, family: str) -> dict[str, Any]:
    """One entry of ``categories``."""
    return {
        'id': category_id,
        'name': name,
        'supercategory': family,
        'keypoints': list(AP10K_JOINTS),
        'skeleton': [list(limb) for limb in AP10K_SKELETON],
    }


def _ap10k_entry(
    label: AnimalLabel, ann_id: int, image_id: int, category_id: int
) -> dict[str, Any]:
    keypoints = np.rint(select_joints(label, AP10K_JOINTS)).astype(int)
    bbox = whole_box(label)
    return {
        'id': ann_id,
        'image_id': image_id,
        'category_id': category_id,
        'bbox': bbox,
        'area': bbox[2] * bbox[3],
        'iscrowd': 0,
        'num_keypoints': int(np.count_nonzero(keypoints[:, 2])),
        'keypoints': keypoints.ravel().tolist(),
    }
