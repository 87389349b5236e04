import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from mmpose.models.backbones import HuggingFaceBackbone, TimmBackbone, ViT
from mmpose.models.backbones.vit_layers import Attention, DropPath
from mmpose.registry import MODELS

SIZES = {
    'small': (384, 12, 12, 21_663_744, 149),
    'base': (768, 12, 12, 85_794_816, 149),
    'large': (1024, 24, 16, 303_296_512, 293),
    'huge': (1280, 32, 16, 630_912_000, 389),
}
TINY = dict(img_size=(64, 48), embed_dim=32, depth=3, num_heads=4)
BLOCK_KEYS = {
    f'{part}.{kind}'
    for part in ('norm1', 'norm2', 'attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2')
    for kind in ('weight', 'bias')
}


def tiny_vit(**options):
    return ViT(**(TINY | options))


@pytest.mark.parametrize(('dim', 'depth', 'heads', 'num_params', 'num_tensors'), SIZES.values())
def test_sizes_are_the_published_ones(dim, depth, heads, num_params, num_tensors):
    with torch.device('meta'):
        model = ViT(embed_dim=dim, depth=depth, num_heads=heads)

    assert sum(p.numel() for p in model.parameters()) == num_params
    assert len(model.state_dict()) == num_tensors


def test_state_keys_and_shapes_are_the_published_ones():
    state = {k: tuple(v.shape) for k, v in tiny_vit().state_dict().items()}

    block_keys = {f'blocks.{i}.{key}' for i in range(3) for key in BLOCK_KEYS}
    assert state.keys() == block_keys | {
        'pos_embed',
        'patch_embed.proj.weight',
        'patch_embed.proj.bias',
        'last_norm.weight',
        'last_norm.bias',
    }
    assert state['pos_embed'] == (1, 4 * 3 + 1, 32)
    assert state['patch_embed.proj.weight'] == (32, 3, 16, 16)
    assert state['blocks.0.attn.qkv.weight'] == (96, 32)
    assert state['blocks.0.mlp.fc1.weight'] == (128, 32)


def test_forward_is_the_published_arithmetic():
    """Each step written out: padded patches, global row, scaled attention, erf GELU, last norm."""
    model = tiny_vit(depth=1).double().eval()
    images = torch.randn(2, 3, 64, 48, dtype=torch.float64)

    def norm(x, layer):
        mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
        return (x - mean) / (var + 1e-6).sqrt() * layer.weight + layer.bias

    weight, bias = model.patch_embed.proj.weight, model.patch_embed.proj.bias
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    patches = padded.unfold(2, 16, 16).unfold(3, 16, 16)  # (B, 3, H, W, 16, 16)
    x = torch.einsum('bchwij,dcij->bhwd', patches, weight).flatten(1, 2) + bias
    x = x + model.pos_embed[:, 1:] + model.pos_embed[:, :1]

    block = model.blocks[0]
    qkv = norm(x, block.norm1) @ block.attn.qkv.weight.T + block.attn.qkv.bias
    query, key, value = (part.unflatten(-1, (4, 8)) for part in qkv.chunk(3, dim=-1))
    weights = torch.einsum('bqhd,bkhd->bhqk', query * 8**-0.5, key).softmax(-1)
    attended = torch.einsum('bhqk,bkhd->bqhd', weights, value).flatten(2)
    x = x + attended @ block.attn.proj.weight.T + block.attn.proj.bias
    hidden = norm(x, block.norm2) @ block.mlp.fc1.weight.T + block.mlp.fc1.bias
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    x = x + hidden @ block.mlp.fc2.weight.T + block.mlp.fc2.bias
    expected = norm(x, model.last_norm).unflatten(1, (4, 3)).permute(0, 3, 1, 2)

    output = model(images)
    assert output.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-12)  # float64 rounding


@pytest.mark.parametrize('is_training', [True, False])
def test_attention_in_bfloat16_on_a_cpu(is_training, monkeypatch):
    torch.manual_seed(0)
    layer, tokens = Attention(32, 4), torch.randn(2, 12, 32)
    attend, dtypes = functional.scaled_dot_product_attention, []

    def noted(query, *args, **kwargs):
        dtypes.append(query.dtype)
        return attend(query, *args, **kwargs)

    expected = layer(tokens)
    expected.square().sum().backward()
    gradient = layer.qkv.weight.grad.clone()
    layer.zero_grad()
    monkeypatch.setattr(functional, 'scaled_dot_product_attention', noted)
    with torch.set_grad_enabled(is_training), torch.autocast('cpu', torch.bfloat16):
        output = layer(tokens)
    assert dtypes == [torch.float32 if is_training else torch.bfloat16]
    assert output.dtype == torch.bfloat16
    assert (output.float() - expected).abs().max() < 0.02 * expected.abs().max()
    if is_training:
        output.float().square().sum().backward()
        assert (layer.qkv.weight.grad - gradient).abs().max() < 0.03 * gradient.abs().max()


@pytest.mark.parametrize(
    ('options', 'size', 'expected'),
    [
        (dict(img_size=(256, 192)), (256, 192), (16, 12)),
        (dict(img_size=(384, 288)), (384, 288), (24, 18)),
        (dict(img_size=[64, 48]), (96, 160), (6, 10)),
        (dict(ratio=2), (64, 48), (8, 6)),
        (dict(ratio=2), (32, 80), (4, 10)),
        (dict(patch_size=8), (64, 48), (8, 6)),
        (dict(stem='conv'), (64, 48), (4, 3)),
        (dict(stem='conv'), (128, 96), (8, 6)),
        (dict(stem='conv', patch_size=8), (64, 48), (8, 6)),
        (dict(last_norm=False, qkv_bias=False, qk_scale=0.1), (64, 48), (4, 3)),
    ],
)
def test_output_grid(options, size, expected):
    model = tiny_vit(**options).eval()

    with torch.no_grad():
        output = model(torch.randn(2, 3, *size))

    assert output.shape == (2, model.out_channels, *expected)
    assert (size[0] // model.stride, size[1] // model.stride) == expected


def test_overlapping_patches_use_stride_8_and_padding_4():
    conv = tiny_vit(ratio=2).patch_embed.proj

    assert (conv.stride, conv.padding) == ((8, 8), (4, 4))


def test_other_size_resizes_the_position_embedding():
    """A model made for the other size, with the embedding resized by hand, gives the same."""
    model = tiny_vit().eval()
    other = tiny_vit(img_size=(96, 96)).eval()
    state = model.state_dict()
    grid = state['pos_embed'][:, 1:].reshape(1, 4, 3, 32).permute(0, 3, 1, 2)
    grid = nn.functional.interpolate(grid, size=(6, 6), mode='bicubic', align_corners=False)
    state['pos_embed'] = torch.cat([state['pos_embed'][:, :1], grid.flatten(2).mT], dim=1)
    other.load_state_dict(state)
    images = torch.randn(1, 3, 96, 96)

    with torch.no_grad():
        torch.testing.assert_close(model(images), other(images))


def test_position_embedding_learns_at_another_size():
    model = tiny_vit()
    model(torch.randn(1, 3, 96, 96)).square().sum().backward()

    assert (model.pos_embed.grad != 0).all(dim=-1).all()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(img_size=(250, 192)), 'height 250 and width 192.*multiples of patch_size=16'),
        (dict(frozen_stages=4), r'frozen_stages=4 is outside -1\.\.3'),
        (dict(frozen_stages=-2), r'frozen_stages=-2 is outside'),
        (dict(num_heads=5), 'embed_dim=32 is not a multiple of num_heads=5'),
        (dict(patch_size=4), 'patch_size=4 with ratio=1'),
        (dict(img_size=(48, 48), patch_size=24, stem='conv'), 'power of two, got 24'),
        (dict(stem='patches'), "stem is 'patches', expected one of patch, conv"),
        (dict(patch_padding='zero'), "patch_padding is 'zero'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tiny_vit(**options)


def test_input_that_is_no_multiple_of_the_patch_is_refused():
    with pytest.raises(ValueError, match='height 64 and width 50, but both must be multiples'):
        tiny_vit()(torch.zeros(1, 3, 64, 50))


def trainable(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(
    ('options', 'frozen'),
    [
        (dict(frozen_stages=-1), ()),
        (dict(frozen_stages=0), ('pos_embed', 'patch_embed.')),
        (dict(frozen_stages=2), ('pos_embed', 'patch_embed.', 'blocks.0.', 'blocks.1.')),
        (dict(frozen_stages=3), ('pos_embed', 'patch_embed.', 'blocks.')),
        (
            dict(freeze_attn=True),
            [f'blocks.{i}.{part}.' for i in range(3) for part in ('attn', 'norm1')],
        ),
        (
            dict(freeze_ffn=True),
            ['pos_embed', 'patch_embed.']
            + [f'blocks.{i}.{part}.' for i in range(3) for part in ('mlp', 'norm2')],
        ),
    ],
)
def test_freezing(options, frozen):
    model = tiny_vit(**options)
    names = {name for name, _ in model.named_parameters()}

    expected = {name for name in names if not name.startswith(tuple(frozen) or ('-',))}
    assert trainable(model) == expected


def test_train_returns_the_model_and_leaves_frozen_parts_in_eval():
    model = tiny_vit(frozen_stages=1, stem='conv')

    assert model.eval().train() is model
    assert model.training
    assert model.blocks[1].training
    assert not model.blocks[0].mlp.training
    assert not any(module.training for module in model.patch_embed.modules())
    assert not model.train(False).blocks[1].training


def test_frozen_batch_norm_of_the_stem_keeps_its_statistics():
    model = tiny_vit(frozen_stages=0, stem='conv').train()
    before = copy.deepcopy(model.patch_embed.state_dict())

    model(torch.randn(2, 3, 64, 48) + 5)

    for name, value in model.patch_embed.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize('frozen_stages', [-1, 0, 1])
def test_checkpointing_gives_the_same_gradients(frozen_stages):
    """Also behind a frozen embedding, where reentrant checkpointing loses them."""
    images = torch.randn(2, 3, 64, 48)
    grads = []
    for use_checkpoint in (False, True):
        torch.manual_seed(0)
        model = tiny_vit(
            use_checkpoint=use_checkpoint, frozen_stages=frozen_stages, drop_path_rate=0.5
        )
        model(images).square().mean().backward()
        grads.append({k: p.grad for k, p in model.named_parameters() if p.requires_grad})

    assert all(grad is not None for grad in grads[1].values())
    torch.testing.assert_close(grads[0], grads[1])


def test_drop_path_rates_grow_linearly_from_an_identity():
    model = tiny_vit(depth=4, drop_path_rate=0.3)

    assert isinstance(model.blocks[0].drop_path, nn.Identity)
    rates = [block.drop_path.rate for block in model.blocks[1:]]
    assert rates == pytest.approx([0.1, 0.2, 0.3])


def test_drop_path_drops_whole_samples_and_rescales_the_others():
    drop = DropPath(0.25)
    torch.manual_seed(0)
    output = drop(torch.ones(20_000, 2, 3))

    per_sample = output.flatten(1)
    assert (per_sample == per_sample[:, :1]).all()
    values = per_sample[:, 0].unique()
    torch.testing.assert_close(values, torch.tensor([0, 1 / 0.75]))
    assert output.mean().item() == pytest.approx(1, abs=0.02)  # 5 standard errors
    assert drop.eval()(output) is output


def test_init_weights_draws_linear_layers_and_keeps_the_rest():
    model = tiny_vit(embed_dim=64)
    kept = copy.deepcopy({k: v for k, v in model.state_dict().items() if 'embed' in k})
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.LayerNorm):
            nn.init.constant_(module.weight, 7)
            nn.init.constant_(module.bias, 7)

    model.init_weights()

    state = model.state_dict()
    for name, value in state.items():
        if 'embed' in name:
            assert torch.equal(value, kept[name]), name
        elif name.endswith('bias'):
            assert (value == 0).all(), name
        elif 'norm' in name:
            assert (value == 1).all(), name
        else:
            assert value.std().item() == pytest.approx(0.02, rel=0.05), name
    assert state['pos_embed'].std().item() == pytest.approx(0.02, rel=0.1)


def test_depth_of_each_parameter():
    model = tiny_vit(stem='conv')
    depths = {name: model.get_layer_depth(name) for name, _ in model.named_parameters()}

    assert model.num_layers == 5
    assert depths['pos_embed'] == 0
    assert {d for k, d in depths.items() if k.startswith('patch_embed.')} == {0}
    for i in range(3):
        assert {d for k, d in depths.items() if k.startswith(f'blocks.{i}.')} == {i + 1}
    assert depths['last_norm.weight'] == 4


@pytest.mark.parametrize('name', ['blocks.3.norm1.weight', 'head.weight', 'cls_token', 'blocks'])
def test_depth_of_an_unknown_parameter_is_refused(name):
    with pytest.raises(ValueError, match=f"3 blocks has no parameter '{name}'"):
        tiny_vit().get_layer_depth(name)


def test_small_model_with_a_convolutional_stem():
    """The quickstart model: four convolutions, four blocks, one token per 16 px."""
    model = ViT(img_size=(128, 96), embed_dim=192, depth=4, num_heads=3, stem='conv')
    convs = [m for m in model.patch_embed.modules() if isinstance(m, nn.Conv2d)]

    assert [conv.out_channels for conv in convs] == [24, 48, 96, 192, 192]
    assert [conv.stride[0] for conv in convs] == [2, 2, 2, 2, 1]
    assert model(torch.zeros(1, 3, 128, 96)).shape == (1, 192, 8, 6)


TIMM_MODELS = [
    dict(name='resnet18'),
    dict(name='resnet18', out_indices=2),
    dict(name='resnet18', out_indices=(1, 2, 4)),
    dict(name='hrnet_w18_small', out_indices=1, model_args=dict(head='')),
    dict(name='hrnet_w18_small', out_indices=(1, 2, 3, 4), model_args=dict(head='')),
    dict(name='mobilenetv2_035', out_indices=None),
    dict(name='mobilenetv3_small_050'),
    dict(name='convnext_atto'),
    dict(name='vit_tiny_patch16_224', img_size=(64, 48)),
    dict(name='vit_tiny_patch16_224', img_size=(64, 48), out_indices=5),
    dict(
        name='swin_tiny_patch4_window7_224',
        img_size=(64, 64),
        model_args=dict(embed_dim=24, depths=(1, 1, 2, 1), window_size=2),
    ),
]


HUGGINGFACE_MODELS = [
    dict(model_type='dinov2', patch_size=14, image_size=56),
    dict(model_type='dinov3_vit', patch_size=16, image_size=64, intermediate_size=32),
    dict(model_type='vit', patch_size=16, image_size=64, intermediate_size=32),
    dict(model_type='convnext', hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 2, 1]),
    dict(
        model_type='sapiens2',
        patch_size=16,
        image_size=64,
        intermediate_size=32,
        num_key_value_heads_per_layer=[2, 2],
    ),
]


def foreign_id(options):
    values = options.get('config', options).values()
    return '-'.join(str(x) for x in values if isinstance(x, str | int | tuple))


def build_foreign(options):
    if 'model_type' not in options:
        pytest.importorskip('timm', reason='timm is not installed')
        return TimmBackbone(**options), options.get('img_size', (64, 96))
    pytest.importorskip('transformers', reason='transformers is not installed')
    config = dict(options)
    if 'patch_size' in config:
        config |= dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2)
    side = config.get('patch_size', 32)
    return HuggingFaceBackbone(config=config), (4 * side, 3 * side)


@pytest.fixture(scope='module', params=TIMM_MODELS + HUGGINGFACE_MODELS, ids=foreign_id)
def foreign_case(request):
    return build_foreign(request.param)


def test_foreign_backbone_gives_maps_of_known_sizes(foreign_case):
    model, (height, width) = foreign_case
    maps = model.train()(torch.randn(2, 3, height, width))
    channels, strides = model.out_channels, model.stride
    if isinstance(maps, torch.Tensor):
        maps, channels, strides = (maps,), (channels,), (strides,)

    for one, width_, stride in zip(maps, channels, strides, strict=True):
        assert one.shape == (2, width_, height // stride, width // stride)
        assert one.is_contiguous()
    model.zero_grad()
    sum(one.square().sum() for one in maps).backward()
    unused = [n for n, p in model.named_parameters() if p.grad is None and p.requires_grad]
    assert unused == []  # DDP refuses parameters that take no part in the loss


def test_foreign_backbone_knows_the_depth_of_each_parameter(foreign_case):
    model, _ = foreign_case
    depths = [model.get_layer_depth(name) for name, _ in model.named_parameters()]

    assert set(depths) == set(range(model.num_layers - 1))
    assert all(name.startswith('model.') for name in model.no_weight_decay())
    with pytest.raises(ValueError, match=r"no parameter 'model\.nothing'"):
        model.get_layer_depth('model.nothing')


@pytest.mark.parametrize(
    ('options', 'stages'),
    [
        (dict(name='resnet18'), ['conv1', 'bn1', 'layer1', 'layer2']),
        (
            dict(name='hrnet_w18_small', out_indices=1, model_args=dict(head='')),
            ['conv1', 'bn1', 'conv2', 'bn2', 'layer1', 'transition1', 'stage2', 'transition2'],
        ),
        (
            dict(name='vit_tiny_patch16_224'),
            ['cls_token', 'pos_embed', 'patch_embed', 'blocks.0', 'blocks.1'],
        ),
        (HUGGINGFACE_MODELS[2], ['embeddings', 'layers.0', 'layers.1']),
    ],
    ids=['resnet', 'hrnet', 'vit', 'huggingface'],
)
def test_foreign_backbone_freezes_its_first_stages(options, stages):
    if 'model_type' in options:
        options = dict(
            config=dict(options, hidden_size=16, num_hidden_layers=3, num_attention_heads=2)
        )
    kind = HuggingFaceBackbone if 'config' in options else TimmBackbone
    pytest.importorskip('transformers' if 'config' in options else 'timm')
    model = kind(**options, frozen_stages=2).train()
    frozen = [n for n, p in model.named_parameters() if not p.requires_grad]
    wanted = tuple(f'model.{stage}' for stage in stages)

    pooler = 'model.pooler'  # no map depends on it
    assert {n for n in frozen if not n.startswith(pooler)} == {
        n for n, _ in model.named_parameters() if f'{n}.'.startswith(tuple(f'{w}.' for w in wanted))
    }
    norms = {n: m for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert all(m.training != n.startswith(wanted) for n, m in norms.items())
    with pytest.raises(ValueError, match='frozen_stages is 99, expected -1 to'):
        kind(**options, frozen_stages=99)


def test_hrnet_gives_the_finest_branch_as_mmpose_does():
    pytest.importorskip('timm', reason='timm is not installed')
    options = dict(
        name='hrnet_w32', out_indices=1, upsample_mode='bilinear', model_args=dict(head='')
    )
    model = TimmBackbone(**options, norm_eval=True).train()

    assert (model.out_channels, model.stride) == (32, 4)
    assert len(model.model.stage4[-1].fuse_layers) == 1
    assert {m.mode for m in model.modules() if isinstance(m, nn.Upsample)} == {'bilinear'}
    assert not any(m.training for m in model.modules() if isinstance(m, nn.BatchNorm2d))


@pytest.mark.parametrize('norm_eval', [False, True])
def test_frozen_batch_norms_rest_after_a_change_to_sync_batch_norm(norm_eval):
    pytest.importorskip('timm', reason='timm is not installed')
    model = TimmBackbone('resnet10t', frozen_stages=1, norm_eval=norm_eval)
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model).train()

    norms = {n: m for n, m in model.named_modules() if isinstance(m, nn.SyncBatchNorm)}
    frozen = {n for n in norms if not norms[n].weight.requires_grad}
    assert 0 < len(frozen) < len(norms)
    assert {n for n in norms if not norms[n].training} == (set(norms) if norm_eval else frozen)


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(model_type='bert'), 'bert of transformers has no patch_size'),
        (dict(hidden_size=3), r'set model\.backbone\.name, or config\.model_type'),
        (dict(model_type='vit_mae'), 'tokens for 4 x 4 patches, and so no map'),
    ],
)
def test_huggingface_backbone_refuses(config, message):
    pytest.importorskip('transformers', reason='transformers is not installed')
    with pytest.raises(ValueError, match=message):
        HuggingFaceBackbone(config=config)


def test_timm_vit_counts_depth_as_our_vit_does():
    pytest.importorskip('timm', reason='timm is not installed')
    model = TimmBackbone('vit_tiny_patch16_224', img_size=(64, 48))

    assert model.num_layers == ViT(embed_dim=192, num_heads=3, depth=12).num_layers
    assert model.get_layer_depth('model.pos_embed') == 0
    assert model.get_layer_depth('model.blocks.11.mlp.fc2.weight') == 12
    assert 'model.pos_embed' in model.no_weight_decay()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(name='resnet19'), "no model 'resnet19'"),
        (dict(name='resnet18', out_indices=5), '5 feature maps, got out_indices=5'),
        (dict(name='resnet18', out_indices=(3, 1)), 'expected rising numbers'),
        (dict(name='resnet18', img_size=(64, 64)), "'resnet18' cannot be built with.*img_size"),
    ],
)
def test_timm_backbone_refuses(options, message):
    pytest.importorskip('timm', reason='timm is not installed')
    with pytest.raises(ValueError, match=message):
        TimmBackbone(**options)


def test_backbones_build_from_config():
    model = MODELS.build(dict(type='ViT', **TINY))

    assert isinstance(model, ViT)
    assert MODELS.get('TimmBackbone') is TimmBackbone
