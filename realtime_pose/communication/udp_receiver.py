"""UDP receiver: turns untrusted datagrams into validated messages."""

from __future__ import annotations

import socket
import time
from collections import Counter, deque
from collections.abc import Callable

from realtime_pose.communication.chunks import Reassembler, is_chunk
from realtime_pose.communication.decoding import decode_message
from realtime_pose.communication.keypoints_sender import DEFAULT_HOST, DEFAULT_PORT, PosePacket
from realtime_pose.communication.message import PoseMessage

MAX_DATAGRAM_BUFFER = 65535
# Requested receive buffer for a message in chunks, bytes; the system may grant less.
SYSTEM_BUFFER = 4_000_000
# Limit on senders whose sequence numbers are tracked; the one silent for longest is dropped.
MAX_STREAMS = 64
FPS_WINDOW_S = 2.0


class StreamCounter:
    """Statistics of received and lost messages, by the sequence numbers of each sender."""

    def __init__(self) -> None:
        self.num_received = 0
        self.num_lost = 0
        self._last_seq: dict[object, int] = {}
        self._times: deque[float] = deque(maxlen=1000)

    def add(self, message: PoseMessage | PosePacket, sender: object, now: float) -> None:
        """Counts a message; packets of version 1 have no number, so their loss is unknown."""
        self.num_received += 1
        self._times.append(now)
        if isinstance(message, PosePacket):
            return
        last = self._last_seq.pop(sender, None)
        # A number far behind means a restarted sender; one just behind a late message.
        if last is not None and 0 < last - message.seq < 100:
            self.num_lost = max(0, self.num_lost - 1)
            self._last_seq[sender] = last
            return
        if last is not None and message.seq > last:
            self.num_lost += message.seq - last - 1
        self._last_seq[sender] = message.seq
        if len(self._last_seq) > MAX_STREAMS:
            del self._last_seq[next(iter(self._last_seq))]

    def fps(self, now: float) -> float:
        """Returns messages per second over the last seconds."""
        while self._times and now - self._times[0] > FPS_WINDOW_S:
            self._times.popleft()
        if len(self._times) < 2 or now <= self._times[0]:
            return 0.0
        return (len(self._times) - 1) / max(now - self._times[0], 1e-9)


class UdpReceiver:
    """Receiver of messages on a UDP port; invalid datagrams are refused and counted.

    Nothing is queued here: datagrams wait in the buffer of the system, which drops the excess.
    Memory is bounded by ``max_bytes`` times the number of incomplete messages.

    Args:
        port: 0 lets the system choose; see ``port`` then.
        host: Address to listen on; this machine only by default.
        max_bytes: Size limit of a reassembled message; larger ones are refused.
        max_partial: Limit on incomplete messages in chunks.
        clock: Monotonic clock, s.

    Raises:
        OSError: If the port is taken; the message says so.
    """

    def __init__(
        self,
        port: int = DEFAULT_PORT,
        host: str = DEFAULT_HOST,
        max_bytes: int = 2_000_000,
        max_partial: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SYSTEM_BUFFER)
        try:
            self._socket.bind((host, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            reason = getattr(error, 'strerror', None) or error
            raise OSError(f'cannot listen on {host}:{port}: {reason}') from None
        self.port: int = self._socket.getsockname()[1]
        self.max_bytes = max_bytes
        self.counter = StreamCounter()
        self.refused: Counter[str] = Counter()
        self.last_reason = ''
        self._clock = clock
        self._reassembler = Reassembler(max_bytes, max_partial)

    @property
    def num_incomplete(self) -> int:
        """Number of incomplete messages that were dropped."""
        return self._reassembler.num_given_up

    @property
    def pending_bytes(self) -> int:
        """Bytes of incomplete messages in chunks."""
        return self._reassembler.pending_bytes

    def receive(self, timeout_s: float | None = None) -> PoseMessage | PosePacket | None:
        """Waits for one datagram and returns its message.

        Returns:
            The message, or None: time is up, the datagram was refused (see ``refused``), or it is
            a chunk of a message that is not complete.
        """
        self._socket.settimeout(timeout_s)
        try:
            datagram, sender = self._socket.recvfrom(MAX_DATAGRAM_BUFFER)
        except TimeoutError:
            return None
        now = self._clock()
        try:
            data = self._whole_message(datagram, sender, now)
            if data is None:
                return None
            message = decode_message(data)
        except ValueError as error:
            self.last_reason = f'from {sender[0]}: {error}'
            self.refused['oversized' if 'over the limit' in str(error) else 'malformed'] += 1
            return None
        self.counter.add(message, sender, now)
        return message

    def _whole_message(self, datagram: bytes, sender: object, now: float) -> bytes | None:
        if is_chunk(datagram):
            return self._reassembler.add(datagram, sender, now)
        if len(datagram) > self.max_bytes:
            raise ValueError(
                f'a message of {len(datagram)} bytes is over the limit of {self.max_bytes}'
            )
        return datagram

    def close(self) -> None:
        """Stops listening."""
        self._socket.close()
