"""Fragmentation: splitting of large messages into chunks of one datagram, and reassembly.

A chunk is a header of 16 bytes, in network order, and a slice of the message::

    magic 4s 'PCHK' | message u32 | index u16 | count u16 | total u32 | slice ...

``message`` numbers the messages of a sender, ``total`` is the size of the whole message in bytes.
JSON starts with ``{``, so the first byte of a datagram tells the two apart.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MAGIC = b'PCHK'
HEADER = struct.Struct('!4sIHHI')


def split_message(data: bytes, limit: int, number: int) -> list[bytes]:
    """Returns the datagrams of a message: itself if it fits, else chunks of at most ``limit``.

    Args:
        data: The message.
        limit: Size limit of a datagram, bytes.
        number: Number of the message, unique among the messages in transit.

    Raises:
        ValueError: If the limit leaves no room, or the message needs more than 65535 chunks.
    """
    if len(data) <= limit:
        return [data]
    room = limit - HEADER.size
    count = -(-len(data) // room) if room > 0 else 0
    if not 0 < count < 2**16:
        raise ValueError(
            f'a message of {len(data)} bytes cannot be split into datagrams of {limit} bytes; '
            f'raise the limit to {max(HEADER.size + 1, len(data) // 65535 + HEADER.size + 1)}'
        )
    starts = range(0, len(data), room)
    return [
        HEADER.pack(MAGIC, number % 2**32, i, count, len(data)) + data[start : start + room]
        for i, start in enumerate(starts)
    ]


def is_chunk(datagram: bytes) -> bool:
    """Returns whether a datagram is a part of a message."""
    return datagram.startswith(MAGIC)


@dataclass
class _Partial:
    count: int
    total: int
    started: float
    slices: dict[int, bytes] = field(default_factory=dict)
    size: int = 0


class Reassembler:
    """Reassembly of chunks in bounded memory.

    Args:
        max_bytes: Size limit; larger messages are refused.
        max_partial: Limit on incomplete messages; the oldest is dropped.
        timeout_s: Age at which an incomplete message is dropped.
    """

    def __init__(
        self, max_bytes: int = 2_000_000, max_partial: int = 8, timeout_s: float = 1.0
    ) -> None:
        self.max_bytes = max_bytes
        self.max_partial = max_partial
        self.timeout_s = timeout_s
        self.num_given_up = 0
        self._partial: dict[tuple[object, int], _Partial] = {}

    @property
    def pending_bytes(self) -> int:
        """Bytes of incomplete messages."""
        return sum(partial.size for partial in self._partial.values())

    def add(self, datagram: bytes, sender: object, now: float) -> bytes | None:
        """Adds a chunk and returns the message once it is complete, None before.

        Args:
            datagram: Chunk of :func:`split_message`.
            sender: Address of the sender; messages of two senders are not mixed.
            now: Monotonic clock, s.

        Raises:
            ValueError: If the header is wrong, contradicts an earlier chunk or is too large.
        """
        index, partial, key = self._find(datagram, sender, now)
        piece = datagram[HEADER.size :]
        if index in partial.slices:
            return None  # duplicated by the network
        partial.slices[index] = piece
        partial.size += len(piece)
        if partial.size > partial.total:
            del self._partial[key]
            raise ValueError(f'the chunks of a message hold more than its {partial.total} bytes')
        if len(partial.slices) < partial.count:
            return None
        del self._partial[key]
        if partial.size != partial.total:
            raise ValueError(f'the chunks hold {partial.size} bytes, expected {partial.total}')
        return b''.join(partial.slices[i] for i in range(partial.count))

    def _find(
        self, datagram: bytes, sender: object, now: float
    ) -> tuple[int, _Partial, tuple[object, int]]:
        if len(datagram) <= HEADER.size:
            raise ValueError(f'a chunk of {len(datagram)} bytes is shorter than its header')
        _, number, index, count, total = HEADER.unpack_from(datagram)
        if total > self.max_bytes:
            raise ValueError(f'a message of {total} bytes is over the limit of {self.max_bytes}')
        if not index < count <= total:
            raise ValueError(f'chunk {index} of {count} for {total} bytes makes no sense')
        self._drop_old(now)
        key = (sender, number)
        partial = self._partial.get(key)
        if partial is None:
            if len(self._partial) >= self.max_partial:
                self._give_up(next(iter(self._partial)))
            partial = self._partial[key] = _Partial(count, total, now)
        elif (partial.count, partial.total) != (count, total):
            self._give_up(key)
            raise ValueError('two chunks of one message disagree about its size')
        return index, partial, key

    def _drop_old(self, now: float) -> None:
        late = [k for k, x in self._partial.items() if now - x.started > self.timeout_s]
        for key in late:
            self._give_up(key)

    def _give_up(self, key: tuple[object, int]) -> None:
        del self._partial[key]
        self.num_given_up += 1
