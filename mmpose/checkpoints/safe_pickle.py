"""Safe reading of pickled checkpoints: only tensors and a short list of plain classes."""

import argparse
import os
import pathlib
import pickle
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from mmpose.checkpoints.formats import first_names

_extra_classes: list[type] = []
SAFE_TORCH = '2.10'
NO_WEIGHTS = {
    b'<!doctype': 'a web page',
    b'<html': 'a web page',
    b'version https://git-lfs': 'a Git LFS pointer',
}
"""Beginning of a file that holds no weights, in lower case -> what it is."""


def allow_in_checkpoints(*classes: type) -> None:
    """Lets checkpoints hold objects of further classes.

    For plain data classes that a package itself stores in its checkpoints. Reading a checkpoint
    creates objects of these classes from data in the file, so they must do nothing else.
    """
    _extra_classes.extend(x for x in classes if x not in _extra_classes)


def harmless_globals() -> list[type | Callable[..., Any]]:
    """Returns what a checkpoint may name besides PyTorch's own list.

    These are what mmengine (log histories, NumPy arrays and numbers) and the scripts of MAE and
    its descendants (their command line) put beside the weights.
    """
    # by what they pickle as, because the module of both functions has moved
    scalar, reconstruct = np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in '?bBhHiIlLqQefdFDUSOmM'}
    return [
        HistoryBuffer,
        _renamed(_history_method, 'builtins.getattr'),
        defaultdict,
        int,
        float,
        list,
        dict,
        argparse.Namespace,
        pathlib.PosixPath,
        pathlib.PurePosixPath,
        np.ndarray,
        np.dtype,
        *sorted(dtypes, key=lambda x: x.__name__),
        # NumPy 1 and 2 call the same functions by different names
        *(_renamed(scalar, f'numpy.{x}.multiarray.scalar') for x in ('core', '_core')),
        *(_renamed(reconstruct, f'numpy.{x}.multiarray._reconstruct') for x in ('core', '_core')),
        *_extra_classes,
    ]


def read_pickled(path: str, trust: bool = False) -> Any:
    """Returns what a file of ``torch.save`` holds, on the CPU.

    Args:
        trust: Unpickle whatever the file holds; it can then run any code.

    Raises:
        ValueError: If the file is damaged, is no checkpoint, or holds classes that are refused, or
            PyTorch is too old to refuse any.
    """
    if trust:
        return _load(path, weights_only=False)
    if torch.__version__ < SAFE_TORCH:
        raise ValueError(
            f"'{path}' is a pickle, which PyTorch {torch.__version__} does not read safely "
            f'(CVE-2025-32434, CVE-2026-24747): take PyTorch {SAFE_TORCH} or newer, a file of '
            'safetensors, or, if you trust its source, pass --trust-checkpoint'
        )
    refused: list[str] = []
    with torch.serialization.safe_globals(harmless_globals()):
        if zipfile.is_zipfile(path):
            with suppress(Exception):  # a damaged file fails in many ways; reading it says which
                refused = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
        if not refused:
            return _load(path, weights_only=True)
    raise _refusal(path, refused)


def _load(path: str, weights_only: bool) -> Any:
    try:
        return torch.load(path, map_location='cpu', weights_only=weights_only)
    except (OSError, MemoryError):
        raise
    except ImportError as error:
        raise ValueError(f"'{path}' holds objects of a missing package: {error}") from error
    except Exception as error:  # torch.load raises a dozen types for a damaged file
        match = re.search(r'GLOBAL (\S+)', str(error))
        if weights_only and isinstance(error, pickle.UnpicklingError) and match:
            raise _refusal(path, [match[1]]) from error
        what = looks_like(path)
        kind = f', {what}' if what else ''
        raise ValueError(
            f"'{path}' ({os.path.getsize(path)} bytes{kind}) is damaged or is no "
            f'PyTorch checkpoint ({type(error).__name__}); download or copy it again'
        ) from error


def _refusal(path: str, classes: list[str]) -> ValueError:
    return ValueError(
        f"'{path}' holds {first_names(classes)}, which could run code when read; if you trust its "
        'source, pass --trust-checkpoint'
    )


def looks_like(path: str | os.PathLike[str]) -> str | None:
    """Returns what a file is that holds no weights, as far as its first bytes say."""
    with open(path, 'rb') as file:
        head = file.read(64).lstrip().lower()
    return next((what for begin, what in NO_WEIGHTS.items() if head.startswith(begin)), None)


def _history_method(owner: object, name: str) -> Callable[..., Any]:
    """Stands in for ``getattr``, by which a pickled HistoryBuffer names its four statistics."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'GLOBAL builtins.getattr of {name}')
    return getattr(HistoryBuffer, name)


def _renamed(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Returns a function that PyTorch's list knows by another name."""

    def stand_in(*args: Any) -> Any:
        return function(*args)

    stand_in.__module__, stand_in.__name__ = name.rsplit('.', 1)
    stand_in.__qualname__ = stand_in.__name__
    return stand_in
