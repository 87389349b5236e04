"""Training, evaluation and the check of a dataset read a file alike: each takes it, or all refuse.

Where they refuse it, they do so in the same words.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from mmpose.dataset_tools.check import KINDS, IssueLog
from mmpose.dataset_tools.check.coco_layout import read_coco_split
from mmpose.dataset_tools.check.split import Split
from mmpose.datasets import CocoDataset
from mmpose.evaluation.functional import load_ground_truth
from mmpose.metainfo import load_metainfo
from tests.datasets import tiny_coco
from tests.datasets.tiny_coco import annotation

META = load_metainfo('coco')
CVAT_EMPTY = {'keypoints': [], 'num_keypoints': 0, 'bbox': [0, 0, 0, 0], 'area': 0}


def first(**changes):
    """Returns what changes the first annotation; ... removes a field."""

    def change(data):
        data['annotations'][0] = annotation(1, 100, **changes)

    return change


def image(**changes):
    return lambda data: data['images'][0].update(changes)


def add(**changes):
    """Returns what adds an annotation of a category without keypoints."""

    def change(data):
        data['categories'].append({'id': 2, 'name': 'kite'})
        kite = {'id': 77, 'image_id': 100, 'category_id': 2, 'bbox': [1, 1, 9, 9], **changes}
        data['annotations'].append(kite)

    return change


def points(place, value):
    values = annotation(1, 100)['keypoints']
    values[place] = value
    return values


# name: change, ids that training takes, ids that count in evaluation, kinds that the check tells
ALL = [1, 2, 3, 4, 5, 6]
ACCEPTED = {
    'as it should be': (lambda data: None, ALL, ALL, set()),
    'no area': (first(area=...), ALL, ALL, {'no_area'}),
    'area null': (first(area=None), ALL, ALL, {'no_area'}),
    'area NaN': (first(area=float('nan')), ALL, ALL, {'no_area'}),
    'no categories': (lambda data: data.pop('categories'), ALL, ALL, set()),
    'an unlisted category': (first(category_id=9), ALL, ALL, {'unknown_category'}),
    'a category of boxes': (add(), ALL, ALL, {'unlabelled'}),
    'a box of one that is no person': (add(bbox=None), ALL, ALL, {'unlabelled'}),
    'no iscrowd': (first(iscrowd=...), ALL, ALL, set()),
    'iscrowd null': (first(iscrowd=None), ALL, ALL, set()),
    'iscrowd false': (first(iscrowd=False), ALL, ALL, set()),
    'a crowd': (first(iscrowd=1), ALL[1:], ALL[1:], {'crowd'}),
    'a crowd of 1 keypoint': (first(iscrowd=1, keypoints=[0] * 3), ALL[1:], ALL[1:], {'crowd'}),
    'no num_keypoints': (first(num_keypoints=...), ALL, ALL, set()),
    'num_keypoints null': (first(num_keypoints=None), ALL, ALL, set()),
    'num_keypoints 0': (first(num_keypoints=0), ALL[1:], ALL[1:], {'no_visible_keypoint'}),
    'an empty track of CVAT': (first(**CVAT_EMPTY), ALL[1:], ALL[1:], {'unlabelled'}),
    'keypoints []': (first(keypoints=[], num_keypoints=...), ALL[1:], ALL[1:], {'unlabelled'}),
    'keypoints missing, none promised': (
        first(keypoints=..., num_keypoints=0), ALL[1:], ALL[1:], {'unlabelled'},
    ),
    'a visibility of 7': (first(keypoints=points(5, 7)), ALL, ALL, {'bad_visibility'}),
    'images without a size': (image(width=None, height=None), ALL, ALL, set()),
    'an id twice, in two images': (first(id=5), [5, 2, 3, 4, 5, 6], [5, 2, 3, 4, 5, 6],
                                   {'repeated_annotation_id'}),
}  # fmt: skip

REFUSED = {
    'area of text': first(area='big'),
    'area infinite': first(area=float('inf')),
    'area a list': first(area=[1]),
    'iscrowd of text': first(iscrowd='no'),
    'iscrowd 2': first(iscrowd=2),
    'iscrowd a list': first(iscrowd=[]),
    'num_keypoints of text': first(num_keypoints='17'),
    'id beyond int64': first(id=2**70),
    'id of text': first(id='a'),
    'image_id beyond int64': lambda data: data['annotations'][0].update(image_id=2**70),
    'category_id beyond int64': first(category_id=2**70),
    'category_id missing': first(category_id=...),
    'a keypoint beyond float': first(keypoints=points(3, 10**400)),
    'a keypoint beyond float32': first(keypoints=points(3, 1e39)),
    'a keypoint NaN': first(keypoints=points(3, float('nan'))),
    'a keypoint of text': first(keypoints=points(3, '7')),
    'a visibility of -1': first(keypoints=points(5, -1)),
    'keypoints of text': first(keypoints='x' * 51),
    'keypoints missing': first(keypoints=..., num_keypoints=...),
    'a box beyond float': first(bbox=[0, 0, 10**400, 1]),
    'a box beyond float32': first(bbox=[0, 0, 1e39, 1]),
    'a box of three': first(bbox=[1, 2, 3]),
    'a negative box': first(bbox=[5, 5, -1, 4]),
    'a missing box': first(bbox=...),
    'a box of text': first(bbox='none'),
    'the box of a kite of text': add(bbox='none'),
    'an annotation that is a number': lambda data: data['annotations'].insert(0, 3),
    'an image that is a list': lambda data: data['images'].insert(0, []),
    'an image id beyond int64': image(id=2**70),
    'a width beyond int32': image(width=2**40),
    'a width of text': image(width='80'),
    'a category without an id': lambda data: data['categories'].append({'name': 'kite'}),
    'categories that name keypoints by numbers': (
        lambda data: data['categories'].append({'id': 3, 'keypoints': [1]})
    ),
}


def written(folder, change) -> dict[str, str]:
    data = tiny_coco.content()
    change(data)
    return tiny_coco.write(folder, data)


def checked(folder) -> IssueLog:
    log = IssueLog()
    read_coco_split(Split('train', folder / 'ann.json', folder / 'images', META, log))
    return log


@pytest.mark.parametrize('case', ACCEPTED)
@pytest.mark.filterwarnings("ignore:.*have no 'area'")
def test_accepted_by_all(tmp_path, case):
    change, trained, counted, kinds = ACCEPTED[case]
    arguments = written(tmp_path, change)
    dataset = CocoDataset(**arguments)
    assert sorted(dataset.store.ann_ids.tolist()) == sorted(trained)
    gt = load_ground_truth(tmp_path / 'ann.json', 17)
    counts = (gt.num_labelled > 0) & ~gt.iscrowd
    assert sorted(gt.ann_id[counts].tolist()) == sorted(counted)
    assert set(gt.category_id[counts].tolist()) <= set(gt.category_ids.tolist())
    areas = dict(zip(gt.ann_id.tolist(), gt.area.tolist(), strict=True))
    own = dict(zip(dataset.store.ann_ids.tolist(), dataset.store.area.tolist(), strict=True))
    assert own == {ann_id: areas[ann_id] for ann_id in own}
    log = checked(tmp_path)
    assert set(log.counts) == kinds
    assert all(KINDS[kind].severity != 'error' for kind in kinds)


@pytest.mark.parametrize('case', REFUSED)
def test_refused_by_all_in_one_sentence(tmp_path, case):
    arguments = written(tmp_path, REFUSED[case])
    with pytest.raises((ValueError, TypeError)) as training:
        CocoDataset(**arguments)
    with pytest.raises(ValueError, match='expected') as evaluation:
        load_ground_truth(tmp_path / 'ann.json', 17)
    sentence = str(training.value)
    # the skeleton may have names for keypoints, of which the evaluation knows the number only
    assert sentence.replace(' for left_eye', '') == str(evaluation.value).replace(' for 1', '')
    log = checked(tmp_path)
    assert log.status == 'DO NOT TRAIN'
    first = next(p for p in log.issues if p.severity == 'error')
    file = Path(first.file)
    assert sentence == f'{file}: {first.entry}: {first.found}, expected {first.expected}'


@pytest.mark.filterwarnings("ignore:.*have no 'area'")
def test_a_missing_area_is_that_of_the_box_in_training_and_evaluation(tmp_path):
    arguments = written(tmp_path, first(area=..., bbox=[-10, 8, 30, 40]))
    gt = load_ground_truth(tmp_path / 'ann.json', 17)
    dataset = CocoDataset(**arguments)
    assert gt.area[0] == dataset.get_sample(0)['area'] == 30 * 40


def test_a_missing_area_is_told(tmp_path):
    arguments = written(tmp_path, first(area=...))
    sentence = "1 of 6 annotations have no 'area'; that of the box stands for it"
    with pytest.warns(UserWarning, match=sentence):
        CocoDataset(**arguments)
    with pytest.warns(UserWarning, match=sentence):
        load_ground_truth(tmp_path / 'ann.json', 17)


def test_the_check_collects_what_the_others_stop_at(tmp_path):
    data = tiny_coco.content()
    data['annotations'][0]['area'] = 'big'
    data['annotations'][2]['bbox'] = [1, 2, float('nan'), 4]
    data['annotations'][4]['image_id'] = 5
    data['images'][1]['width'] = -3
    tiny_coco.write(tmp_path, data)
    found = {(p.kind, p.entry, p.image) for p in checked(tmp_path).issues}
    assert found == {
        ('malformed_image_entry', 'image 101', '1.png'),
        ('malformed_annotation', 'annotation 1', '0.png'),
        ('bad_box', 'annotation 3', '1.png'),
        ('unlisted_image', 'annotation 5', 'image_id 5'),
    }


def test_cut_files_are_refused_in_one_sentence(tmp_path):
    arguments = tiny_coco.write(tmp_path)
    path = tmp_path / 'ann.json'
    path.write_text(json.dumps(tiny_coco.content())[:-300])
    with pytest.raises(ValueError, match='truncated') as training:
        CocoDataset(**arguments)
    with pytest.raises(ValueError, match='truncated') as evaluation:
        load_ground_truth(path, 17)
    assert str(training.value) == str(evaluation.value) == checked(tmp_path).issues[0].found


def test_strings_name_images_in_all_three(tmp_path):
    data = tiny_coco.content()
    for item in data['images']:
        item['id'] = f'img_{item["id"]}'
    for item in data['annotations']:
        item['image_id'] = f'img_{item["image_id"]}'
    dataset = CocoDataset(**tiny_coco.write(tmp_path, data))
    gt = load_ground_truth(tmp_path / 'ann.json', 17)
    np.testing.assert_array_equal(dataset.store.image_ids, gt.image_ids)
    assert checked(tmp_path).counts == {}
