"""TakenAnswers: answers that are not taken, and those that are taken slowly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet import reactor as default_reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    wrapClientTLS,
)
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from tests.http2.resources import Writer
from tests.http2.test_interop import certificates
from tests.web.wire import request_bytes
from txmultipart import StreamingRequest, StreamingSite
from txmultipart.web.taken import Meter, Taking
from txmultipart.web.tls import tls_endpoint

MiB = 1 << 20
GET = request_bytes()
CLOSE = request_bytes("GET", "/", None, "Connection: close")


class Writers:
    """What a descriptor wants of a reactor."""

    def __init__(self) -> None:
        self.writers: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        """Bytes come when a test says so."""

    removeReader = addReader

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)


class Socket(FileDescriptor):
    """A descriptor as Twisted has them, whose peer takes what a test says."""

    connected = 1

    def __init__(self) -> None:
        self.watched = Writers()
        super().__init__(cast(Any, self.watched))
        self.room = 0
        self.got = bytearray()
        self.aborted = False
        self.protocol: Any = None

    def writeSomeData(self, data: Any) -> int:
        piece = bytes(data)[: self.room]
        self.room -= len(piece)
        self.got += piece
        return len(piece)

    def take(self, size: int = 1 << 40) -> None:
        """The peer takes so much, if there is so much."""
        self.room = size
        while self.room and self in self.watched.writers:
            ended = self.doWrite()
            if ended is not None:
                self.lose(ended)
        self.room = 0

    def lose(self, error: Any) -> None:
        if self.connected:
            self.connectionLost(Failure(error))
            self.protocol.connectionLost(Failure(error))

    def abortConnection(self) -> None:
        self.aborted = True
        self.lose(ConnectionAborted())

    def getPeer(self) -> Any:
        return IPv4Address("TCP", "192.0.2.1", 4711)

    getHost = getPeer


class Line:
    """A connection to a StreamingSite with a ``timeout`` of 60 seconds."""

    def __init__(self, resource: Any, *args: Any, **options: Any) -> None:
        self.clock = Clock()
        options = {"timeout": 60, **options}
        self.site = StreamingSite(resource, *args, reactor=self.clock, **options)
        self.socket = socket = Socket()
        self.protocol: Any = self.site.buildProtocol(socket.getPeer())
        socket.protocol = self.protocol
        self.protocol.makeConnection(socket)

    def send(self, data: bytes) -> Line:
        self.protocol.dataReceived(data)
        return self

    @property
    def channel(self) -> Any:
        return self.protocol._channel

    @property
    def calls(self) -> list[Any]:
        return list(self.clock.getDelayedCalls())

    def passes(self, seconds: float) -> Line:
        """So long, in little steps."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
        return self


@implementer(IPushProducer)
class Source:
    """Gives pieces while it may, and so many; or waits for the test."""

    def __init__(self, request: Any, pieces: int) -> None:
        self.request, self.left = request, pieces
        self.stopped = self.paused = False

    def start(self) -> None:
        self.request.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        while self.left and not self.paused:
            self.left -= 1
            self.request.write(bytes(16_000))

    def pauseProducing(self) -> None:
        self.paused = True

    def stopProducing(self) -> None:
        self.stopped = True


def by_producer(request: Any) -> None:
    Source(request, 10_000).start()


def at_once(request: Any) -> None:
    request.write(bytes(10 * MiB))


def in_pieces(request: Any) -> None:
    for _ in range(1000):
        request.write(bytes(10_000))


def finished(request: Any) -> None:
    request.write(bytes(10 * MiB))
    request.finish()


WAYS = {
    way.__name__: way
    for way in cast(
        list[Callable[[Any], None]], [by_producer, at_once, in_pieces, finished]
    )
}
each_way = pytest.mark.parametrize("way", WAYS)


def begun(way: str, asked: bytes = GET, **options: Any) -> tuple[Line, Writer]:
    """A connection on which an answer has begun in that way."""
    writer = Writer()
    line = Line(writer, **options).send(asked)
    WAYS[way](writer.requests[0])
    return line, writer


@each_way
@pytest.mark.parametrize("asked", [GET, CLOSE], ids=["kept", "closed"])
def test_one_that_takes_nothing_is_given_up(way: str, asked: bytes) -> None:
    line, writer = begun(way, asked)
    line.passes(59)
    assert not line.socket.aborted
    line.passes(16)
    assert line.socket.aborted
    assert len(writer.ends) == 1
    assert line.calls == []
    assert line.channel.taking is Taking.OVER


@each_way
def test_one_that_takes_some_and_then_nothing(way: str) -> None:
    line, _ = begun(way)
    line.socket.take(300_000)
    line.passes(30).socket.take(300_000)
    line.passes(59)
    assert not line.socket.aborted
    line.passes(31)
    assert line.socket.aborted
    assert line.calls == []


@each_way
@pytest.mark.parametrize("asked", [GET, CLOSE], ids=["kept", "closed"])
def test_one_that_takes_it_slowly_but_steadily(way: str, asked: bytes) -> None:
    line, _ = begun(way, asked)
    for _ in range(100):
        line.socket.take(5_100)
        line.passes(10)
        assert line.socket.connected
    assert len(line.socket.got) == 510_000
    line.socket.lose(ConnectionLost())
    assert line.calls == []


@each_way
def test_a_byte_now_and_then_is_not_enough(way: str) -> None:
    line, _ = begun(way)
    for _ in range(16):
        line.passes(5).socket.take(10)
    assert line.socket.aborted


def test_a_large_answer_that_is_taken_is_whole() -> None:
    line, writer = begun("finished")
    while len(line.socket.got) < 10 * MiB:
        line.passes(20).socket.take(100_000)
    assert writer.ends == [None]
    # Idle is a connection from when all was taken.
    line.passes(59)
    assert line.socket.connected
    line.passes(1)
    line.socket.take(0)
    assert line.socket.disconnecting
    line.socket.take()
    line.socket.lose(ConnectionLost())
    assert line.calls == []


def test_the_answer_to_who_closes_is_whole() -> None:
    line, writer = begun("finished", CLOSE)
    while line.socket.connected:
        line.passes(20).socket.take(100_000)
    assert not line.socket.aborted
    assert len(line.socket.got) > 10 * MiB
    assert writer.ends == [None]
    assert line.calls == []


def test_the_last_bytes_before_an_end_are_to_be_taken() -> None:
    writer = Writer()
    line = Line(writer).send(CLOSE)
    request = writer.requests[0]
    Source(request, 5).start()
    line.socket.take()
    request.unregisterProducer()
    request.write(b"the last")
    request.finish()
    assert line.channel.taking is Taking.CLOSING
    line.passes(75)
    assert line.socket.aborted
    assert line.calls == []


def test_no_time_runs_while_there_is_nothing_to_take() -> None:
    writer = Writer()
    line = Line(writer).send(GET)
    source = Source(writer.requests[0], 5)
    source.start()
    assert source.paused
    for _ in range(5):
        line.passes(50).socket.take()
        line.passes(1000)  # the source has nothing
        assert line.calls == []
        source.left = 5
        source.resumeProducing()
    assert line.socket.connected
    line.passes(75)
    assert source.stopped


def test_a_little_that_is_not_taken_does_not_matter() -> None:
    writer = Writer()
    line = Line(writer).send(GET)
    writer.requests[0].write(b"an event")
    assert line.calls == []
    line.passes(1000)
    assert line.socket.connected
    line.socket.lose(ConnectionLost())


def test_no_timer_is_left_when_the_answer_has_ended() -> None:
    line, writer = begun("by_producer")
    line.passes(1)
    request = writer.requests[0]
    request.unregisterProducer()
    line.socket.take()
    request.finish()
    line.socket.take()
    assert line.channel.taking is Taking.FREE
    (call,) = line.calls  # the next request has so long to come
    assert call.getTime() == line.clock.seconds() + 60
    line.socket.lose(ConnectionLost())
    assert line.calls == []


def test_requests_in_a_row_do_not_buy_time() -> None:
    """Each answer fits in, but nobody takes them."""

    class Page(Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            return bytes(50_000)

    line = Line(Page())
    for _ in range(75):
        if line.socket.connected:
            line.send(GET).passes(1)
    assert line.socket.aborted
    assert line.calls == []


def test_a_slow_head_behind_an_answer_has_its_own_time() -> None:
    line, _ = begun("finished")
    line.send(b"GET / HT")
    for _ in range(60):
        line.socket.take(5_000)
        line.passes(1)
    line.socket.take()
    assert line.socket.disconnected
    assert not line.socket.aborted
    assert line.calls == []


@pytest.mark.parametrize(
    "options", [{"timeout": None}, {"requestFactory": Request}], ids=str
)
def test_where_none_is_asked_for_none_is_given_up(options: Any) -> None:
    line, _ = begun("by_producer", **options)
    line.passes(1000)
    assert line.socket.connected
    assert not line.channel._meter.counts
    line.socket.lose(ConnectionLost())
    assert line.calls == []


def test_another_rate() -> None:
    class Quick(StreamingRequest):
        """Wants more."""

        least_rate = 1 << 20

    line, _ = begun("at_once", requestFactory=Quick)
    for _ in range(75):
        line.socket.take(10_000)
        line.passes(1)
    assert line.socket.aborted


# Every state and every input ------------------------------------------------------------

EVENTS: dict[str, Callable[[Line], Any]] = {
    "full": lambda line: line.channel.pauseProducing(),
    "empty": lambda line: line.channel.resumeProducing(),
    "close": lambda line: line.channel.loseConnection(),
    "time": lambda line: line.passes(80),
    "lost": lambda line: line.socket.lose(ConnectionLost()),
}

FREE, FULL, CLOSING, OVER = Taking

THEN: dict[str, dict[Taking, Taking]] = {
    "full": {FREE: FULL, FULL: FULL, CLOSING: CLOSING, OVER: OVER},
    "empty": {FREE: FREE, FULL: FREE, CLOSING: CLOSING, OVER: OVER},
    "close": {FREE: CLOSING, FULL: CLOSING, CLOSING: CLOSING, OVER: OVER},
    "time": {FREE: FREE, FULL: OVER, CLOSING: OVER, OVER: OVER},
    "lost": {FREE: OVER, FULL: OVER, CLOSING: OVER, OVER: OVER},
}

PATHS: dict[Taking, list[str]] = {
    FREE: [],
    FULL: ["full"],
    CLOSING: ["close"],
    OVER: ["lost"],
}


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("state", Taking)
@pytest.mark.parametrize("event", EVENTS)
def test_every_state_meets_every_event(event: str, state: Taking, twice: bool) -> None:
    writer = Writer()
    line = Line(writer).send(GET)
    writer.requests[0].write(b"the beginning")
    for each in PATHS[state]:
        EVENTS[each](line)
    assert line.channel.taking is state
    for _ in range(1 + twice):
        EVENTS[event](line)
    assert line.channel.taking is THEN[event][state]
    line.socket.lose(ConnectionLost())
    assert line.calls == []


# Other transports -----------------------------------------------------------------------


class Bare(StringTransport):
    """One that tells that it is full, and nothing else."""


@pytest.mark.parametrize("takes", [True, False])
def test_on_no_socket_who_empties_it_has_taken_it(takes: bool) -> None:
    writer, clock, transport = Writer(), Clock(), Bare()
    site = StreamingSite(writer, reactor=clock, timeout=60)
    protocol: Any = site.buildProtocol(transport.getPeer())
    protocol.makeConnection(transport)
    protocol.dataReceived(GET)
    writer.requests[0].write(b"a large answer")
    for _ in range(10):
        producer: Any = transport.producer
        producer.pauseProducing()
        for _ in range(50):
            clock.advance(1)
        if takes:
            producer.resumeProducing()
    assert transport.disconnecting is not takes
    protocol.connectionLost(Failure(ConnectionLost()))
    assert clock.getDelayedCalls() == []


def test_to_close_where_there_may_be_nothing_takes_no_time() -> None:
    writer, clock, transport = Writer(), Clock(), Bare()
    site = StreamingSite(writer, reactor=clock, timeout=60)
    protocol: Any = site.buildProtocol(transport.getPeer())
    protocol.makeConnection(transport)
    protocol.dataReceived(CLOSE)
    writer.requests[0].finish()
    assert transport.disconnecting
    assert clock.getDelayedCalls() == []


class Slotted:
    """A transport to which nothing can be given."""

    __slots__ = ()

    def writeSomeData(self, data: bytes) -> int:
        return len(data)


class TestMeter:
    def test_it_counts_what_is_taken(self) -> None:
        meter, socket = Meter(), Socket()
        meter.attach(socket)
        meter.attach(socket)
        socket.write(bytes(100))
        socket.take(60)
        assert (meter.counts, meter.taken) == (True, 60)
        meter.detach()
        meter.detach()
        socket.take(40)
        assert (meter.counts, meter.taken, len(socket.got)) == (False, 60, 100)
        assert "writeSomeData" not in vars(socket)

    def test_an_error_is_no_number(self) -> None:
        class Broken(Socket):
            """Its connection is lost."""

            def writeSomeData(self, data: Any) -> Any:
                return ConnectionLost()

        meter, socket = Meter(), Broken()
        meter.attach(socket)
        assert isinstance(cast(Any, socket).writeSomeData(b"x"), ConnectionLost)
        assert meter.taken == 0

    @pytest.mark.parametrize("transport", [StringTransport(), Slotted(), None])
    def test_where_it_cannot_count(self, transport: Any) -> None:
        meter = Meter()
        meter.attach(transport)
        assert not meter.counts

    def test_what_lies_in_itself(self) -> None:
        class Round:
            """Its own transport."""

            @property
            def transport(self) -> Round:
                return self

        meter = Meter()
        meter.attach(Round())
        assert not meter.counts


# Sockets --------------------------------------------------------------------------------


@implementer(IHandshakeListener)
class Lazy(Protocol):
    """Asks, and reads nothing till it is told to."""

    transport: Any

    def __init__(self, *, secure: bool) -> None:
        self.secure = secure
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        if not self.secure:
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        self.transport.write(GET)
        self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class Large(Resource):
    """Answers with more than any system's buffers hold."""

    isLeaf = True

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.lost: Deferred[Exception] = Deferred()

    def render_GET(self, request: Any) -> int:
        request.notifyFinish().addErrback(self._lose)
        if self.way == "by_producer":
            Source(request, 1 << 20).start()
        else:
            request.write(bytes(48 * MiB))
        return NOT_DONE_YET

    def _lose(self, reason: Failure) -> None:
        assert isinstance(reason.value, Exception)
        self.lost.callback(reason.value)


@pytest.mark.parametrize("way", ["by_producer", "at_once"])
@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
async def test_on_a_socket(way: str, secure: bool, tmp_path: Path) -> None:
    reactor: Any = default_reactor
    large = Large(way)
    site = StreamingSite(large, timeout=1)
    if secure:
        trust, pair = certificates(tmp_path)
        server: Any = tls_endpoint(reactor, 0, pair, interface="127.0.0.1")
    else:
        server = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port = await server.listen(site)
    client: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    if secure:
        authority = Certificate.loadPEM(trust.read_bytes())
        options = optionsForClientTLS("127.0.0.1", authority)
        client = wrapClientTLS(options, client)
    lazy: Any = await client.connect(Factory.forProtocol(lambda: Lazy(secure=secure)))
    # TLS has another word for it. The client has not closed: it does so now.
    assert isinstance(await large.lost, ConnectionAborted | ConnectionLost)
    lazy.transport.abortConnection()
    await lazy.lost
    await port.stopListening()
