"""Servers for the cases, as programs: what is sent comes back, GET says hello.

    python -m tests.http2.conformance.serve ours|hypercorn CERTIFICATE KEY

It prints two ports once it listens: the one for h2c and the one for TLS.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any


def ours(certificate: str, key: str) -> None:
    """A StreamingSite, on endpoints as anybody makes them."""
    from twisted.internet import reactor
    from twisted.internet.defer import gatherResults
    from twisted.internet.endpoints import serverFromString

    from tests.http2.resources import Echo
    from txmultipart import StreamingSite

    where = ("tcp:0", f"ssl:0:certKey={certificate}:privateKey={key}")
    listening = [
        serverFromString(reactor, what + ":interface=127.0.0.1").listen(
            StreamingSite(Echo())
        )
        for what in where
    ]

    def tell(ports: list[Any]) -> None:
        print(*(port.getHost().port for port in ports), flush=True)

    gatherResults(listening).addCallback(tell)
    reactor.run()


def hypercorn(certificate: str, key: str) -> None:
    """An ASGI application that does the same."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    plain, secure = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    config = Config()
    config.insecure_bind = [f"fd://{plain.fileno()}"]
    config.bind = [f"fd://{secure.fileno()}"]
    config.certfile, config.keyfile = certificate, key
    config.accesslog, config.loglevel = None, "critical"
    print(plain.getsockname()[1], secure.getsockname()[1], flush=True)
    asyncio.run(serve(_echo, config))


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body, more = b"hello" if scope["method"] == "GET" else b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    head = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    {"ours": ours, "hypercorn": hypercorn}[sys.argv[1]](*sys.argv[2:])
