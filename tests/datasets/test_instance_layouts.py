"""Annotation layouts that differ from COCO's: where boxes and keypoints stand, by hand-made files.

The expected numbers follow from the rules of MMPose 1.3.2's and 0.x's dataset classes.
"""

import json

import numpy as np
import pytest

from mmpose.config.migration.datasets import (
    DATASETS_0X,
    DATASETS_1X,
    DEEPFASHION_SUBSETS,
    REFUSED,
)
from mmpose.dataset_tools.check import IssueLog
from mmpose.dataset_tools.check.dataset_check import _read_split
from mmpose.datasets import CocoDataset, CocoWholeBodyDataset
from mmpose.evaluation.functional import (
    WHOLEBODY_FIELDS,
    KeypointDetections,
    evaluate_results,
    load_ground_truth,
)
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS, METRICS
from tests.datasets import tiny_coco
from tests.datasets.tiny_coco import annotation


def dataset(folder, people, categories=None, kind=CocoDataset, **options):
    data = tiny_coco.content()
    data['annotations'] = people
    data['categories'] = categories or [{'id': 1, 'name': 'one'}]
    return kind(**{**tiny_coco.write(folder, data), **options})


def sample(folder, person, **options):
    return dataset(folder, [person], **options).get_sample(0)


def points(num, visibility=2):
    return [n for i in range(num) for n in (10.0 + i, 20.0, visibility)]


@pytest.mark.parametrize(
    ('bbox_field', 'scale', 'expected'),
    [
        ('center_scale', 0.1, [20, 20, 20, 20]),  # 200 * 0.1 = 20 px around (30, 30)
        ('center_scale', 0.5, [-20, -20, 100, 100]),  # over the border: not clipped
        ('center_zoom', 12.8, [20, 20, 20, 20]),  # 256 / 12.8 = 20 px
        ('image', ..., [0, 0, 80, 60]),
    ],
)
@pytest.mark.parametrize('bbox', [..., [1, 2, 3, 4]])
def test_windows_instead_of_boxes(tmp_path, bbox_field, scale, expected, bbox):
    person = annotation(1, 100, bbox=bbox, center=[30.0, 30.0], scale=scale, area=...)
    with pytest.warns(UserWarning, match='no .area.'):
        found = sample(tmp_path, person, bbox_field=bbox_field)
    np.testing.assert_allclose(found['bbox_xywh'], expected, atol=1e-5)


def test_unread_windows_of_faces_are_told(tmp_path):
    person = annotation(1, 100, keypoints=points(98), center=[30, 30], scale=0.1)
    with pytest.warns(UserWarning, match=r"'wflw' come from .* set dataset\.bbox_field='center_s"):
        sample(tmp_path, person, metainfo='wflw')


@pytest.mark.parametrize(
    ('options', 'changes', 'message'),
    [
        ({'bbox_field': 'center_scale'}, {}, "annotation 1: field 'scale' is missing"),
        ({'bbox_field': 'center_scale'}, {'scale': 0}, "'scale' is 0, expected a number above 0"),
        ({'bbox_field': 'center_scale'}, {'scale': 1, 'center': ...}, "field 'center' is missing"),
        ({'bbox_field': 'face_box'}, {}, "field 'face_box' is missing"),
        ({'keypoint_field': ('a', 'b')}, {}, 'expected one box for each'),
        ({'bbox_clip': '2.x'}, {}, "bbox_clip is '2.x', expected one of"),
    ],
)
def test_refused_in_one_sentence(tmp_path, options, changes, message):
    person = annotation(1, 100, **{'center': [30, 30], **changes})
    with pytest.raises(ValueError, match=message):
        sample(tmp_path, person, **options)


def test_a_whole_image_needs_its_size(tmp_path):
    data = tiny_coco.content(1, 1)
    for image in data['images']:
        del image['width'], image['height']
    arguments = tiny_coco.write(tmp_path, data)
    with pytest.raises(ValueError, match='image 100: no width and height, expected both'):
        CocoDataset(**arguments, bbox_field='image')


@pytest.mark.parametrize(
    ('bbox', 'clip', 'expected'),
    [
        # the image has 80 x 60 px, so the last pixel is (79, 59)
        ([10.5, 8.25, 30, 40], '0.x', [10.5, 8.25, 29, 39]),
        ([10.5, 8.25, 30, 40], '1.x', [10.5, 8.25, 30, 40]),
        ([-5, -3, 30, 40], '1.x', [0, 0, 25, 37]),
        ([60, 50, 30, 40], '1.x', [60, 50, 19, 9]),
        ([60, 50, 30, 40], 'none', [60, 50, 30, 40]),
    ],
)
def test_ends_of_boxes(tmp_path, bbox, clip, expected):
    found = sample(tmp_path, annotation(1, 100, bbox=bbox), bbox_clip=clip)
    np.testing.assert_array_equal(found['bbox_xywh'], np.float32(expected))


@pytest.mark.parametrize(('clip', 'num'), [('0.x', 1), ('1.x', 2), ('none', 2)])
@pytest.mark.filterwarnings('ignore:.*left out 1 of 2')
def test_an_area_of_0_counts_in_0x_only(tmp_path, clip, num):
    people = [annotation(1, 100, area=0), annotation(2, 100)]
    assert len(dataset(tmp_path, people, bbox_clip=clip)) == num


def test_pixels_that_count_from_1(tmp_path):
    person = annotation(1, 100, keypoints=[21, 31, 2, *[0] * 48], bbox=[11, 9, 30, 40])
    found = sample(tmp_path, person, first_pixel=1, bbox_clip='1.x')
    assert found['keypoints'][0].tolist() == [20, 30]
    assert found['bbox_xywh'].tolist() == [10, 8, 30, 40]


def test_nested_keypoints(tmp_path):
    nested = [[i, 20, 1] for i in range(10, 27)]
    found = sample(tmp_path, annotation(1, 100, keypoints=nested))
    assert found['keypoints'].tolist() == [[i, 20] for i in range(10, 27)]
    truth = load_ground_truth(tmp_path / 'ann.json', 17)
    assert truth.keypoints[0].tolist() == found['keypoints'].tolist()
    with pytest.raises(ValueError, match='has 48 numbers, expected 51'):
        sample(tmp_path / 'short', annotation(1, 100, keypoints=nested[1:]))


def test_keypoints_in_another_field(tmp_path):
    person = annotation(1, 100, keypoints_21=points(21), num_keypoints=0, num_keypoints_21=21)
    others = [annotation(2, 100, keypoints_21=points(21), num_keypoints_21=0)]
    data = dataset(
        tmp_path, [person, *others], metainfo='humanart21', keypoint_field='keypoints_21'
    )
    assert data.store.ann_ids.tolist() == [1]
    assert data.get_sample(0)['keypoints'][-1].tolist() == [30, 20]
    path = str(tmp_path / 'ann.json')
    content = json.loads((tmp_path / 'ann.json').read_text())
    for image in content['images']:
        image['crowdIndex'] = 0.5
    (tmp_path / 'ann.json').write_text(json.dumps(content))
    kinds = ('PCKAccuracy', 'CocoMetric', 'CrowdPoseMetric')
    metrics = [METRICS.build({'type': kind, 'ann_file': path}) for kind in kinds]
    for metric in metrics:
        metric.dataset_meta = data.metainfo
    truth = metrics[0].ground_truth()
    assert truth.keypoints[:1].tolist() == data.ground_truth().keypoints.tolist()
    truth = truth.take(np.array([0]))
    poses = KeypointDetections(
        image_id=truth.image_id,
        category_id=truth.category_id,
        keypoints=truth.keypoints,
        keypoint_scores=np.ones((1, 21)),
        scores=np.ones(1),
    )
    for metric in metrics[1:]:
        assert metric.evaluate_detections(poses, data.dataset_meta.sigmas)['AP'] == 1


def test_names_in_another_order(tmp_path):
    names = list(load_metainfo('h36m').keypoint_names)
    names[1], names[4] = names[4], names[1]
    options = {'metainfo': 'h36m', 'categories': [{'id': 1, 'name': 'man', 'keypoints': names}]}
    with pytest.raises(ValueError, match=r'dataset\.trust_order=True if the order is the same'):
        sample(tmp_path, annotation(1, 100), **options)
    person = annotation(1, 100)
    found = sample(tmp_path, person, trust_order=True, **options)
    assert (
        found['keypoints'].ravel().tolist()
        == np.delete(person['keypoints'], slice(2, None, 3)).tolist()
    )
    with pytest.raises(ValueError, match='has 51 numbers, expected 48'):
        sample(tmp_path, annotation(1, 100), metainfo='mpii', trust_order=True)


def whole_body(ann_id, **changes):
    parts = {field: points(num) for field, num in WHOLEBODY_FIELDS.items()}
    faces = {f'{side}_box': [10, 10, 20, 20] for side in ('face', 'lefthand', 'righthand')}
    valid = {f'{side}_valid': True for side in ('face', 'lefthand', 'righthand')}
    return annotation(ann_id, 100, **{**parts, **faces, **valid, **changes})


def test_faces_of_whole_bodies(tmp_path):
    people = [
        whole_body(5, face_kpts=[9, 8, 0.25, 7, 6, 1.5, *points(66)], num_keypoints=0),
        whole_body(6, face_valid=False),
        whole_body(7, face_kpts=[0] * 204),
        whole_body(8, iscrowd=1),
    ]
    data = dataset(
        tmp_path, people, metainfo='coco_wholebody_face', keypoint_field='face_kpts',
        bbox_field='face_box',
    )  # fmt: skip
    assert data.store.ann_ids.tolist() == [5]
    found = data.get_sample(0)
    assert found['keypoints_visible'][:3].tolist() == [0.25, 1, 1]
    assert found['keypoints'][0].tolist() == [9, 8]
    assert found['bbox_xywh'].tolist() == [10, 10, 19, 19]
    assert data.ground_truth().keypoints_visible.all()


def test_both_hands_of_whole_bodies(tmp_path):
    hand = DATASETS_1X['CocoWholeBodyHandDataset']
    people = [
        whole_body(5, righthand_box=[20, 20, 9, 9]),
        whole_body(6, lefthand_valid=False),
    ]
    options = {key: value for key, value in hand.items() if key != 'type'}
    data = dataset(tmp_path, people, **options)
    assert data.store.ann_ids.tolist() == [10, 11, 13]
    assert data.store.bbox_xywh[:, 0].tolist() == [10, 20, 10]
    with pytest.raises(ValueError, match="field 'lefthand_kpts or righthand_kpts' has 3 numbers"):
        dataset(tmp_path / 'bad', [whole_body(1, lefthand_kpts=[1, 2, 2])], **options)


def test_whole_bodies_in_one_field(tmp_path):
    parts = whole_body(1)
    together = [n for field in WHOLEBODY_FIELDS for n in parts[field]]
    one = annotation(1, 100, keypoints=together)
    expected = dataset(tmp_path / 'parts', [parts], kind=CocoWholeBodyDataset)
    data = dataset(tmp_path / 'one', [one], kind=CocoWholeBodyDataset)
    np.testing.assert_array_equal(data.store.keypoints, expected.store.keypoints)
    truth = load_ground_truth(tmp_path / 'one' / 'ann.json', WHOLEBODY_FIELDS)
    assert truth.num_keypoints == 133
    config = {
        'type': 'CocoWholeBodyDataset', 'data_root': str(tmp_path / 'one'), 'ann_file': 'ann.json',
        'data_prefix': {'img': 'images'},
    }  # fmt: skip
    log = IssueLog()
    split, num = _read_split('train', config, log)
    assert (len(split.store), num) == (1, 1)
    assert not log.issues, log.issues
    result = {'image_id': 100, 'category_id': 1, 'keypoints': together, 'score': 1.0}
    (tmp_path / 'results.json').write_text(json.dumps([result]))
    figures = evaluate_results(
        'coco_wholebody', tmp_path / 'results.json', tmp_path / 'one' / 'ann.json'
    )
    assert (figures['AP'], figures['face AP'], figures['body AP']) == (1, 1, 1)


@pytest.mark.parametrize('keypoint_field', ['keypoints_21', 'face_kpts'])
def test_whole_bodies_have_their_own_fields(tmp_path, keypoint_field):
    with pytest.raises(ValueError, match=r"set dataset\.type='CocoDataset'"):
        dataset(tmp_path, [whole_body(1)], kind=CocoWholeBodyDataset, keypoint_field=keypoint_field)


def test_the_check_reads_as_training_does(tmp_path):
    person = annotation(1, 100, center=[30, 30], scale=0.3, bbox=...)
    dataset(tmp_path, [person], bbox_field='center_scale')
    config = {
        'type': 'CocoDataset', 'data_root': str(tmp_path), 'ann_file': 'ann.json',
        'data_prefix': {'img': 'images'}, 'bbox_field': 'center_scale',
    }  # fmt: skip
    log = IssueLog()
    split, _ = _read_split('train', config, log)
    assert not log.issues, log.issues
    np.testing.assert_allclose(split.store.bbox_xywh[0], [0, 0, 60, 60], atol=1e-5)


@pytest.mark.parametrize(('offset', 'expected'), [(1, 1.0), (0, 0.0)])
def test_results_of_jhmdb_count_from_0_and_its_file_from_1(tmp_path, offset, expected):
    dataset(tmp_path, [annotation(1, 100, keypoints=points(15))], metainfo='jhmdb')
    found = [n for i in range(15) for n in (10 + i - offset, 20 - offset, 1)]
    pose = {'image_id': 100, 'category_id': 1, 'ann_id': 1, 'keypoints': found, 'score': 1.0}
    (tmp_path / 'results.json').write_text(json.dumps([pose]))
    figures = evaluate_results('jhmdb', tmp_path / 'results.json', tmp_path / 'ann.json')
    assert figures['tPCK'] == expected  # the torso is 1 px long, so 0.2 px count


@pytest.mark.parametrize(('name', 'expected'), [('freihand', 1.0), ('onehand10k', 0.0)])
def test_pck_of_freihand_is_relative_to_the_whole_image(tmp_path, name, expected):
    hand = annotation(1, 100, keypoints=points(21), bbox=[10, 10, 30, 40])
    data = dataset(tmp_path, [hand], metainfo='freihand', bbox_field='image')
    found = [n for i in range(21) for n in (10 + i, 30, 1)]  # off by 10 px; 0.2 x 80 and 0.2 x 39
    pose = {'image_id': 100, 'category_id': 1, 'ann_id': 1, 'keypoints': found, 'score': 1.0}
    (tmp_path / 'results.json').write_text(json.dumps([pose]))
    figures = evaluate_results(name, tmp_path / 'results.json', tmp_path / 'ann.json')
    assert figures['PCK'] == expected
    assert data.ground_truth().bbox_xywh.tolist() == [[0, 0, 80, 60]]


@pytest.mark.parametrize('table', [DATASETS_1X, DATASETS_0X], ids=['1.x', '0.x'])
def test_rows_of_the_migration_are_arguments(tmp_path, table):
    for name, row in table.items():
        options = {key: value for key, value in row.items() if key != 'type'}
        meta = load_metainfo(options['metainfo'])
        if row['type'] == 'CocoDataset':
            person = whole_body(
                1, keypoints=points(meta.num_keypoints), keypoints_21=points(21),
                bbox=[1, 2, 30, 40], center=[30, 30], scale=1.0, num_keypoints=1,
            )  # fmt: skip
            data = dataset(tmp_path / name, [person], **options)
            assert data.get_sample(0)['keypoints'].shape == (meta.num_keypoints, 2), name
        assert DATASETS.get(row['type']), name
    assert not set(table) & set(REFUSED)
    assert all(load_metainfo(name) for name in DEEPFASHION_SUBSETS.values())
