"""The official files of AIC and MPII become what the datasets read."""

import json

import cv2
import numpy as np
import pytest

from mmpose.dataset_tools.convert.files import read_image_wh
from mmpose.dataset_tools.official import convert_aic, convert_mpii
from mmpose.datasets import CocoDataset, MpiiDataset
from mmpose.metainfo import load_metainfo
from tests.datasets import tiny_coco
from tests.datasets.tiny_coco import write_image


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'bmp', 'webp'])
def test_image_size(tmp_path, suffix):
    path = tmp_path / f'a.{suffix}'
    write_image(path, (83, 61))
    assert read_image_wh(path) == (83, 61)


def test_image_size_of_a_progressive_file_with_long_headers(tmp_path):
    path = tmp_path / 'a.jpg'
    image = tiny_coco.smooth_image((83, 61))
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    data = path.read_bytes()
    thumbnail = b'\xff\xe1' + (5000).to_bytes(2, 'big') + b'\xff\xc0' * 2499
    path.write_bytes(data[:2] + thumbnail + b'\xff' + data[2:])
    assert read_image_wh(path) == (83, 61)


def test_image_size_of_no_image(tmp_path):
    (tmp_path / 'a.jpg').write_bytes(b'\xff\xd8\xff\xe0\x00')
    with pytest.raises(ValueError, match=r'a\.jpg is not an image that can be read'):
        read_image_wh(tmp_path / 'a.jpg')
    with pytest.raises(FileNotFoundError, match=r'b\.jpg does not exist'):
        read_image_wh(tmp_path / 'b.jpg')


def aic_entry(name='a', **changes):
    points = [[10 + i, 20 + i, 1 + i % 3] for i in range(14)]
    entry = {
        'image_id': name,
        'keypoint_annotations': {
            'human1': [value for point in points for value in point],
            'human2': [5, 6, 1] * 14,
        },
        'human_annotations': {'human2': [1, 2, 31, 42], 'human1': [5, 5, 45, 55]},
    }
    return {**entry, **changes}


def convert(folder, entries):
    for name in ('a', 'b'):
        write_image(folder / f'{name}.jpg', (80, 60) if name == 'a' else (70, 60))
    (folder / 'aic.json').write_text(json.dumps(entries))
    return convert_aic(folder / 'aic.json', folder, folder / 'out/aic_train.json')


def test_aic(tmp_path):
    counts = convert(tmp_path, [aic_entry('a'), aic_entry('b')])
    assert counts == {'images': 2, 'persons': 4, 'left_out': 0}
    data = CocoDataset(
        'aic_train.json', str(tmp_path / 'out'), {'img': str(tmp_path)}, metainfo='aic'
    )
    first, second = data.get_sample(0), data.get_sample(1)
    assert first['image_file'] == str(tmp_path / 'a.jpg')
    assert (first['image_wh'], data.get_sample(3)['image_wh']) == ((80, 60), (70, 60))
    np.testing.assert_array_equal(first['bbox_xywh'], [5, 5, 39, 49])
    np.testing.assert_array_equal(second['bbox_xywh'], [1, 2, 29, 39])
    # visible 1 -> 2, hidden 2 -> 1, not labelled 3 -> 0
    assert data.store.keypoints_visible[0].tolist() == [(2, 1, 0)[i % 3] for i in range(14)]
    np.testing.assert_array_equal(first['keypoints'][:3], [[10, 20], [11, 21], [0, 0]])
    assert load_metainfo('aic').keypoint_names[0] == 'right_shoulder'


def test_aic_box_without_size(tmp_path):
    boxes = {'human1': [5, 5, 5, 55], 'human2': [1, 2, 31, 42]}
    counts = convert(tmp_path, [aic_entry(human_annotations=boxes)])
    assert counts == {'images': 1, 'persons': 1, 'left_out': 1}


@pytest.mark.parametrize(
    ('entries', 'message'),
    [
        ([aic_entry(image_id=3)], "entry 0: field 'image_id' is 3, expected a name"),
        ([aic_entry('c')], r'image .*c\.jpg does not exist'),
        ([aic_entry(human_annotations={})], "entry 0: 'keypoint_annotations' is of"),
        ([aic_entry(human_annotations=None)], "entry 0: expected the objects 'keypoint_ann"),
        (
            [aic_entry(keypoint_annotations={'human1': [1] * 41, 'human2': [1] * 42})],
            "entry 0: keypoint_annotations: field 'human1' has 41 .*list of 42 numbers",
        ),
        (
            [aic_entry(keypoint_annotations={'human1': [1, 1, 0] * 14, 'human2': [1] * 42})],
            "entry 0: 'human1' has visibility 0, expected 1",
        ),
        ({'images': [1]}, 'expected a list of objects; is it converted already'),
        ([], 'holds no person'),
    ],
)
def test_bad_aic(tmp_path, entries, message):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        convert(tmp_path, entries)
    assert not (tmp_path / 'out/aic_train.json').exists()


def test_aic_tool(tmp_path, run_converter):
    convert(tmp_path, [aic_entry('a')])
    arguments = (tmp_path / 'aic.json', '--images', tmp_path, '--out', tmp_path / 'b.json')
    done = run_converter('aic', *arguments)
    assert (done.returncode, done.stdout.split()) == (
        0,
        ['images:', '1', 'persons:', '2', 'left_out:', '0'],
    )
    assert (tmp_path / 'b.json').read_text() == (tmp_path / 'out/aic_train.json').read_text()
    (tmp_path / 'a.jpg').unlink()
    done = run_converter('aic', *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith('error: image ')


def mpii_person(joints=16, **changes):
    """Returns a person as the official file has it; ... removes a field."""
    points = [{'x': 10.5 + i, 'y': 20 + i, 'id': i, 'is_visible': i % 2} for i in range(joints)]
    person = {
        **{'x1': 10, 'y1': 12, 'x2': 13, 'y2': 16},
        'annopoints': {'point': points},
        'scale': 1.5,
        'objpos': {'x': 40, 'y': 30},
    }
    return {key: value for key, value in {**person, **changes}.items() if value is not ...}


def write_mpii(path, images):
    """Writes an official file; images: list of (name, is_train, people)."""
    scipy_io = pytest.importorskip('scipy.io')

    def records(items):
        """A MATLAB structure array; fields that one item lacks are empty there."""
        names = sorted({name for item in items for name in item}) or ['none']
        table = np.empty(len(items), [(name, object) for name in names])
        for row, item in enumerate(items):
            table[row] = tuple(
                records(value) if isinstance(value := item.get(name, []), list) and value else value
                for name in names
            )
        return table

    annolist = [
        {'image': {'name': name}, 'annorect': people, 'vididx': 1} for name, _, people in images
    ]
    release = {
        'annolist': records(annolist),
        'img_train': np.array([is_train for _, is_train, _ in images]),
    }
    scipy_io.savemat(path, {'RELEASE': release})


IMAGES = [
    ('a.png', 1, [mpii_person(), mpii_person(joints=3)]),
    ('b.png', 0, [mpii_person(annopoints=...)]),
    ('c.png', 1, [mpii_person(scale=...), mpii_person(annopoints=...)]),
    ('d.png', 1, [mpii_person(joints=16, x1=...)]),
    ('e.png', 1, []),
]


def test_mpii(tmp_path):
    write_mpii(tmp_path / 'mpii.mat', IMAGES)
    assert convert_mpii(tmp_path / 'mpii.mat', tmp_path) == {'trainval': 3, 'test': 1}
    people = json.loads((tmp_path / 'mpii_trainval.json').read_text())
    assert [person['image'] for person in people] == ['a.png', 'a.png', 'd.png']
    first, second, third = people
    assert first == {
        'image': 'a.png',
        'center': [40.0, 30.0],
        'scale': 1.5,
        'joints': [[10.5 + i, 20.0 + i] for i in range(16)],
        'joints_vis': [1] * 16,
        'head_box': [10.0, 12.0, 13.0, 16.0],
    }
    assert second['joints'] == [[10.5 + i, 20.0 + i] for i in range(3)] + [[-1, -1]] * 13
    assert second['joints_vis'] == [1] * 3 + [0] * 13
    assert 'head_box' not in third
    test = json.loads((tmp_path / 'mpii_test.json').read_text())
    assert sorted(test[0]) == ['center', 'head_box', 'image', 'scale']


def test_mpii_is_readable(tmp_path):
    write_mpii(tmp_path / 'mpii.mat', IMAGES[:2])
    convert_mpii(tmp_path / 'mpii.mat', tmp_path)
    data = MpiiDataset('mpii_trainval.json', str(tmp_path))
    assert len(data) == 2
    np.testing.assert_allclose(data.ground_truth().extras['head_size'], [3, 3])
    np.testing.assert_array_equal(data.get_sample(0)['keypoints'][0], [9.5, 19])
    assert len(MpiiDataset('mpii_test.json', str(tmp_path), test_mode=True)) == 1


def test_mpii_lists(tmp_path):
    write_mpii(tmp_path / 'mpii.mat', IMAGES)
    (tmp_path / 'val.txt').write_text('d.png\n\n')
    counts = convert_mpii(tmp_path / 'mpii.mat', tmp_path, tmp_path / 'val.txt')
    assert counts == {'trainval': 3, 'test': 1, 'train': 2, 'val': 1}
    val = json.loads((tmp_path / 'mpii_val.json').read_text())
    assert [person['image'] for person in val] == ['d.png']
    (tmp_path / 'val.txt').write_text('15\n16\n')
    with pytest.raises(ValueError, match=r"val\.txt: none of 2 lines .* such as 'a\.png'"):
        convert_mpii(tmp_path / 'mpii.mat', tmp_path, tmp_path / 'val.txt')


def test_mpii_tool_says_that_the_split_is_missing(tmp_path, run_converter):
    write_mpii(tmp_path / 'mpii.mat', IMAGES)
    done = run_converter('mpii', tmp_path / 'mpii.mat', '--out', tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'need --val-list' in done.stdout


def test_bad_mpii(tmp_path):
    scipy_io = pytest.importorskip('scipy.io')
    with pytest.raises(FileNotFoundError, match=r'no\.mat: no such file; expected mpii_human_pose'):
        convert_mpii(tmp_path / 'no.mat', tmp_path)
    (tmp_path / 'a.mat').write_text('<html>' * 100)
    with pytest.raises(ValueError, match=r'a\.mat is not a readable MATLAB file'):
        convert_mpii(tmp_path / 'a.mat', tmp_path)
    scipy_io.savemat(tmp_path / 'a.mat', {'other': 1})
    with pytest.raises(ValueError, match=r"a\.mat: 'RELEASE\.annolist' is missing"):
        convert_mpii(tmp_path / 'a.mat', tmp_path)
    points = {'point': [{'x': 1.0, 'y': 1.0, 'id': 16, 'is_visible': 1}] * 2}
    write_mpii(tmp_path / 'a.mat', [('a.png', 1, [mpii_person(annopoints=points)] * 2)] * 2)
    with pytest.raises(ValueError, match=r'image a\.png: joint id 16, expected 0 to 15'):
        convert_mpii(tmp_path / 'a.mat', tmp_path)


@pytest.mark.parametrize('name', ['../a', '/elsewhere/z', '..\\a', 'a\0', 'a' * 300])
def test_names_of_aic_stay_in_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match=r'entry 0: .*(leads out|absolute|no file name)'):
        convert(tmp_path, [aic_entry(name)])


def test_an_image_of_aic_occurs_once(tmp_path):
    with pytest.raises(ValueError, match=r"entry 1: the image 'a\.jpg' occurs twice"):
        convert(tmp_path, [aic_entry('a'), aic_entry('./a')])


def test_official_files_are_not_replaced(tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/aic_train.json').write_text('precious')
    with pytest.raises(FileExistsError, match=r'aic_train\.json exists'):
        convert(tmp_path, [aic_entry('a')])
    assert (tmp_path / 'out/aic_train.json').read_text() == 'precious'
