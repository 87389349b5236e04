"""Downloads that go on where they were interrupted, and keep a record of what came."""

import hashlib
import os
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import mmengine.dist
import torch

HUB_SCHEME = 'hf'  # hf://organisation/name: a model of the Hugging Face hub
HUB_FILES = ('config.json', 'model.safetensors')
HUB_ENDPOINT = 'https://huggingface.co'
HUB_VARIABLE = 'HF_ENDPOINT'  # another server in its place, as for huggingface_hub
CHUNK = 1 << 20  # bytes
TIMEOUT_S = 30
DIGEST_HEADER = 'X-Linked-ETag'  # SHA-256 of a large file, as the Hugging Face hub sends it


def download_once(url: str) -> str:
    """Returns the local copy of an address; one process per machine fetches it, the others wait.

    Copies lie in PyTorch's cache (``TORCH_HOME``); what huggingface_hub has in its own is taken
    from there.

    Args:
        url: http(s) address of a file, or ``hf://organisation/name`` for the weights of a model
            of the Hugging Face hub and its ``config.json``, whose copy is a folder.

    Raises:
        ValueError: If it cannot be downloaded.
    """
    cache = Path(torch.hub.get_dir(), 'checkpoints')
    parts = urlparse(url)
    if parts.scheme == HUB_SCHEME:
        model = f'{parts.netloc}{parts.path}'.strip('/')
        if (known := _cached_by_hub(model)) is not None:
            return known
        target = cache / model.replace('/', '--')
        endpoint = os.environ.get(HUB_VARIABLE, HUB_ENDPOINT).rstrip('/')
        files = {target / name: f'{endpoint}/{model}/resolve/main/{name}' for name in HUB_FILES}
    else:
        name = Path(parts.path)
        target = cache / f'{name.stem}-{hashlib.sha256(url.encode()).hexdigest()[:8]}{name.suffix}'
        files = {target: url}
    try:
        if mmengine.dist.get_local_rank() == 0:
            for path, address in files.items():
                if not path.is_file():
                    fetch(address, path)
    except OSError as error:  # URLError and TimeoutError are
        reason = getattr(error, 'reason', None) or error
        raise ValueError(f"'{url}' cannot be downloaded: {reason}") from error
    finally:
        mmengine.dist.barrier()
    return str(target)


def fetch(url: str, target: Path) -> None:
    """Downloads a file, going on with what an interrupted download has left.

    The file appears under its name when it is complete, beside it ``<name>.sha256`` with its
    SHA-256 in the layout of ``sha256sum``.

    Raises:
        URLError: If the server does not give it, or it is not what the server announced.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + '.part')
    done = part.stat().st_size if part.is_file() else 0
    headers = {'Range': f'bytes={done}-'} if done else {}
    try:
        response = urlopen(Request(url, headers=headers), timeout=TIMEOUT_S)
    except HTTPError as error:
        if error.code != 416:  # there is nothing behind what we have: it is of another file
            raise URLError(f'{error.code} {error.reason}') from error
        part.unlink()
        return fetch(url, target)
    is_rest = response.status == 206
    with response, part.open('ab' if is_rest else 'wb') as file:
        start = done if is_rest else 0
        length = response.headers.get('Content-Length')
        digest = response.headers.get(DIGEST_HEADER, '').strip('"')
        while chunk := response.read(CHUNK):
            file.write(chunk)
        size = file.tell()
    if length is not None and size != start + int(length):
        raise URLError(
            f'{size} of {start + int(length)} bytes came; the next attempt goes on there'
        )
    _finish(part, target, digest)


def _finish(part: Path, target: Path, announced: str) -> None:
    digest = file_sha256(part)
    if len(announced) == len(digest) and announced != digest:
        part.unlink()
        raise URLError(f'its SHA-256 is {digest}, but the server announced {announced}')
    target.with_name(f'{target.name}.sha256').write_text(f'{digest}  {target.name}\n')
    part.replace(target)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _cached_by_hub(model: str) -> str | None:
    """Returns the folder of a model that huggingface_hub has downloaded, where it is installed."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    found = [try_to_load_from_cache(model, name) for name in HUB_FILES]
    return os.path.dirname(found[-1]) if all(isinstance(x, str) for x in found) else None
