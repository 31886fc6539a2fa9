"""Patience: whose turn it is, and how long it may last."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from txmultipart.app.patience import GaveUp, Patience
from txmultipart.body.producer import State

STALL, MOST = 8.0, 100.0


class Body:
    """As much of a ``BodyProducer`` as is looked at."""

    def __init__(self, state: State) -> None:
        self.state, self.sent = state, 0


class Case:
    """Waiting for something that a test decides about."""

    def __init__(
        self, state: State = State.DONE, *, stall: float = STALL, most: float = 0
    ) -> None:
        self.clock, self.body = Clock(), Body(state)
        self.patience = Patience(self.clock, self.body, stall_time=stall, max_time=most)
        self.waiting: Deferred[Any] = Deferred()
        self.waiting.addErrback(lambda failure: self.cancelled(failure))
        self.outcome: list[Any] = []
        bearing = Deferred.fromCoroutine(self.patience.bear(self.waiting))
        bearing.addBoth(self.outcome.append)

    def cancelled(self, failure: Any) -> Any:
        """What then comes of it."""
        return failure

    def pass_by(self, seconds: float) -> None:
        """In steps as small as those of a clock."""
        self.clock.pump([0.5] * int(seconds * 2))

    def ended(self) -> Any:
        """With what; and no timer is left."""
        assert not self.clock.getDelayedCalls()
        (outcome,) = self.outcome
        return outcome


def test_what_comes_in_time() -> None:
    case = Case(most=MOST)
    case.pass_by(STALL - 1)
    case.waiting.callback("answer")
    assert case.ended() == "answer"
    assert case.patience.gave_up is None


def test_what_fails_by_itself() -> None:
    case = Case()
    case.waiting.errback(ZeroDivisionError())
    assert case.ended().check(ZeroDivisionError)


@pytest.mark.parametrize("state", [s for s in State if s is not State.PRODUCING])
def test_a_server_that_does_nothing(state: State) -> None:
    case = Case(state)
    case.pass_by(STALL - 1)
    assert not case.outcome
    case.pass_by(2)
    failure = case.ended()
    assert failure.check(GaveUp)
    assert str(failure.value) == "the server did nothing for 8 seconds (--stall-time)"
    assert case.patience.gave_up is failure.value


def test_our_own_turn_may_last() -> None:
    case = Case(State.PRODUCING)
    case.pass_by(STALL * 5)
    assert not case.outcome
    case.body.state = State.PAUSED
    case.pass_by(STALL + 2)
    assert case.ended().check(GaveUp)


def test_each_piece_that_is_taken_counts() -> None:
    case = Case(State.PAUSED)
    for _ in range(5):
        case.pass_by(STALL - 2)
        case.body.sent += 1
    assert not case.outcome
    case.pass_by(STALL + 2)
    assert case.ended().check(GaveUp)


def test_each_piece_of_the_answer_counts() -> None:
    case = Case()
    for _ in range(5):
        case.pass_by(STALL - 2)
        case.patience.heard()
    assert not case.outcome
    case.waiting.callback(None)
    assert case.ended() is None


@pytest.mark.parametrize("stall", [0, STALL])
def test_all_of_it_took_too_long(stall: float) -> None:
    case = Case(State.PRODUCING, stall=stall, most=MOST)
    case.pass_by(MOST - 1)
    assert not case.outcome
    case.pass_by(1)
    failure = case.ended()
    assert str(failure.value) == "it was not done after 100 seconds (--max-time)"


def test_without_bounds() -> None:
    case = Case(stall=0)
    assert not case.clock.getDelayedCalls()
    case.waiting.callback("answer")
    assert case.ended() == "answer"


def test_what_is_given_all_the_same_counts() -> None:
    """A refusal of which only the rest is missing, for instance."""

    class Shown(Case):
        def cancelled(self, failure: Any) -> Any:
            return failure.trap(CancelledError) and 22

    case = Shown()
    case.pass_by(STALL + 2)
    assert case.ended() == 22
    assert isinstance(case.patience.gave_up, GaveUp)


def test_one_second_is_one() -> None:
    case = Case(stall=1)
    case.clock.pump([0.25] * 5)
    assert (
        str(case.ended().value) == "the server did nothing for 1 second (--stall-time)"
    )
