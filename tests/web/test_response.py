"""HTTP2Response: every state with every input, and what an ``IResponse`` promises."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Response, ResponseDone, ResponseFailed, readBody
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IClientRequest, IResponse
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txmultipart.web.response import BodyTransport, HTTP2Response, Stage


@implementer(IClientRequest)
class Asked:
    """A request, with more than others are to see."""

    method = b"GET"
    absoluteURI = b"https://example.test/"
    headers = Headers()
    bodyProducer = "secret"


class Source:
    """What a response takes its body from; keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.errors: list[Any] = []
        self.response: Any = None

    def take(self, response: HTTP2Response) -> None:
        self.response = response
        self.told.append("take")

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def give_up(self, reason: Failure) -> None:
        self.told.append("give up")
        self.errors.append(reason.value)


class Taker(Protocol):
    """Takes a body; ``at_once`` is done with the transport when it gets it."""

    transport: Any

    def __init__(self, *at_once: str, breaks: bool = False) -> None:
        self.data = b""
        self.reasons: list[Failure] = []
        self.at_once = at_once
        self.breaks = breaks

    def connectionMade(self) -> None:
        for name in self.at_once:
            getattr(self.transport, name)()

    def dataReceived(self, data: bytes) -> None:
        if self.breaks:
            raise ZeroDivisionError
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reasons.append(reason)

    @property
    def reason(self) -> Any:
        (reason,) = self.reasons
        return reason.value


def response(length: int | None = None, code: int = 200) -> tuple[Any, Source]:
    source = Source()
    fields = [(b"x-one", b"1"), (b"x-one", b"2"), (b"content-length", b"7")]
    return HTTP2Response(code, fields, length, Asked(), source), source


def test_it_is_a_response() -> None:
    made, _ = response()
    verifyObject(IResponse, made)
    assert made.version == (b"HTTP", 2, 0)
    assert (made.code, made.phrase) == (200, b"OK")
    assert made.headers.getRawHeaders("X-One") == ["1", "2"]
    assert made.headers.getRawHeaders("Content-Length") == ["7"]
    assert made.length is UNKNOWN_LENGTH
    assert list(made.trailers.getAllRawHeaders()) == []


def test_a_code_that_nobody_knows() -> None:
    assert response(code=299)[0].phrase == b""


def test_a_known_length() -> None:
    assert response(7)[0].length == 7
    assert response(0)[0].length == 0


def test_the_request_shows_only_what_its_interface_has() -> None:
    made, _ = response()
    verifyObject(IClientRequest, made.request)
    assert made.request.absoluteURI == b"https://example.test/"
    assert not hasattr(made.request, "bodyProducer")


def test_the_response_before() -> None:
    first, _ = response()
    second, _ = response()
    assert second.previousResponse is None
    second.setPreviousResponse(first)
    assert second.previousResponse is first


def test_delivered_while_it_comes() -> None:
    made, source = response()
    assert made.stage.name == "HELD"
    taker = Taker()
    made.deliverBody(taker)
    assert made.stage.name == "DELIVERING"
    assert source.told == ["take", "resume"]
    made.received(b"one")
    made.received(b"two")
    made.ended([(b"x-sum", b"6")])
    assert taker.data == b"onetwo"
    assert isinstance(taker.reason, ResponseDone)
    assert made.trailers.getRawHeaders("X-Sum") == ["6"]
    assert made.stage is Stage.DONE


@pytest.mark.parametrize("end", ["ended", "failed"])
def test_over_before_it_is_delivered(end: str) -> None:
    made, source = response(0)
    if end == "ended":
        made.ended([])
    else:
        made.failed([Failure(ConnectionLost())])
    assert made.stage.name == "HELD"
    taker = Taker()
    made.deliverBody(taker)
    assert source.told == []
    if end == "ended":
        assert isinstance(taker.reason, ResponseDone)
    else:
        assert isinstance(taker.reason, ResponseFailed)
        assert taker.reason.response is made
        assert taker.reason.reasons[0].check(ConnectionLost)
    assert made.stage is Stage.DONE


@pytest.mark.parametrize("stage", [Stage.DELIVERING, Stage.DONE])
def test_delivered_twice(stage: Stage) -> None:
    made, _ = response()
    made.deliverBody(Taker())
    if stage is Stage.DONE:
        made.ended([])
    with pytest.raises(RuntimeError):
        made.deliverBody(Taker())


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("what", ["received", "ended", "failed"])
def test_every_state_with_every_input(stage: Stage, what: str) -> None:
    made, _ = response()
    taker = Taker()
    if stage is not Stage.HELD:
        made.deliverBody(taker)
    if stage is Stage.DONE:
        made.ended([])
    arguments: dict[str, Any] = {
        "received": b"data",
        "ended": [],
        "failed": [Failure(ConnectionLost())],
    }
    getattr(made, what)(arguments[what])
    if stage is Stage.HELD:
        assert (made.stage, taker.data, taker.reasons) == (stage, b"", [])
    elif stage is Stage.DONE:
        assert (made.stage, taker.data, len(taker.reasons)) == (stage, b"", 1)
    elif what == "received":
        assert (made.stage, taker.data, taker.reasons) == (stage, b"data", [])
    else:
        assert made.stage is Stage.DONE
        kind = ResponseDone if what == "ended" else ResponseFailed
        assert isinstance(taker.reason, kind)


def test_the_first_end_counts() -> None:
    made, _ = response()
    made.ended([])
    made.failed([Failure(ConnectionLost())])
    taker = Taker()
    made.deliverBody(taker)
    assert isinstance(taker.reason, ResponseDone)


def test_a_taker_that_breaks() -> None:
    made, source = response()
    made.deliverBody(Taker(breaks=True))
    made.received(b"data")
    assert source.told == ["take", "resume", "give up"]
    assert isinstance(source.errors[0], ZeroDivisionError)


# Its transport --------------------------------------------------------------------------


def test_a_pause_before_there_is_a_body_holds() -> None:
    made, source = response()
    taker = Taker("pauseProducing")
    made.deliverBody(taker)
    assert source.told == ["take"]
    taker.transport.resumeProducing()
    taker.transport.pauseProducing()
    assert source.told == ["take", "resume", "pause"]


def test_paused_and_resumed_before_there_is_a_body() -> None:
    made, source = response()
    made.deliverBody(Taker("pauseProducing", "resumeProducing"))
    assert source.told == ["take", "resume"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("stopProducing", ConnectionDone),
        ("loseConnection", ConnectionDone),
        ("abortConnection", ConnectionAborted),
    ],
)
@pytest.mark.parametrize("early", [True, False])
def test_given_up(name: str, error: type[Exception], early: bool) -> None:
    made, source = response()
    taker = Taker(name) if early else Taker()
    made.deliverBody(taker)
    if not early:
        getattr(taker.transport, name)()
    getattr(taker.transport, name)()
    assert source.told.count("give up") == 1
    assert isinstance(source.errors[0], error)
    assert source.told.count("resume") == (0 if early else 1)
    assert taker.reasons == []  # that comes a little later, from the exchange


def test_ended_from_within_connection_made() -> None:
    made, source = response()

    class Ender(Taker):
        def connectionMade(self) -> None:
            made.ended([])

    ender = Ender()
    made.deliverBody(ender)
    assert isinstance(ender.reason, ResponseDone)
    assert source.told == []


def test_the_transport_is_a_producer() -> None:
    verifyObject(IPushProducer, BodyTransport(Source()))


def test_read_body_of_twisted() -> None:
    made, source = response()
    done = readBody(made)
    got: list[Any] = []
    done.addBoth(got.append)
    done.cancel()
    assert source.told[-1] == "give up"
    assert isinstance(source.errors[0], ConnectionAborted)
    made.failed([Failure(ConnectionAborted())])
    assert [failure.check(CancelledError) for failure in got] == [CancelledError]


def test_the_same_names_as_a_stock_response() -> None:
    """Whoever looks at a response of HTTP/1.1 finds the same here."""
    names = {name for name in dir(Response) if not name.startswith("_")}
    made, _ = response()
    assert names <= set(dir(made))
