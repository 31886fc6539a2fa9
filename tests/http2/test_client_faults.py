"""A server that fails at each point, in each way: one word about it to each request."""

from __future__ import annotations

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import SettingsFrame
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from tests.http2.server import OK, Ear, Server
from txmultipart.http2 import ConnectionTerminated, StreamReset
from txmultipart.http2.frames import frame, goaway, window_update

CODES = [*ErrorCodes, 14, 4711, (1 << 32) - 1]


def script(server: Server) -> bytes:
    """All that a server sends about the request on stream 1."""
    parts = [
        SettingsFrame(0, settings={3: 50}).serialize(),
        window_update(0, 100_000),
        frame(6, 0, 0, bytes(8)),
        server.head(1, [(":status", "103"), ("link", "</style.css>")]).serialize(),
        server.head(1, [*OK, ("content-length", "11"), ("x", "y")]).serialize(),
        frame(0, 8, 1, b"\x02hello\0\0"),
        frame(0, 0, 1, b" world"),
        server.head(1, [("x-sum", "1")], end=True).serialize(),
    ]
    return b"".join(parts)


SIZE = len(script(Server()))


@pytest.mark.parametrize("how", ["lost", "abort", "reset", "cancel"])
def test_the_end_at_each_point(how: str) -> None:
    for cut in range(SIZE + 1):
        server = Server(greet=False)
        ear, other = server.open("PUT", end=cut % 2 == 0), server.open()
        data = script(server)
        server.raw(data[:cut])
        if how == "cancel":
            ear.stream.cancel()
            server.raw(data[cut:])
            assert not {"lost", "ended"} & set(ear.calls) or cut == SIZE
            assert server.code is None
        elif how == "reset":
            # Not in the middle of a frame.
            server.raw(data[cut:]).reset(1)
            assert ear.calls[-1] == "ended"
        elif how == "abort":
            server.client.abort(Failure(ConnectionLost()))
        server.close()
        assert ear.is_told or how == "cancel"
        assert other.calls == ["lost"]
        if ear.calls[-1:] == ["ended"]:
            assert (ear.body, ear.trailers) == (b"hello world", [(b"x-sum", b"1")])


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_in_pieces(step: int) -> None:
    server = Server(greet=False)
    ear = server.open()
    data = script(server)
    for at in range(0, len(data), step):
        server.raw(data[at : at + step])
    assert ear.interim == [103]
    assert (ear.status, ear.length, ear.body) == (200, 11, b"hello world")
    assert ear.trailers == [(b"x-sum", b"1")]
    assert server.client.room == 50
    server.close()


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("point", ["waiting", "interim", "body"])
def test_each_code_of_a_reset(code: int, point: str) -> None:
    server = Server()
    ear, other = server.open("PUT", end=False), server.open()
    if point == "interim":
        server.answer(1, 103)
    elif point == "body":
        server.answer(1).data(1, b"some")
    server.reset(1, code)
    assert ear.calls[-1] == "lost"
    assert isinstance(ear.error, StreamReset)
    assert (ear.code, ear.error.remote) == (code, True)
    refused = code == ErrorCodes.REFUSED_STREAM and point != "body"
    assert ear.stream.processed is not refused
    server.answer(3, end=True)
    assert other.calls[-1] == "ended"
    assert server.client.room == 256
    server.close()


@pytest.mark.parametrize("code", CODES)
def test_each_code_of_a_goaway(code: int) -> None:
    server = Server()
    early, late = server.open(), server.open()
    server.raw(goaway(1, code))
    assert isinstance(late.error, ConnectionTerminated)
    assert (late.code, late.stream.processed) == (code, False)
    server.answer(1, end=True)
    assert early.calls[-1] == "ended"
    assert server.code == 0
    server.close()


@pytest.mark.parametrize("code", CODES)
def test_each_code_of_a_reset_after_the_answer(code: int) -> None:
    server = Server()
    ear = Ear()
    server.open("PUT", end=False, ear=ear)
    ear.stream.pauseProducing()
    server.answer(1, 413).data(1, b"too large", end=True).reset(1, code)
    ear.stream.resumeProducing()
    assert ear.calls == ["responded", "refused_body", "received", "ended"]
    assert server.lives()
    server.close()
