"""Linger: what it reads, when it is passed over, and that it ends."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE

from txmultipart.http2 import linger
from txmultipart.http2.linger import Linger


class Transport(FileDescriptor):
    """On one end of a pair; keeps what it reads, and calls ``then`` each time."""

    connected = True

    def __init__(self) -> None:
        super().__init__(reactor=object())  # type: ignore[arg-type]
        self.end, self.peer = socket.socketpair()
        self.then: Callable[[], None] = lambda: None
        self.seen: list[bytes] = []
        self.answer: object = None

    def fileno(self) -> int:
        return self.end.fileno()

    def doRead(self) -> object:
        self.seen.append(self.end.recv(100))
        self.then()
        return self.answer


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport()
    yield made
    made.end.close()
    made.peer.close()


def always() -> bool:
    return True


class Watch:
    """A clock that goes on by ten microseconds when it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10e-6
        return self.now


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(linger, "perf_counter", made)
    return made


def alone(transport: Transport) -> Linger:
    """One that was asked before, a moment ago."""
    lingers = Linger(transport)
    lingers.listen(always)
    return lingers


def asks(lingers: Linger, times: int) -> list[int]:
    """How often the socket is asked, in each of so many attempts."""
    found, asked = list[int](), list[int]()
    stock = lingers._poll

    class Counting:
        @staticmethod
        def poll(timeout: int) -> Any:
            asked.append(timeout)
            return stock.poll(timeout)

    lingers._poll = Counting
    for _ in range(times):
        asked.clear()
        lingers.listen(always)
        assert not any(asked)  # nobody is held up
        found.append(len(asked))
    return found


def test_what_is_there_is_read(transport: Transport) -> None:
    transport.peer.send(b"a")
    transport.then = lambda: len(transport.seen) < 3 and transport.peer.send(b"b")  # type: ignore[assignment]
    alone(transport).listen(always)
    assert transport.seen == [b"a", b"b", b"b"]


def test_only_while_it_is_wanted(transport: Transport) -> None:
    transport.peer.send(b"a")
    alone(transport).listen(lambda: False)
    assert transport.seen == []
    wanted = iter([True, False])
    transport.then = lambda: transport.peer.send(b"b")  # type: ignore[assignment]
    alone(transport).listen(lambda: next(wanted))
    assert transport.seen == [b"a"]


def test_only_so_often(transport: Transport) -> None:
    transport.peer.send(b"a")
    transport.then = lambda: transport.peer.send(b"b")  # type: ignore[assignment]
    lingers = alone(transport)
    lingers.listen(always)
    assert len(transport.seen) == 24
    lingers.listen(always)  # which was of use, so that it is its turn again
    assert len(transport.seen) == 48


def test_not_from_within(transport: Transport) -> None:
    transport.peer.send(b"abc")
    lingers = alone(transport)
    within: list[int] = []

    def then() -> None:
        transport.peer.send(b"more")
        lingers.listen(always)
        within.append(len(transport.seen))

    transport.then = then
    lingers.listen(always)
    assert within == list(range(1, 25))


def test_an_error_from_within(transport: Transport) -> None:
    def then() -> None:
        raise ZeroDivisionError

    transport.then = then
    lingers = alone(transport)
    for _ in range(2):
        transport.peer.send(b"a")
        with pytest.raises(ZeroDivisionError):
            lingers.listen(always)


def test_less_and_less_often_where_it_is_of_no_use(transport: Transport) -> None:
    tried = [
        number for number, count in enumerate(asks(alone(transport), 400)) if count
    ]
    waits = [after - before - 1 for before, after in pairwise(tried)]
    assert tried[0] == 0
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 64]
    assert set(waits[7:]) == {64}


def test_as_often_as_ever_when_it_was_of_use(transport: Transport) -> None:
    lingers = alone(transport)
    for _ in range(1 + 1 + 1 + 2):  # tried, passed over, tried, passed over twice
        lingers.listen(always)
    transport.peer.send(b"a")
    lingers.listen(always)
    assert transport.seen == [b"a"]
    # That one ended with nothing to be had: once more it is passed over, not four times.
    transport.peer.send(b"b")
    lingers.listen(always)
    assert transport.seen == [b"a"]
    lingers.listen(always)
    assert transport.seen == [b"a", b"b"]


def test_what_is_over_is_left_to_the_reactor(transport: Transport) -> None:
    transport.peer.close()
    alone(transport).listen(always)
    assert transport.seen == []


def test_so_is_what_is_found_to_be_over(transport: Transport) -> None:
    transport.answer = CONNECTION_DONE
    transport.peer.send(b"a")
    transport.then = lambda: transport.peer.send(b"b")  # type: ignore[assignment]
    alone(transport).listen(always)
    assert transport.seen == [b"a"]


def test_the_first_to_be_asked_is_passed_over(transport: Transport) -> None:
    """Nobody knows yet whether others are busy."""
    transport.peer.send(b"a")
    lingers = Linger(transport)
    lingers.listen(always)
    assert transport.seen == []
    lingers.listen(always)
    assert transport.seen == [b"a"]


def test_only_who_is_alone(transport: Transport) -> None:
    lingers, other = alone(transport), Linger(transport)
    for _ in range(3):
        transport.peer.send(b"a")
        other.listen(always)
        lingers.listen(always)
    assert transport.seen == []
    lingers.listen(always)
    assert transport.seen == [b"aaa"]


def test_not_while_others_are_busy_or_the_peer_is_far(
    transport: Transport, watch: Watch
) -> None:
    lingers = alone(transport)
    transport.peer.send(b"a")
    for _ in range(3):
        watch.now += linger._NEAR
        lingers.listen(always)
    assert transport.seen == []
    watch.now += linger._NEAR / 2
    lingers.listen(always)
    assert transport.seen == [b"a"]


def test_lost_from_within(transport: Transport) -> None:
    other = Transport()
    other.peer.send(b"b")

    def then() -> None:
        transport.connected = False
        os.dup2(other.fileno(), transport.fileno())  # its number is another's now

    transport.then = then
    transport.peer.send(b"a")
    alone(transport).listen(always)
    assert transport.seen == [b"a"]
    assert other.end.recv(9) == b"b"
    other.end.close()
    other.peer.close()


def test_what_cannot_be_asked(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport.peer.send(b"a")
    monkeypatch.delattr(select, "poll")
    for one in (transport, FileDescriptor(reactor=object()), object()):  # type: ignore[arg-type]
        Linger(one).listen(always)
    assert transport.seen == []


def test_it_is_a_moment() -> None:
    assert linger._MOMENT < 0.001
