"""Progress of a raw body: bytes so far, bytes in all where that is known, the body."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from zope.interface import implementer

from tests.body.doubles import Outcome, Upstream, untimed
from tests.web.wire import CHUNKED, Wire, chunk, head, request_bytes
from txmultipart.body import delivery
from txmultipart.body.delivery import BodyReader, get_body, stored_body
from txmultipart.body.progress import INTERVAL, Progress
from txmultipart.body.sinks import MemorySink
from txmultipart.errors import UploadAborted
from txmultipart.interfaces import IStreamingResource
from txmultipart.web.answer import answer_with

Told = list[tuple[int, int | None, Any]]


class Broken(Exception):
    """What a callback in these tests breaks with."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which progress is told."""
    clock = Clock()

    def make(callback: Any, total: Any) -> Progress:
        return Progress(callback, total, seconds=clock.seconds)

    monkeypatch.setattr(delivery, "Progress", make)
    return clock


def told_by(body: BodyReader) -> Told:
    """What ``body`` tells from now on."""
    told: Told = []
    body.progress = lambda *call: told.append(call)
    return told


def test_it_is_throttled_and_told_at_the_end(clock: Clock) -> None:
    body = BodyReader(length=30)
    told, read = told_by(body), Outcome(body.read())
    for _ in range(30):
        body.write(b"x")
        clock.advance(INTERVAL / 10)
    body.unregisterProducer()
    counts = [count for count, _, _ in told]
    assert counts == pytest.approx([1, 11, 21, 30], abs=2)
    assert told[-1] == (30, 30, body)
    assert len(read.value) == body.received == 30


def test_it_is_told_of_a_body_that_is_here(clock: Clock) -> None:
    body = stored_body(io.BytesIO(b"abc"))
    told = told_by(body)
    body.unregisterProducer()
    assert told == [(0, 3, body)]


def test_what_breaks_off_has_no_last_word(clock: Clock) -> None:
    body = BodyReader(length=9)
    told = told_by(body)
    body.write(b"abc")
    body.fail(Failure(UploadAborted(3)))
    body.unregisterProducer()
    body.write(b"late")
    assert told == [(3, 9, body)]


def test_the_end_is_told_once(clock: Clock) -> None:
    body = BodyReader()
    told = told_by(body)
    for _ in range(2):
        body.unregisterProducer()
    assert told == [(0, None, body)]


@pytest.mark.parametrize("at_end", [False, True], ids=["in the middle", "at the end"])
def test_what_the_callback_raises_breaks_the_body(at_end: bool) -> None:
    def fall(count: int, total: int | None, what: Any) -> None:
        if count == 3 or at_end:
            raise Broken

    upstream, body = Upstream(), BodyReader(progress=None if at_end else fall)
    body.registerProducer(upstream, True)
    read = Outcome(body.read())
    body.write(b"abc")
    body.progress = fall
    body.unregisterProducer()
    body.write(b"more")
    assert isinstance(read.error, Broken)
    assert upstream.calls[-1] == "stop"


class Response:
    """As much of an ``IResponse`` as is looked at."""

    def __init__(self, length: Any) -> None:
        self.length = length
        self.headers = Headers()
        self.protocol: Any = None

    def deliverBody(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.makeConnection(Upstream())


@pytest.mark.parametrize(("length", "total"), [(5, 5), ("unknown", None)])
async def test_of_a_response(clock: Clock, length: Any, total: int | None) -> None:
    told: Told = []
    response: Any = Response(length)
    body = BodyReader.from_response(response, progress=lambda *call: told.append(call))
    read = body.read()
    response.protocol.dataReceived(b"ab")
    response.protocol.dataReceived(b"cde")
    response.protocol.connectionLost(Failure(ResponseDone()))
    assert await read == b"abcde"
    assert told == [(2, total, body), (5, total, body)]


def test_a_callback_of_a_response_that_raises_closes_its_connection() -> None:
    def fall(*call: Any) -> None:
        raise Broken

    response: Any = Response(9)
    body = BodyReader.from_response(response, progress=fall)
    read = Outcome(body.read())
    response.protocol.dataReceived(b"ab")
    assert response.protocol.transport.calls[-1] == "stop"
    response.protocol.connectionLost(Failure(ResponseDone()))
    assert isinstance(read.error, Broken)


@implementer(IStreamingResource)
class Put(Resource):
    """Takes a body, and keeps what it was told of it."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.told: Told = []

    def render_PUT(self, request: Any) -> int:
        return answer_with(request, self._put(request))

    async def _put(self, request: Any) -> bytes:
        body = get_body(request, progress=lambda *call: self.told.append(call))
        assert get_body(request) is body
        return b"%d" % await body.write_to(MemorySink(1 << 20))


def test_of_a_request(clock: Clock) -> None:
    resource = Put()
    wire = Wire(resource).send(request_bytes("PUT", "/", b"x" * 1000))
    assert wire.answer.body == b"1000"
    assert [call[:2] for call in resource.told] == [(1000, 1000), (1000, 1000)]


async def test_of_a_request_that_is_stored(clock: Clock) -> None:
    body = stored_body(io.BytesIO(b"x" * 200_000))
    told = told_by(body)
    assert await body.write_to(MemorySink(1 << 20)) == 200_000
    assert [count for count, _, _ in told] == [65536, 200_000]
    assert {total for _, total, _ in told} == {200_000}


def test_of_a_request_of_unknown_length(clock: Clock) -> None:
    resource = Put()
    wire = Wire(resource).send(head("PUT", "/", CHUNKED))
    for _ in range(3):
        wire.send(chunk(b"x" * 10))
        clock.advance(INTERVAL)
    wire.send(chunk(b""))
    assert wire.answer.body == b"30"
    totals = [call[:2] for call in resource.told]
    assert totals == [(10, None), (20, None), (30, None), (30, None)]


ACTS: dict[str, Callable[[BodyReader], object]] = {
    "nothing": lambda body: None,
    "end": BodyReader.unregisterProducer,
    "fail": lambda body: body.fail(Failure(Broken())),
    "raise": lambda body: body.fail(Failure(Broken())) and 1 / 0,
    "pause": BodyReader.pauseProducing,
    "resume": BodyReader.resumeProducing,
    "stop": BodyReader.stopProducing,
    "write": lambda body: body.write(b"+"),
}


@untimed
@given(
    st.lists(st.binary(max_size=3), max_size=5),
    st.sampled_from(sorted(ACTS)),
    st.integers(1, 4),
)
def test_whoever_is_told_may_do_anything(
    pieces: list[bytes], name: str, at: int
) -> None:
    calls = 0

    def act(*call: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            ACTS[name](body)

    body = BodyReader(progress=act)
    body._progress = Progress(act, None, interval=0)
    read = Outcome(body.read())
    for piece in pieces:
        body.write(piece)
    body.unregisterProducer()
    body.resumeProducing()
    assert len(read.results) == 1
