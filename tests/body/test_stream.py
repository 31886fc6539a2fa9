"""ByteStream: its table, its demand, and whoever calls it back from within."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.body.doubles import (
    Downstream,
    Outcome,
    RecordingSink,
    Upstream,
    error_of,
    untimed,
    value_of,
)
from txmultipart.body.file_sink import FileSink
from txmultipart.body.incoming import Incoming
from txmultipart.body.sinks import HashSink, MemorySink, TeeSink
from txmultipart.body.stream import ByteStream, State, take_kept
from txmultipart.errors import MisuseError, UploadAborted
from txmultipart.interfaces import ISink

IDLE, WAITING, FLOWING, HELD, OVER = State


class Broken(Exception):
    """What a source in these tests breaks with."""


class Rig:
    """A stream with a recorder at each end."""

    def __init__(self, state: State = IDLE) -> None:
        self.upstream = Upstream()
        self.consumer = Downstream()
        self.sink: Any = None
        self.stream = ByteStream()
        self.stream.registerProducer(self.upstream, True)
        self.outcomes: list[Outcome[Any]] = []
        getattr(self, f"_to_{state.value}")()
        assert self.stream.state is state
        self.upstream.calls.clear()

    def _to_idle(self) -> None:
        """It is so from the start."""

    def _to_waiting(self) -> None:
        self.read_chunk()

    def _to_flowing(self) -> None:
        self.write_to()

    def _to_held(self) -> None:
        self.write_to()
        self.stream.pauseProducing()

    def _to_over(self) -> None:
        self.end()
        self.read_chunk()
        self.outcomes.clear()

    # The inputs of the table

    def write(self) -> None:
        self.stream.write(b"data")

    def end(self) -> None:
        self.stream.unregisterProducer()

    def fail(self) -> None:
        self.stream.fail(Failure(Broken()))

    def read_chunk(self) -> None:
        self.outcomes.append(Outcome(self.stream.read_chunk()))

    def write_to(self) -> None:
        self.outcomes.append(Outcome(self.stream.write_to(self.consumer)))

    def pause(self) -> None:
        self.stream.pauseProducing()

    def resume(self) -> None:
        self.stream.resumeProducing()

    def stop(self) -> None:
        self.stream.stopProducing()

    def cancel(self) -> None:
        for outcome in self.outcomes:
            outcome.deferred.cancel()


# What comes of an input, other than the next state -----------------------------------


def nothing(rig: Rig) -> None:
    assert not any(outcome.fired for outcome in rig.outcomes)
    assert not rig.consumer.pieces


def kept(rig: Rig) -> None:
    nothing(rig)
    assert take_kept(rig.stream) == [b"data"]


def noted(rig: Rig) -> None:
    nothing(rig)
    assert rig.consumer.unregistered == 0


def given_chunk(rig: Rig) -> None:
    assert rig.outcomes[0].value == b"data"


def given_end(rig: Rig) -> None:
    assert rig.outcomes[0].value == b""


def given_failure(rig: Rig) -> None:
    assert isinstance(rig.outcomes[0].error, Broken)


def passed_on(rig: Rig) -> None:
    assert rig.consumer.pieces == [b"data"]
    assert not rig.outcomes[0].fired


def written_end(rig: Rig) -> None:
    assert rig.outcomes[0].value == 0
    assert rig.consumer.unregistered == 1


def written_failure(rig: Rig) -> None:
    assert isinstance(rig.outcomes[0].error, Broken)
    assert rig.consumer.unregistered == 1


def cancelled(rig: Rig) -> None:
    assert isinstance(rig.outcomes[0].error, CancelledError)


def released(rig: Rig) -> None:
    cancelled(rig)
    assert rig.consumer.unregistered == 1


Act = Callable[[Rig], object]
Check = Callable[[Rig], None]
MISUSE: Any = "misuse"

# The table of the module, a line for each input: the next state and what comes of it.
TABLE: dict[str, dict[State, tuple[State, Check] | str]] = {
    "write": {
        IDLE: (IDLE, lambda rig: None),
        WAITING: (IDLE, given_chunk),
        FLOWING: (FLOWING, passed_on),
        HELD: (HELD, noted),
        OVER: (OVER, nothing),
    },
    "end": {
        IDLE: (IDLE, noted),
        WAITING: (OVER, given_end),
        FLOWING: (OVER, written_end),
        HELD: (HELD, noted),
        OVER: (OVER, nothing),
    },
    "fail": {
        IDLE: (IDLE, noted),
        WAITING: (OVER, given_failure),
        FLOWING: (OVER, written_failure),
        HELD: (OVER, written_failure),  # unless bytes are kept
        OVER: (OVER, nothing),
    },
    "read_chunk": {
        IDLE: (WAITING, nothing),
        WAITING: MISUSE,
        FLOWING: MISUSE,
        HELD: MISUSE,
        OVER: (OVER, given_end),
    },
    "write_to": {
        IDLE: (FLOWING, nothing),
        WAITING: MISUSE,
        FLOWING: MISUSE,
        HELD: MISUSE,
        OVER: MISUSE,  # unless it has failed
    },
    "pause": {
        IDLE: (IDLE, nothing),
        WAITING: (WAITING, nothing),
        FLOWING: (HELD, nothing),
        HELD: (HELD, nothing),
        OVER: (OVER, nothing),
    },
    "resume": {
        IDLE: (IDLE, nothing),
        WAITING: (WAITING, nothing),
        FLOWING: (FLOWING, nothing),
        HELD: (FLOWING, nothing),
        OVER: (OVER, nothing),
    },
    "stop": {
        IDLE: (IDLE, nothing),
        WAITING: (WAITING, nothing),
        FLOWING: (IDLE, released),
        HELD: (IDLE, released),
        OVER: (OVER, nothing),
    },
    "cancel": {
        IDLE: (IDLE, nothing),
        WAITING: (IDLE, cancelled),
        FLOWING: (IDLE, released),
        HELD: (IDLE, released),
        OVER: (OVER, nothing),
    },
}
DEMAND = {WAITING, FLOWING}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("name", TABLE)
def test_the_table_is_true(name: str, state: State) -> None:
    rig = Rig(state)
    expected = TABLE[name][state]
    if expected == MISUSE:
        why = "to its end" if state is OVER else f"read already .{state.value}"
        with pytest.raises(MisuseError, match=why):
            getattr(rig, name)()
        assert rig.stream.state is state
        return
    getattr(rig, name)()
    assert isinstance(expected, tuple)
    assert rig.stream.state is expected[0]
    expected[1](rig)


OPEN_CASES = [
    pytest.param(name, state, id=f"{name}-{state.value}")
    for name, line in TABLE.items()
    for state, expected in line.items()
    if expected != MISUSE and state is not OVER and name not in ("end", "fail")
]


@pytest.mark.parametrize(("name", "state"), OPEN_CASES)
def test_the_producer_runs_only_while_there_is_demand(name: str, state: State) -> None:
    rig = Rig(state)
    assert rig.upstream.running == (state in DEMAND)
    getattr(rig, name)()
    assert rig.upstream.running == (rig.stream.state in DEMAND)


def test_it_is_what_it_says() -> None:
    stream = ByteStream()
    verifyObject(ISink, stream)
    verifyObject(IPushProducer, stream)
    assert aiter(stream) is stream
    assert value_of(stream.finish()) is None


# Demand ------------------------------------------------------------------------------


def test_a_producer_is_paused_until_somebody_waits() -> None:
    upstream, stream = Upstream(), ByteStream()
    stream.registerProducer(upstream, True)
    assert upstream.calls == ["pause"]
    chunk = Outcome(stream.read_chunk())
    assert upstream.calls == ["pause", "resume"]
    stream.write(b"a")
    assert chunk.value == b"a"
    assert upstream.calls == ["pause", "resume", "pause"]


def test_a_producer_that_comes_when_somebody_waits_just_runs() -> None:
    upstream, stream = Upstream(), ByteStream()
    stream.read_chunk()
    stream.registerProducer(upstream, True)
    assert upstream.calls == []


def test_bytes_in_spite_of_a_pause_are_kept_and_the_pause_is_repeated() -> None:
    rig = Rig()
    rig.write()
    rig.write()
    assert rig.upstream.calls == ["pause", "pause"]
    assert take_kept(rig.stream) == [b"data", b"data"]
    assert rig.stream.taken == 8


def test_kept_bytes_are_given_before_the_producer_is_resumed() -> None:
    rig = Rig()
    rig.write()
    rig.upstream.calls.clear()
    assert value_of(rig.stream.read_chunk()) == b"data"
    assert rig.upstream.calls == []


def test_the_pause_of_a_consumer_reaches_the_source() -> None:
    rig = Rig(FLOWING)
    rig.consumer.producer.pauseProducing()
    rig.consumer.producer.pauseProducing()
    rig.write()
    assert rig.upstream.calls == ["pause", "pause"]  # the second is for the bytes
    assert rig.consumer.pieces == []
    rig.consumer.producer.resumeProducing()
    assert rig.upstream.calls[2:] == ["resume"]
    assert rig.consumer.pieces == [b"data"]


def test_a_source_that_writes_when_it_is_resumed_is_no_trouble() -> None:
    stream = ByteStream()
    upstream = Upstream(resume=lambda: stream.write(b"at once"))
    stream.registerProducer(upstream, True)
    assert value_of(stream.read_chunk()) == b"at once"
    assert upstream.calls == ["pause", "resume", "pause"]


def test_a_stream_takes_one_producer() -> None:
    stream = ByteStream()
    stream.registerProducer(Upstream(), True)
    with pytest.raises(MisuseError, match="one producer"):
        stream.registerProducer(Upstream(), True)


def test_an_empty_write_is_nothing() -> None:
    rig = Rig(WAITING)
    rig.stream.write(b"")
    assert not rig.outcomes[0].fired


# The end -----------------------------------------------------------------------------


@pytest.mark.parametrize("failing", [False, True], ids=["end", "failure"])
def test_the_end_comes_after_the_kept_bytes_and_ever_after(failing: bool) -> None:
    rig = Rig()
    rig.write()
    rig.fail() if failing else rig.end()
    assert value_of(rig.stream.read_chunk()) == b"data"
    for _ in range(2):
        if failing:
            assert isinstance(error_of(rig.stream.read_chunk()), Broken)
        else:
            assert value_of(rig.stream.read_chunk()) == b""


def test_only_the_first_end_counts() -> None:
    rig = Rig()
    rig.end()
    rig.fail()
    rig.end()
    assert value_of(rig.stream.read_chunk()) == b""


async def test_iterating_answers_from_what_is_kept() -> None:
    stream = ByteStream()
    stream.write(b"a")
    stream.write(b"b")
    # No Deferred is awaited for these two: the coroutine ends at its first step.
    for expected in (b"a", b"b"):
        with pytest.raises(StopIteration) as stopped:
            stream.__anext__().send(None)
        assert stopped.value.value == expected
    stream.unregisterProducer()
    assert [chunk async for chunk in stream] == []


async def test_iterating_ends_with_what_broke_the_source() -> None:
    stream = ByteStream()
    stream.write(b"a")
    stream.fail(Failure(Broken()))
    chunks: list[bytes] = []

    async def iterate() -> None:
        async for chunk in stream:
            chunks.append(chunk)

    with pytest.raises(Broken):
        await iterate()
    assert chunks == [b"a"]


def test_cancelling_a_read_loses_no_bytes() -> None:
    rig = Rig(WAITING)
    rig.cancel()
    assert rig.upstream.calls == ["pause"]
    rig.write()
    assert value_of(rig.stream.read_chunk()) == b"data"


def test_a_failure_comes_behind_the_bytes_that_a_paused_consumer_has_not_had() -> None:
    rig = Rig(HELD)
    rig.write()
    rig.fail()
    noted(rig)
    rig.resume()
    assert rig.consumer.pieces == [b"data"]
    written_failure(rig)


def test_a_consumer_that_pauses_at_the_last_bytes_is_told_of_a_failure() -> None:
    rig = Rig()
    rig.consumer = Downstream(lambda number: rig.pause())
    rig.write()
    rig.fail()
    rig.write_to()
    assert rig.consumer.pieces == [b"data"]
    written_failure(rig)


def test_the_end_waits_until_a_paused_consumer_goes_on() -> None:
    rig = Rig(HELD)
    rig.end()
    noted(rig)
    rig.resume()
    written_end(rig)


# write_to ----------------------------------------------------------------------------


def test_write_to_counts_what_it_wrote_and_no_more() -> None:
    stream, consumer = ByteStream(), Downstream()
    stream.write(b"taken before")
    take_kept(stream)
    written = Outcome(stream.write_to(consumer))
    stream.write(b"abc")
    stream.unregisterProducer()
    assert written.value == 3
    assert (consumer.registered, consumer.unregistered) == (1, 1)


SINK_LIVES: dict[str, tuple[Callable[[Rig], object], list[str]]] = {
    "end": (Rig.end, ["register", "unregister", "finish"]),
    "failure": (Rig.fail, ["register", "fail", "unregister"]),
    "stop": (Rig.stop, ["register", "fail", "unregister"]),
    "its own stop": (
        lambda rig: rig.sink.producer.stopProducing(),
        ["register", "unregister", "finish"],
    ),
    "cancel": (Rig.cancel, ["register", "fail", "unregister"]),
}


@pytest.mark.parametrize(("act", "life"), SINK_LIVES.values(), ids=SINK_LIVES)
def test_a_sink_is_either_finished_or_failed(
    act: Callable[[Rig], object], life: list[str]
) -> None:
    rig, sink = Rig(), RecordingSink()
    rig.sink = sink
    rig.outcomes.append(Outcome(rig.stream.write_to(sink)))
    act(rig)
    assert sink.calls == life
    assert rig.outcomes[0].fired


def test_a_sink_that_stops_has_the_last_word() -> None:
    rig = Rig()
    sink = RecordingSink(OSError("disk full"))
    written = Outcome(rig.stream.write_to(sink))
    sink.producer.stopProducing()
    assert isinstance(written.error, OSError)


def test_a_stream_that_is_stopped_is_no_reason_of_its_sink() -> None:
    rig, sink = Rig(), RecordingSink(OSError("never asked"))
    written = Outcome(rig.stream.write_to(sink))
    rig.stop()
    assert isinstance(written.error, CancelledError)
    assert sink.calls == ["register", "fail", "unregister"]


async def test_a_part_that_is_stopped_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    for number, sink in enumerate(
        (
            FileSink(tmp_path / "new"),
            FileSink(tmp_path / "old", collision="overwrite"),
            TeeSink(FileSink(tmp_path / "new"), HashSink()),
        )
    ):
        stream = ByteStream()
        written = stream.write_to(sink)
        stream.write(b"only the first half")
        stream.stopProducing()
        with pytest.raises(CancelledError):
            await written
        names = [path.name for path in tmp_path.iterdir()]
        assert names == ["old"], number
    assert (tmp_path / "old").read_bytes() == b"old"


def test_who_has_had_all_may_stop_nobody_elses_writing() -> None:
    rig, first = Rig(), Downstream()
    written = Outcome(rig.stream.write_to(first))
    producer = first.producer
    written.deferred.cancel()
    rig.write_to()
    producer.pauseProducing()
    producer.stopProducing()
    producer.resumeProducing()
    assert rig.stream.state is FLOWING


# Reading after the end ---------------------------------------------------------------


async def test_the_end_is_given_ever_after_to_who_reads_on() -> None:
    body = Incoming()
    body.write(b"all")
    body.unregisterProducer()
    assert await body.read() == b"all"
    assert await body.read_chunk() == b""
    assert await body.readline() == b""
    assert await body.discard() == 0
    assert [chunk async for chunk in body] == []


ALL_OF_IT: dict[str, Callable[[Incoming, Path], object]] = {
    "read": lambda body, path: body.read(),
    "write_to": lambda body, path: body.write_to(MemorySink(9)),
    "save": lambda body, path: body.save(path),
    "deliverBody": lambda body, path: body.deliverBody(Protocol()),
}


@pytest.mark.parametrize("how", ALL_OF_IT)
@pytest.mark.parametrize("content", [b"", b"all"])
async def test_all_of_it_cannot_be_read_twice(
    how: str, content: bytes, tmp_path: Path
) -> None:
    body = Incoming()
    body.write(content)
    body.unregisterProducer()
    assert await body.read() == content  # one that is empty, too
    with pytest.raises(MisuseError, match="the stream was read to its end already"):
        ALL_OF_IT[how](body, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_told_again_to_who_reads_all() -> None:
    rig = Rig()
    rig.fail()
    for _ in range(2):
        assert isinstance(error_of(rig.stream.write_to(Downstream())), Broken)


NO_CONSUMERS: dict[str, Any] = {
    "str": "path",
    "function": print,
    "BytesIO": BytesIO(),
    "the class MemorySink": MemorySink,
}


@pytest.mark.parametrize("name", NO_CONSUMERS)
def test_who_writes_to_no_consumer_is_told_what_to_use(name: str) -> None:
    stream = ByteStream()
    name, thing = name.replace("function", type(print).__name__), NO_CONSUMERS[name]
    with pytest.raises(MisuseError, match=rf"not {name}; .*save\(path\).*CallableSink"):
        stream.write_to(thing)
    assert stream.state is IDLE


def test_a_producer_may_cancel_when_it_is_paused_at_the_end() -> None:
    stream, waiting = ByteStream(), list[Deferred[int]]()
    pausing = Upstream(pause=lambda: [one.cancel() for one in waiting])  # type: ignore[func-returns-value]
    stream.registerProducer(pausing, True)

    def fall(number: int) -> None:
        raise Broken

    written = stream.write_to(Downstream(fall))
    outcome = Outcome(written)
    waiting.append(written)
    stream.write(b"x")
    assert isinstance(outcome.error, Broken)
    assert stream.state is IDLE


def test_a_failing_finish_fails_the_writing() -> None:
    rig = Rig()
    written = Outcome(rig.stream.write_to(RecordingSink(OSError("disk full"))))
    rig.end()
    assert isinstance(written.error, OSError)


class OddSink(RecordingSink):
    """A sink that is finished in an unusual way."""

    def __init__(self, finish: Callable[[], Any]) -> None:
        super().__init__()
        self._finish = finish

    def finish(self) -> Deferred[None]:
        result: Deferred[None] = self._finish()
        return result


def _raise() -> None:
    raise Broken


ODD_FINISHES: dict[str, tuple[Callable[[], Any], type[BaseException] | int]] = {
    "raises": (_raise, Broken),
    "gives a value": (lambda: succeed("a value"), 4),
    "fails": (lambda: fail(Broken()), Broken),
}


@pytest.mark.parametrize(
    ("finish", "expected"), ODD_FINISHES.values(), ids=ODD_FINISHES
)
def test_there_is_an_outcome_however_a_sink_finishes(
    finish: Callable[[], Any], expected: type[BaseException] | int
) -> None:
    rig = Rig()
    written = Outcome(rig.stream.write_to(OddSink(finish)))
    rig.write()
    rig.end()
    if isinstance(expected, int):
        assert written.value == expected
    else:
        assert isinstance(written.error, expected)


def test_the_writing_is_over_only_when_the_sink_is() -> None:
    rig, closing = Rig(), Deferred[None]()
    written = Outcome(rig.stream.write_to(OddSink(lambda: closing)))
    rig.end()
    assert not written.fired
    closing.callback(None)
    assert written.value == 0


def test_cancelling_while_the_sink_finishes_gives_one_outcome() -> None:
    rig, closing = Rig(), Deferred[None]()
    written = Outcome(rig.stream.write_to(OddSink(lambda: closing)))
    rig.end()
    written.deferred.cancel()
    assert isinstance(written.error, CancelledError)
    closing.callback(None)
    assert len(written.results) == 1


def test_cancelling_while_a_sink_undoes_tells_what_broke_the_source() -> None:
    """Frameworks cancel a handler whose peer has gone, which is what it should hear."""
    rig, undoing = Rig(), Deferred[None]()
    sink = RecordingSink()
    sink.fail = lambda failure: undoing  # type: ignore[method-assign]
    written = Outcome(rig.stream.write_to(sink))
    rig.fail()
    assert not written.fired
    written.deferred.cancel()
    assert isinstance(written.error, Broken)
    undoing.callback(None)
    assert len(written.results) == 1


def test_and_of_a_peer_that_went_away_so_that_frameworks_need_not_log_it() -> None:
    rig, undoing = Rig(), Deferred[None]()
    sink = RecordingSink()
    sink.fail = lambda failure: undoing  # type: ignore[method-assign]
    written = Outcome(rig.stream.write_to(sink))
    rig.stream.fail(Failure(UploadAborted(7, reason := ConnectionError())))
    written.deferred.cancel()
    error = written.error
    assert isinstance(error, UploadAborted)
    assert isinstance(error, CancelledError)
    assert (error.received, error.reason) == (7, reason)
    assert str(error) == str(UploadAborted(7))
    undoing.callback(None)
    assert len(written.results) == 1


def test_what_the_consumers_write_raises_leaves_the_rest_unread() -> None:
    rig = Rig()
    written = Outcome(rig.stream.write_to(MemorySink(5)))
    rig.write()
    rig.write()
    assert written.error.args[0].startswith("max_field_size")
    rig.write()
    assert value_of(rig.stream.read_chunk()) == b"data"


def test_a_consumer_that_refuses_leaves_the_stream_as_it_was() -> None:
    rig = Rig()
    taken = MemorySink(10)
    taken.registerProducer(Upstream(), True)
    with pytest.raises(MisuseError, match="one producer"):
        rig.stream.write_to(taken)
    assert rig.stream.state is IDLE
    assert not rig.upstream.running
    written = Outcome(rig.stream.write_to(rig.consumer))
    rig.write()
    rig.end()
    assert written.value == 4


def test_a_failure_goes_through_a_chain_of_streams() -> None:
    """And is not taken for the end, which would pass off a part as the whole."""
    first, second = ByteStream(), ByteStream()
    written = Outcome(first.write_to(second))
    first.write(b"some")
    first.fail(Failure(Broken()))
    assert value_of(second.read_chunk()) == b"some"
    assert isinstance(error_of(second.read_chunk()), Broken)
    assert isinstance(written.error, Broken)


def test_demand_goes_through_a_chain_of_streams() -> None:
    rig, second = Rig(), ByteStream()
    written = Outcome(rig.stream.write_to(second))
    assert not rig.upstream.running
    chunk = Outcome(second.read_chunk())
    assert rig.upstream.running
    rig.write()
    assert chunk.value == b"data"
    assert not rig.upstream.running
    rig.end()
    assert value_of(second.read_chunk()) == b""
    assert written.value == 4


# Called back from within -------------------------------------------------------------


def test_a_reader_may_read_on_from_within_its_answer() -> None:
    rig, chunks = Rig(), list[bytes]()

    def again(chunk: bytes) -> None:
        chunks.append(chunk)
        if chunk:
            rig.stream.read_chunk().addCallback(again)

    rig.stream.read_chunk().addCallback(again)
    rig.write()
    rig.write()
    rig.end()
    assert chunks == [b"data", b"data", b""]


def both(first: Act, second: Act) -> Act:
    """One after the other."""

    def acts(rig: Rig) -> None:
        first(rig)
        second(rig)

    return acts


ACTS: dict[str, Act] = {
    "pause": Rig.pause,
    "pause twice": both(Rig.pause, Rig.pause),
    "pause and resume": both(Rig.pause, Rig.resume),
    "resume": Rig.resume,
    "resume twice": both(Rig.resume, Rig.resume),
    "write": lambda rig: rig.stream.write(b"+"),
    "stop": Rig.stop,
    "stop twice": both(Rig.stop, Rig.stop),
    "stop and raise": both(Rig.stop, lambda rig: _raise()),
    "cancel": Rig.cancel,
    "cancel and raise": both(Rig.cancel, lambda rig: _raise()),
    "raise": lambda rig: _raise(),
    "end": Rig.end,
    "fail": Rig.fail,
}
#: What was written, and what came of it, where that is not b"123" and its length.
ENDS: dict[str, tuple[bytes, int | type[BaseException]]] = {
    "write": (b"12+3", 4),
    "stop": (b"12", CancelledError),
    "stop twice": (b"12", CancelledError),
    "stop and raise": (b"12", CancelledError),
    "cancel": (b"12", CancelledError),
    "cancel and raise": (b"12", CancelledError),
    "raise": (b"12", Broken),
    "end": (b"12", 2),
    "fail": (b"12", Broken),
}


@pytest.mark.parametrize("name", ACTS)
def test_a_consumer_may_do_anything_from_within_its_write(name: str) -> None:
    rig = Rig()
    rig.consumer = Downstream(lambda number: number == 2 and ACTS[name](rig))
    rig.write_to()
    for piece in (b"1", b"2", b"3"):
        rig.stream.write(piece)
    rig.end()
    rig.resume()
    data, outcome = ENDS.get(name, (b"123", 3))
    assert rig.consumer.data == data
    assert rig.consumer.unregistered == 1
    result = rig.outcomes[0].results[0]
    assert getattr(result, "type", result) == outcome


@pytest.mark.parametrize("name", [name for name in ACTS if "cancel" not in name])
def test_and_so_when_the_bytes_were_there_before_it(name: str) -> None:
    rig = Rig()
    rig.consumer = Downstream(lambda number: number == 2 and ACTS[name](rig))
    for piece in (b"1", b"2", b"3"):
        rig.stream.write(piece)
    rig.write_to()
    rig.end()
    rig.resume()
    # What came before the end is still given, and so is what came before a failure.
    data, outcome = ENDS.get(name, (b"123", 3))
    if name in ("end", "fail", "write"):
        data = b"123+" if name == "write" else b"123"
        outcome = outcome if name == "fail" else len(data)
    assert rig.consumer.data == data
    result = rig.outcomes[0].results[0]
    assert getattr(result, "type", result) == outcome


@pytest.mark.parametrize("name", ["pause", "stop", "stop twice", "resume"])
def test_a_consumer_may_act_from_within_its_registration(name: str) -> None:
    rig = Rig()
    rig.consumer = Downstream(on_register=lambda: ACTS[name](rig))
    rig.stream.write(b"data")
    rig.write_to()
    rig.end()
    assert rig.consumer.data == (b"data" if name == "resume" else b"")
    rig.resume()
    assert rig.outcomes[0].fired
    assert rig.consumer.unregistered == 1


@pytest.mark.parametrize("failing", [False, True], ids=["end", "failure"])
def test_whoever_is_told_of_the_end_may_ask_again(failing: bool) -> None:
    stream = ByteStream()
    done = Outcome(Deferred.fromCoroutine(_twice(stream)))
    stream.fail(Failure(Broken())) if failing else stream.unregisterProducer()
    assert done.value == ([Broken] * 4 if failing else [b"", MisuseError] * 2)


async def _twice(stream: ByteStream) -> list[object]:
    answers: list[object] = []
    asks: list[Callable[[], Deferred[Any]]]
    asks = [stream.read_chunk, lambda: stream.write_to(Downstream())]
    for ask in asks * 2:
        try:
            answers.append(await ask())
        except (Broken, MisuseError) as error:
            answers.append(type(error))
    return answers


def test_a_consumer_may_hand_over_to_another_from_within_its_write() -> None:
    rig, second = Rig(), Downstream()

    def hand_over(number: int) -> None:
        rig.stop()
        rig.outcomes.append(Outcome(rig.stream.write_to(second)))

    rig.consumer = Downstream(hand_over)
    rig.write_to()
    rig.stream.write(b"1")
    rig.stream.write(b"2")
    rig.end()
    assert (rig.consumer.data, second.data) == (b"1", b"2")
    stopped, written = sorted(rig.outcomes, key=lambda outcome: outcome.results == [1])
    assert isinstance(stopped.error, CancelledError)
    assert written.value == 1


# Any order ---------------------------------------------------------------------------


@untimed
@given(st.lists(st.sampled_from(sorted(TABLE)), max_size=30))
def test_any_order_of_inputs_gives_one_outcome_each(names: list[str]) -> None:
    rig = Rig()
    for name in names:
        rig.consumer = Downstream() if name == "write_to" else rig.consumer
        try:
            getattr(rig, name)()
        except MisuseError:
            assert name in ("read_chunk", "write_to")
    rig.end()
    rig.resume()
    assert all(len(outcome.results) == 1 for outcome in rig.outcomes)
    assert rig.stream.state in (IDLE, OVER)


class Feeder:
    """Reads a stream in turns of every kind, and says what came."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self.got: list[bytes] = []

    def read(self) -> None:
        self.stream.read_chunk().addCallback(self.got.append)

    def consume(self) -> None:
        sink = Downstream(lambda number: self.got.append(sink.pieces[-1]))
        self.stream.write_to(sink).addErrback(lambda failure: None)

    def stop(self) -> None:
        self.stream.stopProducing()


@untimed
@given(st.lists(st.sampled_from(["write", "read", "consume", "stop", "hold", "go"])))
def test_no_byte_is_lost_or_told_twice(names: list[str]) -> None:
    stream = ByteStream()
    feeder, sent = Feeder(stream), list[bytes]()
    actions: dict[str, Callable[[], None]] = {
        "read": feeder.read,
        "consume": feeder.consume,
        "stop": feeder.stop,
        "hold": stream.pauseProducing,
        "go": stream.resumeProducing,
    }
    for name in names:
        if name == "write":
            sent.append(b"%d," % len(sent))
            stream.write(sent[-1])
        elif name in actions and (
            name not in ("read", "consume") or stream.state in (IDLE, OVER)
        ):
            actions[name]()
    stream.stopProducing()
    if stream.state is IDLE:
        feeder.got += take_kept(stream)
    assert b"".join(feeder.got) == b"".join(sent)
