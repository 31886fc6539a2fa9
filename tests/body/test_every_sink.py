"""Every sink there is: a source that errs at any point, a consumer that does anything.

Which there are is found by looking: a sink that is added later and has no case here
fails a test. Whatever happens there is exactly one outcome, no file stays open, and of
what is not whole nothing is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from tests.body.doubles import (
    MIXED_TYPE,
    Downstream,
    Outcome,
    Threads,
    Upstream,
    untimed,
)
from tests.body.test_every_writer import classes
from tests.body.test_round_trip import folder
from tests.guard import LoggedErrors
from txmultipart.body import batch_sink, file_sink, spool_sink
from txmultipart.body.batch_sink import BatchSink
from txmultipart.body.callable_sink import CallableSink
from txmultipart.body.coded_sink import CodedSink
from txmultipart.body.delivery import BodyReader
from txmultipart.body.file_sink import FileSink
from txmultipart.body.handout import Handout
from txmultipart.body.incoming import Incoming
from txmultipart.body.intake import Intake
from txmultipart.body.part import BodyPart, Memory
from txmultipart.body.protocol_sink import ProtocolSink
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sinks import (
    DiscardSink,
    HashSink,
    LimitSink,
    MemorySink,
    Sink,
    TeeSink,
)
from txmultipart.body.spool_sink import SpoolSink
from txmultipart.body.stream import ByteStream
from txmultipart.interfaces import ISink
from txmultipart.limits import Limits
from txmultipart.sansio.codings import transfer_decoder
from txmultipart.sansio.headers import PartHeaders

PIECES = [b"a" * 100, b"b" * 200, b"c" * 300]
WHOLE = b"".join(PIECES)
BODY = [b"--b\r\n\r\n", *PIECES, b"\r\n--b--"]


class Broken(Exception):
    """What a source or a consumer in these tests breaks with."""


def fall(rig: Rig) -> None:
    raise Broken


class Rig:
    """A sink of one kind that is written to, and whoever it passes things on to."""

    def __init__(self, kind: type, home: Path) -> None:
        self.home = home
        self.threads = Threads()
        self.act: Act = lambda rig: None
        self.at = 0
        self.calls = 0
        #: What asks the source, as the end of the chain sees it.
        self.producer: Any = None
        self.got: list[bytes] = []
        self.waiting: list[Deferred[None]] = []
        self.stream = ByteStream()
        self.upstream = Upstream()
        self.stream.registerProducer(self.upstream, True)
        self.pieces = BODY if kind is MultipartReader else PIECES
        self.content = lambda: b"".join(self.got)
        self.sink = SINKS[kind](self)
        self.outcome: Outcome[int]

    def start(self) -> Rig:
        self.outcome = Outcome(self.stream.write_to(self.sink))
        return self

    # What stands at the end of the chain

    def consumer(self) -> Any:
        """A consumer that acts from within its write."""
        end = Downstream(self._written, on_register=self._registered)
        self.content = lambda: end.data
        self._end = end
        return end

    def _registered(self) -> None:
        self.producer = self._end.producer
        self.meddle(0)

    def _written(self, number: int) -> None:
        self.meddle(number)

    def meddle(self, number: int) -> None:
        """Act, if it is time."""
        if number == self.at:
            self.at = -1
            self.act(self)

    def take(self, data: bytes) -> object:
        """A function that acts, and takes its time over every second piece."""
        self.got.append(data)
        self.calls += 1
        self.meddle(self.calls)
        if self.calls % 2:
            return None
        later: Deferred[None] = Deferred()
        self.threads.jobs.append(lambda: self._took(later))
        return later

    def _took(self, later: Deferred[None]) -> None:
        if not later.called:
            later.callback(None)

    def protocol(self) -> Protocol:
        """A protocol that acts when it gets bytes."""
        return End(self)

    def read(self, stream: Any) -> Any:
        """``stream`` with somebody who reads it."""
        stream.write_to(self.consumer()).addErrback(lambda failure: None)
        return stream

    def read_parts(self, reader: MultipartReader) -> MultipartReader:
        def take(part: BodyPart | None) -> Any:
            assert part is not None
            return part.write_to(self.consumer())

        reader.next_part().addCallback(take).addErrback(lambda failure: None)
        return reader

    # Steps

    def step(self, number: int) -> None:
        """The source writes one piece; or ends."""
        if number < len(self.pieces):
            self.stream.write(self.pieces[number])
        else:
            self.stream.unregisterProducer()

    def settle(self) -> None:
        """Let everything go on until nothing moves any more."""
        for _ in range(20):
            self.threads.run()
            if self.producer is not None:
                self.producer.resumeProducing()
            self.stream.resumeProducing()
        assert self.threads.jobs == []

    @property
    def result(self) -> Any:
        """The number of bytes, or the type of the error; "never" if there is no outcome."""
        assert len(self.outcome.results) <= 1
        result = self.outcome.results[0] if self.outcome.fired else "never"
        return getattr(result, "type", result)

    def too_late(self) -> None:
        """What comes after the outcome changes nothing."""
        before = self.result, sorted(self.home.iterdir())
        for call in (
            self.stream.pauseProducing,
            self.stream.resumeProducing,
            self.outcome.deferred.cancel,
            lambda: self.stream.fail(Failure(Broken())),
            self.stream.unregisterProducer,
        ):
            call()
        self.threads.run()
        assert (self.result, sorted(self.home.iterdir())) == before


class End(Protocol):
    """Acts when it gets bytes; it is told of one end."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.lost = 0

    def connectionMade(self) -> None:
        self.rig.producer = self.transport
        self.rig.meddle(0)

    def dataReceived(self, data: bytes) -> None:
        assert not self.lost
        self.rig.got.append(data)
        self.rig.meddle(len(self.rig.got))

    def connectionLost(self, reason: Failure = Failure(Broken())) -> None:  # noqa: B008
        self.lost += 1
        assert self.lost == 1
        self.rig.producer = None


def part(rig: Rig) -> BodyPart:
    limits = Limits()

    def nested(*args: Any) -> Any:
        raise AssertionError

    return BodyPart(PartHeaders(), limits, Memory(limits), nested)


#: Each sink, and what it passes things on to.
SINKS: dict[type, Callable[[Rig], Any]] = {
    DiscardSink: lambda rig: DiscardSink(),
    MemorySink: lambda rig: MemorySink(1000),
    LimitSink: lambda rig: LimitSink(1000, limit="max_part_size"),
    HashSink: lambda rig: HashSink(),
    FileSink: lambda rig: FileSink(rig.home / "file"),
    SpoolSink: lambda rig: SpoolSink(150, folder=rig.home),
    TeeSink: lambda rig: TeeSink(
        FileSink(rig.home / "file"), rig.consumer(), HashSink()
    ),
    CallableSink: lambda rig: CallableSink(rig.take),
    CodedSink: lambda rig: CodedSink(rig.consumer(), [transfer_decoder("8bit")]),
    ProtocolSink: lambda rig: ProtocolSink(rig.protocol()),
    ByteStream: lambda rig: rig.read(ByteStream()),
    Incoming: lambda rig: rig.read(Incoming()),
    BodyReader: lambda rig: rig.read(BodyReader()),
    BodyPart: lambda rig: rig.read(part(rig)),
    MultipartReader: lambda rig: rig.read_parts(MultipartReader(MIXED_TYPE)),
}
#: Made by nobody; subclasses are.
BASES = {Sink, BatchSink, Intake, Handout}
#: Those that have a consumer behind them which can do things.
PASSING_ON = [TeeSink, CodedSink, ProtocolSink]
#: And those whose consumer reads what is kept; the sink itself has had it by then.
KEEPING = [ByteStream, Incoming, BodyReader, BodyPart, MultipartReader]
FILES = {FileSink, TeeSink}

Act = Callable[[Rig], object]


def each(*acts: Act) -> Act:
    """One after the other."""

    def act(rig: Rig) -> None:
        for one in acts:
            one(rig)

    return act


def source_fails(rig: Rig) -> None:
    rig.stream.fail(Failure(Broken()))


def source_ends(rig: Rig) -> None:
    rig.stream.unregisterProducer()


def cancel(rig: Rig) -> None:
    rig.outcome.deferred.cancel()


def asks(name: str) -> Act:
    def ask(rig: Rig) -> None:
        if rig.producer is not None:
            getattr(rig.producer, name)()

    return ask


PAUSE, RESUME, STOP = (
    asks("pauseProducing"),
    asks("resumeProducing"),
    asks("stopProducing"),
)
#: What may happen between two pieces, and what that comes to.
OUTSIDE: dict[str, tuple[Act, Any]] = {
    "fail": (source_fails, Broken),
    "fail twice": (each(source_fails, source_fails), Broken),
    "fail and end": (each(source_fails, source_ends), Broken),
    "cancel": (cancel, CancelledError),
    "cancel twice": (each(cancel, cancel), CancelledError),
    "cancel and fail": (each(cancel, source_fails), CancelledError),
    # The failure is on its way to a sink that may take its time over it.
    "fail and cancel": (each(source_fails, cancel), Broken),
    "pause": (lambda rig: rig.stream.pauseProducing(), None),
    "pause twice": (
        lambda rig: each(*[OUTSIDE["pause"][0]] * 2)(rig),
        None,
    ),
    "pause, fail": (
        each(lambda rig: rig.stream.pauseProducing(), source_fails),
        Broken,
    ),
    "pause, cancel": (
        each(lambda rig: rig.stream.pauseProducing(), cancel),
        CancelledError,
    ),
}
#: What a consumer may do from within its write or its registration.
INSIDE: dict[str, tuple[Act, Any]] = {
    "pause": (PAUSE, None),
    "pause twice": (each(PAUSE, PAUSE), None),
    "pause and resume": (each(PAUSE, RESUME), None),
    "resume twice": (each(RESUME, RESUME), None),
    "stop": (STOP, CancelledError),
    "stop twice": (each(STOP, STOP), CancelledError),
    "pause and stop": (each(PAUSE, STOP), CancelledError),
    "stop and raise": (each(STOP, fall), CancelledError),
    "raise": (fall, Broken),
    "pause and raise": (each(PAUSE, fall), Broken),
}
each_kind = pytest.mark.parametrize("kind", SINKS, ids=lambda kind: kind.__name__)


@contextmanager
def rigged(kind: type) -> Iterator[Rig]:
    """A rig whose threads work when it says so; it must leave nothing open."""
    with folder() as home, pytest.MonkeyPatch.context() as patch:
        before = open_files()
        rig = Rig(kind, home)
        for module in (batch_sink, file_sink, spool_sink):
            patch.setattr(module, "deferToThread", rig.threads)
        yield rig
        if isinstance(rig.sink, SpoolSink):
            rig.sink.close()
            rig.threads.run()
        assert open_files() == before


def open_files() -> set[str]:
    """The descriptors of this process, as far as files are concerned."""
    links = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            links.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue  # that of the folder just listed
    return {link for link in links if link.startswith("/") and "/fd" not in link}


def check(rig: Rig, kind: type, expected: Any) -> None:
    """There is one outcome, the right one, and what is left goes with it."""
    result = rig.result
    size = sum(map(len, rig.pieces))
    assert result == (size if expected is None else expected)
    left = [path.read_bytes() for path in rig.home.iterdir()]
    assert left == ([WHOLE] if result == size and kind in FILES else [])
    rig.too_late()


@each_kind
def test_all_of_it(kind: type) -> None:
    with rigged(kind) as rig:
        rig.start()
        for number in range(len(rig.pieces) + 1):
            rig.step(number)
        rig.settle()
        check(rig, kind, None)
        if kind in {*PASSING_ON, *KEEPING, CallableSink}:
            assert rig.content() == WHOLE


@each_kind
@pytest.mark.parametrize("what", OUTSIDE)
def test_between_any_two_pieces(what: str, kind: type) -> None:
    act, expected = OUTSIDE[what]
    for at in range(len(PIECES) + 1):
        for quick in (True, False):  # whether threads have done what they had to
            with rigged(kind) as rig:
                rig.start()
                for number in range(len(rig.pieces) + 1):
                    if quick:
                        rig.threads.run()
                    if number == at:
                        act(rig)
                    rig.step(number)
                rig.settle()
                check(rig, kind, expected)


@each_kind
def test_behind_the_last(kind: type) -> None:
    """Cancelled while the sink is still at it, or too late."""
    for act in (source_fails, source_ends, cancel, each(cancel, cancel)):
        with rigged(kind) as rig:
            rig.start()
            for number in range(len(rig.pieces) + 1):
                rig.step(number)
            over = rig.outcome.fired
            act(rig)
            rig.settle()
            cancelled = act not in (source_fails, source_ends) and not over
            expected = CancelledError if cancelled else sum(map(len, rig.pieces))
            assert rig.result == expected


@pytest.mark.parametrize("kind", PASSING_ON, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("what", INSIDE)
def test_from_within_any_write_and_registration(
    what: str, kind: type, logged_errors: LoggedErrors
) -> None:
    act, expected = INSIDE[what]
    for at in range(len(PIECES) + 1):
        if at == 0 and "raise" in what:
            continue  # a consumer that refuses: what raises there is raised
        with rigged(kind) as rig:
            rig.act, rig.at = act, at
            rig.start()
            for number in range(len(rig.pieces) + 1):
                rig.step(number)
            rig.settle()
            check(rig, kind, expected)
    logged_errors.flush(Broken)  # a protocol's own errors are logged


@pytest.mark.parametrize("kind", [TeeSink, CodedSink], ids=lambda kind: kind.__name__)
def test_a_consumer_that_refuses_leaves_nothing(kind: type) -> None:
    with rigged(kind) as rig:
        rig.act = fall
        with pytest.raises(Broken):
            rig.stream.write_to(rig.sink)
        rig.threads.run()
        assert list(rig.home.iterdir()) == []


@pytest.mark.parametrize("kind", KEEPING, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("what", INSIDE)
def test_from_within_any_write_of_what_is_kept(what: str, kind: type) -> None:
    """What its reader does is between the two; the sink has had its bytes."""
    act, expected = INSIDE[what]
    for at in range(1, len(PIECES) + 1):
        with rigged(kind) as rig:
            rig.act, rig.at = act, at
            rig.start()
            for number in range(len(rig.pieces) + 1):
                rig.step(number)
            rig.settle()
            if expected is None:
                check(rig, kind, None)
                assert rig.content() == WHOLE
            else:
                # What is left can still be read, by somebody else; till then it waits.
                assert rig.result in ("never", sum(map(len, rig.pieces)))
                assert WHOLE.startswith(rig.content())
                cancel(rig)
                assert len(rig.outcome.results) == 1


@pytest.mark.parametrize("what", ["raise", "pause later"])
def test_a_function_that_fails_at_any_piece(what: str) -> None:
    for at in range(1, len(PIECES) + 1):
        with rigged(CallableSink) as rig:
            rig.act, rig.at = (fall if what == "raise" else cancel), at
            rig.start()
            for number in range(len(rig.pieces) + 1):
                rig.step(number)
            rig.settle()
            check(rig, CallableSink, Broken if what == "raise" else CancelledError)


@untimed
@given(
    st.sampled_from(sorted(SINKS, key=lambda kind: kind.__name__)),
    st.lists(
        st.sampled_from(
            ["write", "thread", "pause", "resume", "fail", "end", "cancel"]
        ),
        max_size=15,
    ),
    st.sampled_from([name for name in INSIDE if "raise" not in name]),
    st.integers(0, 3),
)
def test_any_order_gives_one_outcome(
    kind: type, names: list[str], within: str, at: int
) -> None:
    with rigged(kind) as rig:
        rig.act, rig.at = INSIDE[within][0], at
        rig.start()
        written = 0
        for name in names:
            if name == "write" and written < len(rig.pieces):
                rig.step(written)
                written += 1
            elif name == "thread" and rig.threads.jobs:
                rig.threads.run_one()
            elif name in ("pause", "resume"):
                getattr(rig.stream, f"{name}Producing")()
            elif name in ("fail", "end", "cancel"):
                {"fail": source_fails, "end": source_ends, "cancel": cancel}[name](rig)
        source_fails(rig)
        rig.settle()
        if rig.result == "never":  # nobody reads what is kept
            assert kind in KEEPING
            cancel(rig)
        assert len(rig.outcome.results) == 1
        if isinstance(rig.outcome.results[0], Failure):
            # Whoever cancels when all has come waits no longer, and the file is whole.
            assert "end" in names or list(rig.home.iterdir()) == []


def test_every_sink_has_a_case() -> None:
    found = {kind for kind in classes() if ISink.implementedBy(kind)}
    assert found == {*SINKS, *BASES}


@each_kind
def test_and_is_made_in_it(kind: type, tmp_path: Path) -> None:
    assert type(Rig(kind, tmp_path).sink) is kind
