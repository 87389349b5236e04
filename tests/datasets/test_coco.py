"""What becomes an instance and what is left out, by hand-made files."""

import json
import pickle

import numpy as np
import pytest

from mmpose.datasets import CocoDataset, SampleIndex
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS
from tests.datasets import tiny_coco
from tests.datasets.tiny_coco import annotation


def dataset(folder, people, num_images=3, **changes):
    data = tiny_coco.content(num_images)
    data['annotations'] = people
    return CocoDataset(**{**tiny_coco.write(folder, data), **changes})


def ids(data):
    return [data.get_sample(i)['ann_id'] for i in range(len(data))]


def test_is_registered():
    assert DATASETS.get('CocoDataset') is CocoDataset


def test_one_sample(tmp_path):
    points = [20, 30, 2, 21, 31, 1, 0, 0, 0] + [40, 41, 2] * 14
    data = dataset(tmp_path, [annotation(7, 101, keypoints=points, area=123.5)])
    sample = data.get_sample(0)
    assert sample['image_file'] == str(tmp_path / 'images' / '1.png')
    assert sample['image_wh'] == (80, 60)
    assert (sample['img_id'], sample['ann_id'], sample['category_id']) == (101, 7, 1)
    assert (sample['bbox_score'], sample['area'], sample['dataset_idx']) == (1.0, 123.5, 0)
    np.testing.assert_array_equal(sample['keypoints'][:3], [[20, 30], [21, 31], [0, 0]])
    np.testing.assert_array_equal(sample['keypoints_visible'], [1, 1, 0] + [1] * 14)
    assert sample['keypoints'].dtype == sample['keypoints_visible'].dtype == np.float32
    assert sample['dataset_meta'] is load_metainfo('coco')


@pytest.mark.parametrize(
    ('bbox', 'expected'),
    [
        # x1 = max(0, x), x2 = min(W - 1, x1 + max(0, w - 1)), and the same in y; W, H = 80, 60.
        ([10.5, 8.25, 30, 40], [10.5, 8.25, 29, 39]),
        ([-5, -3, 30, 40], [0, 0, 29, 39]),
        ([60, 50, 30, 40], [60, 50, 19, 9]),
        ([-5, 10, 500, 20], [0, 10, 79, 19]),
    ],
)
def test_boxes_are_clipped(tmp_path, bbox, expected):
    data = dataset(tmp_path, [annotation(1, 100, bbox=bbox)])
    np.testing.assert_array_equal(data.get_sample(0)['bbox_xywh'], np.float32(expected))


@pytest.mark.parametrize(
    'changes',
    [
        {'iscrowd': 1},
        {'num_keypoints': 0},
        {'num_keypoints': ..., 'keypoints': [0] * 51},
        {'num_keypoints': 0, 'keypoints': ...},
    ],
)
def test_left_out_without_a_word(tmp_path, changes, recwarn):
    data = dataset(tmp_path, [annotation(1, 100, **changes), annotation(2, 100)])
    assert ids(data) == [2]
    assert not recwarn.list


@pytest.mark.parametrize(
    'changes',
    [{'area': 0}, {'bbox': [10, 10, 1, 20]}, {'bbox': [79, 0, 9, 9]}, {'bbox': [5, 70, 9, 9]}],
)
def test_left_out_with_a_warning(tmp_path, changes):
    with pytest.warns(UserWarning, match=r'left out 1 of 2 annotations .* first id 1'):
        data = dataset(tmp_path, [annotation(1, 100, **changes), annotation(2, 100)])
    assert ids(data) == [2]


@pytest.mark.parametrize(
    'changes', [{'area': ...}, {'iscrowd': ...}, {'num_keypoints': ...}, {'area': None}]
)
def test_optional_fields(tmp_path, changes):
    data = dataset(tmp_path, [annotation(1, 100, **changes)])
    assert ids(data) == [1]
    if 'area' in changes:
        assert data.get_sample(0)['area'] == 30 * 40


def test_order_is_by_image_then_as_in_the_file(tmp_path):
    people = [annotation(5, 102), annotation(9, 100), annotation(3, 100), annotation(4, 101)]
    assert ids(dataset(tmp_path, people)) == [9, 3, 4, 5]
    crowd = [annotation(i, 100 + i % 3) for i in range(1, 61)]
    assert ids(dataset(tmp_path / 'more', crowd)) == sorted(range(1, 61), key=lambda i: (i % 3, i))


def test_annotations_may_come_before_images(tmp_path):
    arguments = tiny_coco.write(tmp_path)
    data = tiny_coco.content()
    turned = {key: data[key] for key in ('categories', 'annotations', 'images')}
    (tmp_path / 'ann.json').write_text(json.dumps(turned))
    assert len(CocoDataset(**arguments)) == 6


def test_a_category_without_keypoints_is_left_out(tmp_path):
    data = tiny_coco.content()
    data['categories'].append({'id': 2, 'name': 'kite'})
    data['annotations'][0] = annotation(1, 100, category_id=2, keypoints=..., num_keypoints=...)
    assert ids(CocoDataset(**tiny_coco.write(tmp_path, data))) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ('indices', 'expected'), [(None, [1, 2, 3, 4, 5, 6]), (2, [1, 2]), ([4, 0], [5, 1]), (99, 6)]
)
def test_indices(tiny, indices, expected):
    found = ids(CocoDataset(**tiny, indices=indices))
    assert found == expected if isinstance(expected, list) else len(found) == expected


@pytest.mark.parametrize('prefix', ['images', 'images/', './images//'])
def test_prefix_with_and_without_slash(tiny, tmp_path, prefix):
    data = CocoDataset(**{**tiny, 'data_prefix': {'img': prefix}})
    assert data.get_sample(0)['image_file'] == str(tmp_path / 'data' / 'images' / '0.png')


def test_the_image_folder_by_its_name_in_mmpose_0(tiny):
    old = {key: value for key, value in tiny.items() if key != 'data_prefix'}
    data = CocoDataset(**old, img_prefix='images')
    assert data.image_folder == CocoDataset(**tiny).image_folder


def test_test_mode_gives_no_keypoints(tiny):
    sample = CocoDataset(**tiny, test_mode=True).get_sample(0)
    assert 'keypoints' not in sample
    assert 'keypoints_visible' not in sample


def test_metainfo_says_what_metrics_need(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = CocoDataset(**{**tiny, 'data_root': 'data'})
    metainfo = data.metainfo
    truth = metainfo.pop('ground_truth')()
    sample = data.get_sample(0)
    row = truth.ann_id.tolist().index(sample['ann_id'])
    np.testing.assert_array_equal(truth.keypoints[row], sample['keypoints'])
    np.testing.assert_array_equal(truth.bbox_xywh[row], sample['bbox_xywh'])
    assert truth.image_id[row] == sample['img_id']
    coco = load_metainfo('coco')
    published = {key: metainfo.pop(key) for key in coco.metainfo()}
    assert metainfo == {
        'dataset_meta': coco,
        'ann_file': str(tmp_path / 'data' / 'ann.json'),
        'dataset_type': 'CocoDataset',
        'instance_layout': data.instance_layout,
    }
    assert published['dataset_name'] == 'coco'
    assert (published['num_keypoints'], published['num_skeleton_links']) == (17, 19)
    assert published['keypoint_id2name'][5] == 'left_shoulder'
    assert published['keypoint_name2id']['left_shoulder'] == 5
    assert published['flip_indices'][:5] == [0, 2, 1, 4, 3]
    assert published['flip_pairs'][0] == (1, 2)
    assert published['upper_body_ids'] == list(range(11))
    assert published['lower_body_ids'] == list(range(11, 17))
    assert (15, 13) in published['skeleton_links']
    assert len(published['sigmas']) == len(published['dataset_keypoint_weights']) == 17


def detections(folder, entries, **changes):
    arguments = tiny_coco.write(folder)
    (folder / 'det.json').write_text(json.dumps(entries))
    return CocoDataset(**{**arguments, 'bbox_file': 'det.json', 'test_mode': True, **changes})


def detection(image_id, score, bbox=(-5.5, 3, 200, 40), category_id=1):
    return {'image_id': image_id, 'category_id': category_id, 'bbox': bbox, 'score': score}


def test_detections(tmp_path):
    boxes = [detection(101, 0.2), detection(100, 0.9), detection(100, 0.5, category_id=2)]
    data = detections(tmp_path, boxes)
    samples = [data.get_sample(i) for i in range(len(data))]
    assert [(s['img_id'], s['ann_id'], s['category_id']) for s in samples] == [
        (101, 0, 1),
        (100, 1, 1),
    ]
    np.testing.assert_allclose([s['bbox_score'] for s in samples], [0.2, 0.9], rtol=1e-6)
    np.testing.assert_array_equal(samples[0]['bbox_xywh'], np.float32([-5.5, 3, 200, 40]))
    assert 'keypoints' not in samples[0]


def test_detections_as_corners(tmp_path):
    corners = [detection(101, 0.9, bbox=(30, 20, 60, 45)), detection(100, 0.5, (40, 30, 62, 47))]
    with pytest.warns(
        UserWarning, match=r"100% of the boxes leave their image.*bbox_format='xyxy'"
    ):
        detections(tmp_path, corners)
    data = detections(tmp_path, corners, bbox_format='xyxy')
    np.testing.assert_array_equal(data.get_sample(0)['bbox_xywh'], np.float32([30, 20, 30, 25]))
    with pytest.raises(ValueError, match="bbox_format is 'cxcywh', expected 'xywh' or 'xyxy'"):
        detections(tmp_path, corners, bbox_format='cxcywh')


@pytest.mark.parametrize(('threshold', 'expected'), [(0.0, 3), (0.5, 2), (0.51, 1)])
def test_detection_threshold(tmp_path, threshold, expected):
    boxes = [detection(100, 0.9), detection(100, 0.5), detection(101, 0.1)]
    assert len(detections(tmp_path, boxes, bbox_score_thr=threshold)) == expected


def test_detections_of_other_images(tmp_path):
    boxes = [detection(100, 0.9), detection(5, 0.9), detection(5, 0.9), detection(6, 0.9)]
    message = r'det\.json: 3 of 4 detections are for 2 images that .*ann\.json does not list'
    with pytest.raises(ValueError, match=message):
        detections(tmp_path, boxes)


def test_the_draw_decides_about_the_augmentation(tiny):
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE)
    draws = [SampleIndex(i, epoch, seed) for i in (0, 3) for epoch in (0, 1) for seed in (0, 7)]
    first = [data[draw]['image'].tobytes() for draw in draws]
    again = [data[draw]['image'].tobytes() for draw in reversed(draws)]
    assert first == again[::-1]
    assert len(set(first)) == len(draws)
    assert data[3]['image'].tobytes() == first[draws.index(SampleIndex(3, 0, 0))]
    with pytest.raises(IndexError, match='sample 6 of 6'):
        data[6]


def test_a_dataset_travels_to_workers_without_its_arrays(tiny):
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE)
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(copy[3]['image'], data[3]['image'])
    assert copy.store.folder == data.store.folder


def test_flags_come_along_where_they_are_wanted(tmp_path):
    points = [20, 30, 2, 21, 31, 1, 22, 32, 2, 0, 0, 0] + [40, 41, 2] * 13
    people = [annotation(7, 101, keypoints=points)]
    flipped = [{'type': 'LoadImage'}, {'type': 'RandomFlip', 'prob': 1.0}]
    data = dataset(tmp_path, people, with_visibility=True, pipeline=flipped)
    np.testing.assert_array_equal(data.get_sample(0)['visibility'][:5], [2, 1, 2, 0, 2])
    # left and right eyes and ears change places
    np.testing.assert_array_equal(data[0]['visibility'][:5], [2, 2, 1, 2, 0])
    assert 'visibility' not in dataset(tmp_path, people).get_sample(0)
    tested = dataset(tmp_path, people, with_visibility=True, test_mode=True)
    assert 'visibility' not in tested.get_sample(0)


@pytest.mark.parametrize(('flag', 'words'), [(2, '17 .* visible .* 0 occluded'), (1, '0 .* 17')])
def test_one_kind_of_flags_teaches_no_visibility(tmp_path, flag, words):
    people = [annotation(7, 101, keypoints=[20, 30, flag] * 17)]
    assert len(dataset(tmp_path, people)) == 1
    with pytest.raises(ValueError, match=words):
        dataset(tmp_path, people, with_visibility=True)
