"""The benchmarks of models with several heads, experts or language; nothing here is timed."""

from pathlib import Path

import pytest
import torch

from benchmarks import (
    benchmark_codec,
    benchmark_forward,
    benchmark_loader,
    benchmark_training,
    measured_models,
    training,
)
from benchmarks.huggingface import unsupported_reason
from benchmarks.measured_models import count_model_flops
from mmpose.apis import load_config
from mmpose.apis.train import prepare_training
from mmpose.models.backbones import ViT, ViTMoE

ROOT = Path(__file__).parents[2] / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/coco'
SIX = ROOT / 'vitPose+_small_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp.py'
THREE = ROOT / 'ViTPose_base_multitask_coco+aic+mpii_256x192.py'
LANGUAGE = ROOT / 'PGVL_ViTB_coco_256X192.py'
QUICK = dict(repeat=2, min_seconds=0.0)
RATIO = 'step, ViTMoE / ViT'
BACKBONE = {
    'model.backbone.embed_dim': 24,
    'model.backbone.depth': 1,
    'model.backbone.num_heads': 2,
}


def tiny(config, num_heads, **options):
    heads = {
        f'model.heads.{i}.{key}': value
        for i in range(num_heads)
        for key, value in (('in_channels', 24), ('deconv_out_channels', (8, 8)))
    }
    return load_config(config, BACKBONE | heads | options)


@pytest.fixture
def six():
    return tiny(SIX, 6)


@pytest.fixture
def three():
    return tiny(THREE, 3)


def names(report):
    return [measurement.name for measurement in report.measurements]


def test_training_runs_beside_a_plain_vit(six):
    # weights for the heads too, which are not read
    six.model.update(pretrained='none.pth', pretrained_metainfo=six.model.metainfo)
    found = benchmark_training(prepare_training(six), batch_size=6, **QUICK)
    ours, plain = found.find('step'), found.find('step, plain ViT')
    expected = tuple(x / y for x, y in zip(ours.values, plain.values, strict=True))
    assert found.find(RATIO).values == expected
    assert len(expected) == 2
    assert found.find('peak memory of the process').median > 10


@pytest.mark.parametrize('amp', [False, True])
def test_language_runs_beside_a_plain_vit(amp):
    sizes = {
        'model.text_encoder.width': 16,
        'model.text_encoder.out_channels': 32,
        'model.text_encoder.layers': 1,
        'model.parse_graph.dim': 24,
        'model.parse_graph.dims': (16, 24),
        'model.head.in_channels': 24,
        'model.head.deconv_out_channels': (8, 8),
    }
    cfg = load_config(LANGUAGE, BACKBONE | sizes)
    found = benchmark_training(prepare_training(cfg, amp=amp), batch_size=2, **QUICK)
    ours, plain = found.find('step'), found.find('step, plain ViT')
    expected = tuple(x / y for x, y in zip(ours.values, plain.values, strict=True))
    assert found.find('step, PGVLPose / ViT').values == expected
    assert not any('frozen' in note for note in found.notes)
    cfg = load_config(LANGUAGE, BACKBONE | sizes)
    found = benchmark_forward(cfg, batch_sizes=[1], **QUICK)
    assert any('it reads no texts' in note for note in found.notes)
    assert found.find('fp32, batch 1, ours / plain ViT').median > 0


def test_a_frozen_text_encoder_runs_beside_a_plain_vit():
    pytest.importorskip('transformers', reason='transformers is not installed')
    sizes = {
        'model.text_encoder.embed_dim': 16,
        'model.text_encoder.depth': 1,
        'model.text_encoder.num_heads': 2,
        'model.text_encoder.mlp_dim': 16,
        'model.head.in_channels': 24,
        'model.head.deconv_out_channels': (8, 8),
    }
    cfg = load_config(ROOT / 'VLPose_base_coco_256x192.py', BACKBONE | sizes)
    found = benchmark_training(prepare_training(cfg), batch_size=2, **QUICK)
    assert found.find('step, VLPose / ViT').median > 0


def test_models_without_experts_have_no_plain_copy(three):
    found = benchmark_training(prepare_training(three), batch_size=3, **QUICK)
    assert not any('ViT' in name for name in names(found))
    assert found.find('speed').median > 0


def test_the_plain_copy_has_the_same_heads(six):
    model_cfg = six.model.to_dict()
    model = measured_models.build_model(model_cfg)
    plain = measured_models.build_plain(model, model_cfg)
    assert type(model.backbone) is ViTMoE
    assert type(plain.backbone) is ViT
    shapes = [{k: v.shape for k, v in x.heads.state_dict().items()} for x in (model, plain)]
    assert shapes[0] == shapes[1]
    assert len(plain.backbone.blocks) == len(model.backbone.blocks) == 1
    assert model_cfg['backbone']['type'] == 'ViTMoE'


def test_batch_mixes_the_datasets(six):
    model = measured_models.build_model(six.model.to_dict())
    batch = training.make_batch(model, 7, torch.device('cpu'))['batch']
    assert batch['dataset_idx'].tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert batch['keypoints'].shape == (7, 133, 2)
    assert batch['keypoints_visible'].sum(1).tolist() == [17, 14, 16, 17, 17, 133, 17]
    assert not batch['keypoints'][batch['keypoints_visible'] == 0].any()
    assert batch['keypoints'][batch['keypoints_visible'] > 0].all()


def test_experts_cost_no_operations(six):
    model_cfg = six.model.to_dict()
    model = measured_models.build_model(model_cfg)
    ours = count_model_flops(model_cfg)
    model_cfg['backbone'] = measured_models.plain_config(model_cfg['backbone'])
    assert count_model_flops(model_cfg) == ours
    assert ours.heads[0] == ours.heads[3] < ours.heads[5]
    index = measured_models.deal_datasets(model, 6)
    assert measured_models.trained_crops_per_head(model, index) == [6] * 6
    model.clean = True
    assert measured_models.trained_crops_per_head(model, index) == [1] * 6


def test_training_of_one_expert_is_timed_alone(six):
    six.model.backbone.update(freeze_shared=True, trained_expert=2)
    model = measured_models.build_model(six.model.to_dict())
    index = measured_models.deal_datasets(model, 3)
    assert index.tolist() == [2, 2, 2]
    assert measured_models.trained_crops_per_head(model, index) == [0, 0, 3, 0, 0, 0]
    found = benchmark_training(prepare_training(six), batch_size=2, repeat=1, min_seconds=0.0)
    assert RATIO not in names(found)
    assert any('only one expert is trained' in note for note in found.notes)


def test_one_head_on_experts():
    head = {'model.head.in_channels': 24, 'model.head.deconv_out_channels': (8, 8)}
    experts = {'model.backbone.type': 'ViTMoE', 'model.backbone.num_expert': 2}
    cfg = load_config(ROOT / 'ViTPose_small_coco_256x192.py', BACKBONE | head | experts)
    model = measured_models.build_model(cfg.model.to_dict())
    assert measured_models.deal_datasets(model, 4).tolist() == [0, 1, 0, 1]
    assert measured_models.rows_per_head(model, measured_models.deal_datasets(model, 4)) == [
        [0, 1, 2, 3]
    ]
    assert unsupported_reason(model) == 'it is for one dataset'
    found = benchmark_training(prepare_training(cfg), batch_size=2, **QUICK)
    assert found.find(RATIO).median > 0


def test_forward_asks_each_head_for_its_own_crops(six):
    model = measured_models.build_model(six.model.to_dict()).eval()
    index = measured_models.deal_datasets(model, 8)
    rows = measured_models.rows_per_head(model, index)
    assert rows == [[0, 6], [1, 7], [2], [3], [4], [5]]
    images = torch.randn(8, 3, 256, 192)
    with torch.inference_mode():
        maps = measured_models.own_heatmaps(model, images, index, rows)
        whole = model(images, {'dataset_idx': index})
    for own, every, part in zip(maps, whole, rows, strict=True):
        torch.testing.assert_close(own, every[part])


def test_forward_runs_beside_a_plain_vit(six):
    found = benchmark_forward(six, batch_sizes=[2], **QUICK)
    flops = count_model_flops(six.model.to_dict())
    mean = flops.shared + sum(flops.heads) / 6
    assert 1e9 * found.find('operations of an image').median == pytest.approx(mean)
    case = 'fp32, batch 2'
    ours, plain = (found.find(f'{case}, {x}').values for x in ('ours', 'plain ViT'))
    ratio = tuple(x / y for x, y in zip(ours, plain, strict=True))
    assert found.find(f'{case}, ours / plain ViT').values == ratio
    rate = flops.of_batch(2, [1, 1, 0, 0, 0, 0]) * ours[0] / 2 / 1e12
    assert found.find(f'{case}, rate').values[0] == pytest.approx(rate)
    assert any('it is for one dataset' in note for note in found.notes)


def test_every_codec_is_timed_once(three):
    found = benchmark_codec(three, batch_size=2, repeat=1, min_seconds=0.0)
    assert [name for name in names(found) if name.endswith('encode, ours')] == [
        'coco: encode, ours',
        'aic: encode, ours',
        'mpii: encode, ours',
    ]
    assert 'coco: decode, ours / plain numpy' in names(found)
    assert any(note.startswith('aic: no plain implementation of MSRA') for note in found.notes)


def test_equal_codecs_are_one_case(six):
    cases = measured_models.codec_cases(six.model.to_dict())
    grouped = [(case.names, case.num_keypoints) for case in cases]
    assert (('ap10k', 'apt36k'), 17) in grouped
    assert (('wholebody',), 133) in grouped
    assert sum(len(own) for own, _ in grouped) == 6


def test_loader_of_a_mixture_is_refused_before_it_reads_files(six):
    with pytest.raises(ValueError, match=r'is a CombinedDataset.*one by one'):
        benchmark_loader(six, repeat=1)
