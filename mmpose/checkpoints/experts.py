"""Experts of ViTPose+ in a state dict: one slice of each ``mlp.fc2`` per dataset.

A layer with experts is a plain layer whose last output rows depend on the dataset, so both ways
are exact: cutting a plain ``fc2`` into a shared part and experts, and putting it together again.
Functions take a state dict, with or without ``backbone.`` before the names, and return a new one.
"""

import re

import torch
from torch import Tensor

StateDict = dict[str, Tensor]

_EXPERT = re.compile(r'(?P<mlp>(?:.*\.)?mlp)\.experts\.(?P<expert>\d+)\.(?P<kind>weight|bias)')
_FC2 = re.compile(r'(?P<mlp>(?:.*\.)?mlp)\.fc2\.(?P<kind>weight|bias)')


def has_experts(state: StateDict) -> bool:
    """Tells whether ``fc2`` lacks the rows that experts hold.

    Experts that were left over beside a whole ``fc2``, as the published splitter leaves them, take
    part in nothing and do not count.
    """
    for name in state:
        match = _EXPERT.fullmatch(name)
        if match is None:
            continue
        fc1, fc2 = (state.get(f'{match["mlp"]}.{layer}.weight') for layer in ('fc1', 'fc2'))
        if fc1 is None or fc2 is None or fc2.shape[0] != fc1.shape[1]:
            return True
    return False


def num_experts(state: StateDict) -> int:
    """Returns the number of experts of each block.

    Raises:
        ValueError: If blocks have different experts, or numbers are left out.
    """
    experts: dict[tuple[str, str], set[int]] = {}
    for name in state:
        if match := _FC2.fullmatch(name):
            experts.setdefault((match['mlp'], match['kind']), set())
        if match := _EXPERT.fullmatch(name):
            experts.setdefault((match['mlp'], match['kind']), set()).add(int(match['expert']))
    counts = {len(found) for found in experts.values()}
    for (mlp, kind), found in experts.items():
        if found != set(range(max(counts))):
            raise ValueError(
                f"'{mlp}' has a {kind} of experts {sorted(found)}, expected 0 to "
                f'{max(counts) - 1} as elsewhere in the file; it is damaged or cut'
            )
    return max(counts, default=0)


def expert_features(state: StateDict) -> int:
    """Returns the number of output rows that an expert holds, ``part_features``.

    Raises:
        ValueError: If there is no expert.
    """
    for name, tensor in state.items():
        if _EXPERT.fullmatch(name):
            return tensor.shape[0]
    raise ValueError('the weights have no experts, so part_features cannot be told from them')


def merge_expert(state: StateDict, expert: int) -> StateDict:
    """Returns the plain network of one dataset: ``fc2`` whole again, no experts.

    Args:
        state: Weights with experts.
        expert: Whose rows are put behind the shared ones.

    Raises:
        ValueError: If there is no such expert.
    """
    if not has_experts(state):
        raise ValueError('the weights have no experts to merge; they are those of a plain network')
    count = num_experts(state)
    if not 0 <= expert < count:
        raise ValueError(f'there is no expert {expert}, the weights have experts 0 to {count - 1}')
    merged: StateDict = {}
    for name, tensor in state.items():
        if _EXPERT.fullmatch(name):
            continue
        if match := _FC2.fullmatch(name):
            own = state[f'{match["mlp"]}.experts.{expert}.{match["kind"]}']
            tensor = torch.cat([tensor, own])  # (C - p, ...) and (p, ...) -> (C, ...)
        merged[name] = tensor
    return merged


def split_into_experts(
    state: StateDict, num_expert: int, part_features: int | None = None
) -> StateDict:
    """Returns plain weights as a network with experts that all start as the same rows.

    Args:
        state: Weights of a plain network.
        num_expert: E, number of experts.
        part_features: p, rows of an expert, the last of ``fc2``; None is a quarter of its rows.

    Raises:
        ValueError: If there are experts already, or fewer rows than an expert needs.
    """
    if has_experts(state):
        raise ValueError('the weights have experts already')
    split: StateDict = {}
    for name, tensor in state.items():
        match = _FC2.fullmatch(name)
        if match is None:
            split |= {} if _EXPERT.fullmatch(name) else {name: tensor}
            continue
        rows = tensor.shape[0] // 4 if part_features is None else part_features
        if not 0 < rows < tensor.shape[0]:
            raise ValueError(
                f"'{name}' has {tensor.shape[0]} rows, of which an expert cannot take {rows}; set "
                'model.backbone.part_features to a smaller number'
            )
        split[name] = tensor[:-rows].clone()
        for expert in range(num_expert):
            split[f'{match["mlp"]}.experts.{expert}.{match["kind"]}'] = tensor[-rows:].clone()
    return split


def add_experts(state: StateDict, num_expert: int, source: int) -> StateDict:
    """Returns weights with more experts, the new ones copies of one that is there.

    Args:
        state: Weights with fewer than ``num_expert`` experts.
        num_expert: E, number of experts of the result.
        source: The expert to copy.

    Raises:
        ValueError: If there is no such expert.
    """
    count = num_experts(state)
    if not 0 <= source < count:
        raise ValueError(
            f'the new experts cannot start from expert {source}, the weights have experts 0 to '
            f'{count - 1}; set model.backbone.new_expert_from'
        )
    grown = dict(state)
    for name, tensor in state.items():
        match = _EXPERT.fullmatch(name)
        if match is None or int(match['expert']) != source:
            continue
        for expert in range(count, num_expert):
            grown[f'{match["mlp"]}.experts.{expert}.{match["kind"]}'] = tensor.clone()
    return grown
