"""People and animals in one file: both scenes in the picture, each label where it belongs."""

import json

import cv2
import numpy as np

from mmpose.metainfo import load_metainfo
from toy_pose import ToySpec, generate_toy_dataset
from toy_pose.formats import load_format
from toy_pose.quadruped_scene import render_animals
from toy_pose.scene import render_scene


def test_labels_move_with_their_scene():
    layout = load_format('mixed')
    drawn = layout.render(np.random.default_rng(4), 'train', 0)
    rng = np.random.default_rng(4)
    people = render_scene(rng, tuple(load_metainfo('coco').keypoint_names))
    animals = render_animals(rng)
    assert drawn.width == people.width + animals.width
    assert len(drawn.label) == len(people.persons) + len(animals.animals)
    for moved, animal in zip(drawn.label[len(people.persons) :], animals.animals, strict=True):
        shown = animal.keypoints[:, 2] > 0
        steps = moved.keypoints - animal.keypoints
        np.testing.assert_allclose(steps[shown], [[people.width, 0, 0]] * shown.sum())
        assert not steps[~shown].any()
        assert moved.bbox_xywh[0] == animal.bbox_xywh[0] + people.width
    image = cv2.imdecode(np.frombuffer(drawn.jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int)
    alone = cv2.imdecode(np.frombuffer(animals.jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int)
    right = image[: len(alone), people.width :]
    assert np.abs(right - alone).mean() < 6, 'but for the second JPEG'


def test_files_of_two_categories(tmp_path):
    spec = ToySpec(4, 2, seed=1, format='mixed')
    generate_toy_dataset(tmp_path, spec, workers=1, report=lambda line: None)
    for split, num in (('train', 4), ('val', 2)):
        content = json.loads((tmp_path / f'annotations/{split}.json').read_text())
        lengths = {one['id']: len(one['keypoints']) for one in content['categories']}
        assert lengths == {1: 17, 2: 20}
        assert len(content['images']) == num
        assert {one['category_id'] for one in content['annotations']} == {1, 2}
        for one in content['annotations']:
            points = np.reshape(one['keypoints'], (-1, 3))
            assert len(points) == lengths[one['category_id']]
            assert one['num_keypoints'] == np.count_nonzero(points[:, 2])
            assert one['area'] > 0
        for one in content['images']:
            pixels = cv2.imread(str(tmp_path / 'images' / one['file_name']))
            assert pixels.shape[:2] == (one['height'], one['width'])
