"""Reads large JSON files an element at a time, so that a 300 MB file costs a few MB of memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

CHUNK_CHARS = 1 << 20
BATCH = 256  # elements that are taken together; those of COCO then cost a few MB
WHITESPACE = re.compile(r'[ \t\n\r]*')


def stream_json(path: Path) -> Iterator[tuple[str, Any]]:
    """Yields the elements of the arrays in a JSON file, with the key they stand under.

    A top-level object gives ``(key, element)`` for every element of an array and ``(key, value)``
    for any other value; a top-level array gives ``('', element)``. An empty array gives nothing.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not valid JSON, or ends too early; the message names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f'annotation file {path} does not exist')
    with path.open(encoding='utf-8-sig') as file:
        reader = _Reader(path, file)
        start = reader.expect('{[')
        yield from _elements(reader, '') if start == '[' else _members(reader)


def stream_batches(path: Path) -> Iterator[tuple[str, list[Any]]]:
    """Yields what :func:`stream_json` does, some elements of an array together.

    Where the file breaks off, what was read before is yielded before the error is raised.
    """
    section, batch = '', list[Any]()
    try:
        for key, element in stream_json(path):
            if batch and (key != section or len(batch) == BATCH):
                yield section, batch
                batch = []
            section = key
            batch.append(element)
    except ValueError:
        if batch:
            yield section, batch
        raise
    if batch:
        yield section, batch


def _members(reader: _Reader) -> Iterator[tuple[str, Any]]:
    if reader.skip('}'):
        return
    while True:
        key = reader.value()
        if not isinstance(key, str):
            reader.fail(f'a key is {key!r}, expected a string')
        reader.section = key
        reader.expect(':')
        if reader.skip('['):
            yield from _elements(reader, key)
        else:
            yield key, reader.value()
        if reader.expect(',}') == '}':
            return


def _elements(reader: _Reader, key: str) -> Iterator[tuple[str, Any]]:
    if reader.skip(']'):
        return
    while True:
        yield key, reader.value()
        if reader.expect(',]') == ']':
            return


class _Reader:
    """A text file seen through a window that slides over whole JSON values."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path = path
        self.section = ''
        self._file = file
        self._text = ''
        self._pos = 0
        self._base = 0  # characters of the file before the window
        self._chunk = CHUNK_CHARS
        self._decode = json.JSONDecoder().raw_decode

    def value(self) -> Any:
        """Reads the next JSON value."""
        self._peek()
        while True:
            problem = None
            try:
                value, end = self._decode(self._text, self._pos)
            except json.JSONDecodeError as error:
                problem = error
            # A number at the end of the window may go on behind it: 2, 2.5, 2.5e3.
            if problem is None and self._text[end : end + 1] not in '.eE+-':
                break
            if self._fill():
                continue
            if problem is not None:
                self._fail_at(problem)
            break
        self._pos = end
        self._chunk = CHUNK_CHARS
        return value

    def expect(self, choices: str) -> str:
        """Reads one of the given punctuation characters."""
        char = self._peek()
        if not char:
            self._fail_short()
        if char not in choices:
            self.fail(f'found {char!r} where {" or ".join(choices)} was expected')
        self._pos += 1
        return char

    def skip(self, char: str) -> bool:
        """Reads the given character if it comes next, and says whether it did."""
        found = self._peek() == char
        self._pos += found
        return found

    def fail(self, problem: str) -> NoReturn:
        raise ValueError(
            f'{self.path} is not valid JSON: {problem} (character {self._base + self._pos})'
        )

    def _peek(self) -> str:
        while True:
            match = WHITESPACE.match(self._text, self._pos)
            assert match is not None
            self._pos = match.end()
            if self._pos < len(self._text):
                return self._text[self._pos]
            if not self._fill():
                return ''

    def _fill(self) -> bool:
        """Slides the window on; it grows while one value does not fit."""
        try:
            more = self._file.read(self._chunk)
        except UnicodeDecodeError as error:
            raise ValueError(f'{self.path} is not a UTF-8 text file: {error}') from error
        self._base += self._pos
        self._text = self._text[self._pos :] + more
        self._pos = 0
        self._chunk *= 2
        return bool(more)

    def _fail_at(self, error: json.JSONDecodeError) -> NoReturn:
        # What a cut leaves behind is an error at the end, or a string that never closes.
        if error.pos >= len(self._text) - 1 or error.msg.startswith('Unterminated'):
            self._fail_short()
        raise ValueError(
            f'{self.path} is not valid JSON: {error.msg} (character {self._base + error.pos})'
        ) from error

    def _fail_short(self) -> NoReturn:
        where = f"inside '{self.section}'" if self.section else 'too early'
        raise ValueError(
            f'{self.path} is not valid JSON: it ends {where}, after '
            f'{self._base + len(self._text)} characters; the file is empty or truncated'
        )
