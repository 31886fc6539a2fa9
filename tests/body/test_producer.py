"""BodyProducer: its table, and a consumer that does anything at any moment."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Cooperator
from twisted.python.filepath import FilePath
from twisted.web.client import FileBodyProducer
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface.verify import verifyObject

from tests.body.doubles import (
    MIXED_TYPE,
    Downstream,
    Outcome,
    Threads,
    next_of,
    untimed,
)
from tests.guard import LoggedErrors
from txmultipart.body import sources
from txmultipart.body.live import LivePayload
from txmultipart.body.mixed_replace import MixedReplaceWriter
from txmultipart.body.payload import Payload
from txmultipart.body.payloads import payload_of
from txmultipart.body.producer import COALESCE, BodyProducer, RawBody, State
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sources import IterableSource
from txmultipart.body.writer import MultipartWriter
from txmultipart.errors import MisuseError, PayloadError

IDLE, PRODUCING, PAUSED, DONE, FAILED, STOPPED = State
PIECES = [bytes([65 + number]) * COALESCE for number in range(3)]
CONTENT = b"".join(PIECES)


class Broken(Exception):
    """What a source or a consumer in these tests breaks with."""


class Script:
    """A source that gives what the test says: bytes, Deferreds, or errors to raise."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.closed = 0

    def read(self) -> Any:
        assert not self.closed, "read after it was closed"
        step = self.steps.pop(0) if self.steps else b""
        if isinstance(step, Exception):
            raise step
        return step

    def close(self) -> None:
        self.closed += 1


class Rig:
    """A body of one source, its consumer and its outcome."""

    def __init__(self, *steps: Any, length: Any = UNKNOWN_LENGTH, **options: Any):
        self.source = Script(*steps)
        payload = Payload(lambda: self.source, length=length, replayable=True)
        self.body = RawBody(payload, **options)
        self.consumer: Any = Downstream()
        self.outcomes: list[Outcome[None]] = []

    def start(self) -> Outcome[None]:
        self.outcomes.append(Outcome(self.body.startProducing(self.consumer)))
        return self.outcomes[-1]

    @property
    def result(self) -> Any:
        """None for success, the type of an error, or "never" for no outcome."""
        results = self.outcomes[-1].results
        assert len(results) <= 1
        return getattr(results[0], "type", None) if results else "never"


# The table ---------------------------------------------------------------------------


def reach(state: State) -> Rig:
    """A rig whose body is in ``state``, and waits for its source if it is active."""
    rig = Rig(b"a", Broken() if state is FAILED else Deferred[bytes]())
    if state is DONE:
        rig.source.steps.pop()
    if state is not IDLE:
        rig.start()
    if state is PAUSED:
        rig.body.pauseProducing()
    if state is STOPPED:
        rig.body.stopProducing()
    assert rig.body.state is state
    return rig


def cancel_all(outcomes: list[Outcome[None]]) -> None:
    for outcome in outcomes:
        outcome.deferred.cancel()


INPUTS: dict[str, Callable[[Rig], object]] = {
    "pause": lambda rig: rig.body.pauseProducing(),
    "resume": lambda rig: rig.body.resumeProducing(),
    "stop": lambda rig: rig.body.stopProducing(),
    "cancel": lambda rig: cancel_all(rig.outcomes),
}
#: Where the state changes.
NEXT: dict[tuple[str, State], State] = {
    ("pause", PRODUCING): PAUSED,
    ("resume", PAUSED): PRODUCING,
    ("stop", IDLE): STOPPED,
    ("stop", PRODUCING): STOPPED,
    ("stop", PAUSED): STOPPED,
    ("cancel", PRODUCING): STOPPED,
    ("cancel", PAUSED): STOPPED,
}
#: What the Deferred has come to in a state, unless it was cancelled.
RESULTS: dict[State, Any] = {DONE: None, FAILED: Broken}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("name", INPUTS)
def test_the_table_is_true(name: str, state: State) -> None:
    rig = reach(state)
    for _ in range(2):  # twice is as once
        INPUTS[name](rig)
        assert rig.body.state is NEXT.get((name, state), state)
    if rig.outcomes:
        waits = state not in RESULTS and name == "cancel"
        expected = CancelledError if waits else RESULTS.get(state, "never")
        assert rig.result == expected
    over = rig.body.state in (DONE, FAILED, STOPPED)
    assert bool(rig.source.closed) == (over and bool(rig.outcomes))


@pytest.mark.parametrize("state", [IDLE, DONE, FAILED, STOPPED], ids=lambda s: s.value)
@pytest.mark.parametrize(
    ("told", "paused"),
    [("p", True), ("pp", True), ("pr", False), ("r", False), ("prp", True)],
)
def test_a_consumer_that_is_full_says_so_before_the_start(
    told: str, paused: bool, state: State
) -> None:
    rig = reach(state)
    for word in told:
        INPUTS["pause" if word == "p" else "resume"](rig)
    assert rig.body.state is state
    rig.source, rig.consumer = Script(b"a", b"b"), Downstream()
    rig.start()
    assert rig.body.state is (PAUSED if paused else DONE)
    assert rig.consumer.data == (b"" if paused else b"ab")
    rig.body.resumeProducing()
    assert (rig.result, rig.consumer.data) == (None, b"ab")


@pytest.mark.parametrize("state", [DONE, FAILED, STOPPED], ids=lambda s: s.value)
def test_a_consumer_that_was_full_is_not_the_next_one(state: State) -> None:
    """What ends a chunked body may fill its consumer, which then resumes nobody."""
    rig = Rig(b"a", Broken() if state is FAILED else b"")
    if state is STOPPED:
        rig.body.pauseProducing()
        rig.start()
        rig.body.stopProducing()
    else:
        done = rig.body.startProducing(rig.consumer)
        rig.body.pauseProducing()  # too late: it is over
        rig.body.resumeProducing()
        assert rig.body.state is state
        done.addErrback(lambda failure: None)
        waiting = Deferred[bytes]()
        rig.source, rig.consumer = Script(waiting), Downstream()
        done = rig.body.startProducing(rig.consumer)
        done.addBoth(lambda _: rig.body.pauseProducing())
        waiting.callback(b"") if state is DONE else waiting.errback(Broken())
        assert rig.body.state is state
    rig.source, rig.consumer = Script(b"b"), Downstream()
    assert rig.start().value is None
    assert rig.consumer.data == b"b"


@pytest.mark.parametrize("state", [PRODUCING, PAUSED], ids=lambda state: state.value)
def test_a_body_that_is_being_sent_cannot_be_started(state: State) -> None:
    rig = reach(state)
    with pytest.raises(MisuseError, match="being sent already"):
        rig.start()
    assert rig.body.state is state


def test_it_is_what_it_says() -> None:
    body = RawBody("text")
    verifyObject(IBodyProducer, body)
    verifyObject(IPushProducer, body)
    assert body.length == 4
    assert body.content_type == "text/plain; charset=utf-8"
    assert body.replayable
    untyped = RawBody(Payload(lambda: Script(), content_type=None))
    assert untyped.content_type is None
    assert body
    assert not hasattr(BodyProducer, "__len__")


def test_a_producer_needs_a_source() -> None:
    body: Any = BodyProducer()
    assert (body.length, body.replayable) == (UNKNOWN_LENGTH, False)
    assert body._current is None
    with pytest.raises(MisuseError, match="needs a source"):
        body.startProducing(Downstream())
    assert body.state is IDLE


# Writing -----------------------------------------------------------------------------


def test_small_pieces_are_written_together() -> None:
    rig = Rig(*[b"x" * 100] * 1000)
    assert rig.start().value is None
    assert len(rig.consumer.data) == 100_000
    sizes = [len(piece) for piece in rig.consumer.pieces]
    assert sizes == [32_800, 32_800, 32_800, 1_600]
    assert rig.body.sent == 100_000


def test_what_is_here_is_not_held_back_for_what_is_not() -> None:
    waiting = Deferred[bytes]()
    rig = Rig(b"a", b"b", waiting, b"d")
    rig.start()
    assert rig.consumer.pieces == [b"ab"]
    waiting.callback(b"c")
    assert rig.consumer.pieces == [b"ab", b"cd"]
    assert rig.result is None


def test_nothing_is_written_while_it_is_paused() -> None:
    waiting = Deferred[bytes]()
    rig = Rig(waiting)
    rig.start()
    rig.body.pauseProducing()
    waiting.callback(b"a")
    assert rig.consumer.pieces == []
    rig.body.resumeProducing()
    assert rig.consumer.data == b"a"


def test_nothing_is_read_ahead_while_it_is_paused() -> None:
    rig = Rig(*PIECES, b"rest")
    rig.consumer = Downstream(lambda number: rig.body.pauseProducing())
    rig.start()
    for left in (3, 2, 1):
        assert len(rig.source.steps) == left
        rig.body.resumeProducing()
    rig.body.resumeProducing()
    assert rig.result is None


PROMISES: dict[str, tuple[int, list[bytes], Any, bytes]] = {
    "kept": (3, [b"ab", b"c"], None, b"abc"),
    "kept with nothing": (0, [], None, b""),
    "more": (3, [b"ab", b"cd"], PayloadError, b""),
    "fewer": (5, [b"ab", b"cd"], PayloadError, b"abcd"),
}


@pytest.mark.parametrize(
    ("length", "pieces", "result", "data"), PROMISES.values(), ids=PROMISES
)
def test_never_a_byte_more_than_was_promised(
    length: int, pieces: list[bytes], result: Any, data: bytes
) -> None:
    rig = Rig(*pieces, length=length)
    rig.start()
    assert rig.result == result
    assert rig.consumer.data == data
    assert rig.source.closed


def test_progress_is_told() -> None:
    seen: list[Any] = []
    rig = Rig(*PIECES, length=len(CONTENT), progress=lambda *call: seen.append(call))
    rig.start()
    assert seen[0] == (COALESCE, len(CONTENT), rig.body.payload)
    assert seen[-1] == (len(CONTENT), len(CONTENT), rig.body.payload)


AT_THE_END: dict[str, tuple[Callable[[Rig], object], Any]] = {
    "pause": (INPUTS["pause"], None),
    "stop": (INPUTS["stop"], "never"),
    "raise": (lambda rig: Script(Broken()).read(), Broken),
}


@pytest.mark.parametrize(("act", "result"), AT_THE_END.values(), ids=AT_THE_END)
def test_whoever_is_told_of_progress_may_do_anything(
    act: Callable[[Rig], object], result: Any
) -> None:
    rig: Rig = Rig(progress=lambda *call: act(rig))
    rig.start()
    assert rig.result == result
    assert rig.source.closed


def test_a_source_that_cannot_be_closed_changes_nothing(
    logged_errors: LoggedErrors,
) -> None:
    def refuse() -> None:
        raise Broken

    for steps in ([b"a"], [OSError()]):
        rig = Rig(*steps)
        rig.source.close = refuse  # type: ignore[method-assign]
        rig.start()
        assert rig.result in (None, OSError)
    assert len(logged_errors.flush(Broken)) == 2


def test_what_a_source_gives_for_a_piece_may_be_nonsense() -> None:
    waiting = Deferred[Any]()
    for step in (7, waiting):
        rig = Rig(step)
        rig.start()
        if step is waiting:
            waiting.callback(7)
        assert rig.result is PayloadError
        assert rig.source.closed


def test_a_piece_that_can_still_change_is_copied() -> None:
    again = bytearray(b"abc")
    rig = Rig(again, memoryview(b"abcdefgh").cast("Q"), Deferred[bytes]())
    rig.body.pauseProducing()
    rig.start()
    rig.body.resumeProducing()
    again[:] = b"xyz"
    assert rig.consumer.data == b"abcabcdefgh"
    assert rig.body.sent == 11
    rig.body.stopProducing()


# Again -------------------------------------------------------------------------------


def again(rig: Rig, *steps: Any) -> None:
    """Start once more, from a fresh source."""
    rig.source, rig.consumer = Script(*steps), Downstream()
    rig.start()


@pytest.mark.parametrize(
    "state", [DONE, FAILED, STOPPED], ids=lambda state: state.value
)
def test_it_can_be_sent_again_however_it_ended(state: State) -> None:
    rig = reach(state)
    first = rig.outcomes[0].results[:]
    again(rig, b"second")
    assert rig.consumer.data == b"second"
    assert rig.body.sent == 6
    assert rig.result is None
    assert rig.outcomes[0].results == first


def test_a_piece_of_the_attempt_before_is_not_taken() -> None:
    for late in (b"stale", Broken()):
        waiting, other = Deferred[Any](), Deferred[bytes]()
        rig = Rig(waiting)
        rig.start()
        rig.body.stopProducing()
        again(rig, b"fresh,", other)
        waiting.errback(late) if isinstance(late, Broken) else waiting.callback(late)
        other.callback(b"more")
        assert rig.consumer.data == b"fresh,more"
        assert rig.result is None


def test_cancelling_the_attempt_before_does_not_stop_this_one() -> None:
    rig = reach(STOPPED)
    again(rig, b"a", waiting := Deferred[bytes]())
    rig.outcomes[0].deferred.cancel()
    waiting.callback(b"b")
    assert rig.result is None
    assert rig.consumer.data == b"ab"


@pytest.mark.parametrize("steps", [[b"a"], [Broken()]], ids=["done", "failed"])
def test_it_can_be_sent_again_from_within_its_outcome(steps: list[Any]) -> None:
    rig = Rig(*steps)
    rig.outcomes.append(second := Outcome(Deferred[None]()))

    def send_again(result: object) -> None:
        rig.source = Script(b"second")
        rig.consumer = Downstream()
        rig.body.startProducing(rig.consumer).chainDeferred(second.deferred)

    # Something to wait for first, so that the callback is there when it fires.
    rig.source.steps.insert(0, waiting := Deferred[bytes]())
    rig.body.startProducing(rig.consumer).addBoth(send_again)
    waiting.callback(b"first")
    assert rig.consumer.data == b"second"
    assert rig.result is None


def test_it_can_be_sent_again_from_within_a_write() -> None:
    rig = Rig(b"a" * COALESCE, b"never")

    def send_again(number: int) -> None:
        rig.body.stopProducing()
        again(rig, b"second")
        raise Broken  # of the first attempt, which is over

    first = rig.source
    rig.consumer = Downstream(send_again)
    outcome = rig.start()
    assert not outcome.fired
    assert first.closed
    assert rig.consumer.data == b"second"
    assert rig.outcomes[0].results == [None]


def test_it_can_be_sent_again_from_within_a_read() -> None:
    rig = Rig()

    class Restarting(Script):
        def read(self) -> Any:
            rig.body.stopProducing()
            again(rig, b"second")
            return b"stale"

    rig.source = first = Restarting()
    rig.start()
    assert rig.consumer.data == b"second"
    assert first.closed
    assert rig.outcomes[0].results == [None]


# Every kind of payload, and a consumer that meddles ----------------------------------


class Kit:
    """Makes payloads of every kind out of ``PIECES``, and knows what is open."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.threads = Threads()
        self.open = 0
        self.on_read: Callable[[int], object] = lambda number: None
        self.files: list[Any] = []
        patch.setattr(sources, "deferToThread", self.threads)
        patch.setattr(sources, "LARGEST", COALESCE)
        real = Path.open

        def recorded(path: Path, *args: Any, **options: Any) -> Any:
            self.files.append(file := real(path, *args, **options))
            return file

        patch.setattr(Path, "open", recorded)

    def later(self, piece: bytes) -> Deferred[bytes]:
        return self.threads(lambda: piece)

    def generator(self, give: Callable[[bytes], Any] = bytes) -> Iterator[Any]:
        self.open += 1
        try:
            for number, piece in enumerate(PIECES, 1):
                self.on_read(number)
                yield give(piece)
        finally:
            self.open -= 1

    async def async_generator(self) -> AsyncIterator[bytes]:
        self.open += 1
        try:
            for number, piece in enumerate(PIECES, 1):
                await self.later(b"")
                self.on_read(number)
                yield piece
        finally:
            self.open -= 1

    def part(self) -> object:
        reader = MultipartReader(MIXED_TYPE)
        reader.write(b"--b\r\n\r\n")
        part = next_of(reader)
        for piece in (*PIECES, b"\r\n--b--"):
            self.later(piece).addCallback(reader.write)
        return part

    def coded(self, content: object, **codings: str) -> Payload:
        payload = payload_of(content)
        payload.update_headers({f"Content-{n}": v for n, v in codings.items()})
        return payload

    def live(self) -> LivePayload:
        payload = LivePayload()
        for piece in PIECES:
            self.later(piece).addCallback(payload.write)
        self.later(b"").addCallback(lambda _: payload.finish())
        return payload

    def frames(self) -> MixedReplaceWriter:
        # Not early: there the end depends on whether it is known in time.
        frames = MixedReplaceWriter("f", early_headers=False, max_waiting=9)
        for piece in PIECES:
            self.later(piece).addCallback(frames.send)
        self.later(b"").addCallback(lambda _: frames.finish())
        return frames

    def foreign(self) -> FileBodyProducer:
        """One of Twisted's own, which is strict about when it is paused and stopped."""
        scheduler: Any = partial(Call, self)
        cooperator = Cooperator(lambda: lambda: True, scheduler)
        return FileBodyProducer(Counted(self), cooperator, COALESCE)

    def nested(self) -> MultipartWriter:
        writer = MultipartWriter(boundary="nested")
        writer.append(self.generator())
        writer.append(self.path)
        return writer

    def settle(self, body: BodyProducer) -> None:
        """Let everything go on until nothing moves any more."""
        for _ in range(100):
            self.threads.run()
            body.resumeProducing()
            if not self.threads.jobs and body.state is not PAUSED:
                return
        pytest.fail("it goes on for ever")

    def check_closed(self) -> None:
        assert self.open == 0
        assert all(file.closed for file in self.files)


class Counted(io.BytesIO):
    """A file that counts as open from its first read on."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(CONTENT)
        self.kit, self.used = kit, 0

    def read(self, size: int | None = -1) -> bytes:
        self.kit.open += not self.used
        self.used = 1
        return super().read(size)

    def close(self) -> None:
        super().close()
        self.kit.open -= self.used
        self.used = 0


class Call:
    """What Twisted's Cooperator wants of a call that it has ordered."""

    def __init__(self, kit: Kit, function: Callable[[], object]) -> None:
        self._function: Callable[[], object] = function
        kit.threads(lambda: self._function())

    def cancel(self) -> None:
        self._function = lambda: None


class Numbers:
    """An asynchronous iterable that is no generator."""

    def __init__(self, kit: Kit) -> None:
        self.pieces = kit.generator(kit.later)

    def __aiter__(self) -> Numbers:
        return self

    async def __anext__(self) -> bytes:
        for piece in self.pieces:
            content: bytes = await piece
            return content
        raise StopAsyncIteration

    async def aclose(self) -> None:
        pieces: Any = self.pieces
        if not pieces.gi_running:  # to close one that runs may crash CPython 3.11
            pieces.close()


BASE64 = {"Transfer-Encoding": "base64"}
GZIP = {"Encoding": "gzip"}
KINDS: dict[str, Callable[[Kit], object]] = {
    "text": lambda kit: CONTENT.decode(),
    "bytes": lambda kit: CONTENT,
    "path": lambda kit: kit.path,
    "FilePath": lambda kit: FilePath(str(kit.path)),
    "open file": lambda kit: io.BytesIO(CONTENT),
    "list": lambda kit: PIECES,
    "generator": lambda kit: kit.generator(),
    "generator of Deferreds": lambda kit: kit.generator(kit.later),
    "async iterable": Numbers,
    "async generator": lambda kit: kit.async_generator(),
    "incoming part": lambda kit: kit.part(),
    "nested writer": lambda kit: kit.nested(),
    "live": lambda kit: kit.live(),
    "raw body": lambda kit: RawBody(kit.path),
    "FileBodyProducer": lambda kit: kit.foreign(),
    "frames": lambda kit: kit.frames(),
    "path as base64": lambda kit: kit.coded(kit.path, **BASE64),
    "live as base64": lambda kit: kit.coded(kit.live(), **BASE64),
    "generator as gzip": lambda kit: kit.coded(kit.generator(), **GZIP),
    "Deferreds as gzip": lambda kit: kit.coded(kit.generator(kit.later), **GZIP),
    "async generator, both": lambda kit: kit.coded(
        kit.async_generator(), **GZIP, **BASE64
    ),
}
#: Whose bytes are others than those they were made of.
CHANGED = {"nested writer", "frames", *(k for k in KINDS if "as " in k or "both" in k)}
#: What is told when it is stopped before it is sent, and then cannot be sent.
MADE_MEANWHILE = {"live", "live as base64", "frames"}
READ_HOOKS = [
    "generator",
    "generator of Deferreds",
    "async iterable",
    "async generator",
    "nested writer",
    "generator as gzip",
    "Deferreds as gzip",
    "async generator, both",
]


def in_a_writer(content: object) -> BodyProducer:
    writer = MultipartWriter(boundary="b")
    writer.append("before")
    writer.append(content)
    writer.append("behind")
    return writer


Act = Callable[[BodyProducer], object]


def cancel(body: BodyProducer) -> None:
    """Cancel what startProducing returned, or is going to return."""
    if body._done is not None and not body._done.called:
        body._done.cancel()


def fall(body: BodyProducer) -> None:
    raise Broken


def each(*acts: Act) -> Act:
    """One after the other."""

    def act(body: BodyProducer) -> None:
        for one in acts:
            one(body)

    return act


PAUSE, RESUME, STOP = (
    BodyProducer.pauseProducing,
    BodyProducer.resumeProducing,
    BodyProducer.stopProducing,
)
#: What is done, and what it comes to.
ACTS: dict[str, tuple[Act, Any]] = {
    "pause": (PAUSE, None),
    "pause twice": (each(PAUSE, PAUSE), None),
    "pause and resume": (each(PAUSE, RESUME), None),
    "resume": (RESUME, None),
    "resume twice": (each(RESUME, RESUME), None),
    "stop": (STOP, "never"),
    "stop twice": (each(STOP, STOP), "never"),
    "pause and stop": (each(PAUSE, STOP), "never"),
    "stop and resume": (each(STOP, PAUSE, RESUME), "never"),
    "cancel": (cancel, CancelledError),
    "pause and cancel": (each(PAUSE, cancel, cancel), CancelledError),
    "stop and raise": (each(STOP, fall), "never"),
    "cancel and raise": (each(cancel, fall), CancelledError),
    "raise": (fall, Broken),
}


class Run:
    """One body sent to one consumer, which does ``act`` at its write number ``at``."""

    def __init__(self, kit: Kit, body: BodyProducer) -> None:
        self.kit = kit
        self.body = body
        self.act: Act = lambda body: None
        self.at = 0
        self.consumer: Any = Downstream(self._written)

    def _written(self, number: int) -> None:
        self.meddle(self.act, self.at, number)

    def meddle(self, act: Act, at: int, number: int) -> None:
        """Do ``act`` if ``number`` is ``at``."""
        if number == at:
            act(self.body)

    def send(self) -> Any:
        """What it comes to; "never" if to nothing."""
        outcome = Outcome(self.body.startProducing(self.consumer))
        self.kit.settle(self.body)
        return self.end(outcome)

    def end(self, outcome: Outcome[None]) -> Any:
        self.kit.check_closed()
        writes = len(self.consumer.pieces)
        for act in (PAUSE, RESUME, STOP):  # all too late
            act(self.body)
        outcome.deferred.addErrback(lambda failure: None)
        assert len(self.consumer.pieces) == writes
        assert len(outcome.results) <= 1
        result = outcome.results[0] if outcome.fired else "never"
        return getattr(result, "type", result)


class Case:
    """One kind of payload as one kind of body, sent again and again."""

    def __init__(self, kind: str, make: Callable[[object], BodyProducer], path: Path):
        self._kind = kind
        self._make = make
        self._path = path
        with self.run() as plain:
            assert plain.send() is None
        #: What is sent when nobody meddles, and in how many writes.
        self.whole = plain.consumer.data
        self.writes = len(plain.consumer.pieces)

    @contextmanager
    def run(self) -> Iterator[Run]:
        """A run of its own."""
        with pytest.MonkeyPatch.context() as patch:
            kit = Kit(self._path, patch)
            yield Run(kit, self._make(KINDS[self._kind](kit)))

    def check(self, run: Run, result: Any, expected: Any) -> None:
        assert result == expected
        if expected is None:
            assert run.consumer.data == self.whole
        else:
            assert self.whole.startswith(run.consumer.data)


#: A kind of payload, by itself and among other parts.
Cases = Callable[[str], list[Case]]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Cases:
    path = tmp_path_factory.mktemp("producer") / "content"
    path.write_bytes(CONTENT)

    @cache
    def cases(kind: str) -> list[Case]:
        return [Case(kind, make, path) for make in (RawBody, in_a_writer)]

    return cases


each_kind = pytest.mark.parametrize("kind", KINDS)
each_act = pytest.mark.parametrize(("act", "expected"), ACTS.values(), ids=ACTS)


@each_kind
def test_every_kind_is_sent_whole(kind: str, cases: Cases) -> None:
    content, body = [case.whole for case in cases(kind)]
    assert content == CONTENT or kind in CHANGED
    assert body.count(content) == 1


@each_kind
@each_act
def test_the_consumer_may_do_anything_from_within_any_write(
    act: Act, expected: Any, kind: str, cases: Cases
) -> None:
    for case in cases(kind):
        for at in range(1, case.writes + 1):
            with case.run() as run:
                run.act, run.at = act, at
                case.check(run, run.send(), expected)


@each_kind
@pytest.mark.parametrize("name", [name for name in ACTS if "raise" not in name])
def test_and_between_any_two_steps(name: str, kind: str, cases: Cases) -> None:
    act, expected = ACTS[name]
    for case in cases(kind):
        for turns in range(8):
            with case.run() as run:
                outcome = Outcome(run.body.startProducing(run.consumer))
                for _ in range(min(turns, len(run.kit.threads.jobs))):
                    run.kit.threads.run_one()
                over = outcome.fired
                act(run.body)
                run.kit.settle(run.body)
                case.check(run, run.end(outcome), None if over else expected)


@pytest.mark.parametrize("kind", READ_HOOKS)
@each_act
def test_and_from_within_a_read(
    act: Act, expected: Any, kind: str, cases: Cases
) -> None:
    for case in cases(kind):
        for at in range(1, len(PIECES) + 1):
            with case.run() as run:
                run.kit.on_read = partial(run.meddle, act, at)
                case.check(run, run.send(), expected)


@each_kind
def test_and_before_the_start(kind: str, cases: Cases) -> None:
    for name in ("pause", "resume", "stop", "stop twice", "cancel"):
        for case in cases(kind):
            with case.run() as run:
                ACTS[name][0](run.body)
                if "stop" in name and kind in MADE_MEANWHILE:
                    assert sent_or_refused(run) is PayloadError
                    run.kit.threads.run()
                else:
                    case.check(run, run.send(), None)


def sent_or_refused(run: Run) -> Any:
    """What sending comes to, or the type of what it raises."""
    try:
        return run.send()
    except PayloadError as error:
        return type(error)


@each_kind
def test_a_body_that_is_never_sent_leaves_nothing_open(kind: str, cases: Cases) -> None:
    for case in cases(kind):
        with case.run() as run:
            run.kit.threads.run()
            run.kit.check_closed()


@each_kind
def test_it_can_be_given_up_and_sent_again_where_it_says_so(
    kind: str, cases: Cases
) -> None:
    for case in cases(kind):
        with case.run() as run:
            give_up_and_send_again(case, run)


def give_up_and_send_again(case: Case, run: Run) -> None:
    run.at, run.act = 1, STOP
    run.body.startProducing(run.consumer)
    run.body.stopProducing()
    # At once, while a thread of the first attempt may be at work.
    second = Run(run.kit, run.body)
    if run.body.replayable:
        case.check(second, second.send(), None)
        return
    with pytest.raises(PayloadError, match="only once"):
        second.send()
    run.kit.threads.run()
    run.kit.check_closed()


# Any source, any order ---------------------------------------------------------------

steps = st.lists(
    st.sampled_from(["now", "large", "later", "done", "empty", "break", "break later"]),
    max_size=8,
)
acts = st.lists(
    st.sampled_from(["start", "pause", "resume", "stop", "cancel", "fire"]), max_size=20
)


class AnySource:
    """Makes scripts out of words, and fires what they wait for."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.waiting: list[tuple[Deferred[bytes], bool]] = []
        self.scripts: list[Script] = []

    def make(self) -> Script:
        self.scripts.append(Script(*map(self._step, self.words)))
        return self.scripts[-1]

    def _step(self, word: str) -> Any:
        if word == "break":
            return Broken()
        if "later" in word:
            return self._later(word == "break later")
        if word == "done":
            done = Deferred[bytes]()
            done.callback(b"done")
            return done
        return {"now": b"now", "large": PIECES[0], "empty": b""}[word]

    def _later(self, breaks: bool) -> Deferred[bytes]:
        waiting = Deferred[bytes]()
        self.waiting.append((waiting, breaks))
        return waiting

    def fire(self) -> None:
        if self.waiting:
            waiting, breaks = self.waiting.pop(0)
            waiting.addErrback(lambda failure: failure.trap(Broken) and b"")
            waiting.errback(Broken()) if breaks else waiting.callback(b"later")


@untimed
@given(steps, acts, st.integers(0, 5), st.sampled_from(sorted(ACTS)))
def test_any_order_of_inputs_gives_one_outcome(
    words: list[str], names: list[str], at: int, meddling: str
) -> None:
    content = AnySource(words)
    body = RawBody(Payload(content.make, replayable=True))
    outcomes: list[Outcome[None]] = []
    consumer: Any = Downstream(
        lambda number: ACTS[meddling][0](body) if number == at else None
    )

    def start() -> None:
        if body.state not in (PRODUCING, PAUSED):
            outcomes.append(Outcome(body.startProducing(consumer)))

    inputs: dict[str, Callable[[], object]] = {
        "start": start,
        "pause": body.pauseProducing,
        "resume": body.resumeProducing,
        "stop": body.stopProducing,
        "cancel": lambda: cancel_all(outcomes),
        "fire": content.fire,
    }
    for name in names:
        inputs[name]()
    while content.waiting or body.state is PAUSED:
        content.fire()
        body.resumeProducing()
    assert all(len(outcome.results) <= 1 for outcome in outcomes)
    assert body.state not in (PRODUCING, PAUSED)
    assert all(script.closed for script in content.scripts)
    if outcomes:
        assert outcomes[-1].fired == (body.state is not STOPPED) or isinstance(
            outcomes[-1].error, CancelledError
        )


@untimed
@given(st.lists(st.binary(max_size=20)), st.sets(st.integers(1, 20)))
def test_pauses_change_nothing_about_what_is_sent(
    pieces: list[bytes], pauses: set[int]
) -> None:
    body = RawBody(Payload(lambda: IterableSource(pieces), replayable=True))
    consumer: Any = Downstream(
        lambda number: body.pauseProducing() if number in pauses else None
    )
    outcome = Outcome(body.startProducing(consumer))
    while body.state is PAUSED:
        body.resumeProducing()
    assert outcome.value is None
    assert consumer.data == b"".join(pieces)
