"""UDP sender of messages, restricted to allowed addresses."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Literal

from realtime_pose.communication.chunks import HEADER, split_message
from realtime_pose.communication.keypoints_sender import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    MAX_DATAGRAM,
    packets_of,
)
from realtime_pose.communication.message import PoseMessage
from realtime_pose.communication.sinks import Outage

LOOPBACK = ('127.0.0.0/8', '::1')
DEFAULT_LIMIT = 60_000

OnOversize = Literal['split', 'refuse']


def parse_target(text: str) -> tuple[str, int]:
    """Returns host and port of ``127.0.0.1:5005``, ``name:5005`` or ``[::1]:5005``.

    Raises:
        ValueError: If it is none of these.
    """
    host, _, port = text.rpartition(':')
    host = host.removeprefix('[').removesuffix(']')
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"target '{text}': expected HOST:PORT such as {DEFAULT_HOST}:5005")
    return host, int(port)


def resolve_target(host: str, port: int, allowed: Sequence[str] = LOOPBACK) -> tuple[str, int]:
    """Resolves a host to an allowed address.

    The name is resolved only once, so that it cannot point elsewhere later.

    Args:
        host: Name or address.
        port: 1 to 65535.
        allowed: Allowed addresses and networks, such as ``192.168.1.20`` or ``192.168.1.0/24``.

    Raises:
        ValueError: If the host does not exist or is not allowed, or the port is none.
    """
    if not 0 < port < 65536:
        raise ValueError(f'port {port}: expected 1 to 65535')
    try:
        networks = [ip_network(entry) for entry in allowed]
    except ValueError as error:
        raise ValueError(f'allowed targets {list(allowed)}: {error}') from None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise ValueError(f"target '{host}': {error}") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if any(ip_address(address) in network for network in networks):
            return address, port
    raise ValueError(
        f"target '{host}' is {addresses[0]}, which is not allowed; add it to the allowed targets "
        f'(--udp-allow; now {", ".join(allowed)})'
    )


class DatagramSocket:
    """Connected UDP socket that detects a missing receiver.

    Because it is connected, the system reports a closed port of this machine or network with the
    next datagram. Such reports, and a full buffer, are logged and otherwise ignored.

    Args:
        host: Name or address, checked by :func:`resolve_target`.
        port: Port of the receiver.
        allowed: As in :func:`resolve_target`.
        name: Name in the log.
    """

    def __init__(self, host: str, port: int, allowed: Sequence[str], name: str) -> None:
        self.address = resolve_target(host, port, allowed)
        family = socket.AF_INET6 if ':' in self.address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.outage = Outage(f'{name} {self.address[0]}:{port}')
        self._is_connected = False
        self._num_sent = 0

    def send(self, datagrams: Sequence[bytes]) -> None:
        """Sends the datagrams of one message, or notes the reason of their loss."""
        try:
            self._send_all(datagrams)
        except ConnectionRefusedError:
            self.outage.failed('nobody listens there')
            self._num_sent = 0
            # The report is about the message before; this one may find a receiver again.
            with suppress(OSError):
                self._send_all(datagrams)
        except OSError as error:
            self.outage.failed(error.strerror or error)
            self._num_sent = 0
        else:
            self._num_sent += 1
            if self._num_sent > 1:  # so the one before arrived
                self.outage.worked()

    def _send_all(self, datagrams: Sequence[bytes]) -> None:
        if not self._is_connected:
            self._socket.connect(self.address)
            self._is_connected = True
        for datagram in datagrams:
            self._socket.send(datagram)

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()


class UdpSender:
    """Message sink that sends UDP datagrams to one receiver.

    Args:
        host: Name or address of the receiver.
        port: Port of the receiver.
        allowed: Allowed addresses and networks; this machine by default.
        version: Message version: 2, or 1 for old receivers, which get a packet per person.
        limit: Size limit of a datagram, bytes, up to 65507. Below 1472 an Ethernet does not
            fragment it.
        on_oversize: ``split`` sends larger messages in chunks (version 2 only), ``refuse`` drops
            them with a log entry.

    Raises:
        ValueError: If the target is not allowed or an argument is none of the above.
    """

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        allowed: Sequence[str] = LOOPBACK,
        version: int = 2,
        limit: int = DEFAULT_LIMIT,
        on_oversize: OnOversize = 'split',
    ) -> None:
        if version not in (1, 2):
            raise ValueError(f'version {version} of the messages: expected 1 or 2')
        if not HEADER.size < limit <= MAX_DATAGRAM:
            raise ValueError(f'limit {limit}: expected {HEADER.size + 1} to {MAX_DATAGRAM} bytes')
        if on_oversize not in ('split', 'refuse'):
            raise ValueError(f"on_oversize '{on_oversize}': expected 'split' or 'refuse'")
        self.version = version
        self.limit = limit
        self.on_oversize = on_oversize if version == 2 else 'refuse'
        self.num_refused = 0
        self._socket = DatagramSocket(host, port, allowed, 'UDP')
        self._size_outage = Outage('UDP size')
        # From a random start, so that chunks of a sender that was restarted meet no old ones.
        self._number = secrets.randbits(32)

    @property
    def is_receiver_gone(self) -> bool:
        """Whether the system reported a closed port."""
        return self._socket.outage.is_out

    def send(self, message: PoseMessage) -> None:
        """Sends a message; losses are counted and logged, and never raise."""
        if self.version == 1:
            texts = [packet.to_json() for packet in packets_of(message)]
        else:
            texts = [message.to_json()]
        for text in texts:
            self._send_data(text.encode())

    def _send_data(self, data: bytes) -> None:
        self._number += 1
        try:
            if len(data) > self.limit and self.on_oversize == 'refuse':
                raise ValueError(
                    f'a message of {len(data)} bytes is over the limit of {self.limit} and was '
                    'not sent; send fewer people, or version 2 in chunks'
                )
            datagrams = split_message(data, self.limit, self._number)
        except ValueError as error:
            self.num_refused += 1
            self._size_outage.failed(error)
            return
        self._size_outage.worked()
        self._socket.send(datagrams)

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()
