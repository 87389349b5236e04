"""Operations by part: their sum, formulas of a transformer, published figures, and bad sizes."""

import runpy
import sys
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmpose.analysis.complexity import (
    EXPERTS,
    HEAD,
    MATMULS,
    MLP,
    NECK,
    PATCH,
    PROJECTIONS,
    REST,
    measure_complexity,
    report_complexity,
)
from mmpose.analysis.flops import build_model
from mmpose.apis import load_config

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap'
PLUS = 'coco/vitPose+_small_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp.py'


def model_of(config):
    return load_config(FOLDER / config).model.to_dict()


def size(name):
    return model_of(f'coco/ViTPose_{name}_coco_256x192.py')


# as quoted for ViTPose with the classic decoder; 122 leaves the attention matmuls of H out
@pytest.mark.parametrize(
    ('name', 'published', 'million'),
    [('small', 5.6, 24.3), ('base', 18, 90), ('large', 61, 309), ('huge', 122, 637)],
)
def test_published_gflops_are_multiply_adds(name, published, million):
    found = measure_complexity(size(name))
    multiply_adds = sum(found.flops.values()) / 2 / 1e9
    assert multiply_adds == pytest.approx(published, rel=0.035)  # they are cut, not rounded
    without = multiply_adds - found.flops[MATMULS] / 2e9
    assert without == pytest.approx(published, rel=0.07)
    assert sum(found.parameters.values()) == pytest.approx(million * 1e6, rel=0.002)


def test_parts_of_a_plain_model_follow_from_its_sizes():
    found = measure_complexity(size('base'))
    tokens, dim, depth = 192, 768, 12
    macs = {part: flops / 2 for part, flops in found.flops.items()}
    assert macs == {
        PATCH: tokens * dim * 3 * 16 * 16,
        PROJECTIONS: depth * tokens * 4 * dim * dim,
        MATMULS: depth * 2 * tokens * tokens * dim,
        MLP: depth * tokens * 2 * dim * 4 * dim,
        REST: 0,
        # kernels of 4x4 on the cells before them, then one of 1x1 on all cells
        HEAD: 256 * 16 * (tokens * dim + 4 * tokens * 256) + 64 * 48 * 256 * 17,
    }


@pytest.mark.parametrize('shape', [None, (128, 64)])
def test_the_sum_is_that_of_the_counter_of_torch(shape):
    """Of a model that really runs, without the fused attention of CPUs, which torch leaves out."""
    cfg = model_of('toy/ViTPose_tiny_toy_128x96.py')
    found = measure_complexity(cfg, shape)
    model = build_model(cfg).eval()
    height, width = shape or (128, 96)
    for head in model.all_heads():
        head.decoder.heatmap_size = (width // 4, height // 4)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        model(torch.zeros(1, 3, height, width))
    assert sum(found.flops.values()) == counter.get_total_flops()
    assert sum(found.parameters.values()) == sum(x.numel() for x in model.parameters())


def test_experts_have_a_part_and_cost_nothing_extra():
    cfg = model_of(PLUS)
    found, plain = measure_complexity(cfg), measure_complexity(size('small'))
    assert found.num_datasets == 6
    # an expert has a quarter of the rows of fc2, which is half of the MLP
    assert found.flops[EXPERTS] == plain.flops[MLP] // 8
    assert found.flops[EXPERTS] + found.flops[MLP] == plain.flops[MLP]
    assert found.parameters[EXPERTS] == 12 * 6 * (96 * 1536 + 96)
    text = report_complexity(cfg)
    assert '6 datasets: the parameters are those of all experts' in text
    assert NECK not in text


def test_a_neck_is_a_part():
    cfg = model_of('toy/ViTPose_tiny_toy_128x96.py')
    dim = cfg['backbone']['embed_dim']
    plain = measure_complexity(cfg)
    from mmpose.registry import MODELS

    if 'ConvNeckOfTest' not in MODELS:
        MODELS.register_module(
            name='ConvNeckOfTest', module=lambda: torch.nn.Conv2d(dim, dim, 1, bias=False)
        )
    found = measure_complexity({**cfg, 'neck': dict(type='ConvNeckOfTest')})
    assert found.flops[NECK] == 2 * 8 * 6 * dim * dim
    assert found.parameters[NECK] == dim * dim
    assert found.flops[HEAD] == plain.flops[HEAD]


def test_the_command_prints_a_batch_at_another_size(monkeypatch, capsys):
    config = FOLDER / 'toy/ViTPose_tiny_toy_128x96.py'
    words = ['get_flops.py', str(config), '--shape', '256', '192', '-b', '2']
    monkeypatch.setattr(sys, 'argv', words)
    runpy.run_path(str(ROOT / 'tools/analysis/get_flops.py'), run_name='__main__')
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'Cost of an image of 256x192 px (height x width)'
    total = next(line.split() for line in lines if line.startswith('total'))
    assert float(total[2]) * 2 == pytest.approx(float(total[3]), abs=2e-3)
    assert lines[-1].startswith('a batch of 2: ')


@pytest.mark.parametrize(
    ('options', 'sentence'),
    [
        (dict(input_hw=(100, 96)), 'input of height 100 and width 96, but both must be multiples'),
        (dict(batch_size=0), '--batch-size is 0, expected 1 or more'),
    ],
)
def test_bad_sizes_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        report_complexity(model_of('toy/ViTPose_tiny_toy_128x96.py'), **options)
