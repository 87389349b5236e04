"""PGVL: its names and ours, its parse graph told from weights, its language as a start."""

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from mmpose.checkpoints.adapters.vitpose import from_vitpose, is_vitpose
from mmpose.checkpoints.formats import Converted, Format, StateDict

OTHER_PARTS = ('backbone.', 'neck.', 'head.', 'heads.')  # than language
# A row per keypoint, but never read: may differ.
UNREAD = 'prompt_encoder.positional_embedding'
INCOMING = re.compile(r'^my\.(linear_transform_t\.0\.\d+|up_t\.0)\.weight$')
GRAPH = re.compile(r'^(my|pgvl)\.parse_layers\.0\.(\d+)\.')


def has_parse_graph(state: StateDict) -> bool:
    """Tells whether weights are those of a PGVL model, under either name of the graph."""
    return any(GRAPH.match(name) for name in state)


def is_pgvl(state: StateDict) -> bool:
    """Tells whether weights are a PGVL model with ViTPose's names."""
    return is_vitpose(state) and has_parse_graph(state)


def from_pgvl(state: StateDict) -> Converted:
    """Returns a published PGVL model under our names: ``pgvl`` becomes ``my``, as in most files."""
    plain = from_vitpose(state)
    renamed = {re.sub(r'^pgvl\.', 'my.', name): tensor for name, tensor in plain.state.items()}
    return Converted(renamed, plain.dropped)


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
    # of the tokens that come into the graphs; what nothing is projected into has the first width
    incoming = (x.shape[1] for name, x in state.items() if INCOMING.match(name))
    dim = next(incoming, dims[0])
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


def start_language(model: nn.Module, state: StateDict) -> tuple[set[str], list[str]]:
    """Starts text encoder, context and what joins text and image from those of a PGVL file.

    They do not depend on the keypoints. All of them are taken or none, because each was trained
    for the others.

    Args:
        model: An estimator; others than that of PGVL get nothing.
        state: Weights of a file, under our names.

    Returns:
        The names of the parts that were taken, and sentences on it.
    """
    if not hasattr(model, 'my') or not any(name.startswith('text_encoder.') for name in state):
        return set(), []
    own = {k: x for k, x in model.state_dict().items() if not k.startswith(OTHER_PARTS)}
    given = {k: x for k, x in state.items() if not k.startswith(OTHER_PARTS) and k != UNREAD}
    differing = [
        name
        for name in sorted((own.keys() | given.keys()) - {UNREAD})
        if name not in own or name not in given or own[name].shape != given[name].shape
    ]
    if differing:
        return set(), [
            f"the checkpoint's language does not fit ('{differing[0]}' and "
            f'{len(differing) - 1} more differ), so only its backbone was taken; '
            'tools/inspect_checkpoint.py says which model.parse_graph it has'
        ]
    model.load_state_dict(given, strict=False)
    note = f'language: {len(given)} tensors were taken from the checkpoint'
    return {name.partition('.')[0] for name in given}, [note]


def refuse_text_encoder(state: StateDict, who: str) -> None:
    """Raises a ValueError if a model reads texts, which other systems do not."""
    if any(name.startswith('text_encoder.') for name in state):
        raise ValueError(
            f"{who} has no model that reads texts; convert to 'ours', 'safetensors' or 'vitpose', "
            'whose names PGVL was published with'
        )


PGVL = Format('pgvl', 'PGVL pose model', is_pgvl, from_pgvl)
