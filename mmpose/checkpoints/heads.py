"""Heads and experts of a model with several datasets, taken apart or fitted to another model.

State dicts here have our names: ``backbone.*`` with ``head.*`` or ``heads.{d}.*``.
"""

import re

from torch import Tensor

from mmpose.checkpoints.adapters.vitpose_plus import (
    has_experts,
    merge_expert,
    num_experts,
    refuse_experts,
)
from mmpose.checkpoints.formats import StateDict

OTHER_DATASET = 'head of another dataset, see tools/model_split.py'
FINAL_LAYER = 'final_layer.'
HEAD = re.compile(r'^heads\.(\d+)\.')


def num_heads_of(state: StateDict) -> int:
    """Returns the number of heads: one of ``head.*``, or those of ``heads.{d}.*``."""
    numbered = {int(match[1]) for name in state if (match := HEAD.match(name))}
    return len(numbered) or int(any(name.startswith('head.') for name in state))


def num_datasets_of(state: StateDict) -> int:
    """Returns the number of datasets that a model can tell apart: of its experts or its heads."""
    return max(num_experts(state), num_heads_of(state), 1)


def select_dataset(
    state: StateDict, dataset: int, num_keypoint_channels: int | None = None
) -> StateDict:
    """Returns the plain model of one dataset: its expert merged into fc2 and its head as ``head``.

    Args:
        state: Weights of a model with experts, with several heads, or both.
        num_keypoint_channels: Rows to which the final layer is cut; None keeps all.

    Raises:
        ValueError: If the model has no such expert or head, or the head has too few rows.
    """
    num_heads = num_heads_of(state)
    if num_heads > 1 and dataset >= num_heads:
        raise ValueError(
            f'there is no head {dataset}: the checkpoint has heads 0 to {num_heads - 1}'
        )
    head = dataset if num_heads > 1 else 0
    merged = merge_expert(state, dataset) if has_experts(state) else state
    plain: StateDict = {}
    for name, tensor in merged.items():
        match = HEAD.match(name)
        if match is None or int(match[1]) == head:
            plain[HEAD.sub('head.', name)] = tensor
    for name, tensor in plain.items() if num_keypoint_channels is not None else ():
        if name.startswith(f'head.{FINAL_LAYER}'):
            plain[name] = _first_rows(name, tensor, num_keypoint_channels)
    return plain


def fit_heads(
    state: StateDict, target: StateDict, dataset: int = 0
) -> tuple[StateDict, dict[str, str], tuple[str, ...]]:
    """Returns a pose model's weights with the heads that another model has.

    A model with one head takes that of ``dataset``. In a model with a head per dataset, final
    layers with more rows than the model's (padded in training to the most keypoints) are cut.

    Args:
        dataset: Whose head a model with one head takes.

    Returns:
        The weights, name -> why for those left out, and notes.

    Raises:
        ValueError: If the file has experts and the model has none.
    """
    if has_experts(state) and not has_experts(target):
        refuse_experts()
    if not any(HEAD.match(name) for name in target):
        wanted = str(dataset if num_heads_of(state) > 1 else 0)
        others = [name for name in state if (match := HEAD.match(name)) and match[1] != wanted]
        kept = {HEAD.sub('head.', name): x for name, x in state.items() if name not in others}
        return kept, dict.fromkeys(others, OTHER_DATASET), ()
    if num_heads_of(target) == 1:
        state = {re.sub(r'^head\.', 'heads.0.', name): tensor for name, tensor in state.items()}
    fitted, notes = dict(state), []
    for name, tensor in state.items():
        if not HEAD.match(name) or FINAL_LAYER not in name or name not in target:
            continue
        rows = len(target[name])
        if len(tensor) > rows:
            fitted[name] = tensor[:rows]
            layer = name.removesuffix('.weight')
            note = f'{layer} was cut from {len(tensor)} to its first {rows} rows'
            notes += [note] if name.endswith('.weight') else []
    return fitted, {}, tuple(notes)


def _first_rows(name: str, tensor: Tensor, num_rows: int) -> Tensor:
    if len(tensor) < num_rows:
        raise ValueError(
            f"'{name}' has {len(tensor)} rows, fewer than the {num_rows} keypoints of the dataset; "
            'the heads of the checkpoint are in another order or belong to other datasets'
        )
    return tensor[:num_rows].clone()
