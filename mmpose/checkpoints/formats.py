"""State dicts: the format of a code base, the result of a conversion, renaming."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torch import Tensor

StateDict = dict[str, Tensor]

NO_CLASS_TOKEN = 'the network has no class token'


@dataclass(frozen=True)
class Converted:
    """A state dict under the names of this package, and what became of the rest.

    Attributes:
        state: Weights under our parameter names.
        dropped: Name in the file -> why it was left out.
        notes: What was changed, one sentence each.
        format: Name of the ``Format`` that they had, which ``convert_state_dict`` knows.
    """

    state: StateDict
    dropped: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    format: str = ''


@dataclass(frozen=True)
class Format:
    """A naming of weights, as one code base writes it.

    Attributes:
        name: By which reports call it.
        title: What a user reads.
        detect: Tells from the names of a state dict whether it has this format.
        to_ours: Translates a state dict to our names, if it has others; changes no argument.
    """

    name: str
    title: str
    detect: Callable[[StateDict], bool]
    to_ours: Callable[[StateDict], Converted] = lambda state: Converted(dict(state))


def has_name(state: StateDict, pattern: str) -> bool:
    """Tells whether a regular expression matches anywhere in a name of a state dict."""
    return any(re.search(pattern, name) for name in state)


def drop_names(state: StateDict, reasons: dict[str, str]) -> tuple[StateDict, dict[str, str]]:
    """Returns the weights that are kept, and name -> reason for those left out."""
    kept, dropped = {}, {}
    for name, tensor in state.items():
        why = next((why for pattern, why in reasons.items() if re.search(pattern, name)), None)
        if why is None:
            kept[name] = tensor
        else:
            dropped[name] = why
    return kept, dropped


def translate(
    name: str, names: Iterable[tuple[str, str]], is_import: bool, before: str = '^'
) -> str:
    """Returns a name of one code base as another one has it.

    Args:
        names: (ours, theirs) where they differ, the beginning of a name; ``{i}`` is any number.
            The first that fits counts.
        is_import: Whether ``name`` is theirs and is to become ours, or the other way round.
        before: Pattern of what may stand before the beginning, and stays.
    """
    for ours, theirs in names:
        source, target = (theirs, ours) if is_import else (ours, theirs)
        pattern = f'({before})' + re.escape(source).replace(re.escape('{i}'), r'(\d+)')
        renamed, count = re.subn(pattern, r'\1' + target.replace('{i}', r'\2'), name)
        if count:
            return renamed
    return name


def below(state: StateDict, prefix: str) -> StateDict:
    """Returns the weights whose names begin with a prefix, without it."""
    return {k.removeprefix(prefix): x for k, x in state.items() if k.startswith(prefix)}


def with_prefix(prefix: str, state: StateDict) -> StateDict:
    """Returns weights with a prefix before their names."""
    return {f'{prefix}{name}': tensor for name, tensor in state.items()}


def split_backbone(state: StateDict) -> tuple[StateDict, StateDict]:
    """Returns what is in ``backbone.`` or ``encoder.``, without the prefix, and the others."""
    for prefix in ('backbone.', 'encoder.'):
        if inner := below(state, prefix):
            return inner, {k: x for k, x in state.items() if not k.startswith(prefix)}
    return dict(state), {}


def is_pos_embed(name: str, tensor: Tensor) -> bool:
    """Tells whether a tensor is the position embedding of an encoder."""
    return name.rpartition('.')[2] == 'pos_embed' and 'decoder' not in name and tensor.ndim == 3


def first_names(names: Iterable[str], num: int = 5) -> str:
    """Returns the first few names in quotes, and how many more there are."""
    names = list(names)
    more = f' and {len(names) - num} more' if len(names) > num else ''
    return ', '.join(f"'{name}'" for name in names[:num]) + more
