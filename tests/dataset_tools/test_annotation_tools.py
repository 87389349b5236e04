"""Annotations survive the way through every format, and samples of the tools are read."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tool_samples import (
    CVAT,
    CVAT_POINTS,
    DEEPLABCUT,
    DEEPLABCUT_MULTI,
    IMAGES,
    LABEL_STUDIO,
    LABELME,
    LIMBS,
    NAMES,
    coco,
    image_at,
    save,
)

from mmpose.dataset_tools.convert import FORMATS, convert_annotations
from mmpose.dataset_tools.convert.ultralytics import mirror_names
from mmpose.datasets import CocoDataset
from mmpose.metainfo import available_metainfo, load_metainfo

# What a coordinate may be off in px: half of the last digit that the format stores.
PRECISION = {
    'coco': 5e-4,
    'cvat': 5e-3,
    'label_studio': 5e-4,
    'labelme': 5e-4,
    'deeplabcut': 5e-4,
    'sleap': 5e-4,
    'ultralytics': 1.2e-3,  # 6 digits of 80 px, and 3 digits in the COCO file
}
HAS_BOX = ('coco', 'cvat', 'label_studio', 'labelme', 'ultralytics')
HAS_LIMBS = ('coco', 'cvat', 'sleap')
HAS_CATEGORY = ('coco', 'cvat', 'label_studio', 'labelme', 'ultralytics')
TARGET = {
    'labelme': 'out',
    'ultralytics': 'out',
    'cvat': 'out.xml',
    'deeplabcut': 'out.csv',
    'sleap': 'out.slp',
}


@pytest.fixture
def folder(tmp_path):
    for name, (w, h) in IMAGES:
        for root in ('images', 'out/images/train'):
            path = tmp_path / root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.zeros((h, w, 3), np.uint8))
    (tmp_path / 'in.json').write_text(json.dumps(coco()))
    return tmp_path


def load(path):
    """Returns the content of a COCO file, with names in place of ids."""
    data = json.loads(path.read_text())
    image = {entry['id']: entry for entry in data['images']}
    category = {entry['id']: entry for entry in data['categories']}
    for entry in data['annotations']:
        entry['file_name'] = image[entry['image_id']]['file_name']
        entry['category'] = category[entry['category_id']]['name']
        entry['points'] = np.reshape(entry['keypoints'], (-1, 3))
    return data


def tight_box(points):
    xy = points[points[:, 2] > 0, :2]
    return [*xy.min(0), *np.ptp(xy, axis=0)]


@pytest.mark.parametrize('name', FORMATS)
def test_round_trip(folder, name):
    if name == 'sleap':
        pytest.importorskip('sleap_io')
    middle = folder / TARGET.get(name, 'out.json')
    if name == 'deeplabcut':  # the file with visibility
        convert_annotations(folder / 'in.json', middle, 'coco', name)
        middle = folder / 'out_visible.csv'
    else:
        convert_annotations(folder / 'in.json', middle, 'coco', name)
    images = folder / 'images' if name == 'deeplabcut' else None
    result = convert_annotations(middle, folder / 'back.json', name, 'coco', images)
    before, after = load(folder / 'in.json'), load(folder / 'back.json')

    assert result.keypoint_names == tuple(NAMES)
    sizes = {entry['file_name']: (entry['width'], entry['height']) for entry in after['images']}
    assert sizes == dict(IMAGES)
    order = [entry['file_name'] for entry in after['annotations']]
    by_name = sorted(before['annotations'], key=lambda entry: order.index(entry['file_name']))
    assert len(order) == len(by_name) == 3
    for old, new in zip(by_name, after['annotations'], strict=True):
        assert new['file_name'] == old['file_name']
        assert new['points'][:, 2].tolist() == old['points'][:, 2].tolist()
        assert new['num_keypoints'] == old['num_keypoints']
        expected = old['bbox'] if name in HAS_BOX else tight_box(old['points'])
        tolerance = {'rtol': 0, 'atol': PRECISION[name] * 2}
        np.testing.assert_allclose(new['points'][:, :2], old['points'][:, :2], **tolerance)
        np.testing.assert_allclose(new['bbox'], expected, **tolerance)
        if name in HAS_CATEGORY:
            assert new['category'] == old['category']
    for category in after['categories']:
        assert category['keypoints'] == NAMES
        assert category['skeleton'] == (LIMBS if name in HAS_LIMBS else [])


def test_result_can_be_trained_on(folder):
    (folder / 'coco_names.json').write_text(
        json.dumps({**coco(), 'categories': [{'id': 3, 'name': 'cat'}, {'id': 5, 'name': 'dog'}]})
    )
    table = folder / 'mine.csv'
    rows = [f'{name}, -, upper, 1, -, #ffffff' for name in NAMES]
    header = 'name, swap, part, weight, sigma, color'
    table.write_text('\n'.join(['[keypoints]', header, *rows]))
    middle, back = folder / 'out.xml', folder / 'back.json'
    convert_annotations(folder / 'coco_names.json', middle, 'coco', 'cvat', metainfo=str(table))
    convert_annotations(middle, back, 'cvat', 'coco')
    data = CocoDataset(back.name, str(folder), {'img': 'images'}, metainfo=table)
    assert len(data) == 3
    assert data.get_sample(0)['keypoints_visible'].tolist() == [1, 1, 0, 1]


def read(folder, source, name, **options):
    """Converts to COCO; returns the labels and the content of the file."""
    labels = convert_annotations(source, folder / 'result.json', name, 'coco', **options)
    return labels, load(folder / 'result.json')


def test_cvat_skeletons(tmp_path):
    labels, data = read(tmp_path, save(tmp_path, 'annotations.xml', CVAT), 'cvat')
    (ann,) = data['annotations']
    assert labels.keypoint_names == ('nose', 'left_eye')  # the order of the template
    assert data['categories'][0]['skeleton'] == [[2, 1]]
    assert (ann['category'], ann['bbox']) == ('person', [80, 40, 40, 60])
    assert ann['keypoints'] == [0, 0, 0, 91.3, 52.6, 1]
    assert [entry['file_name'] for entry in data['images']] == ['img1.jpg', 'img2.jpg']
    assert labels.notes == ('left out: 1 boxes that share no group with a skeleton',)


def test_cvat_points(tmp_path):
    labels, data = read(tmp_path, save(tmp_path, 'annotations.xml', CVAT_POINTS), 'cvat')
    first, second = data['annotations']
    assert labels.keypoint_names == ('tail', 'nose')  # the order of the labels
    assert (first['category'], first['bbox']) == ('dog', [5, 6, 40, 40])
    assert first['keypoints'] == [30, 40, 1, 10.5, 20.25, 2]
    assert second['keypoints'] == [0, 0, 0, 60, 20, 2]
    assert second['bbox'] == [59.5, 19.5, 1, 1]  # a box around one point is 1 px wide
    assert any('neither skeleton, points nor box' in note for note in labels.notes)


def test_cvat_shapes_of_several_points(tmp_path):
    text = CVAT_POINTS.replace('points="10.5,20.25" group_id="1"', 'points="1,2;3,4;5,6"')
    text = text.replace('points="30,40"', 'points="7,8;9,1;2,3"')
    text = text.replace('points="60,20"', 'points="60,20;61,21;62,22"')
    labels, data = read(tmp_path, save(tmp_path, 'annotations.xml', text), 'cvat')
    assert labels.keypoint_names == ('kpt-0', 'kpt-1', 'kpt-2')
    assert data['annotations'][0]['keypoints'] == [1, 2, 2, 3, 4, 2, 5, 6, 2]
    assert data['annotations'][0]['category'] == 'nose'


def test_label_studio(tmp_path):
    path = save(tmp_path, 'project.json', LABEL_STUDIO)
    labels, data = read(tmp_path, path, 'label_studio')
    (ann,) = data['annotations']
    assert data['images'][0] == {'id': 1, 'file_name': 'frame 1.jpg', 'width': 200, 'height': 100}
    assert (ann['category'], ann['bbox']) == ('Person', [20, 20, 60, 40])
    assert labels.keypoint_names == ('Nose', 'Tail')
    assert ann['keypoints'] == [30, 25, 2, 70, 55, 1]
    assert 'project_config.xml does not exist' in labels.notes[0]


def test_label_studio_order_comes_from_the_configuration(tmp_path):
    path = save(tmp_path, 'project.json', LABEL_STUDIO)
    labels = ''.join(f'<Label value="{name}"/>' for name in ('Tail', 'Ear', 'Nose'))
    save(tmp_path, 'project_config.xml', f'<View><KeyPointLabels>{labels}</KeyPointLabels></View>')
    labels, data = read(tmp_path, path, 'label_studio')
    assert labels.keypoint_names == ('Tail', 'Ear', 'Nose')
    assert data['annotations'][0]['keypoints'] == [70, 55, 1, 0, 0, 0, 30, 25, 2]


@pytest.mark.parametrize(
    ('address', 'name'),
    [
        ('/data/local-files/?d=shots/day%201/a.jpg', 'shots/day 1/a.jpg'),
        ('https://host/bucket/b.jpg?token=1', 'bucket/b.jpg'),
        ('s3://bucket/folder/c.jpg', 'folder/c.jpg'),
        ('train/d.jpg', 'train/d.jpg'),
    ],
)
def test_label_studio_addresses(tmp_path, address, name):
    tasks = [{**LABEL_STUDIO[0], 'data': {'image': address}}]
    _, data = read(tmp_path, save(tmp_path, 'project.json', tasks), 'label_studio')
    assert data['images'][0]['file_name'] == name


def test_label_studio_rotated_box(tmp_path):
    """20 x 60 px at (40, 20), turned by 90 degrees clockwise about its left top corner."""
    tasks = json.loads(json.dumps(LABEL_STUDIO))
    box = {'x': 20, 'y': 20, 'width': 10, 'height': 15, 'rotation': 90}
    tasks[0]['annotations'][0]['result'][0]['value'].update(box)
    _, data = read(tmp_path, save(tmp_path, 'project.json', tasks), 'label_studio')
    assert data['annotations'][0]['bbox'] == [25, 20, 15, 20]


def test_labelme(tmp_path):
    save(tmp_path, 'labels/day1/a.json', LABELME)
    save(tmp_path, 'labels/pose_config.yaml', 'classes:\n  person:\n    - tail\n    - nose\n')
    labels, data = read(tmp_path, tmp_path / 'labels', 'labelme')
    (ann,) = data['annotations']
    assert data['images'][0]['file_name'] == 'day1/a.jpg'
    assert (ann['category'], ann['bbox']) == ('person', [5, 6, 40, 40])
    assert labels.keypoint_names == ('tail', 'nose')
    assert ann['keypoints'] == [30, 40, 1, 10.5, 20.25, 2]
    assert labels.notes == ('left out: 1 boxes that share no group with a keypoint',)


def test_deeplabcut_of_one_animal(tmp_path):
    for name in ('img0010.png', 'img0023.png'):
        image_at(tmp_path, f'labeled-data/video1/{name}', (90, 70))
    path = save(tmp_path, 'CollectedData_me.csv', DEEPLABCUT)
    images = tmp_path / 'images'
    labels, data = read(tmp_path, path, 'deeplabcut', images=images, box_margin=0.5)
    first, second = data['annotations']
    assert labels.keypoint_names == ('snout', 'tail')
    assert first['file_name'] == 'labeled-data/video1/img0010.png'
    assert first['keypoints'] == [10.5, 20.25, 2, 0, 0, 0]
    assert second['bbox'] == [0.75, 10.75, 41, 40.75]  # 20.5 x 20.25, and 10.25 on each side
    assert (data['images'][0]['width'], data['images'][0]['height']) == (90, 70)


def test_deeplabcut_of_several_animals(tmp_path):
    for name in ('img1.png', 'img2.png'):
        image_at(tmp_path, name, (90, 70))  # the last part of the path will do
    path = save(tmp_path, 'CollectedData_me.csv', DEEPLABCUT_MULTI)
    labels, data = read(tmp_path, path, 'deeplabcut', images=tmp_path / 'images')
    assert [ann['keypoints'] for ann in data['annotations']] == [
        [1, 2, 2, 3, 4, 2],
        [0, 0, 0, 7, 8, 2],
        [5, 6, 2, 0, 0, 0],
    ]
    assert [ann['image_id'] for ann in data['annotations']] == [1, 1, 2]
    assert "2 columns of individual 'single'" in labels.notes[0]


@pytest.mark.parametrize('dims', [2, 3])
def test_ultralytics(tmp_path, dims):
    cv2.imwrite(str(tmp_path / 'x.png'), np.zeros((50, 100, 3), np.uint8))
    (tmp_path / 'images/val').mkdir(parents=True)
    (tmp_path / 'x.png').rename(tmp_path / 'images/val/x.png')
    config = f"""path: ../datasets/coco8-pose # dataset root dir
train: images/train
val: images/val # val images (relative to 'path')
kpt_shape: [2, {dims}]  # number of keypoints, number of dims
flip_idx: [0, 1]
names:
  0: person
  1: dog
"""
    points = '0.1 0.2 1 0 0 0' if dims == 3 else '0.1 0.2 0 0'
    save(tmp_path, 'data.yaml', config)
    save(tmp_path, 'labels/val/x.txt', f'1 0.5 0.4 0.2 0.4 {points}\n')
    labels, data = read(tmp_path, tmp_path, 'ultralytics', split='val')
    (ann,) = data['annotations']
    assert (ann['category'], ann['bbox']) == ('dog', [40, 10, 20, 20])
    assert ann['keypoints'] == ([10, 10, 1, 0, 0, 0] if dims == 3 else [10, 10, 2, 0, 0, 2])
    assert labels.keypoint_names == ('kpt-0', 'kpt-1')


def test_ultralytics_files(folder):
    convert_annotations(folder / 'in.json', folder / 'out', 'coco', 'ultralytics')
    convert_annotations(folder / 'in.json', folder / 'out', 'coco', 'ultralytics', split='val')
    text = (folder / 'out/data.yaml').read_text()
    assert 'kpt_shape: [4, 3]\nflip_idx: [0, 2, 1, 3]\n' in text
    lines = (folder / 'out/labels/val/cam0/a.txt').read_text().splitlines()
    assert [line.split()[0] for line in lines] == ['0', '1']
    assert (folder / 'out/labels/val/cam0/b.txt').read_text() == ''


@pytest.mark.parametrize('name', available_metainfo())
def test_mirror_names_agree_with_the_skeletons(name):
    meta = load_metainfo(name)
    flips = mirror_names(meta.keypoint_names)
    if flips is not None:
        assert flips == meta.flip_indices.tolist()


def test_ultralytics_takes_the_pairs_of_the_skeleton(folder):
    text = json.dumps(coco()).replace('tail', 'left_ear')
    source, target = save(folder, 'names.json', text), folder / 'out'
    convert_annotations(source, target, 'coco', 'ultralytics', metainfo='coco')
    flips = load_metainfo('coco').flip_indices.tolist()
    assert f'flip_idx: {flips}' in (target / 'data.yaml').read_text()


def test_deeplabcut_file_is_one_that_deeplabcut_reads(folder):
    convert_annotations(folder / 'in.json', folder / 'out.csv', 'coco', 'deeplabcut')
    rows = [row.split(',') for row in (folder / 'out.csv').read_text().splitlines()]
    assert [row[0] for row in rows[:4]] == ['scorer', 'individuals', 'bodyparts', 'coords']
    assert rows[1][1:] == ['individual1'] * 8 + ['individual2'] * 8
    assert rows[3][1:] == ['x', 'y'] * 8
    assert rows[4][5:7] == ['', '']  # right_eye of the first


def test_skeleton_orders_and_adds_keypoints(tmp_path):
    path = save(tmp_path, 'annotations.xml', CVAT)
    labels, data = read(tmp_path, path, 'cvat', metainfo='coco')
    points = np.reshape(data['annotations'][0]['keypoints'], (17, 3))
    assert labels.keypoint_names == load_metainfo('coco').keypoint_names
    assert points[1].tolist() == [91.3, 52.6, 1]
    assert np.count_nonzero(points[:, 2]) == 1
    assert len(labels.skeleton_links) == 19


def test_missing_image_is_named(folder):
    path = save(folder, 'CollectedData_me.csv', DEEPLABCUT)
    with pytest.raises(FileNotFoundError, match=r'neither .*img0010\.png nor .* set --images'):
        convert_annotations(path, folder / 'r.json', 'deeplabcut', 'coco', images=folder / 'images')


def test_foreign_keypoints_are_refused(folder):
    with pytest.raises(ValueError, match=r"\['tail'\] are none of the skeleton 'coco'"):
        convert_annotations(folder / 'in.json', folder / 'o.xml', 'coco', 'cvat', metainfo='coco')


def test_existing_files_are_kept(folder):
    target = save(folder, 'out.xml', 'precious')
    with pytest.raises(FileExistsError, match=r'out\.xml exists .*--overwrite'):
        convert_annotations(folder / 'in.json', target, 'coco', 'cvat')
    assert target.read_text() == 'precious'
    convert_annotations(folder / 'in.json', target, 'coco', 'cvat', overwrite=True)
    assert target.read_text() != 'precious'


def test_tool(folder):
    tool = Path(__file__).resolve().parents[2] / 'tools/dataset_converters/convert_annotations.py'
    command = [sys.executable, str(tool), 'in.json', 'out.xml', '--from', 'coco', '--to']
    done = subprocess.run([*command, 'cvat'], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'out.xml: 3 images, 3 instances, 4 keypoints' in done.stdout
    again = subprocess.run([*command, 'labelme'], cwd=folder, capture_output=True, text=True)
    assert again.returncode == 1
    assert again.stderr.startswith('error: ')
    assert 'Traceback' not in again.stderr
