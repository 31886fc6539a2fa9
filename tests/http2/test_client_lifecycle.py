"""The beginning and the end of a client's connection, on a clock."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.http2.client import Pipe
from tests.http2.server import Ear, Pool, Server, request
from txmultipart.errors import MisuseError
from txmultipart.http2 import Client, ConnectionTerminated, UnsendableFields
from txmultipart.http2.connection import Stage
from txmultipart.http2.frames import frame

# The beginning ------------------------------------------------------------------------


def test_before_there_is_a_transport() -> None:
    client = Client(Clock(), Pool())
    assert (client.usable, client.room) == (False, 0)
    with pytest.raises(MisuseError):
        client.open(request(), Ear(), end=True)
    client.abort(Failure(ConnectionAborted()))
    assert client.stage is Stage.CLOSED


def test_a_server_that_does_not_greet() -> None:
    server = Server(greet=False, preface_time=7.0)
    ear = server.open()
    server.advance(6)
    assert not server.is_closed
    server.advance(1)
    assert server.code == 4  # SETTINGS_TIMEOUT
    assert isinstance(ear.error, ConnectionTerminated)
    assert (ear.code, ear.stream.processed) == (4, True)
    assert server.pool.calls == ["leaving"]
    server.close()
    assert server.reason_code == 4


def test_the_pool_is_told_once() -> None:
    server = Server(greet=False)
    assert server.pool.calls == []
    server.greet({3: 5})
    assert server.pool.calls == ["ready", "room_changed"]
    server.greet({3: 6})
    assert server.pool.calls == ["ready", "room_changed", "room_changed"]
    assert server.pool.rooms == [5, 6]
    server.advance(1000)
    assert not server.is_closed
    server.close()


def test_how_many_requests_there_may_be() -> None:
    server = Server(greet=False)
    assert server.client.room == 100
    server.greet()
    assert server.client.room == 256
    server.set(MAX_CONCURRENT_STREAMS=1000)
    assert server.client.room == 256
    server.set(MAX_CONCURRENT_STREAMS=2)
    first, second = server.open(), server.open()
    assert server.client.room == 0
    with pytest.raises(MisuseError):
        server.open()
    server.set(MAX_CONCURRENT_STREAMS=0)
    server.answer(1, end=True)
    assert (server.client.room, server.client.usable) == (0, True)
    server.answer(3, end=True)
    assert server.client.room == 0
    server.set(MAX_CONCURRENT_STREAMS=1)
    assert server.client.room == 1
    assert [ear.calls[-1] for ear in (first, second)] == ["ended"] * 2
    assert server.lives()
    assert server.pool.rooms[-5:] == [0, 0, 0, 1, 1]
    server.close()


def test_no_requests_from_the_start() -> None:
    server = Server(greet={3: 0})
    assert (server.client.room, server.client.usable) == (0, True)
    server.set(MAX_CONCURRENT_STREAMS=100)
    assert server.lives()
    server.close()


def test_settings_that_allow_less_than_there_is() -> None:
    server = Server(greet=False)
    ears = [server.open() for _ in range(50)]
    server.greet({3: 10})
    assert server.client.room == 0
    for ear in ears[:40]:
        server.answer(ear.stream.stream_id, end=True)
    assert server.client.room == 0
    server.answer(ears[40].stream.stream_id, end=True)
    assert server.client.room == 1
    server.close()


# Requests that cannot be sent ---------------------------------------------------------

UNSENDABLE = {
    "method": request("GET /"),
    "no method": request(""),
    "connect": request("CONNECT"),
    "line break in the method": request("GET\r\n"),
    "scheme": request(scheme="ftp"),
    "authority": request(authority="a b"),
    "userinfo": request(authority="a@b"),
    "no authority": request(authority=""),
    "line break in the authority": request(authority="a\r\nb"),
    "blank in the path": request("GET", "/a b"),
    "no path": request("GET", ""),
    "fragment": request("GET", "/#a"),
    "relative path": request("GET", "a"),
    "star": request("GET", "*"),
    "nul in the path": request("GET", "/\0"),
    "line break in the path": request("GET", "/\r\nx: y"),
    "pseudo-field": request("GET", "/", (":path", "/")),
    "no name": request("GET", "/", ("", "y")),
    "blank in a name": request("GET", "/", ("x y", "z")),
    "colon in a name": request("GET", "/", ("x:y", "z")),
    "line break in a value": request("GET", "/", ("x", "a\r\nb: c")),
    "lone line feed": request("GET", "/", ("x", "a\nb")),
    "nul in a value": request("GET", "/", ("x", "a\0b")),
    "control in a value": request("GET", "/", ("x", "a\x07b")),
    "two hosts": request("GET", "/", ("host", "a"), ("Host", "b")),
    "bad host": request("GET", "/", ("host", "a/b")),
    "bad length": request("GET", "/", ("content-length", "x")),
    "two lengths": request(
        "GET", "/", ("content-length", "1"), ("Content-Length", "2")
    ),
    "a length, and no body": request("GET", "/", ("content-length", "1")),
}


@pytest.mark.parametrize("given", UNSENDABLE.values(), ids=UNSENDABLE.keys())
def test_a_request_that_cannot_be_sent_does_no_harm(given: object) -> None:
    server = Server()
    server.open("GET", "/", ("x-first", "1"))
    seen = len(server.seen)
    with pytest.raises(UnsendableFields):
        server.client.open(given, Ear(), end=True)  # type: ignore[arg-type]
    assert len(server.read().seen) == seen
    assert server.client.room == 255
    server.open("GET", "/", ("x-first", "1"), ("x-second", "2"))
    assert server.requests[3].head["x-second"] == "2"
    server.close()


def test_what_is_sent() -> None:
    server = Server()
    server.open(
        "OPTIONS",
        "*",
        ("Host", "other.test:81"),
        ("X-Mine", " a\tb "),
        ("Connection", "close, X-Hop"),
        ("X-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Keep-Alive", "5"),
        ("Proxy-Connection", "close"),
        ("Upgrade", "h2c"),
        ("TE", "gzip"),
        ("te", "Trailers"),
        ("Expect", "100-continue"),
        ("Cookie", "a=b"),
        ("Authorization", "secret"),
        ("x-latin", "\xe4"),
        end=False,
    )
    found = server.requests[1]
    assert found.names == [
        *[":method", ":scheme", ":authority", ":path"],
        *["x-mine", "te", "expect", "cookie", "authorization", "x-latin"],
    ]
    assert (found.head[":authority"], found.head[":path"]) == ("other.test:81", "*")
    assert found.head["x-mine"] == "a\tb"
    server.close()


def test_fields_that_are_too_many_for_the_server() -> None:
    server = Server(greet={6: 1000})
    with pytest.raises(UnsendableFields, match="1000"):
        server.open("GET", "/", ("x", "y" * 900))
    assert server.lives()
    server.close()


# GOAWAY -------------------------------------------------------------------------------


def test_goaway_and_who_is_late() -> None:
    server = Server()
    first, second, third = (server.upload(b"x", end=False) for _ in range(3))
    seen = len(server.seen)
    server.leave(3)
    assert server.pool.calls.count("leaving") == 1
    assert (server.client.usable, server.client.room) == (False, 0)
    assert third.calls == ["lost"]
    assert isinstance(third.error, ConnectionTerminated)
    assert (third.code, third.stream.processed) == (0, False)
    # A reset would be for a stream that the server has never seen.
    assert len(server.seen) == seen
    first.stream.end()
    second.stream.write(b"y")
    second.stream.end()
    server.answer(1, end=True).answer(3, end=True)
    assert [ear.calls for ear in (first, second)] == [["responded", "ended"]] * 2
    assert server.requests[3].body == b"xy"
    assert server.code == 0
    assert server.is_closed
    server.close()


def test_a_goaway_after_the_other() -> None:
    server = Server()
    first, second = server.open(), server.open()
    server.leave(0x7FFFFFFF)
    assert (first.calls, second.calls) == ([], [])
    with pytest.raises(MisuseError):
        server.open()
    server.leave(1).leave(3)
    assert second.calls == ["lost"]
    assert not second.stream.processed
    server.answer(1, end=True)
    assert first.calls[-1] == "ended"
    assert server.is_closed
    server.close()


def test_what_comes_for_a_late_stream_is_dropped() -> None:
    server = Server(connection_window=1 << 20)
    server.open()
    late = server.upload(b"x", end=False)
    server.leave(1)
    for _ in range(40):
        server.data(3, bytes(16384))
    server.answer(3, 200).reset(3).update(3, 3)
    assert late.calls == ["lost"]
    assert server.credit[0] + 65535 - 40 * 16384 >= 1 << 19
    server.answer(1, end=True)
    assert server.code == 0
    server.close()


def test_goaway_when_nothing_is_open() -> None:
    server = Server()
    server.leave(0)
    assert server.code == 0
    assert server.is_closed
    server.close()


@pytest.mark.parametrize("lost", [True, False])
def test_goaway_with_an_error(lost: bool) -> None:
    server = Server()
    first, second = server.open(), server.open()
    server.leave(1, 11)
    assert (second.code, second.stream.processed) == (11, False)
    if lost:
        server.lose()
        assert (first.code, first.stream.processed) == (11, True)
    else:
        server.answer(1, end=True)
        assert first.calls[-1] == "ended"
    server.close()
    assert server.reason_code == 11


def test_goaway_that_forgets_who_was_answered() -> None:
    server = Server()
    answered, ending = server.open(), server.open()
    server.answer(1).answer(3).raw(frame(0, 1, 3, b"12345")[:-2])
    server.leave(0)
    assert answered.calls == ["responded", "lost"]
    assert answered.stream.processed
    server.raw(b"45")
    assert ending.calls[-1] == "ended"
    server.close()


def test_who_loses_a_stream_may_do_anything() -> None:
    server = Server()
    first, second, third = (server.open("PUT", end=False) for _ in range(3))
    second.then["lost"] = third.stream.cancel
    server.pool.then["leaving"] = first.stream.cancel
    server.leave(0)
    assert (first.calls, second.calls, third.calls) == ([], ["lost"], [])
    assert server.requests[1].reset == 8
    assert server.requests[5].reset is None
    server.close()


# Leaving ------------------------------------------------------------------------------


def test_leaving_waits_for_the_last_request() -> None:
    server = Server()
    ear = server.open()
    server.client.leave()
    server.client.leave()
    assert not server.is_closed
    assert server.client.room == 0
    server.answer(1, end=True)
    assert ear.calls[-1] == "ended"
    assert server.code == 0
    assert server.is_closed
    server.close()


def test_leaving_when_nothing_is_open() -> None:
    server = Server()
    server.client.leave()
    assert server.read().code == 0
    assert server.is_closed
    server.client.leave()
    server.close()


def test_after_many_requests() -> None:
    server = Server(retire_after=3)
    for _ in range(2):
        assert server.lives()
    ear = server.open()
    assert server.pool.calls[-1] == "leaving"
    server.answer(5, end=True)
    assert ear.calls[-1] == "ended"
    assert server.is_closed
    server.close()


def test_when_the_numbers_run_out() -> None:
    server = Server()
    server.client.h2.highest_outbound_stream_id = (1 << 30) - 1
    server.open()
    assert server.pool.calls[-1] == "leaving"
    server.answer((1 << 30) + 1, end=True)
    assert server.is_closed
    server.close()


def test_abort() -> None:
    server = Server()
    ears = [server.open() for _ in range(3)]
    reason = Failure(ConnectionAborted())
    server.client.abort(reason)
    assert [ear.reason for ear in ears] == [reason] * 3
    assert server.transport.aborting
    assert server.clock.getDelayedCalls() == []
    server.lose()
    assert server.pool.reason is reason
    server.close()


# The end ------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ConnectionDone(), ConnectionLost()])
def test_the_connection_is_lost(error: Exception) -> None:
    server = Server()
    waiting, begun, whole, done = (server.open() for _ in range(4))
    server.answer(3).data(3, b"some").answer(7, end=True)
    whole.stream.pauseProducing()
    server.answer(5).data(5, b"all", end=True)
    server.lose(error)
    assert (waiting.error, begun.error) == (error, error)
    assert waiting.stream.processed
    assert done.calls == ["responded", "ended"]
    whole.stream.resumeProducing()
    assert whole.body == b"all"
    server.close()
    assert server.pool.calls[-2:] == ["leaving", "gone"]


def test_requests_are_not_sent_on_a_lost_connection() -> None:
    server = Server()
    server.lose()
    with pytest.raises(MisuseError):
        server.client.open(request(), Ear(), end=True)
    server.close()


def test_a_pool_that_sends_again_when_it_hears_of_a_loss() -> None:
    server = Server()
    ear = server.open()
    failed: list[MisuseError] = []

    def again() -> None:
        with pytest.raises(MisuseError) as error:
            server.open()
        failed.append(error.value)

    ear.then["lost"] = again
    server.pool.then["leaving"] = again
    server.raw(frame(6, 0, 0, bytes(6)))
    assert len(failed) == 2
    server.close()


def test_a_server_that_never_reads_is_cut_off() -> None:
    server = Server()
    server.open()
    server.client.pauseProducing()
    server.raw(frame(6, 0, 0, bytes(6)))
    assert server.code == 6
    server.advance(1.9)
    assert not server.transport.aborting
    server.advance(0.1)
    assert server.transport.aborting
    server.close()


def test_a_transport_that_closes_at_once() -> None:
    class Hasty(Pipe):
        def abortConnection(self) -> None:
            super().abortConnection()
            server.client.connectionLost(Failure(ConnectionAborted()))

    server = Server(transport=Hasty())
    ear = server.open()
    server.client.abort(Failure(ConnectionLost()))
    assert ear.reason is not None
    assert ear.reason.check(ConnectionLost)
    server.close()


# Resets -------------------------------------------------------------------------------


def test_cancelled_requests_count_until_the_server_knows() -> None:
    server = Server(greet={3: 10})
    for _ in range(10):
        server.open().stream.cancel()
    assert server.client.room == 0
    assert len(server.read().pings) == 1
    kinds = [f.type for f in server.seen[-22:]]
    assert kinds.index(6) == kinds.index(3) + 1
    server.pong(b"of other")
    assert server.client.room == 0
    server.pong_all()
    assert server.client.room == 10
    assert server.pool.rooms[-1] == 10
    server.close()


def test_an_answer_to_a_later_request_says_as_much() -> None:
    server = Server(greet={3: 3})
    server.open().stream.cancel()
    server.open().stream.cancel()
    later = server.open()
    assert server.client.room == 0
    server.answer(5)
    assert later.status == 200
    assert server.client.room == 2
    server.open().stream.cancel()
    assert len(server.read().pings) == 1
    assert server.client.room == 1
    server.pong_all()
    assert server.client.room == 2
    server.close()


def test_an_answer_to_an_earlier_request_says_nothing() -> None:
    server = Server(greet={3: 3})
    server.open()
    server.open().stream.cancel()
    server.answer(1)
    assert server.client.room == 1
    server.close()


def test_no_more_pings_than_a_server_may_like() -> None:
    server = Server(greet={3: 3})
    for _ in range(20):
        server.open().stream.cancel()
        server.pong_all()
    assert len([f for f in server.seen if f.type == 6]) == 1
    assert server.client.room == 3
    assert server.lives()
    server.open().stream.cancel()
    assert len(server.read().pings) == 1
    server.close()


def test_resets_after_the_end_of_an_answer_cost_nothing() -> None:
    server = Server(greet={3: 3})
    server.open("PUT", end=False)
    server.answer(1, 413, end=True)
    assert server.requests[1].reset == 0
    assert server.pings == []
    assert server.client.room == 3
    server.close()


def test_a_ping_is_answered_even_when_nobody_needs_it_any_more() -> None:
    server = Server(greet={3: 3}, reset_time=10.0)
    server.open().stream.cancel()
    assert server.lives()
    assert server.client.room == 3
    server.advance(10)
    assert not server.client.usable
    assert server.code == 0
    server.close()


def test_a_server_that_does_not_answer_a_ping_gets_no_new_requests() -> None:
    server = Server(reset_time=10.0)
    ear = server.open()
    server.open().stream.cancel()
    server.advance(9)
    assert server.client.usable
    server.advance(1)
    assert not server.client.usable
    assert server.pool.calls[-1] == "leaving"
    server.answer(1, end=True)
    assert ear.calls[-1] == "ended"
    assert server.is_closed
    server.close()


def test_a_ping_that_nobody_waits_for_any_more() -> None:
    server = Server()
    server.open().stream.cancel()
    server.client.leave()
    assert server.read().code == 0
    server.close()


# Keepalive, and time ------------------------------------------------------------------


def test_keepalive_asks_only_while_requests_are_under_way() -> None:
    server = Server(ping_interval=30, ping_time=20)
    server.advance(1000)
    assert server.pings == []
    ear = server.open()
    server.advance(29)
    assert server.pings == []
    server.advance(1)
    assert len(server.pings) == 1
    server.pong_all().advance(29)
    assert server.pings == []
    server.advance(1).pong_all().answer(1, end=True)
    assert ear.calls[-1] == "ended"
    server.advance(1000)
    assert server.pings == []
    assert server.clock.getDelayedCalls() == []
    server.close()


def test_keepalive_does_not_ask_who_speaks() -> None:
    server = Server(ping_interval=30, ping_time=20)
    server.open()
    server.answer(1)
    for _ in range(100):
        server.advance(20)
        server.data(1, b"x")
    assert server.pings == []
    server.close()


@pytest.mark.parametrize("word", [b"", frame(0, 0, 1, b"x")])
def test_keepalive_gives_up(word: bytes) -> None:
    server = Server(ping_interval=30, ping_time=20)
    ear, other = server.open(), server.open()
    server.answer(1).advance(31)
    assert len(server.pings) == 1
    server.advance(10)
    if word:
        server.raw(word)
    server.advance(15)
    assert server.transport.aborting is not bool(word)
    if not word:
        assert ear.reason is other.reason
        assert ear.reason is not None
        assert ear.reason.check(ConnectionLost)
        assert server.pool.calls[-1] == "leaving"
        server.lose()
        assert server.pool.reason is ear.reason
    server.close()


def test_a_request_may_take_for_ever() -> None:
    server = Server()
    ear = server.upload(bytes(100_000))
    server.advance(100_000)
    assert ear.calls == []
    assert server.clock.getDelayedCalls() == []
    server.close()


def test_a_request_that_stalls() -> None:
    server = Server(stall_time=20.0, greet={4: 10})
    ear = server.upload(bytes(100_000))
    held = server.open()
    held.stream.pauseProducing()
    server.answer(3).data(3, b"held")
    for _ in range(60):
        server.advance(1)
    assert ear.calls == ["lost"]
    assert server.requests[1].reset == 8
    assert held.calls == ["responded"]
    held.stream.resumeProducing()
    for _ in range(60):
        server.advance(1)
    assert held.calls == ["responded", "received", "lost"]
    server.close()


def test_a_window_that_the_server_never_opens_is_its_fault() -> None:
    # Another upload goes on, so that the line is not to blame.
    server = Server(stall_time=20.0, greet={4: 10})
    ear, other = server.upload(bytes(100_000)), server.upload(bytes(10_000_000))
    for _ in range(60):
        server.advance(1)
        if other.reason is None:
            server.update(30_000).update(30_000, 3)
    assert ear.calls == ["lost"]
    assert other.calls == []
    server.close()
