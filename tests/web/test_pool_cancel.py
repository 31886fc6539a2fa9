"""Cancelled, lost or answered at every moment: nothing is left, and others go on."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.web.client import (
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
    readBody,
)
from twisted.web.resource import Resource

from tests.web.test_response import Taker
from txmultipart import FormData, MultipartReader, MultipartResource
from txmultipart.body.producer import RawBody
from txmultipart.body.writer import MultipartWriter
from txmultipart.testing import InMemoryServer
from txmultipart.web.http1 import RequestNotSent

URL = b"http://example.test/"

FAILURES = (
    CancelledError,
    RequestNotSent,
    RequestTransmissionFailed,
    ResponseNeverReceived,
    ResponseFailed,
)


class Back(MultipartResource):
    """Gives the parts back."""

    isLeaf = True

    async def render_multipart(
        self, request: Any, reader: MultipartReader
    ) -> MultipartWriter:
        writer = MultipartWriter("mixed")
        async for part in reader:
            writer.append(await part.read())
        return writer


def upload() -> FormData:
    form = FormData()
    form.add_field("a", "1" * 300)
    form.add_file("b", [b"2" * 1000] * 5)
    return form


class Attempt:
    """One upload, and the delivery of what comes back."""

    def __init__(self, server: InMemoryServer) -> None:
        self.form = upload()
        self.outcome: Any = None
        self.taker: Taker | None = None
        self.done = server.agent.request(b"POST", URL, None, self.form)
        self.done.addBoth(self._came)

    def _came(self, outcome: Any) -> None:
        self.outcome = outcome
        if getattr(outcome, "code", None) == 200:
            self.taker = Taker()
            outcome.deliverBody(self.taker)

    @property
    def is_told(self) -> bool:
        """Whether the last word was said."""
        if self.taker is not None:
            return len(self.taker.reasons) == 1
        return self.outcome is not None

    def check_failure(self) -> None:
        """It failed, or not, in a way that others know."""
        if self.taker is not None:
            assert self.taker.reason
        else:
            assert isinstance(self.outcome.value, FAILURES)


class Steps(Clock):
    """A clock that can be stopped between two calls of one moment."""

    def step(self, count: int = 1) -> int:
        """Make so many calls that are due, at most; gives how many."""
        for made in range(count):
            if not self.calls or self.calls[0].getTime() > self.seconds():
                return made
            call = self.calls.pop(0)
            call.called = 1
            call.func(*call.args, **call.kw)
        return count


def check_nothing_left(server: InMemoryServer) -> None:
    server.run(server.pool.closeCachedConnections())
    gc.collect()
    server.pump()
    server.advance(5)
    assert all(client.lost for client, _ in server.connections)
    assert all(origin.is_unused for origin in server.pool._origins.values())
    left = [call for call in server.clock.getDelayedCalls() if call.active()]
    assert left == []


def make(protocol: str = "h2") -> InMemoryServer:
    root = Resource()
    root.putChild(b"", Back())
    return InMemoryServer(
        root, protocol=protocol, chunk=300, timeout=None, clock=Steps()
    )


def whole_time() -> int:
    """Turns until an upload is over."""
    server = make()
    attempt = Attempt(server)
    count = 0
    while not attempt.is_told:
        count += server.clock.step()
    return count


LAST = whole_time() + 1


@pytest.mark.parametrize("count", range(LAST))
def test_cancelled_at_every_moment(count: int) -> None:
    server = make()
    attempt, other = Attempt(server), Attempt(server)
    server.clock.step(count)
    attempt.done.cancel()
    if attempt.taker is not None:
        attempt.taker.transport.abortConnection()
    server.pump()
    assert attempt.is_told
    attempt.check_failure()
    assert other.taker is not None
    assert b"2" * 1000 in other.taker.data
    check_nothing_left(server)


@pytest.mark.parametrize("count", range(LAST))
@pytest.mark.parametrize("by_server", [True, False])
def test_lost_at_every_moment(count: int, by_server: bool) -> None:
    server = make()
    attempt = Attempt(server)
    server.clock.step(count)
    server.refuses = True
    for client, far in server.connections:
        (far if by_server else client).abortConnection()
    server.pump()
    assert attempt.is_told
    server.refuses = False
    again = Attempt(server)
    server.pump()
    assert again.taker is not None
    assert len(again.taker.data) > 5000
    check_nothing_left(server)


def test_dropped_at_every_moment() -> None:
    """Nobody has the request, or its response, any more."""
    for count in range(LAST):
        server = make()
        done = server.agent.request(b"POST", URL, None, upload())
        server.clock.step(count)
        del done
        gc.collect()
        server.pump()
        check_nothing_left(server)


ACTIONS = st.one_of(
    st.tuples(st.just("ask"), st.just(0)),
    st.tuples(st.just("step"), st.integers(1, 40)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("forget"), st.integers(0, 9)),
    st.tuples(st.just("break"), st.booleans()),
    st.tuples(st.just("leave"), st.just(0)),
    st.tuples(st.just("close"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([0.2, 300])),
)


@settings(max_examples=60, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=25))
def test_chaos(actions: list[tuple[str, Any]]) -> None:
    """Whatever is done, in whatever order: all is told, nothing is left."""
    server = make()
    attempts: list[Attempt] = []
    for name, value in actions:
        act(server, attempts, name, value)
    server.pump()
    server.advance(1)
    for attempt in attempts:
        assert attempt.is_told
        attempt.check_failure()
    check_nothing_left(server)


def act(server: InMemoryServer, attempts: list[Attempt], name: str, value: Any) -> None:
    """Do one thing of ``ACTIONS``."""
    if name == "ask":
        attempts.append(Attempt(server))
    elif name == "step":
        server.clock.step(value)
    elif name == "cancel" and value < len(attempts):
        attempts[value].done.cancel()
        if attempts[value].taker is not None:
            attempts[value].taker.transport.loseConnection()
    elif name == "forget" and value < len(attempts):
        del attempts[value]
        gc.collect()
    elif name == "break":
        for ends in server.connections:
            ends[value].abortConnection()
    elif name == "leave":
        for origin in server.pool._origins.values():
            for line in list(origin.lines):
                line.leave()
    elif name == "close":
        server.pool.closeCachedConnections()
    elif name == "wait":
        server.advance(value)


@settings(max_examples=30, deadline=None)
@given(
    parts=st.lists(st.binary(max_size=3000), max_size=5),
    known=st.booleans(),
    chunk=st.lists(st.integers(1, 5000), min_size=1, max_size=5),
)
def test_there_and_back(parts: list[bytes], known: bool, chunk: list[int]) -> None:
    """Writer, client, server, reader, writer, server, client, reader: the same bytes."""
    root = Resource()
    root.putChild(b"", Back())
    server = InMemoryServer(root, chunk=chunk, timeout=None)
    writer = MultipartWriter("mixed")
    for part in parts:
        writer.append(part if known else iter([part[:7], part[7:]]))

    async def there_and_back() -> list[bytes]:
        response = await server.agent.request(b"POST", URL, None, writer)
        assert response.code == 200
        reader = MultipartReader.from_response(response)
        return [await part.read() async for part in reader]

    assert server.run(there_and_back()) == parts
    check_nothing_left(server)


@settings(max_examples=20, deadline=None)
@given(size=st.integers(0, 200_000), chunk=st.integers(100, 70_000))
def test_any_size_of_body(size: int, chunk: int) -> None:
    root = Resource()
    root.putChild(b"", Count())
    server = InMemoryServer(root, chunk=chunk)

    async def ask() -> bytes:
        body = RawBody(b"x" * size)
        response = await server.agent.request(b"PUT", URL, None, body)
        answer: bytes = await readBody(response)
        return answer

    assert server.run(ask()) == b"%d" % size


class Count(Resource):
    """Answers with the length of the body."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        return b"%d" % len(request.content.read())
