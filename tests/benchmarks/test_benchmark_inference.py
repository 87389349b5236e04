"""The benchmark of inference runs everyone on the same weights and boxes; nothing is timed here."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.inference import IMAGE_WH, benchmark_inference, make_scene
from mmpose.apis import init_model

ROOT = Path(__file__).parents[2]
CONFIG = (
    ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/coco/'
    'ViTPose_small_simple_coco_256x192.py'
)
TINY = {
    'model.backbone.embed_dim': 48,
    'model.backbone.depth': 1,
    'model.backbone.num_heads': 3,
    'model.head.in_channels': 48,
}
QUICK = dict(cfg_options=TINY, repeat=2, batch_sizes=(2,), num_threads=1, min_seconds=0.0)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model = init_model(CONFIG, cfg_options=TINY)
    nn.init.normal_(model.head.final_layer.weight, std=0.2)
    path = tmp_path_factory.mktemp('benchmark') / 'tiny.pth'
    torch.save({'state_dict': model.state_dict()}, path)
    return path


def test_everyone_finds_the_same(checkpoint):
    report = benchmark_inference(CONFIG, checkpoint, backends=('torch', 'onnx', 'hf'), **QUICK)
    assert len(report.find('batch 2, torch').values) == 2
    assert report.find('batch 2, onnx / hf').median > 0
    assert report.find('batch 2, onnx, p50').median <= report.find('batch 2, onnx, p95').median
    assert report.find('onnx, median distance to torch').median < 0.05  # px
    # The maps are equal, but Hugging Face blurs with sigma 0.8 where UDP has 2 before the Newton
    # step, which in maps of random weights is 2 px; a wrong box would be 100 px.
    assert report.find('hf, median distance to torch').median < 5


def test_what_is_missing_is_noted(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name: None if name == 'rtmlib' else find(name)
    )
    report = benchmark_inference(CONFIG, backends=('torch', 'rtmlib'), **QUICK)
    assert 'rtmlib is left out: rtmlib is not installed' in report.notes
    with pytest.raises(ValueError, match="--backends has 'tflite', expected some of torch, onnx"):
        benchmark_inference(CONFIG, backends=('tflite',), **QUICK)


def test_boxes_lie_in_the_image():
    image, boxes = make_scene(16)
    assert image.shape == (*IMAGE_WH[::-1], 3)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= np.array(IMAGE_WH)).all()
