"""A COCO-like file with three categories of two skeletons, and one that has no keypoints."""

import numpy as np

from mmpose.structures import DatasetMeta
from tests.datasets import tiny_coco

PERSON = ['nose', 'left_shoulder', 'right_shoulder', 'left_hip', 'right_hip', 'left_knee',
          'right_knee']  # fmt: skip
BEAST = ['snout', 'tail', 'left_paw', 'right_paw', 'hump']
CATEGORIES = [
    {'id': 4, 'name': 'person', 'keypoints': PERSON, 'skeleton': [[1, 2]]},
    {'id': 9, 'name': 'horse', 'keypoints': BEAST, 'skeleton': [], 'supercategory': 'animal'},
    {'id': 2, 'name': 'cow', 'keypoints': BEAST, 'skeleton': [], 'supercategory': 'animal'},
    {'id': 7, 'name': 'car'},
]
SIZES = {4: 7, 9: 5, 2: 5, 7: 0}


def skeleton(name, names):
    """Returns a skeleton in which left and right of a name are partners."""
    other = {'left': 'right', 'right': 'left'}
    swapped = ['_'.join(other.get(word, word) for word in one.split('_')) for one in names]
    num = len(names)
    return DatasetMeta(
        name, tuple(names), np.array([names.index(one) for one in swapped]), (), (),
        np.array([[0, 1]]), np.ones(num, np.float32), np.full(num, 0.06, np.float32),
        np.full((num, 3), 200, np.uint8), np.full((1, 3), 90, np.uint8),
    )  # fmt: skip


SKELETONS = {4: skeleton('people', PERSON), 9: skeleton('beasts', BEAST)}


def content(num_images=6):
    """Returns a person, a horse, a cow and a car on each image; image ids are 100, 101, ..."""
    rng = np.random.default_rng(3)
    data = tiny_coco.content(num_images)
    annotations = []
    for image in data['images']:
        for number, num in SIZES.items():
            points = np.column_stack([rng.integers(10, 45, (num, 2)), np.full(num, 2)])
            one = tiny_coco.annotation(len(annotations) + 1, image['id'], category_id=number)
            one |= {'keypoints': points.ravel().tolist(), 'num_keypoints': num}
            annotations.append(one)
    return {**data, 'annotations': annotations, 'categories': CATEGORIES}


def of(data, *categories):
    """Returns the file that has only some categories, as someone would write it by hand."""
    return {
        **data,
        'annotations': [x for x in data['annotations'] if x['category_id'] in categories],
        'categories': [x for x in data['categories'] if x['id'] in categories],
    }
