"""A file in COCO's layout becomes a table and a config that trains."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.hooks import EMAHook

from mmpose.apis.train import prepare_training, run_training
from mmpose.config.load import load_config
from mmpose.dataset_tools.new_annotations import split_by_image
from mmpose.dataset_tools.new_dataset import MODELS, create_dataset, training_commands
from mmpose.engine import PoseEarlyStoppingHook
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS, HOOKS

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'new_dataset.py'
NAMES = ['nose', 'tailBase', 'L_Front Paw', 'R_Front Paw', 'kneeL', 'kneeR', 'elbow_left',
         'elbow_right']  # fmt: skip
LIMBS = [[1, 2], [3, 4], [5, 6], [1, 7]]


def write(folder, names=NAMES, num_images=6, **category):
    """Writes images and my.json with one animal on each image; returns the path of the file."""
    rng = np.random.default_rng(0)
    (folder / 'images').mkdir(parents=True)
    num = len(names) if names else 5
    images, annotations = [], []
    for i in range(num_images):
        pixels = rng.integers(0, 255, (60, 80, 3), np.uint8)
        cv2.imwrite(str(folder / 'images' / f'{i}.png'), pixels)
        images.append({'id': i, 'file_name': f'{i}.png', 'width': 80, 'height': 60})
        xy = rng.uniform(12, 40, (num, 2))
        points = np.column_stack([xy, np.full(num, 2)])
        annotations.append(
            {'id': 10 + i, 'image_id': i, 'category_id': 1, 'bbox': [10, 10, 40, 35],
             'area': 900, 'iscrowd': 0, 'num_keypoints': num, 'keypoints': points.ravel().tolist()}
        )  # fmt: skip
    about = {'id': 1, 'name': 'beast', 'keypoints': names, 'skeleton': LIMBS, **category}
    about = {key: value for key, value in about.items() if value is not None}
    data = {'images': images, 'annotations': annotations, 'categories': [about]}
    path = folder / 'my.json'
    path.write_text(json.dumps(data))
    return path


def test_the_table_that_is_proposed(tmp_path):
    made = create_dataset(write(tmp_path), 'mine', tmp_path / 'project')
    meta = load_metainfo(made.tables[0])
    assert meta.keypoint_names == (
        'nose', 'tailBase', 'L_Front_Paw', 'R_Front_Paw', 'kneeL', 'kneeR', 'elbow_left',
        'elbow_right',
    )  # fmt: skip
    assert meta.flip_indices.tolist() == [0, 1, 3, 2, 5, 4, 7, 6]
    assert (meta.upper_body_ids, meta.lower_body_ids) == ((0, 6, 7), (4, 5))
    assert meta.skeleton_links.tolist() == [[0, 1], [2, 3], [4, 5], [0, 6]]
    assert meta.sigmas.tolist() == pytest.approx([0.06] * 8)
    colors = meta.keypoint_colors
    assert (colors[2] == colors[4]).all()
    assert len({tuple(color) for color in colors[[0, 2, 3]].tolist()}) == 3
    notes = ' '.join(made.notes)
    assert '3 left/right pairs' in notes
    assert 'sigmas are neutral' in notes
    assert "'L_Front Paw' is called 'L_Front_Paw'" in notes


def test_sigmas_of_coco_where_it_has_all_joints(tmp_path):
    names = ['right_wrist', 'LeftWrist', 'nose']
    made = create_dataset(write(tmp_path, names, skeleton=None), 'mine', tmp_path / 'project')
    meta, coco = load_metainfo(made.tables[0]), load_metainfo('coco')
    assert meta.sigmas.tolist() == pytest.approx(coco.sigmas[[10, 9, 0]].tolist())
    assert meta.flip_indices.tolist() == [1, 0, 2]
    assert any('those of COCO' in note for note in made.notes)


def test_names_with_marks_of_tables_are_kept(tmp_path):
    names = ['no"se', '"tail"', 'paw;left', "hoof's"]
    made = create_dataset(write(tmp_path, names, skeleton=[[1, 2]]), 'mine', tmp_path / 'project')
    assert load_metainfo(made.tables[0]).keypoint_names == tuple(names)


def test_a_file_without_names(tmp_path):
    path = write(tmp_path, None, skeleton=[[0, 1], [1, 4]])
    # no keypoints under categories at all, hence no skeleton either
    made = create_dataset(path, 'mine', tmp_path / 'project')
    meta = load_metainfo(made.tables[0])
    assert meta.keypoint_names == ('k0', 'k1', 'k2', 'k3', 'k4')
    assert len(meta.skeleton_links) == 0
    assert any('k0 to k4' in note for note in made.notes)


def test_a_skeleton_that_counts_from_zero(tmp_path):
    made = create_dataset(write(tmp_path, skeleton=[[0, 1], [6, 7]]), 'mine', tmp_path / 'p')
    assert load_metainfo(made.tables[0]).skeleton_links.tolist() == [[0, 1], [6, 7]]
    assert any('from 0' in note for note in made.notes)


def test_the_split_has_every_image_once_and_follows_the_seed(tmp_path):
    path = write(tmp_path, num_images=20)
    data = json.loads(path.read_text())
    parts = split_by_image(path, data, 0.25, seed=3)
    ids = {part: {image['id'] for image in content['images']} for part, content in parts.items()}
    assert len(ids['val']) == 5
    assert ids['train'] | ids['val'] == set(range(20))
    assert not ids['train'] & ids['val']
    for part, content in parts.items():
        assert {ann['image_id'] for ann in content['annotations']} == ids[part]
        assert content['categories'] == data['categories']
    assert split_by_image(path, data, 0.25, seed=3) == parts
    assert split_by_image(path, data, 0.25, seed=4) != parts


def test_refusals(tmp_path):
    path = write(tmp_path)
    create_dataset(path, 'mine', tmp_path / 'project')
    before = (tmp_path / 'project' / 'mine.csv').read_bytes()
    with pytest.raises(FileExistsError, match='--overwrite'):
        create_dataset(path, 'mine', tmp_path / 'project', seed=1)
    assert (tmp_path / 'project' / 'mine.csv').read_bytes() == before
    create_dataset(path, 'mine', tmp_path / 'project', overwrite=True)
    with pytest.raises(ValueError, match=r'--size is .9x9.*256x192'):
        create_dataset(path, 'other', tmp_path / 'project', size='9x9')
    with pytest.raises(FileNotFoundError, match='--img-dir'):
        create_dataset(path, 'other', tmp_path / 'project', img_dir=tmp_path)
    with pytest.raises(ValueError, match='cannot be split'):
        create_dataset(write(tmp_path / 'one', num_images=1), 'other', tmp_path / 'project')


def test_categories_with_different_keypoints(tmp_path):
    path = write(tmp_path)
    data = json.loads(path.read_text())
    data['categories'].append({'id': 2, 'name': 'fish', 'keypoints': ['fin'] * 8})
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="'beast' and 'fish' have different keypoints"):
        create_dataset(path, 'mine', tmp_path / 'project')
    data['categories'][1]['keypoints'] = NAMES
    path.write_text(json.dumps(data))
    made = create_dataset(path, 'mine', tmp_path / 'project')
    assert any('2 categories share' in note for note in made.notes)


@pytest.mark.parametrize('model', ['small', 'base', 'large', 'huge'])
def test_every_model_fits_together(tmp_path, model):
    made = create_dataset(write(tmp_path), 'mine', tmp_path / 'project', model=model)
    cfg = load_config(made.config)
    assert cfg.model.head.out_channels == 8
    assert cfg.optim_wrapper.optimizer.type == 'AdamW'


def test_the_project_can_move_with_its_images(tmp_path):
    path = write(tmp_path / 'a' / 'data')
    made = create_dataset(path, 'mine', tmp_path / 'a' / 'project', val_ann=path)
    cfg = load_config(made.config)
    num = len(DATASETS.build(cfg.train_dataloader.dataset))
    assert not any(str(tmp_path) in line for line in made.config.read_text().splitlines())
    assert num == 6


def test_the_config_trains(tmp_path):
    path = write(tmp_path)
    made = create_dataset(path, 'mine', tmp_path / 'project', size='128x96', model='tiny')
    options = {
        'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False,
        'train_dataloader.dataset.indices': 4,
        'val_dataloader.num_workers': 0,
        'val_dataloader.persistent_workers': False,
        'train_cfg.max_epochs': 1,
        'model.backbone.depth': 1,
        'vis_backends': [],
        'visualizer.vis_backends': [],
    }
    cfg = load_config(made.config, options)
    prepare_training(cfg, work_dir=str(tmp_path / 'run'), seed=0)
    runner = run_training(cfg)
    assert runner.iter == 2
    assert runner.bare_model.head.final_layer.out_channels == 8
    assert any((tmp_path / 'run').glob('*.pth'))


def test_the_tool_prints_the_next_commands(tmp_path):
    command = [sys.executable, TOOL, '--ann', write(tmp_path), '--name', 'mine', '--out']
    command += [tmp_path / 'project', '--val-share', '0.3']
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    project = tmp_path / 'project'
    assert done.stdout.splitlines()[-5:] == [
        '',
        f'now look through {project / "mine.csv"}, then:',
        f'python tools/check_dataset.py {project / "mine.py"}',
        'python tools/model_split.py --source hf://usyd-community/vitpose-plus-small --target '
        f'{project / "weights"}',
        f'python tools/train.py {project / "mine.py"} --cfg-options '
        f'model.pretrained={project / "weights" / "coco.pth"} model.pretrained_metainfo=coco',
    ]
    assert '4 samples give 5000 iterations (5000 epochs in batches of 4), 250 of' in done.stdout


@pytest.mark.parametrize('model', MODELS)
def test_the_commands_have_published_weights(tmp_path, model):
    made = create_dataset(write(tmp_path), 'mine', tmp_path / 'project', model=model)
    commands = training_commands(made, model)
    has_weights = 'model.pretrained=' in commands[-1]
    assert has_weights == (model != 'tiny')
    assert not any('auto-scale-lr' in command for command in commands)


def test_the_config_needs_nothing_of_the_checkout(tmp_path):
    made = create_dataset(write(tmp_path / 'project'), 'mine', tmp_path / 'project')
    text = made.config.read_text()
    assert '_base_' not in text
    assert '../' not in text
    assert not any('move them along' in note for note in made.notes)
    moved = tmp_path / 'elsewhere' / 'sent'
    moved.parent.mkdir()
    (tmp_path / 'project').rename(moved)
    cfg = load_config(moved / 'mine.py')
    assert len(DATASETS.build(cfg.train_dataloader.dataset)) == 5
    assert load_metainfo(cfg.metainfo).num_keypoints == 8
    outside = create_dataset(write(tmp_path / 'other'), 'mine', tmp_path / 'p')
    assert any('move them along' in note for note in outside.notes)


def test_a_file_that_is_read_is_never_replaced(tmp_path):
    path = write(tmp_path)
    ann = path.rename(tmp_path / 'mine_train.json')
    before = ann.read_bytes()
    with pytest.raises(FileExistsError, match=r'mine_train\.json is read and would be written'):
        create_dataset(ann, 'mine', tmp_path, overwrite=True)
    assert ann.read_bytes() == before


BEAST = ['tail', 'left_paw', 'right_paw', 'left_hock', 'right_hock']


@pytest.mark.parametrize(
    ('names', 'note'),
    [
        (['nose', 'left_ear', 'right_ear', *BEAST], r'are of the head (nose, left_ear, right_ear)'),
        (BEAST, 'no name is of an upper body'),
        (['left_shoulder', 'nose', *BEAST], '2 of 7 keypoints are of an upper body'),
        (['nose', 'left_shoulder', 'right_shoulder', *BEAST], None),
    ],
)
def test_half_bodies_only_where_there_are_halves(tmp_path, names, note):
    made = create_dataset(write(tmp_path, names, skeleton=None), 'mine', tmp_path / 'project')
    steps = [step.type for step in load_config(made.config).train_pipeline]
    assert ('RandomHalfBody' in steps) == (note is None)
    assert any(note in text for text in made.notes) if note else True
    assert ' half-body' not in ' '.join(made.notes) or note


def change_ids(path, section, key, change):
    data = json.loads(path.read_text())
    for entry in data[section]:
        entry[key] = change(entry[key])
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ('section', 'key', 'change', 'note', 'image_ids'),
    [
        ('annotations', 'image_id', str, 'are numbers', {0, 1, 2, 3, 4, 5}),
        ('images', 'id', str, 'are numbers', {0, 1, 2, 3, 4, 5}),
        ('annotations', 'id', 'a{}'.format, 'numbered anew', {0, 1, 2, 3, 4, 5}),
        ('annotations', 'category_id', 'beast{}'.format, 'beast1 is', {0, 1, 2, 3, 4, 5}),
    ],
)
def test_text_ids_beside_number_ids(tmp_path, section, key, change, note, image_ids):
    path = write(tmp_path)
    change_ids(path, section, key, change)
    made = create_dataset(path, 'mine', tmp_path / 'project', val_ann=path)
    assert any(note in text for text in made.notes)
    data = DATASETS.build(load_config(made.config).train_dataloader.dataset)
    assert {data.get_sample(i)['img_id'] for i in range(len(data))} == image_ids


def test_names_beside_numbers_become_texts(tmp_path):
    path = write(tmp_path)
    for section, key in (('images', 'id'), ('annotations', 'image_id')):
        change_ids(path, section, key, lambda i: f'frame{i}' if i % 2 else i)
    made = create_dataset(path, 'mine', tmp_path / 'project', val_ann=path)
    assert any('all are texts' in note for note in made.notes)
    data = DATASETS.build(load_config(made.config).train_dataloader.dataset)
    assert {data.get_sample(i)['img_id'] for i in range(6)} == {
        '0', 'frame1', '2', 'frame3', '4', 'frame5',
    }  # fmt: skip


@pytest.mark.parametrize(
    ('section', 'key', 'change', 'message'),
    [
        ('images', 'id', lambda i: [i], r"field 'id' is \[0\], expected an"),
        ('annotations', 'image_id', lambda _: None, "annotation 10: field 'image_id' is None"),
        ('annotations', 'image_id', lambda i: i + 1, 'annotation 15 is for image 6, which is not'),
        ('images', 'id', lambda i: {1: '0'}.get(i, i), 'some differ in nothing else'),
    ],
)
def test_ids_that_name_nothing(tmp_path, section, key, change, message):
    path = write(tmp_path)
    change_ids(path, section, key, change)
    with pytest.raises(ValueError, match=message):
        create_dataset(path, 'mine', tmp_path / 'project')


def test_the_recipe_for_small_data(tmp_path):
    path = write(tmp_path)
    standard = load_config(create_dataset(path, 'a', tmp_path / 'a').config)
    recipe = dict(recipe='small_data', model='tiny')
    cfg = load_config(create_dataset(path, 'b', tmp_path / 'b', **recipe).config)
    assert not standard.custom_hooks
    average, stopping = (HOOKS.build(one) for one in cfg.custom_hooks)
    assert isinstance(average, EMAHook)
    assert isinstance(stopping, PoseEarlyStoppingHook)
    steps, wide = (
        {one.type: one for one in each.train_dataloader.dataset.pipeline}
        for each in (cfg, standard)
    )
    assert not {'RandomShiftBboxCenter', 'RandomHalfBody'} & set(steps)
    assert 'RandomFlip' in steps
    assert steps['RandomBBoxTransform'].rotate_factor == 30
    assert wide['RandomBBoxTransform'].rotate_factor == 80
    with pytest.raises(ValueError, match="--recipe is 'tiny', expected one of"):
        create_dataset(path, 'c', tmp_path / 'c', recipe='tiny')
