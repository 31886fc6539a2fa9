"""Sending: every state with every input, and whether the upstream's time runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectionDone,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers

from tests.web.far import Far
from txmultipart import MisuseError, RawBody, UpstreamFailed, UpstreamTimeout
from txmultipart.http2 import HTTP2Error
from txmultipart.web.onward import State as OnwardState
from txmultipart.web.sending import Sending, State, Stopping

SECONDS = 10.0


class Response:
    """A head; nobody asks for the body."""

    code = 200
    phrase = b"OK"
    headers = Headers()


class Agent:
    """One whose answer a test decides about."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.answer: Deferred[Any] = Deferred(self._cancel)
        self.raises: Exception | None = None
        #: What it fails with when it is cancelled, if that is no CancelledError.
        self.last_word: Exception | None = None

    def _cancel(self, _: object) -> None:
        self.cancelled += 1
        if self.last_word is not None:
            self.answer.errback(self.last_word)

    def request(self, *_: object) -> Deferred[Any]:
        if self.raises is not None:
            raise self.raises
        return self.answer


class Case:
    """One in a given state; ``turn`` is whose turn it is with the body."""

    def __init__(self, state: State) -> None:
        self.clock, self.agent = Clock(), Agent()
        self.sending = Sending(self.clock, SECONDS, RawBody(b"content"))
        self.asked: Deferred[Any] | None = None
        self.misused = False
        for step in REACH[state]:
            INPUTS[step](self)
        assert self.sending.state is state
        self.agent.cancelled, self.misused = 0, False

    def ask(self) -> None:
        agent: Any = self.agent
        asking = self.sending.ask(agent, b"PUT", b"http://a/", Headers())
        asked: Deferred[Any] = Deferred.fromCoroutine(asking)
        asked.addErrback(self._failed)
        self.asked = self.asked or asked

    def _failed(self, failure: Any) -> Any:
        if failure.check(MisuseError):
            self.misused = True
        else:
            assert failure.check(UpstreamFailed, CancelledError, Stopping)
        return failure.value

    def turn(self, state: OnwardState) -> None:
        onward: Any = self.sending._onward
        onward._become(state)

    def answered(self) -> None:
        if not self.agent.answer.called:
            self.agent.answer.callback(Response())

    def failed(self) -> None:
        if not self.agent.answer.called:
            self.agent.answer.errback(ZeroDivisionError())

    def cancel(self) -> None:
        if self.asked is not None:
            self.asked.cancel()

    def raised(self) -> None:
        self.agent.raises = ZeroDivisionError()
        self.ask()

    @property
    def left(self) -> float | None:
        """Seconds that the upstream has; None if its time does not run."""
        calls = self.clock.getDelayedCalls()
        assert len(calls) <= 1
        return calls[0].getTime() - self.clock.seconds() if calls else None


INPUTS: dict[str, Callable[[Case], None]] = {
    "ask": Case.ask,
    "ask, which fails": Case.raised,
    "upstream's turn": lambda case: case.turn(OnwardState.HELD),
    "sender's turn": lambda case: case.turn(OnwardState.SENDING),
    "time": lambda case: case.clock.advance(SECONDS),
    "cancel": Case.cancel,
    "give up": lambda case: case.sending.give_up(),
    "answered": Case.answered,
    "failed": Case.failed,
}

REACH: dict[State, list[str]] = {
    State.READY: [],
    State.UPSTREAMS: ["ask"],
    State.SENDERS: ["ask", "sender's turn"],
    State.LATE: ["ask", "time"],
    State.GONE: ["ask", "cancel"],
    State.GIVEN_UP: ["ask", "give up"],
    State.OVER: ["ask", "answered"],
}

#: Those in which the request to the upstream was cancelled.
ABORTED = (State.LATE, State.GONE, State.GIVEN_UP)

#: What is not here stays as it is.
TABLE: dict[tuple[State, str], State] = {
    (State.READY, "ask"): State.UPSTREAMS,
    (State.READY, "ask, which fails"): State.OVER,
    (State.UPSTREAMS, "sender's turn"): State.SENDERS,
    (State.UPSTREAMS, "time"): State.LATE,
    (State.UPSTREAMS, "cancel"): State.GONE,
    (State.UPSTREAMS, "give up"): State.GIVEN_UP,
    (State.SENDERS, "cancel"): State.GONE,
    (State.SENDERS, "give up"): State.GIVEN_UP,
    (State.UPSTREAMS, "answered"): State.OVER,
    (State.UPSTREAMS, "failed"): State.OVER,
    (State.SENDERS, "upstream's turn"): State.UPSTREAMS,
    (State.SENDERS, "answered"): State.OVER,
    (State.SENDERS, "failed"): State.OVER,
}


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("state", State)
def test_every_state_with_every_input(state: State, given: str) -> None:
    case = Case(state)
    if state is State.READY and given in ("answered", "failed"):
        given = "time"  # nothing was asked that could be answered
    INPUTS[given](case)
    assert case.sending.state is TABLE.get((state, given), state)
    assert case.misused is (given.startswith("ask") and state is not State.READY)
    ended = case.sending.state is not state
    assert case.agent.cancelled == (ended and case.sending.state in ABORTED)
    runs = case.sending.state is State.UPSTREAMS
    assert case.left == (SECONDS if runs else None)


def test_the_time_begins_anew() -> None:
    case = Case(State.UPSTREAMS)
    case.clock.advance(SECONDS - 1)
    case.turn(OnwardState.SENT)
    assert case.left == SECONDS


def test_it_may_be_the_senders_turn_from_the_start() -> None:
    case = Case(State.READY)
    case.turn(OnwardState.SENDING)
    case.ask()
    assert case.sending.state is State.SENDERS
    case.turn(OnwardState.HELD)
    assert case.left == SECONDS


def test_without_a_body_it_is_the_upstreams_turn() -> None:
    clock, agent = Clock(), Agent()
    sending = Sending(clock, SECONDS, None)
    typed: Any = agent
    asking = sending.ask(typed, b"GET", b"http://a/", Headers())
    asked: Deferred[Any] = Deferred.fromCoroutine(asking)
    assert sending.state is State.UPSTREAMS
    clock.advance(SECONDS)
    assert agent.cancelled == 1
    outcome: list[Any] = []
    asked.addErrback(outcome.append)
    (failure,) = outcome
    assert failure.check(UpstreamTimeout)
    sending.stop()


@pytest.mark.parametrize("state", [State.UPSTREAMS, State.SENDERS])
@pytest.mark.parametrize(
    "last_word", [None, DNSLookupError("while it was looked up"), UpstreamFailed("x")]
)
def test_cancelling_is_no_fault_of_the_upstream(
    last_word: Exception | None, state: State
) -> None:
    case = Case(state)
    case.agent.last_word = last_word
    assert case.asked is not None
    case.asked.cancel()
    assert case.sending.state is State.GONE
    assert case.left is None
    assert isinstance(case.asked.result, CancelledError)


@pytest.mark.parametrize("last_word", [None, DNSLookupError("while it was looked up")])
def test_giving_up_is_told_as_such(last_word: Exception | None) -> None:
    case = Case(State.UPSTREAMS)
    case.agent.last_word = last_word
    assert case.asked is not None
    case.sending.give_up()
    assert isinstance(case.asked.result, Stopping)
    assert case.asked.result.http_status == 503


class Stubborn:
    """An agent whose requests end some time after they were cancelled."""

    def __init__(self) -> None:
        self.later: Deferred[Any] = Deferred()

    def request(self, *_: object) -> Deferred[Any]:
        asked: Deferred[Any] = Deferred()
        return asked.addErrback(lambda _: self.later)


@pytest.mark.parametrize("result", [Failure(ZeroDivisionError()), "an answer"])
def test_what_comes_when_nobody_waits_is_dropped(
    result: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    closing = type("Closing", (), {"close": lambda self: closed.append(self)})
    monkeypatch.setattr(
        "txmultipart.web.sending.BodyReader.from_response", lambda _: closing()
    )
    agent: Any = Stubborn()
    sending = Sending(Clock(), SECONDS, None)
    asking = sending.ask(agent, b"GET", b"http://a/", Headers())
    asked: Deferred[Any] = Deferred.fromCoroutine(asking)
    outcome: list[Any] = []
    asked.addErrback(outcome.append)
    asked.cancel()
    (failure,) = outcome
    assert failure.check(CancelledError)
    agent.later.callback(result)
    assert len(closed) == (result == "an answer")


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (ValueError("two lengths"), "what it answered is no HTTP"),
        (ParseError("wrong number of parts", b"SSH"), "what it answered is no HTTP"),
        (ConnectionDone(), "it closed the connection before its answer was whole"),
        (ConnectionRefusedError(), "Connection was refused by other side"),
        (ZeroDivisionError(), "ZeroDivisionError"),
    ],
)
async def test_reasons(cause: Exception, reason: str) -> None:
    case = Case(State.UPSTREAMS)
    case.agent.answer.errback(ResponseFailed([Failure(cause)]))
    assert case.asked is not None
    failed: Any = case.asked.result
    assert failed.message == f"the upstream failed: {reason}"


def test_a_body_before_its_head() -> None:
    """HTTP/2: the reason says what the server did, and not something about a length."""
    far = Far()
    asked = far.ask()
    far.end.data(1, b"content")
    assert isinstance(asked.reason, HTTP2Error)
    assert str(asked.reason) == "a body before its head"
    far.close()
