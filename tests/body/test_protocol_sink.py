"""deliverBody: a part given to a Protocol, as a response would give its body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone

from tests.body.doubles import Upstream, value_of
from tests.guard import LoggedErrors
from txmultipart.body.incoming import Incoming
from txmultipart.body.protocol_sink import ProtocolSink
from txmultipart.errors import MisuseError, UploadAborted


class Recorder(Protocol):
    """A protocol that records its life, and can react to data."""

    def __init__(self, on_data: Callable[[Any], object] = lambda self: None) -> None:
        self.data = b""
        self.reasons: list[Any] = []
        self._on_data = on_data

    def dataReceived(self, data: bytes) -> None:
        assert not self.reasons
        self.data += data
        self._on_data(self)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self.reasons.append(reason.type)


def delivered(protocol: Recorder) -> tuple[Upstream, Incoming]:
    upstream, body = Upstream(), Incoming()
    body.registerProducer(upstream, True)
    body.deliverBody(protocol)
    return upstream, body


def test_the_whole_is_delivered() -> None:
    protocol = Recorder()
    upstream, body = delivered(protocol)
    assert upstream.running
    body.write(b"ab")
    body.write(b"cd")
    assert not protocol.reasons
    body.unregisterProducer()
    assert (protocol.data, protocol.reasons) == (b"abcd", [ResponseDone])


def test_a_source_that_breaks_is_told() -> None:
    protocol = Recorder()
    _, body = delivered(protocol)
    body.write(b"ab")
    body.fail(Failure(UploadAborted()))
    assert (protocol.data, protocol.reasons) == (b"ab", [UploadAborted])


def test_the_transport_can_be_paused() -> None:
    protocol = Recorder()
    upstream, body = delivered(protocol)
    transport: Any = protocol.transport
    transport.pauseProducing()
    assert not upstream.running
    body.write(b"ab")
    assert protocol.data == b""
    transport.resumeProducing()
    assert upstream.running
    assert protocol.data == b"ab"


@pytest.mark.parametrize("name", ["stopProducing", "loseConnection"])
def test_the_transport_can_be_stopped(name: str) -> None:
    protocol = Recorder(lambda self: getattr(self.transport, name)())
    upstream, body = delivered(protocol)
    body.write(b"ab")
    body.write(b"cd")
    assert (protocol.data, protocol.reasons) == (b"ab", [CancelledError])
    assert not upstream.running
    assert value_of(body.read_chunk()) == b"cd"


def test_a_protocol_that_raises_is_told_and_logged(logged_errors: LoggedErrors) -> None:
    protocol = Recorder(lambda self: 1 / 0)
    _, body = delivered(protocol)
    body.write(b"ab")
    assert protocol.reasons == [ZeroDivisionError]
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_a_body_that_is_read_cannot_be_delivered_too() -> None:
    body = Incoming()
    body.read_chunk()
    with pytest.raises(MisuseError, match="being read already"):
        body.deliverBody(Recorder())


def test_a_sink_without_a_producer_comes_to_its_end_too() -> None:
    protocol = Recorder()
    value_of(ProtocolSink(protocol).finish())
    assert protocol.reasons == [ResponseDone]
