"""What the tools themselves make of a file: EXIF, YOLO's layouts, turned boxes, shared groups."""

import json

import cv2
import numpy as np
import pytest
from tool_samples import CVAT, CVAT_POINTS, DEEPLABCUT, LABEL_STUDIO, LABELME, image_at, save

from mmpose.dataset_tools.convert import convert_annotations

EXIF = b'\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0%c\0\0\0\0\0\0\0'
YOLO = 'kpt_shape: [1, 3]\nnames: [a]\n'


def turned_image(path, wh, orientation):
    """Writes a JPEG that is stored with this size and has an EXIF orientation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = cv2.imencode('.jpg', np.zeros((wh[1], wh[0], 3), np.uint8))[1].tobytes()
    path.write_bytes(data[:2] + EXIF % orientation + data[2:])


def read(folder, source, name, **options):
    labels = convert_annotations(source, folder / 'result.json', name, 'coco', **options)
    return labels, json.loads((folder / 'result.json').read_text())


@pytest.mark.parametrize('orientation', range(1, 9))
def test_sizes_are_those_of_the_upright_picture(tmp_path, orientation):
    upright = (120, 160) if orientation > 4 else (160, 120)
    turned_image(tmp_path / 'images/labeled-data/v/a.jpg', (160, 120), orientation)
    turned_image(tmp_path / 'images/train/a.jpg', (160, 120), orientation)
    save(tmp_path, 'data.yaml', f'train: images/train\n{YOLO}')
    save(tmp_path, 'labels/train/a.txt', '0 .5 .5 1 1 .25 .5 2\n')
    labels, _ = read(tmp_path, tmp_path, 'ultralytics')
    assert labels.images[0].wh == upright
    assert labels.instances[0].keypoints[0].tolist() == [upright[0] / 4, upright[1] / 2, 2]

    rows = DEEPLABCUT.splitlines()[:4]
    text = '\n'.join(rows).replace('video1,img0010.png', 'v,a.jpg')
    source = save(tmp_path, 'a.csv', text)
    (tmp_path / 'result.json').unlink()
    _, data = read(tmp_path, source, 'deeplabcut', images=tmp_path / 'images')
    assert (data['images'][0]['width'], data['images'][0]['height']) == upright


LAYOUTS = {
    'ours': ('.', 'train: images/train', 'images/train', 'labels/train'),
    'roboflow': ('.', 'train: ../train/images', 'train/images', 'train/labels'),
    'backslashes': ('.', 'train: train\\images', 'train/images', 'train/labels'),
    'path': ('.', 'path: data\ntrain: images/train', 'data/images/train', 'data/labels/train'),
    'path up': ('x', 'path: ../set\ntrain: images', 'set/images', 'set/labels'),
    'other machine': ('.', 'train: /content/set/train/images', 'train/images', 'train/labels'),
    'windows': ('.', 'train: D:\\set\\train\\images', 'train/images', 'train/labels'),
    'path elsewhere': ('.', 'path: /content/set\ntrain: images/a', 'images/a', 'labels/a'),
    'list of folders': ('.', 'train: [a/images, b/images]', 'b/images', 'b/labels'),
    'last images': ('.', 'train: images/t/images', 'images/t/images', 'images/t/labels'),
    'beside': ('.', 'train: obj', 'obj', 'obj'),
    'file list': ('.', 'train: train.txt', 'images/train', 'labels/train'),
    'list of file lists': ('.', 'train: [train.txt]', 'images/train', 'labels/train'),
}


@pytest.mark.parametrize(('place', 'lines', 'images', 'labels'), LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_of_ultralytics(tmp_path, place, lines, images, labels):
    image_at(tmp_path, 'x.png', (20, 10))
    for folder in (images, *(['a/images'] if 'a/images' in lines else [])):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / 'x.png').write_bytes((tmp_path / 'images/x.png').read_bytes())
    (tmp_path / 'images/x.png').rename(tmp_path / 'used.png')
    if images == 'images':
        (tmp_path / 'used.png').rename(tmp_path / 'images/x.png')
    save(tmp_path, f'{labels}/x.txt', '0 .5 .5 1 1 .25 .5 2\n')
    save(tmp_path, 'train.txt', f'./{images}/x.png\n\n/content/set/{images}/x.png\r\n')
    save(tmp_path, f'{place}/data.yaml', f'{lines}\n{YOLO}')
    found, _ = read(tmp_path, tmp_path / place, 'ultralytics')
    (instance,) = found.instances
    assert instance.keypoints.tolist() == [[5, 5, 2]]
    base = found.notes[0].removeprefix('file names of images are relative to ')
    for image in found.images:
        assert cv2.imread(f'{base}/{image.file_name}') is not None
    assert len(found.images) == (2 if 'a/images' in lines else 1)


def test_images_of_one_label_file_are_refused(tmp_path):
    for name in ('x.png', 'x.jpg'):
        image_at(tmp_path, f'train/{name}', (20, 10))
    save(tmp_path, 'data.yaml', f'train: images/train\n{YOLO}')
    save(tmp_path, 'labels/train/x.txt', '0 .5 .5 1 1 .25 .5 2\n')
    with pytest.raises(ValueError, match=r'x\.txt would be the labels of .*x\.jpg and of .*x\.png'):
        read(tmp_path, tmp_path, 'ultralytics')


@pytest.mark.parametrize(
    ('place', 'expected'),
    [('.5 .5', [10, 5, 2]), ('0 0', [0, 0, 2]), ('-1 -1', [0, 0, 0]), ('.5 -.1', [0, 0, 0])],
)
def test_keypoints_of_two_numbers(tmp_path, place, expected):
    image_at(tmp_path, 'train/x.png', (20, 10))
    config = YOLO.replace('[1, 3]', '[2, 2]')
    save(tmp_path, 'data.yaml', f'train: images/train\n{config}')
    save(tmp_path, 'labels/train/x.txt', f'0 .5 .5 1 1 .25 .5 {place}\n')
    _, data = read(tmp_path, tmp_path, 'ultralytics')
    assert data['annotations'][0]['keypoints'][3:] == expected


@pytest.mark.parametrize(
    ('degrees', 'box'),
    [
        (0, [80, 40, 40, 60]),
        (90, [70, 50, 60, 40]),
        (180, [80, 40, 40, 60]),
        (-90, [70, 50, 60, 40]),
    ],
)
def test_turned_boxes_of_cvat(tmp_path, degrees, box):
    text = CVAT.replace('xtl="80.00"', f'rotation="{degrees}" xtl="80.00"')
    _, data = read(tmp_path, save(tmp_path, 'a.xml', text), 'cvat')
    assert data['annotations'][0]['bbox'] == box


def test_turned_box_of_any_angle(tmp_path):
    """A box of 40 x 60 px at 30 degrees is 40 cos + 60 sin wide and 40 sin + 60 cos high."""
    text = CVAT.replace('xtl="80.00"', 'rotation="30" xtl="80.00"')
    _, data = read(tmp_path, save(tmp_path, 'a.xml', text), 'cvat')
    wh = 40 * np.cos(np.pi / 6) + 30, 20 + 60 * np.cos(np.pi / 6)
    expected = [100 - wh[0] / 2, 70 - wh[1] / 2, *wh]
    np.testing.assert_allclose(data['annotations'][0]['bbox'], expected, atol=5e-4)  # 3 digits


def test_turned_box_of_x_anylabeling(tmp_path):
    shapes = json.loads(json.dumps(LABELME))
    corners = [[25, 5], [45, 25], [25, 45], [5, 25]]
    shapes['shapes'][0].update(shape_type='rotation', points=corners)
    _, data = read(tmp_path, save(tmp_path, 'a.json', shapes), 'labelme')
    assert data['annotations'][0]['bbox'] == [5, 5, 40, 40]


def cvat_herd(boxes):
    """Returns two skeletons in group 4, whose eyes are at (91.3, 52.6) and (191.3, 52.6)."""
    first = CVAT[CVAT.index('    <skeleton') : CVAT.index('    <box')]
    head, tail = CVAT[: CVAT.index('    <box')], '  </image>\n</annotations>\n'
    drawn = [
        f'<box label="person" group_id="4" xtl="{x}" ytl="{y}" xbr="{right}" ybr="{bottom}"/>'
        for x, y, right, bottom in boxes
    ]
    return head + first.replace('91.30', '191.30') + ''.join(drawn) + tail


TIGHT = [90.8, 52.1, 1, 1]  # what is drawn round the eye without a box
HERDS = {
    'each its own': ([(180, 40, 200, 60), (80, 40, 100, 60)], [80, 40, 20, 20], [180, 40, 20, 20]),
    'one only': ([(80, 40, 100, 60)], [80, 40, 20, 20], [190.8, 52.1, 1, 1]),
    'around both': ([(0, 0, 300, 90)], TIGHT, [190.8, 52.1, 1, 1]),
    'around none': ([(0, 0, 9, 9)], TIGHT, [190.8, 52.1, 1, 1]),
}


@pytest.mark.parametrize(('boxes', 'first', 'second'), HERDS.values(), ids=HERDS)
def test_several_skeletons_in_one_group(tmp_path, boxes, first, second):
    source = save(tmp_path, 'a.xml', cvat_herd(boxes))
    labels, data = read(tmp_path, source, 'cvat')
    assert [ann['bbox'] for ann in data['annotations']] == [first, second]
    is_noted = any('several skeletons of their group' in note for note in labels.notes)
    assert is_noted == (first == TIGHT)


# ---- two animals in one picture


def studio(rectangles, points, task_id=12):
    """Returns a task with rectangles and keypoints in percent that nothing connects."""
    sizes = {'original_width': 200, 'original_height': 100}
    result = [
        {
            'id': f'box{i}',
            'type': 'rectanglelabels',
            **sizes,
            'value': dict(zip(('x', 'y', 'width', 'height'), box, strict=True))
            | {'rectanglelabels': ['Dog']},
        }
        for i, box in enumerate(rectangles)
    ] + [
        {
            'id': f'kp{i}',
            'type': 'keypointlabels',
            **sizes,
            'value': {'x': x, 'y': y, 'keypointlabels': [label]},
        }
        for i, (label, x, y) in enumerate(points)
    ]
    task = {**LABEL_STUDIO[0], 'id': task_id, 'data': {'image': f'{task_id}.jpg'}}
    return {**task, 'annotations': [{'result': result}]}


LEFT, RIGHT = (0, 0, 40, 100), (60, 0, 40, 100)
TWO_NOSES = [('Nose', 70, 10), ('Nose', 10, 20), ('Tail', 80, 30)]


def test_keypoints_belong_to_the_rectangle_that_holds_them(tmp_path):
    source = save(tmp_path, 'p.json', [studio([LEFT, RIGHT], TWO_NOSES)])
    labels, data = read(tmp_path, source, 'label_studio')
    assert labels.keypoint_names == ('Nose', 'Tail')
    found = {tuple(ann['bbox']): ann['keypoints'] for ann in data['annotations']}
    assert found == {
        (120, 0, 80, 100): [140, 10, 2, 160, 30, 2],
        (0, 0, 80, 100): [20, 20, 2, 0, 0, 0],
    }


def test_keypoints_of_two_animals_are_never_one(tmp_path):
    points = [('Nose', 70, 10), ('Tail', 10, 20)]
    source = save(tmp_path, 'p.json', [studio([LEFT, RIGHT], points)])
    _, data = read(tmp_path, source, 'label_studio')
    assert [ann['keypoints'] for ann in data['annotations']] == [
        [140, 10, 2, 0, 0, 0],
        [0, 0, 0, 20, 20, 2],
    ]


def test_unclear_tasks_are_named_at_once_in_words_of_the_tool(tmp_path):
    wide = (0, 0, 90, 100)
    tasks = [
        studio([LEFT, RIGHT], TWO_NOSES, 1),
        studio([], TWO_NOSES, 2),
        studio([wide, RIGHT], TWO_NOSES, 3),
        studio([LEFT, RIGHT], [*TWO_NOSES, ('Ear', 50, 50)], 4),
        studio([RIGHT], TWO_NOSES, 5),
    ]
    expected = (
        r"rectangle .*: task 2 \('Nose'\), task 3 \('Nose'\), task 4 \('Ear'\), task 5 \('Nose'\); "
        "in Label Studio .* 'Create relation between regions'"
    )
    with pytest.raises(ValueError, match=expected):
        read(tmp_path, save(tmp_path, 'p.json', tasks), 'label_studio')


def test_a_point_outside_of_the_only_rectangle_belongs_to_it(tmp_path):
    source = save(tmp_path, 'p.json', [studio([LEFT], [('Nose', 10, 20), ('Tail', 50, 30)])])
    _, data = read(tmp_path, source, 'label_studio')
    assert data['annotations'][0]['keypoints'] == [20, 20, 2, 100, 30, 2]


def test_boxes_without_a_group_hold_their_points(tmp_path):
    text = CVAT_POINTS.replace(' group_id="1"', '').replace(' group_id="2"', '')
    box = '<box label="dog" xtl="50" ytl="10" xbr="70" ybr="30"></box><polygon'
    source = save(tmp_path, 'a.xml', text.replace('<polygon', box))
    _, data = read(tmp_path, source, 'cvat')
    assert [ann['bbox'] for ann in data['annotations']] == [[5, 6, 40, 40], [50, 10, 20, 20]]
