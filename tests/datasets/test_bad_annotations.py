"""Bad files give one sentence that names the file, the entry and the field."""

import json

import pytest

from mmpose.datasets import CocoDataset
from tests.datasets import tiny_coco
from tests.datasets.tiny_coco import annotation

NAN = float('nan')


def with_changes(item, changes):
    """Returns an entry with changed fields; ... removes one."""
    return {k: v for k, v in {**item, **changes}.items() if v is not ...}


def person(**changes):
    """Changes the first annotation."""

    def spoil(data):
        data['annotations'][0] = with_changes(annotation(1, 100), changes)

    return spoil


def image(**changes):
    """Changes the first image."""

    def spoil(data):
        data['images'][0] = with_changes(data['images'][0], changes)

    return spoil


def everyone(**changes):
    def spoil(data):
        data['annotations'] = [annotation(i, 100, **changes) for i in range(1, 4)]

    return spoil


def points(*changes):
    values = annotation(1, 100)['keypoints']
    for place, value in changes:
        values[place] = value
    return values


UNSEEN = [20, 20, 0] * 17
ONE = r'ann\.json: annotation 1: field '

CASES = {
    'no keypoints': (person(keypoints=..., num_keypoints=...), f"{ONE}'keypoints' is missing"),
    'nobody has keypoints': (
        everyone(keypoints=..., num_keypoints=...),
        f"{ONE}'keypoints' is missing",
    ),
    'too few keypoints': (
        person(keypoints=[1, 2, 2] * 16),
        f"{ONE}'keypoints' has 48 numbers, expected 51 .*'coco'.*dataset.metainfo",
    ),
    'keypoints a string': (person(keypoints='x' * 51), f"{ONE}'keypoints' is 'x+.*list of 51"),
    'keypoint a string': (person(keypoints=points((3, '7'))), f"{ONE}'keypoints' is .*51 numbers"),
    'keypoint NaN': (person(keypoints=points((3, NAN))), f"{ONE}'keypoints' holds NaN"),
    'visibility -1': (
        person(keypoints=points((5, -1))),
        f"{ONE}'keypoints' has visibility -1 for left_eye, expected 0, 1 or 2",
    ),
    'visibility 0.4': (person(keypoints=points((5, 0.4))), f"{ONE}'keypoints' has visibility 0.4"),
    'box NaN': (person(bbox=[NAN, 1, 20, 20]), f"{ONE}'bbox' holds NaN"),
    'box infinite': (person(bbox=[1, 1, float('inf'), 20]), f"{ONE}'bbox' holds NaN or infinity"),
    'box negative': (person(bbox=[5, 5, -20, 20]), f"{ONE}'bbox' is .*-20.*size >= 0"),
    'box of 3': (person(bbox=[5, 5, 20]), f"{ONE}'bbox' is .*expected a list of 4 numbers"),
    'box missing': (person(bbox=...), f"{ONE}'bbox' is missing, expected a list of 4"),
    'box of text': (person(bbox=['5', 5, 20, 20]), f"{ONE}'bbox' is .*expected a list of 4"),
    'area a string': (person(area='big'), f"{ONE}'area' is 'big', expected a number"),
    'no image_id': (person(image_id=...), f"{ONE}'image_id' is missing, expected an integer"),
    'image_id a string': (person(image_id='100'), f"{ONE}'image_id' is '100'"),
    'no category': (person(category_id=...), f"{ONE}'category_id' is missing"),
    'no id': (person(id=...), r"annotation without id: field 'id' is missing"),
    'annotation a list': (
        lambda data: data['annotations'].insert(0, [1]),
        r'ann\.json: annotation \[1\]: a list, expected an object',
    ),
    'unknown image': (
        person(image_id=5),
        r'ann\.json: 1 of 6 annotations are for 1 images that .* \(first image_id 5\)',
    ),
    'the same id twice': (person(id=2), 'annotation id 2 occurs 2 times in image 100'),
    'the same image twice': (image(id=101), 'image id 101 occurs 2 times'),
    'no file_name': (image(file_name=...), r"image 100: field 'file_name' is None"),
    'no width': (image(width=...), r"image 100: field 'width' is missing, expected an integer"),
    'width 0': (image(width=0), r"image 100: fields 'width' and 'height' are \(0, 60\)"),
    'no images': (lambda data: data.update(images=[]), r"ann\.json: field 'images' is missing"),
    'no annotations': (
        lambda data: data.pop('annotations'),
        r"ann\.json: field 'annotations' is missing or empty",
    ),
    'all unseen': (everyone(keypoints=UNSEEN), r'ann\.json: no annotation has .*visibility > 0'),
    'all unlabelled': (
        everyone(num_keypoints=0),
        r'no annotation has .*left out: 3 without labelled keypoints.*nothing to train',
    ),
    'all crowds': (everyone(iscrowd=1), r'no annotation has .*left out: 3 crowds'),
}


@pytest.mark.parametrize('case', CASES)
def test_annotation_file(tmp_path, case):
    spoil, message = CASES[case]
    data = tiny_coco.content()
    spoil(data)
    arguments = tiny_coco.write(tmp_path, data)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        CocoDataset(**arguments)
    assert str(tmp_path / 'ann.json') in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.filterwarnings('ignore:.*left out')
def test_all_boxes_empty(tmp_path):
    data = tiny_coco.content()
    everyone(bbox=[200, 200, 10, 10])(data)
    with pytest.raises(ValueError, match=r'no annotation has .*3 with an empty box or area'):
        CocoDataset(**tiny_coco.write(tmp_path, data))


DETECTIONS = {
    'score missing': ([{'image_id': 100, 'category_id': 1, 'bbox': [1, 1, 9, 9]}], "'score' is"),
    'score NaN': ([{'score': NAN}], "detection 0: field 'score' holds NaN"),
    'box NaN': ([{'bbox': [1, NAN, 9, 9]}], "detection 0: field 'bbox' holds NaN"),
    'box negative': ([{'bbox': [1, 1, 9, -9]}], "detection 0: field 'bbox' is .*size >= 0"),
    'box empty': ([{'bbox': [1, 1, 0, 0]}], r"detection 0: field 'bbox' is .*not both 0"),
    'box missing': ([{'bbox': None}], "detection 0: field 'bbox' is None"),
    'no person': ([{'category_id': 3}], 'none of 1 detections has category_id 1'),
    'empty': ([], 'none of 0 detections has category_id 1'),
    'an object': ({'a': 1}, r'det\.json is not a list of detections'),
    'numbers': ([1, 2], r'det\.json is not a list of detections'),
}


@pytest.mark.parametrize('case', DETECTIONS)
def test_detection_file(tmp_path, case):
    entries, message = DETECTIONS[case]
    base = {'image_id': 100, 'category_id': 1, 'bbox': [1, 1, 9, 9], 'score': 0.5}
    if isinstance(entries, list) and case not in ('score missing', 'numbers'):
        entries = [{**base, **entry} for entry in entries]
    arguments = tiny_coco.write(tmp_path)
    (tmp_path / 'det.json').write_text(json.dumps(entries))
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        CocoDataset(**arguments, bbox_file='det.json', test_mode=True)
    assert str(tmp_path / 'det.json') in str(caught.value)


ARGUMENTS = {
    'no such file': ({'ann_file': 'no.json'}, r'annotation file .*no\.json does not exist'),
    'no such folder': (
        {'data_prefix': {'img': 'no'}},
        r'image folder .*no does not exist; set dataset\.data_root and dataset\.data_prefix\.img',
    ),
    'two image folders': (
        {'img_prefix': 'images'},
        r"data_prefix=\{'img': 'images'\} and img_prefix='images', .* 0\.x; set .*omit img_prefix",
    ),
    'no folder of images': (
        {'data_prefix': 'images'},
        r"data_prefix is 'images', expected dict\(img",
    ),
    'masks': ({'data_prefix': {'seg': 'x'}}, r'data_prefix is .*expected dict\(img=\.\.\.\)'),
    'no such detections': ({'bbox_file': 'no.json', 'test_mode': True}, r'no\.json does not exist'),
    'path a number': ({'ann_file': 3}, r'dataset\.ann_file is 3, expected a path'),
    'detections in training': ({'bbox_file': 'd.json'}, r'set dataset\.test_mode=True'),
    'bad policy': ({'on_bad_image': 'drop'}, "on_bad_image is 'drop', expected 'raise' or 'skip'"),
    'index too large': ({'indices': [0, 6]}, r'dataset\.indices holds 6, but .* has 6 instances'),
    'no index': ({'indices': []}, r'dataset\.indices=\[\] leaves no instance'),
    'negative number': ({'indices': -1}, r'dataset\.indices=-1 leaves no instance'),
    'score too high': ({'bbox_score_thr': 2}, r'none of 6 boxes .* dataset\.bbox_score_thr=2'),
    'no such skeleton': ({'metainfo': 'cocoo'}, "no skeleton 'cocoo'"),
}


@pytest.mark.parametrize('case', ARGUMENTS)
def test_arguments(tiny, case):
    changes, message = ARGUMENTS[case]
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        CocoDataset(**{**tiny, **changes})


def test_chosen_instances_without_a_visible_keypoint(tmp_path):
    data = tiny_coco.content()
    person(keypoints=UNSEEN)(data)
    arguments = tiny_coco.write(tmp_path, data)
    assert len(CocoDataset(**arguments)) == 6
    assert len(CocoDataset(**arguments, indices=1, test_mode=True)) == 1
    with pytest.raises(ValueError, match='none of the 1 chosen instances has a keypoint'):
        CocoDataset(**arguments, indices=1)


def test_truncated_file(tiny, tmp_path):
    path = tmp_path / 'data' / 'ann.json'
    path.write_text(path.read_text()[:-300])
    with pytest.raises(ValueError, match=r"ann\.json is not valid JSON.*'annotations'.*truncated"):
        CocoDataset(**tiny)


def test_detection_file_given_as_annotations(tiny, tmp_path):
    (tmp_path / 'data' / 'ann.json').write_text('[{"image_id": 1}]')
    with pytest.raises(ValueError, match=r'ann\.json is a list, expected an object .*bbox_file'):
        CocoDataset(**tiny)


def test_an_error_is_not_cached(tiny, tmp_path):
    path = tmp_path / 'data' / 'ann.json'
    good = path.read_text()
    path.write_text(good[:100])
    with pytest.raises(ValueError, match='truncated'):
        CocoDataset(**tiny)
    path.write_text(good)
    assert len(CocoDataset(**tiny)) == 6
