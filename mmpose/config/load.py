"""From a file name and command-line options to a checked config."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from mmpose.config.check import check_config
from mmpose.config.published_names import published_config

DATA_ROOT_VARIABLE = 'MMPOSE_DATA_ROOT'
DATA_PREFIX = 'data/'


def load_config(
    path: str | Path,
    options: dict[str, Any] | None = None,
    data_root: str | None = None,
    check: bool = True,
) -> Config:
    """Returns a composed, overridden and checked config.

    Args:
        path: The config file, or a name that a published README has for it.
        options: Overrides by dotted key, as ``--cfg-options`` gives them.
        data_root: Folder that holds the datasets. Paths that begin with ``data/`` in the config
            move there; the environment variable ``MMPOSE_DATA_ROOT`` does the same. Paths of a
            dataset with a ``data_root`` are relative to it and move with it.
        check: Whether to look for contradictions.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an override names no place in the config, or the config contradicts itself;
            the message lists every problem.
    """
    path = path if Path(path).is_file() else published_config(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f'config file {path} does not exist')
    cfg = Config.fromfile(path)
    if options:
        _override(cfg, options)
    data_root = data_root or os.environ.get(DATA_ROOT_VARIABLE)
    if data_root:
        _move_data(cfg, data_root)
    problems = check_config(cfg) if check else []
    if problems:
        raise ValueError(f'{path} does not fit together: ' + '; '.join(problems))
    return cfg


def _override(cfg: Config, options: dict[str, Any]) -> None:
    aliases = _shared_parts(cfg)
    cfg.merge_from_dict(options)
    for key, source in aliases.items():
        mirrored = {
            key + option[len(source) :]: value
            for option, value in options.items()
            if option.startswith(source + '.')
        }
        own = [option for option in options if option.startswith(key + '.')]
        if mirrored and not own:
            cfg.merge_from_dict(mirrored)


def _shared_parts(cfg: Config) -> dict[str, str]:
    """Test parts that are copies of the validation parts follow overrides of the latter."""
    pairs = {'test_dataloader': 'val_dataloader', 'test_evaluator': 'val_evaluator'}
    return {key: src for key, src in pairs.items() if cfg.get(key) == cfg.get(src) is not None}


def _move_data(node: Any, data_root: str) -> None:
    is_dict = isinstance(node, (Config, ConfigDict, dict))
    is_dataset = is_dict and 'type' in node and bool(node.get('data_root'))
    for key, value in list(node.items() if is_dict else enumerate(node)):
        if is_dataset and isinstance(value, str) and key != 'data_root':
            continue
        if isinstance(value, str) and value.startswith(DATA_PREFIX):
            node[key] = os.path.join(data_root, value[len(DATA_PREFIX) :])
        elif isinstance(value, (dict, list)):
            _move_data(value, data_root)
