import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper, build_optim_wrapper
from torch import nn

from mmcv_custom import LayerDecayOptimWrapperConstructor
from mmpose.models.backbones import ViT

SIZES = {
    'small': dict(embed_dim=384, depth=12, num_heads=12),
    'base': dict(embed_dim=768, depth=12, num_heads=12),
    'large': dict(embed_dim=1024, depth=24, num_heads=16),
    'huge': dict(embed_dim=1280, depth=32, num_heads=16),
}


class Pose(nn.Module):
    """A backbone and a head of the kinds of layers that the classic decoder has."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        channels = backbone.out_channels
        self.head = nn.Sequential(
            nn.ConvTranspose2d(channels, 8, 4, bias=False), nn.BatchNorm2d(8), nn.Conv2d(8, 17, 1)
        )


def tiny_pose(**options):
    return Pose(ViT(**(dict(img_size=(32, 32), embed_dim=8, depth=2, num_heads=2) | options)))


def make_constructor(lr=5e-4, rate=0.75, **paramwise):
    return LayerDecayOptimWrapperConstructor(
        dict(optimizer=dict(type='AdamW', lr=lr, weight_decay=0.1)),
        dict(layer_decay_rate=rate, **paramwise),
    )


@pytest.mark.parametrize(
    ('size', 'lr', 'rate', 'num_groups', 'embed_lr', 'first_lr', 'last_lr'),
    [
        ('small', 5e-4, 0.80, 28, 2.749e-5, 3.436e-5, 4.0e-4),
        ('base', 5e-4, 0.75, 28, 1.18786e-5, 1.58382e-5, 3.75e-4),
        ('large', 5e-4, 0.80, 52, 1.88895e-6, 2.36118e-6, 4.0e-4),
        ('huge', 5e-4, 0.85, 68, 2.34312e-6, 2.75661e-6, 4.25e-4),
        ('huge', 1e-3, 0.80, 68, 6.338e-7, 7.923e-7, 8e-4),
    ],
)
def test_groups_and_rates_are_the_published_ones(
    size, lr, rate, num_groups, embed_lr, first_lr, last_lr
):
    with torch.device('meta'):
        model = Pose(ViT(**SIZES[size]))
    groups = {g['group_name']: g for g in make_constructor(lr, rate).param_groups(model)}
    depth = SIZES[size]['depth']

    assert len(groups) == num_groups
    for kind in ('decay', 'no_decay'):
        rates = [groups[f'layer_{i}_{kind}']['lr'] for i in (0, 1, depth, depth + 1)]
        assert rates == pytest.approx([embed_lr, first_lr, last_lr, lr], rel=1e-3)


def test_every_parameter_is_in_the_group_of_its_depth_and_kind():
    model = tiny_pose()
    groups = make_constructor().param_groups(model)
    found = {}
    for group in groups:
        for name, parameter in zip(group['param_names'], group['params'], strict=True):
            assert parameter is model.get_parameter(name)
            found[name] = (group['group_name'], group['weight_decay'])

    assert found.keys() == {name for name, _ in model.named_parameters()}
    for name, expected in {
        'backbone.pos_embed': ('layer_0_no_decay', 0),
        'backbone.patch_embed.proj.weight': ('layer_0_decay', 0.1),
        'backbone.patch_embed.proj.bias': ('layer_0_no_decay', 0),
        'backbone.blocks.0.norm1.weight': ('layer_1_no_decay', 0),
        'backbone.blocks.1.attn.qkv.weight': ('layer_2_decay', 0.1),
        'backbone.blocks.1.attn.qkv.bias': ('layer_2_no_decay', 0),
        'backbone.last_norm.weight': ('layer_3_no_decay', 0),
        'head.0.weight': ('layer_3_decay', 0.1),
        'head.1.weight': ('layer_3_no_decay', 0),
        'head.2.bias': ('layer_3_no_decay', 0),
    }.items():
        assert found[name] == expected, name
    assert groups[0]['group_name'] == 'layer_0_no_decay'  # pos_embed comes first
    assert groups[0]['lr_scale'] == pytest.approx(0.75**3)


def test_frozen_parameters_are_left_out():
    groups = make_constructor().param_groups(tiny_pose(frozen_stages=1))
    names = [name for group in groups for name in group['param_names']]

    assert len(names) == len(set(names))
    assert min(int(group['group_name'].split('_')[1]) for group in groups) == 2
    with pytest.raises(ValueError, match='every parameter is frozen'):
        make_constructor().param_groups(tiny_pose().requires_grad_(False))


class Wrapped(nn.Module):
    """Holds the model as ``module``, as distributed wrappers do."""

    def __init__(self, module):
        super().__init__()
        self.module = module


@pytest.mark.parametrize('wrap', [lambda x: x, Wrapped], ids=['plain', 'wrapped'])
def test_builds_from_the_config_of_a_runner(wrap):
    config = dict(
        type='OptimWrapper',
        optimizer=dict(type='AdamW', lr=1e-3, betas=(0.8, 0.9), weight_decay=0.1),
        clip_grad=dict(max_norm=1.0),
        constructor='LayerDecayOptimWrapperConstructor',
        paramwise_cfg=dict(layer_decay_rate=0.5),
    )
    wrapper = build_optim_wrapper(wrap(tiny_pose()), config)

    assert isinstance(wrapper, OptimWrapper)
    assert isinstance(wrapper.optimizer, torch.optim.AdamW)
    assert wrapper.clip_grad_kwargs == dict(max_norm=1.0)
    assert len(wrapper.optimizer.param_groups) == 8
    assert {group['betas'] for group in wrapper.optimizer.param_groups} == {(0.8, 0.9)}
    assert config['optimizer'].keys() == {'type', 'lr', 'betas', 'weight_decay'}


def test_type_of_the_wrapper_is_respected(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)  # mmengine asks before amp
    constructor = LayerDecayOptimWrapperConstructor(
        dict(type='AmpOptimWrapper', dtype='bfloat16', optimizer=dict(type='SGD', lr=0.1)),
        dict(layer_decay_rate=0.5),
    )
    wrapper = constructor(tiny_pose())

    assert isinstance(wrapper, AmpOptimWrapper)
    assert isinstance(wrapper.optimizer, torch.optim.SGD)


def test_training_state_survives_saving_and_loading():
    first, second = (make_constructor()(tiny_pose()) for _ in range(2))
    first.param_groups[0]['lr'] = 0.123

    second.load_state_dict(first.state_dict())

    assert second.param_groups[0]['lr'] == 0.123
    assert second.param_groups[0]['param_names'] == first.param_groups[0]['param_names']


def test_decay_of_the_optimizer_stays_when_the_config_names_none():
    constructor = LayerDecayOptimWrapperConstructor(
        dict(optimizer=dict(type='AdamW', lr=1e-3)), dict(layer_decay_rate=0.5)
    )
    groups = constructor(tiny_pose()).optimizer.param_groups
    decays = {g['group_name']: g['weight_decay'] for g in groups}

    assert decays['layer_1_decay'] == 0.01  # AdamW's default
    assert decays['layer_1_no_decay'] == 0


def test_names_are_cleaned_of_compilation_and_checkpointing():
    model = tiny_pose()
    model.backbone.blocks[0] = torch.compile(model.backbone.blocks[0])
    groups = make_constructor().param_groups(model)

    names = {name for group in groups for name in group['param_names']}
    assert 'backbone.blocks.0.norm1.weight' in names
    assert len(groups) == 8


def test_blocks_beyond_a_number_of_layers_learn_faster():
    """What MMPose 1.x makes of a num_layers below the depth: rate ** (num_layers + 1 - id)."""
    model = tiny_pose(depth=3)
    groups = {
        g['group_name']: g['lr_scale'] for g in make_constructor(num_layers=1).param_groups(model)
    }
    scales = [groups[f'layer_{i}_decay'] for i in range(1, 5)]

    assert groups['layer_0_no_decay'] == 0.75**2
    assert scales == [0.75, 1, 0.75**-1, 1]


@pytest.mark.parametrize(
    ('optimizer', 'paramwise', 'message'),
    [
        (
            dict(lr=1),
            dict(layer_decay_rate=0.5, custom_keys={}, bias_lr_mult=2),
            'has bias_lr_mult, custom_keys, but',
        ),
        (dict(lr=1), None, 'layer_decay_rate is None, expected a number'),
        (dict(lr=1), dict(layer_decay_rate=1.5), r'layer_decay_rate is 1\.5'),
        (dict(type='AdamW'), dict(layer_decay_rate=0.5), 'set optim_wrapper.optimizer.lr'),
        (None, dict(layer_decay_rate=0.5), 'set optim_wrapper.optimizer.lr'),
    ],
)
def test_bad_configs_are_refused(optimizer, paramwise, message):
    with pytest.raises(ValueError, match=message):
        LayerDecayOptimWrapperConstructor(dict(optimizer=optimizer), paramwise)


def test_models_that_cannot_answer_are_refused():
    with pytest.raises(ValueError, match='NoneType of Linear has no get_layer_depth'):
        make_constructor().param_groups(nn.Linear(2, 2))


def test_flattened_parameters_are_refused():
    model = tiny_pose()
    model.backbone.blocks[0] = nn.ModuleDict({'_fsdp_wrapped_module': model.backbone.blocks[0]})
    with pytest.raises(ValueError, match='FullyShardedDataParallel flattens'):
        make_constructor().param_groups(model)
