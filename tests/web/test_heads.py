"""PromptHeads: a request's line and fields have to be here in time."""

from __future__ import annotations

import pytest

from tests.http2.resources import Echo, Taker, Writer
from tests.web.wire import Wire, request_bytes
from txmultipart.web.heads import At

HEAD = b"GET / HTTP/1.1\r\nX: "


@pytest.mark.parametrize("lead", [b"", b"G", HEAD[:9], HEAD])
@pytest.mark.parametrize("before", [0, 2])
def test_a_byte_now_and_then_is_not_enough(lead: bytes, before: int) -> None:
    wire = Wire(Echo(), timeout=60)
    for _ in range(before):
        wire.send(request_bytes())
        wire.clock.advance(59)
    wire.send(lead)
    for _ in range(4):
        if not wire.is_closed():
            wire.send(b"G")
            wire.clock.advance(20)
    assert wire.is_closed()
    assert len(wire.clock.getDelayedCalls()) == 1  # and soon for good
    wire.lose()
    assert wire.clock.getDelayedCalls() == []


def test_a_slow_one_may_be_in_time() -> None:
    wire = Wire(Echo(), timeout=60)
    for _ in range(3):
        for byte in request_bytes():
            wire.send(bytes([byte]))
            wire.clock.advance(1)
        wire.clock.advance(10)
    assert [answer.status for answer in wire.answers] == [200] * 3
    wire.lose()
    assert wire.clock.getDelayedCalls() == []


def test_the_next_one_may_wait_for_the_answer_to_the_first() -> None:
    writer = Writer()
    wire = Wire(writer, timeout=60).send(request_bytes() + HEAD)
    wire.clock.advance(1000)
    writer.requests[0].finish()
    wire.clock.advance(50)
    assert not wire.is_closed()
    wire.send(b"a\r\n\r\n")
    wire.clock.advance(1000)
    writer.requests[1].finish()
    assert len(wire.answers) == 2
    wire.lose()


def test_a_site_without_a_timeout_does_not_ask() -> None:
    wire = Wire(Echo(), timeout=None).send(HEAD)
    wire.clock.advance(10_000)
    assert not wire.is_closed()
    wire.lose()


#: Each state, and what each event does in it.
TABLE = {
    (At.BETWEEN, "bytes"): At.HEAD,
    (At.BETWEEN, "fields"): At.REQUEST,
    (At.BETWEEN, "time"): At.BETWEEN,
    (At.BETWEEN, "lost"): At.BETWEEN,
    (At.HEAD, "bytes"): At.HEAD,
    (At.HEAD, "fields"): At.REQUEST,
    (At.HEAD, "time"): At.HEAD,
    (At.HEAD, "lost"): At.BETWEEN,
    (At.REQUEST, "bytes"): At.REQUEST,
    (At.REQUEST, "done"): At.BETWEEN,
    (At.REQUEST, "time"): At.REQUEST,
    (At.REQUEST, "lost"): At.BETWEEN,
}


@pytest.mark.parametrize(("state", "event"), TABLE)
def test_every_state_meets_every_event(state: At, event: str) -> None:
    taker = Taker()
    wire = Wire(taker, timeout=60)
    put = request_bytes("PUT", "/", b"abc")
    sent = {At.BETWEEN: b"", At.HEAD: put[:20], At.REQUEST: put[:-2]}[state]
    # Not by way of the wire, which would find out first what is spoken.
    wire.send(request_bytes("PUT", "/", b""))
    taker.answer()
    channel = wire.channel
    if sent:
        channel.dataReceived(sent)
    assert channel.at is state
    if event == "bytes":
        channel.dataReceived((put + b"bc")[len(sent) :][:1])
    elif event == "fields":
        channel.dataReceived(put[len(sent) :][:-1])
    elif event == "done":
        channel.dataReceived(put[len(sent) :])
        taker.answer()
    elif event == "time":
        wire.clock.advance(60)
        # In the last one it is we who do not take the body.
        assert wire.is_closed() is (state is not At.REQUEST)
    else:
        wire.lose()
    assert channel.at is TABLE[state, event]
    if event != "lost":
        wire.lose()
    assert wire.clock.getDelayedCalls() == []
