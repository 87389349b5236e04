"""COCO-WholeBody against the modes of xtcocotools."""

import json

import numpy as np
import pytest
from evaluation_cases import poses_of, run_metric, run_xtcocotools

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.evaluation.functional import (
    WHOLEBODY_FIELDS,
    evaluate_results,
    evaluate_wholebody,
    load_detections,
    load_ground_truth,
)
from mmpose.metainfo import load_metainfo

META = load_metainfo('coco_wholebody')
FIGURES = ['AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)']
SPANS = {'keypoints': (0, 17), 'foot_kpts': (17, 23), 'face_kpts': (23, 91)}
SPANS |= {'lefthand_kpts': (91, 112), 'righthand_kpts': (112, 133)}
# first part of the names, mode of xtcocotools, field of its own score, keypoints
PARTS = [
    ('body ', 'keypoints_body', None, (0, 17)),
    ('foot ', 'keypoints_foot', 'foot_score', (17, 23)),
    ('face ', 'keypoints_face', 'face_score', (23, 91)),
    ('left hand ', 'keypoints_lefthand', 'lefthand_score', (91, 112)),
    ('right hand ', 'keypoints_righthand', 'righthand_score', (112, 133)),
    ('', 'keypoints_wholebody', 'wholebody_score', (0, 133)),
]


def _split(record):
    joints = np.reshape(record['keypoints'], (133, 3))
    parts = {name: joints[a:b].ravel().tolist() for name, (a, b) in SPANS.items()}
    return {**record, **parts}


def _files(folder, seed, part_scores):
    """Files in the official layout; valid flags are there and mean nothing."""
    gt, dt = make_synthetic_coco(20, 60, 150, seed, num_keypoints=133)
    files = write_synthetic_coco(gt, dt, folder)
    content = json.loads(files[0].read_text())
    rng = np.random.default_rng(seed)
    content['annotations'] = [
        {**_split(a), 'face_valid': bool(rng.random() < 0.5), 'foot_valid': False}
        for a in content['annotations']
    ]
    files[0].write_text(json.dumps(content))
    results = [_split(record) for record in json.loads(files[1].read_text())]
    for record in results if part_scores else []:
        record.update({name: round(rng.random(), 2) for _, _, name, _ in PARTS if name})
    files[1].write_text(json.dumps(results))
    return files


@pytest.mark.parametrize(('seed', 'part_scores'), [(0, False), (1, False), (2, True)])
def test_equals_xtcocotools(tmp_path, seed, part_scores):
    files = _files(tmp_path, seed, part_scores)
    figures = evaluate_results('coco_wholebody', files[1], files[0])
    assert list(figures) == [f'{part[0]}{name}' for part in PARTS for name in FIGURES]
    for part, mode, _, (first, last) in PARTS:
        theirs = run_xtcocotools(*files, mode, META.sigmas[first:last], True).stats
        ours = [figures[f'{part}{name}'] for name in FIGURES]
        np.testing.assert_allclose(ours, theirs, atol=1e-6, err_msg=part)
        assert 0 < figures[f'{part}AP'] < 1


def test_scores_of_parts_rank_the_parts(tmp_path):
    with_scores = _files(tmp_path, 2, True)
    ranked = evaluate_results('coco_wholebody', with_scores[1], with_scores[0])
    plain = _files(tmp_path, 2, False)
    unranked = evaluate_results('coco_wholebody', plain[1], plain[0])
    assert ranked['body AP'] == unranked['body AP']
    assert ranked['face AP'] != unranked['face AP']


def test_ground_truth_is_perfect(tmp_path):
    gt = load_ground_truth(_files(tmp_path, 3, False)[0], WHOLEBODY_FIELDS)
    dt = load_detections(tmp_path / 'result_keypoints.json', WHOLEBODY_FIELDS)
    rows = np.flatnonzero(gt.keypoints_visible.any(axis=1) & ~gt.iscrowd)
    dt = dt.take(np.zeros(len(rows), dtype=np.int64))
    dt = type(dt)(
        image_id=gt.image_id[rows],
        category_id=gt.category_id[rows],
        keypoints=gt.keypoints[rows],
        keypoint_scores=dt.keypoint_scores,
        scores=np.linspace(0.1, 1, len(rows)),
    )
    figures = evaluate_wholebody(gt, dt, META.sigmas)
    assert {figures[f'{part[0]}AR .5'] for part in PARTS} == {1.0}
    assert figures['AP'] == figures['left hand AR'] == 1.0


def test_the_metric_writes_what_the_tool_and_xtcocotools_read(tmp_path):
    files = _files(tmp_path, 4, False)
    poses = poses_of(load_detections(files[1], WHOLEBODY_FIELDS))
    meta = {'ann_file': str(files[0]), 'dataset_meta': META}
    out = tmp_path / 'out'
    figures = run_metric(
        {'type': 'CocoWholeBodyMetric', 'outfile_prefix': str(out / 'result')}, meta, poses
    )
    written = out / 'result_keypoints.json'
    again = evaluate_results('coco_wholebody', written, files[0])
    assert figures == {f'coco-wholebody/{name}': value for name, value in again.items()}
    record = json.loads(written.read_text())[0]
    assert {name: len(record[name]) // 3 for name in WHOLEBODY_FIELDS} == WHOLEBODY_FIELDS
    theirs = run_xtcocotools(files[0], written, 'keypoints_wholebody', META.sigmas, True).stats
    assert figures['coco-wholebody/AP'] == pytest.approx(theirs[0], abs=1e-6)


def test_bad_files(tmp_path):
    files = _files(tmp_path, 0, False)
    results = json.loads(files[1].read_text())
    del results[1]['foot_kpts']
    files[1].write_text(json.dumps(results))
    with pytest.raises(
        ValueError, match=r"result_keypoints\.json: pose 1: field 'foot_kpts' is missing"
    ):
        evaluate_results('coco_wholebody', files[1], files[0])
    results[1]['foot_kpts'] = [0.0] * 15
    files[1].write_text(json.dumps(results))
    message = r"pose 1: field 'foot_kpts' has 15 numbers, expected a list of 18 numbers"
    with pytest.raises(ValueError, match=message):
        evaluate_results('coco_wholebody', files[1], files[0])
    gt, dt = make_synthetic_coco(3, 5, 5, 0)
    with pytest.raises(ValueError, match='poses have 17 keypoints; COCO-WholeBody has 133'):
        evaluate_wholebody(gt, dt, META.sigmas)


def test_all_keypoints_in_one_field(tmp_path):
    """Other systems write 133 keypoints into ``keypoints``."""
    files = _files(tmp_path, 0, True)
    expected = evaluate_results('coco_wholebody', files[1], files[0])
    results = json.loads(files[1].read_text())
    for record in results:
        record['keypoints'] = [x for name in WHOLEBODY_FIELDS for x in record[name]]
        for name in list(WHOLEBODY_FIELDS)[1:]:
            del record[name]
    files[1].write_text(json.dumps(results))
    assert evaluate_results('wholebody', files[1], files[0]) == expected
