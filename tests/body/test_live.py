"""LivePayload: its table, one write to the consumer for each, and who waits for what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH

from tests.body.doubles import Downstream, Outcome, untimed, value_of
from txmultipart.body.live import LivePayload, State
from txmultipart.body.producer import BodyProducer, RawBody
from txmultipart.body.writer import FormData, MultipartWriter
from txmultipart.errors import MisuseError, PayloadError

HELD, WANTED, ENDED, FAILED, GONE = State


class Broken(Exception):
    """What content in these tests breaks with."""


class Rig:
    """A live payload that is sent to a consumer, by itself."""

    def __init__(self, **reactions: Any) -> None:
        self.payload = LivePayload()
        self.body = RawBody(self.payload)
        self.consumer: Any = Downstream(**reactions)
        self.writes: list[Outcome[None]] = []

    def start(self) -> Rig:
        self.done = Outcome(self.body.startProducing(self.consumer))
        return self

    def write(self, data: bytes = b"x") -> Outcome[None]:
        self.writes.append(Outcome(self.payload.write(data)))
        return self.writes[-1]


# The table ---------------------------------------------------------------------------


def reach(state: State) -> Rig:
    """A rig whose payload is in ``state`` and is being sent, but for HELD: paused."""
    rig = Rig().start()
    if state is HELD:
        rig.body.pauseProducing()
        rig.write(b"kept")
        rig.write(b"kept too")
    if state is ENDED:
        rig.payload.finish()
    if state is FAILED:
        rig.payload.fail(Failure(Broken()))
        rig.done.deferred.addErrback(lambda failure: None)
    if state is GONE:
        rig.body.stopProducing()
    assert rig.payload.state is state
    return rig


INPUTS: dict[str, Callable[[Rig], object]] = {
    "write": lambda rig: rig.write(),
    "write nothing": lambda rig: rig.write(b""),
    "finish": lambda rig: rig.payload.finish(),
    "fail": lambda rig: rig.payload.fail(Broken()),
    "close": lambda rig: rig.body.stopProducing(),
}
MISUSE = "misuse"
#: Where the state changes, or what is raised.
NEXT: dict[tuple[str, State], Any] = {
    ("finish", HELD): ENDED,
    ("finish", WANTED): ENDED,
    ("fail", HELD): FAILED,
    ("fail", WANTED): FAILED,
    ("close", HELD): GONE,
    ("close", WANTED): GONE,
    ("write", ENDED): MISUSE,
    ("write", FAILED): MISUSE,
    ("write nothing", ENDED): MISUSE,
    ("write nothing", FAILED): MISUSE,
}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("name", INPUTS)
def test_the_table_is_true(name: str, state: State) -> None:
    rig = reach(state)
    after = NEXT.get((name, state), state)
    for _ in range(2):
        if after is MISUSE:
            with pytest.raises(MisuseError, match="after its end"):
                INPUTS[name](rig)
        elif rig.payload.state is state or "write" not in name:
            INPUTS[name](rig)
    rig.done.deferred.addErrback(lambda failure: None)
    assert rig.payload.state is (state if after is MISUSE else after)
    assert rig.payload.closed is (rig.payload.state not in (HELD, WANTED))


def test_what_is_written_in_between_is_given_by_and_by() -> None:
    rig = reach(HELD)
    assert [write.fired for write in rig.writes] == [False, False]
    rig.body.resumeProducing()
    assert rig.consumer.pieces == [b"kept", b"kept too"]
    assert [write.fired for write in rig.writes] == [True, True]
    assert rig.payload.state is WANTED
    rig.body.stopProducing()


# Writing -----------------------------------------------------------------------------


def test_each_write_is_one_write_to_the_consumer() -> None:
    form, payload = FormData("b"), LivePayload(content_type="audio/l16")
    form.add_field("before", "1")
    form.add_file("audio", payload, filename="a.pcm")
    form.add_field("behind", "2")
    consumer: Any = Downstream()
    payload.write(b"early")
    payload.write(b"bird")
    done = Outcome(form.startProducing(consumer))
    head = b"".join(consumer.pieces[:-2])
    assert head.endswith(b"Content-Type: audio/l16\r\n\r\n")
    assert consumer.pieces[-2:] == [b"early", b"bird"]
    count = len(consumer.pieces)
    payload.write(b"a")
    payload.write(bytearray(b"b"))
    payload.write(memoryview(b"c"))
    assert consumer.pieces[count:] == [b"a", b"b", b"c"]
    payload.finish()
    assert done.value is None
    assert len(consumer.pieces) == count + 4
    assert consumer.data.endswith(b"2\r\n--b--\r\n")
    assert form.length == UNKNOWN_LENGTH
    assert not form.replayable


def test_it_waits_for_demand() -> None:
    rig = Rig()
    early = rig.write(b"early")
    assert not early.fired
    rig.start()
    assert early.value is None
    rig.body.pauseProducing()
    first, second = rig.write(b"1"), rig.write(b"2")
    # The one was asked for before the consumer paused.
    assert not first.fired
    assert not second.fired
    assert rig.consumer.data == b"early"
    rig.body.resumeProducing()
    assert (first.value, second.value) == (None, None)
    assert rig.consumer.data == b"early12"
    rig.payload.finish()
    assert rig.done.value is None


def test_a_writer_that_waits_needs_no_more_memory_than_one_write() -> None:
    rig: Rig = Rig(on_write=lambda number: rig.body.pauseProducing())
    written = 0

    async def write_all() -> None:
        nonlocal written
        for _ in range(100):
            await rig.payload.write(b"x")
            written += 1
        rig.payload.finish()

    writing = Outcome(Deferred.fromCoroutine(write_all()))
    rig.start()
    for _ in range(200):
        # What the consumer has taken, and one more that waits.
        assert written <= len(rig.consumer.data) <= written + 1
        rig.body.resumeProducing()
    assert writing.fired
    assert rig.done.value is None
    assert rig.consumer.data == b"x" * 100


def test_finishing_comes_behind_what_was_written() -> None:
    rig = Rig()
    early = rig.write(b"a")
    rig.payload.finish()
    rig.payload.finish()
    assert rig.start().done.value is None
    assert rig.consumer.data == b"a"
    assert early.value is None


@pytest.mark.parametrize("reason", [Broken(), Failure(Broken())], ids=["bare", "whole"])
@pytest.mark.parametrize("when", ["before", "waiting", "paused"])
def test_failing_fails_the_body(when: str, reason: Any) -> None:
    rig = Rig()
    if when != "before":
        rig.start()
    if when == "paused":
        rig.body.pauseProducing()
        rig.write(b"taken,")
    write = None if when == "waiting" else rig.write(b"never sent")
    rig.payload.fail(reason)
    assert write is None or write.value is None
    if when == "before":
        rig.start()
    rig.body.resumeProducing()
    assert isinstance(rig.done.error, Broken)
    assert rig.consumer.data == (b"taken," if when == "paused" else b"")
    rig.payload.finish()
    assert rig.payload.state is FAILED


def test_a_consumer_that_vanishes_lets_writers_go() -> None:
    rig = Rig().start()
    rig.body.pauseProducing()
    waiting = rig.write()
    rig.body.stopProducing()
    assert waiting.value is None
    assert rig.payload.closed
    assert rig.write(b"dropped").value is None
    assert not rig.done.fired
    assert rig.consumer.data == b""


def test_cancelling_a_wait_changes_nothing() -> None:
    rig = Rig().start()
    rig.body.pauseProducing()
    waiting = rig.write(b"a")
    waiting.deferred.cancel()
    assert isinstance(waiting.error, CancelledError)
    rig.body.resumeProducing()
    assert rig.consumer.data == b"a"
    rig.payload.finish()
    assert rig.done.value is None


def test_a_length_may_be_promised() -> None:
    payload, form = LivePayload(), FormData()
    form.add_field("a", payload)
    payload.length = 3
    consumer: Any = Downstream()
    done = Outcome(form.startProducing(consumer))
    payload.write(b"ab")
    payload.finish()
    assert isinstance(done.error, PayloadError)
    assert done.error.part == 1
    assert isinstance(form.length, int)


@pytest.mark.parametrize("data", ["text", 1, None, [b"a"]])
def test_only_bytes_are_written(data: Any) -> None:
    with pytest.raises(MisuseError, match="takes bytes"):
        LivePayload().write(data)


def test_it_is_sent_once() -> None:
    payload = LivePayload()
    payload.finish()
    with MultipartWriter() as writer:
        writer.append(payload)
    value_of(writer.as_bytes())
    with pytest.raises(PayloadError, match="only once"):
        writer.as_bytes()


def test_a_payload_that_is_never_sent_holds_nothing_up() -> None:
    payload = LivePayload()
    payload.write(b"a").addErrback(lambda failure: None)
    payload.fail(Broken())
    assert payload.state is FAILED


def begin_and_stop(writer: MultipartWriter) -> None:
    writer.startProducing(cast(Any, Downstream()))
    writer.stopProducing()


ENDS: dict[str, Callable[[MultipartWriter], object]] = {
    "an earlier part fails": lambda writer: writer.startProducing(
        cast(Any, Downstream())
    ).addErrback(lambda failure: failure.trap(Broken) and None),
    "it is stopped": lambda writer: begin_and_stop(writer),
    "it is cancelled": lambda writer: (
        writer.startProducing(cast(Any, Downstream()))
        .addErrback(lambda failure: None)
        .cancel()
    ),
    "it never begins": lambda writer: writer.stopProducing(),
}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("nested", [False, True])
def test_whose_turn_never_comes_is_told(name: str, nested: bool) -> None:
    writer, inner = MultipartWriter(), MultipartWriter()
    first: Deferred[bytes] = Deferred(lambda deferred: None)
    if name == "an earlier part fails":
        first.errback(Broken())
    writer.append([first])
    writer.append(inner)
    payload = LivePayload()
    (inner if nested else writer).append(payload)
    waiting = Outcome(payload.write(b"x"))
    assert not waiting.fired
    ENDS[name](writer)
    assert waiting.value is None
    assert payload.state is GONE
    assert value_of(payload.write(b"dropped")) is None
    with pytest.raises(PayloadError, match="only once"):
        writer.startProducing(cast(Any, Downstream()))


def test_one_that_another_body_sends_is_left_alone() -> None:
    payload, one, other = LivePayload(), MultipartWriter(), MultipartWriter()
    one.append(payload)
    other.append(payload)
    done = Outcome(one.startProducing(cast(Any, Downstream())))
    other.stopProducing()
    payload.write(b"x")
    payload.finish()
    assert done.value is None


# From within -------------------------------------------------------------------------

Act = Callable[[Rig], object]
ACTS: dict[str, Act] = {
    "write": lambda rig: rig.payload.closed or rig.write(b"inner"),
    "finish": lambda rig: rig.payload.finish(),
    "fail": lambda rig: rig.payload.fail(Broken()),
    "stop": lambda rig: rig.body.stopProducing(),
    "pause": lambda rig: rig.body.pauseProducing(),
    "pause and finish": lambda rig: both(rig, "pause", "finish"),
    "stop and fail": lambda rig: both(rig, "stop", "fail"),
    "write and finish": lambda rig: both(rig, "write", "finish"),
}


def both(rig: Rig, *names: str) -> None:
    for name in names:
        ACTS[name](rig)


RESULTS = {"fail": Broken, "stop": "never", "stop and fail": "never"}


def result_of(rig: Rig) -> Any:
    for _ in range(5):
        rig.body.resumeProducing()
    if not rig.payload.closed:
        rig.payload.finish()
    rig.done.deferred.addErrback(lambda failure: None)
    assert len(rig.done.results) <= 1
    assert all(write.fired for write in rig.writes)
    result = rig.done.results[0] if rig.done.fired else "never"
    return getattr(result, "type", result)


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("at", [1, 2])
def test_anything_may_be_done_from_within_a_write(at: int, name: str) -> None:
    rig: Rig = Rig(on_write=lambda number: ACTS[name](rig) if number == at else None)
    rig.start()
    rig.write(b"1")
    if not rig.payload.closed:
        rig.write(b"2")
    assert result_of(rig) == RESULTS.get(name)


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("started", [False, True])
def test_and_when_more_is_wanted(started: bool, name: str) -> None:
    rig = Rig()
    if started:
        rig.start()
        rig.body.pauseProducing()
    rig.writes.append(Outcome(rig.payload.write(b"1")))
    rig.writes[-1].deferred.addCallback(lambda _: ACTS[name](rig) and None)
    if not started:
        rig.start()
    rig.body.resumeProducing()
    assert result_of(rig) == RESULTS.get(name)


@untimed
@given(
    st.lists(st.sampled_from([*ACTS, "start", "resume"]), max_size=15),
    st.sampled_from(sorted(ACTS)),
    st.integers(0, 3),
)
def test_any_order_gives_one_outcome(names: list[str], within: str, at: int) -> None:
    rig: Rig = Rig(on_write=lambda number: ACTS[within](rig) if number == at else None)
    inputs: dict[str, Act] = {
        **ACTS,
        "start": lambda rig: hasattr(rig, "done") or rig.start(),
        "resume": lambda rig: rig.body.resumeProducing(),
    }
    for name in names:
        inputs[name](rig)
        if not hasattr(rig, "done") and rig.body.state.value == "stopped":
            with pytest.raises(PayloadError, match="only once"):
                rig.start()
            assert all(write.fired for write in rig.writes)
            return
    inputs["start"](rig)
    result = result_of(rig)
    assert result in (None, "never", Broken)
    assert (result == "never") == (rig.body.state.value == "stopped")


def test_it_can_be_part_of_what_is_nested() -> None:
    payload, inner, outer = LivePayload(), MultipartWriter(), MultipartWriter()
    inner.append(payload)
    outer.append(inner)
    consumer: Any = Downstream()
    done = Outcome(cast(BodyProducer, outer).startProducing(consumer))
    payload.write(b"1")
    payload.write(b"2")
    assert consumer.pieces[-2:] == [b"1", b"2"]
    payload.finish()
    assert done.value is None
