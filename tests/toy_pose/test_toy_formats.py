"""Generated people in the layouts of the real releases: same files, same fields, true labels.

The field names are those of real samples of each release.
"""

import hashlib
import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmpose.datasets import CocoDataset, CocoWholeBodyDataset, MpiiDataset
from mmpose.metainfo import load_metainfo
from toy_pose import FORMATS, ToySpec, generate_toy_dataset
from toy_pose.formats import load_format
from toy_pose.formats.coco_fields import encode_mask
from toy_pose.formats.crowdpose import crowd_index

NUM_TRAIN, NUM_VAL = 10, 6
COCO_IMAGE = frozenset(
    {
        *('license', 'file_name', 'coco_url', 'height', 'width'),
        *('date_captured', 'flickr_url', 'id'),
    }
)
COCO_PERSON = frozenset(
    {
        *('segmentation', 'num_keypoints', 'area', 'iscrowd', 'keypoints'),
        *('image_id', 'bbox', 'category_id', 'id'),
    }
)
CATEGORY = frozenset({'supercategory', 'id', 'name', 'keypoints', 'skeleton'})
DETECTION = frozenset({'bbox', 'category_id', 'image_id', 'score'})


@dataclass(frozen=True)
class Layout:
    """What a release looks like."""

    files: dict[str, tuple[str, int]]  # annotation file -> folder of its images, their number
    image: frozenset[str]
    person: frozenset[str]
    metainfo: str
    detections: str = ''
    keypoint_fields: tuple[str, ...] = ('keypoints',)


LAYOUTS = {
    'coco': Layout(
        {
            'annotations/person_keypoints_train2017.json': ('train2017/', NUM_TRAIN),
            'annotations/person_keypoints_val2017.json': ('val2017/', NUM_VAL),
        },
        COCO_IMAGE,
        COCO_PERSON,
        'coco',
        'person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
    ),
    'aic': Layout(
        {
            'annotations/aic_train.json': (
                'ai_challenger_keypoint_train_20170902/keypoint_train_images_20170902/',
                NUM_TRAIN,
            ),
            'annotations/aic_val.json': (
                'ai_challenger_keypoint_validation_20170911/keypoint_validation_images_20170911/',
                NUM_VAL,
            ),
        },
        frozenset({'url', 'file_name', 'height', 'width', 'id'}),
        frozenset({'bbox', 'keypoints', 'num_keypoints', 'image_id', 'category_id', 'id'}),
        'aic',
    ),
    'crowdpose': Layout(
        {
            'annotations/mmpose_crowdpose_train.json': ('images/', NUM_TRAIN),
            'annotations/mmpose_crowdpose_val.json': ('images/', NUM_VAL),
            'annotations/mmpose_crowdpose_trainval.json': ('images/', NUM_TRAIN + NUM_VAL),
            'annotations/mmpose_crowdpose_test.json': ('images/', NUM_VAL),
        },
        frozenset({'file_name', 'id', 'height', 'width', 'crowdIndex'}),
        COCO_PERSON - {'segmentation', 'area'},
        'crowdpose',
        'annotations/det_for_crowd_test_0.1_0.5.json',
    ),
    'ochuman': Layout(
        {
            'annotations/ochuman_coco_format_val_range_0.00_1.00.json': ('images/', NUM_VAL),
            'annotations/ochuman_coco_format_test_range_0.00_1.00.json': ('images/', NUM_VAL),
        },
        frozenset({'file_name', 'height', 'width', 'id'}),
        COCO_PERSON,
        'coco',
    ),
    'coco_wholebody': Layout(
        {
            'annotations/coco_wholebody_train_v1.0.json': ('train2017/', NUM_TRAIN),
            'annotations/coco_wholebody_val_v1.0.json': ('val2017/', NUM_VAL),
        },
        COCO_IMAGE,
        COCO_PERSON
        | {'face_box', 'lefthand_box', 'righthand_box'}
        | {f'{part}_kpts' for part in ('foot', 'face', 'lefthand', 'righthand')}
        | {f'{part}_valid' for part in ('foot', 'face', 'lefthand', 'righthand')},
        'coco_wholebody',
        'person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
        ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts'),
    ),
    'humanart': Layout(
        {
            'annotations/training_humanart.json': ('', NUM_TRAIN),
            'annotations/validation_humanart.json': ('', NUM_VAL),
        },
        frozenset(
            {
                *('file_name', 'height', 'width', 'id', 'page_url', 'image_url'),
                *('picture_name', 'author', 'description', 'category'),
            }
        ),
        (COCO_PERSON - {'segmentation'})
        | {'keypoints_21', 'num_keypoints_21', 'self_contact', 'annotator'},
        'humanart21',
        'person_detection_results/HumanArt_validation_detections_AP_H_56_person.json',
        ('keypoints_21',),
    ),
}
PEOPLE = (*LAYOUTS, 'mpii')


@pytest.fixture(scope='session')
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each people format has been generated, in a folder of the release's name."""
    root = tmp_path_factory.mktemp('formats')
    for name in PEOPLE:
        generate(folder_of(root, name), name)
    return root


def folder_of(root: Path, name: str) -> Path:
    return root / ('HumanArt' if name == 'humanart' else name)


def generate(out: Path, name: str, seed: int = 5, overwrite: bool = False) -> None:
    spec = ToySpec(NUM_TRAIN, NUM_VAL, seed, name)
    generate_toy_dataset(out, spec, workers=1, overwrite=overwrite, report=lambda line: None)


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def image_file(root: Path, name: str, folder: str, image: dict[str, Any]) -> Path:
    base = root if name == 'humanart' else folder_of(root, name) / folder
    return base / image['file_name']


def read(root: Path, name: str, file: str) -> Any:
    return json.loads((folder_of(root, name) / file).read_text())


def keypoints_of(person: dict[str, Any], layout: Layout) -> np.ndarray:
    """(K, 3) of all fields together."""
    return np.concatenate([np.reshape(person[field], (-1, 3)) for field in layout.keypoint_fields])


def test_every_people_format_is_listed() -> None:
    assert set(PEOPLE) <= set(FORMATS)


@pytest.mark.parametrize('name', FORMATS)
def test_formats_say_what_the_generator_needs(name: str) -> None:
    layout = load_format(name)
    assert set(layout.optional_files) <= set(layout.files)
    paths = [layout.image_path(split, index) for split in layout.splits for index in range(50)]
    assert len(set(paths)) == len(paths)
    assert layout.layout.endswith('.')


@pytest.mark.parametrize('name', LAYOUTS)
def test_files_and_fields_are_those_of_the_release(folders: Path, name: str) -> None:
    layout = LAYOUTS[name]
    for file, (folder, count) in layout.files.items():
        content = read(folders, name, file)
        assert len(content['images']) == count
        assert {frozenset(image) for image in content['images']} == {layout.image}
        assert {frozenset(person) for person in content['annotations']} == {layout.person}
        (category,) = content['categories']
        assert frozenset(category) == CATEGORY
        meta = load_metainfo('coco' if name == 'coco_wholebody' else layout.metainfo)
        assert len(category['keypoints']) == meta.num_keypoints
        for image in content['images']:
            pixels = cv2.imread(str(image_file(folders, name, folder, image)))
            assert pixels.shape == (image['height'], image['width'], 3)


@pytest.mark.parametrize('name', LAYOUTS)
def test_labels_are_possible(folders: Path, name: str) -> None:
    layout, flags_seen = LAYOUTS[name], set()
    num_keypoints = load_metainfo(layout.metainfo).num_keypoints
    for file in layout.files:
        content = read(folders, name, file)
        sizes = {image['id']: (image['width'], image['height']) for image in content['images']}
        ids = [person['id'] for person in content['annotations']]
        assert len(set(ids)) == len(ids) >= len(sizes)
        for person in content['annotations']:
            keypoints = keypoints_of(person, layout)
            assert keypoints.shape == (num_keypoints, 3)
            flags = keypoints[:, 2]
            flags_seen |= set(flags.tolist())
            assert not keypoints[flags == 0].any()
            points, limit = keypoints[flags > 0, :2], np.array(sizes[person['image_id']])
            assert (points >= 0).all()
            assert (points <= limit - 1).all()
            low = np.array(person['bbox'][:2])
            assert (low >= 0).all()
            assert (low + person['bbox'][2:] <= limit + 1.0).all()  # px: whole pixels in AIC
            assert person['num_keypoints'] == np.count_nonzero(person['keypoints'][2::3])
    assert flags_seen == {0, 1, 2}


@pytest.mark.parametrize('name', [name for name in LAYOUTS if LAYOUTS[name].detections])
def test_detections_are_near_the_persons(folders: Path, name: str) -> None:
    layout = LAYOUTS[name]
    found = read(folders, name, layout.detections)
    assert {frozenset(entry) for entry in found} == {DETECTION}
    assert all(0 < entry['score'] < 1 for entry in found)
    persons = read(folders, name, list(layout.files)[-1])['annotations']
    covered = []
    for person in persons:
        near = [e['bbox'] for e in found if e['image_id'] == person['image_id']]
        covered.append(max((overlap(box, person['bbox']) for box in near), default=0.0) > 0.6)
    assert np.mean(covered) > 0.7


def overlap(first: list[float], second: list[float]) -> float:
    """Intersection over union of two x, y, w, h boxes."""
    a, b = np.array(first), np.array(second)
    shared = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    both = float(np.prod(np.maximum(shared, 0.0)))
    return both / float(a[2] * a[3] + b[2] * b[3] - both)


@pytest.mark.parametrize('name', PEOPLE)
def test_same_seed_same_bytes(folders: Path, tmp_path: Path, name: str) -> None:
    generate(tmp_path / 'again', name)
    assert digest(tmp_path / 'again') == digest(folder_of(folders, name))


@pytest.mark.parametrize('name', LAYOUTS)
def test_the_reader_loads_it(folders: Path, name: str) -> None:
    layout = LAYOUTS[name]
    reader = CocoWholeBodyDataset if name == 'coco_wholebody' else CocoDataset
    metainfo = 'coco' if name == 'humanart' else layout.metainfo
    for file, (folder, _) in layout.files.items():
        root = folders if name == 'humanart' else folder_of(folders, name)
        path = f'HumanArt/{file}' if name == 'humanart' else file
        dataset = reader(path, f'{root}/', {'img': folder}, metainfo)
        content = read(folders, name, file)
        labelled = [p for p in content['annotations'] if p['num_keypoints']]
        assert len(dataset) == len(labelled)
        sample = dataset[0]
        assert sample['keypoints'].shape == (load_metainfo(metainfo).num_keypoints, 2)
        assert Path(sample['image_file']).is_file()
    if layout.detections:
        prefix = 'HumanArt/' if name == 'humanart' else ''
        boxes = prefix + layout.detections
        where = (path, f'{root}/', {'img': folder}, metainfo)
        dataset = reader(*where, bbox_file=boxes, test_mode=True)
        assert len(dataset) == len(read(folders, name, layout.detections))


def test_mpii_is_a_list_of_persons(folders: Path) -> None:
    for split, count in (('train', NUM_TRAIN), ('val', NUM_VAL)):
        rows = read(folders, 'mpii', f'annotations/mpii_{split}.json')
        assert {frozenset(row) for row in rows} == {
            frozenset({'joints_vis', 'joints', 'image', 'scale', 'center'})
        }
        assert len({row['image'] for row in rows}) <= count
        for row in rows:
            pixels = cv2.imread(str(folders / 'mpii' / 'images' / row['image']))
            known = np.array(row['joints_vis'], bool)
            joints = np.array(row['joints'])
            assert joints.shape == (16, 2)
            assert (joints[known] >= 1).all()  # 1-based
            assert (joints[known] <= (pixels.shape[1], pixels.shape[0])).all()
            assert (joints[~known] == -1).all()
            middle = np.add(row['center'], (0.0, 15.0 * row['scale']))
            half = 100.0 * row['scale'] + 2.0  # px: the silhouette may end at a joint's edge
            assert (np.abs(joints[known] - middle) <= half).all()


def test_mpii_ground_truth_agrees_with_the_list(folders: Path) -> None:
    scipy_io = pytest.importorskip('scipy.io', reason='scipy is not installed')
    truth = scipy_io.loadmat(folders / 'mpii/annotations/mpii_gt_val.mat')
    rows = read(folders, 'mpii', 'annotations/mpii_val.json')
    names = [str(name[0]) for name in truth['dataset_joints'][0]]
    assert names[9] == 'head'
    assert names[0] == 'rank'
    known = np.array([row['joints_vis'] for row in rows]).T
    assert (truth['jnt_missing'] == 1 - known).all()
    joints = np.array([row['joints'] for row in rows]).transpose(
        1, 2, 0
    )  # (N, 16, 2) -> (16, 2, N)
    np.testing.assert_allclose(truth['pos_gt_src'], joints, atol=1e-3)  # px, rounded in the list
    low, high = truth['headboxes_src']  # (2, N) each
    top = joints[9]
    is_known = known[9] == 1
    margin = 1.0  # px
    assert (top[:, is_known] >= low[:, is_known] - margin).all()
    assert (top[:, is_known] <= high[:, is_known] + margin).all()


def test_mpii_without_scipy_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'scipy.io', None)
    with pytest.warns(UserWarning, match=r'mpii_gt_val\.mat is not written because scipy'):
        generate(tmp_path / 'mpii', 'mpii')
    assert not (tmp_path / 'mpii/annotations/mpii_gt_val.mat').exists()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        generate(tmp_path / 'mpii', 'mpii')  # complete without it: nothing to do


def test_mpii_reader_loads_it(folders: Path) -> None:
    dataset = MpiiDataset(
        'annotations/mpii_val.json', f'{folders}/mpii/', {'img': 'images/'}, test_mode=True
    )
    rows = read(folders, 'mpii', 'annotations/mpii_val.json')
    assert len(dataset) == len(rows)
    side = 200.0 * rows[0]['scale']
    x, y, w, h = dataset[0]['bbox_xywh']
    assert (w, h) == pytest.approx((side, side), rel=1e-5)
    expected = (rows[0]['center'][0] - 1, rows[0]['center'][1] - 1 + 15 * rows[0]['scale'])
    assert (x + w / 2, y + h / 2) == pytest.approx(expected, abs=0.01)  # px, float32


def test_whole_body_parts_follow_the_body(folders: Path) -> None:
    """A hand starts at its wrist, a face holds eyes and nose, and unlabelled parts are zeros."""
    content = read(folders, 'coco_wholebody', 'annotations/coco_wholebody_train_v1.0.json')
    num_valid = dict.fromkeys(('face', 'lefthand', 'righthand', 'foot'), 0)
    for person in content['annotations']:
        body = np.reshape(person['keypoints'], (-1, 3))
        for part, wrist in (('lefthand', 9), ('righthand', 10)):
            points = np.reshape(person[f'{part}_kpts'], (-1, 3))
            if not person[f'{part}_valid']:
                assert not points.any()
                assert not any(person[f'{part}_box'])
            elif points[0, 2] and body[wrist, 2]:
                assert points[0, :2] == pytest.approx(body[wrist, :2], abs=0.02)  # px, rounded
        if person['face_valid']:
            x, y, w, h = person['face_box']
            for px, py, flag in body[:3]:
                assert not flag or (x <= px <= x + w and y <= py <= y + h)
        for part in num_valid:
            num_valid[part] += person[f'{part}_valid']
    assert min(num_valid.values()) >= 3


def test_whole_body_faces_are_painted_where_the_labels_say(folders: Path) -> None:
    """Pupils are darker than the white beside them."""
    content = read(folders, 'coco_wholebody', 'annotations/coco_wholebody_train_v1.0.json')
    names = {image['id']: image['file_name'] for image in content['images']}
    contrasts = []
    for person in content['annotations']:
        if not person['face_valid']:
            continue
        image = cv2.imread(str(folders / 'coco_wholebody/train2017' / names[person['image_id']]))
        face = np.reshape(person['face_kpts'], (-1, 3))
        for eye in (range(36, 42), range(42, 48)):
            points = face[list(eye)]
            if (points[:, 2] == 2).all():
                pupil = points[:, :2].mean(axis=0)
                white = 0.45 * points[[0, 3], :2] + 0.55 * pupil
                brightness = [brightness_at(image, place) for place in (pupil, *white)]
                contrasts.append(max(brightness[1:]) - brightness[0])
    assert len(contrasts) >= 4
    assert np.median(contrasts) > 40  # of 255


def brightness_at(image: np.ndarray, place: np.ndarray) -> float:
    x, y = place.tolist()
    return float(image[round(y), round(x)].mean())


def test_crowd_index_counts_foreign_joints() -> None:
    """Two persons of 14 joints; one box holds 7 foreign joints, the other none."""

    class Person:
        def __init__(self, keypoints: list[tuple[float, float]], box: tuple[float, ...]) -> None:
            flags = np.full((len(keypoints), 1), 2.0)
            self.keypoints = np.hstack([np.array(keypoints), flags])
            self.bbox_xywh = box

    inside = [(5.0, 5.0)] * 7 + [(50.0, 5.0)] * 7
    first = Person([(6.0, 6.0)] * 14, (0, 0, 10, 10))
    second = Person(inside, (20, 0, 10, 10))
    assert crowd_index([first, second]) == pytest.approx(0.25)
    assert crowd_index([first]) == 0.0


def test_crowd_index_has_easy_medium_and_hard(tmp_path: Path) -> None:
    spec = ToySpec(40, 0, 0, 'crowdpose')
    generate_toy_dataset(tmp_path / 'crowd', spec, workers=1, report=lambda line: None)
    content = json.loads((tmp_path / 'crowd/annotations/mmpose_crowdpose_train.json').read_text())
    index = np.array([image['crowdIndex'] for image in content['images']])
    shares = [np.mean(index < 0.2), np.mean((index >= 0.2) & (index < 0.8)), np.mean(index >= 0.8)]
    assert min(shares) > 0.05


def test_ochuman_people_hide_each_other(folders: Path) -> None:
    file = 'annotations/ochuman_coco_format_val_range_0.00_1.00.json'
    content = read(folders, 'ochuman', file)
    per_image: dict[int, list[list[float]]] = {}
    for person in content['annotations']:
        per_image.setdefault(person['image_id'], []).append(person['bbox'])
    overlaps = [overlap(boxes[0], boxes[1]) for boxes in per_image.values() if len(boxes) > 1]
    assert len(overlaps) > 0.6 * NUM_VAL
    assert np.median(overlaps) > 0.4  # the real ones are above 0.5, by the choice of images


def test_masks_are_run_lengths() -> None:
    """Columns from the top, background first; long runs and differences take more characters."""
    mask = np.zeros((3, 2), np.uint8)
    mask[1:, 0] = 1  # runs 1, 2, 3
    assert encode_mask(mask) == {'size': [3, 2], 'counts': '123'}
    assert encode_mask(np.ones((2, 2), np.uint8)) == {'size': [2, 2], 'counts': '04'}


def test_masks_can_be_read_by_coco_tools() -> None:
    coco_mask = pytest.importorskip(
        'faster_coco_eval.core.mask', reason='faster-coco-eval is not installed'
    )
    rng = np.random.default_rng(0)
    mask = cv2.resize(
        rng.integers(0, 2, (9, 14), np.uint8), (140, 90), interpolation=cv2.INTER_NEAREST
    )
    code = encode_mask(mask)
    read_back = coco_mask.decode({'size': code['size'], 'counts': str(code['counts']).encode()})
    assert (read_back == mask).all()


def test_humanart_covers_its_groups(folders: Path) -> None:
    content = read(folders, 'humanart', 'annotations/training_humanart.json')
    groups = {image['file_name'].split('/')[2] for image in content['images']}
    assert groups == {'2D_virtual_human', '3D_virtual_human', 'real_human'}
    for image in content['images']:
        scenario, name = image['file_name'].split('/')[3:]
        assert image['category'] == scenario.replace('_', ' ')
        assert image['id'] % 10**12 == int(Path(name).stem)


def test_another_format_replaces_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / 'data'
    generate(out, 'aic')
    with pytest.raises(FileExistsError, match=r"'format': 'aic'.*pass --overwrite"):
        generate(out, 'ochuman')
    generate(out, 'ochuman', overwrite=True)
    generate(tmp_path / 'fresh', 'ochuman')
    assert digest(out) == digest(tmp_path / 'fresh')
    assert not list(out.glob('ai_challenger*'))


def test_unknown_format_is_named() -> None:
    with pytest.raises(ValueError, match=r"format is 'cocoo', expected one of coco, .*--format"):
        ToySpec(format='cocoo')
