"""Standard input: every state with every input, and what it can be."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH

from txmultipart import MisuseError, PayloadError, RawBody
from txmultipart.app.standard_input import BLOCK, ComingSource, State, standard_input


class Case:
    """A source on a pipe, in a given state."""

    def __init__(self, state: State) -> None:
        self.reactor: Any = MemoryReactor()
        self.end, self.far = os.pipe()
        self.source = ComingSource(self.reactor, self.end)
        self.outcome: list[Any] = []
        self.misused = False
        for step in REACH[state]:
            INPUTS[step](self)
        assert self.source.state is state
        self.outcome.clear()
        self.misused = False

    def read(self) -> None:
        try:
            self.source.read().addBoth(self.outcome.append)
        except MisuseError:
            self.misused = True

    def comes(self) -> None:
        """Bytes; a reactor may have noticed before it was told not to look."""
        os.write(self.far, b"content")
        self.source.doRead()

    def ends(self) -> None:
        os.close(self.far)
        self.far = -1
        self.source.doRead()

    def breaks(self) -> None:
        self.source._descriptor = -1
        self.source.doRead()

    def lost(self, reason: Exception) -> None:
        """The reactor watches it no more, and says why."""
        self.reactor.removeReader(self.source)
        self.source.connectionLost(Failure(reason))

    def close(self) -> None:
        os.close(self.end)
        if self.far >= 0:
            os.close(self.far)


INPUTS: dict[str, Callable[[Case], None]] = {
    "read": Case.read,
    "bytes": Case.comes,
    "end": Case.ends,
    "error": Case.breaks,
    "hung up": lambda case: case.lost(ConnectionDone()),
    "the reactor stops": lambda case: case.lost(ConnectionLost()),
    "close": lambda case: case.source.close(),
}

REACH: dict[State, list[str]] = {
    State.IDLE: [],
    State.WANTED: ["read"],
    State.ENDED: ["read", "hung up"],
    State.CLOSED: ["close"],
}

#: What is not here stays as it is.
TABLE: dict[tuple[State, str], State] = {
    (State.IDLE, "read"): State.WANTED,
    (State.WANTED, "bytes"): State.IDLE,
    (State.WANTED, "end"): State.ENDED,
    (State.WANTED, "error"): State.ENDED,
    (State.WANTED, "hung up"): State.ENDED,
    **{(state, "close"): State.CLOSED for state in State},
    **{(state, "the reactor stops"): State.CLOSED for state in State},
}

#: What the one who waits hears.
HEARD: dict[str, object] = {
    "bytes": b"content",
    "end": b"",
    "hung up": b"",
    "error": PayloadError,
}


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("state", State)
def test_every_state_with_every_input(state: State, given: str) -> None:
    case = Case(state)
    INPUTS[given](case)
    assert case.source.state is TABLE.get((state, given), state)
    misused = given == "read" and state in (State.WANTED, State.CLOSED)
    assert case.misused is misused
    watched = case.source.state is State.WANTED
    assert case.reactor.getReaders() == ([case.source] if watched else [])
    heard = [each.type if isinstance(each, Failure) else each for each in case.outcome]
    if state is State.WANTED:
        assert heard == ([HEARD[given]] if given in HEARD else [])
    else:
        assert heard == ([b""] if (state, given) == (State.ENDED, "read") else [])
    case.close()


def test_somebody_else_was_faster() -> None:
    """Of a pipe that another process shares, and has made non-blocking."""
    case = Case(State.WANTED)
    os.set_blocking(case.end, False)
    case.source.doRead()
    assert case.source.state is State.WANTED
    case.comes()
    assert case.outcome == [b"content"]
    case.close()


def test_what_a_reactor_is_told() -> None:
    case = Case(State.WANTED)
    assert case.source.fileno() == case.end
    assert case.source.logPrefix() == "standard input"
    case.close()


# What it can be ---------------------------------------------------------------------------


@pytest.fixture
def descriptors() -> Iterator[list[int]]:
    """To be closed."""
    opened: list[int] = []
    yield opened
    for each in opened:
        os.close(each)


async def sent(descriptor: int, *, length: int | str = UNKNOWN_LENGTH) -> bytes:
    """All that is sent of it, by the real reactor; and it stays open, and blocking."""
    from twisted.internet import reactor

    blocking = os.get_blocking(descriptor)
    body = RawBody(standard_input(reactor, descriptor))
    assert body.length == length
    assert body.replayable is isinstance(length, int)
    content = b""
    source = body.make_source()
    while piece := await _piece(source):
        content += piece
    source.close()
    assert os.get_blocking(descriptor) is blocking
    return content


async def _piece(source: Any) -> bytes:
    piece = source.read()
    data: bytes = await piece if isinstance(piece, Deferred) else piece
    return data


async def test_a_file_from_where_it_stands(
    tmp_path: Path, descriptors: list[int]
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one two")
    descriptors.append(os.open(path, os.O_RDONLY))
    os.lseek(descriptors[0], 4, os.SEEK_SET)
    assert await sent(descriptors[0], length=3) == b"two"


async def test_a_pipe(descriptors: list[int]) -> None:
    end, far = os.pipe()
    descriptors.append(end)
    os.write(far, b"x" * BLOCK)
    os.close(far)
    assert await sent(end) == b"x" * BLOCK


async def test_a_socket(descriptors: list[int]) -> None:
    near, far = socket.socketpair()
    descriptors.append(near.detach())
    far.send(b"content")
    far.close()
    assert await sent(descriptors[0]) == b"content"


async def test_a_terminal(descriptors: list[int]) -> None:
    keyboard, terminal = os.openpty()
    descriptors += [keyboard, terminal]
    os.write(keyboard, b"a line\n\x04")
    assert await sent(terminal) == b"a line\n"


async def test_nothing(descriptors: list[int]) -> None:
    """epoll does not watch it."""
    descriptors.append(os.open(os.devnull, os.O_RDONLY))
    assert await sent(descriptors[0]) == b""


def refusal(descriptor: int) -> str:
    with pytest.raises(MisuseError) as caught:
        standard_input(None, descriptor)
    return caught.value.message


def test_what_cannot_be_read(tmp_path: Path, descriptors: list[int]) -> None:
    descriptors.append(os.open(tmp_path, os.O_RDONLY))
    assert refusal(descriptors[0]) == "standard input cannot be read: Is a directory"
    descriptors.append(os.open(os.devnull, os.O_WRONLY))
    assert refusal(descriptors[1]).endswith(": Bad file descriptor")


def test_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert refusal(0) == "standard input is closed"
