"""Broken files of annotation tools are refused in one sentence that names file, entry and field."""

import pytest
from tool_samples import (
    CVAT_POINTS,
    DEEPLABCUT,
    LABEL_STUDIO,
    LABELME,
    broken,
    coco,
    image_at,
    save,
)

from mmpose.dataset_tools.convert import convert_annotations

OTHER_SKELETON = {'id': 6, 'name': 'cow', 'keypoints': ['horn'], 'skeleton': []}
BAD = {
    'coco list': ('coco', 'a.json', [], "an object with the lists 'images'"),
    'coco json': ('coco', 'a.json', '{', r'a\.json is not valid JSON'),
    'coco length': (
        'coco',
        'a.json',
        broken(coco(), ['annotations', 1, 'keypoints'], [1, 2, 2]),
        r"annotation 41: field 'keypoints' has 3 numbers, expected 12",
    ),
    'coco visibility': (
        'coco',
        'a.json',
        broken(coco(), ['annotations', 0, 'keypoints', 2], 3),
        "image 'cam0/a.png': keypoint 'nose' is .* visibility of 0, 1 or 2",
    ),
    'coco image': (
        'coco',
        'a.json',
        broken(coco(), ['annotations', 0, 'image_id'], 99),
        r'1 of 3 annotations are for 1 images that .* \(first image_id 99\)',
    ),
    'coco category': (
        'coco',
        'a.json',
        broken(coco(), ['annotations', 0, 'category_id'], 99),
        "category_id 99 is not in 'categories'",
    ),
    'coco skeletons': (
        'coco',
        'a.json',
        broken(coco(), ['categories', 1], OTHER_SKELETON),
        "'cat' and 'cow' have different keypoints; split",
    ),
    'coco limb': (
        'coco',
        'a.json',
        broken(coco(), ['categories', 0, 'skeleton'], [[0, 1]]),
        r'limb outside of keypoints 1\.\.4',
    ),
    'coco size': (
        'coco',
        'a.json',
        broken(coco(), ['images', 0, 'width'], None),
        "no size is stored for 'cam0/a.png'.* give its folder with --images",
    ),
    'cvat xml': ('cvat', 'a.xml', '<annotations>', r'a\.xml is not valid XML'),
    'cvat video': ('cvat', 'a.xml', '<annotations><track/></annotations>', "'CVAT for video'"),
    'cvat points': (
        'cvat',
        'a.xml',
        CVAT_POINTS.replace('10.5,20.25', '10.5'),
        "image 'a.jpg': points='10.5', expected 'x,y' pairs",
    ),
    'cvat twice': (
        'cvat',
        'a.xml',
        CVAT_POINTS.replace('label="tail" o', 'label="nose" o'),
        "keypoint 'nose' occurs twice in group 1",
    ),
    'cvat empty': ('cvat', 'a.xml', '<annotations/>', 'there is no instance'),
    'label_studio min': ('label_studio', 'a.json', {}, "export the project as 'JSON'"),
    'label_studio label': (
        'label_studio',
        'a.json',
        broken(
            LABEL_STUDIO, [0, 'annotations', 0, 'result', 1, 'value', 'keypointlabels'], ['a', 'b']
        ),
        r"task 12: a region has keypointlabels \['a', 'b'\], expected one label",
    ),
    'label_studio image': (
        'label_studio',
        'a.json',
        broken(LABEL_STUDIO, [0, 'data'], {'text': 'a', 'x': 'b'}),
        "task 12: 'data' is .*, expected the address of an 'image'",
    ),
    'labelme shapes': ('labelme', 'a.json', {'version': '5'}, "the list 'shapes'"),
    'labelme points': (
        'labelme',
        'a.json',
        broken(LABELME, ['shapes', 1, 'points'], [[1, 2], [3, 4]]),
        r'shape 1: field .points. is .* expected 1 \[x, y\] for a point',
    ),
    'labelme label': (
        'labelme',
        'a.json',
        broken(LABELME, ['shapes', 1, 'label'], None),
        "shape 1: field 'label' is None",
    ),
    'deeplabcut head': ('deeplabcut', 'a.csv', 'a,b\n1,2\n', 'is it a CollectedData file'),
    'deeplabcut prediction': (
        'deeplabcut',
        'a.csv',
        'scorer,d,d,d\nbodyparts,a,a,a\ncoords,x,y,likelihood\n0,1,2,0.5\n',
        'predictions with a likelihood are no labels',
    ),
    'deeplabcut cell': (
        'deeplabcut',
        'a.csv',
        DEEPLABCUT.replace('10.5', 'x'),
        "row 'labeled-data/video1/img0010.png' has the cell 'x'",
    ),
    'deeplabcut size': ('deeplabcut', 'a.csv', DEEPLABCUT, 'give its folder with --images'),
    'deeplabcut h5': ('deeplabcut', 'a.h5', 'x', 'is HDF5; convert the CollectedData .csv'),
    'sleap slp': ('sleap', 'a.slp', 'x', 'no SLEAP project .* expected a .slp file'),
    'ultralytics shape': ('ultralytics', 'a.yaml', 'names: [a]', "'kpt_shape' is None"),
    'ultralytics split': (
        'ultralytics',
        'a.yaml',
        'kpt_shape: [1, 3]\nnames: [a]\nval: images/val',
        r"field 'train' is None.*--split may be one of \['val'\]",
    ),
    'ultralytics images': (
        'ultralytics',
        'a.yaml',
        'kpt_shape: [1, 3]\nnames: [a]\ntrain: images/train',
        'images/train does not exist; give it with --images',
    ),
}


@pytest.mark.parametrize(('name', 'file', 'content', 'message'), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_sentence(tmp_path, name, file, content, message):
    path = save(tmp_path, file, content)
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        convert_annotations(path, tmp_path / 'result.json', name, 'coco')
    assert not (tmp_path / 'result.json').exists()


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('0 0.5 0.5 1 1 0.1 0.1', 'line 1 has 7 numbers, expected 8'),
        ('3 0.5 0.5 1 1 0.1 0.1 2', "line 1: class 3 is not in 'names'"),
        ('a 0.5 0.5 1 1 0.1 0.1 2', 'expected numbers'),
    ],
)
def test_bad_label_lines_are_refused(tmp_path, line, message):
    image_at(tmp_path, 'train/x.png', (20, 10))
    save(tmp_path, 'data.yaml', 'kpt_shape: [1, 3]\nnames: [a]\ntrain: images/train')
    save(tmp_path, 'labels/train/x.txt', line)
    with pytest.raises(ValueError, match=rf'x\.txt.*{message}'):
        convert_annotations(tmp_path, tmp_path / 'result.json', 'ultralytics', 'coco')


def test_group_with_two_boxes_is_refused(tmp_path):
    box = {**LABELME['shapes'][0], 'points': [[0, 0], [9, 9]]}
    path = save(tmp_path, 'a.json', {**LABELME, 'shapes': [*LABELME['shapes'], box]})
    with pytest.raises(ValueError, match=r'a\.json: group 1 has two boxes, expected one'):
        convert_annotations(path, tmp_path / 'result.json', 'labelme', 'coco')
