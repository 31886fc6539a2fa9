"""NegotiatingChannel: which protocol is spoken, and that nothing is lost by asking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IProtocolNegotiationFactory, ISSLTransport
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import directlyProvides

from tests.app.serving import curl
from tests.http2.client import Client, Pipe
from tests.http2.resources import Echo, Taker, Writer
from tests.http2.test_interop import certificates
from tests.interop.memory import sparse
from tests.web.wire import Wire, request_bytes
from txmultipart import StreamingSite
from txmultipart.http2 import PREFACE, HTTP2Options, Server
from txmultipart.web.channel import NegotiatingChannel, Speech
from txmultipart.web.tls import tls_endpoint, tls_options

HELLO = PREFACE + b"\0\0\0\4\0\0\0\0\0"


def test_what_is_offered_on_tls() -> None:
    site = StreamingSite(Resource())
    assert IProtocolNegotiationFactory.providedBy(site)
    assert site.acceptableProtocols() == [b"h2", b"http/1.1"]


@pytest.mark.parametrize("step", [1, 5, 24, 100])
def test_the_preface_is_http2(step: int) -> None:
    client = Client(Echo(), greet=False)
    for at in range(0, len(HELLO), step):
        client.protocol.dataReceived(HELLO[at : at + step])
    assert client.protocol.speech is Speech.HTTP2
    assert client.lives()


@pytest.mark.parametrize("step", [1, 5, 1000])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_anything_else_is_http1(step: int, method: str) -> None:
    wire = Wire(Echo())
    sent = request_bytes(method, "/", b"abc")
    for at in range(0, len(sent), step):
        wire.send(sent[at : at + step])
    assert wire.protocol.speech is Speech.HTTP1
    assert wire.answer.body == (b"hello" if method == "GET" else b"abc")


@pytest.mark.parametrize("length", range(1, 24))
def test_a_beginning_of_the_preface_is_not_enough(length: int) -> None:
    wire = Wire(Echo()).send(PREFACE[:length])
    assert wire.raw == b""
    wire.send(b"X")
    assert wire.protocol.speech is Speech.HTTP1
    wire.lose()


def test_tls_where_there_is_none_is_refused_at_once() -> None:
    wire = Wire(Echo()).send(b"\x16\x03\x01\x02\0\x01\0")
    assert wire.raw.startswith(b"HTTP/1.1 400 ")
    assert wire.is_closed()
    wire.lose()


def test_nothing_at_all_is_closed_in_time() -> None:
    wire = Wire(Echo(), timeout=20)
    wire.clock.advance(19)
    assert not wire.is_closed()
    wire.clock.advance(1)
    assert wire.is_closed()
    wire.lose()


def test_a_slow_preface_is_closed_in_time() -> None:
    wire = Wire(Echo(), timeout=20).send(b"PRI")
    wire.clock.advance(20)
    assert wire.is_closed()
    wire.lose()


class Secure(Pipe):
    """As a transport on TLS."""

    def __init__(self, negotiated: bytes | None) -> None:
        super().__init__()
        self.negotiatedProtocol = negotiated
        directlyProvides(self, ISSLTransport)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is no TCP."""


def test_http2_that_was_negotiated() -> None:
    writer = Writer()
    client = Client(writer, greet=False, transport=Secure(b"h2"))
    client.protocol.handshakeCompleted()
    assert client.read().settings
    client.greet().request()
    assert writer.requests[0].isSecure()
    client.lose()


def test_without_word_of_the_handshake() -> None:
    client = Client(Echo(), transport=Secure(b"h2"))
    assert client.protocol.speech is Speech.HTTP2
    assert client.lives()


@pytest.mark.parametrize("negotiated", [b"http/1.1", None])
def test_http1_on_tls(negotiated: bytes | None) -> None:
    client = Client(Echo(), greet=False, transport=Secure(negotiated))
    client.protocol.handshakeCompleted()
    client.protocol.dataReceived(request_bytes())
    assert client.protocol.speech is Speech.HTTP1
    assert client.transport.value().startswith(b"HTTP/1.1 200")
    client.lose()


class Upgrade(Resource):
    """From its request on, the connection speaks something else."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[bytes] = []

    def render(self, request: Any) -> int:
        request.channel.dataReceived = self.heard.append
        return NOT_DONE_YET


class Records(Secure):
    """As TLS on something else, but it decrypts nothing."""

    protocol: Any

    def __init__(self) -> None:
        super().__init__(b"http/1.1")
        self.transport = Pipe()

    def dataReceived(self, data: bytes) -> None:
        self.protocol.dataReceived(data)


@pytest.mark.parametrize("secure", [True, False])
def test_another_protocol_takes_over(secure: bool) -> None:
    """As Twisted's WebSockets do."""
    upgrade = Upgrade()
    transport: Any = Records() if secure else Pipe()
    client = Client(upgrade, greet=False, transport=transport)
    source = client.protocol
    if secure:
        transport.protocol, source = client.protocol, transport
        client.protocol.handshakeCompleted()
    for data in (request_bytes(), b"a", b"bc"):
        source.dataReceived(data)
    assert upgrade.heard == [b"a", b"bc"]
    client.lose()


def test_a_broken_preface_is_refused_as_one() -> None:
    client = Client(Echo(), greet=False).raw(b"INVALID CONNECTION PREFACE\r\n\r\n")
    assert (client.code, client.is_closed) == (1, True)


class Sizes(Taker):
    """Keeps how large the pieces of bodies are as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def render(self, request: Any) -> int:
        answer: int = super().render(request)
        pieces = self.take()
        plain = self.sink.write

        def write(data: bytes) -> None:
            self.sizes.append(len(data))
            plain(data)

        self.sink.write = write
        body = self.bodies[-1]
        self.sink.unregisterProducer = lambda: self.answer(data=b"%d" % body.taken)
        assert pieces == []
        return answer


@pytest.mark.parametrize("link", ["tls", "tls in a wrapper", "tcp"])
async def test_http1_is_read_in_bulk(link: str, tmp_path: Path) -> None:
    """On TLS a record has 16 KiB at most; what comes in one read comes as one."""
    from twisted.internet import reactor

    _, pair = certificates(tmp_path)
    sizes = Sizes()
    where: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    if link == "tls":
        where = tls_endpoint(reactor, 0, pair, interface="127.0.0.1")
    elif link == "tls in a wrapper":
        where = _Wrapped(where, tls_options(pair))
    port = await where.listen(StreamingSite(sizes))
    scheme = "http" if link == "tcp" else "https"
    url = f"{scheme}://127.0.0.1:{port.getHost().port}/"
    big = sparse(tmp_path / "big", 8 << 20)
    curled = ["--insecure", "--http1.1", "-H", "Expect:", "-T", str(big), url]
    out, _ = await curl(*curled)
    await port.stopListening()
    assert out == str(8 << 20)
    assert max(sizes.sizes) > 16 << 10


class _Wrapped:
    """An endpoint with a wrapper between TCP and TLS."""

    def __init__(self, tcp: Any, options: Any) -> None:
        self.tcp, self.options = tcp, options

    def listen(self, site: Any) -> Any:
        tls = TLSMemoryBIOFactory(self.options, False, site)
        return self.tcp.listen(WrappingFactory(tls))


@pytest.mark.parametrize("negotiated", [b"http/1.1", None])
def test_no_preface_where_http1_was_negotiated(negotiated: bytes | None) -> None:
    client = Client(Echo(), greet=False, transport=Secure(negotiated))
    client.protocol.dataReceived(HELLO)
    assert client.protocol.speech is Speech.HTTP1
    client.lose()


def test_the_options_of_a_site() -> None:
    site = StreamingSite(Echo(), http2=HTTP2Options(max_streams=7))
    channel: Any = site.buildProtocol(None)
    assert isinstance(channel, NegotiatingChannel)
    client = Client(Echo(), max_streams=7)
    assert client.settings[3] == 7
    assert isinstance(client.connection, Server)


def test_a_stock_channel_stands_behind_it_first() -> None:
    wire = Wire(Echo())
    assert isinstance(wire.channel, HTTPChannel)
    stock: Any = wire.channel
    assert stock.site is wire.site
    wire.lose()
