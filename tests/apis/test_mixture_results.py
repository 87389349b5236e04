"""What tools/test.py makes of a mixture: which metrics run, and how their figures are shown."""

import numpy as np
import pytest
from mmengine.config import Config

from mmpose.apis.test import format_tables, prepare_test

NAMES = ['coco', 'mpii', 'hands']
METRICS = [
    {'type': 'CocoMetric'},
    {'type': 'MpiiPCKAccuracy'},
    [{'type': 'PCKAccuracy'}, {'type': 'EPE'}],
]


@pytest.fixture
def cfg():
    evaluator = {'type': 'PerDatasetMetric', 'names': NAMES, 'metrics': METRICS}
    return Config({'model': {'pretrained': 'x.pth'}, 'test_evaluator': evaluator,
                   'default_hooks': {}})  # fmt: skip


def kinds(cfg):
    groups = cfg.test_evaluator[0]['metrics']
    return [[one['type'] for one in ([g] if isinstance(g, dict) else g)] for g in groups]


def test_every_dataset_writes_below_the_work_dir(cfg):
    prepare_test(cfg, 'c.pth', work_dir='w')
    assert cfg.test_evaluator[0].outfile_prefix == 'w/result'
    assert kinds(cfg) == [['CocoMetric'], ['MpiiPCKAccuracy'], ['PCKAccuracy', 'EPE']]


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('mAP', [['CocoMetric'], [], []]),
        ('PCKh', [[], ['MpiiPCKAccuracy'], []]),
        ('EPE', [[], [], ['EPE']]),
    ],
)
def test_eval_chooses_among_the_metrics_of_the_datasets(cfg, name, expected):
    prepare_test(cfg, 'c.pth', work_dir='w', metrics=[name])
    assert kinds(cfg) == expected


def test_eval_of_no_dataset_is_refused(cfg):
    with pytest.raises(ValueError, match=r"--eval AUC: no dataset .* they have \['CocoMetric'"):
        prepare_test(cfg, 'c.pth', work_dir='w', metrics=['AUC'])


def test_dump_writes_a_file_per_dataset(cfg):
    prepare_test(cfg, 'c.pth', work_dir='w', dump='d/poses.npz')
    files = [group[-1]['out_file'] for group in cfg.test_evaluator[0]['metrics']]
    assert files == [f'd/poses_{name}.npz' for name in NAMES]


def test_tables():
    metrics = {'coco/AP': 0.771, 'coco/AR': 0.8, 'mpii/Head PCK': 97.0, 'mpii/PCK': 93.3}
    blocks = format_tables(metrics, NAMES).split('\n\n')
    assert [block.splitlines()[0].split()[0] for block in blocks] == ['coco', 'coco', 'mpii']
    overview = [line.split() for line in blocks[0].splitlines()]
    assert overview == [['coco', 'AP', '0.7710'], ['mpii', 'PCK', '93.3000']]
    assert [line.split()[0] for line in blocks[2].splitlines()] == ['mpii', 'Head', 'PCK']
    values = [float(line.split()[-1]) for line in blocks[1].splitlines()[1:]]
    np.testing.assert_allclose(values, [0.771, 0.8])


def test_one_dataset_is_one_table():
    metrics = {'PCK': 0.5, 'EPE': 3.0}
    assert len(format_tables(metrics, []).splitlines()) == 2
