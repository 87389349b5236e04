"""Prompt tokens tune a ViT that stays as it is; the other modes train parts of it."""

import pytest
import torch

from mmpose.checkpoints.adapters.vlpose import fit_prompts
from mmpose.models.backbones import ViT, ViTPrompt
from mmpose.models.backbones.vit_prompt import plain_config

TINY = dict(img_size=(64, 48), embed_dim=24, depth=3, num_heads=3, drop_path_rate=0.5)
NUM_TOKENS = {'sp': 4, 'dp': 4, 'll': 0, 'ff': 0}


def tuned(mode, **options):
    torch.manual_seed(0)
    return ViTPrompt(mode, NUM_TOKENS[mode], **{**TINY, **options})


@pytest.fixture
def image():
    return torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))


TRAINED = {
    'sp': ('prompt_embed',),
    'dp': ('prompt_embed', 'deep_prompt_embed'),
    'll': ('blocks.2.', 'last_norm.'),
    'ff': ('pos_embed', 'patch_embed.', 'blocks.', 'last_norm.'),
}


@pytest.mark.parametrize('mode', TRAINED)
def test_what_is_trained(mode, image):
    model = tuned(mode, drop_path_rate=0.0).train()
    features = model(image)
    (features * torch.randn_like(features)).sum().backward()  # squares after a norm hardly change
    trained = {name for name, x in model.named_parameters() if x.requires_grad}
    assert trained == {
        name for name, _ in model.named_parameters() if name.startswith(TRAINED[mode])
    }
    assert all(x.grad.abs().sum() > 0 for x in model.parameters() if x.requires_grad)


def test_frozen_backbone_has_no_stochastic_depth(image):
    model = tuned('dp')
    assert torch.equal(model.train()(image), model.eval()(image))


@pytest.mark.parametrize('mode', ['sp', 'dp'])
def test_prompts_change_the_features_of_the_plain_model(mode, image):
    model = tuned(mode).eval()
    torch.manual_seed(0)
    plain = ViT(**TINY).eval()
    plain.load_state_dict({k: x for k, x in model.state_dict().items() if 'prompt' not in k})
    features = model(image)
    assert features.shape == plain(image).shape == (2, 24, 4, 3)
    assert (features - plain(image)).abs().max() > 1e-3


@pytest.mark.parametrize('mode', ['ll', 'ff'])
def test_without_prompts_it_is_the_plain_model(mode, image):
    model = tuned(mode).eval()
    plain = ViT(**TINY).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(image), plain(image))


def test_deep_prompts_forget_and_shallow_ones_go_on(image):
    """With deep prompts of zeros each block sees zeros; shallow ones have become something."""
    deep, shallow = tuned('dp').eval(), tuned('sp').eval()
    with torch.no_grad():
        for name, parameter in deep.named_parameters():
            if 'prompt' in name:
                parameter.zero_()
        shallow.load_state_dict(
            {k: x for k, x in deep.state_dict().items() if k != 'deep_prompt_embed'}
        )
        assert (deep(image) - shallow(image)).abs().max() > 1e-6
        deep.blocks = deep.blocks[:1]  # the first block sees the same in both
        shallow.blocks = shallow.blocks[:1]
        assert torch.equal(deep(image), shallow(image))


def test_depths_for_the_learning_rates():
    model = tuned('dp')
    assert model.get_layer_depth('prompt_embed') == model.num_layers - 1
    assert model.get_layer_depth('deep_prompt_embed') == model.num_layers - 1
    assert model.get_layer_depth('blocks.1.attn.qkv.weight') == 2


def test_recomputing_gives_the_same_gradients(image):
    grads = []
    for use_checkpoint in (False, True):
        model = tuned('dp').train()
        model.use_checkpoint = use_checkpoint
        model(image).square().sum().backward()
        grads.append(model.deep_prompt_embed.grad)
    assert torch.allclose(*grads, atol=1e-6)


def test_weights_of_other_modes_fit():
    shallow, plain = tuned('sp').state_dict(), tuned('ff')
    deep = tuned('dp')
    state, notes = fit_prompts(shallow, deep)
    deep.load_state_dict(state)
    assert torch.equal(deep.prompt_embed, shallow['prompt_embed'])
    assert notes == ['deep_prompt_embed start at random']
    state, notes = fit_prompts(shallow, plain)
    plain.load_state_dict(state)
    assert notes == ["prompt_embed left out: the model has tuning='ff'"]


def test_config_of_the_plain_model():
    config = dict(type='ViTPrompt', tuning='sp', num_tokens=4, depth=3)
    assert plain_config(config) == dict(type='ViT', depth=3)


@pytest.mark.parametrize(
    ('mode', 'num', 'message'),
    [
        ('vpt', 4, r"tuning is 'vpt', expected 'sp' or 'dp' .*'ll' .* or 'ff'"),
        ('sp', 0, r"num_tokens is 0; tuning='sp' takes at least 1"),
        ('ff', 5, r"num_tokens is 5; tuning='ff' takes 0, since it has no prompts"),
    ],
)
def test_wrong_mode(mode, num, message):
    with pytest.raises(ValueError, match=message):
        ViTPrompt(mode, num, **TINY)
