"""Parse graphs: what attends to what, how graphs are joined, and options that do not fit."""

import pytest
import torch

from mmpose.models.parse_graph import ParseGraph
from mmpose.models.parse_graph.attention import ContextAttention


def test_context_attention_reads_its_result_back_in_another_order():
    """By its definition: group-major sequence, token-major result, as the published weights."""
    torch.manual_seed(0)
    groups, tokens, width = 2, 5, 3
    attention = ContextAttention(groups * width, groups)
    x = torch.randn(1, tokens, groups * width)
    query, key, value = attention.qkv(x)[0].chunk(3, -1)

    def element(matrix, i):
        group, token = divmod(i, tokens)
        return matrix[token, group * width : (group + 1) * width]

    size = groups * tokens
    rows = []
    for i in range(size):
        logits = [element(query, i) @ element(key, j) / width**0.5 for j in range(size)]
        shares = torch.stack(logits).softmax(0)
        rows.append(sum(shares[j] * element(value, j) for j in range(size)))
    mixed = [torch.cat(rows[n * groups : (n + 1) * groups]) for n in range(tokens)]
    expected = attention.proj(torch.stack(mixed))
    torch.testing.assert_close(attention(x)[0], expected, rtol=1e-5, atol=1e-6)


# options, channels that come out, names that only these options have
JOINS = [
    (dict(variant='fuse', dims=(16, 8), dim=16), 16,
     {'linear_layers_t.0', 'linear_transform_t.0.1'}),
    (dict(variant='fuse', dims=(16, 8), dim=16, project_all=True), 16,
     {'linear_layers_t.0', 'linear_transform_t.0.0', 'linear_transform_t.0.1'}),
    (dict(variant='guided', dims=(32, 64), dim=64, mode=1), 96,
     {'up_t.0', 'linear_transform_t.0.0'}),
    (dict(variant='guided', dims=(32, 64), dim=64, mode=2), 96,
     {'up_t.0', 'linear_layers_t.0', 'linear_transform_t.0.0', 'linear_transform_t.0.1'}),
    (dict(variant='guided', dims=(32, 64), dim=64, mode=3), 64,
     {'linear_layers_t.0', 'linear_transform_t.0.0', 'linear_transform_t.0.1'}),
    (dict(variant='guided', dims=(64,), dim=64, mode=4), 64, {'linear_transform_t.0.0'}),
    (dict(variant='guided', dims=(64,), dim=64, mode=5), 64, {'linear_transform_t.0.0'}),
    (dict(variant='guided', dims=(32, 64), dim=64, mode=5), 96,
     {'up_t.0', 'linear_layers_t.0', 'linear_transform_t.0.0', 'linear_transform_t.0.1'}),
]  # fmt: skip


@pytest.mark.parametrize(('options', 'out_channels', 'joins'), JOINS)
def test_ways_to_join_graphs(options, out_channels, joins):
    graph = ParseGraph(**options).eval()
    assert graph.out_channels == out_channels
    names = {name.removesuffix('.weight') for name in graph.state_dict() if name.endswith('weight')}
    kinds = ('up_t', 'linear_layers_t', 'linear_transform_t')
    assert {name for name in names if name.startswith(kinds)} == joins
    text, vision = graph(torch.rand(2, 3, options['dim']), torch.rand(2, 4, options['dim']))
    assert text.shape == (2, 3, out_channels)
    assert vision.shape == (2, 4, out_channels)


def test_modes_that_are_one_for_a_single_graph():
    torch.manual_seed(0)
    graphs = [ParseGraph('guided', (32,), 32, mode=mode).eval() for mode in (3, 4, 5)]
    text, vision = torch.rand(1, 3, 32), torch.rand(1, 4, 32)
    for graph in graphs[1:]:
        graph.load_state_dict(graphs[0].state_dict())
    first, *others = [graph(text, vision) for graph in graphs]
    for other in others:
        torch.testing.assert_close(other, first, rtol=0, atol=0)


def test_every_weight_learns():
    for options in (dict(variant='fuse', dims=(16, 8), dim=16), JOINS[2][0]):
        graph = ParseGraph(**options)
        text, vision = graph(torch.rand(2, 3, options['dim']), torch.rand(2, 4, options['dim']))
        (text.square().sum() + vision.square().sum()).backward()
        idle = [name for name, x in graph.named_parameters() if x.grad is None]
        assert idle == []


def test_images_do_not_depend_on_each_other():
    graph = ParseGraph('guided', (32,), 32, mode=3).eval()
    text, vision = torch.rand(3, 2, 32), torch.rand(3, 4, 32)
    alone = graph(text[1:2], vision[1:2])
    together = graph(text, vision)
    for one, all_of_them in zip(alone, together, strict=True):
        torch.testing.assert_close(one[0], all_of_them[1], rtol=1e-5, atol=1e-6)


BAD = [
    (dict(variant='fused', dims=(16,), dim=16), "variant is 'fused', expected 'fuse' or 'guided'"),
    (dict(variant='fuse', dims=(), dim=16), 'dims is empty'),
    (dict(variant='fuse', dims=(16,), dim=16, mode=3), "mode is 3, but variant 'fuse' has none"),
    (dict(variant='guided', dims=(32,), dim=32), 'mode=None .* needs a mode from 1 to 5'),
    (dict(variant='guided', dims=(32,), dim=32, mode=3, project_all=True), 'project_all=True'),
    (dict(variant='guided', dims=(32,), dim=64, mode=5), r'one graph of 32 .* set dims=\(64,\)'),
    (dict(variant='guided', dims=(24,), dim=24, mode=3), '12 channels cannot have 8 heads'),
    (dict(variant='fuse', dims=(12,), dim=12), '3 channels cannot have 2 children'),
    (dict(variant='fuse', dims=(16,), dim=16, groups=(2, 1)), '8 channels cannot have 1 children'),
]


@pytest.mark.parametrize(('options', 'message'), BAD)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ParseGraph(**options)
