"""Comparison of the weights of a file with those of a model, in words a user can act on."""

import re

from mmpose.checkpoints.adapters.pgvl import parse_graph_options
from mmpose.checkpoints.adapters.vitpose_plus import num_experts
from mmpose.checkpoints.formats import StateDict, first_names
from mmpose.checkpoints.heads import num_heads_of


def require_same(state: StateDict, target: StateDict, source: str) -> None:
    """Raises unless two state dicts have the same names and shapes.

    Args:
        state: Weights of the file, under the names of the model.
        source: The file and what it seems to be, for the message.

    Raises:
        ValueError: With the likely cause first, then the names.
    """
    missing = [name for name in target if name not in state]
    unexpected = [name for name in state if name not in target]
    mismatched = [
        f'{name} {tuple(tensor.shape)} != {tuple(target[name].shape)}'
        for name, tensor in state.items()
        if name in target and tensor.shape != target[name].shape
    ]
    if not missing and not unexpected and not mismatched:
        return
    parts = [f'{source} does not fit the model: {explain_difference(state, target)}']
    for names, what in (
        (missing, 'only in the model'),
        (unexpected, 'only in the file'),
        (mismatched, 'of another shape (file != model)'),
    ):
        if names:
            parts.append(f'{len(names)} {what}: {first_names(names)}')
    raise ValueError('\n  '.join(parts))


def explain_difference(state: StateDict, target: StateDict) -> str:
    """Returns the most likely reason why two state dicts differ, as one clause."""
    if not state.keys() & target.keys():
        return (
            f'no name of the file ({first_names(state, 2)}) is one of the model '
            f'({first_names(target, 2)})'
        )
    in_file, in_model = _describe(state), _describe(target)
    for name, value in in_file.items():
        if None not in (value, in_model.get(name)) and value != in_model[name]:
            return f'{name} is {value} in the file and {in_model[name]} in the model'
    return 'names or shapes differ'


def _describe(state: StateDict) -> dict[str, object]:
    """Returns what state dicts mostly differ in, the likeliest first; None where it is not seen."""
    graph, final = parse_graph_options(state), '.final_layer.weight'
    widths = {k.removesuffix(final): len(x) for k, x in state.items() if k.endswith(final)}
    blocks = {m[1] for k in state if (m := re.search(r'(?:^|\.)blocks\.(\d+)\.', k))}
    embeds = (x.shape[-1] for k, x in state.items() if re.search(r'(^|\.)pos_embed$', k))
    parts = (len(x) for k, x in state.items() if k.endswith('.experts.0.weight'))
    deconvs = [k for k, x in state.items() if k.startswith('head.deconv_layers') and x.ndim == 4]
    return {
        'embed_dim': next(embeds, None),
        'depth': len(blocks) or None,
        'model.parse_graph': None if graph is None else str(graph),
        'number of experts': num_experts(state),
        'part_features': next(parts, None),
        'number of heads': num_heads_of(state),
        'number of deconvolutions in the head': len(deconvs) if 'head' in widths else None,
        'head.out_channels': widths.get('head'),
        'model.visibility_head': 'there' if 'visibility_head.weight' in state else 'missing',
        **{f'{head}.out_channels': width for head, width in widths.items()},
    }
