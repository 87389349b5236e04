"""Every planted fault is found, with its file and entry; a sound dataset has none."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import faulty_dataset
import numpy as np
import pytest

from mmpose.dataset_tools.check import KINDS, IssueLog, check_dataset
from mmpose.dataset_tools.check.images import exif_orientation, inspect_image
from mmpose.dataset_tools.check.skeleton import check_sides, check_skeleton
from mmpose.dataset_tools.check.split import Split
from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.transforms import LoadImage
from mmpose.metainfo import load_metainfo
from tests.datasets import image_storage
from tests.metainfo.test_keypoint_names import spell

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'check_dataset.py'


def examine(folder, faults):
    return check_dataset(faulty_dataset.write(folder, faults), workers=2)


def matches(issue, fault, folder):
    in_json = issue.file == str(folder / f'{fault.split}.json')
    in_image = issue.file == str(folder / fault.split / fault.image)
    named = issue.image == fault.image or not fault.image
    same = (issue.kind, issue.split, issue.entry) == (fault.kind, fault.split, fault.entry)
    return same and named and (in_json or in_image)


def test_a_sound_dataset_is_ok(tmp_path):
    report = examine(tmp_path, [])
    assert report.log.issues == []
    assert report.status == 'OK'
    train, val = report.statistics
    assert (train.num_checked, train.num_images, train.num_instances) == (40, 40, 80)
    assert (val.num_checked, val.num_samples) == (4, 8)


@pytest.mark.parametrize('fault', faulty_dataset.FAULTS, ids=lambda f: f'{f.kind}-{f.entry}')
def test_one_fault(tmp_path, fault):
    report = examine(tmp_path, [fault])
    assert any(matches(issue, fault, tmp_path) for issue in report.log.issues)
    # nothing else is blamed, except that an exchange of pixels shows in several ways
    others = {p.entry for p in report.log.issues if p.kind != 'reader_refuses'}
    assert others == {fault.entry}
    # the reader may refuse what the check only warns of
    allowed = {
        'error': ('DO NOT TRAIN',),
        'warning': ('WARNINGS', 'DO NOT TRAIN'),
        'note': ('OK',),
    }
    assert report.status in allowed[KINDS[fault.kind].severity]


def test_all_faults_at_once(tmp_path):
    report = examine(tmp_path, faulty_dataset.FAULTS)
    missed = [
        fault
        for fault in faulty_dataset.FAULTS
        if not any(matches(issue, fault, tmp_path) for issue in report.log.issues)
    ]
    assert missed == []
    page = report.write(tmp_path / 'out', 'Faulty')
    content = json.loads((tmp_path / 'out' / 'issues.json').read_text())
    assert content['status'] == report.status == 'DO NOT TRAIN'
    assert len(content['issues']) == sum(content['counts'].values())
    text = page.read_text()
    assert all(KINDS[fault.kind].title in text for fault in faulty_dataset.FAULTS)
    assert text.count('<img ') >= 10


def test_missing_files_are_reported_and_not_raised(tmp_path):
    cfg = faulty_dataset.write(tmp_path, [])
    cfg.train_dataloader.dataset.ann_file = 'absent.json'
    cfg.val_dataloader.dataset.data_prefix.img = 'absent'
    report = check_dataset(cfg)
    kinds = {(issue.split, issue.kind) for issue in report.log.issues}
    assert ('train', 'unreadable_annotations') in kinds
    assert ('val', 'missing_image') in kinds


def test_a_cut_annotation_file_is_read_as_far_as_it_goes(tmp_path):
    cfg = faulty_dataset.write(tmp_path, [])
    text = (tmp_path / 'train.json').read_text()
    (tmp_path / 'train.json').write_text(text[: text.index('"id": 301')])
    report = check_dataset(cfg, with_images=False)
    assert report.log.counts['unreadable_annotations'] == 1
    assert report.statistics[0].num_instances == 58


def test_images_are_named_also_where_they_are_listed_last(tmp_path):
    fault = next(f for f in faulty_dataset.FAULTS if f.kind == 'bad_box')
    cfg = faulty_dataset.write(tmp_path, [fault])
    data = json.loads((tmp_path / 'train.json').read_text())
    (tmp_path / 'train.json').write_text(json.dumps(dict(reversed(data.items()))))
    (issue,) = check_dataset(cfg, with_images=False).log.of_kind('bad_box')
    assert (issue.entry, issue.image) == (fault.entry, fault.image)


def test_a_few_leaks_do_not_stop_training(tmp_path, monkeypatch):
    fault = next(f for f in faulty_dataset.FAULTS if f.kind == 'leak')
    cfg = faulty_dataset.write(tmp_path, [fault])
    monkeypatch.setattr('mmpose.dataset_tools.check.copies.LEAK_SHARE', 0.5)
    report = check_dataset(cfg)
    assert report.log.counts == {'few_leaks': 1}
    assert report.status == 'WARNINGS'


def test_without_images_it_says_so(tmp_path):
    report = check_dataset(faulty_dataset.write(tmp_path, []), with_images=False)
    assert 'no image was checked' in report.text()
    assert '0 of 40 images' in report.text()


def test_a_count_of_the_visible_ones_is_no_fault(tmp_path):
    cfg = faulty_dataset.write(tmp_path, [])
    data = json.loads((tmp_path / 'train.json').read_text())
    ann = data['annotations'][0]
    ann['num_keypoints'] = sum(value == 2 for value in ann['keypoints'][2::3])
    assert ann['num_keypoints'] < 17
    (tmp_path / 'train.json').write_text(json.dumps(data))
    assert check_dataset(cfg, with_images=False).log.counts == {}


def test_unlabelled_people_and_crowds_are_no_fault(tmp_path):
    cfg = faulty_dataset.write(tmp_path, [])
    data = json.loads((tmp_path / 'train.json').read_text())
    data['annotations'][3].update(num_keypoints=0, keypoints=[0] * 51)
    data['annotations'][4].update(iscrowd=1)
    (tmp_path / 'train.json').write_text(json.dumps(data))
    report = check_dataset(cfg, with_images=False)
    assert report.log.counts == {'unlabelled': 1, 'crowd': 1}
    assert report.status == 'OK'


@pytest.mark.parametrize(
    ('sigmas', 'found'),
    [(None, 'none'), (np.zeros(17), '0 for nose'), (np.full(17, 0.05), 'for all'),
     (np.linspace(0.5, 1.5, 17), 'such')],
)  # fmt: skip
def test_sigmas(sigmas, found):
    log = IssueLog()
    values = None if sigmas is None else sigmas.astype(np.float32)
    check_skeleton(replace(load_metainfo('coco'), sigmas=values), log)
    (issue,) = log.of_kind('sigmas')
    assert found in issue.found


def test_flip_pairs_that_contradict_the_names():
    coco = load_metainfo('coco')
    flips = coco.flip_indices.copy()
    flips[[5, 6, 11, 12]] = [11, 12, 5, 6]  # shoulders with hips of the same side
    log = IssueLog()
    check_skeleton(replace(coco, flip_indices=flips), log)
    found = {issue.entry: issue.expected for issue in log.of_kind('flip_pairs')}
    assert found['keypoint left_shoulder'] == "'right_shoulder'"
    assert len(found) == 4
    sound = IssueLog()
    check_skeleton(coco, sound)
    assert sound.counts == {}


def test_a_pair_that_is_exchanged_in_the_whole_dataset():
    meta = load_metainfo('coco')
    rng = np.random.default_rng(0)
    points = rng.normal(0, 1, (200, 17, 2)).astype(np.float32)
    points[:, 1::2, 0] += 4  # left joints on the right side of the image
    points[:, [9, 10]] = points[:, [10, 9]]
    log = IssueLog()
    split = Split('train', Path('a.json'), Path('.'), meta, log)
    split.store = AnnotationStore.pack(
        file_names=['a'],
        image_ids=[1],
        image_wh=[0, 0],
        image_index=np.zeros(200),
        bbox_xywh=np.ones((200, 4)),
        keypoints=points,
        keypoints_visible=np.full((200, 17), 2),
        ann_ids=np.arange(200),
    )
    check_sides(split)
    assert [p.entry for p in log.issues] == ['keypoints left_wrist and right_wrist']


@pytest.mark.parametrize('spelling', ['l_eye', 'lt_eye', 'Leye', 'ojo_izq', 'Lqx'])
def test_exchanged_sides_in_every_spelling(tmp_path, spelling):
    names = [faulty_dataset.NAMES[i] for i in load_metainfo('coco').flip_indices]
    sides = spell(spelling, names)

    def plant(data, _):
        data['categories'][0]['keypoints'] = sides

    cfg = faulty_dataset.write(tmp_path, [faulty_dataset.Fault('', '', '', plant)])
    log = check_dataset(cfg, with_images=False).log
    (issue,) = log.of_kind('keypoint_names')
    assert (issue.entry, issue.found) == ('category 1', f"'{sides[1]}' as keypoint 1")


def test_exif_orientation_of_both_byte_orders(tmp_path):
    cfg = faulty_dataset.write(tmp_path, [f for f in faulty_dataset.FAULTS if f.entry == 'image 5'])
    data = (tmp_path / 'train' / '5.jpg').read_bytes()
    assert exif_orientation(data) == 6
    assert exif_orientation(data.replace(b'Exif', b'Efix')) == 1
    # OpenCV turns it, which is what training sees
    assert cv2.imread(str(tmp_path / 'train' / '5.jpg')).shape[:2] == faulty_dataset.WH
    cfg.train_dataloader.dataset.pipeline[0]['apply_exif'] = False
    kinds = check_dataset(cfg).log.counts
    assert kinds == {'exif_rotation': 1}


@pytest.mark.parametrize('faults', [(), ('missing_image', 'corrupt_image', 'exif_rotation')])
@pytest.mark.parametrize('storage', ['server', 'of the user'])
def test_images_of_other_storage(tmp_path, storage, faults):
    planted = [fault for fault in faulty_dataset.FAULTS if fault.kind in faults]
    cfg = faulty_dataset.write(tmp_path, planted)
    local = check_dataset(cfg, workers=2)
    pictures = local.write(tmp_path / 'local', 'local').read_text().count('<img')
    with image_storage.served(tmp_path) as address:
        for name in ('train', 'val'):
            dataset = cfg[f'{name}_dataloader'].dataset
            dataset.ann_file = str(tmp_path / dataset.ann_file)
            if storage == 'server':
                dataset.data_root = address
            else:
                dataset.data_root = ''
                dataset.pipeline[0]['backend_args'] = image_storage.turn(
                    tmp_path / name, tmp_path / 'stored', name
                )
        found = check_dataset(cfg, workers=2)
        page = found.write(tmp_path / 'report', 'other storage')
    assert found.status == local.status
    assert found.log.counts == local.log.counts
    assert {issue.kind for issue in found.log.issues} >= {*faults}
    assert [(x.entry, x.image) for x in found.log.issues] == [
        (x.entry, x.image) for x in local.log.issues
    ]
    assert found.statistics == local.statistics
    assert page.read_text().count('<img') == pictures


@pytest.mark.parametrize('content', [b'', b'no image', b'\xff\xd8\xff\xd9'])
def test_what_is_no_image(tmp_path, content):
    (tmp_path / 'a.jpg').write_bytes(content)
    assert inspect_image(str(tmp_path / 'a.jpg'), LoadImage()).issue == 'corrupt_image'


def test_the_tool_says_what_it_found(tmp_path):
    fault = next(f for f in faulty_dataset.FAULTS if f.kind == 'wrong_keypoint_count')
    cfg = faulty_dataset.write(tmp_path, [fault])
    cfg.model = dict(type='TopdownPoseEstimator', metainfo='coco')
    cfg.dump(str(tmp_path / 'config.py'))
    command = [sys.executable, TOOL, tmp_path / 'config.py', '--out', tmp_path / 'out']
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done.stderr
    assert done.stdout.strip().endswith('DO NOT TRAIN')
    assert 'annotation 121' in done.stdout
    assert (tmp_path / 'out' / 'report.html').is_file()
