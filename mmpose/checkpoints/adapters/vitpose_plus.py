"""ViTPose+ experts in a state dict: one slice of each ``mlp.fc2`` per dataset.

A layer with experts is a plain layer whose last output rows depend on the dataset, so both ways
are exact: cutting a plain ``fc2`` into a shared part and experts, and putting it together again.
Functions take a state dict, with or without ``backbone.`` before the names, and return a new one.
The names of experts are the same in all code bases; those of the rest are in ``vitpose``.
"""

import re

import torch
from torch import nn

from mmpose.checkpoints.formats import StateDict

_EXPERT = re.compile(r'(?P<mlp>(?:.*\.)?mlp)\.experts\.(?P<expert>\d+)\.(?P<kind>weight|bias)')
_FC2 = re.compile(r'(?P<mlp>(?:.*\.)?mlp)\.fc2\.(?P<kind>weight|bias)')


def has_experts(state: StateDict) -> bool:
    """Tells whether ``fc2`` lacks the rows that experts hold.

    Experts that were left over beside a whole ``fc2``, as the published splitter leaves them, take
    part in nothing and do not count.
    """
    for mlp in {match['mlp'] for name in state if (match := _EXPERT.fullmatch(name))}:
        fc1, fc2 = (state.get(f'{mlp}.{layer}.weight') for layer in ('fc1', 'fc2'))
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


def fit_experts(state: StateDict, backbone: nn.Module) -> tuple[StateDict, tuple[str, ...]]:
    """Returns weights with the experts that a backbone has, and a sentence on each change.

    Experts of a plain network all start as the last rows of its ``fc2``, as published.

    Args:
        state: Weights of a plain network or one with experts, without a prefix.
        backbone: Its ``new_expert_from`` is the expert whose copies are those that the file lacks;
            None allows no others.

    Raises:
        ValueError: If the experts of the file are not those of the backbone.
    """
    target = backbone.state_dict()
    new_expert_from = getattr(backbone, 'new_expert_from', None)
    if not has_experts(target):
        if has_experts(state):
            refuse_experts()
        return state, ()
    wanted, wanted_features = num_experts(target), expert_features(target)
    if not has_experts(state):
        note = f'{wanted} experts start as the last {wanted_features} rows of fc2'
        return split_into_experts(state, wanted, wanted_features), (note,)
    features, count = expert_features(state), num_experts(state)
    if features != wanted_features:
        raise ValueError(
            f'experts have {features} channels in the file and {wanted_features} in the '
            f'model; set model.backbone.part_features={features}'
        )
    if count == wanted:
        return state, ()
    if count > wanted or new_expert_from is None:
        hint = ', or new_expert_from to the expert that new ones start from'
        raise ValueError(
            f'the file has {count} experts and the model {wanted}; set '
            f'model.backbone.num_expert={count}{hint if count < wanted else ""}'
        )
    notes = tuple(
        f'expert {expert} starts as expert {new_expert_from}' for expert in range(count, wanted)
    )
    return add_experts(state, wanted, new_expert_from), notes


def refuse_experts() -> None:
    """Raises a ValueError: a model with experts was given where a plain one is expected."""
    raise ValueError(
        'the checkpoint is a ViTPose+ model with one expert per dataset; extract the model of one '
        'dataset with tools/model_split.py and load that'
    )
