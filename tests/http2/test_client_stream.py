"""Every state of a client's stream meets every input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.guard import LoggedErrors
from tests.http2.server import Ear, Server
from txmultipart.http2 import UnsendableFields
from txmultipart.http2.client_stream import State


class Source:
    """A push producer that keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


def waiting(server: Server, ear: Ear) -> None:
    """No answer, and more to send."""


def body(server: Server, ear: Ear) -> None:
    server.answer(1).data(1, b"first")


def paused(server: Server, ear: Ear) -> None:
    ear.stream.pauseProducing()
    server.answer(1).data(1, b"first")


def whole(server: Server, ear: Ear) -> None:
    ear.stream.pauseProducing()
    server.answer(1).data(1, b"first", end=True)


def ended(server: Server, ear: Ear) -> None:
    server.answer(1).data(1, b"first", end=True)


def reset(server: Server, ear: Ear) -> None:
    server.reset(1, 2)


def cancelled(server: Server, ear: Ear) -> None:
    ear.stream.cancel()


def is_lost(server: Server, ear: Ear) -> None:
    server.lose()


INPUTS: dict[str, Callable[[Server, Ear], Any]] = {
    "interim": lambda server, ear: server.answer(1, 103),
    "head": lambda server, ear: server.answer(1),
    "head and end": lambda server, ear: server.answer(1, end=True),
    "bytes": lambda server, ear: server.data(1, b"more"),
    "end": lambda server, ear: server.data(1, b"last", end=True),
    "trailers": lambda server, ear: server.trailers(1, ("x", "y")),
    "malformed": lambda server, ear: server.answer(1, "abc", end=True),
    "reset": reset,
    "reset, refused": lambda server, ear: server.reset(1, 7),
    "reset, no error": lambda server, ear: server.reset(1, 0),
    "goaway": lambda server, ear: server.leave(0),
    "lost": is_lost,
    "cancel": cancelled,
    "stop": lambda server, ear: ear.stream.stopProducing(),
    "pause": lambda server, ear: ear.stream.pauseProducing(),
    "resume": lambda server, ear: ear.stream.resumeProducing(),
    "write": lambda server, ear: ear.stream.write(b"request"),
    "request ends": lambda server, ear: ear.stream.end([(b"x", b"y")]),
}

LOST = "lost"
MALFORMED = (State.OVER, [LOST])
SAME: tuple[State | None, list[str]] = (None, [])

#: The state after an input, and what the listener is told; SAME where it is not there.
WAITING: dict[str, tuple[State | None, list[str]]] = {
    "interim": (State.WAITING, ["informational"]),
    "head": (State.BODY, ["responded"]),
    "head and end": (State.OVER, ["responded", "refused_body", "ended"]),
    "bytes": MALFORMED,
    "end": MALFORMED,
    "trailers": MALFORMED,
    "malformed": MALFORMED,
    "reset": (State.OVER, [LOST]),
    "reset, refused": (State.OVER, [LOST]),
    "reset, no error": (State.OVER, [LOST]),
    "goaway": (State.OVER, [LOST]),
    "lost": (State.OVER, [LOST]),
    "cancel": (State.OVER, []),
    "stop": (State.OVER, []),
}
BODY: dict[str, tuple[State | None, list[str]]] = {
    **WAITING,
    "interim": MALFORMED,
    "head": MALFORMED,
    "head and end": MALFORMED,  # trailers with a status
    "bytes": (State.BODY, ["received"]),
    "end": (State.OVER, ["received", "refused_body", "ended"]),
    "trailers": (State.OVER, ["refused_body", "ended"]),
}
PAUSED: dict[str, tuple[State | None, list[str]]] = {
    **BODY,
    "bytes": (State.BODY, []),
    "end": (State.WHOLE, ["refused_body"]),
    "trailers": (State.WHOLE, ["refused_body"]),
    "resume": (State.BODY, ["received"]),
}
WHOLE: dict[str, tuple[State | None, list[str]]] = {
    "resume": (State.OVER, ["received", "ended"]),
    "cancel": (State.OVER, []),
    "stop": (State.OVER, []),
}

TABLE = [
    (waiting, State.WAITING, WAITING),
    (body, State.BODY, BODY),
    (paused, State.BODY, PAUSED),
    (whole, State.WHOLE, WHOLE),
    (ended, State.OVER, {}),
    (reset, State.OVER, {}),
    (cancelled, State.OVER, {}),
    (is_lost, State.OVER, {}),
]


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize(
    ("reach", "state", "row"), TABLE, ids=[row[0].__name__ for row in TABLE]
)
def test_the_table(
    reach: Callable[[Server, Ear], None],
    state: State,
    row: dict[str, tuple[State | None, list[str]]],
    given: str,
) -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    reach(server, ear)
    assert ear.stream.state is state
    before = len(ear.calls)
    if given != "lost" or "gone" not in server.pool.calls:
        INPUTS[given](server, ear)
    after, told = row.get(given, SAME)
    calls = ear.calls[before:]
    if "lost" in told:  # before that, it may have heard of what was right
        calls = calls[-1:]
    assert calls == told
    assert ear.stream.state is (after or state)
    is_open = ear.stream.state in (State.WAITING, State.BODY)
    assert bool(server.client.streams) == is_open
    if ear.stream.state is State.WHOLE:
        ear.stream.cancel()
    server.close()


@pytest.mark.parametrize("twice", ["cancel", "pause", "resume", "stop", "request ends"])
@pytest.mark.parametrize("reach", [row[0] for row in TABLE])
def test_twice(reach: Callable[[Server, Ear], None], twice: str) -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    reach(server, ear)
    INPUTS[twice](server, ear)
    server.read()
    resets = server.requests[1].resets
    INPUTS[twice](server, ear)
    assert server.read().requests[1].resets == resets
    ear.stream.cancel()
    server.close()


def test_it_is_what_it_says() -> None:
    server = Server()
    stream = server.open("PUT", end=False).stream
    assert verifyObject(IConsumer, stream)
    assert verifyObject(IPushProducer, stream)
    assert not stream.isSecure()
    assert stream.getPeer() == server.transport.getPeer()
    assert stream.getHost() == server.transport.getHost()
    server.close()


ENDS: dict[str, tuple[Callable[[Server, Ear], Any], list[str]]] = {
    "reset": (reset, ["stop"]),
    "lost": (is_lost, ["stop"]),
    "cancel": (cancelled, ["stop"]),
    "goaway": (INPUTS["goaway"], ["stop"]),
    "malformed": (lambda server, ear: server.answer(1, "x").settle(), ["stop"]),
    # The listener knows, and stops it.
    "early answer": (lambda server, ear: server.answer(1, 413, end=True), []),
}


@pytest.mark.parametrize(("end", "calls"), ENDS.values(), ids=ENDS.keys())
def test_a_producer_is_told_once_when_the_exchange_ends(
    end: Callable[[Server, Ear], Any], calls: list[str]
) -> None:
    server = Server(greet={4: 0})
    ear = server.open("PUT", end=False)
    source = Source()
    ear.stream.registerProducer(source, True)
    ear.stream.write(bytes(100_000))
    assert source.calls == ["pause"]
    end(server, ear)
    ear.stream.cancel()
    server.close()
    assert source.calls == ["pause", *calls]
    ear.stream.write(b"nothing")
    ear.stream.unregisterProducer()
    ear.stream.end()


def test_a_producer_that_comes_too_late_is_stopped() -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    server.reset(1)
    source = Source()
    ear.stream.registerProducer(source, True)
    assert source.calls == ["stop"]
    server.close()


@pytest.mark.parametrize("name", ["informational", "responded", "received", "ended"])
@pytest.mark.parametrize("act", ["cancel", "pause", "stop", "abort", "leave", "open"])
def test_whatever_a_listener_does_in_a_call(name: str, act: str) -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    acts: dict[str, Callable[[], object]] = {
        "cancel": ear.stream.cancel,
        "stop": ear.stream.stopProducing,
        "pause": ear.stream.pauseProducing,
        "abort": lambda: server.client.abort(Failure(ConnectionAborted())),
        "leave": server.client.leave,
        "open": server.open,
    }
    ear.then[name] = acts[act]
    server.answer(1, 103).answer(1).data(1, b"one").data(1, b"two", end=True)
    assert name in ear.calls
    if act in ("cancel", "stop") and name != "ended":
        assert ear.calls[-1] == name
    ear.then.clear()
    ear.stream.resumeProducing()
    server.settle()
    assert ear.is_told or act in ("cancel", "stop")
    server.close()


@pytest.mark.parametrize("name", ["cancel", "stop"])
def test_a_listener_that_stops_when_it_is_told_to(name: str) -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    ear.then["refused_body"] = getattr(
        ear.stream, "cancel" if name == "cancel" else "stopProducing"
    )
    server.answer(1, 413).data(1, b"too large", end=True)
    assert ear.calls == ["responded", "received", "refused_body"]
    assert server.requests[1].resets == 1
    server.close()


@pytest.mark.parametrize("name", ["informational", "responded", "received"])
def test_a_listener_that_breaks(name: str, logged_errors: LoggedErrors) -> None:
    server = Server()
    ear, other = server.open("PUT", end=False), server.open()
    ear.then[name] = lambda: 1 // 0
    server.answer(1, 103).answer(1).data(1, b"one").settle()
    assert server.requests[1].reset == 2
    assert ear.calls[-2:] == [name, "lost"]
    assert ear.code == 2
    server.answer(3, end=True)
    assert other.calls[-1] == "ended"
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    server.close()


@pytest.mark.parametrize("name", ["refused_body", "ended", "lost"])
def test_a_listener_that_breaks_at_the_end(
    name: str, logged_errors: LoggedErrors
) -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    ear.then[name] = lambda: 1 // 0
    if name == "lost":
        server.reset(1)
    else:
        server.answer(1).data(1, b"one", end=True)
    server.settle()
    assert ear.is_told
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    server.close()


def test_a_listener_that_breaks_when_it_takes_what_was_held(
    logged_errors: LoggedErrors,
) -> None:
    server = Server()
    ear = server.open()
    ear.stream.pauseProducing()
    server.answer(1).data(1, b"one", end=True)
    assert server.client.streams == {}
    ear.then["received"] = lambda: 1 // 0
    ear.stream.resumeProducing()
    server.settle()
    assert ear.calls == ["responded", "received", "lost"]
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    server.close()


def test_a_pool_that_cancels_what_is_about_to_be_lost() -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    server.pool.then["room_changed"] = ear.stream.cancel
    server.answer(1, "abc")
    assert ear.calls == []
    assert server.requests[1].resets == 1
    server.close()


@pytest.mark.parametrize("end", [True, False])
def test_a_pool_that_cancels_what_is_about_to_be_answered(end: bool) -> None:
    server = Server()
    server.open().stream.cancel()
    ear = server.open()
    server.pool.then["room_changed"] = ear.stream.cancel
    server.answer(3, end=end)  # which frees the place of the first
    assert ear.calls == []
    assert server.requests[3].resets == (0 if end else 1)
    assert server.client.streams == {}
    server.close()


def test_trailers_of_a_request() -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    ear.stream.write(b"abc")
    ear.stream.end([(b"X-Sum", b" 1 "), (b"Connection", b"x-y"), (b"x-y", b"2")])
    server.read()
    assert server.requests[1].body == b"abc"
    assert server.requests[1].trailers == {"x-sum": "1"}
    assert server.requests[1].ended
    server.answer(1, end=True)
    assert ear.calls == ["responded", "ended"]
    server.close()


def test_trailers_wait_for_the_last_byte() -> None:
    server = Server(greet={4: 2})
    ear = server.open("PUT", end=False)
    ear.stream.write(b"abc")
    ear.stream.end([(b"x", b"y")])
    assert server.read().requests[1].trailers is None
    server.update(1, 1)
    assert server.requests[1].frames == [2, 1]
    assert server.requests[1].trailers == {"x": "y"}
    server.close()


def test_trailers_and_no_body() -> None:
    server = Server(greet={4: 0})
    ear = server.open("PUT", end=False)
    ear.stream.end([(b"x", b"y")])
    assert server.read().requests[1].trailers == {"x": "y"}
    assert server.requests[1].frames == []
    server.close()


@pytest.mark.parametrize(
    "field",
    [
        (b"content-length", b"3"),
        (b"Host", b"a"),
        (b":path", b"/"),
        (b"x", b"a\r\nb"),
        (b"x y", b"a"),
    ],
)
def test_trailers_that_cannot_be_sent(field: tuple[bytes, bytes]) -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    with pytest.raises(UnsendableFields):
        ear.stream.end([field])
    ear.stream.end()
    assert server.read().requests[1].ended
    server.close()


def test_whether_the_body_has_begun() -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    assert not ear.stream.body_begun
    ear.stream.write(b"")
    assert not ear.stream.body_begun
    ear.stream.write(b"x")
    assert ear.stream.body_begun
    late = server.open("PUT", end=False)
    server.reset(3, 7)
    late.stream.write(b"x")
    assert not late.stream.body_begun
    server.close()


def test_what_was_whole_is_taken_after_the_connection_is_lost() -> None:
    server = Server()
    ear = server.open()
    ear.stream.pauseProducing()
    server.answer(1).data(1, b"first").data(1, b"second").trailers(1, ("x", "y"))
    assert ear.calls == ["responded"]
    server.lose()
    ear.stream.resumeProducing()
    assert ear.body == b"firstsecond"
    assert ear.trailers == [(b"x", b"y")]
    server.close()
