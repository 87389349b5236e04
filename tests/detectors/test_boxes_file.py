"""Boxes of a file find their images."""

import json
import warnings

import numpy as np
import pytest

from mmpose.detectors import build_detector
from mmpose.structures import Frame

DETECTIONS = [
    {'image_id': 785, 'category_id': 1, 'bbox': [1, 2, 30, 40], 'score': 0.9},
    {'image_id': 785, 'category_id': 1, 'bbox': [5, 6, 70, 80], 'score': 0.4},
    {'image_id': 785, 'category_id': 1, 'bbox': [5, 6, 70, 81], 'score': 0.2},
    {'image_id': 785, 'category_id': 18, 'bbox': [9, 9, 9, 9], 'score': 0.8},
    {'image_id': 3, 'category_id': 18, 'bbox': [8, 8, 8, 8], 'score': 0.8},
]
ANNOTATIONS = {
    'images': [
        {'id': 1, 'file_name': 'train/a.jpg'},
        {'id': 2, 'file_name': 'val/a.jpg'},
        {'id': 3, 'file_name': 'b.jpg'},
    ],
    'annotations': [
        {'image_id': 1, 'category_id': 4, 'bbox': [1, 1, 10, 10]},
        {'image_id': 2, 'category_id': 4, 'bbox': [2, 2, 20, 20]},
        {'image_id': 2, 'category_id': 4, 'bbox': [3, 3, 20, 20], 'iscrowd': 1},
        {'image_id': 2, 'category_id': 7, 'bbox': [4, 4, 20, 20]},
    ],
    'categories': [{'id': 4, 'name': 'Person'}, {'id': 7, 'name': 'antelope'}],
}
MAPPING = {'a.jpg': [[1, 2, 30, 40], [5, 6, 70, 80, 0.4], [0, 0, 9, 9, 0.1]], '0': [[0, 0, 5, 5]]}


def frame(name='', index=0):
    return Frame(index, np.zeros((9, 9, 3), np.uint8), name)


@pytest.fixture
def make(tmp_path):
    def write(content, **arguments):
        path = tmp_path / 'boxes.json'
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return build_detector(str(path), **arguments)

    return write


TWO = [[1, 2, 30, 40], [5, 6, 70, 80]]
NAMED = {**DETECTIONS[0], 'image_id': 'x.jpg'}
FOUND = {
    'number of a COCO image': (DETECTIONS, 'x/000000000785.jpg', 0, {}, TWO),
    'frame of a video': (DETECTIONS, 'street.mp4', 785, {}, TWO),
    'frame without anybody': (DETECTIONS, 'street.mp4', 3, {}, []),
    'frame that is not listed': (DETECTIONS, 'rtsp://camera', 4, {}, []),
    'an array': (DETECTIONS, '', 785, {'score_threshold': 0.5}, [[1, 2, 30, 40]]),
    'an animal': (DETECTIONS, '785.png', 0, {'categories': ['animal']}, [[9, 9, 9, 9]]),
    'name as image_id': ([NAMED], 'd/x.jpg', 0, {}, [[1, 2, 30, 40]]),
    'stem as image_id': ([{**NAMED, 'image_id': 'x'}], 'd/x.jpg', 0, {}, [[1, 2, 30, 40]]),
    'image_id 0': ([{**NAMED, 'image_id': 0}], 'd/000000.jpg', 0, {}, [[1, 2, 30, 40]]),
    'annotated': (ANNOTATIONS, '/data/b.jpg', 0, {}, []),
    'annotated in a folder': (ANNOTATIONS, '/data/val/a.jpg', 0, {}, [[2, 2, 20, 20]]),
    'the other folder': (ANNOTATIONS, 'train/a.jpg', 0, {}, [[1, 1, 10, 10]]),
    'category of the file': (
        ANNOTATIONS, 'val/a.jpg', 0, {'categories': ['antelope']}, [[4, 4, 20, 20]],
    ),
    'by name': (MAPPING, 'c/a.jpg', 0, {}, TWO),
    'by name, frame': (MAPPING, 'street.avi', 0, {}, [[0, 0, 5, 5]]),
}  # fmt: skip


@pytest.mark.parametrize(
    ('content', 'name', 'index', 'arguments', 'expected'), FOUND.values(), ids=FOUND
)
def test_boxes_of_an_image(make, content, name, index, arguments, expected):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        [boxes] = make(content, **arguments)([frame(name, index)])
    assert boxes.xywh.tolist() == expected


def test_scores_and_categories(make):
    [boxes] = make(DETECTIONS, categories=['dog', 1], score_threshold=0)([frame('785.jpg')])
    assert boxes.scores.tolist() == pytest.approx([0.9, 0.4, 0.2, 0.8])
    assert boxes.category_ids.tolist() == [1, 1, 1, 18]
    [boxes] = make(ANNOTATIONS)([frame('val/a.jpg')])
    assert (boxes.scores.tolist(), boxes.category_ids.tolist()) == ([1], [1])


def test_images_of_a_list_without_boxes_are_said_once(make):
    detector = make(DETECTIONS)
    with pytest.warns(
        UserWarning, match=r"no boxes for 'other.jpg' \(it knows 2 images.* 785"
    ) as seen:
        assert [len(x) for x in detector([frame('other.jpg'), frame('more.jpg')])] == [0, 0]
    assert len(seen) == 1


REFUSED = {
    'other images': (MAPPING, 'other.jpg', "has no image 'other.jpg'; it knows 2 .* as a.jpg"),
    'either of two': (ANNOTATIONS, 'elsewhere/a.jpg', 'could be train/a.jpg or val/a.jpg'),
    'a video': (ANNOTATIONS, 'street.mp4', "has boxes of images, and 'street.mp4' is a video"),
}  # fmt: skip


@pytest.mark.parametrize(('content', 'name', 'words'), REFUSED.values(), ids=REFUSED)
def test_images_the_file_does_not_know(make, content, name, words):
    with pytest.raises(ValueError, match=words):
        make(content)([frame(name)])


@pytest.mark.parametrize(
    ('content', 'arguments', 'words'),
    [
        ('{', {}, 'boxes.json is not valid JSON.*truncated'),
        ('3', {}, 'holds a int, expected a list or object'),
        ([{'image_id': 1}], {}, "detection 0: field 'category_id' is missing"),
        ([7], {}, 'detection 0: a int, expected an object'),
        ([{**DETECTIONS[0], 'bbox': [1, 2, 3]}], {}, r"'bbox' is \[1, 2, 3\], expected a"),
        ([{**DETECTIONS[0], 'score': None}], {}, "detection 0: field 'score' is None"),
        ({'a.jpg': 5}, {}, "'a.jpg' is 5, expected a list of boxes"),
        ({'a.jpg': [[1, 2, 3, 'x']]}, {}, r"box is \[1, 2, 3, 'x'\]"),
        (DETECTIONS, {'categories': ['hand']}, "COCO has no category 'hand'"),
        (ANNOTATIONS, {'categories': ['dog']}, "no category 'dog'; it has: Person, antelope"),
        ({**ANNOTATIONS, 'images': [{'id': 9}]}, {}, "image 9: field 'file_name' is None"),
        ({**ANNOTATIONS, 'images': []}, {}, "field 'images' is missing or empty"),
    ],
)  # fmt: skip
def test_bad_files(make, content, arguments, words):
    with pytest.raises(ValueError, match=words):
        make(content, **arguments)


def test_no_file():
    with pytest.raises(FileNotFoundError, match=r'file with boxes missing\.json does not exist'):
        build_detector('missing.json')
