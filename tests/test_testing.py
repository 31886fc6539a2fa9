"""The server in memory that others test with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import IConsumer, IPushProducer, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface.verify import verifyObject

from txmultipart import FormData, MultipartReader, MultipartResource
from txmultipart.body.delivery import get_body
from txmultipart.errors import MisuseError
from txmultipart.testing import InMemoryServer, MemoryTransport, Stalled
from txmultipart.web.answer import answer_with
from txmultipart.web.marker import streaming
from txmultipart.web.pool import HTTP2ConnectionPool

URLS = ["http://example.test/", "https://example.test:8443/"]


class Sizes(MultipartResource):
    """Answers with the names and sizes of the parts."""

    isLeaf = True

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        sizes = [f"{part.name}={len(await part.read())}" async for part in reader]
        return " ".join(sizes).encode()


class Pieces(Resource):
    """Answers with the number of pieces in which the body came."""

    isLeaf = True

    def render(self, request: Any) -> Any:
        return answer_with(request, self._count(request))

    async def _count(self, request: Any) -> bytes:
        sizes = [len(chunk) async for chunk in get_body(request)]
        return b"%d" % len(sizes)


class Length(Resource):
    """Answers with the length of the body, as any resource can."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        return b"%d" % len(request.content.read())


class Later(Resource):
    """Answers after five seconds."""

    isLeaf = True

    def __init__(self, clock: Any) -> None:
        super().__init__()
        self._clock = clock

    def render(self, request: Any) -> int:
        call = self._clock.callLater(5, request.finish)
        request.notifyFinish().addErrback(lambda _: call.cancel())
        return NOT_DONE_YET


def form() -> FormData:
    made = FormData()
    made.add_field("one", "1")
    made.add_file("two", b"2" * 200_000)
    return made


@pytest.mark.parametrize("chunk", [None, 1000, [1, 9, 70_000]])
@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    ("protocol", "version"),
    [("h2", (b"HTTP", 2, 0)), ("http/1.1", (b"HTTP", 1, 1))],
)
def test_a_form(protocol: str, version: Any, url: str, chunk: Any) -> None:
    server = InMemoryServer(Sizes(), protocol=protocol, chunk=chunk)
    response = server.run(server.client.post(url, data=form()))
    assert server.run(response.text()) == "one=1 two=200000"
    assert response.version == version
    assert server.clock.seconds() == 0


def test_the_words_of_the_docstring() -> None:
    server = InMemoryServer(Sizes())
    form = FormData()
    form.add_file("video", b"content")
    response = server.run(server.client.post("http://example.test/", data=form))
    assert server.run(response.text()) == "video=7"


def test_bytes_come_in_such_pieces() -> None:
    """A part of the request is one piece each: what the resource sees is the wire's."""
    counts = []
    for chunk in (100, 1000):
        server = InMemoryServer(streaming(Pieces()), protocol="http/1.1", chunk=chunk)
        response = server.run(server.client.put(URLS[0], data=b"x" * 5000))
        counts.append(int(server.run(response.text())))
    assert counts[0] > counts[1] >= 5


def test_an_agent_and_a_coroutine() -> None:
    server = InMemoryServer(Sizes())

    async def ask() -> int:
        response = await server.agent.request(b"POST", URLS[0].encode(), None, form())
        return int(response.code)

    assert server.run(ask()) == 200


def test_connections_are_kept() -> None:
    server = InMemoryServer(Sizes())
    for _ in range(3):
        server.run(server.client.post(URLS[0], data=form()))
    assert len(server.connections) == 1
    server.run(server.pool.closeCachedConnections())
    assert all(end.lost for end in server.connections[0])
    assert server.clock.getDelayedCalls() == []


def test_a_stock_site() -> None:
    server = InMemoryServer(Length(), protocol="http/1.1", make_site=Site)
    response = server.run(server.client.put(URLS[0], data=b"x" * 200_000))
    assert server.run(response.text()) == "200000"


def test_a_pool_of_ones_own() -> None:
    clock = Clock()
    pool = HTTP2ConnectionPool(clock, h2c=True)
    server = InMemoryServer(Sizes(), clock=clock, pool=pool)
    assert server.run(server.client.post(URLS[0], data=form())).code == 200
    assert server.pool is pool


def test_what_is_no_protocol() -> None:
    with pytest.raises(MisuseError):
        InMemoryServer(Sizes(), protocol="http/3")


@pytest.mark.parametrize("chunk", [0, [], [5, 0]])
def test_what_is_no_chunk(chunk: Any) -> None:
    with pytest.raises(MisuseError):
        InMemoryServer(Sizes(), chunk=chunk)


def test_a_result_that_does_not_come() -> None:
    server = InMemoryServer(Sizes())
    waiting: Deferred[None] = Deferred()
    with pytest.raises(Stalled):
        server.run(waiting)
    waiting.addErrback(lambda failure: failure.trap(CancelledError))


def test_an_error_is_raised() -> None:
    server = InMemoryServer(Sizes())
    server.refuses = True
    with pytest.raises(ConnectionRefusedError):
        server.run(server.client.get(URLS[0]))


def test_a_plain_result() -> None:
    assert InMemoryServer(Sizes()).run(succeed(7)) == 7


def test_time_goes_by() -> None:
    clock = Clock()
    server = InMemoryServer(Later(clock), clock=clock)
    codes: list[int] = []
    done = server.client.get(URLS[0])
    done.addCallback(lambda response: codes.append(response.code))
    server.advance(4.5)
    assert codes == []
    server.advance(1)
    assert codes == [200]
    assert clock.seconds() == 5.5


def test_the_server_is_killed() -> None:
    clock = Clock()
    server = InMemoryServer(Later(clock), clock=clock)
    failures: list[Any] = []
    server.client.get(URLS[0]).addErrback(failures.append)
    server.pump()
    server.close()
    server.pump()
    assert failures[0].check(ResponseNeverReceived)
    server.advance(5)


async def test_on_the_real_reactor(tmp_path: Path) -> None:
    """Where what is read from disk works too."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 300_000)
    server = InMemoryServer(Sizes(), clock=reactor)
    body = FormData()
    body.add_file("a", path)
    response = await server.client.post(URLS[0], data=body)
    assert await response.text() == "a=300000"
    await server.pool.closeCachedConnections()
    with pytest.raises(MisuseError):
        server.pump()


def test_many_at_once() -> None:
    server = InMemoryServer(Sizes(), chunk=10_000)
    asked = [server.client.post(URLS[0], data=form()) for _ in range(20)]
    responses = server.run(gatherResults(asked))
    assert {response.code for response in responses} == {200}
    assert len(server.connections) == 1


# The transport itself -------------------------------------------------------------------


class End(Protocol):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.data = b""
        self.reasons: list[Any] = []

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reasons.append(reason.value)


class Producer:
    """Writes a piece whenever it is asked, or keeps what it is told."""

    def __init__(self, transport: MemoryTransport, piece: bytes = b"") -> None:
        self.told: list[str] = []
        self._transport, self._piece = transport, piece
        self.last = 1000

    def resumeProducing(self) -> None:
        self.told.append("resume")
        if self._piece and len(self.told) <= self.last:
            self._transport.write(self._piece)

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def stopProducing(self) -> None:
        self.told.append("stop")


class Wire:
    """Two ends."""

    def __init__(self) -> None:
        self.server = InMemoryServer(Sizes())
        factory = Factory.forProtocol(End)
        self.server.site = factory
        self.server.connect(factory)
        ((self.here, self.there),) = self.server.connections
        self.near, self.far = self.here.protocol, self.there.protocol

    def pump(self) -> None:
        self.server.pump()


def test_it_is_a_transport() -> None:
    for interface in (ITransport, IConsumer, IPushProducer):
        verifyObject(interface, Wire().here)


def test_bytes_go_over_in_a_later_turn() -> None:
    wire = Wire()
    wire.here.write(b"one")
    wire.here.writeSequence([b"two", b"three"])
    assert wire.far.data == b""
    assert wire.here.waiting == 11
    wire.pump()
    assert wire.far.data == b"onetwothree"
    assert wire.here.waiting == 0


def test_one_that_does_not_read() -> None:
    wire = Wire()
    wire.there.pauseProducing()
    wire.here.write(b"data")
    wire.pump()
    assert wire.far.data == b""
    wire.there.resumeProducing()
    wire.pump()
    assert wire.far.data == b"data"


def test_closed_when_all_is_read() -> None:
    wire = Wire()
    wire.there.pauseProducing()
    wire.here.write(b"data")
    wire.here.stopProducing()
    wire.here.write(b"late")
    wire.pump()
    assert wire.near.reasons == []
    wire.there.resumeProducing()
    wire.pump()
    assert wire.far.data == b"data"
    for end in (wire.near, wire.far):
        assert [type(reason) for reason in end.reasons] == [ConnectionDone]
    wire.here.loseConnection()
    wire.here.write(b"late")
    wire.pump()


def test_aborted() -> None:
    wire = Wire()
    wire.here.write(b"data")
    wire.here.abortConnection()
    wire.there.abortConnection()
    wire.pump()
    assert wire.far.data == b""
    assert [type(reason) for reason in wire.near.reasons] == [ConnectionAborted]
    assert [type(reason) for reason in wire.far.reasons] == [ConnectionLost]


def test_a_push_producer_is_held_back() -> None:
    wire = Wire()
    producer = Producer(wire.here)
    wire.here.registerProducer(producer, True)
    with pytest.raises(RuntimeError):
        wire.here.registerProducer(producer, True)
    wire.here.write(b"x" * 100_000)
    wire.here.write(b"x")
    assert producer.told == ["pause"]
    wire.pump()
    assert producer.told == ["pause", "resume"]
    wire.here.loseConnection()
    wire.pump()
    assert wire.near.reasons == []  # the producer first
    wire.here.unregisterProducer()
    wire.pump()
    assert wire.near.reasons


def test_a_pull_producer_is_asked() -> None:
    wire = Wire()
    producer = Producer(wire.here, b"piece")
    wire.here.registerProducer(producer, False)
    assert producer.told == ["resume"]
    wire.there.pauseProducing()
    wire.pump()
    assert producer.told == ["resume"]
    producer.last = 10
    wire.there.resumeProducing()
    wire.pump()
    assert wire.far.data == b"piece" * 10


def test_a_producer_is_stopped_when_it_is_lost() -> None:
    wire = Wire()
    producer, late = Producer(wire.here), Producer(wire.here)
    wire.here.registerProducer(producer, True)
    wire.here.abortConnection()
    wire.pump()
    assert producer.told == ["stop"]
    wire.here.registerProducer(late, True)
    assert late.told == ["stop"]


def test_addresses() -> None:
    wire = Wire()
    assert wire.here.getPeer() != wire.here.getHost()
    wire.here.setTcpNoDelay(True)
