"""Config of a run, and its differences from the one in the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmpose.config.load import DATA_PREFIX, read_recorded_config
from mmpose.config.names import BASE_FOLDER, CONFIGS
from mmpose.engine.runner import TEST_CONFIG, TRAIN_CONFIG

EXPERIMENT = re.compile(r'Exp name: (.+)_\d{8}_\d{6}')
# set by the commands, and said elsewhere in a report
OF_COMMANDS = ('work_dir', 'load_from', 'resume', 'launcher', 'trust_checkpoint')
NOTHING = '-'


def read_run_config(work_dir: Path) -> Config | None:
    """Returns the config of the training, else of the test, of a work dir, if there is one."""
    for name in (TRAIN_CONFIG, TEST_CONFIG):
        if (work_dir / name).is_file():
            return read_recorded_config(work_dir / name)
    return None


def find_base(work_dir: Path, root: Path = CONFIGS) -> Path | None:
    """Returns the config of the repository that a run was started with.

    Args:
        work_dir: Of the run, whose log names the experiment.
        root: Folder of the configs.

    Returns:
        None if the log has no name, or no config or several have it.
    """
    names = {
        match[1]
        for path in work_dir.glob('*/*.log')
        for match in EXPERIMENT.finditer(path.read_text(encoding='utf-8', errors='replace'))
    }
    paths = (path for name in names for path in root.rglob(f'{name}.py'))
    found = [path for path in paths if BASE_FOLDER not in path.relative_to(root).parts]
    return found[0] if len(found) == 1 else None


def config_differences(run: Config, base: Config) -> list[tuple[str, str, str]]:
    """Returns the differences between two configs.

    A path counts as equal that was only moved by ``--data-root``, and None as missing. Parts that
    a command takes out of its config, as training does with the test, are not compared.

    Returns:
        Key, value of the base and value of the run, ``-`` for nothing, in the order of the keys.
    """
    ours, theirs = dict(_leaves(run.to_dict())), dict(_leaves(base.to_dict()))
    unused = {key for key, value in run.items() if value is None}.union(OF_COMMANDS)
    keys = sorted(key for key in ours | theirs if key.split('.')[0] not in unused)
    return [
        (key, str(theirs.get(key, NOTHING)), str(ours.get(key, NOTHING)))
        for key in keys
        if not _is_same(ours.get(key), theirs.get(key))
    ]


def _leaves(node: Any, key: str = '') -> Iterator[tuple[str, Any]]:
    """Yields dotted keys and their values; numbers in a list are one value."""
    if isinstance(node, Mapping):
        pairs = list(node.items())
    elif isinstance(node, (list, tuple)) and any(isinstance(x, (Mapping, list)) for x in node):
        pairs = list(enumerate(node))
    else:
        if node is not None:
            yield key, list(node) if isinstance(node, tuple) else node
        return
    for name, value in pairs:
        yield from _leaves(value, f'{key}.{name}' if key else str(name))


def _is_same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, str) and isinstance(theirs, str) and theirs.startswith(DATA_PREFIX):
        return ours == theirs or ours.endswith(f'/{theirs[len(DATA_PREFIX) :]}')
    return bool(ours == theirs)
