"""CallableSink: one call at a time, and the sender held meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.body.doubles import Outcome, Upstream, error_of, untimed, value_of
from txmultipart.body.callable_sink import CallableSink
from txmultipart.body.stream import ByteStream
from txmultipart.interfaces import ISink


class Slow:
    """A function whose calls end when the test says so."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.calls: list[Deferred[None]] = []
        self.upstream = Upstream()
        self.sink = CallableSink(self)
        self.sink.registerProducer(self.upstream, True)

    def __call__(self, data: bytes) -> Deferred[None]:
        self.pieces.append(data)
        self.calls.append(Deferred())
        return self.calls[-1]

    def answer(self) -> None:
        self.calls[-1].callback(None)


PIECES: list[bytes] = []


def _deferred(data: bytes) -> Deferred[None]:
    PIECES.append(data)
    return succeed(None)


async def _coroutine(data: bytes) -> None:
    PIECES.append(data)


WAYS: dict[str, Callable[[bytes], object]] = {
    "a function": PIECES.append,
    "a Deferred": _deferred,
    "a coroutine": _coroutine,
}


@pytest.mark.parametrize("function", WAYS.values(), ids=WAYS)
def test_whatever_is_called_gets_every_piece(
    function: Callable[[bytes], object],
) -> None:
    PIECES.clear()
    stream, upstream = ByteStream(), Upstream()
    stream.registerProducer(upstream, True)
    written = Outcome(stream.write_to(CallableSink(function)))
    stream.write(b"ab")
    stream.write(b"cd")
    assert upstream.running
    stream.unregisterProducer()
    assert written.value == 4
    assert PIECES == [b"ab", b"cd"]


def test_it_is_what_it_says() -> None:
    verifyObject(ISink, CallableSink(print))


def test_the_sender_is_held_while_a_call_is_under_way() -> None:
    slow = Slow()
    slow.sink.write(b"1")
    assert slow.upstream.calls == ["pause"]
    slow.sink.write(b"2")  # in spite of the pause
    assert slow.pieces == [b"1"]
    slow.answer()
    assert slow.pieces == [b"1", b"2"]
    assert slow.upstream.calls == ["pause"]
    slow.answer()
    assert slow.upstream.calls == ["pause", "resume"]


def test_the_end_waits_for_the_last_call() -> None:
    slow = Slow()
    slow.sink.write(b"1")
    slow.sink.write(b"2")
    slow.sink.unregisterProducer()
    finished = Outcome(slow.sink.finish())
    slow.answer()
    assert not finished.fired
    slow.answer()
    assert finished.value is None


def test_a_call_that_fails_stops_the_sender() -> None:
    slow = Slow()
    slow.sink.write(b"1")
    slow.sink.write(b"2")
    slow.calls[0].errback(OSError("no room"))
    assert slow.upstream.calls == ["pause", "stop"]
    slow.sink.write(b"3")
    assert slow.pieces == [b"1"]
    assert str(error_of(slow.sink.finish())) == "no room"


def test_a_call_that_fails_at_the_end_is_told_too() -> None:
    slow = Slow()
    slow.sink.write(b"1")
    slow.sink.unregisterProducer()
    finished = Outcome(slow.sink.finish())
    slow.calls[0].errback(OSError("no room"))
    assert str(finished.error) == "no room"


@pytest.mark.parametrize(
    "function",
    [lambda data: 1 / 0, lambda data: fail(ZeroDivisionError())],
    ids=["raises", "fails"],
)
def test_what_a_call_fails_with_fails_the_writing(
    function: Callable[[bytes], object],
) -> None:
    stream = ByteStream()
    written = Outcome(stream.write_to(CallableSink(function)))
    stream.write(b"1")
    assert isinstance(written.error, ZeroDivisionError)
    stream.write(b"2")
    assert value_of(stream.read_chunk()) == b"2"


def test_a_source_that_breaks_cancels_the_call() -> None:
    slow = Slow()
    slow.sink.write(b"1")
    slow.sink.write(b"2")
    cancelled = Outcome(slow.calls[0])
    value_of(slow.sink.fail(Failure(OSError("gone"))))
    assert cancelled.fired
    assert slow.pieces == [b"1"]
    assert str(error_of(slow.sink.finish())) == "gone"
    assert slow.upstream.calls == ["pause"]


def test_a_source_that_breaks_between_calls_cancels_none() -> None:
    slow = Slow()
    value_of(slow.sink.fail(Failure(OSError("gone"))))
    slow.sink.write(b"1")
    assert slow.pieces == []


def test_a_call_may_write_more() -> None:
    pieces: list[bytes] = []

    def again(data: bytes) -> None:
        pieces.append(data)
        if len(pieces) < 3:
            sink.write(b"more")

    sink = CallableSink(again)
    sink.write(b"1")
    assert pieces == [b"1", b"more", b"more"]


def test_a_thousand_quick_calls_do_not_nest() -> None:
    slow = Slow()
    for number in range(2000):
        slow.sink.write(b"%d" % number)
    slow.sink._function = lambda data: slow.pieces.append(data)
    slow.answer()
    assert len(slow.pieces) == 2000


@untimed
@given(st.lists(st.sampled_from(["write", "answer", "break", "fail"]), max_size=20))
def test_any_order_comes_to_one_outcome(names: list[str]) -> None:
    slow = Slow()
    for name in names:
        if name == "write":
            slow.sink.write(b"x")
        elif name == "fail":
            slow.sink.fail(Failure(OSError()))
        elif slow.calls and not slow.calls[-1].called:
            call = slow.calls[-1]
            call.callback(None) if name == "answer" else call.errback(OSError())
    slow.sink.unregisterProducer()
    finished: Outcome[Any] = Outcome(slow.sink.finish())
    while slow.calls and not slow.calls[-1].called:
        slow.answer()
    (result,) = finished.results
    broken = "fail" in names or isinstance(result, Failure)
    assert broken or len(slow.pieces) == names.count("write")
