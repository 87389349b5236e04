"""The adapters of PCK, AUC, EPE and NME: pairing by annotation, norms, result files."""

import json
import math

import numpy as np
import pytest
from evaluation_cases import run_metric
from instance_cases import estimates, write_instances

from mmpose.evaluation.functional import evaluate_results, load_instances
from mmpose.metainfo import load_metainfo
from mmpose.registry import METRICS

META = load_metainfo('freihand')
NUM = 21
DISTANCE, ITEM = {'norm_mode': 'keypoint_distance'}, {'norm_mode': 'use_norm_item'}


@pytest.fixture
def gt(tmp_path):
    return load_instances(write_instances(tmp_path, 14, NUM), NUM, ('head_size',))


def _meta(gt):
    return {'ann_file': gt.source, 'dataset_meta': META, 'ground_truth': lambda: gt}


def _expected(gt, poses, thr, length_of):
    """PCK and mean error by loops, poses looked up by their annotation id."""
    pose_of = {pose.ann_id: pose.keypoints for pose in poses}
    errors = [[] for _ in range(NUM)]
    for i, ann_id in enumerate(gt.ann_id):
        length = length_of(i)
        for k in range(NUM):
            if gt.keypoints_visible[i, k] and length > 0:
                distance = math.dist(pose_of[ann_id][k], gt.keypoints[i, k])
                errors[k].append(distance / length)
    shares = [np.mean([error < thr for error in part]) for part in errors if part]
    return np.mean(shares), np.mean([error for part in errors for error in part])


CASES = [
    ({'type': 'PCKAccuracy', 'thr': 0.2}, 'PCK', 0.2, 0, lambda gt, i: max(gt.bbox_xywh[i, 2:])),
    (
        {'type': 'PCKAccuracy', 'norm_item': 'head', 'thr': 0.7},
        *('PCKh', 0.7, 0, lambda gt, i: gt.extras['head_size'][i]),
    ),
    (
        {
            'type': 'PCKAccuracy',
            'thr': 0.2,
            'norm_item': 'torso',
            'torso_keypoints': (0, META.keypoint_names[1]),
        },
        *('tPCK', 0.2, 0, lambda gt, i: math.dist(*gt.keypoints[i, :2])),
    ),
    ({'type': 'EPE'}, 'EPE', 0, 1, lambda gt, i: 1),
    (
        {'type': 'NME', **DISTANCE, 'keypoint_indices': (0, 1)},
        *('NME', 0, 1, lambda gt, i: math.dist(*gt.keypoints[i, :2])),
    ),
    (
        {'type': 'NME', **ITEM, 'norm_item': 'head_size'},
        *('NME', 0, 1, lambda gt, i: gt.extras['head_size'][i]),
    ),
    (
        {'type': 'NME', **ITEM, 'norm_item': 'bbox_size'},
        *('NME', 0, 1, lambda gt, i: max(gt.bbox_xywh[i, 2:])),
    ),
]


@pytest.mark.parametrize(('config', 'name', 'thr', 'index', 'length_of'), CASES)
def test_equals_loops_over_the_annotations(gt, config, name, thr, index, length_of):
    poses = estimates(gt, noise=8.0)
    expected = _expected(gt, poses, thr, lambda i: length_of(gt, i))[index]
    assert 0 < expected < 20
    assert run_metric(config, _meta(gt), poses) == {name: pytest.approx(expected, abs=1e-6)}
    # the same from the file itself instead of the data set
    bare = {'dataset_meta': META}
    alone = run_metric({**config, 'ann_file': gt.source}, bare, poses)
    assert alone == {name: pytest.approx(expected, abs=1e-6)}


def test_an_instance_without_both_keypoints_of_the_norm_is_left_out(gt):
    poses = estimates(gt, noise=8.0)
    before = run_metric({'type': 'NME', **DISTANCE, 'keypoint_indices': (0, 1)}, _meta(gt), poses)
    gt.keypoints_visible[3, 1] = False
    expected = _expected(gt, poses, 0, lambda i: 0 if i == 3 else math.dist(*gt.keypoints[i, :2]))[
        1
    ]
    after = run_metric({'type': 'NME', **DISTANCE, 'keypoint_indices': (0, 1)}, _meta(gt), poses)
    assert after == {'NME': pytest.approx(expected, abs=1e-6)} != before


def test_boxes_are_clipped_to_the_image_as_the_data_set_does(tmp_path, gt):
    content = json.loads((tmp_path / 'instances.json').read_text())
    raw = np.array([annotation['bbox'] for annotation in content['annotations']])
    right = np.minimum(raw[:, :2] + raw[:, 2:] - 1, 99)
    assert (right == 99).any()
    np.testing.assert_allclose(gt.bbox_xywh[:, :2] + gt.bbox_xywh[:, 2:], right)


def test_the_written_file_gives_the_figures_of_the_run(tmp_path, gt):
    """PCK, AUC and EPE of a hand, as the tool evaluates them."""
    poses = estimates(gt, noise=6.0)
    figures = {}
    arguments = {'PCKAccuracy': {'thr': 0.2}, 'AUC': {}, 'EPE': {}}
    for name, own in arguments.items():
        config = {'type': name, **own, 'outfile_prefix': str(tmp_path / name / 'result')}
        figures |= run_metric(config, _meta(gt), poses)
    assert 0 < figures['AUC'] < figures['PCK'] < 1
    for name in arguments:
        written = tmp_path / name / 'result_keypoints.json'
        again = evaluate_results('onehand10k', written, gt.source)
        assert list(again) == ['PCK', 'AUC', 'EPE']
        assert list(again.values()) == pytest.approx(list(figures.values()), abs=1e-12)


def test_a_result_file_with_too_few_or_too_many_poses(tmp_path, gt):
    config = {'type': 'EPE', 'outfile_prefix': str(tmp_path / 'result')}
    run_metric(config, _meta(gt), estimates(gt, noise=6.0))
    path = tmp_path / 'result_keypoints.json'
    records = json.loads(path.read_text())
    path.write_text(json.dumps(records[1:]))
    with pytest.warns(UserWarning, match='1 of 14 annotations have labelled keypoints but no'):
        evaluate_results('freihand', path, gt.source)
    path.write_text(json.dumps([*records, records[0]]))
    with pytest.raises(ValueError, match=rf'ann_id {records[0]["ann_id"]} has 2 poses; expected'):
        evaluate_results('freihand', path, gt.source)
    path.write_text(json.dumps([{**records[0], 'ann_id': 999}]))
    with pytest.raises(ValueError, match=r'pose ann_id=999, img_id=\d+ has no annotation in'):
        evaluate_results('freihand', path, gt.source)
    del records[0]['ann_id']
    path.write_text(json.dumps(records))
    with pytest.raises(ValueError, match="pose 0: field 'ann_id' is missing"):
        evaluate_results('freihand', path, gt.source)
    with pytest.raises(
        ValueError, match=r"annotation 13: field 'keypoints' has 63 numbers, expected 204"
    ):
        evaluate_results('300w', path, gt.source)


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (
            {'type': 'PCKAccuracy', 'norm_item': 'leg'},
            "norm_item of PCKAccuracy is 'leg'; expected one of",
        ),
        ({'type': 'PCKAccuracy', 'norm_item': 'torso'}, 'the torso needs two keypoints'),
        ({'type': 'NME', **ITEM}, "NME has norm_mode='use_norm_item', norm_item=None"),
        ({'type': 'NME', 'norm_mode': 'bbox'}, "norm_mode of NME is 'bbox'; expected one of"),
        (
            {'type': 'NME', **DISTANCE, 'keypoint_indices': [1, 2, 3]},
            r'keypoint_indices of NME is \[1, 2, 3\]; expected two',
        ),
        ({'type': 'AUC', 'norm_factor': 0}, 'AUC has norm_factor=0'),
    ],
)
def test_bad_arguments(config, message):
    with pytest.raises(ValueError, match=message):
        METRICS.build(config)


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        ({'type': 'PCKAccuracy', 'norm_item': 'head'}, "annotations have no 'head_size' .*choose"),
        ({'type': 'NME', **ITEM, 'norm_item': 'box_size'}, "annotations have no 'box_size'"),
        (
            {'type': 'NME', **DISTANCE, 'keypoint_indices': (0, 21)},
            'keypoint 21 is to normalise .* keypoints 0 to 20',
        ),
        (
            {'type': 'NME', **DISTANCE, 'keypoint_indices': ('eye', 0)},
            "keypoint 'eye', which skeleton 'freihand' does not",
        ),
        ({'type': 'NME', **DISTANCE}, "no published NME of 'freihand' .* set keypoint_indices"),
    ],
)
def test_what_the_ground_truth_lacks(tmp_path, gt, config, message):
    bare = load_instances(gt.source, NUM)
    with pytest.raises(ValueError, match=message):
        run_metric(config, _meta(bare), estimates(gt, 1.0))


def test_poses_that_do_not_fit(gt):
    poses = estimates(gt, 1.0)
    short = [type(pose)(**{**vars(pose), 'keypoints': pose.keypoints[:5]}) for pose in poses]
    with pytest.raises(ValueError, match=r'EPE: poses have 5 keypoints but .* has 21'):
        run_metric({'type': 'EPE'}, _meta(gt), short)
    strange = [type(poses[0])(**{**vars(poses[0]), 'ann_id': 999})]
    with pytest.raises(ValueError, match=r'EPE: pose ann_id=999, .* has no annotation .*ground-tr'):
        run_metric({'type': 'EPE'}, _meta(gt), strange)
