"""PromptHTTP1: answers that come while the body is being sent, and what is no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseFailed
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from txmultipart import BodyReader, HTTP2ConnectionPool, LivePayload, RawBody
from txmultipart.web.http1 import PromptHTTP1

EARLY = b"HTTP/1.1 413 Too Much\r\nContent-Length: 10\r\n\r\n"


class Exchange:
    """A request whose body is live, on a connection in memory."""

    def __init__(self, body: Any = None) -> None:
        reactor = MemoryReactorClock()
        pool = HTTP2ConnectionPool(reactor)
        self.live = LivePayload()
        self.results: list[Any] = []
        asked = Agent(reactor, pool=pool).request(
            b"PUT", b"http://192.0.2.1/", None, body or RawBody(self.live)
        )
        asked.addBoth(self.results.append)
        self.asked = asked
        factory: Any = reactor.tcpClients[0][2]
        self.transport = StringTransport()
        self.protocol: Any = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.live.write(b"the beginning")
        self.come = self.protocol.dataReceived

    def lose(self, reason: Exception) -> None:
        """The connection goes, and takes its producer along, as one of TCP does."""
        producer, self.transport.producer = self.transport.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))


def test_the_pool_uses_it() -> None:
    exchange = Exchange()
    assert isinstance(exchange.protocol._wrappedProtocol, PromptHTTP1)
    exchange.lose(ConnectionDone())
    assert exchange.results[0].check(Exception)


def test_a_head_is_given_at_once_and_the_body_as_it_comes() -> None:
    exchange = Exchange()
    exchange.come(EARLY)
    (response,) = exchange.results
    assert response.code == 413
    told: list[Any] = []
    BodyReader.from_response(response).read().addBoth(told.append)
    exchange.come(b"too ")
    exchange.live.write(b"more of it")
    assert b"more of it" in exchange.transport.value()
    exchange.come(b"large.")
    assert told == [b"too large."]
    assert exchange.transport.disconnecting
    assert exchange.transport.producer is None  # TLS would wait for it
    assert exchange.live.closed
    exchange.lose(ConnectionDone())


@implementer(IBodyProducer)
class Body:
    """Never ends by itself, and can be sent again; keeps what it is told."""

    def __init__(
        self, length: Any = 100, ends: Callable[..., Any] | None = None
    ) -> None:
        self.length = length
        self.told: list[str] = []
        self.ends = ends
        self.done: Deferred[None] = Deferred()

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self.told.append("start")
        return self.done

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")
        if self.ends is not None:
            self.ends(self.done)


def test_the_same_body_may_be_sent_again_at_once() -> None:
    body = Body()
    exchange = Exchange(body)
    exchange.come(EARLY)
    done = BodyReader.from_response(exchange.results[0]).read()
    done.addCallback(lambda _: body.startProducing(StringTransport()))
    exchange.come(b"too large.")
    assert body.told == ["start", "stop", "start"]
    exchange.lose(ConnectionDone())
    assert body.told == ["start", "stop", "start"]


@pytest.mark.parametrize("length", [100, UNKNOWN_LENGTH], ids=str)
@pytest.mark.parametrize("fails", [False, True], ids=["ends", "fails"])
@pytest.mark.parametrize("answer", [b"200 OK\r\nContent-Length: 0", b"204 No Content"])
def test_a_producer_that_says_when_it_was_stopped(
    length: Any, fails: bool, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which it may not: the answer counts, and the connection is not used again."""
    quiet: Any = Logger(observer=lambda _: None)  # type: ignore[arg-type]
    monkeypatch.setattr(PromptHTTP1, "_log", quiet)

    def ends(done: Deferred[None]) -> None:
        done.errback(Failure(ZeroDivisionError())) if fails else done.callback(None)

    exchange = Exchange(Body(length, ends))
    exchange.come(b"HTTP/1.1 " + answer + b"\r\n\r\n")
    assert exchange.results[0].code in (200, 204)
    assert exchange.transport.disconnecting
    exchange.lose(ConnectionDone())


def test_a_consumer_that_raises() -> None:
    exchange = Exchange()
    exchange.come(b"HTTP/1.1 200 OK\r\n\r\n")

    class Raising(Protocol):
        lost: Any = None

        def dataReceived(self, data: bytes) -> None:
            raise ZeroDivisionError

        def connectionLost(self, reason: Failure = connectionDone) -> None:
            self.lost = reason

    raising = Raising()
    exchange.results[0].deliverBody(raising)
    exchange.come(b"some of it")
    exchange.lose(ConnectionDone())
    assert raising.lost is not None


def test_the_body_may_be_out_before_the_answer_is_whole() -> None:
    exchange = Exchange()
    exchange.come(EARLY)
    told: list[Any] = []
    BodyReader.from_response(exchange.results[0]).read().addBoth(told.append)
    exchange.live.finish()
    exchange.come(b"too large.")
    assert told == [b"too large."]
    exchange.lose(ConnectionDone())


@pytest.mark.parametrize("reason", [ConnectionDone(), ConnectionLost()])
def test_an_early_answer_that_breaks_off(reason: Exception) -> None:
    exchange = Exchange()
    exchange.come(EARLY + b"too ")
    told: list[Any] = []
    BodyReader.from_response(exchange.results[0]).read().addErrback(told.append)
    exchange.lose(reason)
    assert told[0].check(ResponseFailed)
    assert exchange.live.closed


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("reason", [ConnectionDone(), ConnectionLost()])
def test_an_early_answer_that_ends_with_the_connection(
    reason: Exception, before: bool, version: bytes
) -> None:
    exchange = Exchange()
    exchange.come(b"HTTP/" + version + b" 200 OK\r\n\r\nall ")
    (response,) = exchange.results
    told: list[Any] = []
    if before:
        BodyReader.from_response(response).read().addBoth(told.append)
    exchange.come(b"of it")
    exchange.lose(reason)
    if not before:
        BodyReader.from_response(response).read().addBoth(told.append)
    assert told == [b"all of it"]
    assert exchange.live.closed
    # What the body itself does not tell.
    lost = getattr(response, "lost", None)
    assert lost is (reason if isinstance(reason, ConnectionLost) else None)


@pytest.mark.parametrize("breaks", [True, False])
def test_it_ends_when_the_body_has_ended(breaks: bool) -> None:
    exchange = Exchange()
    exchange.come(b"HTTP/1.1 200 OK\r\n\r\nall of it")
    told: list[Any] = []
    BodyReader.from_response(exchange.results[0]).read().addBoth(told.append)
    if breaks:
        exchange.live.fail(ZeroDivisionError())
    else:
        exchange.live.finish()
    exchange.lose(ConnectionDone())
    assert told == [b"all of it"]


def test_an_early_answer_and_a_body_that_breaks() -> None:
    exchange = Exchange()
    exchange.come(EARLY)
    told: list[Any] = []
    BodyReader.from_response(exchange.results[0]).read().addErrback(told.append)
    exchange.live.fail(ZeroDivisionError())
    assert exchange.transport.disconnecting or exchange.transport.disconnected
    exchange.lose(ConnectionLost())
    assert told[0].check(ResponseFailed)


@pytest.mark.parametrize(
    "nonsense", [b"220 smtp.example.com ESMTP\r\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
def test_what_is_no_http(nonsense: bytes) -> None:
    exchange = Exchange()
    exchange.come(nonsense)
    assert exchange.results[0].check(ResponseFailed)
    assert exchange.transport.disconnecting
    exchange.lose(ConnectionDone())
    assert exchange.live.closed


def test_chunks_that_are_none_in_an_early_answer() -> None:
    exchange = Exchange()
    exchange.come(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    told: list[Any] = []
    BodyReader.from_response(exchange.results[0]).read().addErrback(told.append)
    exchange.come(b"not a number\r\n")
    assert told[0].check(ResponseFailed)
    exchange.lose(ConnectionDone())
    assert exchange.live.closed


def test_cancelled_before_the_answer() -> None:
    exchange = Exchange()
    exchange.asked.cancel()
    assert exchange.results[0].check(Exception)
    exchange.lose(ConnectionLost())
    assert exchange.live.closed


def test_an_answer_after_the_body_is_as_ever() -> None:
    exchange = Exchange()
    exchange.live.finish()
    exchange.come(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    told: list[Any] = []
    BodyReader.from_response(exchange.results[0]).read().addBoth(told.append)
    assert told == [b"ok"]
    assert not exchange.transport.disconnecting
    exchange.lose(ConnectionDone())
