"""Line: every state with every input."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.http2.client import Pipe
from txmultipart.http2 import Observer
from txmultipart.web.line import Line, State

REASON = Failure(ConnectionLost())


class Client:
    """A connection, as far as a line knows it."""

    def __init__(self) -> None:
        self.usable = True
        self.room = 1
        self.streams: dict[int, Any] = {}
        self.left = 0

    def leave(self) -> None:
        self.left += 1
        self.usable = False


class Home:
    """An origin, as far as a line knows it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.idle_time = 10
        self.served = 0
        self.gone: list[Line] = []

    def make_client(self, line: Observer) -> Any:
        return Client()

    def settled(self, line: Line) -> None:
        assert line.settled

    def serve(self) -> None:
        self.served += 1

    def lost(self, line: Line) -> None:
        self.gone.append(line)


class Begun:
    """An exchange, as far as a line knows it."""

    def begin(self, client: Any, *, secure: bool) -> Any:
        client.streams[len(client.streams)] = self
        return secure


class Unsendable:
    """An exchange whose request cannot be sent."""

    def begin(self, client: Any, *, secure: bool) -> None:
        """Nothing is opened."""


class Case:
    """A line."""

    def __init__(self, state: State = State.IDLE) -> None:
        self.home = Home()
        self.line = Line(self.home, Pipe())
        self.client: Any = self.line.client
        if state is State.BUSY:
            self.begin()
        elif state is State.LEAVING:
            self.line.leave()
        elif state is State.GONE:
            self.line.gone(self.client, REASON)
        assert self.line.state is state

    def begin(self) -> None:
        exchange: Any = Begun()
        assert self.line.begin(exchange) is False  # type: ignore[comparison-overlap]

    def end_all(self) -> None:
        self.client.streams.clear()
        self.line.room_changed(self.client)


AFTER = {
    (State.IDLE, "begin"): State.BUSY,
    (State.IDLE, "wait"): State.LEAVING,
    (State.IDLE, "close"): State.LEAVING,
    (State.IDLE, "leaving"): State.LEAVING,
    (State.BUSY, "end"): State.IDLE,
    (State.BUSY, "close"): State.LEAVING,
    (State.BUSY, "leaving"): State.LEAVING,
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "what", ["begin", "end", "wait", "close", "leaving", "gone", "ready"]
)
def test_every_state_with_every_input(state: State, what: str) -> None:
    if what == "begin" and state in (State.LEAVING, State.GONE):
        assert not Case(state).line.has_room
        return
    case = Case(state)
    inputs: dict[str, Any] = {
        "begin": case.begin,
        "end": case.end_all,
        "wait": lambda: case.home.clock.advance(10),
        "close": case.line.close,
        "leaving": lambda: case.line.leaving(case.client),
        "gone": lambda: case.line.gone(case.client, REASON),
        "ready": lambda: case.line.ready(case.client),
    }
    inputs[what]()
    expected = State.GONE if what == "gone" else AFTER.get((state, what), state)
    assert case.line.state is expected
    waits = expected is State.IDLE
    assert bool(case.home.clock.getDelayedCalls()) == waits


def test_a_request_that_cannot_be_sent() -> None:
    case = Case()
    exchange: Any = Unsendable()
    case.line.begin(exchange)
    assert case.line.state is State.IDLE
    case.home.clock.advance(10)
    assert case.client.left == 1


def test_room() -> None:
    case = Case()
    assert case.line.has_room
    case.client.room = 0
    assert not case.line.has_room
    assert case.line.usable
    case.client.usable = False
    assert not case.line.usable


def test_it_is_left_once() -> None:
    case = Case()
    for _ in range(3):
        case.line.leave()
    assert case.client.left == 1


@pytest.mark.parametrize("state", list(State))
def test_close_fires_when_it_is_gone(state: State) -> None:
    case = Case(state)
    closed: list[None] = []
    case.line.close().addCallback(closed.append)
    case.line.close().addCallback(closed.append)
    if state is State.GONE:
        assert closed == [None, None]
        return
    assert closed == []
    case.line.gone(case.client, REASON)
    assert closed == [None, None]
    assert case.home.gone == [case.line]


def test_others_are_served() -> None:
    case = Case()
    assert not case.line.settled
    case.line.ready(case.client)
    assert case.line.settled
    case.line.room_changed(case.client)
    case.line.leaving(case.client)
    assert case.home.served == 3


def test_some_requests_are_left() -> None:
    case = Case(State.BUSY)
    case.begin()
    case.line.room_changed(case.client)
    assert case.line.state is State.BUSY
    assert case.line.used == 2
