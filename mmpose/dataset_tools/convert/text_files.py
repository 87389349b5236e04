"""Reads and writes the text files of annotation tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_text(path: Path) -> str:
    """Returns the content of a file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not text.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist or is not a file')
    try:
        return path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError:
        raise ValueError(f'{path} is not a text file in UTF-8') from None


def read_json(path: Path) -> Any:
    """Returns what a JSON file holds, or raises a ValueError that names the file."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is not valid JSON: {error}') from None


def write_texts(texts: Mapping[Path, str], overwrite: bool = False) -> None:
    """Writes files, all or none.

    Files that exist with the same content are left alone.

    Raises:
        FileExistsError: If a file exists with another content and ``overwrite`` is not set.
    """
    changed = {
        path: text
        for path, text in texts.items()
        if not path.is_file() or path.read_bytes() != text.encode()
    }
    existing = [str(path) for path in changed if path.exists()]
    if existing and not overwrite:
        raise FileExistsError(
            f'{existing[0]} exists ({len(existing)} such files); choose another output or give '
            '--overwrite'
        )
    for path, text in changed.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
