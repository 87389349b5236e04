import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_cases import (
    POSE,
    SIDE,
    annotation_file,
    pose_result,
    poses_of,
    run_metric,
    run_xtcocotools,
    shifted,
)
from mmengine.evaluator import Evaluator

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.evaluation.functional import WHOLEBODY_FIELDS, evaluate_files, evaluate_results
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS, METRICS

NUM_IMAGES, NUM_PEOPLE = 3, 2


@pytest.fixture
def dataset_meta(tmp_path):
    return {
        'ann_file': str(annotation_file(tmp_path, NUM_IMAGES, NUM_PEOPLE)),
        'dataset_meta': load_metainfo('coco'),
    }


def _poses(noise=0.0):
    rng = np.random.default_rng(0)
    return [
        pose_result(
            1 + image,
            1 + image * NUM_PEOPLE + person,
            shifted(100.0 * person)[0] + rng.normal(0, 1, (17, 2)) * noise,
            bbox_xywh=np.array([10 + 100 * person, 10, SIDE, SIDE], dtype=np.float32),
            bbox_score=0.5 + 0.1 * image,
            keypoint_scores=rng.uniform(0.1, 1, 17).astype(np.float32),
        )
        for image in range(NUM_IMAGES)
        for person in range(NUM_PEOPLE)
    ]


def _evaluate(dataset_meta, poses, size=None, **arguments):
    metric = METRICS.build({'type': 'CocoMetric', **arguments})
    metric.dataset_meta = dataset_meta
    for first in range(0, len(poses), 4):
        metric.process({}, poses[first : first + 4])
    return metric.evaluate(len(poses) if size is None else size)


def test_ground_truth_as_prediction_is_perfect(dataset_meta):
    figures = _evaluate(dataset_meta, _poses())
    assert figures['coco/AP'] == figures['coco/AR (M)'] == 1.0
    assert figures['coco/AP (L)'] == -1


def test_the_evaluator_of_mmengine_runs_it(dataset_meta):
    evaluator = Evaluator([METRICS.build({'type': 'CocoMetric', 'prefix': 'person'})])
    evaluator.dataset_meta = dataset_meta
    for epoch in range(2):
        evaluator.process(data_samples=_poses(noise=4 * epoch), data_batch={})
        figures = evaluator.evaluate(NUM_IMAGES * NUM_PEOPLE)
        assert (figures['person/AP'] == 1) == (epoch == 0)


@pytest.mark.parametrize('backend', ['xtcocotools', 'faster_coco_eval'])
def test_the_written_file_scores_what_the_metric_says(dataset_meta, tmp_path, backend):
    figures = _evaluate(
        dataset_meta, _poses(noise=5.0), outfile_prefix=str(tmp_path / 'out/result')
    )
    assert 0 < figures['coco/AP'] < 1
    written = tmp_path / 'out' / 'result_keypoints.json'
    again = evaluate_files(dataset_meta['ann_file'], written, dataset_meta['dataset_meta'].sigmas)
    assert figures == {f'coco/{name}': value for name, value in again.items()}
    pytest.importorskip(backend, reason=f'{backend} is not installed')
    assert _evaluate(dataset_meta, _poses(noise=5.0), backend=backend) == pytest.approx(
        figures, abs=1e-6
    )


def test_area_of_the_box(dataset_meta):
    path = Path(dataset_meta['ann_file'])
    content = json.loads(path.read_text())
    for annotation in content['annotations']:
        annotation['area'] = 100 * SIDE**2  # large, while 0.53 of the box is medium
    path.write_text(json.dumps(content))
    assert _evaluate(dataset_meta, _poses())['coco/AP (M)'] == -1
    assert _evaluate(dataset_meta, _poses(), use_area=False)['coco/AP (L)'] == -1


def test_format_only_writes_and_does_not_read_annotations(dataset_meta, tmp_path):
    meta = {'dataset_meta': dataset_meta['dataset_meta']}
    assert (
        _evaluate(meta, _poses(), format_only=True, outfile_prefix=str(tmp_path / 'result')) == {}
    )
    assert len(json.loads((tmp_path / 'result_keypoints.json').read_text())) == 6


@pytest.mark.parametrize(
    ('score_mode', 'keypoint_scores', 'expected'),
    [
        ('bbox_keypoint', [0.5, 0.7] + [0.2] * 15, 0.8 * 0.6),
        ('keypoint', [0.5, 0.7] + [0.2] * 15, 4.2 / 17),
        ('bbox', [0.5, 0.7] + [0.2] * 15, 0.8),
        ('bbox_keypoint', [0.1] * 17, 0.0),
        ('keypoint', [0.1] * 17, 0.1),
    ],
)
def test_scores_of_poses(dataset_meta, tmp_path, score_mode, keypoint_scores, expected):
    """The mean of bbox_keypoint is over keypoints strictly above 0.2, that of keypoint over all."""
    scores = np.array(keypoint_scores, dtype=np.float32)
    pose = pose_result(1, 1, POSE, keypoint_scores=scores, bbox_score=0.8)
    _evaluate(dataset_meta, [pose], score_mode=score_mode, outfile_prefix=str(tmp_path / 'result'))
    (record,) = json.loads((tmp_path / 'result_keypoints.json').read_text())
    assert record['score'] == pytest.approx(expected, abs=1e-7)  # float32 scores


@pytest.mark.parametrize(
    ('arguments', 'num'),
    [
        ({'nms_mode': 'none'}, 25),
        # one place each in image 1 and image 2
        ({}, 2),
        # an OKS of 1 is not above 1
        ({'nms_thr': 1.0}, 25),
        ({'nms_mode': 'soft_oks_nms'}, 21),
    ],
)
def test_suppression(dataset_meta, tmp_path, arguments, num):
    poses = [pose_result(1, i, POSE) for i in range(24)] + [pose_result(2, 99, POSE)]
    _evaluate(dataset_meta, poses, outfile_prefix=str(tmp_path / 'result'), **arguments)
    assert len(json.loads((tmp_path / 'result_keypoints.json').read_text())) == num


def test_categories_are_averaged_and_suppression_looks_across_them(tmp_path):
    """AP-10K: of two poses in one place the better one stays, whatever their categories."""
    gt, dt = make_synthetic_coco(20, 80, 250, seed=2, num_categories=5)
    files = write_synthetic_coco(gt, dt, tmp_path)
    meta = {'ann_file': str(files[0]), 'dataset_meta': load_metainfo('ap10k')}
    doubled = dt.take(np.repeat(np.arange(len(dt.scores)), 2))
    second = np.arange(len(doubled.scores)) % 2 == 1
    doubled = replace(
        doubled,
        category_id=np.where(second, doubled.category_id % 5 + 1, doubled.category_id),
        scores=doubled.scores * np.where(second, 0.5, 1) + 1e-3,
    )
    areas = {'area': 1.0}  # so small that only poses in the very same place are alike
    singles = [replace(pose, **areas) for pose in poses_of(dt)]
    doubles = [replace(pose, **areas) for pose in poses_of(doubled)]
    prefix = str(tmp_path / 'out/result')
    config = {'type': 'CocoMetric', 'score_mode': 'bbox', 'outfile_prefix': prefix}
    figures = run_metric(config, meta, doubles)
    assert figures == run_metric({**config, 'outfile_prefix': None}, meta, singles)
    unsuppressed = run_metric({**config, 'outfile_prefix': None, 'nms_mode': 'none'}, meta, doubles)
    assert unsuppressed['coco/AP'] < figures['coco/AP'] < 1
    written = tmp_path / 'out' / 'result_keypoints.json'
    stats = run_xtcocotools(files[0], written, 'keypoints', meta['dataset_meta'].sigmas, True).stats
    np.testing.assert_allclose(list(figures.values()), stats, atol=1e-6)
    again = evaluate_results('ap10k', written, files[0])
    assert figures == {f'coco/{name}': value for name, value in again.items()}


def test_suppression_takes_the_area_of_the_crop(dataset_meta, tmp_path):
    """At 4 px the OKS is below 0.9 for an area of 6400 and above it for a hundred times that."""
    for factor, num in ((1, 2), (100, 1)):
        poses = [pose_result(1, i, shifted(4.0 * i)[0], area=factor * SIDE**2) for i in range(2)]
        _evaluate(dataset_meta, poses, outfile_prefix=str(tmp_path / 'result'))
        assert len(json.loads((tmp_path / 'result_keypoints.json').read_text())) == num


def _repeated(poses):
    return [*poses[:-1], poses[0]]


def _of_two_skeletons(poses):
    return [*poses[:-1], pose_result(3, 6, POSE[:5])]


@pytest.mark.parametrize(
    ('change', 'size', 'message'),
    [
        (_repeated, 6, 'img_id=1, ann_id=1 was evaluated 2 times, .*round_up=False'),
        (list, 7, '6 poses came for a dataset of 7 samples'),
        (lambda poses: [], 6, '0 poses came for a dataset of 6 samples'),
        (lambda poses: [], 0, '0 poses came for a dataset of 0 samples'),
        (_of_two_skeletons, 6, r'poses with \[5, 17\] keypoints came together'),
        (
            lambda poses: [*poses[:-1], replace(poses[-1], img_id=77)],
            6,
            'poses of the model: image_id 77 of entry',
        ),
        (
            lambda poses: [*poses[:-1], replace(poses[-1], keypoints=POSE * np.nan)],
            6,
            r'poses of the model: keypoints of entry 5 \(image_id 3\) holds NaN',
        ),
    ],
)
def test_bad_predictions(dataset_meta, change, size, message):
    metric = METRICS.build({'type': 'CocoMetric'})
    metric.dataset_meta = dataset_meta
    for pose in change(_poses()):
        metric.process({}, [pose])
    with pytest.raises(ValueError, match=message):
        metric.evaluate(size)


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        ({'score_mode': 'best'}, ValueError, "score_mode .* 'best'; expected one of bbox_keypoint"),
        ({'nms_mode': 'box'}, ValueError, "nms_mode .* 'box'; expected one of oks_nms"),
        ({'backend': 'x'}, ValueError, "backend .* 'x'; expected one of numpy"),
        ({'format_only': True}, ValueError, 'set outfile_prefix'),
        ({'ann_file': 'absent.json'}, FileNotFoundError, 'absent.json: no such file'),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        METRICS.build({'type': 'CocoMetric', **arguments})


def test_a_skeleton_without_sigmas_and_a_dataset_without_metainfo(dataset_meta):
    bare = replace(dataset_meta['dataset_meta'], sigmas=None)
    with pytest.raises(ValueError, match="skeleton 'coco' has no sigmas"):
        _evaluate({**dataset_meta, 'dataset_meta': bare}, _poses())
    with pytest.raises(ValueError, match=r"needs 'dataset_meta' in the metainfo.*\['ann_file'\]"):
        _evaluate({'ann_file': 'x'}, _poses())


def test_prediction_dump_keeps_all_poses(tmp_path):
    metric = METRICS.build({'type': 'PredictionDump', 'out_file': str(tmp_path / 'a' / 'b.npz')})
    poses = _poses(noise=1.0)
    metric.process({}, poses)
    assert metric.evaluate(6) == {}
    arrays = np.load(tmp_path / 'a' / 'b.npz')
    np.testing.assert_array_equal(arrays['keypoints'], [pose.keypoints for pose in poses])
    np.testing.assert_array_equal(arrays['ann_id'], [1, 2, 3, 4, 5, 6])
    with pytest.raises(ValueError, match=r'as \.npz, but the file is dump\.json'):
        METRICS.build({'type': 'PredictionDump', 'out_file': 'dump.json'})


@pytest.mark.parametrize(('mode', 'expected'), [('bbox_keypoint', 0.35), ('keypoint', 0.5)])
def test_expected_oks_of_a_calibrated_model_ranks_its_poses(dataset_meta, tmp_path, mode, expected):
    own = dict(pose_score=0.7, bbox_score=0.5, keypoint_scores=np.full(17, 0.5, np.float32))
    poses = [replace(pose, **own) for pose in _poses()]
    _evaluate(dataset_meta, poses, score_mode=mode, outfile_prefix=str(tmp_path / 'a'))
    written = json.loads((tmp_path / 'a_keypoints.json').read_text())
    assert [row['score'] for row in written] == pytest.approx([expected] * len(poses))


def _of_people(folder, **changes):
    """A dataset of three images with two people each; 17 keypoints are the first of 133."""
    path = annotation_file(folder, NUM_IMAGES, NUM_PEOPLE)
    content = json.loads(path.read_text())
    for image in content['images']:
        name = f'HumanArt/images/2D_virtual_human/cartoon/{image["file_name"]}'
        image |= {'file_name': name, 'crowdIndex': 0.5, 'width': 400, 'height': 300}
    for person in content['annotations']:
        person['bbox_head'] = [10, 10, 20, 20]
        parts = {name: [0] * 3 * n for name, n in WHOLEBODY_FIELDS.items() if name != 'keypoints'}
        person |= parts | {name.replace('_kpts', '_valid'): False for name in parts}
    path.write_text(json.dumps(content))
    return DATASETS.build({'type': 'CocoDataset', 'ann_file': str(path), **changes})


KINDS = {
    'CocoMetric': 'coco',
    'CocoWholeBodyMetric': 'coco_wholebody',
    'CrowdPoseMetric': 'coco',
    'HumanArtMetric': 'coco',
    'PoseTrack18Metric': 'posetrack18',
}


@pytest.mark.parametrize(('metric', 'skeleton'), KINDS.items())
def test_images_that_indices_leave_out_do_not_count_as_missed(tmp_path, metric, skeleton, recwarn):
    num = load_metainfo(skeleton).num_keypoints
    poses = [
        replace(
            pose,
            keypoints=np.resize(pose.keypoints, (num, 2)),
            keypoint_scores=np.resize(pose.keypoint_scores, num),
        )
        for pose in _poses(noise=2)
    ]
    kind = 'CocoWholeBodyDataset' if num == 133 else 'CocoDataset'

    def figures(poses, **changes):
        dataset = _of_people(tmp_path, type=kind, metainfo=skeleton, test_mode=True, **changes)
        return _evaluate(dataset.metainfo, poses, type=metric)

    whole = figures(poses)
    assert figures(poses, indices=100) == whole
    assert not recwarn.list
    part = figures(poses[2:4], indices=[2, 3])
    ap = next(name for name in whole if name.endswith('/AP'))
    assert part[ap] > 0.9 * whole[ap] > 0
    assert figures(poses[:3], indices=3)[ap] < part[ap]  # the second person of image 2 is missed
    text = f'{metric}: dataset.indices chooses samples of 1 images of .*; only these are evaluated'
    assert re.search(text, str(recwarn.list[0].message))
