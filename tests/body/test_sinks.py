"""Sinks: memory, digests, bounds, and one stream given to several."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.body.doubles import (
    Downstream,
    Outcome,
    RecordingSink,
    Upstream,
    untimed,
    value_of,
)
from tests.guard import LoggedErrors
from txmultipart.body.callable_sink import CallableSink
from txmultipart.body.coded_sink import CodedSink
from txmultipart.body.delivery import BodyReader
from txmultipart.body.file_sink import FileSink
from txmultipart.body.protocol_sink import ProtocolSink
from txmultipart.body.sinks import (
    DiscardSink,
    HashSink,
    LimitSink,
    MemorySink,
    Sink,
    TeeSink,
)
from txmultipart.body.stream import ByteStream
from txmultipart.errors import LimitExceeded, MisuseError
from txmultipart.interfaces import ISink
from txmultipart.sansio.codings import transfer_decoder

SINKS: dict[str, Callable[[], Sink]] = {
    "Sink": Sink,
    "DiscardSink": DiscardSink,
    "MemorySink": lambda: MemorySink(10),
    "LimitSink": lambda: LimitSink(10, limit="max_field_size"),
    "HashSink": HashSink,
    "TeeSink": lambda: TeeSink(MemorySink(10), HashSink()),
}


@pytest.mark.parametrize("make", SINKS.values(), ids=SINKS)
def test_every_sink_is_one(make: Callable[[], Sink]) -> None:
    sink = make()
    verifyObject(ISink, sink)
    sink.registerProducer(Upstream(), True)
    with pytest.raises(MisuseError, match="one producer"):
        sink.registerProducer(Upstream(), True)
    sink.unregisterProducer()
    assert value_of(sink.finish()) is None
    assert value_of(sink.fail(Failure(OSError()))) is None


def test_a_sink_without_a_write_method_says_so() -> None:
    with pytest.raises(MisuseError, match="needs a write method"):
        Sink().write(b"a")


@pytest.mark.parametrize("make", [SINKS["MemorySink"], SINKS["LimitSink"]])
def test_a_bound_may_be_reached_and_not_passed(make: Callable[[], Sink]) -> None:
    sink = make()
    sink.write(b"12345")
    sink.write(b"67890")
    with pytest.raises(LimitExceeded) as caught:
        sink.write(b"1")
    assert (caught.value.limit, caught.value.bound) == ("max_field_size", 10)


def test_memory_that_was_passed_holds_nothing() -> None:
    sink = MemorySink(3, limit="max_memory")
    sink.write(b"abc")
    with pytest.raises(LimitExceeded, match="max_memory"):
        sink.write(b"d")
    assert sink.getvalue() == b""


@untimed
@given(st.lists(st.binary()))
def test_a_digest_is_that_of_the_whole(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    sinks = [HashSink(), HashSink("md5")]
    for piece in pieces:
        for sink in sinks:
            sink.write(piece)
    assert sinks[0].hexdigest() == hashlib.sha256(whole).hexdigest()
    assert sinks[1].hexdigest() == hashlib.md5(whole).hexdigest()
    assert sinks[0].size == len(whole)


# TeeSink -----------------------------------------------------------------------------


def test_a_tee_gives_everything_to_everybody() -> None:
    memory, digest, plain = MemorySink(10), HashSink(), Downstream()
    stream = ByteStream()
    written = Outcome(stream.write_to(TeeSink(memory, digest, plain)))
    stream.write(b"abc")
    stream.write(b"def")
    stream.unregisterProducer()
    assert written.value == 6
    assert memory.getvalue() == plain.data == b"abcdef"
    assert digest.size == 6
    assert plain.unregistered == 1


def test_a_tee_works_without_a_producer_too() -> None:
    memory = MemorySink(10)
    TeeSink(memory).write(b"abc")
    assert memory.getvalue() == b"abc"


@untimed
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["pause", "resume"])), max_size=30
    )
)
def test_the_slowest_consumer_sets_the_pace(acts: list[tuple[int, str]]) -> None:
    upstream, consumers = Upstream(), [Downstream() for _ in range(3)]
    tee = TeeSink(*consumers)
    tee.registerProducer(upstream, True)
    paused: set[int] = set()
    for number, act in acts:
        getattr(consumers[number].producer, f"{act}Producing")()
        (paused.add if act == "pause" else paused.discard)(number)
        assert upstream.running == (not paused)
    # It is told of changes only.
    assert upstream.calls == [
        ("pause", "resume")[n % 2] for n in range(len(upstream.calls))
    ]


def test_the_pause_of_one_consumer_holds_the_stream() -> None:
    stream, slow, quick = ByteStream(), Downstream(), Downstream()
    upstream = Upstream()
    stream.registerProducer(upstream, True)
    written = Outcome(stream.write_to(TeeSink(slow, quick)))
    slow.producer.pauseProducing()
    assert not upstream.running
    stream.write(b"kept")
    assert quick.data == b""
    slow.producer.resumeProducing()
    assert upstream.running
    stream.unregisterProducer()
    assert written.value == 4
    assert slow.data == quick.data == b"kept"


def test_what_one_consumer_raises_undoes_the_others() -> None:
    stream, sink = ByteStream(), RecordingSink()
    written = Outcome(stream.write_to(TeeSink(sink, MemorySink(2))))
    stream.write(b"abc")
    assert isinstance(written.error, LimitExceeded)
    assert sink.calls == ["register", "fail", "unregister"]


def test_a_failing_source_undoes_all() -> None:
    stream, sinks = ByteStream(), [RecordingSink(), RecordingSink()]
    written = Outcome(stream.write_to(TeeSink(*sinks, Downstream())))
    stream.fail(Failure(OSError("gone")))
    assert isinstance(written.error, OSError)
    for sink in sinks:
        assert sink.calls == ["register", "fail", "unregister"]
        assert sink.failure is not None
        assert isinstance(sink.failure.value, OSError)


def test_one_that_cannot_finish_undoes_the_others() -> None:
    stream, good, late = ByteStream(), RecordingSink(), RecordingSink(OSError("late"))
    bad = RecordingSink(OSError("disk full"))
    written = Outcome(stream.write_to(TeeSink(good, bad, late)))
    stream.unregisterProducer()
    assert str(written.error) == "disk full"
    assert good.calls == ["register", "unregister", "finish", "fail"]


def test_the_end_waits_for_all() -> None:
    class Slow(RecordingSink):
        closing = Deferred[None]()

        def finish(self) -> Deferred[None]:
            return self.closing

    stream = ByteStream()
    written = Outcome(stream.write_to(TeeSink(RecordingSink(), Slow())))
    stream.unregisterProducer()
    assert not written.fired
    Slow.closing.callback(None)
    assert written.value == 0


def stopping(consumer: Downstream) -> None:
    consumer.producer.stopProducing()


def test_a_consumer_that_stops_is_followed_by_no_more_bytes() -> None:
    vanishing = Downstream(lambda number: stopping(vanishing))
    before, behind = RecordingSink(), RecordingSink()
    stream = ByteStream()
    written = Outcome(stream.write_to(TeeSink(before, vanishing, behind)))
    stream.write(b"abc")
    assert isinstance(written.error, CancelledError)
    assert before.pieces == [b"abc"]
    assert behind.pieces == []
    # What they have is not the whole: none of them is finished.
    for sink in (before, behind):
        assert sink.calls == ["register", "unregister", "fail"]


def test_a_sink_that_stops_tells_why() -> None:
    stream, good, bad = ByteStream(), RecordingSink(), RecordingSink(OSError("full"))
    written = Outcome(stream.write_to(TeeSink(good, bad)))
    bad.producer.stopProducing()
    assert str(written.error) == "full"
    assert good.calls == ["register", "unregister", "fail"]
    assert bad.calls == ["register", "unregister", "finish", "fail"]


def test_a_consumer_may_stop_when_it_is_registered() -> None:
    vanished = Downstream(on_register=lambda: stopping(vanished))
    behind = RecordingSink()
    stream = ByteStream()
    written = Outcome(stream.write_to(TeeSink(vanished, behind)))
    assert isinstance(written.error, CancelledError)
    assert "register" not in behind.calls


def test_a_consumer_that_refuses_lets_the_others_go() -> None:
    good, taken, behind = RecordingSink(), MemorySink(10), RecordingSink()
    taken.registerProducer(Upstream(), True)
    stream, tee = ByteStream(), TeeSink(good, Downstream(), taken, behind)
    with pytest.raises(MisuseError, match="one producer"):
        stream.write_to(tee)
    assert good.calls == ["register", "fail", "unregister"]
    assert behind.calls == []
    assert tee.producer is None
    assert taken.producer is not None


def test_a_stop_after_the_end_is_nothing() -> None:
    tee, upstream = TeeSink(consumer := Downstream()), Upstream()
    tee.registerProducer(upstream, True)
    branch = consumer.producer
    tee.unregisterProducer()
    branch.stopProducing()
    branch.pauseProducing()
    assert upstream.calls == []


async def test_a_file_beside_a_consumer_that_vanishes_is_not_kept(
    tmp_path: Path,
) -> None:
    vanishing = Downstream(lambda number: stopping(vanishing))
    stream = ByteStream()
    written = stream.write_to(TeeSink(FileSink(tmp_path / "a"), vanishing))
    stream.write(b"a part of it")
    with pytest.raises(CancelledError):
        await written
    assert list(tmp_path.iterdir()) == []


async def test_two_files_of_which_one_fails_are_both_gone(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_bytes(b"old")
    stream = ByteStream()
    written = stream.write_to(TeeSink(FileSink(tmp_path / "a"), FileSink(taken)))
    stream.write(b"abc")
    stream.unregisterProducer()
    with pytest.raises(FileExistsError):
        await written
    assert list(tmp_path.iterdir()) == [taken]
    assert taken.read_bytes() == b"old"


# A producer that is pulled -----------------------------------------------------------


def text_sink(kind: str, folder: Path) -> tuple[Any, Callable[[], bytes]]:
    """A sink, and what it has got."""
    memory, path, got = MemorySink(300_000), folder / "file", list[bytes]()
    sinks: dict[str, tuple[Any, Callable[[], bytes]]] = {
        "MemorySink": (memory, memory.getvalue),
        "FileSink": (FileSink(path), path.read_bytes),
        "TeeSink": (TeeSink(memory, HashSink()), memory.getvalue),
        "CallableSink": (CallableSink(got.append), lambda: b"".join(got)),
        "CodedSink": (CodedSink(memory, [transfer_decoder("8bit")]), memory.getvalue),
        "ProtocolSink": (ProtocolSink(Kept(got)), lambda: b"".join(got)),
    }
    return sinks[kind]


PULLED = ["MemorySink", "FileSink", "TeeSink", "CallableSink", "CodedSink"]


class Kept(Protocol):
    """Keeps what it is given."""

    def __init__(self, got: list[bytes]) -> None:
        self.got = got

    def dataReceived(self, data: bytes) -> None:
        self.got.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end."""


@pytest.mark.parametrize("kind", [*PULLED, "ProtocolSink"])
async def test_a_sink_pulls_what_does_not_push(kind: str, tmp_path: Path) -> None:
    content = b"0123456789" * 20_000
    sink, got = text_sink(kind, tmp_path)
    await FileSender().beginFileTransfer(BytesIO(content), sink)
    await sink.finish()
    assert got() == content


class Unreadable(BytesIO):
    """A file that breaks."""

    def read(self, size: int | None = -1) -> bytes:
        raise OSError("the disk is gone")


async def test_what_a_pulled_producer_raises_undoes_the_sink(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "file")
    FileSender().beginFileTransfer(Unreadable(), sink)
    while sink.producer is not None:
        await deferLater(reactor, 0)
    await sink.fail(Failure(OSError()))  # again, to wait for the thread
    assert list(tmp_path.iterdir()) == []


# Others' sinks -----------------------------------------------------------------------


class Rude(RecordingSink):
    """A sink whose ends raise, or give nothing."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    def finish(self) -> Any:
        self.calls.append("finish")
        if self.error is not None:
            raise self.error

    def fail(self, failure: Failure) -> Any:
        self.calls.append("fail")
        if self.error is not None:
            raise self.error


def test_a_finish_that_raises_breaks_no_other_sink(logged_errors: LoggedErrors) -> None:
    before, after = RecordingSink(), RecordingSink()
    tee = TeeSink(before, Rude(KeyError()), after)
    stream = ByteStream()
    written = Outcome(stream.write_to(tee))
    stream.unregisterProducer()
    assert isinstance(written.error, KeyError)
    for sink in (before, after):
        assert sink.calls == ["register", "unregister", "finish", "fail"]
    assert len(logged_errors.flush(KeyError)) == 1


def test_a_fail_that_raises_breaks_no_other_sink(logged_errors: LoggedErrors) -> None:
    after = RecordingSink()
    stream = ByteStream()
    written = Outcome(stream.write_to(TeeSink(Rude(KeyError()), after)))
    stream.fail(Failure(OSError()))
    assert isinstance(written.error, OSError)
    assert after.calls == ["register", "fail", "unregister"]
    assert len(logged_errors.flush(KeyError)) == 1


@pytest.mark.parametrize("failing", [False, True])
def test_a_sink_whose_ends_give_nothing_is_done_at_once(failing: bool) -> None:
    stream = ByteStream()
    written = Outcome(stream.write_to(TeeSink(Rude(None), RecordingSink())))
    if failing:
        stream.fail(Failure(OSError()))
        assert isinstance(written.error, OSError)
    else:
        stream.unregisterProducer()
        assert written.value == 0


def test_a_memory_whose_source_broke_holds_nothing() -> None:
    sink = MemorySink(10)
    sink.write(b"abc")
    sink.fail(Failure(OSError()))
    assert sink.getvalue() == b""


def test_a_digest_may_be_had_in_bytes() -> None:
    sink = HashSink("md5")
    sink.write(b"abc")
    assert sink.digest() == hashlib.md5(b"abc").digest()


def test_what_is_dropped_is_counted_by_both_names() -> None:
    sink = DiscardSink()
    sink.write(b"abc")
    assert sink.size == sink.count == 3


# What is written ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["MemorySink", "FileSink", "TeeSink", "CodedSink"])
@pytest.mark.parametrize("view", [bytearray, memoryview])
async def test_what_is_kept_is_a_copy(kind: str, view: Any, tmp_path: Path) -> None:
    sink, got = text_sink(kind, tmp_path)
    sink.registerProducer(Upstream(), True)
    if kind == "CodedSink":
        sink.pauseProducing()
    for piece in (b"some", b"more"):
        held = bytearray(piece)
        sink.write(held if view is bytearray else view(held))
        held[:] = b"else"
    if kind == "CodedSink":
        sink.resumeProducing()
    sink.unregisterProducer()
    await sink.finish()
    assert got() == b"somemore"


def test_what_waits_for_a_function_is_a_copy() -> None:
    busy, got = Deferred[None](), list[bytes]()

    def take(data: bytes) -> Deferred[None]:
        got.append(data)
        return busy

    sink = CallableSink(take)
    sink.registerProducer(Upstream(), True)
    for piece in (b"some", b"more"):
        held: Any = bytearray(piece)
        sink.write(held)
        held[:] = b"else"
    busy.callback(None)
    assert got == [b"some", b"more"]


def test_what_waits_for_a_reader_is_a_copy() -> None:
    body, held = BodyReader(), memoryview(b"somemore").cast("I")
    body.write(cast(Any, held))
    assert body.received == 8
    assert value_of(body.read_chunk()) == b"somemore"


@pytest.mark.parametrize("data", ["text", [1]])
@pytest.mark.parametrize("kind", PULLED)
def test_what_holds_no_bytes_is_refused_at_the_call(
    kind: str, data: Any, tmp_path: Path
) -> None:
    sink = text_sink(kind, tmp_path)[0]
    sink.registerProducer(Upstream(), True)
    with pytest.raises(MisuseError, match=f"bytes, not {type(data).__name__}"):
        sink.write(data)
    sink.fail(Failure(OSError()))
    sink.unregisterProducer()


def test_a_body_is_bytes() -> None:
    body = BodyReader()
    with pytest.raises(MisuseError, match="a body is bytes, not str"):
        body.write(cast(Any, "text"))
    assert body.received == 0
