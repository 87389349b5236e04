"""Output files: no command writes over a file that it reads, or that no command here has made."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from mmpose.structures.cache_folder import cache_root

UNFINISHED = '.part'  # suffix of what is being written
RECORDS = 'made_files'  # below the cache folder: per folder, name -> size, time, inode


class OutputFiles:
    """Files that a command writes, claimed before it runs and recorded when they are written.

    A record in the user's cache folder says which files commands of this project have made, and
    their size and time. What is in it and unchanged may be replaced, so a command can be run again;
    any other file is its user's.

    Args:
        inputs: Files that the command reads; what does not exist is left out.
        since: When the command started, as ``time.time()``, if it has several processes that
            write: what is younger is theirs.
    """

    def __init__(
        self, inputs: Iterable[str | Path | None] = (), since: float = float('inf')
    ) -> None:
        self._since = since
        self._inputs: dict[tuple[int, int], str] = {}
        self._claimed: dict[Path, None] = {}
        self.add_inputs(inputs)

    def add_inputs(self, inputs: Iterable[str | Path | None]) -> None:
        """Adds files that the command reads."""
        for path in inputs:
            with suppress(OSError, ValueError):
                if path is not None:
                    status = Path(path).stat()
                    self._inputs[status.st_dev, status.st_ino] = str(path)

    def claim(self, path: str | Path) -> Path:
        """Returns the path of a file that the command is going to write.

        Raises:
            FileExistsError: If it is an input, or a file that no command of this project has made.
        """
        path = Path(path)
        try:
            status = path.stat()
        except FileNotFoundError:
            self._claimed[path] = None
            return path
        if (status.st_dev, status.st_ino) in self._inputs:
            raise FileExistsError(
                f"'{path}' is an input of this command, and its output would replace it; choose "
                'another folder or name for the output'
            )
        is_ours = _read_record(path.parent).get(path.name) == _identity(status)
        is_ours |= path in self._claimed or status.st_mtime >= self._since
        if not is_ours:
            raise FileExistsError(
                f"'{path}' exists, and no command of this project has made it; remove it, or "
                'choose another folder or name for the output'
            )
        self._claimed[path] = None
        return path

    def record(self) -> None:
        """Records the claimed files that are there now."""
        written: dict[Path, dict[str, list[int]]] = {}
        for path in self._claimed:
            with suppress(OSError):
                written.setdefault(path.parent, {})[path.name] = _identity(path.stat())
        for folder, files in written.items():
            with suppress(OSError):  # then the next run asks for another output
                _write_record(folder, files)

    def __enter__(self) -> OutputFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.record()


def _identity(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _record_path(folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    return cache_root() / RECORDS / f'{name[:32]}.json'


def _read_record(folder: Path) -> dict[str, list[int]]:
    """Returns the record of a folder; an empty one where it cannot be read."""
    with suppress(OSError, ValueError):
        content = json.loads(_record_path(folder).read_text(encoding='utf-8'))
        return content if isinstance(content, dict) else {}
    return {}


def _write_record(folder: Path, files: dict[str, list[int]]) -> None:
    old = {name: x for name, x in _read_record(folder).items() if (folder / name).exists()}
    path = _record_path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(path) as part:
        part.write_text(json.dumps(old | files) + '\n', encoding='utf-8')


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Lends a name beside a file that no other process has; when all went well it is the file's."""
    part = path.with_name(f'{path.name}.{secrets.token_hex(8)}{UNFINISHED}')
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def writing(*outputs: str | Path | None, inputs: Iterable[str | Path | None] = ()) -> OutputFiles:
    """Returns a context in which a command writes some files, which it has claimed.

    Args:
        outputs: The files; None is left out.

    Raises:
        FileExistsError: See ``OutputFiles.claim``.
    """
    files = OutputFiles(inputs)
    for path in outputs:
        if path is not None:
            files.claim(path)
    return files
