"""The generated dataset: same bytes for the same seed, true annotations, no half states."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose.metainfo import load_metainfo
from toy_pose import ToySpec, generate_toy_dataset, scene
from toy_pose.appearance import sample_outfit
from toy_pose.canvas import Canvas
from toy_pose.outlines import View
from toy_pose.person import Person, paint_person
from toy_pose.scene import render_scene
from toy_pose.skeleton import (
    LimbAngles,
    Pose,
    pose_body,
    rotation_y,
    sample_proportions,
)
from toy_pose.visibility import OCCLUDED, OUTSIDE, VISIBLE, keypoint_flag

TOOL = Path(__file__).parents[2] / 'tools' / 'make_toy_dataset.py'
SPEC = ToySpec(num_train=44, num_val=24, seed=3)  # enough images for two workers
FIRST_IMAGE = 'train2017/000000000001.jpg'
FIRST_IMAGE_SHAPE = (240, 320, 3)
FIRST_IMAGE_MEAN_BGR = (114.724, 108.846, 114.840)  # of SPEC.seed, measured with version 1
NAMES = tuple(load_metainfo('coco').keypoint_names)


def generate(out: Path, spec: ToySpec = SPEC, overwrite: bool = False, workers: int = 1) -> str:
    """Generate and return what was reported."""
    lines: list[str] = []
    generate_toy_dataset(out, spec, workers=workers, overwrite=overwrite, report=lines.append)
    return '\n'.join(lines)


def digest(folder: Path) -> dict[str, str]:
    """File name inside the folder -> hash of the bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def wait_until(is_met: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not is_met():
        assert time.monotonic() < end, f'nothing happened within {seconds} s'
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    command = ['ps', '-o', 'stat=', '-p', str(pid)]
    state = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith('Z')  # Z: ended, but nobody asked for its result


@pytest.fixture(scope='module')
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated dataset, read only."""
    out = tmp_path_factory.mktemp('data') / 'toy'
    generate(out)
    return out


def load(folder: Path, split: str) -> dict:
    return json.loads((folder / 'annotations' / f'person_keypoints_{split}2017.json').read_text())


def test_bytes_depend_on_seed_only(toy: Path, tmp_path: Path) -> None:
    generate(tmp_path / 'workers', workers=2)
    assert digest(tmp_path / 'workers') == digest(toy)
    generate(tmp_path / 'seed', ToySpec(2, 1, seed=4))
    other = digest(tmp_path / 'seed')
    assert other[FIRST_IMAGE] != digest(toy)[FIRST_IMAGE]


def test_images_do_not_depend_on_counts(toy: Path, tmp_path: Path) -> None:
    generate(tmp_path / 'few', ToySpec(2, 1, seed=SPEC.seed))
    few, many = digest(tmp_path / 'few'), digest(toy)
    images = [name for name in few if name.endswith('.jpg')]
    assert len(images) == 3
    assert all(few[name] == many[name] for name in images)
    assert len({few[name] for name in images}) == 3


@pytest.mark.parametrize(('split', 'count'), [('train', SPEC.num_train), ('val', SPEC.num_val)])
def test_file_is_coco(toy: Path, split: str, count: int) -> None:
    content = load(toy, split)
    assert set(content) == {'info', 'licenses', 'images', 'annotations', 'categories'}
    assert 'Generated' in content['info']['description']
    assert len(content['images']) == count
    (category,) = content['categories']
    assert category['keypoints'] == list(NAMES)
    skeleton = np.array(category['skeleton'])
    assert skeleton.min() == 1
    assert skeleton.max() == 17
    ids = [annotation['id'] for annotation in content['annotations']]
    assert len(set(ids)) == len(ids) >= count
    for image in content['images']:
        assert image['file_name'] == f'{image["id"]:012d}.jpg'
        pixels = cv2.imread(str(toy / f'{split}2017' / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3)


def test_images_of_format_coco_never_change(toy: Path) -> None:
    """The quickstart's figures were measured on these bytes; libjpeg builds may differ by a bit."""
    image = cv2.imread(str(toy / FIRST_IMAGE))
    assert image.shape == FIRST_IMAGE_SHAPE
    np.testing.assert_allclose(image.mean(axis=(0, 1)), FIRST_IMAGE_MEAN_BGR, atol=0.5)  # of 255


def test_splits_share_no_image(toy: Path) -> None:
    train, val = (load(toy, split)['images'] for split in ('train', 'val'))
    assert not {image['id'] for image in train} & {image['id'] for image in val}
    assert not set(digest(toy / 'train2017').values()) & set(digest(toy / 'val2017').values())


def test_annotations_agree_with_themselves(toy: Path) -> None:
    content = load(toy, 'train')
    size_wh = {image['id']: (image['width'], image['height']) for image in content['images']}
    seen = set()
    for annotation in content['annotations']:
        keypoints = np.array(annotation['keypoints']).reshape(17, 3)
        flags = keypoints[:, 2]
        seen |= set(flags.tolist())
        assert annotation['num_keypoints'] == np.count_nonzero(flags)
        assert not keypoints[flags == OUTSIDE].any()
        points = keypoints[flags > 0, :2]
        limit = np.array(size_wh[annotation['image_id']])
        assert (points >= 0).all()
        assert (points <= limit - 1).all()
        x, y, width, height = annotation['bbox']
        assert x >= 0
        assert y >= 0
        assert (np.array([x + width, y + height]) <= limit + 0.01).all()
        margin = 1.0  # px: half a pixel of frame, and rounding
        assert (points >= (x - margin, y - margin)).all()
        assert (points <= (x + width + margin, y + height + margin)).all()
        assert 0 < annotation['area'] <= (width + 2) * (height + 2)
        assert annotation['iscrowd'] == 0
    assert seen == {OUTSIDE, OCCLUDED, VISIBLE}


def test_coco_tools_can_read_it(toy: Path) -> None:
    coco_module = pytest.importorskip('xtcocotools.coco', reason='xtcocotools is not installed')
    coco = coco_module.COCO(str(toy / 'annotations' / 'person_keypoints_val2017.json'))
    content = load(toy, 'val')
    assert len(coco.getAnnIds(catIds=coco.getCatIds(['person']))) == len(content['annotations'])
    assert coco.loadCats(1)[0]['keypoints'] == list(NAMES)


def test_outlines_cover_the_visible_area(toy: Path) -> None:
    annotations = load(toy, 'val')['annotations']
    outlined = [annotation for annotation in annotations if annotation['segmentation']]
    assert len(outlined) > 0.9 * len(annotations)
    for annotation in outlined:
        polygons = [np.array(p, np.int32).reshape(-1, 2) for p in annotation['segmentation']]
        covered = np.zeros((330, 330), np.uint8)
        cv2.fillPoly(covered, polygons, 1)
        # Holes between the limbs are not cut out, and outlines are kept to a pixel.
        assert 0.85 * annotation['area'] <= covered.sum() <= 1.6 * annotation['area']


def standing_pose(yaw: float) -> Pose:
    arm, leg = LimbAngles(25.0, 90.0, 0.0, 10.0), LimbAngles(6.0, 90.0, 0.0, 3.0)
    return Pose('standing', rotation_y(yaw), 0.0, 0.0, 0.0, (0, 0, 0), (arm, arm), (leg, leg), 0.2)


def flags_of_standing(yaw: float, box: tuple[int, int, int, int] | None = None) -> dict[str, int]:
    """Flags of a person 200 px tall who is turned by ``yaw``, behind an x, y, w, h box of ids."""
    rng = np.random.default_rng(0)
    body = pose_body(standing_pose(yaw), sample_proportions(rng))
    outfits = (sample_outfit(rng) for _ in range(1000))
    outfit = next(o for o in outfits if o.hair_style == 'short' and o.legwear == 'trousers')
    person, canvas = Person('standing', body, outfit), Canvas(240, 260)
    view = View(200.0, np.array([120.0, 125.0]), np.array([0.0, -1.0]))
    paint_person(canvas, rng, person, view, index=2)
    if box is not None:
        x, y, width, height = box
        canvas.ids[y : y + height, x : x + width] = 255
    points = {name: view.points(body.joints[name]) for name in NAMES}
    return {
        name: keypoint_flag(canvas.ids, person, 2, name, points[name], view.height_px)
        for name in NAMES
    }


def test_everything_shows_from_the_front() -> None:
    assert set(flags_of_standing(0.0).values()) == {VISIBLE}


def test_only_the_face_is_hidden_from_behind() -> None:
    hidden = {name for name, flag in flags_of_standing(180.0).items() if flag == OCCLUDED}
    assert hidden == {'nose', 'left_eye', 'right_eye'}


@pytest.mark.parametrize(
    ('yaw', 'near', 'far'), [(90.0, 'right', 'left'), (-90.0, 'left', 'right')]
)
def test_far_side_is_hidden_in_profile(yaw: float, near: str, far: str) -> None:
    flags = flags_of_standing(yaw)
    assert flags['nose'] == VISIBLE
    for joint in ('eye', 'ear', 'shoulder', 'hip'):
        assert flags[f'{near}_{joint}'] == VISIBLE, joint
        assert flags[f'{far}_{joint}'] == OCCLUDED, joint


def test_objects_hide_joints() -> None:
    flags = flags_of_standing(0.0, box=(0, 150, 240, 110))
    assert {
        flags[f'{side}_{joint}'] for side in ('left', 'right') for joint in ('knee', 'ankle')
    } == {OCCLUDED}
    assert flags['nose'] == flags['left_shoulder'] == VISIBLE


def test_left_is_on_the_right_of_a_frontal_image() -> None:
    body = pose_body(standing_pose(0.0), sample_proportions(np.random.default_rng(0)))
    for joint in ('eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'):
        assert body.joints[f'left_{joint}'][0] > 0 > body.joints[f'right_{joint}'][0], joint
    assert body.joints['nose'][1] > body.joints['left_shoulder'][1] > body.joints['left_hip'][1]
    assert body.joints['left_hip'][1] > body.joints['left_knee'][1] > body.joints['left_ankle'][1]


def test_keypoints_lie_on_the_painted_person() -> None:
    """Visible joints are not at the background colour's side of the outline."""
    rng = np.random.default_rng(5)
    persons = [person for _ in range(20) for person in render_scene(rng, NAMES).persons]
    inside = []
    for person in persons:
        outlines = [np.array(p, np.float32).reshape(-1, 2) for p in person.polygons]
        for x, y, flag in person.keypoints:
            if flag == VISIBLE:
                distance = max(
                    cv2.pointPolygonTest(o, (float(x), float(y)), True) for o in outlines
                )
                inside.append(distance >= -2.0)  # px: the square that visibility looks at
    assert len(inside) > 300
    assert np.mean(inside) > 0.99


def test_people_are_as_common_as_promised() -> None:
    """Shares of hidden and cut persons are those of the docs, to within chance."""
    scenes = [render_scene(np.random.default_rng((9, index)), NAMES) for index in range(120)]
    counts = [len(each.persons) for each in scenes]
    assert min(counts) >= 0
    assert max(counts) == 4
    persons = [person for each in scenes for person in each.persons]
    assert 1.9 < len(persons) / len(scenes) < 2.7
    assert 0.02 < np.mean([person.hidden_share > 0.1 for person in persons]) < 0.25
    assert 0.06 < np.mean([person.outside_share > 0.05 for person in persons]) < 0.22
    heights = [person.bbox_xywh[3] for person in persons]
    assert 100 < np.median(heights) < 200


def test_second_run_reuses(toy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in toy.rglob('*')}
    assert 'already holds this dataset' in generate(toy)
    assert {path: path.stat().st_mtime_ns for path in toy.rglob('*')} == before


def test_other_arguments_refuse_unless_overwrite(tmp_path: Path) -> None:
    out = tmp_path / 'toy'
    generate(out, ToySpec(2, 1, 0))
    with pytest.raises(
        FileExistsError, match=r"'seed': 0}, expected .*'seed': 1}; pass --overwrite"
    ):
        generate(out, ToySpec(1, 1, 1))
    generate(out, ToySpec(1, 1, 1), overwrite=True)
    generate(tmp_path / 'fresh', ToySpec(1, 1, 1))
    assert digest(out) == digest(tmp_path / 'fresh')


def test_foreign_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='no generated dataset'):
        generate(tmp_path, ToySpec(1, 1, 0), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ['notes.txt']


def test_killed_generation_recovers(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, calls = tmp_path / 'toy', []

    def die_at_the_tenth(image: np.ndarray, rng: np.random.Generator) -> bytes:
        calls.append(image.shape)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return b'not yet'

    with monkeypatch.context() as patch:
        patch.setattr(scene, 'encode_jpeg', die_at_the_tenth)
        with pytest.raises(KeyboardInterrupt):
            generate(out)
    assert not list(out.rglob('*.json'))
    assert (out / 'train2017' / '000000000009.jpg').exists()
    generate(out)
    assert digest(out) == digest(toy)


@pytest.mark.skipif(os.name == 'nt', reason='reads the process table of Linux and macOS')
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    out = tmp_path / 'toy'
    command = [sys.executable, str(TOOL), '--out', str(out), '--num-train', '20000']
    parent = subprocess.Popen([*command, '--workers', '2'], stdout=subprocess.DEVNULL)
    wait_until(lambda: any(out.glob('train2017/*.jpg')))
    listed = subprocess.run(['ps', '-eo', 'pid=,ppid='], capture_output=True, text=True, check=True)
    pairs = [line.split() for line in listed.stdout.splitlines()]
    children = {pid for pid, ppid in pairs if ppid == str(parent.pid)}
    assert len(children) >= 2
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(is_running(int(pid)) for pid in children))


def test_missing_images_are_drawn_again(tmp_path: Path) -> None:
    spec = ToySpec(3, 1, 0)
    generate(tmp_path / 'toy', spec)
    whole = digest(tmp_path / 'toy')
    (tmp_path / 'toy' / 'train2017' / '000000000002.jpg').unlink()
    assert 'already' not in generate(tmp_path / 'toy', spec)
    assert digest(tmp_path / 'toy') == whole


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='num_train is -1, expected 0 or more; set --num-train'):
        ToySpec(num_train=-1)
    with pytest.raises(ValueError, match='workers is 0, expected 1 or more; set --workers'):
        generate(tmp_path / 'toy', workers=0)
    assert not (tmp_path / 'toy').exists()


def test_tool_refuses_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('mine')
    command = [sys.executable, str(TOOL), '--out', str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOOL.parents[1])
    assert done.returncode == 1
    assert done.stderr.startswith('error: ')
    assert 'choose another --out' in done.stderr
    assert 'Traceback' not in done.stderr


def test_tool_prints_both_counts(tmp_path: Path) -> None:
    command = [sys.executable, str(TOOL), '--out', str(tmp_path / 'toy'), '--num-train', '3']
    command += ['--num-val', '2', '--seed', '1', '--workers', '1']
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOOL.parents[1], check=True)
    assert re.search(r'train: 3 images, \d+ persons', done.stdout)
    assert re.search(r'val: 2 images, \d+ persons', done.stdout)
