"""WebSocket server for messages, e.g. to browsers. Needs ``requirements/net.txt``."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from realtime_pose.communication.keypoints_sender import DEFAULT_HOST
from realtime_pose.communication.message import PoseMessage
from realtime_pose.communication.sinks import logger
from realtime_pose.latest_frame_queue import LatestFrameQueue

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

DEFAULT_WEBSOCKET_PORT = 5006
# Pages of this machine, on any port. Without such a list every page that its user opens could
# connect and watch.
LOOPBACK_ORIGINS = (re.compile(r'https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?'),)


class WebSocketServerSink:
    """WebSocket server that sends every client the newest message it can take.

    A slow client misses messages and delays no other. What clients send is read and dropped.

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
        self._queues: set[LatestFrameQueue[str]] = set()
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
        return len(self._queues)

    def send(self, message: PoseMessage) -> None:
        """Gives a message to every client."""
        with self._lock:
            queues = list(self._queues)
        if queues:
            text = message.to_json()
            for queue in queues:
                queue.put(text)

    def close(self) -> None:
        """Disconnects the clients and stops listening."""
        with self._lock:
            queues = list(self._queues)
        for queue in queues:
            queue.close()
        self._server.shutdown()
        self._thread.join(timeout=3)

    def _serve_client(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        queue: LatestFrameQueue[str] = LatestFrameQueue()
        with self._lock:
            is_full = len(self._queues) >= self.max_clients
            if not is_full:
                self._queues.add(queue)
        if is_full:
            connection.close(1013, f'{self.max_clients} clients are connected already')
            return
        name = connection.remote_address
        logger.info('WebSocket client %s connected', name)
        reader = threading.Thread(
            target=_drop_incoming, args=(connection, queue), name='websocket-reader', daemon=True
        )
        reader.start()
        try:
            while (text := queue.get()) is not None:
                connection.send(text)
        except ConnectionClosed:
            pass
        finally:
            with self._lock:
                self._queues.discard(queue)
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
