"""Twisted's WebSockets, which take a connection over from HTTP/1.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.resource import Resource

from tests.http2.test_interop import certificates
from txmultipart import StreamingSite
from txmultipart.web.tls import tls_endpoint

pytest.importorskip("wsproto")


class Talker:
    """Keeps what it hears, and ``answers`` it."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.transport: Any = None
        self.heard: list[str] = []
        self.next: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def negotiationStarted(self, transport: Any) -> None:
        self.transport = transport

    def negotiationFinished(self) -> None:
        """Both sides may talk."""

    def pongReceived(self, payload: bytes) -> None:
        """Nobody has asked."""

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """Nobody sends any."""

    def textMessageReceived(self, message: str) -> None:
        self.heard.append(message)
        if self.answers:
            self.transport.sendTextMessage(message.upper())
        told, self.next = self.next, Deferred()
        told.callback(None)

    def connectionLost(self, reason: Failure) -> None:
        self.lost.callback(None)


class Talkers:
    """Gives out the one that it has."""

    def __init__(self, talker: Talker) -> None:
        self.talker = talker

    def buildProtocol(self, asked: Any) -> Talker:
        return self.talker


@pytest.mark.parametrize("link", ["tcp", "tls"])
async def test_both_sides_talk(link: str, tmp_path: Path) -> None:
    from twisted.internet import reactor
    from twisted.web.websocket import WebSocketClientEndpoint, WebSocketResource

    loop: Any = reactor
    server, client = Talker(answers=True), Talker(answers=False)
    root = Resource()
    root.putChild(b"talk", WebSocketResource(Talkers(server)))
    trust, pair = certificates(tmp_path)
    where: Any = TCP4ServerEndpoint(loop, 0, interface="127.0.0.1")
    if link == "tls":
        where = tls_endpoint(reactor, 0, pair, interface="127.0.0.1")
    port = await where.listen(StreamingSite(root))
    authority = Certificate.loadPEM(Path(trust).read_bytes())
    policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates([authority]))
    scheme = "http" if link == "tcp" else "https"
    url = f"{scheme}://127.0.0.1:{port.getHost().port}/talk"
    endpoint = WebSocketClientEndpoint.new(loop, url, policy)
    await endpoint.connect(Talkers(client))
    for word in ("hello", "world"):
        heard = client.next
        client.transport.sendTextMessage(word)
        await heard
    assert (server.heard, client.heard) == (["hello", "world"], ["HELLO", "WORLD"])
    client.transport.loseConnection()
    await client.lost
    await server.lost
    await port.stopListening()
