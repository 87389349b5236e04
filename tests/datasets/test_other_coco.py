"""What the official files in COCO's layout have that COCO's own files have not."""

import numpy as np
import pytest

from mmpose.datasets import CocoDataset
from mmpose.metainfo import load_metainfo
from tests.datasets import tiny_coco
from tests.datasets.tiny_coco import annotation
from tests.metainfo.test_keypoint_names import SPELLINGS, spell

AP10K = [
    'left_eye', 'right_eye', 'nose', 'neck', 'root_of_tail', 'left_shoulder', 'left_elbow',
    'left_front_paw', 'right_shoulder', 'right_elbow', 'right_front_paw', 'left_hip', 'left_knee',
    'left_back_paw', 'right_hip', 'right_knee', 'right_back_paw',
]  # fmt: skip
AIC = [
    'Right Shoulder', 'Right Elbow', 'Right Wrist', 'Left Shoulder', 'Left Elbow', 'Left Wrist',
    'Right Hip', 'Right Knee', 'Right Ankle', 'Left Hip', 'Left Knee', 'Left Ankle', 'Head top',
    'Neck',
]  # fmt: skip
CROWDPOSE = [
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist',
    'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle', 'head', 'neck',
]  # fmt: skip
COCO = list(load_metainfo('coco').keypoint_names)
HUMANART = [*COCO, 'left_finger', 'right_finger', 'left_toe', 'right_toe']


def file_with(names, metainfo, folder, change=None, categories=(1,), **options):
    """Returns a dataset whose file has these names, and as many keypoints as the skeleton."""
    num = load_metainfo(metainfo).num_keypoints
    data = tiny_coco.content()
    data['categories'] = [{'id': i, 'name': str(i), 'keypoints': names} for i in categories]
    for i, person in enumerate(data['annotations']):
        person['keypoints'] = person['keypoints'][: 3 * num]
        person['category_id'] = categories[i % len(categories)]
    if change is not None:
        change(data)
    return CocoDataset(**tiny_coco.write(folder, data), metainfo=metainfo, **options)


@pytest.mark.parametrize(
    ('names', 'metainfo'),
    [
        (AP10K, 'ap10k'),
        (AIC, 'aic'),
        (CROWDPOSE, 'crowdpose'),
        (COCO, 'coco'),
        (HUMANART, 'coco'),
        ([], 'coco'),
        (['nose'] * 17, 'coco'),
    ],
)
def test_spelling_is_free(tmp_path, names, metainfo):
    assert len(file_with(names, metainfo, tmp_path)) == 6


def swapped(names, i, j):
    names = list(names)
    names[i], names[j] = names[j], names[i]
    return names


@pytest.mark.parametrize(
    ('names', 'metainfo', 'message'),
    [
        (AP10K, 'coco', "'left_eye' as keypoint 0, expected 'nose' as in 'coco'"),
        (AIC, 'crowdpose', "'Right Shoulder' as keypoint 0, .*'left_shoulder'"),
        (CROWDPOSE, 'aic', "'left_shoulder' as keypoint 0, .*'right_shoulder'"),
        (swapped(COCO, 5, 6), 'coco', "'right_shoulder' as keypoint 5, expected 'left_shoulder'"),
        (swapped(AP10K, 7, 10), 'ap10k', "'right_front_paw' as keypoint 7, .* 'L_F_Paw'"),
    ],
)
def test_another_order_is_refused(tmp_path, names, metainfo, message):
    with pytest.raises(ValueError, match=message) as caught:
        file_with(names, metainfo, tmp_path)
    text = str(caught.value)
    assert str(names) in text, 'both lists are there'
    assert str(list(load_metainfo(metainfo).keypoint_names)) in text
    assert 'dataset.metainfo' in text
    assert '\n' not in text


@pytest.mark.parametrize('spelling', SPELLINGS)
def test_exchanged_sides_are_refused_in_every_spelling(tmp_path, spelling):
    assert len(file_with(spell(spelling), 'coco', tmp_path)) == 6
    exchanged = [COCO[i] for i in load_metainfo('coco').flip_indices]
    with pytest.raises(ValueError, match="as keypoint 1, expected 'left_eye' as in 'coco'"):
        file_with(spell(spelling, exchanged), 'coco', tmp_path)


def test_a_wrong_number_shows_both_lists(tmp_path):
    def lengthen(data):
        for person in data['annotations']:
            person['keypoints'] += [5, 5, 2] * 4

    message = "annotation 1: field 'keypoints' has 63 numbers, expected 51 .*dataset.metainfo"
    with pytest.raises(ValueError, match=message) as caught:
        file_with(HUMANART, 'coco', tmp_path, lengthen)
    assert str(HUMANART) in str(caught.value)


def test_the_cache_does_not_hide_another_order(tmp_path):
    """A skeleton of as many keypoints reads the file again."""
    file_with(AP10K, 'ap10k', tmp_path)
    with pytest.raises(ValueError, match="'left_eye' as keypoint 0"):
        file_with(AP10K, 'coco', tmp_path)


def test_keypoints_21_do_not_disturb(tmp_path):
    def add(data):
        for person in data['annotations']:
            person['keypoints_21'] = person['keypoints'] + [0] * 12

    data = file_with(HUMANART, 'coco', tmp_path, add)
    assert data.get_sample(0)['keypoints'].shape == (17, 2)


def test_categories_are_kept(tmp_path):
    data = file_with(AP10K, 'ap10k', tmp_path, categories=(3, 54))
    found = [data.get_sample(i)['category_id'] for i in range(len(data))]
    assert found == [3, 54] * 3
    truth = data.ground_truth()
    assert truth.category_ids.tolist() == [3, 54]
    assert truth.category_id.tolist() == found


def test_images_of_unknown_size(tmp_path):
    def forget(data):
        for image in data['images']:
            del image['width'], image['height']
        data['annotations'] = [annotation(1, 100, bbox=[-5, 10, 500, 20])]

    sample = file_with(COCO, 'coco', tmp_path, forget).get_sample(0)
    assert sample['image_wh'] == (0, 0)
    np.testing.assert_array_equal(sample['bbox_xywh'], [0, 10, 499, 19])


def test_training_without_sizes_is_the_same(tmp_path):
    """The size is taken from the image as soon as that is read."""

    def forget(data):
        for image in data['images']:
            del image['width'], image['height']

    known = file_with(COCO, 'coco', tmp_path / 'a', pipeline=tiny_coco.PIPELINE)[0]
    unknown = file_with(COCO, 'coco', tmp_path / 'b', forget, pipeline=tiny_coco.PIPELINE)[0]
    np.testing.assert_array_equal(known['image'], unknown['image'])
    np.testing.assert_array_equal(known['keypoints'], unknown['keypoints'])


def test_float_visibilities_and_no_area(tmp_path):
    def change(data):
        points = [float(x) for x in annotation(1, 100)['keypoints']]
        points[2] = 0.0
        data['annotations'] = [annotation(1, 100, keypoints=points, area=..., iscrowd=...)]

    sample = file_with(COCO, 'coco', tmp_path, change).get_sample(0)
    assert sample['keypoints_visible'].tolist() == [0] + [1] * 16
    assert sample['area'] == 30 * 40


def name_ids(data, of_images=True):
    for image in data['images']:
        image['id'] = f'img_{image["id"]}' if of_images else image['id']
    for person in data['annotations']:
        person['image_id'] = f'img_{person["image_id"]}'


def test_string_image_ids(tmp_path):
    data = file_with(COCO, 'coco', tmp_path, name_ids)
    assert [data.get_sample(i)['img_id'] for i in (0, 5)] == ['img_100', 'img_102']
    truth = data.ground_truth()
    assert truth.image_ids.tolist() == ['img_100', 'img_101', 'img_102']
    again = CocoDataset('ann.json', str(tmp_path), {'img': 'images'})
    assert again.store.folder is not None, 'they survive the cache'
    assert again.get_sample(5)['img_id'] == 'img_102'


def test_mixed_image_ids(tmp_path):
    with pytest.raises(TypeError, match=r"annotation 1: field 'image_id' is 'img_100', expected a"):
        file_with(COCO, 'coco', tmp_path, lambda data: name_ids(data, of_images=False))
    with pytest.raises(TypeError, match=r"image x: field 'id' is 'x', but the first image has 100"):
        file_with(COCO, 'coco', tmp_path, lambda data: data['images'][1].update(id='x'))


def test_category_names_that_are_none(tmp_path):
    with pytest.raises(TypeError, match=r"category 1: field 'keypoints' is 5, expected a list"):
        file_with(5, 'coco', tmp_path)


def test_detections_have_no_ground_truth(tmp_path):
    arguments = tiny_coco.write(tmp_path)
    box = '[{"image_id": 100, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.5}]'
    (tmp_path / 'det.json').write_text(box)
    data = CocoDataset(**arguments, bbox_file='det.json', test_mode=True)
    with pytest.raises(ValueError, match=r'leave out dataset\.bbox_file'):
        data.ground_truth()
