"""The metric of each data set on real annotations, and its result file through the tool."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluation_cases import poses_of, run_metric, run_xtcocotools
from instance_cases import estimates

from mmpose.datasets import InterHand2DDataset, MpiiDataset
from mmpose.evaluation.functional import (
    WHOLEBODY_FIELDS,
    KeypointDetections,
    evaluate_results,
    load_ground_truth,
)
from mmpose.metainfo import load_metainfo

# data set, skeleton, annotations, metric, prefix, mode of xtcocotools, number of figures there
CASES = [
    ('ochuman', 'coco', 'ochuman/test_ochuman.json', {'type': 'CocoMetric'}, 'keypoints'),
    ('aic', 'aic', 'aic/test_aic.json', {'type': 'CocoMetric', 'use_area': False}, 'keypoints'),
    ('ap10k', 'ap10k', 'ap10k/test_ap10k.json', {'type': 'CocoMetric'}, 'keypoints'),
    (
        *('animalpose', 'animalpose', 'animalpose/test_animalpose.json'),
        *({'type': 'CocoMetric'}, 'keypoints'),
    ),
    (
        *('crowdpose', 'crowdpose', 'crowdpose/test_crowdpose.json'),
        *({'type': 'CrowdPoseMetric'}, 'keypoints_crowd'),
    ),
    ('humanart', 'coco', 'humanart/test_humanart.json', {'type': 'HumanArtMetric'}, 'keypoints'),
    (
        *('coco_wholebody', 'coco_wholebody', 'coco/test_coco_wholebody.json'),
        *({'type': 'CocoWholeBodyMetric'}, 'keypoints_wholebody'),
    ),
]


@pytest.fixture
def samples():
    root = os.environ.get('MMPOSE_TEST_DATA')
    if not root:
        pytest.skip('set MMPOSE_TEST_DATA to a folder with samples/<data set>')
    return Path(root) / 'samples'


def _disturbed(gt, seed=0):
    """Three estimates per labelled person, the worse the lower their score."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.flatnonzero(gt.keypoints_visible.any(axis=1)), 3)
    error = rng.exponential(0.05, len(rows)) * np.sqrt(gt.bbox_xywh[rows, 2:].prod(axis=1))
    noise = rng.normal(0, 1, (len(rows), gt.num_keypoints, 2)) * error[:, None, None]
    return KeypointDetections(
        image_id=gt.image_id[rows],
        category_id=gt.category_id[rows],
        keypoints=gt.keypoints[rows] + noise,
        keypoint_scores=np.ones((len(rows), gt.num_keypoints)),
        scores=1 / (1 + error),
    )


@pytest.mark.parametrize(('dataset', 'skeleton', 'file', 'config', 'mode'), CASES)
def test_detections(samples, tmp_path, dataset, skeleton, file, config, mode):
    meta = load_metainfo(skeleton)
    joints = WHOLEBODY_FIELDS if dataset == 'coco_wholebody' else meta.num_keypoints
    poses = poses_of(_disturbed(load_ground_truth(samples / file, joints)))
    figures = run_metric(
        {**config, 'outfile_prefix': str(tmp_path / 'result')},
        {'ann_file': str(samples / file), 'dataset_meta': meta},
        poses,
    )
    written = tmp_path / 'result_keypoints.json'
    again = evaluate_results(dataset, written, samples / file)
    assert list(figures.values()) == list(again.values())
    use_area = dataset not in ('aic', 'crowdpose')
    stats = run_xtcocotools(samples / file, written, mode, meta.sigmas, use_area).stats
    names = list(again)[-10:] if dataset == 'coco_wholebody' else list(again)[: len(stats)]
    # the published tool rounds the last three of CrowdPose
    tolerance = [1e-6] * 6 + [5.1e-5 if dataset == 'crowdpose' else 1e-6] * (len(stats) - 6)
    assert (np.abs(np.array([again[name] for name in names]) - stats) < tolerance).all()
    assert again[names[0]] > 0


def _tool(monkeypatch, tmp_path, *arguments):
    """What ``tools/evaluate.py`` writes."""
    sys.path.insert(0, str(Path(__file__).parents[2] / 'tools'))
    try:
        import evaluate
    finally:
        sys.path.pop(0)
    out = tmp_path / 'metrics.json'
    monkeypatch.setattr(sys, 'argv', ['evaluate.py', *map(str, arguments), '--out', str(out)])
    evaluate.main()
    return json.loads(out.read_text())


def test_hands_of_interhand(samples, tmp_path, monkeypatch):
    folder = samples / 'interhand2.6m'
    stem = 'test_interhand2.6m'
    dataset = InterHand2DDataset(
        ann_file=f'{stem}_data.json',
        camera_file=f'{stem}_camera.json',
        joint_file=f'{stem}_joint_3d.json',
        data_root=str(folder),
    )
    poses = estimates(dataset.ground_truth(), noise=4.0)
    figures = {}
    for name, own in {'PCKAccuracy': {'thr': 0.2}, 'AUC': {}, 'EPE': {}}.items():
        config = {'type': name, **own, 'outfile_prefix': str(tmp_path / 'result')}
        figures |= run_metric(config, dataset.metainfo, poses)
    # the mean length of a 2-D normal of 4 px is 4 * sqrt(pi / 2)
    assert figures['EPE'] == pytest.approx(4 * np.sqrt(np.pi / 2), rel=0.2)
    written = tmp_path / 'result_keypoints.json'
    arguments = (written, '--dataset', 'interhand2d', '--ann', folder / f'{stem}_data.json')
    again = _tool(monkeypatch, tmp_path, *arguments)
    assert list(again.values()) == list(figures.values())


def test_people_of_mpii(samples, tmp_path, monkeypatch):
    """The official list has no head sizes; here they are added to it."""
    entries = json.loads((samples / 'mpii' / 'test_mpii.json').read_text())
    for entry in entries:
        entry['head_box'] = [100, 100, 160, 180]
    ann_file = tmp_path / 'mpii_val.json'
    ann_file.write_text(json.dumps(entries))
    for image in (samples / 'mpii').glob('*.jpg'):
        shutil.copy(image, tmp_path)
    dataset = MpiiDataset(ann_file=str(ann_file), data_prefix={'img': str(tmp_path)})
    poses = estimates(dataset.ground_truth(), noise=15.0)
    config = {'type': 'MpiiPCKAccuracy', 'outfile_prefix': str(tmp_path / 'out/result')}
    figures = run_metric(config, dataset.metainfo, poses)
    assert 0 < figures['PCK@0.1'] < figures['PCK'] <= 100
    written = tmp_path / 'out' / 'result_keypoints.json'
    again = _tool(monkeypatch, tmp_path, written, '--dataset', 'mpii', '--ann', ann_file)
    assert list(again.values()) == list(figures.values())
