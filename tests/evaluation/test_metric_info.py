"""Metric classes answer for themselves: a new one needs no edit of any list elsewhere."""

from types import SimpleNamespace

import numpy as np
import pytest
from evaluation_cases import POSE, pose_result
from mmengine.config import ConfigDict

from mmpose.apis.test import format_tables, prepare_test
from mmpose.config.check import check_config
from mmpose.config.load import load_config
from mmpose.engine import CheckpointHook
from mmpose.evaluation.functional import KeypointDetections
from mmpose.evaluation.metrics import AUC, EPE, greater_is_better, primary_metric
from mmpose.evaluation.metrics.metric_info import metric_class, metric_types
from mmpose.evaluation.metrics.oks_metric import OksMetric
from mmpose.metainfo import load_metainfo
from mmpose.registry import METRICS

TOY_CONFIG = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'


class ToyMissRate(OksMetric):
    """An OKS metric of a user: the share of images without a pose, smaller is better."""

    default_prefix = 'toy'
    primary_metrics = {'miss rate': 0}  # noqa: RUF012
    greater_is_better = False
    aliases = ('MR',)

    def evaluate_detections(
        self, detections: KeypointDetections, sigmas: np.ndarray
    ) -> dict[str, float]:
        return {'images': 2.0, 'miss rate': 1 - len(np.unique(detections.image_id)) / 2}


@pytest.fixture
def toy():
    METRICS.register_module(module=ToyMissRate)
    yield {'type': 'ToyMissRate'}
    del METRICS._module_dict['ToyMissRate']


def test_a_new_metric_evaluates(toy, tmp_path):
    metric = METRICS.build({**toy, 'outfile_prefix': str(tmp_path / 'result')})
    metric.dataset_meta = {'dataset_meta': load_metainfo('coco')}
    metric.process({}, [pose_result(1, 1, POSE)])
    assert metric.evaluate(1) == {'toy/images': 2.0, 'toy/miss rate': 0.5}
    assert (tmp_path / 'result_keypoints.json').is_file()


def test_a_new_metric_is_checked_in_a_config(toy):
    cfg = load_config(TOY_CONFIG)
    cfg.val_evaluator = cfg.test_evaluator = toy
    assert check_config(cfg) == []
    for changes, message in (
        ({'type': 'MpiiDataset', 'metainfo': 'coco'}, 'ToyMissRate, which reads coco annotations'),
        ({'metainfo': 'freihand'}, "ToyMissRate, which needs sigmas, but the skeleton 'freihand'"),
    ):
        bad = ConfigDict(cfg.to_dict())
        bad.val_dataloader.dataset.update(changes)
        (problem,) = [text for text in check_config(bad) if text.startswith('val_evaluator')]
        assert message in problem
        assert 'AUC, EPE, NME' in problem.replace('PCKAccuracy, MpiiPCKAccuracy, ', '')


def test_a_new_metric_chooses_the_best_checkpoint(toy, tmp_path):
    runner = SimpleNamespace(
        work_dir=str(tmp_path),
        rank=0,
        epoch=0,
        iter=0,
        logger=SimpleNamespace(info=print),
        save_training_state=lambda name, *rest: (tmp_path / name).touch(),
    )
    hook = CheckpointHook(save_best='auto')
    for rate in (0.4, 0.1, 0.3):
        runner.epoch += 1
        hook.after_val_epoch(runner, {'toy/images': 2.0, 'toy/miss rate': rate})
    assert [path.name for path in tmp_path.iterdir()] == ['best_toy_missrate_epoch_2.pth']


def test_a_new_metric_has_an_alias_and_a_mixture(toy):
    mixture = {
        'type': 'PerDatasetMetric',
        'names': ['a', 'b'],
        'metrics': [[toy, {'type': 'CocoMetric'}], {'type': 'EPE'}],
    }
    cfg = load_config(TOY_CONFIG)
    cfg.test_evaluator = mixture
    prepare_test(cfg, 'c.pth', work_dir='w', metrics=['MR'])
    assert [[own['type'] for own in group] for group in cfg.test_evaluator[0].metrics] == [
        ['ToyMissRate'],
        [],
    ]
    metrics = {'a/images': 2.0, 'a/miss rate': 0.5, 'b/EPE': 3.0}
    overview = format_tables(metrics, ['a', 'b']).split('\n\n')[0]
    assert [line.split() for line in overview.splitlines()] == [
        ['a', 'miss', 'rate', '0.5000'],
        ['b', 'EPE', '3.0000'],
    ]
    cfg = load_config(TOY_CONFIG)
    prepare_test(cfg, 'c.pth', work_dir='w', metrics=['MR'])
    assert cfg.test_evaluator == [{'type': 'ToyMissRate', 'outfile_prefix': 'w/result'}]


@pytest.mark.parametrize(
    ('keys', 'primary'),
    [
        (['coco/AR', 'coco/AP'], 'coco/AP'),
        (['Head PCK', 'PCK', 'PCK@0.1'], 'PCK'),
        (['PCK', 'AUC', 'EPE'], 'AUC'),
        (['PCKh', 'AUC', 'EPE'], 'PCKh'),
        (['EPE', 'NME'], 'NME'),
        (['coco-wholebody/body AP', 'coco-wholebody/AP'], 'coco-wholebody/AP'),
        (['x/y', 'x/z'], 'x/y'),
    ],
)
def test_primary_metric(keys, primary):
    assert primary_metric(keys) == primary


@pytest.mark.parametrize(
    ('key', 'greater'),
    [
        ('coco/AP', True),
        ('mpii/PCK', True),
        ('EPE', False),
        ('face/NME', False),
        ('loss', False),
        ('train/loss_kpt', False),
        ('acc_pose', True),
    ],
)
def test_one_rule_for_what_is_better(key, greater):
    assert greater_is_better(key) is greater


def test_names_of_the_command_line():
    assert metric_types('mAP')[0] == 'CocoMetric'
    assert {'CrowdPoseMetric', 'PoseTrack18Metric'} < set(metric_types('mAP'))
    assert metric_types('PCK') == ('PCKAccuracy',)
    assert metric_types('PCKh') == ('MpiiPCKAccuracy',)
    assert metric_types('AUC') == ('AUC',)
    assert metric_class({'type': 'EPE'}) is EPE
    assert metric_class({'type': 'PerDatasetMetric'}) is None
    assert AUC().prefix is None


def test_annotated_boxes_are_asked_for(tmp_path):
    cfg = load_config(TOY_CONFIG)
    cfg.val_evaluator = {'type': 'EPE'}
    cfg.val_dataloader.dataset.bbox_file = 'boxes.json'
    (problem,) = check_config(cfg)
    assert 'EPE, which compares each pose with the annotation of its box' in problem
