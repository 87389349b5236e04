"""Files of annotation tools: names of images that stay in their folder, reading and writing."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import cv2

from mmpose.structures.media_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES

DRIVE = re.compile(r'^[A-Za-z]:')
MAX_PART_BYTES = 250  # of a file name: 255, less what a longer suffix takes
MAX_NAME_BYTES = 2000


class ImageFolder:
    """Folder of the labelled images; only read if a size is missing or a name is absolute.

    Args:
        path: Its path, or None if there is none.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._asked: dict[Path, str] = {}

    def relative(self, name: str, where: object) -> str:
        """Returns the name of an image relative to the folder, with slashes.

        Absolute names, also of another machine, become the longest part of them that is there.

        Raises:
            ValueError: If the name leads out of the folder, or can be none.
        """
        name = plain_name(name, where)
        if not is_absolute(name):
            return name
        found = None if self.path is None else find_below(self.path, name)
        if found is None:
            raise ValueError(
                f"{where}: the image name '{name}' is absolute, expected one relative to the "
                'folder of the images; give that folder with --images or correct the name'
            )
        assert self.path is not None
        return found.relative_to(self.path).as_posix()

    def wh(self, file_name: str, asked_by: object) -> tuple[int, int]:
        """Returns (width, height) of an image in px, upright as labelling tools show it.

        Args:
            file_name: Its name relative to the folder; its last parts are tried as well.
            asked_by: File that lacks the size, for messages.

        Raises:
            FileNotFoundError: If there is no folder, or no such image in it.
            ValueError: If the image cannot be read, or is the only one for two names.
        """
        name = plain_name(file_name, asked_by)
        if self.path is None:
            raise FileNotFoundError(
                f"{asked_by}: no size is stored for '{name}', so the image is needed; give its "
                'folder with --images'
            )
        found = find_below(self.path, name)
        if found is None:
            raise FileNotFoundError(
                f"{asked_by}: no size is stored for '{name}', and neither {self.path / name} nor "
                'its last part exists; set --images to the folder that file names start from'
            )
        other = self._asked.setdefault(found, name)
        if other != name:
            raise ValueError(
                f"{asked_by}: '{other}' and '{name}' are two images, but {self.path} has only "
                f'{found.name} for both; set --images to the folder that file names start from'
            )
        return read_image_wh(found)


def read_image_wh(path: Path) -> tuple[int, int]:
    """Returns (width, height) of an image in px after its EXIF turn, which training sees too.

    Raises:
        FileNotFoundError: If the image does not exist.
        ValueError: If it is not an image.
    """
    if not path.is_file():
        raise FileNotFoundError(f'image {path} does not exist; give the folder of the images')
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f'{path} is not an image that can be read; its size is needed')
    return image.shape[1], image.shape[0]


def plain_name(name: str, where: object) -> str:
    """Returns a path that a file gives with slashes and without detours; it may be absolute.

    Raises:
        ValueError: If it leads upwards out of its folder, or can be no path.
    """
    plain = posixpath.normpath(name.replace('\\', '/'))
    try:
        parts = [len(part) for part in plain.encode().split(b'/')]
    except UnicodeEncodeError:
        parts = [MAX_NAME_BYTES]
    if '\0' in name or max(parts) > MAX_PART_BYTES or sum(parts) > MAX_NAME_BYTES:
        raise ValueError(f'{where}: {name[:60]!r} can be no file name (NUL, too long or no text)')
    if plain in ('.', '..', '/') or plain.startswith('../') or '/../' in plain:
        raise ValueError(
            f"{where}: the name '{name}' leads out of its folder, expected one below it; correct "
            'the name'
        )
    return plain


def is_absolute(plain: str) -> bool:
    """Says whether a plain name is absolute here or on Windows."""
    return plain.startswith('/') or DRIVE.match(plain) is not None


def find_below(folder: Path, plain: str, least: int = 1) -> Path | None:
    """Returns what a plain name stands for below a folder: the longest end of it that is there.

    Args:
        least: How many parts of the name that end must have.
    """
    root = os.path.abspath(folder)
    if plain.startswith(f'{root}/'):
        inside = folder / plain[len(root) + 1 :]
        return inside if inside.exists() else None
    parts = [part for part in DRIVE.sub('', plain).split('/') if part]
    least = min(least, len(parts))
    ends = (folder.joinpath(*parts[start:]) for start in range(len(parts) - least + 1))
    return next((end for end in ends if end.exists()), None)


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
    return _parsed(path, 'JSON', json.loads, json.JSONDecodeError)


def read_xml(path: Path) -> Element:
    """Returns the root of an XML file, or raises a ValueError that names the file."""
    return _parsed(path, 'XML', ElementTree.fromstring, ElementTree.ParseError)


def read_yaml(path: Path) -> Any:
    """Returns what a YAML file holds, or raises a ValueError that names the file."""
    import yaml

    return _parsed(path, 'YAML', yaml.safe_load, yaml.YAMLError)


def _parsed(path: Path, kind: str, parse: Callable[[str], Any], refusal: type[Exception]) -> Any:
    text = read_text(path)
    try:
        return parse(text)
    except refusal as error:
        raise ValueError(f'{path} is not valid {kind}: {error}') from None


def write_files(
    contents: Mapping[Path, str | bytes], folder: Path, overwrite: bool | None = None
) -> None:
    """Writes files, each as a whole, after all of them were found to be writable.

    Files that exist with the same content are left alone. Folders, images and videos are never
    replaced.

    Args:
        folder: Folder that all of them lie in.
        overwrite: Whether files that exist may be replaced; None if no option allows it.

    Raises:
        FileExistsError: If a file exists with another content and may not be replaced.
        ValueError: If one would lie outside of the folder, such as behind a link.
    """
    data = {
        path: text.encode() if isinstance(text, str) else text for path, text in contents.items()
    }
    for path in data:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f'{path} leads to {path.resolve()}, which is not in {folder}')
        if not data.keys().isdisjoint(path.parents):
            raise ValueError(f'{path} would need a folder where a file is written; rename an image')
    changed = [path for path in data if not path.is_file() or path.read_bytes() != data[path]]
    existing = [path for path in changed if path.exists()]
    kinds = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    media = [path for path in existing if path.is_dir() or path.suffix.lower() in kinds]
    if media or (existing and not overwrite):
        way_out = ' or give --overwrite' if overwrite is False and not media else ''
        raise FileExistsError(
            f'{(media or existing)[0]} exists ({len(existing)} such files); choose another output'
            f'{way_out}'
        )
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f'.{os.getpid()}.part')
        with unfinished.open('xb') as file:
            file.write(data[path])
        unfinished.replace(path)
