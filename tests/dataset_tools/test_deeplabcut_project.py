"""Projects of DeepLabCut and Lightning Pose, of the shape of their published examples."""

import csv
import io
import json

import cv2
import numpy as np
import pytest

from mmpose.apis.train import prepare_training
from mmpose.config.load import load_config
from mmpose.dataset_tools.check.issues import IssueLog
from mmpose.dataset_tools.check.skeleton import check_skeleton
from mmpose.dataset_tools.convert import convert_annotations
from mmpose.dataset_tools.new_dataset import create_dataset
from mmpose.metainfo import load_metainfo

PARTS = ['snout', 'leftear', 'rightear', 'tailbase']
CONFIG = """Task: field
scorer: Ada
multianimalproject:
video_sets:
  WILL BE UPDATED:
    crop: 0, 64, 0, 48
bodyparts: [snout, leftear, rightear, tailbase]
skeleton:
- - snout
  - tailbase
- - objectA
  - bodypart3
- [[snout], tailbase]
"""


def labels_of(names, seed=0):
    """Returns a file of labels as pandas writes it: 17 digits, empty where not labelled."""
    rng = np.random.default_rng(seed)
    rows = [['scorer', *['Ada'] * 8]]
    rows += [['bodyparts', *np.repeat(PARTS, 2)], ['coords', *['x', 'y'] * 4]]
    for name in names:
        values = [repr(float(value)) for value in rng.uniform(1, 40, 8)]
        rows.append([name, *values[:4], '', '', *values[6:]])
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue()


def make_project(root, flat=False):
    """Writes a project of two videos, or the flat folder of Lightning Pose; returns it."""
    folders = ['labeled-data'] if flat else ['labeled-data/m1', 'labeled-data/m2']
    for seed, folder in enumerate(folders):
        names = [f'{folder}/img{i:03d}.png' for i in range(4)]
        for i, name in enumerate(names):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng([seed, i]).integers(0, 255, (48, 64), np.uint8)
            cv2.imwrite(str(root / name), pixels)  # grey, as of Lightning Pose
        path = root / 'CollectedData.csv' if flat else root / folder / 'CollectedData_Ada.csv'
        path.write_text(labels_of(names, seed))
        path.with_suffix('.h5').write_bytes(b'x')
    if not flat:
        (root / 'config.yaml').write_text(CONFIG)
        (root / 'labeled-data/m1_labeled').mkdir()
    return root


def test_a_project_goes_in_and_out_without_losing_a_bit(tmp_path):
    project = make_project(tmp_path / 'project')
    labels = convert_annotations(project, tmp_path / 'p.json', 'deeplabcut', 'coco')
    assert labels.keypoint_names == tuple(PARTS)
    assert len(labels.images) == len(labels.instances) == 8
    assert labels.skeleton_links == ((0, 3),)
    notes = '\n'.join(labels.notes)
    assert f'names of images start from {project}' in notes
    assert 'left out: 2 skeleton links of' in notes

    back = tmp_path / 'back'
    back.mkdir()
    (back / 'config.yaml').write_text(CONFIG)
    convert_annotations(tmp_path / 'p.json', back, 'coco', 'deeplabcut')
    for video in ('m1', 'm2'):
        name = f'labeled-data/{video}/CollectedData_Ada.csv'
        assert (back / name).read_text() == (project / name).read_text()


def test_a_single_file_finds_its_images_and_its_scorer(tmp_path):
    folder = make_project(tmp_path / 'lp', flat=True)
    for source in (folder, folder / 'CollectedData.csv'):
        convert_annotations(source, tmp_path / 'p.json', 'deeplabcut', 'coco', overwrite=True)
        back = tmp_path / 'CollectedData_Ada.csv'
        convert_annotations(tmp_path / 'p.json', back, 'coco', 'deeplabcut', overwrite=True)
        assert back.read_text() == (folder / 'CollectedData.csv').read_text()
    other = tmp_path / 'other'
    convert_annotations(tmp_path / 'p.json', other, 'coco', 'deeplabcut')
    again = convert_annotations(other, tmp_path / 'a.json', 'deeplabcut', 'coco', images=folder)
    assert len(again.images) == 4


def test_boxes_that_are_the_whole_image(tmp_path):
    project = make_project(tmp_path / 'project')
    ann = tmp_path / 'p.json'
    convert_annotations(project, ann, 'deeplabcut', 'coco', whole_image=True)
    boxes = {tuple(one['bbox']) for one in json.loads(ann.read_text())['annotations']}
    assert boxes == {(0, 0, 64, 48)}
    made = create_dataset(
        ann, 'mice', img_dir=project, out=tmp_path / 'mice', model='tiny', size='64x96'
    )
    cfg = load_config(made.config)
    assert cfg.codec.input_size == (96, 64)
    assert cfg.codec.heatmap_size == (24, 16)
    assert cfg.val_pipeline[-1].input_size == cfg.train_pipeline[-1].input_size == (96, 64)
    assert [one['type'] for one in cfg.val_evaluator] == ['EPE', 'PCKAccuracy']
    assert any('measures EPE' in note for note in made.notes)
    assert cfg.default_hooks.checkpoint.save_best == 'EPE'
    cfg.work_dir = str(tmp_path / 'run')
    prepare_training(cfg)  # builds, and checks what contradicts itself

    tight = tmp_path / 'tight.json'
    convert_annotations(project, tight, 'deeplabcut', 'coco')
    made = create_dataset(tight, 'mice', img_dir=project, out=tmp_path / 'tight', model='tiny')
    assert load_config(made.config).val_evaluator == dict(type='CocoMetric')


def test_a_video_is_held_out(tmp_path):
    project, ann = make_project(tmp_path / 'project'), tmp_path / 'p.json'
    convert_annotations(project, ann, 'deeplabcut', 'coco')
    options = dict(img_dir=project, out=tmp_path / 'mice', model='tiny')
    made = create_dataset(ann, 'mice', val_folders=['labeled-data/m2/'], **options)
    for part, video in (('train', 'm1'), ('val', 'm2')):
        images = json.loads((tmp_path / f'mice/mice_{part}.json').read_text())['images']
        assert {image['file_name'].split('/')[1] for image in images} == {video}
    assert any('split by folder: 4 for train and 4 for val' in note for note in made.notes)
    for folders, message in (
        (['m2'], r"no image is in --val-folder 'm2'; the folders are \['labeled-data/m1'"),
        (['labeled-data'], 'no image of train has keypoints'),
    ):
        with pytest.raises(ValueError, match=message):
            create_dataset(ann, 'other', val_folders=folders, **options)
    with pytest.raises(ValueError, match='exclude each other'):
        create_dataset(ann, 'other', val_ann=ann, val_folders=['m2'], **options)


def two_files(project):
    (project / 'labeled-data/m1/CollectedData_Bob.csv').write_text(labels_of([]))
    return project


def two_animals(project):
    path = project / 'labeled-data/m1/CollectedData_Ada.csv'
    rows = list(csv.reader(io.StringIO(path.read_text())))
    rows.insert(1, ['individuals', *['a'] * 4, *['b'] * 4])
    path.write_text('\n'.join(','.join(row) for row in rows))
    return path


@pytest.mark.parametrize(
    ('change', 'options', 'message'),
    [
        (
            two_files,
            {},
            'm1 has 2 files of labels, CollectedData_Ada.csv and CollectedData_Bob.csv',
        ),
        (lambda p: p / 'labeled-data/m1_labeled', {}, 'has no CollectedData_<scorer>.csv'),
        (two_animals, dict(whole_image=True), "m1/img000.png' has 2 instances without a box"),
        (lambda p: p, dict(whole_image=True, box_margin=0.1), 'exclude each other'),
    ],
)
def test_what_is_refused(tmp_path, change, options, message):
    project = make_project(tmp_path / 'project')
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        convert_annotations(
            change(project), tmp_path / 'p.json', 'deeplabcut', 'coco', project, **options
        )
    assert not (tmp_path / 'p.json').exists()


def test_a_project_is_not_written_over_itself(tmp_path):
    project = make_project(tmp_path / 'project')
    before = (project / 'labeled-data/m1/CollectedData_Ada.csv').read_text()
    with pytest.raises(FileExistsError, match='is read by this conversion'):
        convert_annotations(project, project, 'deeplabcut', 'deeplabcut', overwrite=True)
    assert (project / 'labeled-data/m1/CollectedData_Ada.csv').read_text() == before


def test_pairs_whose_names_differ_in_a_number_too(tmp_path):
    table = tmp_path / 'mouse.csv'
    header = '[keypoints]\nname, swap, part, weight, sigma, color\n'
    rows = ['paw2LF, {}, -, 1, 0.06, #ffffff', 'paw3RF, {}, -, 1, 0.06, #ffffff']
    others = ['ear_left, {}, -, 1, 0.05, #ffffff', 'hip_right, {}, -, 1, 0.05, #ffffff']
    for swaps, count in (
        (('paw3RF', 'paw2LF', '-', '-'), 0),
        (('-', '-', 'hip_right', 'ear_left'), 2),
    ):
        lines = [row.format(swap) for row, swap in zip(rows + others, swaps, strict=True)]
        table.write_text(header + '\n'.join(lines))
        log = IssueLog()
        check_skeleton(load_metainfo(table), log)
        assert len(log.of_kind('flip_pairs')) == count
