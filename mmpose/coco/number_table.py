"""Lists of JSON objects that hold nothing but numbers, as columns, by simdjson.

The keys are overwritten, which leaves one long list of numbers, and no object of Python is made for
any of them. Content of another form is an error: the readers then go the slower way, which takes
what is right in it and names what is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from io import SEEK_END
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.json_file import list_pieces

SPACE = b' \t\n\r'
MARK = re.compile(
    rb'[ \t\n\r\],{]*"[^"\\]*"[ \t\n\r:\[]*'
)  # what stands before a value, with its key
TAIL = re.compile(rb'[ \t\n\r\]]*}$')
BORDER = b'4e18,'  # number that is written where a list begins and ends
MAX_WHOLE = 1 << 53  # integers below it are the same in float64
MIN_BYTES = 1 << 21  # of a smaller file, the import takes longer than it saves
# what is raised for another form, or where simdjson is not installed
NOT_PLAIN = (ImportError, AttributeError, BufferError, LookupError, OSError, RuntimeError,
             TypeError, ValueError)  # fmt: skip


def number_columns(file: BinaryIO, whole: Collection[str]) -> Iterator[dict[str, NDArray[Any]]]:
    """Yields the fields of some of the objects: (N,) for a number, (N, D) for a list of D numbers.

    Args:
        file: A JSON list. All objects have the same fields in the same order, and the same white
            space around their keys.
        whole: Fields that are integers.

    Raises:
        One of ``NOT_PLAIN``: If it is anything else or small, or simdjson is not installed.
    """
    if file.seek(0, SEEK_END) < MIN_BYTES:
        raise ValueError
    file.seek(0)
    import simdjson

    parser, form = simdjson.Parser(), None
    for text in list_pieces(file):
        text = text.strip(SPACE)
        if text.endswith(b']') and (text[1:2] in SPACE or text[-2:-1] in SPACE):
            text = b'[%b]' % text[1:-1].strip(SPACE)
        form = form or _Form(text, whole)
        table = form.table(text, parser)
        columns: dict[str, NDArray[Any]] = {key: table[:, x] for key, x in form.places.items()}
        for key in form.places.keys() & set(whole):
            if columns[key].ndim != 1 or np.abs(columns[key]).max() >= MAX_WHOLE:
                raise ValueError
            columns[key] = columns[key].astype(np.int64)
        yield columns


def join_columns(
    parts: Iterable[dict[str, NDArray[Any]]], num_parts: float
) -> dict[str, NDArray[Any]]:
    """Columns of parts one after the other, without a second copy of them all.

    Args:
        num_parts: About how many parts will come.
    """
    columns: dict[str, NDArray[Any]] = {}
    start = 0
    for part in parts:
        end = start + len(next(iter(part.values())))
        room = int(end * (1.05 * num_parts + 1))
        columns = columns or {
            key: np.empty((room, *x.shape[1:]), x.dtype) for key, x in part.items()
        }
        for key, x in part.items():
            if end > len(columns[key]):
                columns[key] = np.resize(columns[key], (2 * end, *x.shape[1:]))
            columns[key][start:end] = x
        start = end
    return {key: column[:start] for key, column in columns.items()}


class _Form:
    """How objects are written.

    Args:
        text: A list of objects, of which the first one and the gap behind it are looked at.
        whole: Fields that are integers.

    Attributes:
        places: Columns of each field in the table of all numbers.
    """

    def __init__(self, text: bytes, whole: Collection[str]) -> None:
        end = text.index(b'}') + 1
        first, (tail,) = json.loads(text[1:end]), TAIL.findall(text[:end])
        gap = text[end : text.find(b'{', end)] or b','
        marks = MARK.findall(text[1:end])  # what stands before each value
        if gap.strip(SPACE) != b',' or len(marks) != len(first):
            raise ValueError
        self._head, self._foot = b'[' + marks[0], tail + b']'
        marks[0] = tail + gap + marks[0]
        self._fills, self._borders = list[tuple[bytes, bytes]](), list[int]()
        self.places: dict[str, int | slice] = {}
        width, before = 0, list(first)[-1]
        for (key, value), mark in zip(first.items(), marks, strict=True):
            is_list = isinstance(value, list)
            # an integer becomes a float, and of another number, 1.5 or 1e3, no number is left
            fill = b'.0,' if before in whole else b','
            if is_list or isinstance(first[before], list):
                fill += BORDER
                self._borders.append(width)
                width += 1
            self._fills.append((mark, fill.ljust(len(mark))))
            self.places[key] = slice(width, width + len(value)) if is_list else width
            width, before = width + (len(value) if is_list else 1), key
        self._width = width
        self._start = (b'[' + BORDER if self._borders[:1] == [0] else b'[').ljust(len(self._head))
        self._end = b'.0]' if before in whole else b']'

    def table(self, text: bytes, parser: Any) -> NDArray[np.float64]:
        """Returns all numbers of N objects of this form: (N, width)."""
        flat = bytearray(text[: -len(self._foot)] + self._end)
        chars = np.frombuffer(flat, np.uint8)
        quotes = np.flatnonzero(chars == ord('"')).reshape(-1, 2 * len(self._fills))
        is_right = text.startswith(self._head) and text.endswith(self._foot)
        for column, (mark, fill) in enumerate(self._fills):
            begin = quotes[column == 0 :, 2 * column] - mark.index(b'"')  # the head is the first
            spans = np.ndarray(len(flat) - len(mark) + 1, f'V{len(mark)}', flat, strides=1)
            is_right &= spans[begin].tobytes() == mark * len(begin) and len(fill) == len(mark)
            spans[begin] = np.void(fill)
        flat[: len(self._head)] = self._start
        # a list in a list would pass for its numbers
        if not is_right or np.count_nonzero(chars == ord('[')) != 1:
            raise ValueError
        numbers = np.frombuffer(parser.parse(flat).as_buffer(of_type='d'))
        table = numbers.reshape(len(quotes), self._width)
        # no value is without a number, or the text would not parse; so none between two borders
        # that stand where they should has several
        is_border = table[:, self._borders] == float(BORDER[:-1])
        if not is_border.all() or np.count_nonzero(table == float(BORDER[:-1])) != is_border.size:
            raise ValueError
        return table
