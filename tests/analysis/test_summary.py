"""What tools/summarize.py makes of a tested run, of one dataset and of a mixture."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose.analysis import summary
from mmpose.apis import load_config
from mmpose.apis.test import prepare_test
from mmpose.dataset_tools.browse import build_annotated, dataset_parts
from mmpose.evaluation.functional import WHOLEBODY_FIELDS, KeypointDetections, write_detections
from toy_pose import ToySpec, generate_toy_dataset

CONFIGS = Path(__file__).parents[2] / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/coco'
SIX = CONFIGS / 'vitPose+_small_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp.py'
ONE = CONFIGS / 'ViTPose_small_coco_256x192.py'
FIGURES = {'coco/AP': 0.5, 'coco/AR': 0.6, 'mpii/PCK': 80.0, 'wholebody/AP': 0.25}
TESTED = ('coco', 'mpii', 'wholebody')
NO_BOXES = 'test_dataloader.dataset.bbox_file'


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """Generated COCO with whole bodies, and MPII, with two images for validation."""
    root = tmp_path_factory.mktemp('data')
    for kind, folder in (('coco_wholebody', 'coco'), ('mpii', 'mpii')):
        spec = ToySpec(num_train=1, num_val=2, seed=2, format=kind)
        generate_toy_dataset(root / folder, spec, workers=1, report=lambda line: None)
    return root


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('MMPOSE_CACHE', str(tmp_path / 'cache'))


def write_results(path, dataset_cfg):
    """Writes the annotated keypoints as results."""
    dataset = build_annotated(dataset_cfg)
    gt = dataset.ground_truth()
    num = len(gt.ann_id)
    scores = gt.keypoints_visible.astype(np.float64)
    poses = KeypointDetections(gt.image_id, gt.category_id, gt.keypoints, scores, np.ones(num))
    write_detections(path, poses, WHOLEBODY_FIELDS if gt.num_keypoints == 133 else None)


def write_run(work_dir, config, data_root, overrides=None):
    """Writes what tools/test.py leaves but for the results; returns the datasets of the test."""
    cfg = load_config(config, overrides or {}, str(data_root))
    prepare_test(cfg, 'none.pth', work_dir=str(work_dir))
    work_dir.mkdir()
    cfg.dump(work_dir / 'test_config.py')
    return [part for _, part in dataset_parts('test', cfg.test_dataloader.dataset)]


def write_curves(work_dir, figures):
    folder = work_dir / '20260101_000000/vis_data'
    folder.mkdir(parents=True)
    records = [
        {'loss': 0.1, 'epoch': 1, 'step': 1},
        {'loss': 0.2, 'epoch': 1, 'step': 2},
        {**figures, 'step': 1},
    ]
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, records)))


@pytest.fixture
def mixture(tmp_path, data_root):
    """A run that was tested on three of its six datasets."""
    work_dir = tmp_path / 'run'
    parts = write_run(work_dir, SIX, data_root)
    names = ['coco', 'aic', 'mpii', 'ap10k', 'apt36k', 'wholebody']
    for name, part in zip(names, parts, strict=True):
        if name in TESTED:
            write_results(work_dir / name / 'result_keypoints.json', part)
    (work_dir / 'metrics.json').write_text(json.dumps(FIGURES))
    write_curves(work_dir, FIGURES)
    return work_dir


def test_mixture_has_a_table_a_curve_and_a_row_of_pictures_per_dataset(mixture, monkeypatch):
    drawn = {}
    plot = summary.plot_training

    def keep(scalars, path, keys):
        drawn.update(scalars=scalars, keys=keys)
        return plot(scalars, path, keys)

    def keep_grid(images, columns, **options):
        drawn.update(images=images, titles=options['titles'])
        return make_grid(images, columns, **options)

    make_grid = summary.make_grid
    monkeypatch.setattr(summary, 'plot_training', keep)
    monkeypatch.setattr(summary, 'make_grid', keep_grid)
    text = summary.summarize_run(mixture)
    blocks = [block.splitlines()[0].split() for block in text.split('\n\n')]
    assert blocks == [['coco', 'AP', '0.5000'], ['coco'], ['mpii'], ['wholebody']]
    assert drawn['keys'] == ['coco/AP', 'mpii/PCK / 100', 'wholebody/AP']
    assert drawn['scalars'][-1]['mpii/PCK / 100'] == 0.8
    assert drawn['titles'] == [x for name in TESTED for x in (name, name, '', '')]
    assert (mixture / 'curves.png').is_file()
    grid = cv2.imread(str(mixture / 'predictions.png'))
    assert grid.shape[0] > 3 * 360
    # COCO and COCO-WholeBody have the same images; the skeleton of the latter is larger
    assert (drawn['images'][0] != drawn['images'][8]).any()


def test_poses_are_drawn(mixture, monkeypatch):
    before = summary.summarize_run(mixture)
    drawn = cv2.imread(str(mixture / 'predictions.png'))
    for name in TESTED:
        (mixture / name / 'result_keypoints.json').write_text('[]')
    assert summary.summarize_run(mixture) == before
    empty = cv2.imread(str(mixture / 'predictions.png'))
    rows = np.array_split((drawn != empty).any((1, 2)), 3)
    assert [bool(row.any()) for row in rows] == [True] * 3


def test_one_dataset(tmp_path, data_root):
    work_dir = tmp_path / 'run'
    (part,) = write_run(work_dir, ONE, data_root, {NO_BOXES: None})
    (work_dir / 'metrics.json').write_text('{"coco/AP": 0.5}')
    with pytest.raises(FileNotFoundError, match=r'result_keypoints.json does not exist; run tools'):
        summary.summarize_run(work_dir)
    write_results(work_dir / 'result_keypoints.json', part)
    text = summary.summarize_run(work_dir)
    assert text.splitlines() == [
        'coco/AP    0.5000',
        f'predictions: {work_dir / "predictions.png"}',
    ]
    assert cv2.imread(str(work_dir / 'predictions.png')).any()


def test_untested_mixture_is_refused(mixture):
    for name in TESTED:
        (mixture / name / 'result_keypoints.json').unlink()
    with pytest.raises(FileNotFoundError, match=r'coco.result_keypoints.json does not exist'):
        summary.summarize_run(mixture)


def test_missing_image_is_named(mixture, monkeypatch):
    monkeypatch.setattr(summary, '_first_images', lambda *_: [(1, '/nowhere/1.jpg')])
    with pytest.raises(FileNotFoundError, match=r'nowhere/1\.jpg does not exist'):
        summary.summarize_run(mixture)
