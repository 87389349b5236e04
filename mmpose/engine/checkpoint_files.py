"""Checkpoint files of a work dir: written whole or not at all, and found again."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

from mmpose.checkpoints.io import LAST_CHECKPOINT, read_checkpoint
from mmpose.structures.output_files import UNFINISHED, unfinished

LAST_EVALUATION = 'last_evaluation.json'
NEEDED = ('state_dict', 'optimizer', 'meta')
LAUNCH_TIME = 'MMPOSE_LAUNCH_TIME'  # set by tools/_launch.py


def write_atomically(checkpoint: dict[str, Any], path: Path) -> None:
    """Writes a checkpoint beside ``path`` and renames it when it is complete and on the disk.

    Raises:
        OSError: If it cannot be written; the unfinished file is removed and ``path`` untouched.
    """
    try:
        _replace(path, lambda file: torch.save(checkpoint, file))
    except (OSError, RuntimeError) as error:
        raise OSError(
            f'could not save {path}: {error}; earlier checkpoints are untouched, free some space'
        ) from error


def mark_last_checkpoint(work_dir: str | Path, name: str) -> None:
    """Notes which checkpoint of a work dir ``--resume`` resumes from."""
    _replace(Path(work_dir, LAST_CHECKPOINT), lambda file: file.write(name.encode()))


def note_evaluation(work_dir: str | Path, name: str, states: dict[str, Any]) -> None:
    """Notes an evaluation that is done.

    Args:
        name: Of the evaluation, as in the checkpoint before it.
        states: What it changed in the hooks of the training, as JSON takes it.
    """
    text = json.dumps({'name': name, 'states': states})
    _replace(Path(work_dir, LAST_EVALUATION), lambda file: file.write(text.encode()))


def noted_evaluation(folder: str | Path, name: str) -> dict[str, Any] | None:
    """States of the hooks after an evaluation; None if it was not done."""
    try:
        note = json.loads(Path(folder, LAST_EVALUATION).read_text())
    except (OSError, ValueError):
        return None
    return note['states'] if note.get('name') == name else None


def remove_unfinished(work_dir: str | Path) -> None:
    """Removes what killed runs were writing; nothing may be writing there now."""
    for name in ('*.pth', LAST_CHECKPOINT, LAST_EVALUATION):
        for path in Path(work_dir).glob(f'{name}.*{UNFINISHED}'):
            path.unlink(missing_ok=True)


def find_last_checkpoint(
    work_dir: str | Path, trust: bool = False, warn: Callable[[str], None] = print
) -> Path | None:
    """Checkpoint that a run of this work dir resumes from.

    It is the one that the last save has noted. Where the note is missing or leads nowhere, it is
    the complete one with most iterations.

    Args:
        warn: Gets a sentence about what is missing or damaged.

    Returns:
        The file; None if the folder has no checkpoint of a run.

    Raises:
        ValueError: If it has some, but none is complete.
    """
    note = Path(work_dir, LAST_CHECKPOINT)
    name = note.read_text(errors='replace').strip('\0 \n') if note.is_file() else ''
    noted = Path(work_dir, name)
    if name and noted.is_file() and _iterations(noted, trust, warn) is not None:
        return noted
    files = sorted(path for path in Path(work_dir).glob('*.pth') if path != noted)
    problems: list[str] = []
    found = [(_iterations(path, trust, problems.append), path) for path in files]
    complete = [(count, path) for count, path in found if count is not None]
    for problem in problems:
        warn(problem)
    if complete:
        best = max(complete)[1]
        said = f"says '{name}', which is no complete checkpoint" if name else 'is missing or empty'
        warn(f'{note} {said}; {best.name} has most iterations and is taken')
        return best
    if problems or (name and noted.is_file()):
        raise ValueError(
            f'{work_dir} has checkpoints, but none is complete; copy one there, give another by '
            '--resume PATH, or choose another --work-dir'
        )
    return None


def find_own_checkpoint(
    work_dir: str | Path, trust: bool, warn: Callable[[str], None]
) -> Path | None:
    """Last checkpoint of a job that torchrun has restarted; None at its first start.

    One of an earlier job in the same work dir, which was not to be resumed, does not count.
    """
    restarts = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
    if restarts == '0' or LAUNCH_TIME not in os.environ:
        return None
    warn(f'restart {restarts} of {os.environ["TORCHELASTIC_MAX_RESTARTS"]}: a rank had ended')
    path = find_last_checkpoint(work_dir, trust, warn)
    is_own = path is not None and path.stat().st_mtime >= float(os.environ[LAUNCH_TIME])
    return path if is_own else None


def _iterations(path: Path, trust: bool, warn: Callable[[str], None]) -> int | None:
    """Iterations of a run at a checkpoint; None if it is damaged or no state of a run."""
    try:
        content = read_checkpoint(path, trust)
    except (ValueError, OSError) as error:
        warn(f'{path.name} is left out: {error}')
        return None
    return content['meta'].get('iter') if all(key in content for key in NEEDED) else None


def _replace(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    with unfinished(path) as part, part.open('xb') as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(OSError):  # some file systems, and Windows, do not sync folders
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
