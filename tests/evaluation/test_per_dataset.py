"""The figures of a mixture are those of its datasets evaluated alone."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mixture_cases import (
    METRIC_CONFIGS,
    NAMES,
    NUM_HANDS,
    mixture_meta,
    mixture_metric,
    mixture_poses,
    separate_figures,
)

from mmpose.evaluation.metrics.pose_arrays import concatenate_poses, in_dataset_order
from mmpose.registry import METRICS

HERE = Path(__file__).parent


@pytest.fixture
def meta(tmp_path):
    return mixture_meta(tmp_path)


def evaluate(metric, poses):
    half = len(poses) // 2
    metric.process({}, poses[:half])
    metric.process({}, poses[half:])
    return metric.evaluate(len(poses))


def test_figures_are_those_of_the_datasets_alone(meta):
    poses = mixture_poses(meta)
    expected = separate_figures(meta, poses)
    assert {'people/AP', 'hands/PCK', 'hands/EPE', 'persons/AP'} <= set(expected)
    assert 0 < expected['people/AP'] != expected['persons/AP'] < 1
    metric = mixture_metric(meta)
    assert evaluate(metric, poses) == expected
    assert evaluate(metric, poses) == expected, 'a second evaluation starts afresh'


def test_two_processes_one_of_which_lacks_a_dataset(meta, tmp_path):
    folder = tmp_path / 'ranks'
    folder.mkdir()
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get('PYTHONPATH', '')])
    environment = {**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'}
    workers = [
        subprocess.Popen(
            [sys.executable, HERE / 'mixture_worker.py', folder, str(rank)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [worker.communicate(timeout=180)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], errors
    results = [json.loads((folder / f'{rank}.json').read_text()) for rank in range(2)]
    expected = separate_figures(meta, mixture_poses(meta))
    for result in results:
        assert result['whole'] == expected
        assert 'poses came for a dataset of' in result['lost']
        assert "dataset 'pe" in result['lost']


def test_each_dataset_writes_into_its_own_folder(meta, tmp_path):
    evaluate(mixture_metric(meta, outfile_prefix=str(tmp_path / 'out/result')), mixture_poses(meta))
    for name, part in zip(NAMES, meta['parts'], strict=True):
        results = json.loads((tmp_path / 'out' / name / 'result_keypoints.json').read_text())
        assert len(results) == part['num_samples']


def test_a_dataset_that_is_not_read_has_no_figures(meta):
    meta['parts'][1] = {'num_samples': 0}
    poses = [pose for pose in mixture_poses(meta_of(meta)) if pose.dataset_idx != 1]
    figures = evaluate(mixture_metric(meta), poses)
    assert {key.split('/')[0] for key in figures} == {'people', 'persons'}


def meta_of(meta):
    folder = Path(meta['parts'][0]['ann_file']).parents[1]
    return mixture_meta(folder)


def test_a_prefix_of_the_config_stays(meta):
    metrics = [[METRIC_CONFIGS[0], {**METRIC_CONFIGS[2], 'prefix': 'boxes'}], [], []]
    figures = evaluate(mixture_metric(meta, metrics=metrics), mixture_poses(meta))
    assert {'people/AP', 'people/boxes/AP'} <= set(figures)
    assert {key.split('/')[0] for key in figures} == {'people'}


def test_a_figure_twice_is_refused(meta):
    metric = mixture_metric(meta, metrics=[[METRIC_CONFIGS[0], METRIC_CONFIGS[2]], [], []])
    with pytest.raises(ValueError, match="two metrics of dataset 'people' have a value 'AP'"):
        evaluate(metric, mixture_poses(meta))


def test_samples_must_be_complete(meta):
    poses = mixture_poses(meta)
    lost = next(i for i, pose in enumerate(poses) if pose.dataset_idx == 1)
    message = f"dataset 'hands': {NUM_HANDS - 1} poses came for a dataset of {NUM_HANDS}"
    metric = mixture_metric(meta)
    metric.process({}, poses[:lost] + poses[lost + 1 :])
    with pytest.raises(ValueError, match=message):
        metric.evaluate(len(poses))
    with pytest.raises(ValueError, match=r'4 samples were to be evaluated but the datasets'):
        mixture_metric(meta).evaluate(4)


def test_unknown_dataset_is_refused(meta):
    pose = replace(mixture_poses(meta)[0], dataset_idx=3)
    with pytest.raises(ValueError, match='has dataset_idx=3, but PerDatasetMetric is for 3'):
        mixture_metric(meta).process({}, [pose])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'names': NAMES[:2]}, 'metrics for 3 datasets and 2 names'),
        ({'metrics': [], 'names': []}, 'metrics for 0 datasets'),
        ({'names': ['a', 'b', 'a']}, "names has 'a' twice or with a slash"),
        ({'names': ['a', 'b/c', 'd']}, "names has 'b/c' twice or with a slash"),
    ],
)
def test_bad_arguments(options, message):
    config = {'type': 'PerDatasetMetric', 'metrics': METRIC_CONFIGS, 'names': NAMES, **options}
    with pytest.raises(ValueError, match=message):
        METRICS.build(config)


@pytest.mark.parametrize('meta', [{'ann_file': 'a.json'}, {'parts': [{'num_samples': 1}]}])
def test_other_data_are_refused(meta):
    with pytest.raises(ValueError, match=r'is for 3 datasets .* evaluate a CombinedDataset'):
        mixture_metric(meta)


@pytest.mark.parametrize('num_ranks', [1, 2, 3, 4])
def test_poses_come_in_the_order_of_the_dataset_from_any_number_of_ranks(meta, num_ranks):
    """A tie of scores is broken by the order, so AP must not depend on who had which sample."""
    poses = sorted(mixture_poses(meta), key=lambda pose: (pose.dataset_idx, pose.img_id))
    ranks = [mixture_metric(meta) for _ in range(num_ranks)]
    for rank, metric in enumerate(ranks):
        metric.process({}, poses[rank::num_ranks])
    for number, children in enumerate(zip(*(metric.metrics for metric in ranks), strict=True)):
        parts = [
            concatenate_poses(child[0].results) if child[0].results else None for child in children
        ]
        joined = in_dataset_order(parts, children[0][0].first_place)
        own = [pose for pose in poses if pose.dataset_idx == number]
        assert joined['img_id'].tolist() == [pose.img_id for pose in own]
        assert joined['keypoints'].tolist() == [pose.keypoints.tolist() for pose in own]
