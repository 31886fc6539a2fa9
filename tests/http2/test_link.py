"""Link: how a connection is closed, and that a slow reader loses nothing by that."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from hpack import Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IHalfCloseableDescriptor, ISSLTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from tests.http2.client import ACK, Client, Pipe, fields
from tests.http2.resources import Echo, Text, Writer
from tests.http2.test_interop import certificates
from txmultipart import StreamingSite
from txmultipart.http2 import PREFACE, HTTP2Options
from txmultipart.http2.frames import frame
from txmultipart.web.tls import tls_endpoint


class Half(Pipe):
    """As a transport on a socket, or on TLS on one: its one side can be closed."""

    def __init__(self, *, secure: bool = False) -> None:
        super().__init__()
        directlyProvides(self, IHalfCloseableDescriptor)
        if secure:
            self.negotiatedProtocol = b"h2"
            directlyProvides(self, IHalfCloseableDescriptor, ISSLTransport)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is no TCP."""

    def loseWriteConnection(self) -> None:
        self.calls.append("half")


def make(kind: str) -> Pipe:
    return Pipe() if kind == "neither" else Half(secure=kind == "tls")


def leave(client: Client) -> None:
    """The last of what it has asked for was answered; both sides want to go."""
    client.request()
    client.send(GoAwayFrame(0))


def idle(client: Client) -> None:
    client.request()
    client.advance(20)


def nothing(client: Client) -> None:
    """It is idle, and has never asked for anything."""
    client.advance(20)


def break_rule(client: Client) -> None:
    client.request()
    client.raw(frame(6, 0, 0, bytes(6)))


#: How a connection on such a transport ends, and after how long at the latest.
ENDS = {
    (leave, "socket"): ("half", 60),
    (leave, "tls"): ("lose", 60),
    (leave, "neither"): ("lose", 60),
    (idle, "socket"): ("half", 60),
    (idle, "tls"): ("lose", 60),
    (nothing, "socket"): ("lose", 2),
    (break_rule, "socket"): ("lose", 2),
    (break_rule, "tls"): ("lose", 2),
}


@pytest.mark.parametrize(("how", "kind"), ENDS)
def test_how_it_is_closed(how: Any, kind: str) -> None:
    client = Client(Echo(), transport=make(kind), timeout=20)
    how(client)
    call, seconds = ENDS[how, kind]
    assert client.transport.calls == [call]
    assert client.transport.producer is None
    client.advance(seconds - 0.1)
    assert not client.transport.aborting
    client.advance(0.1)
    assert client.transport.aborting
    client.lose()
    assert client.clock.getDelayedCalls() == []


def test_what_comes_after_the_last_word_is_dropped() -> None:
    client = Client(Echo(), transport=Half())
    leave(client)
    seen = len(client.seen)
    client.update(1000).send(PingFrame(0, b"12345678")).request()
    assert len(client.seen) == seen
    client.lose()
    assert client.clock.getDelayedCalls() == []


def test_whoever_was_not_heard_is_heard_again_to_the_end() -> None:
    """Or nobody would notice that the peer has closed its side too."""
    writer = Writer()
    client = Client(writer, transport=Half(), max_unread_control=20)
    client.request()
    client.connection.pauseProducing()
    client.send(*(PingFrame(0, bytes(8)) for _ in range(3)))
    assert client.transport.producerState == "paused"
    client.reset(1)
    client.send(GoAwayFrame(0))
    assert client.transport.calls == ["pause", "resume", "half"]
    client.lose()


def test_whoever_is_given_up_has_no_more_time() -> None:
    client = Client(Echo(), transport=Half())
    leave(client)
    client.advance(30)
    client.protocol.give_up()
    client.advance(1.9)
    assert not client.transport.aborting
    client.advance(0.1)
    assert client.transport.aborting
    client.protocol.give_up()
    client.lose()
    assert client.clock.getDelayedCalls() == []


#: It fits into what the system holds for a socket, and not into what it takes there.
SIZE = 200 << 10


class Slow(Protocol):
    """Asks, and reads only a little at first."""

    transport: Any

    def __init__(self) -> None:
        self.raw = b""
        self.begun: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        block = Encoder().encode(fields())
        request = HeadersFrame(1, block, flags={"END_HEADERS", "END_STREAM"})
        self.transport.write(PREFACE + SettingsFrame(0, {4: 1 << 30}).serialize())
        self.transport.write(ACK)
        self.say(WindowUpdateFrame(0, 1 << 30), request)

    def say(self, *frames: Frame) -> None:
        self.transport.write(b"".join(each.serialize() for each in frames))

    def dataReceived(self, data: bytes) -> None:
        self.raw += data
        if len(self.raw) > 1000 and not self.begun.called:
            self.transport.pauseProducing()
            self.begun.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)

    @property
    def body(self) -> tuple[int, bool]:
        """How much of it came, and whether it has ended."""
        size, ended, raw = 0, False, self.raw
        while len(raw) >= 9:
            found, length = Frame.parse_frame_header(memoryview(raw[:9]))
            if isinstance(found, DataFrame):
                size += len(raw[9 : 9 + length])
                ended = ended or "END_STREAM" in found.flags
            raw = raw[9 + length :]
        return size, ended


def connect(port: int, slow: Slow, *, secure: bool) -> None:
    """A connection whose socket holds little of what comes."""
    from twisted.internet import reactor

    adopter: Any = reactor
    factory: Any = Factory.forProtocol(lambda: slow)
    if secure:
        options = CertificateOptions(acceptableProtocols=[b"h2"])
        factory = TLSMemoryBIOFactory(options, True, factory)
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        made.connect(("127.0.0.1", port))
        made.setblocking(False)
        adopter.adoptStreamConnection(made.fileno(), socket.AF_INET, factory)


@pytest.mark.parametrize("link", ["tcp", "tls"])
async def test_a_slow_reader_has_all_of_the_last_answer(
    link: str, tmp_path: Path
) -> None:
    from twisted.internet import reactor

    where: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    if link == "tls":
        _, pair = certificates(tmp_path)
        where = tls_endpoint(reactor, 0, pair, interface="127.0.0.1")
    options = HTTP2Options(abort_time=0.05)
    port = await where.listen(StreamingSite(Text(bytes(SIZE)), http2=options))
    slow = Slow()
    connect(port.getHost().port, slow, secure=link == "tls")
    await slow.begun
    slow.say(GoAwayFrame(0))
    # It would be cut off in this time, or by the next thing that it says.
    await deferLater(reactor, 0.3)
    slow.say(WindowUpdateFrame(0, 1))
    await deferLater(reactor, 0.1)
    slow.transport.resumeProducing()
    await slow.lost
    await port.stopListening()
    assert slow.body == (SIZE, True)
