"""Whole JSON files, read and written at once; orjson does it where it is installed."""

from __future__ import annotations

import gc
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from mmpose.coco.json_fields import Json, show_value
from mmpose.coco.json_stream import stream_json

PIECE = 1 << 17  # bytes


def read_json(path: Path, what: str = 'annotation file') -> Any:
    """Content of a JSON file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not JSON.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{what} {path} does not exist')
    text = path.read_bytes()
    try:
        return fast_loads()(text)
    except ValueError:
        pass
    # json reads NaN, which the checks of the columns then name; the stream says where a text ends
    deque(stream_json(path), 0)
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f'{path} is not valid JSON: {error}') from None


def load_elements(path: Path, what: str) -> Iterator[Any]:
    """Yields the elements of a JSON list, many at once; other content is yielded as it is.

    The objects of a piece of the file stay in the cache of the processor, which halves the time.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not JSON.
    """
    num, loads = 0, fast_loads()
    with suppress(OSError, ValueError):
        with path.open('rb') as file:
            for text in list_pieces(file):
                elements = loads(text)
                yield elements
                num += len(elements)
        return
    content = read_json(path, what)
    yield content[num:] if isinstance(content, list) else content


def list_pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yields JSON texts, lists of some of the elements of a list; together they are all of them.

    Raises:
        ValueError: If the file is no list, or its elements are not told apart this way.
    """
    if file.read(1) != b'[':
        raise ValueError
    text = file.read(PIECE)
    while more := file.read(PIECE):
        # only whole elements parse, so that a brace inside an element or a string is an error
        end = text.rfind(b'{')
        piece = text[:end].rstrip() if end > 0 else b''
        if not piece[:-1].strip() or not piece.endswith(b','):
            raise ValueError
        yield b'[%b]' % piece[:-1]
        text = text[end:] + more
    yield b'[' + text


def load_sections(path: Path) -> Iterator[tuple[str, list[Any]]]:
    """Yields the members of a JSON object, with their keys, as lists; a list has the key ''.

    The same as ``json_stream.stream_batches``, but faster, in the memory of the whole file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not JSON.
    """
    content = read_json(path)
    members = content.items() if isinstance(content, dict) else [('', content)]
    for key, value in members:
        yield key, value if isinstance(value, list) else [value]


def load_coco(path: Path, needs_categories: bool = False) -> dict[str, list[Json]]:
    """Images, annotations and categories of a file in COCO's layout, as they are.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not JSON, or not of this layout; categories may be missing unless they
            are needed.
    """
    found = {'categories': [], **dict(load_sections(path))}
    for name in ('images', 'annotations', 'categories'):
        if not found.get(name) and (needs_categories or name != 'categories'):
            raise ValueError(
                f"{path}: field '{name}' is missing or empty; expected the layout of COCO, an "
                "object with the lists 'images', 'annotations' and 'categories'"
            )
        for item in found[name]:
            if not isinstance(item, dict):
                raise ValueError(f"{path}: '{name}' holds {show_value(item)}, expected objects")
    return found


def to_json(content: Any) -> bytes:
    """JSON text of lists, dicts, strings and numbers."""
    try:
        import orjson
    except ImportError:
        return json.dumps(content, separators=(',', ':'), allow_nan=False).encode()
    return orjson.dumps(content)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Keeps the collector from walking millions of new objects again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def fast_loads() -> Callable[[bytes], Any]:
    """Reader of JSON texts; a ValueError of it may be for a text that json takes, such as NaN."""
    try:
        import orjson
    except ImportError:
        return json.loads
    return orjson.loads
