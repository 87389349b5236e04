"""Downloads of weights, once per machine: from the Hugging Face hub, and from plain addresses."""

import hashlib
import os
import re
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlparse
from urllib.request import urlopen

import mmengine.dist
import torch

from mmpose.checkpoints.safe_pickle import looks_like
from mmpose.structures.progress import track

HUB_SCHEME = 'hf'  # hf://organisation/name: a model of the Hugging Face hub
HUB_FILES = ('config.json', 'model.safetensors')
HUB_VARIABLE = 'HF_ENDPOINT'  # another server in the hub's place
HUB_ADDRESS = re.compile(
    r'https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([^/]+/[^/]+)/(?:resolve|blob)/([^/]+)/([^?#]+)'
)
CHUNK = 1 << 20  # bytes
MAX_BYTES = 16 << 30  # twice the largest published model with its optimizer
TIMEOUT_S = 30


def download_once(url: str) -> str:
    """Returns the local copy of an address; one process per machine fetches it, the others wait.

    Args:
        url: http(s) address of a file, whose copy lies in PyTorch's cache (``TORCH_HOME``); or
            ``hf://organisation/name`` for the weights of a model of the Hugging Face hub and its
            ``config.json``, whose copy is a folder in the hub's cache (``HF_HOME``), as are files
            of the hub that are given by their address.

    Raises:
        ValueError: If it cannot be downloaded, or is not what the server announced.
        ImportError: If a file of the hub is asked for without huggingface_hub.
    """
    is_first = mmengine.dist.get_local_rank() == 0
    try:
        path = _fetch(url) if is_first else None
    finally:
        mmengine.dist.barrier()
    return _fetch(url) if path is None else path


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _fetch(url: str) -> str:
    parts = urlparse(url)
    address = HUB_ADDRESS.match(url)
    if parts.scheme == HUB_SCHEME:
        return _fetch_of_hub(url, f'{parts.netloc}{parts.path}'.strip('/'), None, HUB_FILES)
    if address is not None:
        model, revision, name = map(unquote, address.groups())
        return os.path.join(_fetch_of_hub(url, model, revision, (name,)), name)
    name = Path(unquote(parts.path))
    file = f'{name.stem}-{hashlib.sha256(url.encode()).hexdigest()[:8]}{name.suffix}'
    target = Path(torch.hub.get_dir(), 'checkpoints', file)
    if not target.is_file():
        try:
            _download(url, target)
        except (OSError, HTTPException, ValueError) as error:  # URLError is an OSError
            is_answer = isinstance(error, HTTPError)
            reason = str(error) if is_answer else getattr(error, 'reason', None) or error
            raise ValueError(f"'{url}' cannot be downloaded: {reason}") from error
    return str(target)


def _download(url: str, target: Path) -> None:
    """Downloads a file, which appears under its name when it is complete; nothing is resumed.

    ``torch.hub.download_url_to_file`` takes a transfer that breaks off for a complete one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f'{target.name}.{os.getpid()}.part')
    try:
        with urlopen(url, timeout=TIMEOUT_S) as response, part.open('wb') as file:
            announced = int(response.headers.get('Content-Length') or 0)
            chunks = iter(lambda: response.read(CHUNK), b'')
            for chunk in track(chunks, f'{target.name}, MiB', -(-announced // CHUNK) or None):
                file.write(chunk)
                if max(file.tell(), announced) > MAX_BYTES:
                    break
            size = file.tell()
        if max(size, announced) > MAX_BYTES:
            raise URLError(f'it has more than {MAX_BYTES} bytes; download it and give its path')
        if announced and size != announced:
            raise URLError(f'{size} of {announced} bytes came; try again')
        what = looks_like(part) if size else 'empty'
        if what is not None:
            raise URLError(f'the answer is {what}')
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _fetch_of_hub(url: str, model: str, revision: str | None, names: tuple[str, ...]) -> str:
    """Returns the folder with files of a model of the hub, all of the same commit."""
    try:
        import huggingface_hub as hub
    except ImportError as error:
        raise ImportError(
            f"'{url}' is on the Hugging Face hub; install its package with: "
            'pip install huggingface_hub'
        ) from error
    try:
        known = [hub.try_to_load_from_cache(model, name, revision=revision) for name in names]
        if not all(isinstance(path, str) for path in known):
            known = _download_of_hub(model, revision, names)
    except Exception as error:  # of huggingface_hub, its HTTP client or the file system
        reason = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        raise ValueError(f"'{url}' cannot be downloaded: {reason}") from error
    return str(Path(known[0]).parents[names[0].count('/')])


def _download_of_hub(model: str, revision: str | None, names: tuple[str, ...]) -> list[str]:
    import huggingface_hub as hub

    endpoint = os.environ.get(HUB_VARIABLE) or None
    paths = []
    for name in names:
        address = hub.hf_hub_url(model, name, revision=revision, endpoint=endpoint)
        announced = hub.get_hf_file_metadata(address, endpoint=endpoint)
        if (announced.size or 0) > MAX_BYTES:
            raise ValueError(f'{name} has more than {MAX_BYTES} bytes')
        path = hub.hf_hub_download(model, name, revision=revision, endpoint=endpoint)
        digest = file_sha256(path)
        # of a large file the hub announces the SHA-256, which huggingface_hub does not compare
        if len(announced.etag or '') == len(digest) and announced.etag != digest:
            for file in {path, os.path.realpath(path)}:  # the hub's cache holds links to files
                os.remove(file)
            raise ValueError(
                f'the SHA-256 of {name} is {digest}, but the server announced {announced.etag}'
            )
        revision = announced.commit_hash or revision
        paths.append(path)
    return paths
