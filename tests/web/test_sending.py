"""Sending: every state with every input, and whether the upstream's time runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.web.http_headers import Headers

from txmultipart import MisuseError, RawBody, UpstreamFailed, UpstreamTimeout
from txmultipart.web.onward import State as OnwardState
from txmultipart.web.sending import Sending, State

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

    def _cancel(self, _: object) -> None:
        self.cancelled += 1

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
            assert failure.check(UpstreamFailed, CancelledError)
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
    "answered": Case.answered,
    "failed": Case.failed,
}

REACH: dict[State, list[str]] = {
    State.READY: [],
    State.UPSTREAMS: ["ask"],
    State.SENDERS: ["ask", "sender's turn"],
    State.LATE: ["ask", "time"],
    State.OVER: ["ask", "answered"],
}

#: What is not here stays as it is.
TABLE: dict[tuple[State, str], State] = {
    (State.READY, "ask"): State.UPSTREAMS,
    (State.READY, "ask, which fails"): State.OVER,
    (State.UPSTREAMS, "sender's turn"): State.SENDERS,
    (State.UPSTREAMS, "time"): State.LATE,
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
    assert case.agent.cancelled == ((state, given) == (State.UPSTREAMS, "time"))
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


def test_cancelling_is_no_fault_of_the_upstream() -> None:
    case = Case(State.UPSTREAMS)
    assert case.asked is not None
    case.asked.cancel()
    assert case.sending.state is State.OVER
    assert case.left is None
    assert isinstance(case.asked.result, CancelledError)
