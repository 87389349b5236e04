"""InterHand2.6M: 3-D joints of two hands become 2-D joints of single hands."""

import copy
import json

import cv2
import numpy as np
import pytest

from mmpose.datasets import InterHand2DDataset
from tests.datasets import tiny_coco

DATA, CAMERA, JOINTS = 'data.json', 'camera.json', 'joint_3d.json'
ROTATION = cv2.Rodrigues(np.array([0.1, -0.2, 0.3]))[0]
POSITION = np.array([30.0, -20.0, -900.0])
FOCAL, CENTER = np.array([500.0, 510.0]), np.array([40.0, 30.0])


def world(seed):
    return np.random.default_rng(seed).uniform(-40, 40, (42, 3)).round(2)


def pixels(points):
    """Projects one point at a time, by hand."""
    found = []
    for point in points:
        x, y, z = ROTATION @ (point - POSITION)
        found.append([FOCAL[0] * x / z + CENTER[0], FOCAL[1] * y / z + CENTER[1]])
    return np.array(found)


def flags(right=21, left=21):
    """Returns joint_valid where the last joints of each hand, with the wrist, are valid."""
    one = [[0]] * (21 - right) + [[1]] * right
    return one + [[0]] * (21 - left) + [[1]] * left


def content():
    """Returns the three files: captures 0 and 7, two frames each, seen by one camera."""
    images, annotations, joints = [], [], {'0': {}, '7': {}}
    for i in range(4):
        capture, frame = 7 * (i // 2), 100 + i
        images.append(
            {
                'id': 50 + i,
                'file_name': f'{i % 3}.png',
                'width': 80,
                'height': 60,
                'capture': capture,
                'camera': '400026',
                'frame_idx': frame,
            }
        )
        annotations.append({'id': 10 + i, 'image_id': 50 + i, 'joint_valid': flags()})
        joints[str(capture)][str(frame)] = {
            'world_coord': world(i).tolist(),
            'joint_valid': [[True]] * 42,
        }
    camera = {
        'campos': {'400026': POSITION.tolist()},
        'camrot': {'400026': ROTATION.tolist()},
        'focal': {'400026': FOCAL.tolist()},
        'princpt': {'400026': CENTER.tolist()},
    }
    data = {'images': images, 'annotations': annotations}
    return {DATA: data, CAMERA: {'0': camera, '7': copy.deepcopy(camera)}, JOINTS: joints}


def dataset(folder, files, **options):
    for i in range(3):
        cv2.imwrite(str(folder / f'{i}.png'), tiny_coco.smooth_image((80, 60), i))
    for name, item in files.items():
        (folder / name).write_text(json.dumps(item))
    return InterHand2DDataset(DATA, CAMERA, JOINTS, str(folder), **options)


def test_both_hands(tmp_path):
    data = dataset(tmp_path, content())
    samples = [data.get_sample(i) for i in range(len(data))]
    assert [s['ann_id'] for s in samples] == [20, 21, 22, 23, 24, 25, 26, 27]
    assert [s['img_id'] for s in samples] == [50, 50, 51, 51, 52, 52, 53, 53]
    for i, sample in enumerate(samples):
        expected = pixels(world(i // 2))[21 * (i % 2) : 21 * (i % 2) + 21]
        np.testing.assert_allclose(sample['keypoints'], expected, atol=1e-3)
        first, last = expected.min(axis=0), expected.max(axis=0)
        np.testing.assert_allclose(sample['bbox_xywh'], [*first, *(last - first)], atol=1e-3)
        assert sample['keypoints_visible'].tolist() == [1] * 21
        assert sample['image_wh'] == (80, 60)
    assert data.dataset_meta.keypoint_names[20] == 'wrist'


@pytest.mark.parametrize(
    ('valid', 'kept'),
    [
        (flags(21, 0), [20]),
        (flags(0, 21), [21]),
        (flags(12, 11), [20]),
        (flags(12, 12), [20, 21]),
        ([[1]] * 20 + [[0]] + [[1]] * 21, [21]),  # without its root a hand is unknown
        ([[1]] * 41 + [[0]], [20]),
    ],
)
def test_which_hands_are_kept(tmp_path, valid, kept):
    files = content()
    files[DATA]['annotations'] = [{'id': 10, 'image_id': 50, 'joint_valid': valid}]
    data = dataset(tmp_path, files)
    assert data.store.ann_ids.tolist() == kept


def test_box_and_visibility_of_valid_joints(tmp_path):
    files = content()
    files[DATA]['annotations'] = [{'id': 10, 'image_id': 50, 'joint_valid': flags(15, 0)}]
    sample = dataset(tmp_path, files).get_sample(0)
    assert sample['keypoints_visible'].tolist() == [0] * 6 + [1] * 15
    expected = pixels(world(0))[6:21]
    first, last = expected.min(axis=0), expected.max(axis=0)
    np.testing.assert_allclose(sample['bbox_xywh'], [*first, *(last - first)], atol=1e-3)
    np.testing.assert_array_equal(sample['keypoints'][:6], 0)


def test_both_files_decide_about_validity(tmp_path):
    files = content()
    files[JOINTS]['0']['100']['joint_valid'] = [[i < 21] for i in range(42)]
    assert dataset(tmp_path, files).store.ann_ids.tolist() == [20, 22, 23, 24, 25, 26, 27]


def test_order_is_by_image(tmp_path):
    files = content()
    files[DATA]['annotations'].reverse()
    assert dataset(tmp_path, files).store.ann_ids.tolist() == [20, 21, 22, 23, 24, 25, 26, 27]


@pytest.mark.parametrize('name', [DATA, CAMERA, JOINTS])
def test_every_file_is_part_of_the_key(tmp_path, name):
    files = content()
    before = dataset(tmp_path, files).get_sample(0)['keypoints']
    if name == DATA:
        files[DATA]['images'][0]['frame_idx'] = 101
    if name == CAMERA:
        files[CAMERA]['0']['princpt']['400026'] = [45.0, 35.0]
    if name == JOINTS:
        files[JOINTS]['0']['100']['world_coord'] = world(9).tolist()
    after = dataset(tmp_path, files).get_sample(0)['keypoints']
    assert abs(after - before).max() > 1


def image(**changes):
    def spoil(files):
        item = {**files[DATA]['images'][0], **changes}
        files[DATA]['images'][0] = {k: v for k, v in item.items() if v is not ...}

    return spoil


def ann(**changes):
    def spoil(files):
        item = {**files[DATA]['annotations'][0], **changes}
        files[DATA]['annotations'][0] = {k: v for k, v in item.items() if v is not ...}

    return spoil


def camera(field, value):
    def spoil(files):
        files[CAMERA]['7'][field] = value

    return spoil


def joint(**changes):
    def spoil(files):
        item = {**files[JOINTS]['7']['102'], **changes}
        files[JOINTS]['7']['102'] = {k: v for k, v in item.items() if v is not ...}

    return spoil


NAN = float('nan')
CASES = {
    'data a list': (lambda f: f.update({DATA: [1]}), r'data\.json is a list, expected an object'),
    'no images': (lambda f: f[DATA].pop('images'), r"data\.json: field 'images' is missing"),
    'no anns': (lambda f: f[DATA].pop('annotations'), r"data\.json: field 'annotations' is miss"),
    'no capture': (image(capture=...), r"data\.json: image 50: field 'capture' is None"),
    'no frame': (image(frame_idx=None), r"data\.json: image 50: field 'frame_idx' is None"),
    'no name': (image(file_name=3), r"data\.json: image 50: field 'file_name' is 3"),
    'unknown capture': (image(capture=3), r'image 50 is of capture 3 and camera 400026, which'),
    'unknown camera': (image(camera='1'), r'image 50 is of capture 0 and camera 1, .*camera\.json'),
    'unknown frame': (image(frame_idx=5), r'capture 0 and frame 5, which .*joint_3d\.json does n'),
    'the same image twice': (image(id=51), r'data\.json: image id 51 occurs 2 times'),
    'no image_id': (ann(image_id=...), r"annotation 10: field 'image_id' is missing"),
    'unknown image': (ann(image_id=1), r'1 of 4 annotations are for 1 images that'),
    'the same id twice': (ann(id=11), r'annotation id 11 occurs 2 times'),
    '21 flags': (ann(joint_valid=[[1]] * 21), r"annotation 10: field 'joint_valid' is .*42 zeros"),
    'flag 2': (ann(joint_valid=[[2]] * 42), r"'joint_valid' is .*expected 42 zeros and ones"),
    'no flags': (ann(joint_valid=...), r"annotation 10: field 'joint_valid' is None"),
    'camera a list': (lambda f: f.update({CAMERA: [1]}), r'camera\.json is not an object of capt'),
    'no cameras': (lambda f: f.update({CAMERA: {}}), r'camera\.json lists no camera'),
    'no campos': (camera('campos', None), r"camera\.json: capture 7: field 'campos' is None"),
    'campos of 2': (camera('campos', {'400026': [1, 2]}), r"'campos': field '400026' is \[1, 2\]"),
    'camrot of 2': (camera('camrot', {'400026': [[1]]}), r"'camrot': .* expected 3 lists of 3 num"),
    'no focal': (camera('focal', {}), r"capture 7: field 'focal': field '400026' is missing"),
    'focal NaN': (camera('focal', {'400026': [1, NAN]}), r"'focal': camera '400026' holds NaN"),
    'joints a list': (lambda f: f.update({JOINTS: []}), r'joint_3d\.json lists no frame'),
    'frame a number': (lambda f: f[JOINTS].update({'9': {'1': 2}}), r'capture 9: frame 1 is 2, ex'),
    'no world': (joint(world_coord=...), r"capture 7: frame 102: field 'world_coord' is missing"),
    '21 joints': (joint(world_coord=[[1, 2, 3]] * 21), r'is a list of 21, expected 42 lists of 3'),
    'joint NaN': (joint(world_coord=[[NAN, 2, 3]] * 42), r"frame 102: field 'world_coord' holds N"),
    'no joint flags': (joint(joint_valid=...), r"frame 102: field 'joint_valid' is None"),
    'nobody': (
        lambda f: [a.update(joint_valid=flags(11, 11)) for a in f[DATA]['annotations']],
        r'data\.json: no hand has more than 11 valid joints',
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_bad_files(tmp_path, case):
    spoil, message = CASES[case]
    files = content()
    spoil(files)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        dataset(tmp_path, files)
    assert str(tmp_path) in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('name', [DATA, CAMERA, JOINTS])
def test_missing_and_truncated(tmp_path, name):
    dataset(tmp_path, content())
    path = tmp_path / name
    path.write_text(path.read_text()[:-20])
    arguments = (DATA, CAMERA, JOINTS, str(tmp_path))
    with pytest.raises(ValueError, match=rf'{path.name} is not valid JSON.*truncated'):
        InterHand2DDataset(*arguments)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=rf'{path.name} does not exist'):
        InterHand2DDataset(*arguments)


def test_another_skeleton(tmp_path):
    with pytest.raises(ValueError, match="metainfo 'coco' has 17 keypoints, expected the 21"):
        dataset(tmp_path, content(), metainfo='coco')
