"""PoseTrack18 AP against a loop written from the definition of poseval.

There is no package to install that computes it.
"""

import json
import math

import cv2
import numpy as np
import pytest
from evaluation_cases import detections, poses_of, run_metric

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.evaluation.functional import (
    evaluate_posetrack18,
    evaluate_results,
    load_detections,
    load_posetrack18,
)
from mmpose.metainfo import load_metainfo

META = load_metainfo('posetrack18')
JOINTS = [i for i, name in enumerate(META.keypoint_names) if 'ear' not in name]
GROUPS = {
    'Head AP': ('nose', 'head_bottom', 'head_top'),
    **{
        f'{short} AP': (f'left_{name}', f'right_{name}')
        for short, name in (
            *(('Shou', 'shoulder'), ('Elb', 'elbow'), ('Wri', 'wrist')),
            *(('Hip', 'hip'), ('Knee', 'knee'), ('Ankl', 'ankle')),
        )
    },
}


@pytest.fixture(params=range(3))
def files(request, tmp_path):
    gt, dt = make_synthetic_coco(25, 60, 200, request.param)
    files = write_synthetic_coco(gt, dt, tmp_path)
    content = json.loads(files[0].read_text())
    rng = np.random.default_rng(request.param)
    for annotation in content['annotations']:
        size = math.sqrt(annotation['area']) * rng.uniform(0.3, 0.6)
        annotation['bbox_head'] = [5.0, 5.0, size, size * 1.2]
        annotation['keypoints'][3 * 3 + 2] = annotation['keypoints'][4 * 3 + 2] = 0  # the ears
    for image in content['images'][::2]:  # a triangle and a square; nothing lies on a side
        image['ignore_regions_x'] = [[0.13, 300.2, 20.4], [400.5, 600.5, 600.5, 400.5]]
        image['ignore_regions_y'] = [[0.31, 30.7, 400.9], [200.5, 200.5, 400.5, 400.5]]
    files[0].write_text(json.dumps(content))
    return files


def _without_ignored(arrays, content):
    """Which joints are outside the regions of their image, by OpenCV."""
    regions = {
        image['id']: [
            np.stack([x, y], axis=1).astype(np.float32)
            for x, y in zip(image['ignore_regions_x'], image['ignore_regions_y'], strict=True)
        ]
        for image in content['images']
        if 'ignore_regions_x' in image
    }
    outside = np.ones(arrays.keypoints.shape[:2], dtype=bool)
    for i, image in enumerate(arrays.image_id):
        for k, point in enumerate(arrays.keypoints[i]):
            for region in regions.get(image, []):
                outside[i, k] &= cv2.pointPolygonTest(region, point.tolist(), False) <= 0
    return outside


def _assign(gt, dt, people, poses, keypoints_visible, found):
    """Person of each pose in one image, and which joints agree."""
    agree = np.zeros((len(poses), len(people), 17), dtype=bool)
    share = np.zeros((len(poses), len(people)))
    for p, pose in enumerate(poses):
        for g, person in enumerate(people):
            for k in JOINTS:
                if keypoints_visible[person, k] and found[pose, k]:
                    error = math.dist(dt.keypoints[pose, k], gt.keypoints[person, k])
                    agree[p, g, k] = error / gt.extras['head_size'][person] <= 0.5
            annotated = keypoints_visible[person, JOINTS].sum()
            share[p, g] = agree[p, g].sum() / annotated if annotated else 0
    for p in range(len(poses)):
        best = share[p].argmax()
        share[p, [g for g in range(len(people)) if g != best]] = 0
    return {
        int(share[:, g].argmax()): agree[share[:, g].argmax(), g]
        for g in range(len(people))
        if share[:, g].max() > 0
    }


def _expected(gt, dt, content):
    keypoints_visible = gt.keypoints_visible & _without_ignored(gt, content)
    found = _without_ignored(dt, content)
    assert 0 < (~found).sum() < found.size / 2
    scored = {k: [] for k in JOINTS}
    for image in np.unique(gt.image_id):
        people = np.flatnonzero(gt.image_id == image)
        poses = np.flatnonzero(dt.image_id == image)
        assigned = _assign(gt, dt, people, poses, keypoints_visible, found) if len(poses) else {}
        for p, pose in enumerate(poses):
            for k in JOINTS:
                is_true = p in assigned and bool(assigned[p][k])
                if found[pose, k]:
                    scored[k].append((-dt.keypoint_scores[pose, k], int(pose), is_true))
    ap = {}
    for k in JOINTS:
        outcomes = [is_true for _, _, is_true in sorted(scored[k])]
        total = keypoints_visible[:, k].sum()
        precisions = [sum(outcomes[: i + 1]) / (i + 1) for i in range(len(outcomes))]
        ap[META.keypoint_names[k]] = 100 * sum(
            max(precisions[i:]) / total for i, is_true in enumerate(outcomes) if is_true
        )
    figures = {name: np.mean([ap[joint] for joint in joints]) for name, joints in GROUPS.items()}
    return {**figures, 'AP': np.mean(list(ap.values()))}


def test_equals_a_loop(files):
    gt, dt = load_posetrack18(files[0]), load_detections(files[1], 17)
    assert set(dt.image_id) - set(gt.image_id), 'images without people are part of the test'
    figures = evaluate_posetrack18(gt, dt)
    expected = _expected(gt, dt, json.loads(files[0].read_text()))
    assert list(figures) == list(expected)
    assert figures == pytest.approx(expected, abs=1e-6)
    assert 0 < figures['AP'] < 100


def test_ground_truth_is_perfect(files):
    gt = load_posetrack18(files[0])
    rows = np.flatnonzero(gt.keypoints_visible.any(axis=1))
    keypoints = gt.keypoints[rows].copy()
    keypoints[~gt.keypoints_visible[rows]] = -1e4
    scores = np.where(gt.keypoints_visible[rows], 0.9, 0.1)
    dt = detections(gt.image_id[rows], keypoints, np.ones(len(rows)), keypoint_scores=scores)
    assert evaluate_posetrack18(gt, dt)['AP'] == 100


def test_the_metric_writes_what_the_tool_reads(files, tmp_path):
    meta = {'ann_file': str(files[0]), 'dataset_meta': META}
    config = {'type': 'PoseTrack18Metric', 'outfile_prefix': str(tmp_path / 'out/result')}
    figures = run_metric(config, meta, poses_of(load_detections(files[1], 17)))
    again = evaluate_results('posetrack18', tmp_path / 'out' / 'result_keypoints.json', files[0])
    assert figures == {f'posetrack18/{name}': value for name, value in again.items()}


def test_annotations_without_head_boxes(tmp_path):
    files = write_synthetic_coco(*make_synthetic_coco(3, 5, 5, 0), tmp_path)
    with pytest.raises(ValueError, match="annotation 1: field 'bbox_head' is missing"):
        load_posetrack18(files[0])
