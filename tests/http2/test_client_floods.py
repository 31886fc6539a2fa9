"""A server that floods its client, and one that is only busy."""

from __future__ import annotations

import pytest

from tests.http2.server import OK, Server
from txmultipart.http2.frames import frame, window_update

CALM = 11

PING = frame(6, 0, 0, bytes(8))
SETTINGS = frame(4, 0, 0)

#: What a server may repeat without end only until it is too much.
FLOODS = {
    "ping": PING,
    "ping ack": frame(6, 1, 0, bytes(8)),
    "settings": SETTINGS,
    "settings ack": frame(4, 1, 0),
    "priority": frame(2, 0, 1, bytes(5)),
    "empty data": frame(0, 0, 1),
    "padded data without bytes": frame(0, 8, 1, b"\xff" + bytes(255)),
    "update of a stream": window_update(1, 1),
    "update of the connection": window_update(0, 1),
    "unknown": frame(0xEE, 0, 0),
    "unknown with a payload": frame(0xEE, 0, 0, bytes(1000)),
    "reset of a closed stream": frame(3, 0, 3, bytes(4)),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood(flood: bytes) -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    server.open()
    server.answer(1).answer(3, end=True)
    sent = 0
    while not server.is_closed and sent < 32 << 20:
        server.raw(flood * 200)
        sent += len(flood) * 200
        server.seen.clear()
    assert server.code == CALM
    assert ear.calls == ["responded", "lost"]
    assert ear.code == CALM
    server.close()


def test_interim_answers_without_end() -> None:
    server = Server(max_informational=50)
    ear, other = server.open(), server.open()
    for _ in range(50):
        server.answer(1, 103)
    assert len(ear.interim) == 50
    server.answer(1, 103).settle()
    assert len(ear.interim) == 50
    assert (ear.calls[-1], ear.code) == ("lost", 1)
    assert server.requests[1].reset == 1
    server.answer(3, end=True)
    assert other.calls[-1] == "ended"
    server.close()


def test_long_interim_answers() -> None:
    server = Server(max_informational_bytes=10_000)
    ear = server.open()
    for _ in range(5):
        server.answer(1, 103, ("link", "x" * 3000))
    server.settle()
    assert len(ear.interim) == 3
    assert ear.calls[-1] == "lost"
    assert server.lives()
    server.close()


def test_a_head_that_unpacks_to_too_much() -> None:
    server = Server()
    server.open()
    block = server.encoder.encode([*OK, ("x", "y" * 3000)])
    block += b"\xbe" * 1000
    server.raw(frame(1, 4, 1, block))
    assert server.code == CALM
    server.close()


def test_a_head_of_many_small_fields() -> None:
    server = Server()
    ear = server.open()
    server.answer(1, 200, *[("set-cookie", "a=b")] * 999)
    assert ear.status == 200
    other = server.open()
    server.answer(3, 200, *[("set-cookie", "a=b")] * 1000).settle()
    assert other.code == 1
    assert server.lives()
    server.close()


def test_a_busy_server_is_no_flood() -> None:
    # Frequent updates, small frames, an empty one now and then, pings, new settings.
    server = Server(greet={4: 1 << 20, 3: 1000})
    server.update(1 << 30)
    ear = server.open()
    server.answer(1)
    for turn in range(300):
        number = server.upload(bytes(50_000)).stream.stream_id
        server.raw((window_update(number, 700) + window_update(0, 700)) * 72)
        server.data(1, b"x" * 100).data(1)
        server.answer(number, 100).answer(number, 200, end=True)
        if not turn % 10:
            server.raw(PING + SETTINGS)
        server.advance(0.01)
        server.forget()
    assert server.code is None
    server.data(1, end=True)
    assert ear.calls[-1] == "ended"
    server.close()


def test_a_server_that_refuses_everything() -> None:
    server = Server()
    for _ in range(5000):
        ear = server.open()
        server.reset(ear.stream.stream_id, 7)
        assert not ear.stream.processed
    assert server.lives()
    server.close()


def test_answers_to_pings_that_nobody_reads() -> None:
    server = Server(max_unread_control=1000)
    server.open()
    server.client.pauseProducing()
    server.raw(PING * 100)
    assert "pause" in server.transport.calls
    server.client.resumeProducing()
    assert server.transport.calls[-1] == "resume"
    server.close()


def test_many_requests_leave_nothing_behind() -> None:
    server = Server(retire_after=1 << 20)
    for _ in range(3000):
        assert server.lives()
        server.forget()
    assert server.client.streams == {}
    assert len(server.client.h2.streams) <= 1
    assert len(server.client.receiver.reset_by_us) == 0
    assert server.client.budget.granted == 0
    server.close()


def test_many_cancelled_requests_leave_little_behind() -> None:
    server = Server(retire_after=1 << 20)
    for _ in range(3000):
        server.open("PUT", end=False).stream.cancel()
        server.pong_all()
        server.forget()
    assert server.client.streams == {}
    assert len(server.client.receiver.reset_by_us) <= 1024
    assert server.client.room == 256
    assert server.lives()
    server.close()
