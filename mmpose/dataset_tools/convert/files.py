"""Text files of annotation tools, and sizes of images for the formats that do not store them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2


class ImageFolder:
    """Folder of the labelled images; only read if a size is missing.

    Args:
        path: Its path, or None if there is none.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)

    def wh(self, file_name: str, asked_by: object) -> tuple[int, int]:
        """Returns (width, height) of an image in px.

        Args:
            file_name: Its name relative to the folder; its last part is tried as well.
            asked_by: File that lacks the size, for messages.

        Raises:
            FileNotFoundError: If there is no folder, or no such image in it.
            ValueError: If the image cannot be read.
        """
        if self.path is None:
            raise FileNotFoundError(
                f"{asked_by}: no size is stored for '{file_name}', so the image is needed; give "
                'its folder with --images'
            )
        paths = [self.path / file_name, self.path / Path(file_name).name]
        found = next((path for path in paths if path.is_file()), None)
        if found is None:
            raise FileNotFoundError(
                f"{asked_by}: no size is stored for '{file_name}', and neither {paths[0]} nor "
                f'{paths[1]} exists; set --images to the folder that file names start from'
            )
        image = cv2.imread(str(found), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise ValueError(f'{found} is not an image that can be read; its size is needed')
        return image.shape[1], image.shape[0]


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
