"""Config loading: overrides, data root, migration, and the check."""

from __future__ import annotations

import ast
import builtins
import importlib
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from traceback import extract_tb
from typing import Any

from mmengine.config import Config
from mmengine.config import config as mmengine_config

from mmpose.checkpoints.folder import folder_config
from mmpose.config.check import LOADERS, check_config
from mmpose.config.merge import find, merge_options, walk
from mmpose.config.migration.dialect import OURS, find_dialect, summary, translate
from mmpose.config.migration.notes import MigrationNotes
from mmpose.config.migration.v1 import INNER_IMPORTS, modules_to_import
from mmpose.config.names import find_config
from mmpose.config.overrides import evaluate_literal
from mmpose.registry import DATASETS

DATA_ROOT_VARIABLE = 'MMPOSE_DATA_ROOT'
DATA_PREFIX = 'data/'
UNNAMED = (None, '<unknown>')  # what a SyntaxError calls a text without a file
PLACEHOLDER = re.compile('YOUR_[A-Z_]+')


def load_config(
    path: str | Path,
    options: dict[str, Any] | None = None,
    data_root: str | None = None,
    check: bool = True,
) -> Config:
    """Returns a composed, overridden and checked config, in our words.

    A config of MMPose 1.x or 0.x is translated, and a summary of that is printed; see
    ``docs/migration.md``.

    Args:
        path: The config file, or a name that a published README has for it.
        options: Overrides by dotted key, as ``--cfg-options`` gives them; of a foreign config by
            its keys or by ours.
        data_root: Folder that holds the datasets. Paths that begin with ``data/`` in the config
            move there; the environment variable ``MMPOSE_DATA_ROOT`` does the same. Paths of a
            dataset with a ``data_root`` are relative to it and move with it.
        check: Whether to look for contradictions.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an override names no place in the config, the config contradicts itself, or
            something in a foreign one has no counterpart; the message lists every problem.
    """
    path = find_config(path)
    cfg = read_config(path, import_modules=False)
    dialect = find_dialect(cfg)
    _import_modules(cfg, dialect)
    _name_skeletons(cfg, dialect)
    if dialect != OURS:
        cfg, options = _migrated(cfg, dialect, options or {})
        _import_modules(cfg, OURS)
    if options:
        merge_options(cfg, options)
    data_root = data_root or os.environ.get(DATA_ROOT_VARIABLE)
    if data_root:
        _move_data(cfg, data_root)
    problems = check_config(cfg) if check else []
    if problems:
        raise ValueError(f'{path} does not fit together: ' + '; '.join(problems))
    return cfg


def _import_modules(cfg: Config, dialect: str) -> None:
    """Imports what ``custom_imports`` names; modules of MMPose itself have ours in their place.

    Raises:
        ValueError: If a module does not import; the message says why, and where.
    """
    config = cfg.get('custom_imports') or {}
    names = modules_to_import(config)
    own = [name for name in names if dialect == OURS or not name.startswith(INNER_IMPORTS)]
    for name in own:
        try:
            importlib.import_module(name)
        except Exception as error:
            message = f"custom_imports: '{name}' does not import: {_cause(name, error)}"
            if isinstance(error, ImportError) and config.get('allow_failed_imports'):
                warnings.warn(f'{message}; it is left out', stacklevel=3)
                continue
            raise ValueError(message) from error


def _migrated(cfg: Config, dialect: str, options: dict[str, Any]) -> tuple[Config, dict[str, Any]]:
    """Returns a foreign config in our words, and the overrides that are still to be applied.

    Overrides of keys that the foreign config has, or may have, come before the translation.
    """
    notes, theirs = MigrationNotes(), dict(options)
    if options:
        plain = _translated(cfg, dialect, {}, MigrationNotes())
        theirs = {k: v for k, v in options.items() if _has(cfg, k) or not _is_ours(plain, cfg, k)}
        _translated(cfg, dialect, theirs, notes)
        theirs = {k: v for k, v in theirs.items() if _has(cfg, k) or k not in notes.refused}
        notes = MigrationNotes()
    translated = _translated(cfg, dialect, theirs, notes)
    if notes.refused:
        reasons = '; '.join(f'{key} {why}' for key, why in notes.refused.items())
        raise ValueError(f'this config of {dialect} cannot be run here: {reasons}')
    if os.environ.get('RANK', '0') == '0':
        print(summary(dialect, notes), file=sys.stderr)
    ours = {key: value for key, value in options.items() if key not in theirs}
    return Config(translated, filename=cfg.filename), ours


def _translated(
    cfg: Config, dialect: str, options: dict[str, Any], notes: MigrationNotes
) -> dict[str, Any]:
    cfg = deepcopy(cfg)
    if options:
        merge_options(cfg, options)
    _find_skeletons(cfg)
    return translate(dialect, cfg.to_dict(), notes)


def _find_skeletons(cfg: Config) -> None:
    """Replaces files of skeletons that are not in the working folder by those beside a config.

    In MMPose they are relative to its repository, from which its tools are started.
    """
    folders = [Path(), *Path(cfg.filename).resolve().parents]
    for _, part in walk(cfg):
        if isinstance(part, dict) and isinstance(part.get('from_file'), str):
            found = (folder / part.from_file for folder in folders)
            part.from_file = str(next((path for path in found if path.is_file()), part.from_file))


def _has(node: Any, key: str) -> bool:
    return find(node, key, default=_has) is not _has


def _is_ours(translated: Any, cfg: Config, key: str) -> bool:
    """Whether a key leads somewhere in a translated config only."""
    parent = key.rpartition('.')[0]
    return _has(translated, key) or bool(
        parent and _has(translated, parent) and not _has(cfg, parent)
    )


def read_config(path: str | Path, import_modules: bool = True) -> Config:
    """Returns a composed config as its files have it, also with byte order marks.

    Args:
        path: The config file.
        import_modules: Whether to import what ``custom_imports`` names.

    Raises:
        FileNotFoundError: If it, or a base of it, does not exist.
        ValueError: If a file cannot be run or read, or a module does not import; the message says
            where.
    """
    # mmengine opens configs and their bases itself; Python skips such marks in source files.
    mmengine_config.open = _open_without_mark
    try:
        cfg = Config.fromfile(path, import_custom_modules=False)
    except NameError as error:
        if not PLACEHOLDER.fullmatch(error.name) or hasattr(builtins, error.name):
            raise ValueError(f'{path}: {error}; define it, or put its value there') from error
        with _placeholder(error.name, path):
            return read_config(path, import_modules)
    except Exception as error:
        lines = [x for x in extract_tb(error.__traceback__) if x.name == '<module>']
        if isinstance(error, OSError) and not lines:
            if error.filename is None or os.path.abspath(error.filename) == os.path.abspath(path):
                raise
            base = os.path.normpath(error.filename)
            raise type(error)(f'{path}: its _base_ {base}: {error.strerror}') from error
        where = f'{lines[-1].filename}, line {lines[-1].lineno}' if lines else ''
        raise ValueError(_unread(path, error, where)) from error
    if import_modules:
        _import_modules(cfg, OURS)
    return cfg


def _name_skeletons(cfg: Config, dialect: str) -> None:
    """Writes out the skeleton that a dataset class has as METAINFO, in MMPose's way."""
    found = []
    for loader in LOADERS:
        dataset = find(cfg, f'{loader}.dataset')
        kind = find(dataset, 'type')
        kind = DATASETS.get(kind) if kind and isinstance(kind, str) else kind
        info = getattr(kind, 'METAINFO', None)
        if info:
            dataset.setdefault('metainfo', dict(info))
            found.append(dataset['metainfo'])
    if found and dialect == OURS and find(cfg, 'model') and 'heads' not in cfg.model:
        cfg.model.setdefault('metainfo', found[0])


def _unread(path: str | Path, error: Exception, where: str) -> str:
    either = f'{path}, or a base of it'
    if isinstance(error, SyntaxError):
        place = either if error.filename in UNNAMED else error.filename
        return f'{place}, line {error.lineno or 1}: {error.msg}; it was read as Python'
    if isinstance(error, UnicodeDecodeError):
        return f'{either}, is no UTF-8 ({error}); save it so'
    return f'{where or either}: {type(error).__name__}: {error}'


def _cause(name: str, error: Exception) -> str:
    frames = [x for x in extract_tb(error.__traceback__) if 'importlib' not in x.filename]
    if isinstance(error, SyntaxError):
        return f'{error.filename}, line {error.lineno}: {error.msg}'
    is_absent = isinstance(error, ModuleNotFoundError) and f'{name}.'.startswith(f'{error.name}.')
    if is_absent and frames[-1].filename == __file__:
        return (
            f"there is no module '{error.name}' on the path; start with PYTHONPATH set to the "
            f'folder that holds {error.name}, which is none of {sys.path[:3]}'
        )
    return f'{frames[-1].filename}, line {frames[-1].lineno}: {type(error).__name__}: {error}'


@contextmanager
def _placeholder(name: str, path: str | Path) -> Iterator[None]:
    """Lets a name such as YOUR_PATH, which a config leaves to its user, stand for None."""
    warnings.warn(
        f'{path}: {name} is for you to fill in and counts as None; --cfg-options can set what it '
        'is for, such as load_from=FILE',
        stacklevel=3,
    )
    setattr(builtins, name, None)
    try:
        yield
    finally:
        delattr(builtins, name)


def read_recorded_config(path: str | Path) -> Config:
    """Returns the config of a work dir or of a saved model; nothing of it is executed.

    Args:
        path: ``config.py``, as a run writes it, or ``config.json``, as ``save_pretrained`` does.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is more than names and their values.
    """
    path = Path(path)
    values: dict[str, Any] = {}
    if path.suffix == '.json':
        return Config(folder_config(str(path.parent)) or {}, filename=str(path))
    try:
        for statement in ast.parse(path.read_bytes()).body:
            line = statement.lineno
            if not isinstance(statement, ast.Assign):
                raise ValueError(f'{type(statement).__name__} is no assignment')
            (target,) = statement.targets
            values[ast.unparse(target)] = evaluate_literal(statement.value)
    except SyntaxError as error:
        raise ValueError(f'{path}, line {error.lineno}: {error.msg}') from error
    except ValueError as error:
        raise ValueError(
            f'{path}, line {line}: {error}, but the config of a run has values only; if you trust '
            'the file, which is run as a program then, give it and its checkpoint one by one'
        ) from error
    return Config(values, filename=str(path))


def _open_without_mark(file: Any, mode: str = 'r', **options: Any) -> Any:
    if 'r' in mode and options.get('encoding') == 'utf-8':
        options['encoding'] = 'utf-8-sig'
    return open(file, mode, **options)


def _move_data(node: Any, data_root: str) -> None:
    is_dict = isinstance(node, (Config, dict))
    is_dataset = is_dict and 'type' in node and bool(node.get('data_root'))
    for key, value in list(node.items() if is_dict else enumerate(node)):
        if is_dataset and (isinstance(value, str) or key == 'data_prefix') and key != 'data_root':
            continue
        if isinstance(value, str) and value.startswith(DATA_PREFIX):
            node[key] = os.path.join(data_root, value[len(DATA_PREFIX) :])
        elif isinstance(value, (dict, list)):
            _move_data(value, data_root)
