"""What was written leaves at once, where the transport is one that can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from socket import socketpair

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor, StringTransport

from txmultipart.http2 import Client, ClientStream, RequestFields, linger
from txmultipart.http2.frames import (
    END_STREAM,
    Head,
    Kind,
    frame,
    parse_head,
    window_update,
)
from txmultipart.http2.prompt import send_now, write_now


class Socket(FileDescriptor):
    """A transport that writes down what it sends."""

    connected = True

    def __init__(self, answer: object = None) -> None:
        super().__init__(MemoryReactor())
        self.sent: list[bytes] = []
        self._answer = answer

    def writeSomeData(self, data: bytes) -> object:  # type: ignore[override]
        self.sent.append(bytes(data))
        return len(data) if self._answer is None else self._answer


def test_what_was_written_leaves_at_once() -> None:
    transport = Socket()
    transport.write(b"abc")
    assert write_now(transport)
    assert transport.sent == [b"abc"]
    assert transport not in transport.reactor.getWriters()


@pytest.mark.parametrize("answer", [0, CONNECTION_LOST], ids=["full", "lost"])
def test_the_reactor_goes_on_where_it_does_not(answer: object) -> None:
    transport = Socket(answer)
    transport.write(b"abc")
    assert not write_now(transport)
    assert transport in transport.reactor.getWriters()


def test_past_the_transport() -> None:
    transport = Socket()
    assert send_now(transport, b"abc") == b""
    assert transport.sent == [b"abc"]
    assert transport not in transport.reactor.getWriters()


@pytest.mark.parametrize(
    ("answer", "left"), [(0, b"abc"), (2, b"c"), (CONNECTION_LOST, b"abc")], ids=str
)
def test_what_is_still_to_be_written(answer: object, left: bytes) -> None:
    transport = Socket(answer)
    assert send_now(transport, b"abc") == left
    assert transport not in transport.reactor.getWriters()


def test_one_that_is_about_to_close_is_left_alone() -> None:
    """What ``doWrite`` says at the end has to reach the reactor."""
    transport = Socket()
    transport.write(b"abc")
    transport.loseConnection()
    assert not write_now(transport)
    assert send_now(transport, b"d") == b"d"
    gone = Socket()
    gone.write(b"abc")
    gone.connected = False
    assert not write_now(gone)
    assert send_now(gone, b"d") == b"d"
    assert transport.sent == gone.sent == []


def test_any_other_transport_will_do() -> None:
    for transport in (StringTransport(), None):
        assert not write_now(transport)
        assert send_now(transport, b"abc") == b"abc"


class Connected(Socket):
    """One that a connection of HTTP/2 can be made on."""

    def getPeer(self) -> None:
        """Nobody in particular."""


class Nobody:
    """Hears of a connection and of an exchange, and does nothing about it."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: None


def begun(transport: Socket) -> tuple[Client, ClientStream]:
    """A connection with a request under way, whose transport holds nothing."""
    client = Client(Clock(), Nobody())
    client.makeConnection(transport)
    client.dataReceived(frame(Kind.SETTINGS, 0, 0, b""))
    request = RequestFields(b"PUT", b"http", b"a.test", b"/", [])
    stream = client.open(request, Nobody(), end=False)
    stream.write(bytes(200_000))
    transport.doWrite()  # as the reactor does
    client.dataReceived(frame(Kind.PING, 0, 0, bytes(8)))
    transport.sent.clear()
    return client, stream


def opened(size: int) -> bytes:
    return window_update(0, size) + window_update(1, size)


def test_the_first_frame_goes_ahead_of_the_others() -> None:
    client, _ = begun(transport := Connected())
    client.dataReceived(opened(40_000))
    assert [len(data) for data in transport.sent] == [9 + 16384, 2 * 9 + 40_000 - 16384]
    transport.sent.clear()
    client.dataReceived(opened(16384))
    assert [len(data) for data in transport.sent] == [9 + 16384]


def test_the_order_stays_when_the_system_takes_little() -> None:
    whole, _ = begun(expected := Connected())
    whole.dataReceived(opened(40_000))
    client, _ = begun(transport := Connected())
    taken: list[bytes] = []

    def few(data: bytes) -> int:
        taken.append(bytes(data[:999]))
        return len(taken[-1])

    transport.writeSomeData = few  # type: ignore[method-assign]
    client.dataReceived(opened(40_000))
    while transport in transport.reactor.getWriters():
        transport.doWrite()
    assert b"".join(taken) == b"".join(expected.sent)


def test_no_more_than_some_leaves_past_the_transport() -> None:
    """Else who is never held back could keep the reactor from all else."""
    client, stream = begun(transport := Connected())
    stream.write(bytes(800_000))
    client.dataReceived(opened(900_000))
    size = sum(len(data) for data in transport.sent)
    assert 128 << 10 <= size < 400_000
    assert transport in transport.reactor.getWriters()
    assert client.blocked


class Heard(Connected):
    """One that has something to read all the time, and counts how often that is done."""

    def __init__(self, answer: object = None) -> None:
        super().__init__(answer)
        self.end, self.peer = socketpair()
        self.peer.send(b"something")
        self.reads = 0

    def fileno(self) -> int:
        return self.end.fileno()

    def doRead(self) -> None:
        self.reads += 1

    def close(self) -> None:
        self.end.close()
        self.peer.close()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    monkeypatch.setattr(linger, "_NEAR", inf)  # however slow this machine is
    transport = Heard()
    yield transport
    transport.close()


def test_who_waits_for_a_window_listens_for_a_moment(heard: Heard) -> None:
    client, _ = begun(heard)
    heard.reads = 0
    client.dataReceived(opened(40_000))
    assert heard.reads == 24


def test_nobody_who_waits_for_no_window_does(heard: Heard) -> None:
    client, stream = begun(heard)
    heard.reads = 0
    client.dataReceived(opened(1 << 20))  # more than there is to send
    stream.write(b"this is sent at once")
    client.dataReceived(frame(Kind.PING, 0, 0, bytes(8)))
    assert heard.reads == 0


@pytest.mark.parametrize("why", ["holds", "closes", "deaf"])
def test_who_cannot_answer_does_not_either(heard: Heard, why: str) -> None:
    client, _ = begun(heard)
    heard.reads = 0
    if why == "holds":
        heard.writeSomeData = lambda data: 0  # type: ignore[method-assign]
    elif why == "closes":
        heard.write(b"the last word")
        heard.loseConnection()
    else:
        client._deaf = True
    client.dataReceived(opened(40_000))
    assert heard.reads == 0


@pytest.mark.parametrize("why", ["", "_holds", "_deaf", "abort", "disconnecting"])
def test_who_is_free(why: str) -> None:
    client, _ = begun(transport := Connected())
    if why == "abort":
        client._abort.set(1.0)
    elif why == "disconnecting":
        transport.disconnecting = True
    elif why:
        setattr(client, why, True)
    assert client.is_free is (not why)


def test_who_ends_first_is_whole_before_the_next_one_hastens() -> None:
    client, _ = begun(transport := Connected())
    request = RequestFields(b"PUT", b"http", b"a.test", b"/", [])
    for size, ends in ((20_000, True), (50_000, False)):
        stream = client.open(request, Nobody(), end=False)
        stream.write(bytes(size))
        if ends:
            stream.outbound.end()
    transport.doWrite()
    client.dataReceived(frame(Kind.PING, 0, 0, bytes(8)))
    transport.sent.clear()
    client.dataReceived(window_update(0, 1 << 20))
    sent = b"".join(transport.sent)
    assert parse_head(sent, 0) == Head(16384, Kind.DATA, 0, 3)
    assert parse_head(sent, 9 + 16384) == Head(3616, Kind.DATA, END_STREAM, 3)
