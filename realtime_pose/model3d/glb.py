"""Reader and writer of binary glTF 2.0 files (GLB). Little-endian, one buffer.

Format: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
COMPONENTS = {5120: 'i1', 5121: 'u1', 5122: '<i2', 5123: '<u2', 5125: '<u4', 5126: '<f4'}
CODES = {np.dtype(name): code for code, name in COMPONENTS.items()}
WIDTHS = {'SCALAR': 1, 'VEC2': 2, 'VEC3': 3, 'VEC4': 4, 'MAT4': 16}
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963
MAX_BYTES = 200_000_000


@dataclass
class Glb:
    """GLB file in memory.

    Attributes:
        content: The JSON part.
        binary: The buffer that accessors lead into.
    """

    content: dict[str, Any] = field(
        default_factory=lambda: {'asset': {'version': '2.0', 'generator': 'realtime_pose'}}
    )
    binary: bytearray = field(default_factory=bytearray)

    def add(self, kind: str, entry: dict[str, Any]) -> int:
        """Appends an entry to one of the lists (``nodes``, ``meshes``, ...); returns its index."""
        entries = self.content.setdefault(kind, [])
        entries.append(entry)
        return len(entries) - 1

    def add_array(
        self,
        values: NDArray[Any],
        kind: str,
        target: int | None = None,
        has_bounds: bool = False,
        is_normalized: bool = False,
    ) -> int:
        """Appends an array to the buffer and returns the index of its accessor.

        Args:
            values: (N,) or (N, width) of a type that glTF knows; float64 becomes float32.
            kind: ``SCALAR``, ``VEC2``, ``VEC3``, ``VEC4`` or ``MAT4``.
            target: ``ARRAY_BUFFER`` or ``ELEMENT_BUFFER`` for meshes.
            has_bounds: Write minimum and maximum, which positions and times need.
            is_normalized: Integers stand for 0..1.
        """
        array = np.asarray(values)
        array = np.ascontiguousarray(array, '<f4' if array.dtype.kind == 'f' else array.dtype)
        self.binary.extend(b'\0' * (-len(self.binary) % 4))
        view = {'buffer': 0, 'byteOffset': len(self.binary), 'byteLength': array.nbytes}
        self.binary.extend(array.tobytes())
        if target is not None:
            view['target'] = target
        accessor = {
            'bufferView': self.add('bufferViews', view),
            'componentType': CODES[array.dtype],
            'count': len(array),
            'type': kind,
        }
        if has_bounds:
            rows = array.reshape(len(array), -1).astype(np.float64)
            accessor |= {'min': rows.min(axis=0).tolist(), 'max': rows.max(axis=0).tolist()}
        if is_normalized:
            accessor['normalized'] = True
        return self.add('accessors', accessor)

    def read_array(self, index: int) -> NDArray[Any]:
        """Returns the values (N,) or (N, width) of an accessor.

        Raises:
            ValueError: If it does not lie within the buffer, or is sparse.
        """
        accessor = self._entry('accessors', index)
        if 'bufferView' not in accessor or 'sparse' in accessor:
            raise ValueError(f'accessor {index} is sparse or has no buffer, which is not supported')
        view = self._entry('bufferViews', accessor['bufferView'])
        dtype = np.dtype(COMPONENTS[accessor['componentType']])
        width, count = WIDTHS[accessor['type']], int(accessor['count'])
        stride = int(view.get('byteStride', width * dtype.itemsize))
        start = int(view.get('byteOffset', 0)) + int(accessor.get('byteOffset', 0))
        end = start + (count - 1) * stride + width * dtype.itemsize
        if count < 1 or start < 0 or stride < 1 or end > len(self.binary):
            raise ValueError(f'accessor {index} reaches over the end of the buffer')
        shape, strides = (count, width), (stride, dtype.itemsize)
        array = np.ndarray(shape, dtype, bytes(self.binary), start, strides).copy()
        return array[:, 0] if width == 1 else array

    def _entry(self, kind: str, index: int) -> dict[str, Any]:
        entries = self.content.get(kind, [])
        if not 0 <= index < len(entries):
            raise ValueError(f'{kind} has no entry {index}')
        return dict(entries[index])

    def to_bytes(self) -> bytes:
        """Returns the file; the same content gives the same bytes."""
        content = dict(self.content)
        if self.binary:
            content['buffers'] = [{'byteLength': len(self.binary)}]
        text = json.dumps(content, allow_nan=False, separators=(',', ':')).encode()
        text += b' ' * (-len(text) % 4)
        chunks = struct.pack('<II', len(text), JSON_CHUNK) + text
        if self.binary:
            binary = bytes(self.binary) + b'\0' * (-len(self.binary) % 4)
            chunks += struct.pack('<II', len(binary), BIN_CHUNK) + binary
        return struct.pack('<III', MAGIC, 2, 12 + len(chunks)) + chunks


def read_glb(path: str | Path) -> Glb:
    """Reads a GLB (or VRM) file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no GLB of version 2, is damaged, too large, or needs other files.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f'no 3D model {file}')
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f'{file}: {file.stat().st_size} bytes are over the limit of {MAX_BYTES}')
    try:
        return parse_glb(file.read_bytes())
    except ValueError as error:
        raise ValueError(f'{file}: {error}') from None


def parse_glb(data: bytes) -> Glb:
    """Parses a GLB file given as bytes; see :func:`read_glb`."""
    if len(data) < 20 or struct.unpack_from('<II', data) != (MAGIC, 2):
        raise ValueError('this is no binary glTF of version 2 (.glb or .vrm)')
    if struct.unpack_from('<I', data, 8)[0] > len(data):
        raise ValueError('the file is cut off')
    parts: dict[int, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        size, kind = struct.unpack_from('<II', data, at)
        if at + 8 + size > len(data):
            raise ValueError('the file is cut off')
        parts.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size
    try:
        content = json.loads(parts[JSON_CHUNK])
    except (KeyError, ValueError, RecursionError):
        raise ValueError('the JSON part is missing or damaged') from None
    if not isinstance(content, dict):
        raise ValueError('the JSON part is no object')
    buffers = content.pop('buffers', [])
    if len(buffers) > 1 or any('uri' in buffer for buffer in buffers):
        raise ValueError('its buffers are in other files; export it as one .glb file')
    return Glb(content, bytearray(parts.get(BIN_CHUNK, b'')))
