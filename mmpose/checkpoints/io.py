"""Reading checkpoints: files, folders, safetensors, TorchScript archives and addresses."""

import glob
import hashlib
import os
import zipfile
from typing import Any
from urllib.parse import urlparse

from torch import Tensor

from mmpose.checkpoints.download import HUB_SCHEME, download_once, file_sha256
from mmpose.checkpoints.folder import DEEPSPEED_FILE, OUR_KEY, folder_config, weight_files
from mmpose.checkpoints.formats import first_names
from mmpose.checkpoints.safe_pickle import read_pickled
from mmpose.checkpoints.torchscript_weights import is_torchscript, read_torchscript

LAST_CHECKPOINT = 'last_checkpoint'  # names the last checkpoint of a work dir, in one line


def read_checkpoint(path: str | os.PathLike[str], trust: bool = False) -> dict[str, Any]:
    """Returns the content of a checkpoint file or folder, on the CPU.

    Args:
        path: Local file; or address, see ``local_copy``; or folder of Hugging Face
            (``config.json`` and ``model.safetensors``, which may be in several parts) or of
            DeepSpeed (``latest`` and its folder, or that folder itself). ``.safetensors`` files
            are read by safetensors, the weights of a TorchScript archive without its program.
        trust: Unpickle whatever the file holds. It can then run any code: only for files from
            a source you trust.

    Returns:
        What the file holds; of a Hugging Face folder the weights under 'state_dict' and the
        parsed ``config.json`` under 'huggingface_config'.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, is no checkpoint, or holds classes that are refused.
    """
    local = local_copy(path)
    if os.path.isdir(local):
        return _read_folder(local, trust)
    if not os.path.isfile(local):
        hint = '; download it, and name the file' if '://' in str(path) else ''
        raise FileNotFoundError(f"there is no checkpoint file '{path}'{hint}")
    if os.path.getsize(local) == 0:
        raise ValueError(f"'{path}' is empty; download or copy it again")
    if local.endswith('.safetensors'):
        return _read_safetensors(local)
    if zipfile.is_zipfile(local) and is_torchscript(local):
        return dict(read_torchscript(local))
    content = read_pickled(local, trust)
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


def run_checkpoint(work_dir: str | os.PathLike[str]) -> str | None:
    """Returns the newest best checkpoint of a work dir, else the last; None if there is none."""
    best = glob.glob(os.path.join(glob.escape(os.fspath(work_dir)), 'best_*.pth'))
    if best:
        return max(best, key=os.path.getmtime)
    has_last = os.path.isfile(os.path.join(work_dir, LAST_CHECKPOINT))
    return local_copy(os.path.join(work_dir, 'latest.pth')) if has_last else None


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


def safetensors_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Returns what a safetensors file says about itself; nothing for a file of another kind."""
    local = local_copy(path)
    if not local.endswith('.safetensors'):
        return {}
    from safetensors import safe_open

    with safe_open(local, 'pt') as file:
        return file.metadata() or {}


def _read_folder(folder: str, trust: bool) -> dict[str, Any]:
    files = weight_files(folder)
    if os.path.basename(files[0]) == DEEPSPEED_FILE:
        return read_checkpoint(files[0], trust)
    state: dict[str, Any] = {}
    for file in files:
        state |= read_checkpoint(file, trust)
    config = folder_config(folder)
    is_theirs = config is not None and OUR_KEY not in config
    return {'state_dict': state} | ({'huggingface_config': config} if is_theirs else {})


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
