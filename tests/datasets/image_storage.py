"""Other storage of images for tests: a web server, and a file backend as users write them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mmengine.fileio import BaseStorageBackend, register_backend


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Gives the address of a server of a folder."""
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=folder)) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{http.server_port}'
        http.shutdown()


@register_backend('upside_down')
class UpsideDown(BaseStorageBackend):
    """A user's storage: names and bytes are stored backwards."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def get(self, filepath: str) -> bytes:
        return (self.folder / filepath[::-1]).read_bytes()[::-1]

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)


def turn(images: Path, stored: Path, prefix: str) -> dict[str, str]:
    """Moves images into a storage of the user, and returns its ``backend_args``.

    Args:
        images: Their folder, which is empty afterwards.
        stored: Folder of the storage.
        prefix: What their names begin with there.
    """
    for path in images.iterdir():
        target = stored / f'{prefix}/{path.name}'[::-1]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes()[::-1])
        path.unlink()
    return dict(backend='upside_down', folder=str(stored))
