"""What was written leaves at once, where the transport is one that can."""

from __future__ import annotations

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.testing import MemoryReactor, StringTransport

from txmultipart.http2.prompt import write_now


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
    write_now(transport)
    assert transport.sent == [b"abc"]
    assert transport not in transport.reactor.getWriters()


@pytest.mark.parametrize("answer", [0, CONNECTION_LOST], ids=["full", "lost"])
def test_the_reactor_goes_on_where_it_does_not(answer: object) -> None:
    transport = Socket(answer)
    transport.write(b"abc")
    write_now(transport)
    assert transport in transport.reactor.getWriters()


def test_one_that_is_about_to_close_is_left_alone() -> None:
    """What ``doWrite`` says at the end has to reach the reactor."""
    transport = Socket()
    transport.write(b"abc")
    transport.loseConnection()
    write_now(transport)
    gone = Socket()
    gone.write(b"abc")
    gone.connected = False
    write_now(gone)
    assert transport.sent == gone.sent == []


def test_any_other_transport_will_do() -> None:
    write_now(StringTransport())
    write_now(None)
