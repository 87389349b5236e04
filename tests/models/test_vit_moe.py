"""Experts by dataset: the published masked form, gradients, freezing, loading."""

import re

import pytest
import torch

from mmpose.checkpoints import load_backbone
from mmpose.checkpoints.adapters.vitpose_plus import (
    add_experts,
    fit_experts,
    has_experts,
    merge_expert,
    num_experts,
    split_into_experts,
)
from mmpose.models.backbones import ViT, ViTMoE
from mmpose.registry import MODELS

TINY = dict(img_size=(64, 48), embed_dim=32, depth=2, num_heads=4)
SIZES = {
    # embed_dim, depth, heads, part_features, parameters, tensors
    'small, as in the published config': (384, 12, 12, 192, 39_369_984, 293),
    'base': (768, 12, 12, None, 121_195_776, 293),
    'large': (1024, 24, 16, None, 429_156_352, 581),
    'huge': (1280, 32, 16, None, 893_107_200, 773),
}
MIXED = torch.tensor([2, 0, 1, 2, 2])


def tiny_moe(**options):
    return ViTMoE(**(TINY | dict(num_expert=3) | options))


def images(num=5):
    return torch.randn(num, 3, 64, 48, generator=torch.Generator().manual_seed(1))


def randomize(model):
    """Draws every weight, so that nothing is hidden by zeros and ones."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(('norm' in name and name.endswith('weight')) + 0.1 * noise)
    return model


def masked_forward(model, x, dataset_idx):
    """The published form: every expert on every sample, times 0 or 1."""

    def mlp(block, x):
        hidden = block.mlp.act(block.mlp.fc1(x))
        chosen = 0
        for i, expert in enumerate(block.mlp.experts):
            chosen = chosen + expert(hidden) * (dataset_idx == i).view(-1, 1, 1)
        return torch.cat([block.mlp.fc2(hidden), chosen], dim=-1)

    x = model.patch_embed(x).flatten(2).transpose(1, 2)
    x = x + model.pos_embed[:, 1:] + model.pos_embed[:, :1]
    for block in model.blocks:
        x = x + block.attn(block.norm1(x))
        x = x + mlp(block, block.norm2(x))
    return model.last_norm(x).transpose(1, 2).unflatten(2, model.patch_shape)


@pytest.mark.parametrize(
    ('dim', 'depth', 'heads', 'part_features', 'num_params', 'num_tensors'), SIZES.values()
)
def test_sizes_are_the_published_ones(dim, depth, heads, part_features, num_params, num_tensors):
    with torch.device('meta'):
        model = ViTMoE(
            num_expert=6,
            part_features=part_features,
            embed_dim=dim,
            depth=depth,
            num_heads=heads,
        )

    assert sum(p.numel() for p in model.parameters()) == num_params
    assert len(model.state_dict()) == num_tensors


@pytest.mark.parametrize(('dim', 'expected'), [(384, 96), (768, 192), (1024, 256), (1280, 320)])
def test_experts_take_a_quarter_as_in_the_released_files(dim, expected):
    """The published config of the small model says 192, the file that was trained has 96."""
    with torch.device('meta'):
        model = ViTMoE(num_expert=2, embed_dim=dim, depth=1, num_heads=4)
    state = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}

    assert model.part_features == expected
    assert state['blocks.0.mlp.fc2.weight'] == (dim - expected, 4 * dim)
    assert state['blocks.0.mlp.experts.1.weight'] == (expected, 4 * dim)
    assert state['blocks.0.mlp.experts.1.bias'] == (expected,)


@pytest.mark.parametrize('use_checkpoint', [False, True])
@pytest.mark.parametrize('index', [MIXED, torch.tensor([0, 0, 1, 1, 2]), torch.tensor([1] * 5)])
def test_grouped_form_equals_the_published_masked_form(index, use_checkpoint):
    """float64 to 1e-10; values are of the order of 1."""
    model = randomize(tiny_moe(use_checkpoint=use_checkpoint)).double().train()
    inputs = images().double()
    weights = torch.randn(5, 32, 4, 3, dtype=torch.float64)

    (model(inputs, index) * weights).sum().backward()
    grads = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    expected = masked_forward(model, inputs, index)
    (expected * weights).sum().backward()
    expected_grads = {name: parameter.grad for name, parameter in model.named_parameters()}

    torch.testing.assert_close(model(inputs, index), expected, rtol=0, atol=1e-10)
    assert all(grad is not None for grad in grads.values())
    torch.testing.assert_close(grads, expected_grads, rtol=1e-9, atol=1e-10)


def test_grouped_form_in_float32():
    model = randomize(tiny_moe()).eval()
    with torch.no_grad():
        output, expected = model(images(), MIXED), masked_forward(model, images(), MIXED)

    assert expected.std() > 0.5
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)  # rounding of last_norm


def test_each_block_equals_the_masked_form_to_a_millionth():
    """One feed-forward layer of the base size, whose outputs are of the order of 0.1."""
    mlp = ViTMoE(num_expert=3, embed_dim=768, depth=1, num_heads=12).blocks[0].mlp
    x = torch.randn(4, 5, 768, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        hidden = mlp.act(mlp.fc1(x))
        chosen = torch.cat([mlp.experts[0](hidden[:1]), mlp.experts[2](hidden[1:])])
        expected = torch.cat([mlp.fc2(hidden), chosen], dim=-1)

        torch.testing.assert_close(mlp(x, 1, 0, 3), expected, rtol=0, atol=1e-6)


def test_samples_do_not_depend_on_their_neighbours():
    model = randomize(tiny_moe()).eval()
    with torch.no_grad():
        together = model(images(), MIXED)
        alone = torch.cat([model(images()[i : i + 1], MIXED[i : i + 1]) for i in range(5)])

    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_an_absent_expert_gets_a_gradient_of_zeros():
    model = randomize(tiny_moe())
    model(images(), torch.tensor([2, 0, 2, 0, 0])).square().sum().backward()

    for block in model.blocks:
        absent, *present = (block.mlp.experts[i].weight.grad for i in (1, 0, 2))
        assert not absent.any()
        assert all(grad.any() for grad in present)


@pytest.mark.parametrize('expert', range(3))
def test_merged_expert_is_the_same_network(expert):
    model = randomize(tiny_moe()).eval()
    plain = ViT(**TINY).eval()
    merged = merge_expert(model.state_dict(), expert)
    plain.load_state_dict(merged)  # strict: no expert is left

    with torch.no_grad():
        expected = plain(images())
        output = model(images(), torch.full((5,), expert))
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_split_weights_start_as_the_plain_network(prefix):
    plain = randomize(ViT(**TINY)).eval()
    state = {f'{prefix}{name}': tensor for name, tensor in plain.state_dict().items()}
    split = split_into_experts(state, 3)
    model = tiny_moe().eval()
    model.load_state_dict({name.removeprefix(prefix): x for name, x in split.items()})

    assert not has_experts(state)
    assert has_experts(split)
    assert num_experts(split) == 3
    with torch.no_grad():
        torch.testing.assert_close(model(images(), MIXED), plain(images()), rtol=0, atol=1e-5)
    for expert in range(3):
        merged = merge_expert(split, expert)
        assert merged.keys() == state.keys()
        assert all(torch.equal(merged[name], state[name]) for name in state)


def test_split_experts_do_not_share_memory():
    split = split_into_experts(ViT(**TINY).state_dict(), 2)
    split['blocks.0.mlp.experts.0.weight'].zero_()

    assert split['blocks.0.mlp.experts.1.weight'].any()


def test_left_over_experts_are_no_experts():
    """The published splitter leaves the experts of every dataset in each of its files."""
    moe = tiny_moe().state_dict()
    left_over = {name: x for name, x in moe.items() if '.experts.' in name}

    assert not has_experts(merge_expert(moe, 1) | left_over)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: merge_expert(s, 3), 'no expert 3, the weights have experts 0 to 2'),
        (lambda s: merge_expert(merge_expert(s, 0), 0), 'have no experts to merge'),
        (lambda s: split_into_experts(s, 2), 'have experts already'),
        (lambda s: split_into_experts(merge_expert(s, 0), 2, 32), '32 rows.*cannot take 32'),
        (lambda s: add_experts(s, 4, 3), r'cannot start from expert 3.*new_expert_from'),
        (
            lambda s: num_experts(
                {k: x for k, x in s.items() if 'blocks.1.mlp.experts.2.b' not in k}
            ),
            r"'blocks\.1\.mlp' has a bias of experts \[0, 1\], expected 0 to 2",
        ),
    ],
)
def test_expert_functions_refuse(change, message):
    with pytest.raises(ValueError, match=message):
        change(tiny_moe().state_dict())


@pytest.mark.parametrize(
    ('index', 'message'),
    [
        (torch.tensor([0, 3]), 'dataset_idx is 3 but the model has 3 experts, 0 to 2'),
        (torch.tensor([-1, 0]), 'dataset_idx is -1 but the model has 3 experts'),
        (torch.tensor([0]), r'shape \(1,\), expected \(2,\)'),
        (None, 'needs the dataset_idx of each sample.*default_dataset'),
    ],
)
def test_bad_dataset_index_is_refused(index, message):
    with pytest.raises(ValueError, match=message):
        tiny_moe()(images(2), index)


def test_default_dataset_stands_for_a_missing_index():
    """As for export and operation counts, which the published detector cannot do."""
    model = randomize(tiny_moe(default_dataset=2)).eval()
    one = tiny_moe(num_expert=1)
    with torch.no_grad():
        assert torch.equal(model(images()), model(images(), torch.full((5,), 2)))
        assert torch.equal(one(images()), one(images(), torch.zeros(5, dtype=torch.long)))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(num_expert=0), 'num_expert is 0'),
        (dict(part_features=32), 'part_features is 32, expected 1 to 31'),
        (dict(default_dataset=3), 'default_dataset is 3, expected 0 to 2'),
        (dict(freeze_shared=True, trained_expert=3), 'trained_expert is 3, expected 0 to 2'),
        (dict(freeze_shared=True), 'set both'),
        (dict(trained_expert=1), 'set both'),
        (dict(freeze_shared=True, trained_expert=1, frozen_stages=1), 'remove frozen_stages'),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tiny_moe(**options)


def test_freezing_all_but_one_expert():
    model = randomize(tiny_moe(freeze_shared=True, trained_expert=2, drop_path_rate=0.5)).train()
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    in_training = {name for name, module in model.named_modules() if module.training}

    assert trained == {
        f'blocks.{i}.mlp.experts.2.{kind}' for i in range(2) for kind in ('weight', 'bias')
    }
    assert in_training == {'', 'blocks.0.mlp.experts.2', 'blocks.1.mlp.experts.2'}
    assert model.training
    model(images(), MIXED).square().sum().backward()
    assert all(p.grad.any() for p in model.parameters() if p.requires_grad)
    assert not any(module.training for module in model.eval().modules())


def test_experts_have_the_depth_of_their_block():
    model = tiny_moe()
    plain = ViT(**TINY)
    depths = {name: model.get_layer_depth(name) for name, _ in model.named_parameters()}

    assert model.num_layers == plain.num_layers
    assert model.no_weight_decay() == plain.no_weight_decay()
    for i in range(2):
        assert {d for k, d in depths.items() if k.startswith(f'blocks.{i}.mlp.experts.')} == {i + 1}
    assert {k: d for k, d in depths.items() if '.experts.' not in k} == {
        name: plain.get_layer_depth(name) for name, _ in plain.named_parameters()
    }


def test_plain_weights_are_loaded_into_every_expert(tmp_path):
    """As published: the experts all start as the last rows of fc2."""
    state = randomize(ViT(**TINY)).state_dict()
    torch.save(state, tmp_path / 'vit.pth')
    model = tiny_moe()
    report = load_backbone(model, tmp_path / 'vit.pth')
    loaded = model.state_dict()

    assert 'experts start as the last 8 rows of fc2' in str(report)
    for i in range(2):
        fc2 = state[f'blocks.{i}.mlp.fc2.weight']
        assert torch.equal(loaded[f'blocks.{i}.mlp.fc2.weight'], fc2[:24])
        for expert in range(3):
            name = f'blocks.{i}.mlp.experts.{expert}'
            assert torch.equal(loaded[f'{name}.weight'], fc2[24:])
            assert torch.equal(loaded[f'{name}.bias'], state[f'blocks.{i}.mlp.fc2.bias'][24:])


def test_a_new_expert_starts_from_the_one_asked_for():
    source = randomize(tiny_moe()).state_dict()
    model = tiny_moe(num_expert=5, new_expert_from=1)
    state, notes = fit_experts(source, model)
    model.load_state_dict(state)

    assert notes == ('expert 3 starts as expert 1', 'expert 4 starts as expert 1')
    for expert, origin in ((0, 0), (1, 1), (2, 2), (3, 1), (4, 1)):
        name = 'blocks.1.mlp.experts.{}.weight'
        assert torch.equal(state[name.format(expert)], source[name.format(origin)])


def test_weights_with_the_same_experts_are_left_as_they_are():
    source = randomize(tiny_moe()).state_dict()
    state, notes = fit_experts(source, tiny_moe(new_expert_from=0))

    assert not notes
    assert state.keys() == source.keys()
    assert all(state[name] is source[name] for name in source)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(num_expert=2), 'the file has 3 experts and the model 2; set .*num_expert=3'),
        (dict(num_expert=4), 'the file has 3 experts and the model 4; .*or new_expert_from'),
        (
            dict(part_features=16),
            'experts have 8 channels in the file and 16 in the model; set .*part_features=8',
        ),
    ],
)
def test_other_experts_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fit_experts(tiny_moe().state_dict(), tiny_moe(**options))


def test_plain_network_keeps_its_names_and_its_mlp():
    names = {re.sub(r'\d+', 'N', name) for name in ViT(**TINY).state_dict()}

    assert 'blocks.N.mlp.fcN.weight' in names
    assert not any('expert' in name for name in names)
    assert not hasattr(ViT, 'takes_dataset_idx')
    assert isinstance(MODELS.build(dict(type='ViTMoE', num_expert=2, **TINY)), ViT)


def test_mixed_precision_with_an_absent_expert():
    """Values are of the order of 1; bfloat16 keeps 8 bits."""
    model = randomize(tiny_moe())
    index = torch.tensor([2, 0, 2, 0, 0])
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = model(images(), index)
    output.float().square().sum().backward()

    assert all(p.grad is not None and p.grad.dtype == p.dtype for p in model.parameters())
    with torch.no_grad():
        torch.testing.assert_close(output.float(), model(images(), index), rtol=0, atol=0.15)
