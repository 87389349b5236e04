"""Overrides written into a config, by dotted keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from inspect import Parameter, signature
from typing import Any

from mmengine.config import Config

from mmpose.registry import CODECS, DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS

REGISTRIES = (MODELS, CODECS, DATASETS, TRANSFORMS, METRICS, HOOKS)


def merge_options(cfg: Config, options: dict[str, Any]) -> None:
    """Writes overrides into a config.

    Args:
        cfg: The config; changed in place.
        options: Overrides by dotted key; entries of a list go by their index, -1 is the last.

    Raises:
        ValueError: If a key leads to no entry of a list, or a part gets another type whose
            class does not take what the part still has.
    """
    options = {_resolve(cfg, key): value for key, value in options.items()}
    before = {
        path: node.get('type')
        for key in options
        for path in (key.rpartition('.')[0], key)
        if isinstance(node := find(cfg, path), Mapping)
    }
    aliases = _shared_parts(cfg)
    _merge(cfg, options)
    for key, source in aliases.items():
        mirrored = {
            key + option[len(source) :]: value
            for option, value in options.items()
            if option.startswith(source + '.')
        }
        own = [option for option in options if option.startswith(key + '.')]
        if mirrored and not own:
            _merge(cfg, mirrored)
    for path, old in before.items():
        _check_type(path, old, find(cfg, path))


def _merge(cfg: Config, options: dict[str, Any]) -> None:
    whole = {}
    for key, value in deepcopy(options).items():  # mmengine takes _delete_ out of what it gets
        path, _, name = key.rpartition('.')
        parent = find(cfg, path)
        if isinstance(parent, list) and not isinstance(value, dict):
            parent[int(name)] = value
        else:
            whole[key] = value
    cfg.merge_from_dict(whole)


def find(node: Any, key: str, default: Any = None) -> Any:
    """Returns what a dotted key of a config leads to; the default if it leads nowhere."""
    for name in key.split('.') if key else ():
        if isinstance(node, Mapping | Config) and name in node:
            node = node[name]
        elif isinstance(node, list) and _is_index(name, node):
            node = node[int(name)]
        else:
            return default
    return node


def _is_index(name: str, node: list[Any]) -> bool:
    return re.fullmatch(r'-?\d+', name) is not None and -len(node) <= int(name) < len(node)


def walk(node: Any, where: str = '') -> Iterator[tuple[str, Any]]:
    """Yields dotted key and content of each dict and list in a config, itself first."""
    yield where, node
    for key, value in node.items() if isinstance(node, Mapping | Config) else enumerate(node):
        if isinstance(value, Mapping | list | tuple):
            yield from walk(value, f'{where}.{key}' if where else str(key))


def _resolve(cfg: Config, key: str) -> str:
    """Returns a key with an index from 0 on for each one that counts from the end."""
    names = key.split('.')
    for i, name in enumerate(names):
        where = '.'.join(names[:i])
        node = find(cfg, where)
        if isinstance(node, list | tuple):
            length = len(node)
            if isinstance(node, tuple):
                raise ValueError(f"'{where}' is a tuple, so '{key}' cannot be set; set all of it")
            if not _is_index(name, node):
                raise ValueError(
                    f"'{key}' cannot be set: '{where}' is a list of {length}, so '{name}' should "
                    f'be an index from {-length} to {length - 1}'
                )
            names[i] = str(int(name) % length)
    return '.'.join(names)


def _check_type(path: str, old: Any, node: Any) -> None:
    """Raises a ValueError if another type came and left what its class does not take."""
    new = node.get('type') if isinstance(node, Mapping) else None
    if new == old or not isinstance(new, str):
        return
    found = next(filter(None, (registry.get(new) for registry in REGISTRIES)), None)
    if found is None:
        return  # building will say so
    parameters = signature(found).parameters
    if any(one.kind == Parameter.VAR_KEYWORD for one in parameters.values()):
        return
    left = [name for name in node if name not in parameters and name != 'type']
    if left:
        raise ValueError(
            f'{path}.type is {new} now, which does not take {", ".join(left)} of {old}; add '
            f'{path}._delete_=True to remove what was there, and set what {new} needs'
        )


def _shared_parts(cfg: Config) -> dict[str, str]:
    """Test parts that are copies of the validation parts follow overrides of the latter.

    So do the codecs of heads and pipelines, which are copies of the variable ``codec``.
    """
    pairs = {'test_dataloader': 'val_dataloader', 'test_evaluator': 'val_evaluator'}
    shared = {key: src for key, src in pairs.items() if cfg.get(key) == cfg.get(src) is not None}
    codec = cfg.get('codec')
    if isinstance(codec, Mapping):
        places = (place for place, _ in walk(cfg) if find(cfg, place) == codec)
        shared |= {place: 'codec' for place in places if place != 'codec'}
    return shared
