"""A server that breaks the protocol: one failure, of Twisted's types, at each request.

The rules and what a connection does about them are in ``tests.http2``; here is what an
``Agent`` hears of it, in memory for every rule, and on sockets for one of each kind. That
nothing is left, no socket, no timer and no stream, is asked after each.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_twisted
from hpack import Decoder, Encoder
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.web.client import (
    Agent,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
    readBody,
)

from tests.http2.client import Field
from tests.http2.server import OK, Server
from tests.http2.test_client_floods import FLOODS
from tests.http2.test_client_rfc9113 import BAD_ORDER, BEGIN, BROKEN, HEAD, MALFORMED
from tests.web.far import Asked, Far
from tests.web.test_response import Taker
from txmultipart import HTTP2ConnectionPool
from txmultipart.body.producer import RawBody
from txmultipart.http2 import ConnectionTerminated, StreamReset
from txmultipart.http2.frames import PREFACE, frame, goaway, parse_head
from txmultipart.web.exchange import RequestNotProcessed

REFUSED, HTTP_1_1_REQUIRED = 0x7, 0xD

#: Longer than the first window: it is not out when the answer comes.
LONG = 100_000


def never(far: Far) -> tuple[Asked, Asked]:
    """A request that is answered badly, and its neighbour, on stream 3."""
    return far.ask("bad", b"PUT", RawBody(bytes(LONG))), far.ask("other")


def failure_of(asked: Asked) -> Any:
    """What it failed with, before or after its head came."""
    if asked.response is not None:
        taker = Taker()
        asked.response.deliverBody(taker)
        assert isinstance(taker.reason, ResponseFailed)
        assert taker.reason.response is asked.response
        return taker.reason
    assert asked.failure.check(
        RequestTransmissionFailed, ResponseNeverReceived, RequestNotProcessed
    )
    return asked.error


def inside(error: Any) -> Any:
    """What has really happened."""
    (reason,) = error.reasons
    return reason.value


def check_reset(bad: Callable[[Server], object]) -> None:
    """The stream is reset, and nothing else suffers."""
    far = Far()
    asked, other = never(far)
    far.end.greet()
    bad(far.end)
    far.advance(0)
    error = inside(failure_of(asked))
    assert isinstance(error, StreamReset)
    assert not error.remote
    assert other.is_open
    far.end.answer(3, end=True)
    assert other.response.code == 200
    far.close()


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("given", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_head(given: list[Field], end: bool) -> None:
    check_reset(lambda server: server.send(server.head(1, given, end=end)))


@pytest.mark.parametrize("bad", BAD_ORDER, ids=lambda bad: str(bad.__name__))
def test_a_malformed_answer(bad: Any) -> None:
    check_reset(bad)


def check_lost(far: Far, asked: Asked, other: Asked) -> None:
    """The connection is lost; the neighbour goes to another, since it has no body."""
    far.ends[0].lose()
    assert isinstance(inside(failure_of(asked)), ConnectionTerminated)
    again = far.ask("again")
    for number in far.ends[1].open_requests:
        far.ends[1].answer(number, end=True)
    assert (other.response.code, again.response.code) == (200, 200)
    assert len(far.ends) == 2
    far.close()


#: After this the answer is whole: it is good, whatever becomes of the connection.
WHOLE = "5.1-closed-continuation"


@pytest.mark.parametrize("name", [n for n in BROKEN if n != WHOLE])
def test_a_broken_connection(name: str) -> None:
    far = Far()
    # A short body, so that its window is as the rules have it.
    asked, other = far.ask("bad", b"PUT", RawBody(b"x")), far.ask("other")
    far.end.has_greeted = True  # what is sent says it, or does not
    far.end.raw(BROKEN[name][0])
    check_lost(far, asked, other)


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood(flood: bytes) -> None:
    far = Far()
    asked, other = never(far)
    end = far.end.greet().answer(1).answer(3, end=True)
    sent = 0
    while not end.is_closed and sent < 32 << 20:
        end.raw(flood * 200)
        sent += len(flood) * 200
        end.seen.clear()
    check_lost(far, asked, other)


def test_a_head_that_unpacks_to_too_much() -> None:
    far = Far()
    asked, other = never(far)
    far.end.greet()
    far.end.send(far.end.head(1, [*OK, *[("x", "y" * 4000)] * 900]))
    check_lost(far, asked, other)


def test_interim_answers_without_end() -> None:
    def flood(server: Server) -> None:
        for _ in range(1001):
            server.answer(1, 103, ("link", "</a>"))

    check_reset(flood)


@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize("code", [*range(REFUSED), *range(8, HTTP_1_1_REQUIRED), 99])
def test_every_code_of_a_reset(code: int, head: bool) -> None:
    far = Far()
    asked, other = never(far)
    far.end.greet()
    if head:
        far.end.answer(1)
    far.end.reset(1, code)
    error = inside(failure_of(asked))
    assert isinstance(error, StreamReset)
    assert (error.error_code, error.remote) == (code, True)
    far.end.answer(3, end=True)
    assert other.response.code == 200
    far.close()


@pytest.mark.parametrize("code", [*range(HTTP_1_1_REQUIRED), 99])
def test_every_code_of_a_goaway(code: int) -> None:
    far = Far()
    asked, other = never(far)
    end = far.end.greet().leave(1, code)
    assert other.is_open, "nothing was done about it, so it was sent again"
    if not asked.failure:
        end.lose()
    failure_of(asked)
    far.ends[1].answer(1, end=True)
    assert other.response.code == 200
    far.close()


# On sockets -----------------------------------------------------------------------------


class Raw(Protocol):
    """Greets, answers ``/good``, and does what the factory has to say to ``/bad``."""

    factory: Any

    def connectionMade(self) -> None:
        self._held, self._decoder = b"", Decoder()
        self.factory.made += 1
        self.factory.open.add(self)

    def dataReceived(self, data: bytes) -> None:
        self._held += data
        if self._held.startswith(PREFACE):
            self._held = self._held[len(PREFACE) :]
        while len(self._held) >= 9:
            head = parse_head(self._held)
            if len(self._held) < 9 + head.length:
                return
            payload = self._held[9 : 9 + head.length]
            self._held = self._held[9 + head.length :]
            if head.kind == 1:
                self._asked(head.stream_id, payload)

    def _asked(self, stream_id: int, block: bytes) -> None:
        fields: Any = self._decoder.decode(block)
        if (":path", "/good") in fields:
            self.write(BEGIN + frame(1, 5, stream_id, b"\x88"))
        else:
            self.factory.bad(self, stream_id)

    def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.open.discard(self)
        if not self.factory.open and self.factory.empty is not None:
            self.factory.empty.callback(None)


Bad = Callable[[Raw, int], object]


class RawFactory(Factory):
    """Counts its connections."""

    protocol = Raw

    def __init__(self) -> None:
        self.made = 0
        self.open: set[Raw] = set()
        self.empty: Deferred[None] | None = None
        self.port = 0
        self.bad: Bad = nothing


@pytest_twisted.async_yield_fixture
async def raw() -> AsyncIterator[RawFactory]:
    factory = RawFactory()
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port = await endpoint.listen(factory)
    factory.port = port.getHost().port
    yield factory
    await port.stopListening()


def nothing(server: Raw, stream_id: int) -> None:
    """The server is silent."""


def refuses(server: Raw, stream_id: int) -> None:
    """It is busy, as often as it is asked."""
    server.write(BEGIN + frame(3, 0, stream_id, bytes(3) + b"\7"))


def says(data: bytes) -> Bad:
    return lambda server, _: server.write(BEGIN + data)


def then_closes(data: bytes) -> Bad:
    def close(server: Raw, _: int) -> None:
        server.write(data)
        assert server.transport is not None
        server.transport.loseConnection()

    return close


def then_aborts(data: bytes) -> Bad:
    def abort(server: Raw, _: int) -> None:
        server.write(data)
        server.transport.abortConnection()  # type: ignore[union-attr]

    return abort


def head_of(given: list[Field]) -> bytes:
    return frame(1, 4, 1, Encoder().encode(given))


LENGTH = head_of([*OK, ("content-length", "5")])

#: What goes wrong, whether its connection lives.
KINDS: dict[str, tuple[Bad, bool]] = {
    "bad status": (says(head_of([(":status", "20")])), True),
    "interim flood": (says(head_of([(":status", "103")]) * 1001), True),
    "push": (says(frame(5, 4, 1, b"\0\0\0\2\x82")), False),
    "settings flood": (says(frame(4, 0, 0) * 1100), False),
    "settings of a bad size": (says(frame(4, 0, 0, b"x")), False),
    "too long": (says(LENGTH + frame(0, 1, 1, b"123456")), True),
    "too short": (says(LENGTH + frame(0, 1, 1, b"1234")), True),
    "header bomb": (says(head_of([*OK, *[("x", "y" * 4000)] * 900])), False),
    "bad block": (says(frame(1, 4, 1, b"\xff" * 6)), False),
    "no http2": (then_closes(b"HTTP/1.1 400 Bad Request\r\n\r\n"), False),
    "reset": (says(frame(3, 0, 1, bytes(3) + b"\2")), True),
    "reset in the body": (says(HEAD + frame(3, 0, 1, bytes(3) + b"\2")), True),
    "refused": (refuses, True),
    "goaway": (then_closes(BEGIN + goaway(1, 2)), False),
    "goaway, nothing done": (then_closes(BEGIN + goaway(0, 0)), False),
    "closed at once": (then_closes(b""), False),
    "closed after settings": (then_closes(BEGIN), False),
    "closed in a frame": (then_closes(BEGIN + HEAD[:7]), False),
    "closed after the head": (then_closes(BEGIN + HEAD), False),
    "closed in the body": (then_closes(BEGIN + LENGTH + frame(0, 0, 1, b"1")), False),
    "cut at once": (then_aborts(b""), False),
    "cut in the body": (then_aborts(BEGIN + HEAD + frame(0, 0, 1, b"1")), False),
}


@pytest.mark.parametrize("body", [None, bytes(LONG)], ids=["get", "put"])
@pytest.mark.parametrize(("bad", "lives"), KINDS.values(), ids=KINDS.keys())
async def test_on_sockets(raw: Any, bad: Any, lives: bool, body: Any) -> None:
    raw.bad = bad
    pool = HTTP2ConnectionPool(reactor, h2c=True)
    agent = Agent(reactor, pool=pool)
    url = b"http://127.0.0.1:%d/" % raw.port
    sent = None if body is None else RawBody(iter([body]))
    method = b"GET" if body is None else b"PUT"
    with pytest.raises(
        (
            ResponseFailed,
            ResponseNeverReceived,
            RequestTransmissionFailed,
            RequestNotProcessed,
        )
    ):
        await readBody(await agent.request(method, url + b"bad", None, sent))
    made = raw.made
    response = await agent.request(b"GET", url + b"good")
    assert response.code == 200
    assert raw.made == made if lives else raw.made == made + 1
    await pool.closeCachedConnections()
    await emptied(raw)
    gc.collect()
    assert all(origin.is_unused for origin in pool._origins.values())


async def emptied(raw: RawFactory) -> None:
    """All connections are closed."""
    if raw.open:
        raw.empty = Deferred()
        await raw.empty
