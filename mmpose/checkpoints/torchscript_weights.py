"""TorchScript archives: their weights, without running the program in them."""

import io
import os
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

_STORAGES = {
    f'{name}Storage': dtype
    for name, dtype in (
        ('Double', torch.float64), ('Float', torch.float32), ('Half', torch.float16),
        ('BFloat16', torch.bfloat16), ('Long', torch.int64), ('Int', torch.int32),
        ('Short', torch.int16), ('Char', torch.int8), ('Byte', torch.uint8), ('Bool', torch.bool),
    )
}  # fmt: skip


class _Module:
    """Stands for a module of the program: its attributes, and none of its code."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


class _Unpickler(pickle.Unpickler):
    """Makes modules into plain objects and tensors into tensors, and refuses everything else."""

    def __init__(
        self, file: io.BytesIO, read_storage: Callable[[str, torch.dtype], Tensor]
    ) -> None:
        super().__init__(file)
        self._read_storage = read_storage

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith('__torch__'):
            return _Module
        if module == 'torch' and name in _STORAGES:
            return _STORAGES[name]
        known = {
            ('torch._utils', '_rebuild_tensor_v2'): _view,
            ('torch._utils', '_rebuild_parameter'): lambda data, *_: data,
            ('collections', 'OrderedDict'): OrderedDict,
            ('torch.jit._pickle', 'restore_type_tag'): lambda value, _: value,
        }
        if (module, name) in known:
            return known[module, name]
        if module == 'torch.jit._pickle' and name.startswith('build_'):
            return list  # of numbers or tensors
        raise pickle.UnpicklingError(f'GLOBAL {module}.{name}')

    def persistent_load(self, pid: Any) -> Tensor:
        kind, dtype, key = pid[0], pid[1], pid[2]
        if kind != 'storage' or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError(f'GLOBAL {kind}')
        return self._read_storage(str(key), dtype)


def is_torchscript(path: str | os.PathLike[str]) -> bool:
    """Tells whether a zip archive is a TorchScript program."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith('/constants.pkl') for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def read_torchscript(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Returns the tensors of a TorchScript archive by the names that its ``state_dict`` has.

    Nothing of the program is compiled or run: the archive is a zip of a pickle and raw numbers,
    and the pickle is read by an interpreter that knows tensors and nothing else.

    Raises:
        ValueError: If the archive is damaged or holds other objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except pickle.UnpicklingError as error:
        what = str(error).removeprefix('GLOBAL ')
        raise ValueError(
            f"'{path}' is a TorchScript program that holds '{what}' besides modules and tensors, "
            'so its weights cannot be read safely; save the state_dict() of its model with '
            'torch.save'
        ) from error
    except (zipfile.BadZipFile, KeyError, EOFError, RuntimeError, TypeError, IndexError) as error:
        raise ValueError(
            f"'{path}' ({os.path.getsize(path)} bytes) is a damaged TorchScript archive "
            f'({type(error).__name__}); download or copy it again'
        ) from error


def _read(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    names = archive.namelist()
    data_file = next(name for name in names if name.endswith('/data.pkl'))
    folder = data_file.removesuffix('data.pkl')
    is_swapped = False
    if f'{folder}byteorder' in names:
        is_swapped = archive.read(f'{folder}byteorder').decode() != sys.byteorder
    storages: dict[str, Tensor] = {}

    def read_storage(key: str, dtype: torch.dtype) -> Tensor:
        if key not in storages:
            raw = bytearray(archive.read(f'{folder}data/{key}'))
            if is_swapped:
                raw = _swap(raw, dtype.itemsize)
            storages[key] = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0).to(dtype)
        return storages[key]

    root = _Unpickler(io.BytesIO(archive.read(data_file)), read_storage).load()
    return dict(_named_tensors(root, ''))


def _named_tensors(module: Any, prefix: str) -> list[tuple[str, Tensor]]:
    found: list[tuple[str, Tensor]] = []
    for name, value in getattr(module, 'attributes', {}).items():
        if isinstance(value, Tensor):
            found.append((prefix + name, value))
        elif isinstance(value, _Module):
            found += _named_tensors(value, f'{prefix}{name}.')
    return found


def _swap(raw: bytearray, size: int) -> bytearray:
    """Returns numbers of ``size`` bytes each with their bytes in the other order."""
    return bytearray(np.frombuffer(raw, np.uint8).reshape(-1, size)[:, ::-1].tobytes())


def _view(
    storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> Tensor:
    """Returns a tensor on a storage, as ``torch._utils._rebuild_tensor_v2`` does."""
    return storage.as_strided(size, stride, offset)
