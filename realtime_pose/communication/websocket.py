"""WebSocket server for messages, e.g. to browsers. Needs ``requirements/net.txt``."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from realtime_pose.communication.keypoints_sender import DEFAULT_HOST
from realtime_pose.communication.message import PoseMessage
from realtime_pose.communication.sinks import logger
from realtime_pose.latest_frame_queue import LatestFrameQueue
from realtime_pose.one_line_log import without_tracebacks

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

DEFAULT_WEBSOCKET_PORT = 5006
# Pages of this machine, on any port. Without such a list every page that its user opens could
# connect and watch.
LOOPBACK_ORIGINS = (re.compile(r'https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?'),)
SEND_S = 2.0  # a client that takes nothing for so long is dropped
PING_S = 10.0  # so is one that answers no ping; both make place for others


class WebSocketServerSink:
    """WebSocket server that sends every client the newest message it can take.

    A slow client misses messages and delays no other; one that reads nothing is dropped. What
    clients send is read and dropped.

    Args:
        port: 0 lets the system choose; see ``port`` then.
        host: Address to listen on; this machine only by default.
        origins: Web pages that may connect, as texts or patterns. Programs, which have no origin,
            always may.
        max_clients: Further ones are turned away.

    Raises:
        ImportError: If the package ``websockets`` is missing.
        ValueError: If the port is none.
        OSError: If the port is taken.
    """

    def __init__(
        self,
        port: int = DEFAULT_WEBSOCKET_PORT,
        host: str = DEFAULT_HOST,
        origins: Sequence[str | re.Pattern[str]] = LOOPBACK_ORIGINS,
        max_clients: int = 16,
    ) -> None:
        try:
            from websockets.sync.server import serve
        except ImportError:
            raise ImportError(
                'a WebSocket server needs the package websockets: pip install -r '
                'requirements/net.txt'
            ) from None
        if not 0 <= port < 65536:
            raise ValueError(f'port {port} of WebSockets: expected 0 (any that is free) to 65535')
        self.host = host
        self.max_clients = max_clients
        self._clients: dict[ServerConnection, LatestFrameQueue[str]] = {}
        self._is_closed = False
        self._lock = threading.Lock()
        try:
            self._server = serve(
                self._serve_client,
                host,
                port,
                origins=[None, *origins],  # type: ignore[list-item]
                max_size=4096,
                max_queue=4,
                compression=None,  # frames are small, and it would cost each of them time
                open_timeout=5,
                close_timeout=1,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                logger=without_tracebacks('realtime_pose.websocket'),
            )
        except OSError as error:
            raise OSError(f'cannot serve WebSockets on {host}:{port}: {error.strerror}') from None
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name='websocket-server', daemon=True
        )
        self._thread.start()

    @property
    def num_clients(self) -> int:
        """Clients that are connected."""
        return len(self._clients)

    def send(self, message: PoseMessage) -> None:
        """Gives a message to every client."""
        with self._lock:
            queues = list(self._clients.values())
        if queues:
            text = message.to_json()
            for queue in queues:
                queue.put(text)

    def close(self) -> None:
        """Disconnects the clients, those that read nothing after 2 s, and stops listening."""
        with self._lock:
            self._is_closed = True
            queues = list(self._clients.values())
        for queue in queues:
            queue.close()
        until = time.monotonic() + SEND_S
        while self._clients and time.monotonic() < until:
            time.sleep(0.01)
        with self._lock:
            stuck = list(self._clients)
        for connection in stuck:
            with contextlib.suppress(OSError):  # it is gone by now
                connection.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._thread.join(timeout=3)

    def _serve_client(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        queue: LatestFrameQueue[str] = LatestFrameQueue()
        with self._lock:
            is_full = len(self._clients) >= self.max_clients
            if not is_full and not self._is_closed:
                self._clients[connection] = queue
        if is_full:
            connection.close(1013, f'{self.max_clients} clients are connected already')
        if is_full or self._is_closed:
            return
        name = 'that has left at once'
        try:
            name = connection.remote_address
            limit = struct.pack('ll', int(SEND_S), int(SEND_S % 1 * 1e6))
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            logger.info('WebSocket client %s connected', name)
            threading.Thread(
                target=_drop_incoming,
                args=(connection, queue),
                name='websocket-reader',
                daemon=True,
            ).start()
            while (text := queue.get()) is not None:
                connection.send(text)
        except (ConnectionClosed, OSError):
            pass
        finally:
            with self._lock:
                self._clients.pop(connection, None)
            logger.info('WebSocket client %s is gone', name)


def _drop_incoming(connection: ServerConnection, queue: LatestFrameQueue[str]) -> None:
    """Reads and discards until the client disconnects, so that its pings are answered."""
    from websockets.exceptions import ConnectionClosed

    try:
        for _ in connection:
            pass
    except ConnectionClosed:  # without a goodbye, or because of a message that is too large
        pass
    finally:
        queue.close()
