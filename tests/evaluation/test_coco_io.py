import builtins
import json

import numpy as np
import pytest
from evaluation_cases import POSE, annotation_file, detections, shifted

from mmpose.evaluation.functional import (
    load_detections,
    load_ground_truth,
    make_synthetic_coco,
    write_detections,
    write_synthetic_coco,
)

RESULT = {'image_id': 1, 'category_id': 1, 'keypoints': [1.0, 2.0, 0.5] * 17, 'score': 0.5}


@pytest.fixture(params=['orjson', 'json'])
def reader(request, monkeypatch):
    """Both readers of JSON."""
    if request.param == 'orjson':
        pytest.importorskip('orjson', reason='orjson is not installed')
        return
    real_import = builtins.__import__

    def import_without_orjson(name, *rest):
        if name == 'orjson':
            raise ImportError(name)
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, '__import__', import_without_orjson)


@pytest.mark.usefixtures('reader')
def test_files_give_back_the_arrays(tmp_path):
    gt, dt = make_synthetic_coco(20, 50, 100, seed=1, num_categories=2)
    files = write_synthetic_coco(gt, dt, tmp_path / 'new' / 'folder')
    for loaded, made in (
        (load_ground_truth(files[0], 17), gt),
        (load_detections(files[1], 17), dt),
    ):
        for name, value in vars(made).items():
            if name != 'source':
                np.testing.assert_array_equal(getattr(loaded, name), value, err_msg=name)


def test_result_file_has_the_layout_of_the_coco_server(tmp_path):
    # float32 thirds have no short decimal form: the file must hold them in full
    pose = (shifted(0) / 3).astype(np.float32).astype(np.float64)
    dt = detections([7], pose, [1 / 3], keypoint_scores=np.full((1, 17), 0.25))
    write_detections(tmp_path / 'result_keypoints.json', dt)
    (record,) = json.loads((tmp_path / 'result_keypoints.json').read_text())
    assert record.keys() == {'image_id', 'category_id', 'keypoints', 'score'}
    assert (record['image_id'], record['category_id'], record['score']) == (7, 1, 1 / 3)
    assert record['keypoints'] == np.c_[pose[0], np.full(17, 0.25)].ravel().tolist()


def test_results_of_other_tools_may_have_more_keys_and_whole_numbers(tmp_path):
    record = {**RESULT, 'center': [1, 2], 'scale': [3, 4], 'keypoints': [1, 2, 1] * 17, 'score': 1}
    (tmp_path / 'results.json').write_text(json.dumps([record]))
    dt = load_detections(tmp_path / 'results.json', 17)
    assert dt.keypoints.tolist() == [[[1.0, 2.0]] * 17]
    assert dt.scores.tolist() == [1.0]


def test_an_empty_result_list(tmp_path):
    (tmp_path / 'results.json').write_text('[]')
    assert load_detections(tmp_path / 'results.json', 17).keypoints.shape == (0, 17, 2)


def test_left_out_fields_of_annotations(tmp_path):
    path = annotation_file(tmp_path, num_images=1, people_per_image=2)
    content = json.loads(path.read_text())
    for annotation in content['annotations']:
        for key in ('area', 'iscrowd', 'num_keypoints'):
            del annotation[key]
    content['annotations'][1]['keypoints'][2::3] = [0] * 16 + [1]
    path.write_text(json.dumps(content))
    gt = load_ground_truth(path, 17)
    assert gt.num_keypoints.tolist() == [17, 1]
    assert gt.keypoints_visible.sum(axis=1).tolist() == [17, 1]
    assert np.isnan(gt.area).all()
    assert not gt.iscrowd.any()
    np.testing.assert_array_equal(gt.keypoints[0], POSE)


BAD_RESULTS = [
    ('{"a": 1}', 'not a COCO result file; expected a list of poses but found dict'),
    ('[{"image_id": 1, "cat', r'not valid JSON \(.*\); the file may be cut off'),
    ([3], 'entry 0 is 3; expected an object'),
    ([RESULT, {'image_id': 1}], "entry 1 has no 'keypoints'; it has image_id"),
    ([{**RESULT, 'keypoints': [0] * 42}], "'keypoints' of entry 0 has 42 numbers; expected 51"),
    ([{**RESULT, 'keypoints': None}], "'keypoints' of entry 0 has None; expected 51"),
    ([{**RESULT, 'keypoints': ['a'] * 51}], "'keypoints' of entry 0 holds 'a'; expected numbers"),
    (
        [RESULT, {**RESULT, 'image_id': 5, 'keypoints': [float('nan')] + [0] * 50}],
        r'keypoints of entry 1 \(image_id 5\) holds NaN',
    ),
    ([{**RESULT, 'score': float('nan')}], 'scores of entry 0 .* holds NaN'),
    ([{**RESULT, 'score': 'high'}], "'score' of entry 0 is 'high'; expected a number"),
    ([{**RESULT, 'score': None}], "'score' of entry 0 is None; expected a number"),
    ([RESULT, {**RESULT, 'image_id': '2'}], "'image_id' of entry 1 is '2'; expected only whole"),
    ([{**RESULT, 'image_id': 1.5}], "'image_id' of entry 0 is 1.5; expected only whole"),
]


@pytest.mark.usefixtures('reader')
@pytest.mark.parametrize(('content', 'message'), BAD_RESULTS)
def test_bad_results_name_file_and_field(tmp_path, content, message):
    path = tmp_path / 'results.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError, match=f'results.json: {message}'):
        load_detections(path, 17)


def _without(key):
    return lambda content: content['annotations'][1].pop(key)


def _with(section, key, value):
    return lambda content: content[section][1].update({key: value})


BAD_ANNOTATIONS = [
    (lambda content: content.pop('categories'), "not a COCO annotation file, 'categories' is miss"),
    (_without('keypoints'), "entry 1 has no 'keypoints'; it has area, bbox"),
    (_without('bbox'), "entry 1 has no 'bbox'"),
    (_with('annotations', 'bbox', [1, 2, 3]), "'bbox' of entry 1 has 3 numbers; expected 4"),
    (_with('annotations', 'image_id', 9), 'image_id 9 of entry 1 is not among the images of'),
    (_with('annotations', 'category_id', 9), 'category_id 9 of entry 1 is not among the categ'),
    (_with('annotations', 'num_keypoints', 'x'), "'num_keypoints' of entry 1 is 'x'; expected a"),
    (_with('annotations', 'area', 'big'), "'area' of entry 1 is 'big'; expected a number"),
    (_with('images', 'id', None), "'id' of entry 1 is None; expected only whole numbers"),
]


@pytest.mark.parametrize(('spoil', 'message'), BAD_ANNOTATIONS)
def test_bad_annotations_name_file_and_field(tmp_path, spoil, message):
    path = annotation_file(tmp_path, num_images=2, people_per_image=1)
    content = json.loads(path.read_text())
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f'annotations.json: {message}'):
        load_ground_truth(path, 17)


def test_wrong_skeleton_and_missing_files(tmp_path):
    path = annotation_file(tmp_path, num_images=1, people_per_image=1)
    with pytest.raises(ValueError, match=r'has 51 numbers; expected 42 .*of 14 joints'):
        load_ground_truth(path, 14)
    for load in (load_ground_truth, load_detections):
        with pytest.raises(FileNotFoundError, match=r'absent\.json: no such file'):
            load(tmp_path / 'absent.json', 17)
