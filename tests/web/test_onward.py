"""Onward: every state with every input, and whose turn it is in each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from txmultipart import MemorySink, MisuseError
from txmultipart.limits import UNLIMITED
from txmultipart.web.onward import Onward, State


class Body:
    """A body whose end a test decides about; it notes what it is told."""

    length = 17

    def __init__(self) -> None:
        self.told: list[str] = []
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


class Case:
    """One in a given state."""

    def __init__(self, state: State) -> None:
        self.body = Body()
        self.changes: list[State] = []
        self.onward = Onward(self.body, self.changes.append)
        for step in REACH[state]:
            INPUTS[step](self)
        assert self.onward.state is state
        self.body.told.clear()

    def start(self) -> None:
        done = self.onward.startProducing(MemorySink(UNLIMITED))
        done.addErrback(lambda reason: reason.trap(ZeroDivisionError))

    def written(self) -> None:
        if not self.body.done.called:
            self.body.done.callback(None)

    def broken(self) -> None:
        if not self.body.done.called:
            self.body.done.errback(ZeroDivisionError())


INPUTS: dict[str, Callable[[Case], None]] = {
    "start": Case.start,
    "pause": lambda case: case.onward.pauseProducing(),
    "resume": lambda case: case.onward.resumeProducing(),
    "written": Case.written,
    "broken": Case.broken,
    "stop": lambda case: case.onward.stopProducing(),
}

REACH = {
    State.READY: [],
    State.SENDING: ["start"],
    State.HELD: ["start", "pause"],
    State.SENT: ["start", "written"],
    State.BROKEN: ["start", "broken"],
    State.STOPPED: ["start", "stop"],
}

#: What an input leads to, and what the body is told; others change nothing.
TABLE: dict[tuple[State, str], tuple[State, list[str]]] = {
    (State.READY, "start"): (State.SENDING, ["start"]),
    (State.READY, "stop"): (State.STOPPED, []),
    (State.SENDING, "pause"): (State.HELD, ["pause"]),
    (State.SENDING, "written"): (State.SENT, []),
    (State.SENDING, "broken"): (State.BROKEN, []),
    (State.SENDING, "stop"): (State.STOPPED, ["stop"]),
    (State.HELD, "resume"): (State.SENDING, ["resume"]),
    (State.HELD, "written"): (State.SENT, []),
    (State.HELD, "broken"): (State.BROKEN, []),
    (State.HELD, "stop"): (State.STOPPED, ["stop"]),
}

#: The body has no end before it has begun.
CASES = [
    (state, name)
    for state in State
    for name in INPUTS
    if not (state is State.READY and name in ("written", "broken"))
]


@pytest.mark.parametrize(("state", "name"), CASES)
def test_every_state_with_every_input(state: State, name: str) -> None:
    case = Case(state)
    if name == "start" and state is not State.READY:
        with pytest.raises(MisuseError):
            case.onward.startProducing(MemorySink(UNLIMITED))
        expected: tuple[State, list[str]] = (state, [])
    else:
        INPUTS[name](case)
        expected = TABLE.get((state, name), (state, []))
    assert (case.onward.state, case.body.told) == expected
    assert case.changes[-1:] == ([expected[0]] if case.changes else [])


@pytest.mark.parametrize("state", State)
def test_whose_turn_it_is(state: State) -> None:
    senders = (State.SENDING, State.BROKEN)
    assert Case(state).onward.is_waiting_for_upstream == (state not in senders)


def test_why_it_broke() -> None:
    onward = Case(State.BROKEN).onward
    assert onward.failure is not None
    assert onward.failure.check(ZeroDivisionError)
    assert onward.length == 17
