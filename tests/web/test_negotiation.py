"""Negotiation: every state with every input."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IHandshakeListener, IProtocolNegotiationFactory
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived
from zope.interface.verify import verifyObject

from tests.http2.client import Pipe
from tests.web.far import SecurePipe
from txmultipart.web.negotiation import (
    InadequateSecurity,
    NegotiatingFactory,
    Negotiation,
    State,
)


class Speaker(Protocol):
    """Keeps what comes; ``name`` says what it speaks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.data = b""
        self.reasons: list[Failure] = []
        self.codes: list[int] = []

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reasons.append(reason)

    def fail(self, error_code: int) -> None:
        self.codes.append(error_code)


class Both:
    """Speaks both."""

    offers: list[bytes]

    def __init__(self, prior_knowledge: bool = False) -> None:
        self.offers = [b"h2", b"http/1.1"]
        self.prior_knowledge = prior_knowledge

    def http1(self, address: Any) -> Any:
        return Speaker("http1")

    def http2(self, transport: Any) -> Any:
        return Speaker("http2")


class Case:
    """A connection, which is made at once."""

    def __init__(
        self,
        transport: Any = None,
        *,
        prior_knowledge: bool = False,
        speakers: Any = None,
    ) -> None:
        self.clock = Clock()
        self.factory = NegotiatingFactory(
            speakers or Both(prior_knowledge),
            lambda call: self.clock.callLater(30, call),
        )
        self.transport = transport or SecurePipe(b"h2", None)
        self.protocol = self.factory.buildProtocol(None)
        self.outcome: list[Any] = []
        self.protocol.spoken.addBoth(self.outcome.append)
        self.protocol.makeConnection(self.transport)

    @property
    def speaker(self) -> Any:
        (speaker,) = self.outcome
        return speaker

    def in_state(self, state: State) -> Case:
        if state is State.SPEAKING:
            self.protocol.handshakeCompleted()
        elif state is State.LOST:
            self.protocol.connectionLost(Failure(ConnectionLost()))
        assert self.protocol.state is state
        return self


def test_it_is_what_it_says() -> None:
    case = Case()
    verifyObject(IProtocolNegotiationFactory, case.factory)
    verifyObject(IHandshakeListener, case.protocol)
    assert case.factory.acceptableProtocols() == [b"h2", b"http/1.1"]


@pytest.mark.parametrize("prior_knowledge", [True, False])
def test_in_the_clear(prior_knowledge: bool) -> None:
    case = Case(Pipe(), prior_knowledge=prior_knowledge)
    assert case.speaker.name == ("http2" if prior_knowledge else "http1")
    assert case.clock.getDelayedCalls() == []
    case.protocol.dataReceived(b"data")
    assert case.speaker.data == b"data"


@pytest.mark.parametrize(
    ("negotiated", "name"), [(b"h2", "http2"), (b"http/1.1", "http1"), (None, "http1")]
)
def test_on_tls(negotiated: bytes | None, name: str) -> None:
    case = Case(SecurePipe(negotiated, None))
    assert case.outcome == []
    case.protocol.handshakeCompleted()
    assert case.speaker.name == name
    case.protocol.dataReceived(b"data")
    case.protocol.connectionLost(Failure(ConnectionDone()))
    assert case.speaker.data == b"data"
    assert len(case.speaker.reasons) == 1


def test_a_transport_that_tells_of_no_handshake() -> None:
    case = Case()
    case.protocol.dataReceived(b"data")
    assert case.speaker.name == "http2"
    assert case.speaker.data == b"data"


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("what", ["handshake", "data", "lost", "late", "cancel"])
def test_every_state_with_every_input(state: State, what: str) -> None:
    case = Case().in_state(state)
    told = list(case.outcome)
    inputs: dict[str, Any] = {
        "handshake": case.protocol.handshakeCompleted,
        "data": lambda: case.protocol.dataReceived(b"data"),
        "lost": lambda: case.protocol.connectionLost(Failure(ConnectionLost())),
        "late": lambda: case.clock.advance(30),
        "cancel": case.protocol.spoken.cancel,
    }
    inputs[what]()
    if state is not State.OPENING:
        assert case.outcome == told
        assert case.protocol.state is state
    elif what in ("handshake", "data"):
        assert case.speaker.name == "http2"
    else:
        kinds = {
            "lost": ResponseNeverReceived,
            "late": ConnectTimeout,
            "cancel": CancelledError,
        }
        assert case.speaker.check(kinds[what])
        assert case.protocol.state.name == "LOST"
        assert case.transport.aborting == (what != "lost")
    if state is State.SPEAKING:
        assert (case.speaker.data == b"data") == (what == "data")
        assert len(case.speaker.reasons) == (1 if what == "lost" else 0)
    left = state is State.LOST or what in (
        "handshake",
        "data",
        "lost",
        "late",
        "cancel",
    )
    assert (case.clock.getDelayedCalls() == []) == left


def test_what_comes_after_it_was_given_up() -> None:
    case = Case()
    case.protocol.spoken.cancel()
    case.protocol.dataReceived(b"data")
    case.protocol.handshakeCompleted()
    case.protocol.connectionLost(Failure(ConnectionDone()))
    assert case.speaker.check(CancelledError)


def test_a_cipher_that_is_forbidden() -> None:
    case = Case(SecurePipe(b"h2", "AES128-SHA"))
    case.protocol.handshakeCompleted()
    assert case.speaker.check(InadequateSecurity)
    assert case.speaker.value.error_code == 0xC
    # The one that speaks says so, and hears of the end.
    case.protocol.dataReceived(b"late")
    case.protocol.connectionLost(Failure(ConnectionDone()))


def test_they_are_plain_protocols() -> None:
    assert isinstance(Case().protocol, Negotiation)


class Unable(Both):
    """Cannot make who speaks."""

    def http1(self, address: Any) -> Any:
        raise ValueError("no HTTP/1.1")

    def http2(self, transport: Any) -> Any:
        raise ValueError("no HTTP/2")


@pytest.mark.parametrize("negotiated", [b"h2", None])
def test_nobody_can_be_made_who_speaks(negotiated: bytes | None) -> None:
    case = Case(SecurePipe(negotiated, None), speakers=Unable())
    case.protocol.handshakeCompleted()
    assert case.speaker.check(ValueError)
    assert case.protocol.state is State.LOST
    assert case.transport.aborting
    assert case.clock.getDelayedCalls() == []
    # What comes after that has nobody to go to.
    case.protocol.dataReceived(b"late")
    case.protocol.connectionLost(Failure(ConnectionDone()))
    case.protocol.spoken.cancel()


def test_nobody_can_be_made_in_the_clear() -> None:
    case = Case(Pipe(), speakers=Unable())
    assert case.speaker.check(ValueError)
    assert case.transport.aborting
    case.protocol.connectionLost(Failure(ConnectionDone()))
