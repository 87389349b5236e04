"""A detector over an annotation file: the boxes are those of a bbox_file, and are rated."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose.analysis.detection import evaluate_detector, format_run
from mmpose.datasets import CocoDataset
from mmpose.structures import Boxes

ROOT = Path(__file__).parents[2]
SIZES_WH = [(64, 48), (40, 60), (80, 80)]
PEOPLE = {7: [[5, 6, 20, 30], [30, 5, 20, 40]], 8: [[3, 4, 30, 50]], 9: []}
NAMES = ['left/a.jpg', 'right/a.jpg', 'b.jpg']


@pytest.fixture
def folder(tmp_path):
    """Three images, three people, a dog, and an antelope that COCO does not have."""
    images, annotations = [], []
    for (image_id, boxes), name, (width, height) in zip(
        PEOPLE.items(), NAMES, SIZES_WH, strict=True
    ):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((height, width, 3), image_id, np.uint8))
        images.append({'id': image_id, 'file_name': name, 'width': width, 'height': height})
        annotations += [{'image_id': image_id, 'category_id': 1, 'bbox': box} for box in boxes]
    annotations.append({'image_id': 9, 'category_id': 18, 'bbox': [1, 1, 30, 30]})
    for number, one in enumerate(annotations, 1):
        one |= {'id': number, 'area': one['bbox'][2] * one['bbox'][3], 'iscrowd': 0}
    names = {1: 'person', 18: 'dog', 99: 'antelope'}
    content = {
        'images': images,
        'annotations': annotations,
        'categories': [{'id': i, 'name': name} for i, name in names.items()],
    }
    (tmp_path / 'annotations.json').write_text(json.dumps(content))
    return tmp_path


def run(folder, detector, **arguments):
    return evaluate_detector(detector, folder / 'annotations.json', folder / 'images', **arguments)


@pytest.mark.parametrize('batch_size', [1, 2, 8])
def test_boxes_are_written_as_a_bbox_file(folder, batch_size):
    seen = []

    def find(frames):
        seen.append([frame.image_wh for frame in frames])
        ids = [int(frame.image_bgr[0, 0, 0]) for frame in frames]
        return [
            Boxes.from_xywh(PEOPLE[number], np.linspace(0.9, 0.8, len(PEOPLE[number])))
            for number in ids
        ]

    out = folder / 'new' / 'boxes.json'
    result = run(folder, find, out_file=out, batch_size=batch_size)
    assert [size for part in seen for size in part] == SIZES_WH
    assert max(map(len, seen)) == min(batch_size, 3)
    assert json.loads(out.read_text()) == result.records
    assert result.records[1] == {
        'image_id': 7, 'category_id': 1, 'bbox': [30, 5, 20, 40], 'score': 0.8,
    }  # fmt: skip
    assert result.metrics['AP'] == pytest.approx(1)
    dataset = CocoDataset(
        str(folder / 'annotations.json'), data_prefix={'img': str(folder / 'images')},
        bbox_file=str(out), test_mode=True,
    )  # fmt: skip
    assert len(dataset) == 3
    np.testing.assert_allclose(dataset.store.bbox_xywh, PEOPLE[7] + PEOPLE[8])


@pytest.mark.parametrize(
    ('categories', 'num_boxes', 'ap'), [(['person'], 3, 1.0), (['animal'], 1, 1.0)]
)
def test_annotations_that_count(folder, categories, num_boxes, ap):
    """The file as its own detector: people and animals are rated against their own kind."""
    annotations = str(folder / 'annotations.json')
    result = run(folder, annotations, categories=categories)
    assert len(result.records) == num_boxes
    assert result.metrics['AP'] == pytest.approx(ap)


def test_category_that_coco_does_not_have_counts(folder):
    path = folder / 'annotations.json'
    content = json.loads(path.read_text())
    for one in content['annotations']:
        one['category_id'] = 99
    path.write_text(json.dumps(content))
    result = run(folder, str(path), categories=['antelope'], category_id=1)
    assert {record['category_id'] for record in result.records} == {1}
    assert result.metrics['AP'] == pytest.approx(1)


def test_result_file_is_rated_by_image_id(folder):
    """A list of detections has no names, and the images of this file have no numbers in theirs."""
    boxes = [
        {'image_id': number, 'category_id': 1, 'bbox': box, 'score': 0.5}
        for number, own in PEOPLE.items()
        for box in own
    ]
    (folder / 'boxes.json').write_text(json.dumps(boxes))
    assert run(folder, str(folder / 'boxes.json')).metrics['AP'] == pytest.approx(1)


def test_what_is_said(folder):
    said = format_run(run(folder, 'whole-image', backend='recall'), 'boxes.json')
    assert re.match(r'3 boxes in 3 images: boxes.json\nrecall .5 +0\.\d+\n', said)
    content = json.loads((folder / 'annotations.json').read_text())
    (folder / 'annotations.json').write_text(json.dumps({'images': content['images']}))
    assert 'not rated' in format_run(run(folder, 'whole-image'))


@pytest.mark.parametrize(
    ('change', 'error', 'words'),
    [
        ({'batch_size': 0}, ValueError, 'batch_size is 0, expected 1 or more'),
        ({'image_folder': 'nowhere'}, FileNotFoundError, 'nowhere: no such folder of images'),
        ({'ann_file': 'nothing.json'}, FileNotFoundError, 'nothing.json: no such annotation file'),
        ({'backend': 'other'}, ValueError, "evaluator 'other' is unknown"),
    ],
)
def test_bad_arguments(folder, change, error, words):
    given = {'ann_file': folder / 'annotations.json', 'image_folder': folder / 'images', **change}
    with pytest.raises(error, match=words):
        evaluate_detector('whole-image', **given)


@pytest.mark.parametrize('content', ['[]', '{"images": []}', '{"images": [{"id": 1}]}', '{'])
def test_bad_annotation_files(folder, content):
    (folder / 'annotations.json').write_text(content)
    with pytest.raises(ValueError, match=r'annotations\.json'):
        run(folder, 'whole-image')


def test_command(folder):
    command = [sys.executable, 'tools/evaluate_detector.py']
    flags = ['--ann', folder / 'annotations.json', '--images', folder / 'images']
    out = folder / 'boxes.json'
    done = subprocess.run(
        [*command, folder / 'annotations.json', *flags, '--out', out, '--categories', 'dog'],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f'1 boxes in 3 images: {out}' in done.stdout
    assert 'AP        1.0000' in done.stdout
    assert '--category-id 1 writes that' in done.stdout
    assert done.stderr == ''  # a progress bar is for terminals
    done = subprocess.run([*command, 'yolov5', *flags], cwd=ROOT, capture_output=True, text=True)
    _, _, said = done.stderr.rpartition(
        "error: detector 'yolov5' is unknown; expected 'whole-image'"
    )
    assert (done.returncode, said.count('\n')) == (1, 2), done.stderr
