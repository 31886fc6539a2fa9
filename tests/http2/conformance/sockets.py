"""Sockets: a connection to a server in another process, plain or over TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

#: Seconds in which a server does what it is to do. It is waited for only if it does not.
PATIENCE = 5.0


def tls(trust: Path) -> ssl.SSLContext:
    """How to reach servers that those in ``trust`` vouch for."""
    context = ssl.create_default_context(cafile=str(trust))
    context.set_alpn_protocols(["h2"])
    return context


class SocketLink:
    """Blocks while it waits; TLS if there is a ``context``."""

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        # What is sent in two pieces must not wait for an acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            secure = context.wrap_socket(self._socket, server_hostname="127.0.0.1")
            assert secure.selected_alpn_protocol() == "h2"
            self._socket = secure

    def send(self, data: bytes) -> None:
        """A server may have closed it, which the next ``read`` shows."""
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def read(self) -> bytes:
        """None is the end, however it came."""
        try:
            return self._socket.recv(1 << 16)
        except TimeoutError:
            raise
        except OSError:
            return b""

    def close(self) -> None:
        """The client is gone."""
        self._socket.close()
