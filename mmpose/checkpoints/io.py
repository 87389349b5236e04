"""Reading checkpoint files without running code that they may carry."""

import argparse
import codecs
import hashlib
import os
import pathlib
import pickle
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

from mmpose.checkpoints.download import HUB_SCHEME, download_once, file_sha256
from mmpose.checkpoints.torchscript_weights import is_torchscript, read_torchscript

LAST_CHECKPOINT = 'last_checkpoint'  # names the last checkpoint of a work dir, in one line
_extra_classes: list[type] = []


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
        codecs.encode,  # how NumPy stores bytes; on the list since PyTorch 2.5
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
        *(_renamed(scalar, f'numpy.{core}.multiarray.scalar') for core in ('core', '_core')),
        *(
            _renamed(reconstruct, f'numpy.{core}.multiarray._reconstruct')
            for core in ('core', '_core')
        ),
        *_extra_classes,
    ]


def read_checkpoint(path: str | os.PathLike[str], trust: bool = False) -> dict[str, Any]:
    """Returns the content of a checkpoint file or folder, on the CPU.

    Args:
        path: Local file; or address, see ``local_copy``, which is downloaded once into PyTorch's
            cache; or folder of Hugging Face or DeepSpeed, see ``read_folder``. ``.safetensors``
            files are read by safetensors, the weights of a TorchScript archive without its
            program.
        trust: Unpickle whatever the file holds. It can then run any code: only for files from
            a source you trust.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, is no checkpoint, or holds classes that are refused.
    """
    local = local_copy(path)
    if os.path.isdir(local):
        from mmpose.checkpoints.folder import read_folder

        return read_folder(local, trust)
    if not os.path.isfile(local):
        raise FileNotFoundError(f"there is no checkpoint file '{path}'")
    if os.path.getsize(local) == 0:
        raise ValueError(f"'{path}' is empty; download or copy it again")
    if local.endswith('.safetensors'):
        return _read_safetensors(local)
    if zipfile.is_zipfile(local) and is_torchscript(local):
        return dict(read_torchscript(local))
    content = _read_pickled(local, trust)
    if not isinstance(content, dict):
        raise ValueError(
            f"'{path}' holds a {type(content).__name__}, expected a dict of weights; save "
            'dict(state_dict=model.state_dict()) with torch.save'
        )
    return content


def local_copy(path: str | os.PathLike[str]) -> str:
    """Returns the local path of a file or folder; an address is downloaded once.

    Addresses are http(s), or hf://organisation/name for a model of the Hugging Face hub.

    ``latest.pth``, as mmcv called it, stands for the last checkpoint of a work dir.
    """
    local = str(path)
    if urlparse(local).scheme in ('http', 'https', HUB_SCHEME):
        return download_once(local)
    folder, name = os.path.split(local)
    pointer = os.path.join(folder, LAST_CHECKPOINT)
    if name == 'latest.pth' and not os.path.exists(local) and os.path.isfile(pointer):
        with open(pointer, encoding='utf-8') as file:
            return os.path.join(folder, os.path.basename(file.read().strip()))
    return local


def checkpoint_sha256(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a checkpoint, in hexadecimal digits.

    Of a folder with one weight file it is that file's; of several files it is that of their
    hashes, one a line, in the order of their names.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    local = local_copy(path)
    if not os.path.isdir(local):
        return file_sha256(local)
    from mmpose.checkpoints.folder import weight_files

    hashes = [file_sha256(file) for file in sorted(weight_files(local))]
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256('\n'.join(hashes).encode()).hexdigest()


def extract_state_dict(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Returns the weights of a checkpoint, without a leading 'module.' in their names.

    They are looked for under 'state_dict' (mmengine, mmcv), 'model' (MAE, HAP) and 'module'
    (DeepSpeed), else in the checkpoint itself.

    Raises:
        ValueError: If there are no tensors.
    """
    state = checkpoint
    for key in ('state_dict', 'model', 'module'):
        if isinstance(checkpoint.get(key), dict):
            state = checkpoint[key]
            break
    tensors = {str(k): v for k, v in state.items() if isinstance(v, Tensor)}
    if tensors and not any(x.numel() for x in tensors.values()) and 'module' in checkpoint:
        raise ValueError(
            'the checkpoint is one part of a DeepSpeed run with ZeRO stage 3, whose weights are '
            "spread over its files; join them with DeepSpeed's zero_to_fp32.py and load the result"
        )
    if not tensors:
        raise ValueError(
            f'the checkpoint holds no weights but {first_names(map(str, checkpoint))}; '
            "expected tensors there or under 'state_dict', 'model' or 'module'"
        )
    return {name.removeprefix('module.'): tensor for name, tensor in tensors.items()}


def first_names(names: Iterable[str], num: int = 5) -> str:
    """Returns the first few names in quotes, and how many more there are."""
    names = list(names)
    more = f' and {len(names) - num} more' if len(names) > num else ''
    return ', '.join(f"'{name}'" for name in names[:num]) + more


def _history_method(owner: object, name: str) -> Callable[..., Any]:
    """Stands in for ``getattr``, by which a pickled HistoryBuffer names its four statistics."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'GLOBAL builtins.getattr of {name}')
    return getattr(HistoryBuffer, name)


def _renamed(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Returns a function that PyTorch's list knows by another name, as of PyTorch 2.4."""

    def stand_in(*args: Any) -> Any:
        return function(*args)

    stand_in.__module__, stand_in.__name__ = name.rsplit('.', 1)
    stand_in.__qualname__ = stand_in.__name__
    return stand_in


@contextmanager
def _allowing(objects: Sequence[type | Callable[..., Any]]) -> Iterator[None]:
    """Adds to PyTorch's list for a while; ``safe_globals`` of PyTorch begins with version 2.5."""
    before = list(torch.serialization.get_safe_globals())
    torch.serialization.add_safe_globals(list(objects))
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def _read_pickled(path: str, trust: bool) -> Any:
    if trust:
        return _load(path, weights_only=False)
    refused: list[str] = []
    with _allowing(harmless_globals()):
        if zipfile.is_zipfile(path):
            refused = _refused_classes(path)
        if not refused:
            return _load(path, weights_only=True)
    raise _refusal(path, refused)


def _refused_classes(path: str) -> list[str]:
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # a damaged file fails in many ways; reading it says which
        return []


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
        raise ValueError(
            f"'{path}' ({os.path.getsize(path)} bytes{_looks_like(path)}) is damaged or is no "
            f'PyTorch checkpoint ({type(error).__name__}); download or copy it again'
        ) from error


def _refusal(path: str, classes: list[str]) -> ValueError:
    return ValueError(
        f"'{path}' holds {first_names(classes)}, which could run code when read; if you trust its "
        'source, pass --trust-checkpoint'
    )


def _looks_like(path: str) -> str:
    with open(path, 'rb') as file:
        head = file.read(64).lstrip().lower()
    if head.startswith((b'<!doctype', b'<html')):
        return ', a web page'
    if head.startswith(b'version https://git-lfs'):
        return ', a Git LFS pointer'
    return ''


def _read_safetensors(path: str) -> dict[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError(
            f"'{path}' needs safetensors; install it with: pip install safetensors"
        ) from error
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"'{path}' cannot be read as safetensors, download or copy it again: {error}"
        ) from error
