"""Generated animals and hands: official files, true joints, same bytes for the same seed."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose.datasets import CocoDataset, InterHand2DDataset
from mmpose.metainfo import load_metainfo
from toy_pose import ToySpec, generate_toy_dataset
from toy_pose.formats import load_format
from toy_pose.formats.animalpose import JOINTS as ANIMALPOSE_JOINTS
from toy_pose.hand import NUM_JOINTS, WRIST, Hand, HandPose, pose_hand
from toy_pose.hand_camera import HandCamera, rig_camera
from toy_pose.hand_paint import IDS_PER_HAND, PALM_ID, finger_id
from toy_pose.hand_scene import HandLabel, render_hands, valid_joints
from toy_pose.parts import PARTS_PER_PERSON
from toy_pose.person import person_mask
from toy_pose.quadruped import JOINT_NAMES, Animal, pose_animal, root_rotation
from toy_pose.quadruped_coco import AP10K_JOINTS
from toy_pose.quadruped_kinds import KIND_NAMES, KINDS
from toy_pose.quadruped_paint import face_normal
from toy_pose.quadruped_parts import AnimalPart
from toy_pose.quadruped_poses import FAMILIES, sample_animal_pose
from toy_pose.quadruped_scene import AnimalScene, render_animals
from toy_pose.visibility import OCCLUDED, OUTSIDE, VISIBLE

ANIMALS = ('ap10k', 'apt36k', 'animalpose')
COUNTS = (6, 3)

# Fields of the published files; apt36k is only known to be in COCO's layout and gets AP-10K's.
AP10K_FIELDS = {
    '': {'info', 'licenses', 'images', 'annotations', 'categories'},
    'info': {'description', 'url', 'version', 'year', 'contributor', 'date_created'},
    'licenses': {'id', 'name', 'url'},
    'images': {'license', 'id', 'file_name', 'width', 'height', 'background'},
    'annotations': {
        'id',
        'image_id',
        'category_id',
        'bbox',
        'area',
        'iscrowd',
        'num_keypoints',
        'keypoints',
    },
    'categories': {'id', 'name', 'supercategory', 'keypoints', 'skeleton'},
}
FIELDS = {
    'ap10k': AP10K_FIELDS,
    'apt36k': AP10K_FIELDS,
    'animalpose': {
        '': {'images', 'annotations', 'categories'},
        'images': {'id', 'file_name', 'height', 'width'},
        'annotations': AP10K_FIELDS['annotations'],
        'categories': AP10K_FIELDS['categories'],
    },
    'interhand2d': {
        '': {'images', 'annotations'},
        'images': {
            'id',
            'file_name',
            'width',
            'height',
            'capture',
            'subject',
            'seq_name',
            'camera',
            'frame_idx',
        },
        'annotations': {
            'id',
            'image_id',
            'bbox',
            'joint_valid',
            'hand_type',
            'hand_type_valid',
        },
    },
}
TRAIN_FILES = {
    'ap10k': ('annotations/ap10k-train-split1.json', 'data/'),
    'apt36k': ('annotations/train_annotations_1.json', ''),
    'animalpose': ('annotations/animalpose_train.json', ''),
    'interhand2d': ('annotations/all/InterHand2.6M_train_data.json', 'images/train/'),
}


def generate(out: Path, name: str, seed: int = 0) -> Path:
    spec = ToySpec(*COUNTS, seed=seed, format=name)
    generate_toy_dataset(out, spec, workers=1, report=lambda line: None)
    return out


@pytest.fixture(scope='module')
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of all four generated datasets, read only."""
    root = tmp_path_factory.mktemp('animals_hands')
    return {name: generate(root / name, name) for name in FIELDS}


def load(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text())


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


@pytest.mark.parametrize('name', FIELDS)
def test_fields_are_the_published_ones(folders: dict[str, Path], name: str) -> None:
    content = load(folders[name], TRAIN_FILES[name][0])
    assert set(content) == FIELDS[name]['']
    for section, fields in FIELDS[name].items():
        if not section:
            continue
        entries = content[section]
        for entry in entries if isinstance(entries, list) else [entries]:
            assert set(entry) == fields, section


@pytest.mark.parametrize('name', FIELDS)
def test_all_files_and_images_are_there(folders: dict[str, Path], name: str) -> None:
    layout, folder = load_format(name), folders[name]
    assert all((folder / file).is_file() for file in layout.files)
    file, prefix = TRAIN_FILES[name]
    images = load(folder, file)['images']
    assert len(images) == COUNTS[0]
    for image in images:
        pixels = cv2.imread(str(folder / prefix / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3)


@pytest.mark.parametrize('name', FIELDS)
def test_bytes_depend_on_the_seed(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    assert digest(generate(tmp_path / 'same', name)) == digest(folders[name])
    other = digest(generate(tmp_path / 'other', name, seed=1))
    images = [path for path in other if path.endswith('.jpg')]
    assert images
    assert not {other[path] for path in images} & set(digest(folders[name]).values())


@pytest.mark.parametrize('name', FIELDS)
def test_splits_share_no_id(folders: dict[str, Path], name: str) -> None:
    seen: dict[str, list[int]] = {'images': [], 'annotations': []}
    for file in load_format(name).files:
        content = load(folders[name], file)
        if 'annotations' in content and 'trainval' not in file:
            for section, ids in seen.items():
                ids += [entry['id'] for entry in content[section]]
    assert len(seen['images']) == sum(COUNTS) + (len(load_format(name).splits) - 2) * COUNTS[1]
    assert all(len(set(ids)) == len(ids) for ids in seen.values())


@pytest.mark.parametrize('name', ANIMALS)
def test_animals_can_be_read(folders: dict[str, Path], name: str) -> None:
    file, prefix = TRAIN_FILES[name]
    meta = load_metainfo('animalpose' if name == 'animalpose' else 'ap10k')
    data = CocoDataset(file, str(folders[name]), {'img': prefix}, metainfo=meta)
    content = load(folders[name], file)
    labels = {ann['id']: ann for ann in content['annotations'] if ann['num_keypoints']}
    assert len(data) == len(labels) >= COUNTS[0]
    for row in range(len(data)):
        sample = data.get_sample(row)
        label = labels[sample['ann_id']]
        points = np.reshape(label['keypoints'], (-1, 3))
        assert len(points) == meta.num_keypoints
        assert sample['category_id'] == label['category_id']
        np.testing.assert_allclose(sample['keypoints'], points[:, :2], atol=1e-3)
        np.testing.assert_array_equal(sample['keypoints_visible'], np.minimum(points[:, 2], 1))
        assert Path(sample['image_file']).is_file()


def test_ap10k_has_all_categories_and_uses_some(folders: dict[str, Path]) -> None:
    content = load(folders['ap10k'], TRAIN_FILES['ap10k'][0])
    categories = {entry['id']: entry['name'] for entry in content['categories']}
    assert sorted(categories) == list(range(1, 55))
    families = {entry['name']: entry['supercategory'] for entry in content['categories']}
    assert families['antelope'] == 'Bovidae'
    assert (families['tiger'], families['bat']) == ('Felidae', 'Vespertilionidae')
    used = {categories[ann['category_id']] for ann in content['annotations']}
    assert len(used) > 1
    assert used <= set(KIND_NAMES) <= set(families)


def test_apt36k_images_lie_in_folders_of_their_species(folders: dict[str, Path]) -> None:
    content = load(folders['apt36k'], TRAIN_FILES['apt36k'][0])
    names = {entry['id']: entry['name'].replace(' ', '-') for entry in content['categories']}
    files = {image['id']: image['file_name'] for image in content['images']}
    for ann in content['annotations']:
        assert files[ann['image_id']].split('/')[0] == names[ann['category_id']]


def test_animalpose_trainval_is_both_splits(folders: dict[str, Path]) -> None:
    parts = [
        load(folders['animalpose'], f'annotations/animalpose_{part}.json')
        for part in ('train', 'val', 'trainval')
    ]
    for section in ('images', 'annotations'):
        assert parts[0][section] + parts[1][section] == parts[2][section]


@pytest.mark.parametrize('joints', [AP10K_JOINTS, ANIMALPOSE_JOINTS])
def test_every_name_has_a_joint_of_its_own_side(joints: dict[str, str]) -> None:
    assert len(set(joints.values())) == len(joints)
    assert set(joints.values()) <= set(JOINT_NAMES)
    for name, joint in joints.items():
        for initial, side in (('L', 'left'), ('R', 'right')):
            is_of_side = name.startswith((f'{initial}_', f'{side}_'))
            assert is_of_side == joint.startswith(side), (name, joint)
        for end in ('front', 'back'):
            letter = f'_{end[0].upper()}_'
            if (end in name or letter in name) and name.lower().endswith('paw'):
                assert joint.endswith(f'{end}_paw'), (name, joint)


@pytest.mark.parametrize('name', ['ap10k', 'animalpose'])
def test_names_follow_the_skeleton_table(folders: dict[str, Path], name: str) -> None:
    """The order of the file is the order of the table: same side, same end of the body."""
    (category, *_) = load(folders[name], TRAIN_FILES[name][0])['categories']
    meta = load_metainfo(name)
    table = [key.lower().replace(' ', '_').replace('_of_', '_') for key in meta.keypoint_names]
    found = [
        key.lower()
        .replace('left', 'l')
        .replace('right', 'r')
        .replace('front', 'f')
        .replace('back', 'b')
        .replace('_of_', '_')
        for key in category['keypoints']
    ]
    assert found == table
    skeleton = {tuple(sorted(limb)) for limb in (np.array(category['skeleton']) - 1).tolist()}
    assert skeleton == {tuple(sorted(limb)) for limb in meta.skeleton_links.tolist()}


@pytest.fixture(scope='module')
def scenes() -> list[AnimalScene]:
    return [render_animals(np.random.default_rng((8, number))) for number in range(40)]


def test_visible_joints_lie_on_their_animal(scenes: list[AnimalScene]) -> None:
    seen = set()
    for scene in scenes:
        for animal in scene.animals:
            mask = person_mask(scene.ids, animal.index)
            assert np.count_nonzero(mask) == animal.area
            seen |= set(animal.keypoints[:, 2].tolist())
            assert not animal.keypoints[animal.keypoints[:, 2] == OUTSIDE].any()
            for x, y, flag in animal.keypoints:
                if flag == VISIBLE:
                    assert mask[round(y), round(x)], 'a visible joint is on another thing'
    assert seen == {OUTSIDE, OCCLUDED, VISIBLE}


def test_boxes_hold_the_painted_pixels(scenes: list[AnimalScene]) -> None:
    for scene in scenes:
        for animal in scene.animals:
            rows, columns = np.nonzero(person_mask(scene.ids, animal.index))
            x, y, width, height = animal.bbox_xywh
            margin = 1.5  # px: rounding of the painted outline to pixels
            assert x - margin <= columns.min() <= columns.max() <= x + width + margin
            assert y - margin <= rows.min() <= rows.max() <= y + height + margin


def test_scenes_differ(scenes: list[AnimalScene]) -> None:
    families = {animal.family for scene in scenes for animal in scene.animals}
    assert families == set(FAMILIES)
    assert len({animal.kind for scene in scenes for animal in scene.animals}) > len(KINDS) // 2
    assert {len(scene.animals) for scene in scenes} == {1, 2, 3}


def standing_animal(azimuth: float) -> Animal:
    kind = KINDS[KIND_NAMES.index('horse')]
    rng = np.random.default_rng(0)
    pose = next(
        pose
        for pose in (sample_animal_pose(rng, kind) for _ in range(100))
        if pose.family == 'standing'
    )
    straight = replace(pose, root=root_rotation(azimuth, 0, 0), neck_turn=0.0, head_turn=0.0)
    return pose_animal(straight, kind.build)


def test_sides_and_heights_of_the_skeleton() -> None:
    """Facing the image's right shows the right side; eyes, back, legs and paws follow downwards."""
    joints = standing_animal(90).joints
    assert joints['nose'][0] > joints['withers'][0] > joints['tail_base'][0]
    assert set(JOINT_NAMES) <= set(joints)
    for name in JOINT_NAMES:
        if name.startswith('right_'):
            assert joints[name][2] > joints[name.replace('right', 'left')][2], name
    for end, leg in (
        ('front', ('elbow', 'carpus', 'front_paw')),
        ('back', ('stifle', 'hock', 'back_paw')),
    ):
        heights = [joints[f'left_{name}'][1] for name in leg]
        assert heights == sorted(heights, reverse=True), end
        assert joints['withers'][1] > heights[0]
    paws = [joints[f'left_{end}_paw'][1] for end in ('front', 'back')]
    assert abs(paws[0] - paws[1]) < 0.08  # trunks: both stand on the same ground


def test_far_eye_is_not_visible() -> None:
    assert face_normal(standing_animal(90), 'right_eye') > 0.5
    assert face_normal(standing_animal(90), 'left_eye') < -0.5
    assert face_normal(standing_animal(180), 'nose') < -0.5


def test_ids_of_animals_fit() -> None:
    assert max(AnimalPart) < PARTS_PER_PERSON


def flat_hand(is_right: bool) -> Hand:
    pose = HandPose(flexion=np.zeros((5, 3)), spread=1.0, opposition=0.0)
    return pose_hand(pose, is_right, np.eye(3), np.zeros(3))


def test_thumbs_are_on_their_sides() -> None:
    """Seen from the back with the fingers up, a right hand has its thumb on the left."""
    right, left = flat_hand(True).joints, flat_hand(False).joints
    assert right.shape == (NUM_JOINTS, 3)
    assert right[0, 0] < right[4, 0] < right[16, 0]
    np.testing.assert_allclose(left, right * (-1, 1, 1))
    assert right[8, 1] > right[9, 1] > right[11, 1] > right[WRIST, 1]


def test_fingers_bend_towards_the_palm() -> None:
    flexion = np.zeros((5, 3))
    flexion[2] = 60
    pose = HandPose(flexion=flexion, spread=1.0, opposition=0.0)
    bent = pose_hand(pose, True, np.eye(3), np.zeros(3)).joints
    flat = flat_hand(True).joints
    assert bent[8, 2] < flat[8, 2] - 20  # mm, the back is +z
    np.testing.assert_allclose(np.delete(bent, slice(8, 12), 0), np.delete(flat, slice(8, 12), 0))
    bones = [np.linalg.norm(np.diff(hand[8:12], axis=0), axis=1) for hand in (bent, flat)]
    np.testing.assert_allclose(*bones)


def cameras_of(content: dict, capture: str, camera: str) -> tuple[np.ndarray, ...]:
    fields = ('camrot', 'campos', 'focal', 'princpt')
    return tuple(np.array(content[capture][field][camera]) for field in fields)


def test_joints_project_to_where_they_were_drawn(folders: dict[str, Path]) -> None:
    folder, layout = folders['interhand2d'], load_format('interhand2d')
    names = ('data', 'camera', 'joint_3d')
    data, cameras, poses = (
        load(folder, f'annotations/all/InterHand2.6M_train_{name}.json') for name in names
    )
    num_hands = 0
    for index, (image, ann) in enumerate(zip(data['images'], data['annotations'], strict=True)):
        capture, frame = str(image['capture']), str(image['frame_idx'])
        rotation, position, focal, center = cameras_of(cameras, capture, image['camera'])
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) > 0
        pose = poses[capture][frame]
        assert set(pose) == {'world_coord', 'joint_valid', 'hand_type', 'hand_type_valid'}
        local = (np.array(pose['world_coord']) - position) @ rotation.T
        points = local[:, :2] / local[:, 2:] * focal + center
        rng = np.random.default_rng((0, 0, index, *layout.salt))  # as the generator seeds it
        camera = rig_camera(image['capture'], (index // 3) % 6)
        assert camera.name == image['camera']
        scene = render_hands(rng, camera)
        assert scene.jpeg == (folder / 'images/train' / image['file_name']).read_bytes()
        there = np.array(pose['joint_valid']).ravel()
        drawn = np.concatenate([camera.project(hand.joints) for hand in scene.hands])
        assert np.abs(points[there] - drawn).max() < 0.01  # px
        assert pose['hand_type'] == ann['hand_type'] == scene.label.hand_type
        assert len(ann['joint_valid']) == 2 * NUM_JOINTS
        num_hands += len(scene.hands)
    assert num_hands > len(data['images'])


def test_hands_can_be_read(folders: dict[str, Path]) -> None:
    files = [
        f'annotations/all/InterHand2.6M_train_{name}.json'
        for name in ('data', 'camera', 'joint_3d')
    ]
    dataset = InterHand2DDataset(
        ann_file=files[0],
        camera_file=files[1],
        joint_file=files[2],
        data_root=str(folders['interhand2d']),
        data_prefix={'img': 'images/train/'},
    )
    data = load(folders['interhand2d'], files[0])
    hands = {
        2 * ann['id'] + side
        for ann in data['annotations']
        for side, flags in enumerate(np.reshape(ann['joint_valid'], (2, NUM_JOINTS)))
        if flags[WRIST] and flags.sum() > 11
    }
    samples = [dataset.get_sample(row) for row in range(len(dataset))]
    assert {sample['ann_id'] for sample in samples} == hands
    assert len(hands) >= COUNTS[0] - 1


def center_camera() -> HandCamera:
    return rig_camera(0, 0)


def test_joints_lie_on_painted_hands() -> None:
    """The pixel of every joint inside the image shows a hand, or something nearer of one."""
    camera, on_own, total = center_camera(), 0, 0
    for number in range(12):
        scene = render_hands(np.random.default_rng((9, number)), camera)
        for index, hand in enumerate(scene.hands):
            points = camera.project(hand.joints)
            for joint, (x, y) in enumerate(points):
                if not (0 <= x <= camera.width - 1 and 0 <= y <= camera.height - 1):
                    continue
                found = int(scene.ids[round(y), round(x)])
                assert found > 0, (number, joint)
                own = PALM_ID if joint == WRIST else finger_id(joint // 4)
                on_own += found == IDS_PER_HAND * index + own
                total += 1
    assert on_own > 0.4 * total  # the rest is behind the palm or another finger
    assert total > 12 * NUM_JOINTS


def test_joints_outside_the_image_are_not_valid() -> None:
    camera = center_camera()
    scene = render_hands(np.random.default_rng(1), camera)
    hand = scene.hands[0].joints
    label = HandLabel('right', hand, None)
    inside = valid_joints(label, camera)
    assert not inside[NUM_JOINTS:].any()
    shift = camera.rotation.T @ np.array([400.0, 0.0, 0.0])  # mm to the right
    assert inside[:NUM_JOINTS].sum() > 11
    assert not valid_joints(HandLabel('right', hand + shift, None), camera).any()
