"""VLPose: published numbers and files, the way from ViTPose and back, and who shares a batch."""

import sys

import pytest
import torch
from golden_fill import check_golden, filled, golden_input
from published_vlpose import (
    SIZES,
    backbone_shapes,
    blip_shapes,
    classic_head_shapes,
    head_shapes,
    linear,
    norm,
    vlpose_shapes,
)

from mmpose.checkpoints import load_model
from mmpose.checkpoints.adapters.vlpose import fit_model
from mmpose.checkpoints.convert import convert_state_dict
from mmpose.models.pose_estimators import vlpose
from mmpose.registry import MODELS

pytest.importorskip('transformers', reason='transformers is not installed')

TEXT = dict(type='BlipTextEncoder', embed_dim=16, depth=1, num_heads=2, mlp_dim=24, max_tokens=16)
PROMPTS = {'cartoon': 'a cartoon', 'sketch': 'a pencil sketch of an old man'}
WIDTH, DEPTH = 24, 2


def config(tuning='sp', num_tokens=3, **changes):
    """Config of a tiny model for crops of 64x48."""
    backbone = dict(type='ViTPrompt', tuning=tuning, num_tokens=num_tokens, img_size=(64, 48))
    codec = dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=1)
    layers = dict(deconv_out_channels=(256, 256), deconv_kernel_sizes=(4, 4), decoder=codec)
    head = dict(type='TwoBranchHead', in_channels=WIDTH, out_channels=17, **layers)
    model = dict(
        type='VLPoseEstimator',
        backbone=dict(backbone, embed_dim=WIDTH, depth=DEPTH, num_heads=2, drop_path_rate=0.5),
        head=dict(head, freeze_main_branch=True, freeze_final_layer=False),
        text_encoder=dict(TEXT),
        matcher=dict(type='RelationMatcher'),
        prompts=dict(PROMPTS),
    )
    for key, value in changes.items():
        node = model
        *path, last = key.split('__')
        for name in path:
            node = node[name]
        node[last] = value
    return model


def build(*args, **changes):
    torch.manual_seed(0)
    model = MODELS.build(config(*args, **changes))
    with torch.no_grad():  # the published initialisation makes heatmaps of nearly zero
        for parameter in model.head.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)
    return model


def crops(*folders):
    """A batch of one crop per folder."""
    num = len(folders)
    inputs = torch.randn(num, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    files = [f'data/{folder}/{i}.jpg' for i, folder in enumerate(folders)]
    return inputs, {
        'image_file': files,
        'keypoints': torch.full((num, 17, 2), 20.0),
        'keypoints_visible': torch.ones(num, 17),
    }


# published numbers


def published(size, mode, tuned):
    """The model of a size, and weights by their published names."""
    width, depth, num_tokens = SIZES[size]
    heads = 16 if width > 1000 else 12
    model = config(mode, num_tokens)
    model['backbone'].update(img_size=(256, 192), embed_dim=width, depth=depth, num_heads=heads)
    model['head']['in_channels'] = width
    model['head']['decoder'].update(input_size=(192, 256), heatmap_size=(48, 64))
    model['text_encoder'].update(tuned)
    return MODELS.build(model)


GOLDEN = {
    'small': (
        'dp',
        (-1.18795543e-3, 1.00512912, 4.28335476),
        (-1.49659, -1.26705, -0.481357, -0.84322, 0.00850256, -0.0401089),
        (-1.41506388e-3, 1.00367427, 4.40916681),
        (-1.34824, -1.09928, -0.319419, -0.690882, 0.16196, -0.0625481),
        (-7.8941005e-2, 0.790757717, 3.58968234),
        (-0.137789, 0.283339, 0.236196, 0.576861, 0.229083, 0.286635),
    ),
    'base': (
        'sp',
        (-1.44537412e-3, 1.00232983, 4.73603249),
        (0.743331, 1.36602, 1.28045, -0.294425, 1.85799, -1.86161),
        (-5.71524854e-4, 1.00025321, 4.59766674),
        (1.24577, 1.89377, 1.77845, 0.276336, 2.30404, -1.67215),
        (-9.31942291e-2, 1.13238652, 4.78844404),
        (0.357457, 0.436576, 0.348318, 0.632009, 0.718705, 0.206746),
    ),
}


@pytest.mark.parametrize('size', GOLDEN)
def test_published_features_and_heatmaps(size, tmp_path):
    mode, *rows = GOLDEN[size]
    model = published(size, mode, dict(embed_dim=768)).eval()
    weights = {name: filled(name, shape) for name, shape in vlpose_shapes(size, mode).items()}
    weights |= {f'text_encoder.{name}': x for name, x in model.text_encoder.state_dict().items()}
    torch.save({'state_dict': weights}, tmp_path / 'published.pth')
    load_model(model, tmp_path / 'published.pth')
    words = golden_input(1.5, 2, 8, 768)
    with torch.no_grad():
        features = model.backbone(golden_input(0.5, 2, 3, 256, 192))
        related = model.matcher(features, model.text_embed_proj(words))
        middle = model.head.deconv_layers[0](features, related)
        heatmaps = model.head((features, related))
    for tensor, (stats, values) in zip(
        (features, related, heatmaps), zip(rows[::2], rows[1::2], strict=True), strict=True
    ):
        check_golden(tensor, *stats, values[:-1], values[-1])
    if size == 'base':
        first = (2.71023, 0, 2.45611, 3.47439, 1.52041)
        check_golden(middle, 1.61079305, 1.80074527, 14.064724, first, 0.406055)


def weightless(shapes):
    """Tensors of these shapes that take no memory."""
    return {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}


# millions of parameters without BLIP, and of those that are trained
COUNTS = {
    ('small', 'sp'): (27.82, 3.53),
    ('small', 'dp'): (28.03, 3.74),
    ('base', 'sp'): (96.57, 6.58),
    ('base', 'dp'): (96.74, 6.75),
    ('large', 'sp'): (318.79, 10.25),
    ('large', 'dp'): (319.02, 10.48),
    ('huge', 'sp'): (651.05, 13.85),
    ('huge', 'dp'): (651.25, 14.05),
}


@pytest.mark.parametrize(('size', 'mode'), COUNTS)
def test_published_names_shapes_and_counts(size, mode):
    """The published layout, BLIP included, fits the model without a rest."""
    with torch.device('meta'):
        bert = dict(embed_dim=768, depth=12, num_heads=12, mlp_dim=3072, max_tokens=512)
        model = published(size, mode, bert)
    layout = vlpose_shapes(size, mode) | blip_shapes()
    converted = convert_state_dict(weightless(layout))
    state, dropped, _ = fit_model(converted.state, model)
    ours = {name: tuple(x.shape) for name, x in model.state_dict().items()}
    assert {name: tuple(x.shape) for name, x in state.items()} == ours
    assert len(state) + len(dropped) == len(layout) - 1  # the class token
    parameters = [(k, x) for k, x in model.named_parameters() if not k.startswith('text_encoder')]
    total = sum(x.numel() for _, x in parameters) / 1e6
    trained = sum(x.numel() for _, x in parameters if x.requires_grad) / 1e6
    assert (total, trained) == pytest.approx(COUNTS[size, mode], abs=0.0051)  # they are rounded


# files


def tiny_published(mode='sp', with_blip=True):
    """Weights of the tiny model in the published layout."""
    shapes = backbone_shapes(WIDTH, DEPTH, 3, mode == 'dp') | head_shapes(WIDTH)
    shapes['backbone.pos_embed'] = (1, 13, WIDTH)
    shapes |= linear('text_embed_proj', WIDTH, 16) | norm('matcher.norm', WIDTH)
    for name in ('q', 'k', 'v', 'proj'):
        shapes |= linear(f'matcher.{name}', WIDTH, WIDTH)
    if with_blip:
        blip = blip_shapes(16, 1, 24, 30524, 16)
        shapes |= {name: shape for name, shape in blip.items() if '.blocks.' not in name}
    return {name: filled(name, shape) for name, shape in shapes.items()}


def blip_file(folder):
    """BLIP's own file with the tiny text encoder of the published layout."""
    path = folder / 'blip.pth'
    prefix = 'text_encoder.'
    inner = {k: x for k, x in tiny_published().items() if k.startswith(2 * prefix)}
    torch.save({'model': {k.removeprefix(prefix): x for k, x in inner.items()}}, path)
    return str(path)


def test_file_with_and_without_blip(tmp_path):
    heatmaps = []
    for with_blip in (True, False):
        torch.save({'state_dict': tiny_published('dp', with_blip)}, tmp_path / 'vlpose.pth')
        pretrained = None if with_blip else blip_file(tmp_path)
        model = build('dp', text_encoder__pretrained=pretrained).eval()
        report = load_model(model, tmp_path / 'vlpose.pth')
        assert not report.missing
        inputs, batch = crops('cartoon', 'sketch')
        heatmaps.append(model(inputs, batch))
        assert ('loaded the text encoder' in str(report)) == (not with_blip)
        assert ('part of BLIP that VLPose never runs' in str(report)) == with_blip
    assert torch.equal(*heatmaps)


def test_own_checkpoint_comes_back(tmp_path):
    model = build().eval()
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'own.pth')
    torch.manual_seed(5)
    other = MODELS.build(config()).eval()
    load_model(other, tmp_path / 'own.pth')
    inputs, batch = crops('cartoon')
    assert torch.equal(model(inputs, batch), other(inputs, batch))


def test_file_without_text_encoder_says_what_to_set(tmp_path):
    torch.save({'state_dict': tiny_published(with_blip=False)}, tmp_path / 'vlpose.pth')
    message = r'no text encoder; set model\.text_encoder\.pretrained to .*capfilt_large\.pth'
    with pytest.raises(ValueError, match=message):
        load_model(build(), tmp_path / 'vlpose.pth')


def mmpose1_vitpose():
    shapes = backbone_shapes(WIDTH, DEPTH) | classic_head_shapes(WIDTH)
    shapes['backbone.pos_embed'] = (1, 13, WIDTH)
    return {name: filled(name, shape) for name, shape in shapes.items()}


def mmpose0_vitpose():
    """The same weights under the names of the original ViTPose."""
    plain = convert_state_dict(mmpose1_vitpose()).state
    return {name.replace('head.', 'keypoint_head.'): x for name, x in plain.items()}


@pytest.fixture(params=[mmpose0_vitpose, mmpose1_vitpose])
def vitpose_file(request, tmp_path):
    torch.save({'state_dict': request.param()}, tmp_path / 'vitpose.pth')
    return str(tmp_path / 'vitpose.pth')


def plain_model(path):
    model = config(language=False)
    model = MODELS.build({k: x for k, x in model.items() if k != 'pretrained'}).eval()
    return model, load_model(model, path)


def train(model, steps=3):
    """Some steps of what is not frozen."""
    model.train()
    trained = [x for x in model.parameters() if x.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(*crops('cartoon', 'sketch', 'zoo'), mode='loss')['loss_heatmap'].backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize('mode', ['sp', 'dp'])
@pytest.mark.parametrize('freeze_final', [True, False])
def test_reverting_gives_back_vitpose(mode, freeze_final, vitpose_file, tmp_path):
    """Tuned from a ViTPose file, the model without language is that file again, exactly."""
    changes = dict(head__freeze_final_layer=freeze_final)
    model = build(mode, pretrained=vitpose_file, **changes)
    model.init_weights()
    train(model)
    inputs, batch = crops('cartoon', 'sketch')
    original, _ = plain_model(vitpose_file)
    expected = original(inputs, batch)
    assert (model(inputs, batch) - expected).abs().max() > 1e-3
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'tuned.pth')

    reverted = MODELS.build(config(mode, language=False, **changes)).eval()
    report = str(load_model(reverted, tmp_path / 'tuned.pth'))
    assert 'language is off' in report
    assert torch.equal(reverted(inputs, batch), expected) == freeze_final
    assert ('head.final_layer learned together with the language' in report) == (not freeze_final)
    reverted.head.final_layer.load_state_dict(original.head.final_layer.state_dict())
    assert torch.equal(reverted(inputs, batch), expected)


def test_reverting_names_a_tuned_backbone(tmp_path):
    model = build('ff', 0, head__freeze_main_branch=False)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'tuned.pth')
    changes = dict(head__freeze_main_branch=False, language=False)
    report = load_model(MODELS.build(config('ff', 0, **changes)), tmp_path / 'tuned.pth')
    assert 'the backbone and the main branch of the head and head.final_layer' in str(report)


def test_without_language_nothing_needs_transformers(vitpose_file, monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    model, _ = plain_model(vitpose_file)
    assert model(*crops('cartoon')).shape == (1, 17, 16, 12)
    with pytest.raises(ImportError, match=r'needs transformers; install it with: pip install -r'):
        build()


def test_vitpose_file_as_a_whole_model_is_refused(vitpose_file):
    with pytest.raises(
        ValueError, match=r'plain ViTPose .* set model\.pretrained .*language=False'
    ):
        load_model(build(), vitpose_file)


def test_tuning_starts_from_a_vlpose_model_of_coco(tmp_path):
    """Stage two has prompts that stage one lacks; all else is taken over."""
    first = build('ff', 0, head__freeze_main_branch=False)
    torch.save({'state_dict': first.state_dict()}, tmp_path / 'coco.pth')
    second = build('dp', pretrained=str(tmp_path / 'coco.pth'))
    second.init_weights()
    ours = second.state_dict()
    assert all(torch.equal(ours[name], x) for name, x in first.state_dict().items())


# behaviour


@pytest.fixture
def warnings(monkeypatch):
    found = []
    monkeypatch.setattr(vlpose, 'print_log', lambda text, **_: found.append(text))
    return found


def test_frozen_parts_at_random_initialisation_are_warned_of(warnings):
    model = build()
    model.init_weights()
    train(model)
    assert len(warnings) == 1
    assert 'frozen parts stay as drawn at random: text_encoder, head; set' in warnings[0]
    model.init_weights()
    model.load_state_dict(model.state_dict())
    train(model)
    assert len(warnings) == 1


def test_sentence_changes_the_result():
    model = build().eval()
    inputs, batch = crops('cartoon')
    changed = model(inputs, {**batch, 'image_file': ['data/sketch/0.jpg']})
    assert (model(inputs, batch) - changed).abs().max() > 1e-4
    fallback = model(inputs, {**batch, 'image_file': ['data/zoo/0.jpg']})
    assert torch.equal(model(inputs), fallback)


FOLDERS = ('cartoon', 'sketch', 'zoo')


def test_result_does_not_depend_on_the_batch():
    model = build().eval()
    inputs, batch = crops(*FOLDERS)
    together = model(inputs, batch)
    for i in range(3):
        alone = model(inputs[i : i + 1], {'image_file': batch['image_file'][i : i + 1]})
        assert torch.allclose(alone[0], together[i], rtol=0, atol=1e-6)  # heatmaps of about 1


def test_published_padding_depends_on_the_batch():
    """With ``attend_padding`` the longest sentence of the batch decides, as published."""
    model = build(attend_padding=True).eval()
    inputs, batch = crops(*FOLDERS)
    together = model(inputs, batch)
    alone = model(inputs[:1], {'image_file': batch['image_file'][:1]})
    assert (alone[0] - together[0]).abs().max() > 1e-5
    longest = model(inputs[1:2], {'image_file': batch['image_file'][1:2]})
    assert torch.allclose(longest[0], together[1], rtol=0, atol=1e-6)


def test_masked_words_do_not_matter():
    model = build().eval()
    features, words = torch.randn(2, WIDTH, 4, 3), torch.randn(2, 5, WIDTH)
    is_word = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    related = model.matcher(features, words, is_word)
    short = model.matcher(features[:1], words[:1, :3])
    assert torch.allclose(related[0], short[0], atol=1e-6)


def test_training_uses_all_that_is_trained():
    model = build('dp').train()
    model(*crops(*FOLDERS), mode='loss')['loss_heatmap'].backward()
    trained = [x for x in model.parameters() if x.requires_grad]
    assert all(x.grad is not None for x in trained)
    assert not model.text_encoder.training
    assert not any(name.startswith('text_encoder') for name, x in model.named_parameters()
                   if x.requires_grad)  # fmt: skip


BAD = [
    (dict(prompts='nothing'), FileNotFoundError, r"model\.prompts is 'nothing', expected"),
    (dict(prompts={'zoo': 'a photo of a zeppelin'}), ValueError, r"word 'zeppelin', which is not"),
    (dict(prompts={'zoo': 'a ' * 20}), ValueError, r'has 22 tokens, but .* takes 16; shorten'),
    (dict(backbone__tuning='vpt'), ValueError, r"tuning is 'vpt', expected"),
    (dict(matcher__num_heads=7), ValueError, r'num_heads=7, which does not divide the 24'),
    (dict(text_encoder__vocab='no.txt'), FileNotFoundError, r'no\.txt: no such vocabulary'),
]


@pytest.mark.parametrize(('changes', 'kind', 'message'), BAD)
def test_bad_input_is_named(changes, kind, message):
    with pytest.raises(kind, match=message):
        MODELS.build(config(**changes))
