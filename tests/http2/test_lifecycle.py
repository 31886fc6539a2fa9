"""The beginning and the end of a connection, on a clock."""

from __future__ import annotations

import pytest
from twisted.python.failure import Failure

from tests.http2.client import Client
from tests.http2.resources import Echo, Taker, Writer
from txmultipart.errors import UploadAborted
from txmultipart.http2 import PREFACE
from txmultipart.http2.connection import Connection, Stage
from txmultipart.http2.errors import HTTP2Error, StreamReset
from txmultipart.http2.frames import frame
from txmultipart.http2.link import Link
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.stream import Stream


def test_a_preface_and_no_settings() -> None:
    client = Client(Echo(), greet=False, preface_time=7.0)
    client.raw(PREFACE)
    client.advance(6)
    assert not client.is_closed
    client.advance(1)
    assert (client.code, client.is_closed) == (0, True)


def test_an_idle_connection_is_closed_whatever_it_is_pinged() -> None:
    client = Client(Echo(), timeout=20)
    for _ in range(19):
        client.raw(frame(6, 0, 0, bytes(8)))
        client.advance(1)
    assert not client.is_closed
    client.advance(1)
    assert (client.code, client.is_closed) == (0, True)


def test_requests_keep_it_open() -> None:
    writer = Writer()
    client = Client(writer, timeout=20)
    client.advance(15)
    client.request()
    for _ in range(30):
        client.advance(1)
    assert not client.is_closed
    writer.requests[0].finish()
    client.advance(19)
    assert not client.is_closed
    client.advance(1)
    assert client.code == 0
    client.lose()
    assert client.clock.getDelayedCalls() == []


def test_a_connection_may_be_idle_for_ever() -> None:
    client = Client(Echo(), timeout=None)
    client.advance(100_000)
    assert not client.is_closed
    client.lose()


def test_a_peer_that_never_reads_is_cut_off() -> None:
    client = Client(Taker())
    client.request("PUT", "/", end=False)
    client.connection.pauseProducing()
    client.raw(frame(6, 0, 0, bytes(6)))
    assert client.code == 6
    client.advance(1.9)
    assert not client.transport.aborting
    client.advance(0.1)
    assert client.transport.aborting


def test_nothing_is_left_when_the_connection_is_lost() -> None:
    taker = Taker()
    client = Client(taker, timeout=20)
    client.request("PUT", "/", end=False)
    early = client.request("PUT", "/", end=False)
    taker.answer()
    assert client.read().answers[early].ended
    client.lose()
    assert client.clock.getDelayedCalls() == []
    assert client.connection.stage is Stage.CLOSED
    assert len(taker.ends) == 2


def test_an_answer_after_the_end_goes_nowhere() -> None:
    writer = Writer()
    client = Client(writer)
    client.request()
    stream = writer.requests[0].channel
    client.lose()
    stream.write(b"x")
    stream.writeSequence([b"x"])
    stream.loseConnection()
    stream.requestDone(writer.requests[0])
    stream.unregisterProducer()
    stream.setTimeout(3)
    stream.stopProducing()
    assert client.transport.value() == b""


def test_codes_have_names() -> None:
    assert str(StreamReset(8)) == "CANCEL"
    assert str(StreamReset(8, message="why")) == "why"
    assert str(HTTP2Error(0x1234)) == "error code 0x1234"


def test_a_connection_by_itself_has_no_streams() -> None:
    client = Client(Echo())
    plain = Connection(client.connection.h2, client.clock, HTTP2Options())
    stream = Stream(1, None, plain)
    with pytest.raises(NotImplementedError):
        plain.end_sent(stream)
    with pytest.raises(NotImplementedError):
        stream._deliver(b"")
    with pytest.raises(NotImplementedError):
        stream._deliver_end()
    with pytest.raises(NotImplementedError):
        stream._lost(Failure(StreamReset(0)))
    with pytest.raises(NotImplementedError):
        Link(client.clock, HTTP2Options()).pump()
    client.lose()


def test_small_windows() -> None:
    client = Client(Echo(), connection_window=1000, first_window=70_000)
    assert client.credit[0] == 0
    client.lose()


def test_a_last_frame_that_never_comes_whole_is_not_waited_for() -> None:
    taker = Taker()
    client = Client(taker, timeout=20)
    stream_id = client.request("PUT", "/", end=False)
    taker.take()
    client.raw(frame(0, 1, stream_id, bytes(10))[:-5])
    for _ in range(60):
        client.advance(1)
    assert client.answers[stream_id].reset == 8
    (failure,) = taker.sink.failures
    assert failure.check(UploadAborted)
    client.lose()


def test_a_frame_may_come_slowly_if_it_comes() -> None:
    taker = Taker()
    client = Client(taker, timeout=20)
    stream_id = client.request("PUT", "/", end=False)
    pieces = taker.take()
    whole = frame(0, 1, stream_id, bytes(16_000))
    for start in range(0, len(whole), 250):
        client.raw(whole[start : start + 250])
        client.advance(0.5)
    assert client.answers[stream_id].reset is None
    assert b"".join(pieces) == bytes(16_000)
    taker.answer()
    client.lose()
