"""Other annotations and boxes for an evaluation, as VLPose's command line names them."""

import copy
from pathlib import Path

import pytest

from mmpose.apis import load_config
from mmpose.apis.test import choose_test_data, prepare_test
from mmpose.config.check import check_config

BODY = Path(__file__).parents[2] / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap'
HUMANART = BODY / 'humanart/ViTPose_base_humanart_256x192.py'
ANN = 'HumanArt/annotations/validation_humanart_cartoon.json'
BOXES = (
    'HumanArt/person_detection_results/HumanArt_cartoon_validation_detections_AP_H_56_person.json'
)


@pytest.fixture
def cfg():
    return load_config(HUMANART)


def test_one_scenario_with_its_boxes(cfg):
    choose_test_data(cfg, ANN, [BOXES], '/mnt/sets')
    dataset = cfg.test_dataloader.dataset
    assert dataset.ann_file == f'/mnt/sets/{ANN}'
    assert dataset.bbox_file == f'/mnt/sets/{BOXES}'
    assert cfg.val_dataloader.dataset.ann_file.endswith('validation_humanart.json')
    assert not check_config(cfg)


def test_a_work_dir_stands_for_its_best_checkpoint(cfg, tmp_path):
    run = tmp_path / 'run'
    run.mkdir()
    for checkpoint in ('epoch_2.pth', 'best_EPE_epoch_1.pth'):
        (run / checkpoint).touch()
        (run / 'last_checkpoint').write_text('epoch_2.pth')
        ready = prepare_test(copy.deepcopy(cfg), str(run), work_dir=str(tmp_path / 'test'))
        assert ready.load_from == str(run / checkpoint)


def test_paths_are_relative_to_data(cfg, monkeypatch):
    choose_test_data(cfg, ANN)
    assert cfg.test_dataloader.dataset.ann_file == str(Path('data', ANN).absolute())
    monkeypatch.setenv('MMPOSE_DATA_ROOT', '/env')
    choose_test_data(cfg, ANN)
    assert cfg.test_dataloader.dataset.ann_file == f'/env/{ANN}'


def test_annotated_boxes(cfg):
    choose_test_data(cfg, None, ['none'])
    assert 'bbox_file' not in cfg.test_dataloader.dataset


def test_metric_reads_the_same_annotations(cfg):
    cfg.test_evaluator = [dict(type='HumanArtMetric', ann_file='data/other.json')]
    choose_test_data(cfg, ANN)
    assert not check_config(cfg)
    assert 'ann_file' not in cfg.test_evaluator[0]


def test_detected_and_annotated_boxes_in_one_run(cfg):
    choose_test_data(cfg, None, [BOXES, 'none'], '/mnt/sets')
    first, second = cfg.test_dataloader.dataset.datasets
    assert first.bbox_file == f'/mnt/sets/{BOXES}'
    assert 'bbox_file' not in second
    assert cfg.test_evaluator.names == ['detected_boxes', 'annotated_boxes']
    assert not check_config(cfg)


def test_mixtures_are_refused():
    cfg = load_config(BODY / 'coco/ViTPose_base_multitask_coco+aic+mpii_256x192.py')
    with pytest.raises(ValueError, match=r'--test-bbox-file are for configs of one dataset; set'):
        choose_test_data(cfg, ANN)
    assert choose_test_data(cfg) is cfg
