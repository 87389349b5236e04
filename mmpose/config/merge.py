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
        if isinstance(node := _find(cfg, path), Mapping)
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
        _check_type(path, old, _find(cfg, path))


def _merge(cfg: Config, options: dict[str, Any]) -> None:
    whole = {}
    for key, value in deepcopy(options).items():  # mmengine takes _delete_ out of what it gets
        path, _, name = key.rpartition('.')
        parent = _find(cfg, path)
        if isinstance(parent, list) and not isinstance(value, dict):
            parent[int(name)] = value
        else:
            whole[key] = value
    cfg.merge_from_dict(whole)


def _find(node: Any, path: str) -> Any:
    for name in path.split('.') if path else ():
        if isinstance(node, list):
            node = node[int(name)]
        else:
            node = node.get(name) if isinstance(node, Mapping | Config) else None
    return node


def _resolve(cfg: Config, key: str) -> str:
    """Returns a key with an index from 0 on for each one that counts from the end."""
    node: Any = cfg
    names = key.split('.')
    for i, name in enumerate(names):
        if isinstance(node, list | tuple):
            where, length = '.'.join(names[:i]), len(node)
            if isinstance(node, tuple):
                raise ValueError(f"'{where}' is a tuple, so '{key}' cannot be set; set all of it")
            if not re.fullmatch(r'-?\d+', name) or not -length <= int(name) < length:
                raise ValueError(
                    f"'{key}' cannot be set: '{where}' is a list of {length}, so '{name}' should "
                    f'be an index from {-length} to {length - 1}'
                )
            names[i] = str(int(name) % length)
            node = node[int(name)]
        else:
            node = node.get(name) if isinstance(node, Mapping | Config) else None
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
    places = _places_of(codec, cfg) if isinstance(codec, Mapping) else ()
    return {**shared, **{place: 'codec' for place in places if place != 'codec'}}


def _places_of(wanted: Any, node: Any, where: str = '') -> Iterator[str]:
    """Yields the dotted keys of the parts of a config that equal one of them."""
    is_list = isinstance(node, list)
    for key, value in enumerate(node) if is_list else node.items():
        place = f'{where}.{key}' if where else str(key)
        if isinstance(value, Mapping) and value == wanted:
            yield place
        elif isinstance(value, Mapping | list):
            yield from _places_of(wanted, value, place)
