"""Names in annotation files: none leads out of its folder, none stands for two pictures."""

import json
import os

import pytest
from tool_samples import (
    CVAT,
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
from mmpose.dataset_tools.convert.label_studio import original_names

OUTSIDE = {
    'absolute': '/elsewhere/a.jpg',
    'up': '../a.jpg',
    'up inside': 'cam0/../../a.jpg',
    'windows': 'C:\\elsewhere\\a.jpg',
    'windows relative': 'C:a.jpg',
    'backslashes': '..\\..\\a.jpg',
    'server': '\\\\server\\share\\a.jpg',
    'nul': 'a\0.jpg',
    'long': 'a' * 300 + '.jpg',
    'deep': 'a/' * 3000 + 'a.jpg',
    'surrogate': '\ud800.jpg',
    'folder': '..',
    'dot': '.',
}


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


@pytest.mark.parametrize('target_format', ['labelme', 'ultralytics', 'coco', 'cvat'])
@pytest.mark.parametrize('name', OUTSIDE.values(), ids=OUTSIDE)
def test_no_name_leads_out(tmp_path, name, target_format):
    source = save(tmp_path, 'in.json', broken(coco(), ['images', 0, 'file_name'], name))
    target = tmp_path / 'deep/out'
    with pytest.raises(ValueError, match=r'in\.json: .*(absolute|leads out|no file name)'):
        convert_annotations(source, target, 'coco', target_format, overwrite=True)
    assert files_below(tmp_path) == ['in.json']


def test_absolute_names_below_the_images_become_relative(tmp_path):
    image_at(tmp_path, 'cam0/a.png', (80, 60))
    image_at(tmp_path, 'day/b.png', (80, 60))
    data = coco()
    data['images'][0]['file_name'] = str(tmp_path / 'images/cam0/a.png')
    data['images'][1]['file_name'] = 'D:\\lab\\day\\b.png'
    source = save(tmp_path, 'in.json', data)
    options = {'images': tmp_path / 'images'}
    labels = convert_annotations(source, tmp_path / 'out', 'coco', 'labelme', **options)
    names = [image.file_name for image in labels.images]
    assert names == ['cam0/a.png', 'day/b.png', 'c.png']


@pytest.mark.parametrize('target_format', ['labelme', 'ultralytics'])
def test_links_in_the_target_do_not_lead_out(tmp_path, target_format):
    source = save(tmp_path, 'in.json', coco())
    outside = tmp_path / 'outside'
    outside.mkdir()
    link = tmp_path / 'out' / ('cam0' if target_format == 'labelme' else 'labels')
    link.parent.mkdir()
    link.symlink_to(outside)
    with pytest.raises(ValueError, match=r'leads to .*outside.* which is not in'):
        convert_annotations(source, tmp_path / 'out', 'coco', target_format, overwrite=True)
    assert files_below(outside) == []
    assert files_below(tmp_path) == ['in.json']


@pytest.mark.parametrize('target_format', ['labelme', 'ultralytics'])
def test_a_file_and_a_folder_of_one_name(tmp_path, target_format):
    suffix = '.json' if target_format == 'labelme' else '.txt'
    data = broken(coco(), ['images', 0, 'file_name'], 'x.jpg')
    data['images'][1]['file_name'] = f'x{suffix}/b.jpg'
    with pytest.raises(ValueError, match='rename an image'):
        convert_annotations(
            save(tmp_path, 'in.json', data), tmp_path / 'out', 'coco', target_format
        )
    assert files_below(tmp_path) == ['in.json']


def test_names_in_a_csv_do_not_lead_out(tmp_path):
    image_at(tmp_path, 'v.png', (9, 9))
    text = DEEPLABCUT.replace('labeled-data,video1,', '..,..,')
    source = save(tmp_path, 'a.csv', text)
    with pytest.raises(ValueError, match='leads out of its folder'):
        convert_annotations(
            source, tmp_path / 'r.json', 'deeplabcut', 'coco', images=tmp_path / 'images'
        )


ULTRALYTICS = {
    'folder': ('train: ../../elsewhere/images\n', {}),
    'path': ('train: /elsewhere/images\n', {}),
    'list': ('train: train.txt\n', {'train.txt': '../../elsewhere/images/x.png\n'}),
    'absolute list': ('train: train.txt\n', {'train.txt': '/elsewhere/x.png\n'}),
    'no image': ('train: train.txt\n', {'train.txt': 'data.yaml\n'}),
    'nul': ('train: "a\\0b"\n', {}),
}


@pytest.mark.parametrize(('line', 'files'), ULTRALYTICS.values(), ids=ULTRALYTICS)
def test_ultralytics_reads_its_folder_only(tmp_path, line, files):
    root = tmp_path / 'a/b'
    image_at(tmp_path / 'elsewhere', 'x.png', (20, 10))
    save(tmp_path, 'elsewhere/labels/x.txt', '0 .5 .5 1 1 .1 .1 2\n')
    save(root, 'data.yaml', f'{line}kpt_shape: [1, 3]\nnames: [a]\n')
    for name, text in files.items():
        save(root, name, text)
    with pytest.raises((ValueError, FileNotFoundError)):
        convert_annotations(root, tmp_path / 'r.json', 'ultralytics', 'coco')


# ---- one name, several pictures


def same_frames(names):
    tasks = [broken(LABEL_STUDIO, [0, 'id'], i)[0] for i in range(len(names))]
    return [{**task, 'data': {'image': name}} for task, name in zip(tasks, names, strict=True)]


EQUAL = {
    'coco': ('coco', 'a.json', broken(coco(), ['images', 2, 'file_name'], './cam0/a.png')),
    'cvat': ('cvat', 'a.xml', CVAT.replace('img2', 'img1')),
    'cvat points': (
        'cvat',
        'a.xml',
        CVAT_POINTS.replace('</annotations>', '<image name="a.jpg" width="9" height="9"/>')
        + '</annotations>',
    ),
    'label_studio': ('label_studio', 'a.json', same_frames(['x/a.jpg', 'http://h/x/a.jpg'])),
    'deeplabcut': ('deeplabcut', 'a.csv', DEEPLABCUT.replace('img0023', 'img0010')),
}


@pytest.mark.parametrize(('name', 'file', 'content'), EQUAL.values(), ids=EQUAL)
def test_equal_names_are_refused(tmp_path, name, file, content):
    image_at(tmp_path, 'labeled-data/video1/img0010.png', (90, 70))
    source = save(tmp_path, file, content)
    with pytest.raises(ValueError, match=r'names (stand for several images|occur in several)'):
        convert_annotations(source, tmp_path / 'r.json', name, 'coco', images=tmp_path / 'images')
    assert not (tmp_path / 'r.json').exists()


def test_equal_names_of_labelme_are_refused(tmp_path):
    save(tmp_path, 'labels/1.json', {**LABELME, 'imagePath': '../day1/a.jpg'})
    save(tmp_path, 'labels/2.json', {**LABELME, 'imagePath': '../day2/a.jpg'})
    with pytest.raises(ValueError, match=r"first 'a\.jpg'.* wrong picture"):
        convert_annotations(tmp_path / 'labels', tmp_path / 'r.json', 'labelme', 'coco')


def test_tasks_of_equal_names_are_named(tmp_path):
    text = CVAT.replace('img2.jpg"', 'img1.jpg" task_id="7"')
    source = save(
        tmp_path, 'a.xml', text.replace('"img1.jpg" width', '"img1.jpg" task_id="5" width')
    )
    with pytest.raises(ValueError, match=r"'img1.jpg' in the tasks 5, 7; export .* apart"):
        convert_annotations(source, tmp_path / 'r.json', 'cvat', 'coco')


def test_uploads_of_one_name_are_told_apart():
    names = ['data/upload/1/0badc0de-a.jpg', 'data/upload/1/1badc0de-a.jpg']
    alone = 'data/upload/1/2badc0de-b.jpg'
    expected = ['0badc0de-a.jpg', '1badc0de-a.jpg', 'b.jpg', 'c.jpg']
    assert original_names([*names, alone, 'c.jpg']) == expected
    assert original_names(['data/upload/1/0badc0de-a.jpg', 'a.jpg']) == ['0badc0de-a.jpg', 'a.jpg']
    twice = ['data/upload/1/0badc0de-a.jpg', 'data/upload/2/0badc0de-a.jpg']
    assert original_names(twice) == twice


def test_one_image_is_not_the_size_of_two(tmp_path):
    image_at(tmp_path, 'img1.png', (90, 70))
    text = DEEPLABCUT.replace('video1,img0010', 'v1,img1').replace('video1,img0023', 'v2,img1')
    source = save(tmp_path, 'a.csv', text)
    with pytest.raises(ValueError, match=r'are two images, but .* has only img1\.png for both'):
        convert_annotations(
            source, tmp_path / 'r.json', 'deeplabcut', 'coco', images=tmp_path / 'images'
        )


# ---- files that are there


def test_the_source_is_never_replaced(tmp_path):
    source = save(tmp_path, 'a.json', coco())
    link = tmp_path / 'link.json'
    os.link(source, link)
    before = source.read_text()
    for target in (source, tmp_path / 'x' / '..' / 'a.json', link):
        (tmp_path / 'x').mkdir(exist_ok=True)
        with pytest.raises(FileExistsError, match='is read by this conversion'):
            convert_annotations(source, target, 'coco', 'label_studio', overwrite=True)
    assert source.read_text() == before


def test_the_folder_that_is_read_is_not_replaced(tmp_path):
    labels = tmp_path / 'labels'
    save(labels, 'a.json', LABELME)
    for target in (labels, labels / 'a.json'):
        kind = 'labelme' if target == labels else 'coco'
        with pytest.raises(FileExistsError, match=r'a\.json is read by this conversion'):
            convert_annotations(labels, target, 'labelme', kind, overwrite=True)
    assert json.loads((labels / 'a.json').read_text()) == LABELME


def test_pictures_are_never_replaced(tmp_path):
    image_at(tmp_path, 'a.png', (9, 9))
    before = (tmp_path / 'images/a.png').read_bytes()
    with pytest.raises(FileExistsError, match=r'a\.png exists .*choose another output$'):
        convert_annotations(
            save(tmp_path, 'in.json', coco()),
            tmp_path / 'images/a.png',
            'coco',
            'cvat',
            overwrite=True,
        )
    assert (tmp_path / 'images/a.png').read_bytes() == before
