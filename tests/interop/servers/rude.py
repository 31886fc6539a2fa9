"""A server that answers the first bytes with what is no answer, and closes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol

#: What it says.
RUDE = {
    "nothing": b"",
    "nonsense": b"220 smtp.example.com ESMTP\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
}


class _Rude(Protocol):
    factory: Any

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self.factory.words)
        self.transport.loseConnection()


@asynccontextmanager
async def rude_server(reactor: Any, words: bytes) -> AsyncIterator[str]:
    """The URL of one that says ``words``, while an ``async with`` lasts."""
    factory: Any = Factory.forProtocol(_Rude)
    factory.words = words
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(factory)
    try:
        yield f"http://127.0.0.1:{port.getHost().port}/"
    finally:
        await port.stopListening()
