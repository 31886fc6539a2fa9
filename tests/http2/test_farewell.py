"""Leaving in two steps (RFC 9113 section 6.8), asked for or after many requests."""

from __future__ import annotations

from typing import Any

import pytest
from hyperframe.frame import GoAwayFrame, PingFrame
from twisted.internet.task import Clock

from tests.http2.client import Client
from tests.http2.resources import Echo, Taker, Writer
from txmultipart.http2.farewell import Farewell, Way
from txmultipart.http2.options import HTTP2Options

ANY = (1 << 31) - 1
NO_ERROR, REFUSED = 0, 7


def said(client: Client) -> list[tuple[int, int]]:
    """What the GOAWAYs said: the last stream, and the code."""
    return [(int(f.last_stream_id), int(f.error_code)) for f in client.goaways]


def pinged(client: Client) -> list[bytes]:
    """What was in the server's PINGs."""
    return [
        frame.opaque_data
        for frame in client.seen
        if isinstance(frame, PingFrame) and "ACK" not in frame.flags
    ]


def pong(client: Client, data: bytes = b"farewell") -> Client:
    return client.send(PingFrame(0, data, flags={"ACK"}))


def leave(client: Client) -> Client:
    client.connection.leave()
    return client.read()


def test_with_requests_under_way() -> None:
    taker = Taker()
    client = Client(taker)
    early = client.request("PUT", "/", end=False)
    leave(client)
    assert said(client) == [(ANY, NO_ERROR)]
    assert pinged(client) == [b"farewell"]
    on_its_way = client.request("PUT", "/", end=False)
    pong(client)
    assert said(client)[1:] == [(on_its_way, NO_ERROR)]
    late = client.request("PUT", "/", end=False)
    assert client.answers[late].reset == REFUSED
    for index, stream_id in enumerate((early, on_its_way)):
        assert not client.is_closed
        client.data(stream_id, b"abc", end=True)
        taker.answer(index)
        assert client.read().answers[stream_id].body == b"done"
    assert client.is_closed
    assert client.clock.getDelayedCalls() == [client.connection._abort._call]
    client.lose()


def test_idle() -> None:
    client = leave(Client(Echo()))
    assert not client.is_closed
    pong(client)
    assert said(client) == [(ANY, NO_ERROR), (0, NO_ERROR)]
    assert client.is_closed
    client.lose()


def test_a_peer_that_answers_no_ping() -> None:
    client = leave(Client(Writer(), farewell_time=2.0))
    pong(client, b"whatever")
    stream_id = client.request()
    client.advance(1.9)
    assert len(client.goaways) == 1
    client.advance(0.1)
    assert said(client)[1:] == [(stream_id, NO_ERROR)]
    assert not client.is_closed
    client.lose()


def test_it_is_said_once() -> None:
    client = Client(Writer())
    client.request()
    leave(leave(client))
    pong(pong(client))
    leave(client)
    assert len(client.goaways) == 2
    client.lose()


def test_the_peer_leaves_first() -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    client.send(GoAwayFrame(0))
    leave(client)
    assert client.goaways == []
    writer.requests[0].finish()
    assert client.read().answers[stream_id].ended
    assert said(client) == [(1, NO_ERROR)]
    client.lose()


def test_the_peer_leaves_meanwhile() -> None:
    client = leave(Client(Writer()))
    client.send(GoAwayFrame(0))
    assert client.is_closed
    pong(client)
    assert len(client.goaways) == 2
    client.lose()
    assert client.clock.getDelayedCalls() == []


def test_lost_in_between() -> None:
    client = leave(Client(Writer()))
    client.lose()
    assert client.clock.getDelayedCalls() == []
    client.connection.leave()
    client.connection.last_word()
    assert client.clock.getDelayedCalls() == []


def test_before_anything_was_said() -> None:
    client = Client(Writer(), greet=False)
    client.protocol._speak_http2()
    leave(client)
    assert said(client) == [(ANY, NO_ERROR)]
    client.advance(2)
    assert client.is_closed
    client.lose()


def test_after_many_requests() -> None:
    client = Client(Echo(), most_requests=5)
    for _ in range(5):
        assert client.goaways == []
        client.request()
    assert said(client) == [(ANY, NO_ERROR)]
    assert client.answers[client.request()].status == 200
    pong(client)
    assert client.is_closed
    assert all(a.status == 200 for n, a in client.answers.items() if n)
    client.lose()


def test_ten_thousand_requests_and_no_more() -> None:
    client = Client(Echo())
    for _ in range(9_999):
        client.answers.pop(client.request())
    assert client.goaways == []
    assert client.answers[client.request()].status == 200
    assert said(client) == [(ANY, NO_ERROR)]
    client.lose()


class Leaver:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.options = HTTP2Options()
        self.told: list[Any] = []

    def say_goaway(self, last_stream_id: int) -> None:
        self.told.append(last_stream_id)

    def ping(self, data: bytes) -> None:
        self.told.append(data)

    def last_word(self) -> None:
        self.told.append("last")


#: Each state, and what each input does in it: the next state, and what is said.
TABLE = {
    (Way.STAYING, "begin"): (Way.LEAVING, [ANY, b"farewell"]),
    (Way.STAYING, "answered"): (Way.STAYING, []),
    (Way.STAYING, "time"): (Way.STAYING, []),
    (Way.STAYING, "stop"): (Way.GONE, []),
    (Way.LEAVING, "begin"): (Way.LEAVING, []),
    (Way.LEAVING, "answered"): (Way.GONE, ["last"]),
    (Way.LEAVING, "time"): (Way.GONE, ["last"]),
    (Way.LEAVING, "stop"): (Way.GONE, []),
    (Way.GONE, "begin"): (Way.GONE, []),
    (Way.GONE, "answered"): (Way.GONE, []),
    (Way.GONE, "time"): (Way.GONE, []),
    (Way.GONE, "stop"): (Way.GONE, []),
}


@pytest.mark.parametrize(("state", "given"), TABLE)
def test_every_state_meets_every_input(state: Way, given: str) -> None:
    leaver = Leaver()
    farewell = Farewell(leaver)
    if state is not Way.STAYING:
        farewell.begin()
    if state is Way.GONE:
        farewell.stop()
    assert farewell.state is state
    leaver.told.clear()
    inputs: dict[str, Any] = {
        "begin": farewell.begin,
        "answered": lambda: farewell.answered(b"farewell"),
        "time": lambda: leaver.clock.advance(2),
        "stop": farewell.stop,
    }
    inputs[given]()
    assert (farewell.state, leaver.told) == TABLE[state, given]
    assert bool(leaver.clock.getDelayedCalls()) == (farewell.state is Way.LEAVING)
