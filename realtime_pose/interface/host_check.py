"""Check of the ``Host`` and ``Origin`` of requests to a page.

Without it a page of another site can point its own name at this machine (DNS rebinding), and its
visitor's browser then lets it read and press everything here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

LOCAL_HOSTS = ('localhost', '127.0.0.1', '::1')
FORBIDDEN = b'403: this page does not answer to that name or site; see VITPOSE_ALLOWED_HOSTS\n'

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Any, Send], Awaitable[None]]


class HostCheck:
    """ASGI middleware that answers 403 to requests of other names and sites.

    Args:
        app: What answers the other requests.
        hosts: Names and addresses, without ports, that the server may be called by.
    """

    def __init__(self, app: App, hosts: Iterable[str] = LOCAL_HOSTS) -> None:
        self.app = app
        self.hosts = {_name_of(f'//{_bracketed(host)}') for host in hosts} - {None}

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        """Answers a request, or passes it on."""
        kind = scope['type']
        if kind not in ('http', 'websocket') or self.is_allowed(scope['headers']):
            await self.app(scope, receive, send)
        elif kind == 'websocket':
            await send({'type': 'websocket.close', 'code': 1008})  # 403 before the handshake
        else:
            headers = [(b'content-type', b'text/plain'), (b'connection', b'close')]
            await send({'type': 'http.response.start', 'status': 403, 'headers': headers})
            await send({'type': 'http.response.body', 'body': FORBIDDEN})

    def is_allowed(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Returns whether the one ``Host``, and an ``Origin`` if there is one, are allowed."""
        values = [(name.lower(), value.decode('latin-1')) for name, value in headers]
        names = [_name_of(f'//{value}') for name, value in values if name == b'host']
        sites = [_name_of(value) for name, value in values if name == b'origin']
        return len(names) == 1 and self.hosts.issuperset(names + sites)


def _name_of(address: str) -> str | None:
    """Returns the name in an address; None where it holds more than a name and a port."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises for one that is none
    except ValueError:
        return None
    if '@' in parts.netloc or parts.path or parts.query or parts.fragment or not parts.hostname:
        return None
    return parts.hostname.removesuffix('.')


def _bracketed(host: str) -> str:
    return f'[{host}]' if host.count(':') > 1 and not host.startswith('[') else host
