"""The parse graph of PGVL, told from its weights."""

import re
from collections.abc import Mapping
from typing import Any

from mmpose.checkpoints.formats import StateDict

GRAPH = re.compile(r'^(my|pgvl)\.parse_layers\.0\.(\d+)\.')


def has_parse_graph(state: StateDict) -> bool:
    """Tells whether weights are those of a PGVL model, under either name of the graph."""
    return any(GRAPH.match(name) for name in state)


def rename_parse_graph(state: StateDict) -> StateDict:
    """Returns weights whose graph is called ``my``, as in all but a few published revisions."""
    return {re.sub(r'^pgvl\.', 'my.', name): tensor for name, tensor in state.items()}


def parse_graph_options(state: StateDict) -> dict[str, Any] | None:
    """Returns the ``model.parse_graph`` that weights were made with; None without a graph.

    Modes with the same weights and the same function are one: 4 and, with one graph, 5 are 3;
    5 with several graphs is 2.

    Args:
        state: Weights whose graph is called ``my``.
    """
    if not has_parse_graph(state):
        return None
    graphs = sorted({int(match[2]) for name in state if (match := GRAPH.match(name))})
    roots = [f'my.parse_layers.0.{j}' for j in graphs]
    dims = tuple(len(state[f'{root}.norm1.weight']) for root in roots)
    is_fuse = f'{roots[0]}.downv.weight' in state
    levels = max(name.count('.block.') for name in state if GRAPH.match(name)) + 1
    dim = _incoming(state, dims)
    options: dict[str, Any] = dict(variant='fuse' if is_fuse else 'guided', dims=dims, dim=dim)
    if is_fuse:
        same = [j for j, width in zip(graphs, dims, strict=True) if width == dim]
        options['project_all'] = any(f'my.linear_transform_t.0.{j}.weight' in state for j in same)
    else:
        is_lifted = 'my.up_t.0.weight' in state
        is_reduced = 'my.linear_layers_t.0.weight' in state
        options['mode'] = (2 if is_reduced else 1) if is_lifted else 3
    options['groups'] = (2,) * levels
    return options


def plain_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a ``model.parse_graph`` as ``parse_graph_options`` tells it from its weights.

    Args:
        config: Options of a parse graph; equal modes become one, defaults are written out.
    """
    options = {key: value for key, value in config.items() if key != 'type'}
    options['dims'] = tuple(options['dims'])
    options['groups'] = tuple(options.get('groups', (2, 2, 2)))
    if options['variant'] == 'fuse':
        return {'project_all': False, **options}
    merged = {4: 3, 5: 3 if len(options['dims']) == 1 else 2}
    return {**options, 'mode': merged.get(options['mode'], options['mode'])}


def _incoming(state: StateDict, dims: tuple[int, ...]) -> int:
    """Returns the channels of the tokens that come into the graphs."""
    for name, tensor in state.items():
        if re.match(r'^my\.(linear_transform_t\.0\.\d+|up_t\.0)\.weight$', name):
            return tensor.shape[1]
    return dims[0]  # what nothing is projected into
