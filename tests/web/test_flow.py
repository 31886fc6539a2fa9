"""BodyFlow: a channel's transport as the producer of a body."""

from __future__ import annotations

import time
from typing import Any

import pytest
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.http2.resources import Echo, Taker
from tests.http2.resources import Writer as Slow
from tests.web.wire import CHUNKED, Wire, head
from txmultipart import MisuseError, StreamingRequest
from txmultipart.errors import ContentNotHere
from txmultipart.web import http1
from txmultipart.web.flow import BodyFlow, Drain, NoContent


class Flow(BodyFlow):
    """The flow of a body that is under way on a stock site."""

    def __init__(self, length: int | None = 10, *, expects: bool = False) -> None:
        self.wire = Wire(Resource(), Site, timeout=10)
        self.wire.send(head("PUT", "/", "Content-Length: 10"))
        self.wire.transport.calls.clear()
        super().__init__(self.wire.channel, length, expects=expects, least_rate=500)

    @property
    def calls(self) -> list[str]:
        """What the transport was told."""
        return self.wire.transport.calls


def test_it_pauses_and_resumes() -> None:
    flow = Flow()
    flow.pauseProducing()
    assert flow.wire.channel.timeOut is None
    flow.resumeProducing()
    assert flow.wire.channel.timeOut == 10
    assert flow.calls == ["pause", "resume"]
    flow.wire.lose()


def test_a_pause_is_said_again() -> None:
    flow = Flow()
    flow.pauseProducing()
    flow.pauseProducing()
    flow.resumeProducing()
    assert flow.calls == ["pause", "pause", "resume"]
    assert flow.wire.channel.timeOut == 10
    flow.wire.lose()


def test_there_is_nothing_to_resume_unless_it_was_paused() -> None:
    flow = Flow()
    flow.resumeProducing()
    assert flow.calls == []
    flow.wire.lose()


def test_to_stop_is_to_pause() -> None:
    flow = Flow()
    flow.stopProducing()
    assert flow.calls == ["pause"]
    flow.wire.lose()


def test_after_the_end_it_keeps_its_hands_off() -> None:
    flow = Flow()
    flow.end()
    flow.pauseProducing()
    flow.resumeProducing()
    flow.give_up()
    assert flow.calls == []
    flow.wire.lose()


def test_the_end_lets_go_of_a_pause() -> None:
    flow = Flow()
    flow.pauseProducing()
    flow.end()
    flow.end()
    assert flow.calls == ["pause", "resume"]
    flow.wire.lose()


@pytest.mark.parametrize(
    ("length", "expects", "received", "may"),
    [
        (10, False, 0, True),
        (11, False, 0, False),
        (11, False, 1, True),
        (10, True, 0, False),
        (None, False, 0, False),
    ],
)
def test_what_may_be_drained(
    length: int | None, expects: bool, received: int, may: bool
) -> None:
    flow = Flow(length, expects=expects)
    flow.received = received
    assert flow.may_drain(10) is may
    flow.wire.lose()


def test_leave_to_send_is_given_once() -> None:
    flow = Flow(expects=True)
    for _ in range(2):
        flow.pauseProducing()
        flow.resumeProducing()
    assert flow.wire.raw.count(b"100 Continue") == 1
    flow.wire.lose()


def test_lingering_ends() -> None:
    flow = Flow()
    flow.linger(5)
    flow.wire.clock.advance(5)
    assert flow.calls == ["lose"]
    flow.end()
    flow.wire.lose()


def test_lingering_ends_with_the_body() -> None:
    flow = Flow()
    flow.linger(5)
    flow.end()
    flow.wire.clock.advance(5)
    assert flow.calls == []
    flow.wire.lose()


def test_a_drain_has_a_bottom() -> None:
    gave_up: list[bool] = []
    drain = Drain(10, lambda: gave_up.append(True))
    drain.write(b"01234")
    drain.write(b"56789")
    assert gave_up == []
    drain.write(b"x")
    assert gave_up == [True]


@pytest.mark.parametrize("name", ["read", "seek", "getvalue"])
def test_there_is_no_content(name: str) -> None:
    content = NoContent()
    with pytest.raises(ContentNotHere, match="get_body") as caught:
        getattr(content, name)
    assert isinstance(caught.value, MisuseError)
    assert caught.value.code == "content-not-here"
    content.close()


class TestRate:
    """On HTTP/1.1 too a body has to come at the least rate, unless we hold it back."""

    def begin(self, resource: Any, *, length: str = "1000000", **options: Any) -> Wire:
        wire = Wire(resource, timeout=60, **options)
        return wire.send(head("PUT", "/", f"Content-Length: {length}"))

    @pytest.mark.parametrize("streams", [True, False])
    def test_a_byte_now_and_then_is_not_enough(self, streams: bool) -> None:
        taker = Taker()
        wire = self.begin(taker if streams else Echo())
        if streams:
            taker.take()
        for _ in range(2):
            wire.send(b"x")
            wire.clock.advance(29)
        wire.send(b"x")
        wire.clock.advance(1)
        assert not wire.is_closed()
        wire.clock.advance(2)
        assert wire.is_closed()
        wire.lose()
        assert not streams or len(taker.sink.failures) == 1
        assert wire.clock.getDelayedCalls() == []

    @pytest.mark.parametrize("lead", [b"1;", b"1\r\na\r\n0\r\nX: ", b"1\r\na\r\n00"])
    @pytest.mark.parametrize("streams", [True, False])
    def test_what_is_none_of_the_body_does_not_count(
        self, lead: bytes, streams: bool
    ) -> None:
        """Extensions of chunks, trailers, sizes with many zeros."""
        taker = Taker()
        wire = Wire(taker if streams else Echo(), timeout=60)
        wire.send(head("PUT", "/", CHUNKED) + lead)
        if streams:
            taker.take()
        for _ in range(4):
            if not wire.is_closed():
                wire.send(b"0")
                wire.clock.advance(20)
        assert wire.is_closed()
        # Whatever it still sends, as it can on TLS, and does not close.
        for _ in range(4):
            wire.protocol.dataReceived(b"0")
            wire.clock.advance(1)
        wire.lose()
        assert wire.clock.getDelayedCalls() == []

    @pytest.mark.parametrize("streams", [True, False])
    def test_no_time_runs_while_a_whole_body_is_answered(self, streams: bool) -> None:
        taker, writer = Taker(), Slow()
        wire = self.begin(taker if streams else writer, length="1")
        if streams:
            taker.take()
        wire.send(b"x")
        assert wire.clock.getDelayedCalls() == []
        wire.clock.advance(1000)
        assert not wire.is_closed()
        (taker if streams else writer).requests[0].finish()
        assert wire.answer.status == 200
        wire.lose()

    def test_slowly_but_steadily(self) -> None:
        taker = Taker()
        wire = self.begin(taker)
        pieces = taker.take()
        for _ in range(100):
            wire.clock.advance(10)
            wire.send(bytes(5_100))
        assert not wire.is_closed()
        assert sum(map(len, pieces)) == 510_000
        wire.lose()

    def test_a_body_that_we_hold_back_has_all_the_time(self) -> None:
        taker = Taker()
        wire = self.begin(taker)
        taker.take()
        for _ in range(20):
            wire.send(b"x")
            taker.sink.producer.pauseProducing()
            wire.clock.advance(500)
            taker.sink.producer.resumeProducing()
            wire.clock.advance(1)
        assert not wire.is_closed()
        wire.lose()

    def test_whoever_ends_is_not_closed_for_the_last_byte(self) -> None:
        taker = Taker()
        wire = self.begin(taker, length="4")
        taker.take()
        for _ in range(3):
            wire.send(b"x")
            wire.clock.advance(19.5)
        wire.send(b"x")
        taker.answer()
        assert wire.answer.body == b"done"
        assert not wire.is_closed()
        wire.lose()

    def test_a_site_without_a_timeout_does_not_ask(self) -> None:
        wire = Wire(Taker(), timeout=None)
        wire.send(head("PUT", "/", "Content-Length: 100"))
        for _ in range(20):
            wire.send(b"x")
            wire.clock.advance(1000)
        assert not wire.is_closed()
        wire.lose()

    def test_another_rate(self) -> None:
        class Quick(StreamingRequest):
            """Wants more."""

            least_rate = 1 << 20

        wire = self.begin(Echo(), requestFactory=Quick)
        for _ in range(4):
            if not wire.is_closed():
                wire.send(bytes(10_000))
                wire.clock.advance(29)
        assert wire.is_closed()
        wire.lose()

    def test_a_channel_without_a_site_goes_by_the_time_of_day(self) -> None:
        flow = Flow()
        flow.wire.channel.site = None
        assert http1.seconds(flow.wire.channel) is time.monotonic
        flow.wire.lose()
