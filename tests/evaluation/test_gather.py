"""Two gloo processes evaluate together; the figures are those of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from evaluation_cases import annotation_file
from gather_worker import NUM_SAMPLES, inexact_pose

from mmpose.evaluation.metrics import CocoMetric
from mmpose.metainfo import load_metainfo

HERE = Path(__file__).parent


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('gather')
    annotation_file(path, num_images=NUM_SAMPLES, people_per_image=1)
    return path


@pytest.fixture(scope='module')
def results(folder):
    """What each of two ranks got, by case."""
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get('PYTHONPATH', '')])
    environment = {**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, HERE / 'gather_worker.py', folder / 'annotations.json', folder]
    workers = [
        subprocess.Popen(
            command, env={**environment, 'RANK': str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        errors = [worker.communicate(timeout=180)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], errors
    return [json.loads((folder / f'{rank}.json').read_text()) for rank in range(2)]


@pytest.fixture(scope='module')
def expected(folder):
    metric = CocoMetric(ann_file=str(folder / 'annotations.json'))
    metric.dataset_meta = {'dataset_meta': load_metainfo('coco')}
    metric.process({}, [inexact_pose(i, error_px=4) for i in range(NUM_SAMPLES)])
    return metric.evaluate(NUM_SAMPLES)


@pytest.mark.parametrize(
    'case', ['slow', 'even', 'uneven', 'nothing_on_rank_1', 'nothing_on_rank_0']
)
def test_two_processes_give_the_figures_of_one(results, expected, case):
    """In the case 'slow' one rank comes later than the limit of the training group allows."""
    assert 0 < expected['coco/AP'] < 1
    for rank in range(2):
        assert results[rank][case] == {'exact AP': 1.0, **expected}


@pytest.mark.parametrize(
    ('case', 'message'),
    [
        ('padded', 'ann_id=1 was evaluated 2 times'),
        ('lost', '4 poses came for a dataset of 5 samples'),
    ],
)
def test_both_processes_say_what_is_wrong(results, case, message):
    errors = [result[case] for result in results]
    assert errors[0].startswith('ValueError')
    assert errors[1].startswith('RuntimeError: rank 0 could not evaluate: ValueError')
    assert all(message in error for error in errors)
