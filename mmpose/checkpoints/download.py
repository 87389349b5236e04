"""Downloads of weights, once per machine: from the Hugging Face hub, and from plain addresses."""

import hashlib
import os
import re
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlparse
from urllib.request import urlopen

import mmengine.dist
import torch

from mmpose.checkpoints.safe_pickle import looks_like
from mmpose.structures.output_files import unfinished
from mmpose.structures.progress import track

HUB_SCHEME = 'hf'  # hf://organisation/name: a model of the Hugging Face hub
HUB_FILES = ('config.json', 'model.safetensors')
HUB_VARIABLE = 'HF_ENDPOINT'  # another server in the hub's place
HUB_ADDRESS = re.compile(
    r'https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([^/]+/[^/]+)/(?:resolve|blob)/([^/]+)/([^?#]+)'
)
TOKEN = 'a token is given by token=..., by HF_TOKEN or by the command: hf auth login'
# classes of errors of huggingface_hub, and states of its answers, the more special ones first
HUB_REASONS = {
    'GatedRepoError': f'its owner gives access on request, on its page; {TOKEN}',
    'RepositoryNotFoundError': f'there is no such model, or it is private; {TOKEN}',
    'RevisionNotFoundError': 'it has no such branch, tag or commit',
    'EntryNotFoundError': f'it does not have these files: {", ".join(HUB_FILES)}',
    401: f'the hub wants a valid token; {TOKEN}',
    403: f'the token does not allow this; {TOKEN}',
}
CHUNK = 1 << 20  # bytes
MAX_BYTES = 16 << 30  # twice the largest published model with its optimizer
TIMEOUT_S = 30


def download_once(url: str, token: str | None = None) -> str:
    """Returns the local copy of an address; one process per machine fetches it, the others wait.

    Args:
        url: http(s) address of a file, whose copy lies in PyTorch's cache (``TORCH_HOME``); or
            ``hf://organisation/name`` for the weights of a model of the Hugging Face hub and its
            ``config.json``, whose copy is a folder in the hub's cache (``HF_HOME``), as are files
            of the hub that are given by their address. ``@REVISION`` behind the name chooses a
            branch, a tag or a commit. The hub is asked for a newer one where it can be reached.
        token: Of the hub; None takes that of ``HF_TOKEN`` or ``hf auth login``.

    Raises:
        ValueError: If it cannot be downloaded, or is not what the server announced.
        ImportError: If a file of the hub is asked for without huggingface_hub.
    """
    is_first = mmengine.dist.get_local_rank() == 0
    try:
        path = _fetch(url, token) if is_first else None
    finally:
        mmengine.dist.barrier()
    return _fetch(url, token) if path is None else path


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _fetch(url: str, token: str | None = None) -> str:
    parts = urlparse(url)
    address = HUB_ADDRESS.match(url)
    if parts.scheme == HUB_SCHEME:
        model, _, revision = url.partition('://')[2].strip('/').partition('@')
        return _fetch_of_hub(url, model, revision or None, HUB_FILES, token)
    if address is not None:
        model, revision, name = map(unquote, address.groups())
        return os.path.join(_fetch_of_hub(url, model, revision, (name,), token), name)
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
    with unfinished(target) as part:
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


def hub_package(purpose: str) -> Any:
    """Returns huggingface_hub.

    Raises:
        ImportError: If it is not installed; the message begins with the purpose.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(
            f'{purpose} the Hugging Face hub; install its package with: pip install huggingface_hub'
        ) from error
    return huggingface_hub


def hub_reason(error: BaseException) -> str:
    """Returns in one sentence why something of the hub failed."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, 'response', None), 'status_code', None)
    for kind, reason in HUB_REASONS.items():
        if kind in kinds or kind == status:
            return reason
    return next((line for line in str(error).splitlines() if line.strip()), repr(error))


def _fetch_of_hub(
    url: str, model: str, revision: str | None, names: tuple[str, ...], token: str | None
) -> str:
    """Returns the folder with files of a model of the hub, all of the same commit."""
    hub = hub_package(f"'{url}' is on")
    try:
        paths = _download_of_hub(hub, model, revision, names, token)
    except Exception as error:  # of huggingface_hub, its HTTP client or the file system
        paths = []
        with suppress(ValueError):  # of a name that no model can have
            paths = [hub.try_to_load_from_cache(model, x, revision=revision) for x in names]
        if not paths or not all(isinstance(path, str) for path in paths):
            raise ValueError(f"'{url}' cannot be downloaded: {hub_reason(error)}") from error
    return str(Path(paths[0]).parents[names[0].count('/')])


def _download_of_hub(
    hub: Any, model: str, revision: str | None, names: tuple[str, ...], token: str | None
) -> list[str]:
    options = {'endpoint': os.environ.get(HUB_VARIABLE) or None}
    paths = []
    for name in names:
        address = hub.hf_hub_url(model, name, revision=revision, **options)
        announced = hub.get_hf_file_metadata(address, token=token, **options)
        if (announced.size or 0) > MAX_BYTES:
            raise ValueError(f'{name} has more than {MAX_BYTES} bytes')
        path = hub.hf_hub_download(model, name, revision=revision, token=token, **options)
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
