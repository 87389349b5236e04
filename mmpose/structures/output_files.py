"""Output files: no command writes over a file that it reads, or that no command here has made."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

RECORD = '.mmpose_files'  # in each folder: name -> size and time of the files that were made here


class OutputFiles:
    """Files that a command writes, claimed before it runs and recorded when they are written.

    A record beside the files says which of them commands of this project have made, and their size
    and time. What is in it and unchanged may be replaced, so a command can be run again; any other
    file is its user's.

    Args:
        inputs: Files that the command reads; what does not exist is left out.
    """

    def __init__(self, inputs: Iterable[str | Path | None] = ()) -> None:
        self._inputs: dict[tuple[int, int], str] = {}
        self._claimed: dict[Path, None] = {}
        self._records: dict[Path, dict[str, list[int]]] = {}
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
        is_ours = self._record(path.parent).get(path.name) == [status.st_size, status.st_mtime_ns]
        if not is_ours and path not in self._claimed:
            raise FileExistsError(
                f"'{path}' exists, and no command of this project has made it; remove it, or "
                'choose another folder or name for the output'
            )
        self._claimed[path] = None
        return path

    def record(self) -> None:
        """Records the claimed files that are there now."""
        changed = set()
        for path in self._claimed:
            with suppress(OSError):
                status = path.stat()
                own = self._record(path.parent)
                own[path.name] = [status.st_size, status.st_mtime_ns]
                changed.add(path.parent)
        for folder in changed:
            with suppress(OSError):
                text = json.dumps(self._records[folder]) + '\n'
                (folder / RECORD).write_text(text, encoding='utf-8')

    def __enter__(self) -> OutputFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.record()

    def _record(self, folder: Path) -> dict[str, list[int]]:
        if folder not in self._records:
            self._records[folder] = {}
            with suppress(OSError, ValueError):
                content = json.loads((folder / RECORD).read_text(encoding='utf-8'))
                self._records[folder] = dict(content)
        return self._records[folder]
