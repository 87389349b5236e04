import builtins
import json

import numpy as np
import pytest
from evaluation_cases import POSE, SIDE, annotation_file, detections, shifted

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.coco import files, json_file, number_table
from mmpose.evaluation.functional import (
    load_detections,
    load_ground_truth,
    write_detections,
)

RESULT = {'image_id': 1, 'category_id': 1, 'keypoints': [1.0, 2.0, 0.5] * 17, 'score': 0.5}


READERS = ['simdjson', 'orjson', 'json']  # each with those after it


@pytest.fixture(params=READERS)
def reader(request, monkeypatch):
    """Each reader of JSON."""
    if request.param != 'json':
        pytest.importorskip(request.param, reason=f'{request.param} is not installed')
    monkeypatch.setattr(number_table, 'MIN_BYTES', 0)
    missing = READERS[: READERS.index(request.param)]
    real_import = builtins.__import__

    def import_without(name, *rest):
        if name in missing:
            raise ImportError(name)
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, '__import__', import_without)


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
    with pytest.warns(UserWarning, match="2 of 2 annotations have no 'area'; that of the box"):
        gt = load_ground_truth(path, 17)
    assert gt.num_labelled.tolist() == [17, 1]
    assert gt.keypoints_visible.sum(axis=1).tolist() == [17, 1]
    assert gt.area.tolist() == [SIDE**2] * 2
    assert not gt.iscrowd.any()
    np.testing.assert_array_equal(gt.keypoints[0], POSE)


BAD_RESULTS = [
    ('{"a": 1}', 'not a COCO result file; expected a list of poses but found dict'),
    ('[{"image_id": 1, "cat', r'is not valid JSON: it ends too early.*truncated'),
    ([3], 'pose 0: a int, expected an object'),
    (
        [RESULT, {'image_id': 1}],
        "pose 1: field 'keypoints' is missing, expected a list of 51 numbers",
    ),
    (
        [{**RESULT, 'keypoints': [0] * 42}],
        "pose 0: field 'keypoints' has 42 numbers, expected a list of 51",
    ),
    ([{**RESULT, 'keypoints': None}], "pose 0: field 'keypoints' is None, expected a list of 51"),
    (
        [{**RESULT, 'keypoints': ['a'] * 51}],
        "pose 0: field 'keypoints' is .*'a'.*list of 51 numbers",
    ),
    (
        [RESULT, {**RESULT, 'image_id': 5, 'keypoints': [float('nan')] + [0] * 50}],
        r'keypoints of entry 1 \(image_id 5\) holds NaN',
    ),
    ([{**RESULT, 'score': float('nan')}], 'scores of entry 0 .* holds NaN'),
    ([{**RESULT, 'score': 'high'}], "pose 0: field 'score' is 'high', expected a number"),
    ([{**RESULT, 'score': None}], "pose 0: field 'score' is None, expected a number"),
    (
        [RESULT, {**RESULT, 'image_id': '2'}],
        "pose 1: field 'image_id' is '2', but the first pose has 1, expected only",
    ),
    (
        [{**RESULT, 'image_id': 1.5}],
        "pose 0: field 'image_id' is 1.5, expected an integer or a string",
    ),
]


@pytest.mark.usefixtures('reader')
@pytest.mark.parametrize(('content', 'message'), BAD_RESULTS)
def test_bad_results_name_file_and_field(tmp_path, content, message):
    path = tmp_path / 'results.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError, match=f'results.json:? {message}'):
        load_detections(path, 17)


def _records(num):
    rng = np.random.default_rng(0)
    return [
        {**RESULT, 'image_id': i, 'keypoints': rng.random(51).tolist(), 'score': rng.random()}
        for i in range(num)
    ]


# text of a list of results -> the same, or another with the same content
LAYOUTS = [
    json.dumps,
    lambda records: json.dumps(records, separators=(',', ':')),
    lambda records: json.dumps(records, indent=2) + '\n',
    lambda records: ' ' + json.dumps(records),
    lambda records: '\ufeff' + json.dumps(records),
    lambda records: json.dumps([{'file': '"},{"image_id": 1, [', **r} for r in records]),
    lambda records: json.dumps([{**r, 'more': [{'a': [{'b': 1}]}, {}]} for r in records]),
    lambda records: json.dumps([{**r, 'image_id': str(r['image_id'])} for r in records]),
    lambda records: json.dumps([{**r, 'keypoints': _points(r)} for r in records]),
]


def _points(record):
    return np.reshape(record['keypoints'], (17, 3)).tolist()


@pytest.mark.usefixtures('reader')
@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('size', [700, 5000, 1 << 20])
def test_results_read_in_pieces(tmp_path, monkeypatch, layout, size):
    monkeypatch.setattr(json_file, 'PIECE', size)
    path, records = tmp_path / 'results.json', _records(20)
    path.write_text(layout(records), encoding='utf-8')
    dt = load_detections(path, 17)
    points = np.array([record['keypoints'] for record in records]).reshape(20, 17, 3)
    np.testing.assert_array_equal(dt.keypoints, points[..., :2])
    np.testing.assert_array_equal(dt.keypoint_scores, points[..., 2])
    assert dt.scores.tolist() == [record['score'] for record in records]
    assert list(map(int, dt.image_id)) == list(range(20))


FAULTS = [
    (('"category_id": 1', '"category_id": true'), "pose 0: field 'category_id' is True"),
    (('"image_id": 17', '"image_id": "17"'), "pose 17: .* is '17', but the first pose has 0"),
    (
        ('"image_id": 17', '"image_id": [17]'),
        r"pose 17: field 'image_id' is \[17\], expected an in",
    ),
    (
        ('"image_id": 17', f'"image_id": {1 << 62}'),
        "pose 17: field 'image_id' is 4.6.*e\\+18, expe",
    ),
    (('"image_id": 17, ', ''), "pose 17: field 'image_id' is missing"),
    (('"image_id": 17, ', '"image_id": NaN, '), "pose 17: field 'image_id' is nan"),
    (('"image_id": 17, ', '"image_id": 17,, '), 'is not valid JSON'),
    (('}, {"image_id": 17', '}, 3, {"image_id": 17'), 'pose 17: a int, expected an object'),
    (('}, {"image_id": 17', '},, {"image_id": 17'), 'is not valid JSON'),
    (('}, {"image_id": 17', '}], [{"image_id": 17'), 'is not valid JSON'),
    (('[{"image_id": 0', '[,{"image_id": 0'), 'is not valid JSON'),
    (('}]', '},]'), 'is not valid JSON'),
    (('}]', '}'), 'is not valid JSON: it ends too early'),
    (('}]', '}] {}'), 'is not valid JSON'),
]


@pytest.mark.usefixtures('reader')
@pytest.mark.parametrize('size', [700, 1 << 20])
@pytest.mark.parametrize(('change', 'message'), FAULTS)
def test_faults_in_any_piece_are_named(tmp_path, monkeypatch, size, change, message):
    monkeypatch.setattr(json_file, 'PIECE', size)
    path, text = tmp_path / 'results.json', json.dumps(_records(20))
    path.write_text(text.replace(*change))
    assert path.read_text() != text
    with pytest.raises(ValueError, match=f'results.json:? {message}'):
        load_detections(path, 17)


@pytest.mark.usefixtures('reader')
@pytest.mark.parametrize(
    'keypoints',
    [[1.0] * 50, [1.0] * 52, [[1.0]] + [1.0] * 50, [1.0, [2.0, 3.0], []] + [1.0] * 48, [None] * 51],
)
def test_odd_lists_in_a_later_piece(tmp_path, monkeypatch, keypoints):
    monkeypatch.setattr(json_file, 'PIECE', 700)
    records, path = _records(20), tmp_path / 'results.json'
    records[17]['keypoints'] = keypoints
    path.write_text(json.dumps(records))
    with pytest.raises(ValueError, match=r"pose 17: field 'keypoints' .*expected a list of 51 num"):
        load_detections(path, 17)


def _without(key):
    return lambda content: content['annotations'][1].pop(key)


def _with(section, key, value):
    return lambda content: content[section][1].update({key: value})


BAD_ANNOTATIONS = [
    (lambda content: content.pop('images'), "field 'images' is missing or empty"),
    (_without('keypoints'), "annotation 2: field 'keypoints' is missing, expected 51 numbers"),
    (_without('bbox'), "annotation 2: field 'bbox' is missing, expected a list of 4 numbers"),
    (
        _with('annotations', 'bbox', [1, 2, 3]),
        r"annotation 2: field 'bbox' is \[1, 2, 3\], expected a list of 4",
    ),
    (
        _with('annotations', 'image_id', 9),
        r'1 of 2 annotations are for 1 images that .* \(first image_id 9\)',
    ),
    (_with('annotations', 'num_keypoints', 'x'), "annotation 2: field 'num_keypoints' is 'x', exp"),
    (_with('annotations', 'area', 'big'), "annotation 2: field 'area' is 'big', expected a number"),
    (_with('images', 'id', None), "image None: field 'id' is None, expected an integer or"),
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
    with pytest.raises(ValueError, match=r'has 51 numbers, expected 42 .*of 14 keypoints'):
        load_ground_truth(path, 14)
    for load in (load_ground_truth, load_detections):
        with pytest.raises(FileNotFoundError, match=r'absent\.json does not exist'):
            load(tmp_path / 'absent.json', 17)


@pytest.mark.parametrize('more', [{}, {'center': [1, 2], 'area': 3.5}, {'ann_id': 4}])
def test_results_without_faults_are_read_by_simdjson_alone(tmp_path, monkeypatch, more):
    pytest.importorskip('simdjson', reason='pysimdjson is not installed')
    path = tmp_path / 'results.json'
    path.write_text(json.dumps([{**record, **more} for record in _records(20)]))
    monkeypatch.setattr(json_file, 'PIECE', 5000)
    monkeypatch.setattr(number_table, 'MIN_BYTES', 0)
    extras = ['ann_id'] if 'ann_id' in more else []
    expected = load_detections(path, 17, extras)
    monkeypatch.setattr(files, 'load_elements', None)
    found = load_detections(path, 17, extras)
    np.testing.assert_array_equal(found.keypoints, expected.keypoints)
    assert {name: ids.tolist() for name, ids in found.extras.items()} == {
        x: [4] * 20 for x in extras
    }
