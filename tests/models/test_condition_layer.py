"""A condition changes nothing at first, is learned, and means the same in all that runs a model."""

import re

import numpy as np
import pytest
import torch

from mmpose.apis import init_model, load_config
from mmpose.apis.inference.predictor import PosePredictor
from mmpose.backends.crop_rule import CropRule
from mmpose.checkpoint_tools.convert_file import convert_checkpoint
from mmpose.checkpoints.load import load_backbone, load_model
from mmpose.config.check import check_config
from mmpose.datasets.transforms import (
    AddCondition,
    GetBBoxCenterScale,
    LoadImage,
    TopdownAffine,
)
from mmpose.export import ExportOptions, open_exported, run_export
from mmpose.models.backbones import ViT
from mmpose.structures import Boxes, Frame

LEAVES = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap'
CONFIG = f'{LEAVES}/toy/ViTPose_tiny_toy_crowd_condition_128x96.py'
TINY = {
    'model.backbone.embed_dim': 24,
    'model.backbone.depth': 1,
    'model.backbone.num_heads': 2,
    'model.head.in_channels': 24,
    'model.head.deconv_out_channels': (8, 8),
}
BOXES = Boxes.from_xywh([[20, 30, 60, 150], [50, 40, 60, 150], [300, 0, 20, 20]])


def vit(stem, **options):
    torch.manual_seed(0)
    sizes = dict(img_size=(64, 48), embed_dim=24, depth=1, num_heads=2)
    return ViT(**sizes, stem=stem, **options).eval()


@pytest.mark.parametrize('stem', ['patch', 'conv'])
def test_a_condition_starts_at_nothing_and_is_learned(stem):
    plain, told = vit(stem), vit(stem, condition_chans=2)
    assert set(told.state_dict()) - set(plain.state_dict()) == {'condition_embed'}
    images, condition = torch.randn(2, 3, 64, 48), torch.rand(2, 2, 64, 48)
    maps = told(torch.cat([images, condition], 1))
    assert torch.equal(maps, plain(images))
    maps.square().mean().backward()
    assert told.condition_embed.grad.abs().max() > 0
    torch.nn.init.normal_(told.condition_embed)
    cells = told.condition_embed.detach()
    side = cells.shape[-1]
    # token (1, 2) sees its own cell of the condition, and no other
    patch = condition[0, :, side : 2 * side, 2 * side : 3 * side]
    expected = (cells * patch).sum((1, 2, 3)) + plain.patch_embed(images)[0, :, 1, 2]
    found = told._embed(torch.cat([images, condition], 1))[0, :, 1, 2]
    torch.testing.assert_close(found, expected)


def test_crops_without_a_condition_are_refused():
    with pytest.raises(ValueError, match=r'3 channels but the backbone reads 5.*AddCondition'):
        vit('patch', condition_chans=2)(torch.zeros(1, 3, 64, 48))


def test_condition_learns_at_the_rate_of_the_head_also_in_a_frozen_backbone():
    told = vit('patch', condition_chans=2, frozen_stages=1)
    assert told.get_layer_depth('condition_embed') == told.num_layers - 1
    assert [name for name, x in told.named_parameters() if x.requires_grad] == [
        'condition_embed',
        'last_norm.weight',
        'last_norm.bias',
    ]


def test_plain_weights_are_the_start_but_no_model_to_test(tmp_path):
    torch.save(
        {'state_dict': {f'backbone.{k}': x for k, x in vit('patch').state_dict().items()}},
        tmp_path / 'plain.pth',
    )
    told = vit('patch', condition_chans=2)
    torch.nn.init.ones_(told.condition_embed)
    report = load_backbone(told, tmp_path / 'plain.pth')
    assert 'condition_embed starts at 0' in str(report)
    assert not told.condition_embed.any()
    with pytest.warns(UserWarning, match='RANDOM'):
        model = init_model(CONFIG, cfg_options=TINY)
    state = {k: x for k, x in model.state_dict().items() if 'condition' not in k}
    torch.save({'state_dict': state}, tmp_path / 'model.pth')
    with pytest.raises(ValueError, match='condition_embed'):
        load_model(model, tmp_path / 'model.pth')


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(1)
    with pytest.warns(UserWarning, match='RANDOM'):
        model = init_model(CONFIG, cfg_options=TINY)
    torch.nn.init.normal_(model.backbone.condition_embed, std=0.5)
    for module in model.head.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            torch.nn.init.normal_(module.weight, std=0.2)
    path = tmp_path_factory.mktemp('told') / 'told.pth'
    torch.save({'state_dict': model.state_dict()}, path)
    return path


@pytest.fixture
def model(checkpoint):
    return init_model(CONFIG, checkpoint, cfg_options=TINY)


@pytest.fixture(scope='module')
def image():
    return np.random.default_rng(0).integers(0, 255, (240, 160, 3), np.uint8)


class Recorder:
    """A backend that keeps its crops."""

    def __init__(self, model):
        self.inner = model.backend
        self.__dict__.update(vars(model.backend))

    def predict(self, crops, with_heatmaps=False):
        self.crops = crops
        return self.inner.predict(crops, with_heatmaps)


def test_inference_tells_a_model_what_the_test_pipeline_tells_it(model, image):
    backend = Recorder(model)
    results = PosePredictor(backend)([Frame(0, image, 'a')] * 2, [BOXES, BOXES.select([1])])
    assert backend.crops.shape == (4, 5, 128, 96)
    assert len(results[0]) == 3
    for row in range(3):
        sample = {'image': image, 'bbox_xywh': BOXES.xywh[row], 'image_wh': (160, 240)}
        sample |= {'image_file': '', 'rng': None}
        sample['others_xywh'] = np.delete(BOXES.xywh, row, axis=0)
        affine = TopdownAffine((96, 128), use_udp=True)
        for step in (LoadImage(), GetBBoxCenterScale(), affine, AddCondition()):
            sample = step(sample)
        np.testing.assert_array_equal(backend.crops[row], sample['image'].transpose(2, 0, 1))
    assert backend.crops[0, 4].any()
    assert not backend.crops[3, 4].any()
    alone, among = results[1][0].keypoint_scores, results[0][1].keypoint_scores
    assert np.abs(alone - among).max() > 1e-3  # the others count


def test_the_flip_test_mirrors_the_condition(model):
    crops = torch.rand(2, 5, 128, 96)
    model.flip_test = True
    maps = model.predict_output(crops)
    mirrored = model.head.decoder.unflip(model.forward_heads(crops.flip(-1)), model.flip_indices)
    torch.testing.assert_close(maps, (model.forward_heads(crops) + mirrored) / 2)


def test_an_exported_program_takes_the_condition(checkpoint, model, image, tmp_path):
    out = tmp_path / 'told.torchscript'
    options = ExportOptions(out=out, format='torchscript', batch_size=None, cfg_options=TINY)
    report = run_export(CONFIG, checkpoint, options)
    assert report.metadata.mean[3:] == (0, 0)
    assert report.metadata.std[3:] == (255, 255)
    exported = open_exported(out)
    assert exported.has_condition
    model.flip_test = False
    frames, boxes = [Frame(0, image, 'a')], [BOXES]
    [wanted], [found] = (
        PosePredictor(backend)(frames, boxes) for backend in (model.backend, exported)
    )
    for one, other in zip(wanted, found, strict=True):
        np.testing.assert_allclose(one.keypoint_scores, other.keypoint_scores, rtol=1e-4)


@pytest.mark.parametrize('target', ['huggingface', 'mmpose1x', 'vitpose'])
def test_systems_without_conditions_are_not_given_any(target, checkpoint, tmp_path):
    suffix = '' if target == 'huggingface' else '.pth'
    told, path = torch.load(checkpoint)['state_dict'], tmp_path / 'told.pth'
    # of a network that they have otherwise
    kept = {k: x for k, x in told.items() if 'patch_embed' not in k}
    kept['backbone.patch_embed.proj.weight'] = torch.zeros(24, 3, 16, 16)
    kept['backbone.patch_embed.proj.bias'] = torch.zeros(24)
    torch.save({'state_dict': kept}, path)
    with pytest.raises(ValueError, match=r'does not have conditions \(model.backbone.condition_'):
        convert_checkpoint(path, tmp_path / f'out{suffix}', target)


def test_a_plain_program_says_what_it_said(tmp_path):
    plain = f'{LEAVES}/toy/ViTPose_tiny_toy_crowd_128x96.py'
    out = tmp_path / 'plain.torchscript'
    with pytest.warns(UserWarning, match='RANDOM'):
        report = run_export(
            plain, None, ExportOptions(out=out, format='torchscript', cfg_options=TINY)
        )
    assert len(report.metadata.mean) == 3
    assert not open_exported(out).has_condition


PIPELINE = 'val_dataloader.dataset.pipeline'


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'model.backbone.condition_chans': 0}, 'condition_chans is 0 but .* has an AddCondition'),
        ({'model.backbone.condition_chans': 1}, 'condition_chans is 1 but AddCondition makes 2'),
        ({PIPELINE: [dict(type='LoadImage')]}, f'is 2 but {PIPELINE} has no AddCondition'),
    ],
)
def test_contradictions_are_found(options, words):
    cfg = load_config(CONFIG, options, check=False)
    problems = check_config(cfg)

    assert any(re.search(words, problem) for problem in problems), problems


def test_a_model_that_wants_masks_is_refused_where_there_are_none():
    cfg = load_config(CONFIG, {f'{PIPELINE}.3.kind': 'mask'}, check=False)
    with pytest.raises(ValueError, match=r"inference has boxes and no masks.*kind='bbox'"):
        CropRule.from_config(cfg)
