"""MultipartReader: its table, its demand, and every way in which a body can end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.body.doubles import (
    FORM_TYPE,
    MIXED_TYPE,
    Downstream,
    Outcome,
    RecordingSink,
    Upstream,
    cut,
    error_of,
    multipart,
    next_of,
    untimed,
    value_of,
)
from txmultipart.body.body_type import read_content_type
from txmultipart.body.handout import State
from txmultipart.body.part import BodyPart
from txmultipart.body.reader import MultipartReader
from txmultipart.body.stream import ByteStream
from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MisuseError,
    NotMultipart,
    TruncatedMultipart,
    UploadAborted,
)
from txmultipart.interfaces import ISink
from txmultipart.limits import Limits
from txmultipart.sansio.profiles import FORM_DATA, MIME, REPLACE

BETWEEN, DECIDING, OPEN, SKIPPED, OVER = State
BEGIN = b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n'
CLOSE = b"--b--\r\n"
WHOLE = multipart(("x", b"1"), ("y", b""), ("z", b"333"))


class Rig:
    """A reader with a recorder as the source of its body."""

    def __init__(self, state: State = BETWEEN, content_type: str = FORM_TYPE) -> None:
        self.upstream = Upstream()
        self.reader = MultipartReader(content_type)
        self.reader.registerProducer(self.upstream, True)
        self.asked: list[Outcome[BodyPart | None]] = []
        self.part: Any = None
        getattr(self, f"_to_{state.value}")()
        assert self.reader.state is state

    def _to_between(self) -> None:
        """It is so from the start."""

    def _to_open(self) -> None:
        self.ask()
        self.reader.write(BEGIN)
        self.part = self.asked.pop().value

    def _to_skipped(self) -> None:
        self._to_open()
        self.ask()
        self.asked.pop().deferred.cancel()

    def _to_over(self) -> None:
        self.ask()
        self.reader.write(CLOSE)
        self.reader.unregisterProducer()
        assert self.asked.pop().value is None

    def ask(self) -> Outcome[BodyPart | None]:
        self.asked.append(Outcome(self.reader.next_part()))
        return self.asked[-1]

    def read(self) -> Outcome[bytes]:
        return Outcome(self.part.read_chunk())


def whole(
    body: bytes = WHOLE, content_type: str = FORM_TYPE, **options: Any
) -> MultipartReader:
    """A reader of a body that is here."""
    reader = MultipartReader(content_type, **options)
    reader.write(body)
    reader.unregisterProducer()
    return reader


# The table ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", [BETWEEN, SKIPPED], ids=lambda state: state.value)
def test_next_part_waits(state: State) -> None:
    rig = Rig(state)
    rig.ask()
    assert not rig.asked[0].fired
    assert rig.reader.state is state
    assert rig.upstream.running


def test_next_part_in_a_part_skips_the_rest_of_it() -> None:
    rig = Rig(OPEN)
    rig.ask()
    assert rig.reader.state is SKIPPED
    assert rig.part._skipped
    assert not rig.asked[0].fired


def test_next_part_behind_the_end_is_none_again() -> None:
    rig = Rig(OVER)
    for _ in range(2):
        assert rig.ask().value is None


def test_a_part_begins() -> None:
    rig = Rig(BETWEEN)
    rig.ask()
    rig.reader.write(BEGIN)
    assert isinstance(rig.asked[0].value, BodyPart)
    assert rig.reader.state is OPEN


def test_data_goes_to_the_part() -> None:
    rig = Rig(OPEN)
    chunk = rig.read()
    rig.reader.write(b"data")
    assert chunk.value == b"data"
    assert rig.reader.state is OPEN


def test_data_of_a_skipped_part_is_dropped() -> None:
    rig = Rig(SKIPPED)
    rig.ask()
    rig.reader.write(b"data")
    assert rig.reader.state is SKIPPED
    rig.reader.write(b"\r\n" + BEGIN)
    assert rig.asked[0].value is not rig.part
    assert rig.reader.state is OPEN


@pytest.mark.parametrize("state", [OPEN, SKIPPED], ids=lambda state: state.value)
def test_a_part_ends(state: State) -> None:
    rig = Rig(state)
    waiting: Outcome[Any] = rig.read() if state is OPEN else rig.ask()
    rig.reader.write(b"\r\n--b\r\n")
    assert rig.reader.state is BETWEEN
    assert waiting.results == ([b""] if state is OPEN else [])


@pytest.mark.parametrize("data", [BEGIN, b"data", b"\r\n--b\r\n", CLOSE])
def test_behind_an_error_nothing_is_looked_at(data: bytes) -> None:
    reader = MultipartReader(FORM_TYPE)
    reader.write(b"no delimiter\r\n")
    reader.write(data)
    assert reader.state is OVER
    for _ in range(2):
        assert isinstance(error_of(reader.next_part()), MalformedMultipart)


def test_it_is_what_it_says() -> None:
    rig = Rig()
    verifyObject(ISink, rig.reader)
    assert aiter(rig.reader) is rig.reader
    assert value_of(rig.reader.finish()) is None


def test_a_reader_takes_one_body() -> None:
    with pytest.raises(MisuseError, match="one body"):
        Rig().reader.registerProducer(Upstream(), True)


def test_two_cannot_wait_for_a_part() -> None:
    rig = Rig()
    rig.ask()
    with pytest.raises(MisuseError, match="waits for the next part already"):
        rig.ask()


# Any order ---------------------------------------------------------------------------

STEPS = ["feed", "ask", "cancel", "chunk", "write to", "stale", "end", "fail", "pause"]


class Player(Rig):
    """Plays any order of inputs, and keeps every Deferred it is given."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(content_type=MIXED_TYPE)
        self.pieces = pieces
        self.parts: list[BodyPart] = []
        self.outcomes: list[Outcome[Any]] = []
        self.consumer: Any = None

    def play(self, step: str) -> None:
        deferred: Deferred[Any] | None = None
        if step == "feed" and self.pieces:
            self.reader.write(self.pieces.pop(0))
        elif step == "ask":
            deferred = self.reader.next_part().addCallback(self._got)
        elif step == "cancel" and self.outcomes:
            self.outcomes[-1].deferred.cancel()
        elif step in ("chunk", "write to", "stale") and self.parts:
            deferred = self._read(step)
        elif step == "pause" and self.consumer is not None and self.consumer.producer:
            self.consumer.producer.pauseProducing()
        elif step == "end":
            self.reader.unregisterProducer()
        elif step == "fail":
            self.reader.fail(Failure(UploadAborted()))
        if deferred is not None:
            self.outcomes.append(Outcome(deferred))

    def _read(self, step: str) -> Deferred[Any]:
        part = self.parts[0 if step == "stale" else -1]
        if step == "write to":
            self.consumer = Downstream()
            return part.write_to(self.consumer)
        return part.read_chunk()

    def _got(self, part: BodyPart | None) -> None:
        if part is not None:
            self.parts.append(part)

    def finish(self) -> None:
        """Let everything that waits come to its end."""
        while self.pieces:
            self.play("feed")
        self.play("end")
        for part in self.parts:
            part.resumeProducing()
            if part is self.parts[-1] and not part._skipped:
                self.outcomes.append(Outcome(part.discard()))


@untimed
@given(
    st.lists(st.sampled_from(STEPS), max_size=40),
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
)
def test_any_order_of_inputs_gives_one_outcome_each(
    steps: list[str], sizes: list[int]
) -> None:
    player = Player(cut(WHOLE, sizes))
    for step in steps:
        try:
            player.play(step)
        except MisuseError:
            assert step in ("ask", "chunk", "write to", "stale")
    try:
        player.finish()
    except MisuseError:
        player.finish()
    assert [len(outcome.results) for outcome in player.outcomes] == [1] * len(
        player.outcomes
    )


@untimed
@given(st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_the_cuts_make_no_difference(sizes: list[int]) -> None:
    reader = MultipartReader(FORM_TYPE)
    found: list[tuple[str | None, bytes]] = []

    async def read() -> None:
        async for part in reader:
            found.append((part.name, await part.read()))

    done = Outcome(Deferred.fromCoroutine(read()))
    for piece in cut(WHOLE, sizes):
        reader.write(piece)
    reader.unregisterProducer()
    assert done.value is None
    assert found == [("x", b"1"), ("y", b""), ("z", b"333")]


# Demand ------------------------------------------------------------------------------


def test_the_body_comes_only_while_somebody_waits() -> None:
    rig = Rig()
    upstream = rig.upstream
    assert upstream.calls == ["pause"]
    rig.ask()
    assert upstream.calls == ["pause", "resume"]
    rig.reader.write(BEGIN)
    assert upstream.calls == ["pause", "resume", "pause"]
    rig.part = rig.asked.pop().value
    rig.read()
    assert upstream.running
    rig.reader.write(b"data")
    assert not upstream.running
    rig.ask()
    assert upstream.running


def test_a_part_in_many_pieces_is_asked_for_piece_by_piece() -> None:
    rig = Rig(OPEN)
    rig.upstream.calls.clear()
    for _ in range(3):
        chunk = rig.read()
        rig.reader.write(b"data")
        assert chunk.value == b"data"
        assert not rig.upstream.running
    assert rig.upstream.calls.count("resume") == 3


def test_bytes_in_spite_of_a_pause_are_kept_and_the_pause_is_repeated() -> None:
    rig = Rig()
    rig.upstream.calls.clear()
    for piece in cut(WHOLE, [40]):
        rig.reader.write(piece)
        assert rig.upstream.calls.pop() == "pause"
    assert rig.upstream.calls == []
    rig.reader.unregisterProducer()
    names = []
    while part := rig.ask().value:
        names.append(part.name)
    assert names == ["x", "y", "z"]


def test_what_is_here_is_handed_out_without_asking_for_more() -> None:
    rig = Rig()
    rig.reader.write(WHOLE[:-20])
    rig.upstream.calls.clear()
    rig.part = rig.ask().value
    assert rig.read().value == b"1"
    assert rig.upstream.calls == []


def test_cancelling_holds_the_body_again() -> None:
    rig = Rig()
    asked = rig.ask()
    asked.deferred.cancel()
    assert isinstance(asked.error, CancelledError)
    assert not rig.upstream.running
    rig.reader.write(BEGIN)
    assert isinstance(rig.ask().value, BodyPart)


def test_a_producer_that_comes_late_just_runs() -> None:
    reader, upstream = MultipartReader(FORM_TYPE), Upstream()
    reader.next_part()
    reader.registerProducer(upstream, True)
    assert upstream.calls == []


def test_the_pause_of_a_parts_consumer_reaches_the_body() -> None:
    rig, consumer = Rig(OPEN), Downstream()
    written = Outcome(rig.part.write_to(consumer))
    rig.reader.write(b"some")
    assert rig.upstream.running
    consumer.producer.pauseProducing()
    assert not rig.upstream.running
    rig.reader.write(b"more")
    assert consumer.data == b"some"
    consumer.producer.resumeProducing()
    assert rig.upstream.running
    assert consumer.data == b"somemore"
    rig.reader.write(b"\r\n--b")
    rig.reader.write(b"--\r\n")
    assert written.value == 8


def test_a_consumer_that_stops_leaves_the_next_part_to_be_asked_for() -> None:
    rig, consumer = Rig(OPEN), Downstream()
    written = Outcome(rig.part.write_to(consumer))
    consumer.producer.stopProducing()
    assert isinstance(written.error, CancelledError)
    assert not rig.upstream.running
    rig.ask()
    rig.reader.write(b"rest\r\n" + BEGIN)
    assert isinstance(rig.asked[0].value, BodyPart)


def test_a_part_that_stops_producing_only_pauses_the_body() -> None:
    rig = Rig(OPEN)
    producer = rig.part._upstream._producer
    verifyObject(IPushProducer, producer)
    producer.resumeProducing()
    producer.stopProducing()
    assert rig.upstream.calls[-2:] == ["resume", "pause"]


OUTER = b"--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
INNER = b"--i\r\n\r\none\r\n--i\r\n\r\ntwo\r\n--i--"


def nested(rest: bytes = b"") -> tuple[Upstream, MultipartReader, MultipartReader]:
    """The reader of a body, and that of its first part."""
    upstream, reader = Upstream(), MultipartReader("multipart/mixed; boundary=o")
    reader.registerProducer(upstream, True)
    asked = Outcome(reader.next_part())
    reader.write(OUTER + rest)
    part = asked.value
    assert part is not None
    return upstream, reader, part.parts()


def test_a_nested_body_comes_only_while_somebody_waits() -> None:
    upstream, reader, inner = nested()
    assert not upstream.running
    asked = Outcome(inner.next_part())
    assert upstream.running
    reader.write(INNER[:10])
    assert not upstream.running
    first = asked.value
    assert first is not None
    content = Outcome(first.read())
    assert upstream.running
    reader.write(INNER[10:20])
    assert content.value == b"one"
    assert not upstream.running


def test_behind_a_nested_body_the_outer_one_goes_on() -> None:
    upstream, reader, inner = nested(INNER + b"\r\n--o\r\n\r\nlast\r\n--o--")
    counted = Outcome(inner.for_each(lambda part: part.read()))
    assert counted.value == 2
    last = next_of(reader)
    assert value_of(last.read()) == b"last"
    assert value_of(reader.next_part()) is None
    del upstream


def test_a_nested_body_that_was_skipped_says_so() -> None:
    _, reader, inner = nested(INNER[:12])
    assert isinstance(value_of(inner.next_part()), BodyPart)
    reader.next_part()
    assert isinstance(error_of(inner.next_part()), MisuseError)


def test_what_breaks_the_body_reaches_the_nested_reader() -> None:
    _, reader, inner = nested(INNER[:12])
    assert isinstance(value_of(inner.next_part()), BodyPart)
    asked = Outcome(inner.next_part())
    reader.fail(Failure(UploadAborted(12)))
    assert isinstance(asked.error, UploadAborted)
    assert isinstance(error_of(reader.next_part()), UploadAborted)


def test_an_error_in_a_nested_body_leaves_the_outer_one_readable() -> None:
    _, reader, inner = nested(b"--i\r\nno header\r\n\r\n\r\n--o\r\n\r\nlast\r\n--o--")
    assert isinstance(error_of(inner.next_part()), MalformedMultipart)
    last = next_of(reader)
    assert value_of(last.read()) == b"last"


# Ends --------------------------------------------------------------------------------


def test_for_each_waits_for_what_it_is_given() -> None:
    slow, seen = Deferred[None](), list[str | None]()

    async def later(part: BodyPart) -> None:
        seen.append(part.name)
        await slow

    def now(part: BodyPart) -> None:
        seen.append(part.name)

    assert value_of(whole().for_each(now)) == 3
    counted = Outcome(whole().for_each(later))
    assert seen == ["x", "y", "z", "x"]
    slow.callback(None)
    assert counted.value == 3
    assert value_of(whole().for_each(lambda part: succeed(None))) == 3


def test_for_each_ends_with_what_a_handler_raises() -> None:
    def refuse(part: BodyPart) -> None:
        raise ZeroDivisionError

    assert isinstance(error_of(whole().for_each(refuse)), ZeroDivisionError)


async def test_asking_behind_the_end_is_answered_every_time() -> None:
    """From within the coroutine that was just told of the end, too."""
    for failure in (None, Failure(UploadAborted())):
        reader, answers = MultipartReader(FORM_TYPE), list[Any]()

        async def ask(
            reader: MultipartReader = reader, answers: list[Any] = answers
        ) -> None:
            for _ in range(3):
                try:
                    answers.append(await reader.next_part())
                except UploadAborted as error:
                    answers.append(error)

        done = Deferred.fromCoroutine(ask())
        reader.write(CLOSE)
        reader.fail(failure) if failure else reader.unregisterProducer()
        await done
        assert answers == [failure and failure.value] * 3


def test_a_strict_body_is_over_at_its_end_only() -> None:
    rig = Rig(content_type=FORM_TYPE)
    asked = rig.ask()
    rig.reader.write(CLOSE)
    assert not asked.fired
    assert rig.upstream.running
    rig.reader.write(b"more")
    assert isinstance(asked.error, MalformedMultipart)
    assert asked.error.code == "epilogue"


def test_a_loose_body_is_over_at_its_close_delimiter() -> None:
    rig = Rig(content_type=MIXED_TYPE)
    asked = rig.ask()
    rig.reader.write(CLOSE)
    assert asked.value is None
    # What follows is let through, so that a connection can be used again.
    assert rig.upstream.running
    rig.reader.write(b"more")
    rig.reader.unregisterProducer()
    assert rig.ask().value is None


CUTS = {
    "nothing": b"",
    "in the first delimiter": b"--",
    "in the headers": BEGIN[:20],
    "in a part": BEGIN + b"data",
    "in a delimiter": BEGIN + b"data\r\n--",
}


@pytest.mark.parametrize("body", CUTS.values(), ids=CUTS)
def test_a_body_that_was_cut_short(body: bytes) -> None:
    reader = MultipartReader(FORM_TYPE)
    reader.write(body)
    reader.unregisterProducer()
    part = None
    if body.startswith(BEGIN):
        part = next_of(reader)
        assert isinstance(error_of(part.read()), TruncatedMultipart)
    error = error_of(reader.next_part())
    assert isinstance(error, TruncatedMultipart)
    assert error.offset == len(body)


def test_whole_parts_before_an_error_are_given() -> None:
    reader = whole(BEGIN + b"data\r\n" + b"--b\r\nno header\r\n\r\n")
    part = next_of(reader)
    assert value_of(part.read()) == b"data"
    assert isinstance(error_of(reader.next_part()), MalformedMultipart)


WAYS_TO_FAIL: dict[str, Callable[[MultipartReader], object]] = {
    "told": lambda reader: reader.fail(Failure(UploadAborted(7))),
    "from a stream": lambda reader: _failing().write_to(reader).addErrback(repr),
}


def _failing() -> ByteStream:
    stream = ByteStream()
    stream.write(BEGIN + b"data")
    stream.fail(Failure(UploadAborted(7)))
    return stream


@pytest.mark.parametrize("fail", WAYS_TO_FAIL.values(), ids=WAYS_TO_FAIL)
def test_what_broke_the_source_is_what_readers_are_told(
    fail: Callable[[MultipartReader], object],
) -> None:
    reader = MultipartReader(FORM_TYPE)
    if fail is WAYS_TO_FAIL["told"]:
        reader.write(BEGIN + b"data")
    fail(reader)
    part = next_of(reader)
    assert value_of(part.read_chunk()) == b"data"
    for error in (error_of(part.read_chunk()), error_of(reader.next_part())):
        assert isinstance(error, UploadAborted)
        assert error.received == 7


def test_an_error_in_the_body_is_nearer_to_the_cause() -> None:
    reader = MultipartReader(FORM_TYPE)
    reader.write(b"no delimiter\r\n")
    reader.fail(Failure(UploadAborted()))
    reader.fail(Failure(UploadAborted()))
    assert isinstance(error_of(reader.next_part()), MalformedMultipart)


def test_after_an_error_the_source_is_stopped() -> None:
    rig = Rig()
    rig.reader.write(b"no delimiter\r\n")
    assert rig.upstream.calls[-1] == "stop"


@pytest.mark.parametrize("limit", ["max_parts", "max_part_size", "max_body_size"])
def test_a_bound_of_the_format_is_told(limit: str) -> None:
    reader = whole(limits=Limits(**{limit: 2}))
    error = error_of(reader.for_each(lambda part: part.discard()))
    assert isinstance(error, LimitExceeded)
    assert error.limit == limit


# Stale parts, and calls from within --------------------------------------------------


def test_a_stale_part_cannot_be_read() -> None:
    reader = whole()
    part = next_of(reader)
    reader.next_part()
    for read in (part.read, part.read_chunk, part.readline, part.discard, part.text):
        with pytest.raises(MisuseError, match="was skipped"):
            read()


async def test_iterating_over_a_stale_part_is_refused() -> None:
    reader = whole()
    part = await anext(reader)
    await anext(reader)
    with pytest.raises(MisuseError, match="was skipped"):
        await anext(part)


def test_whoever_reads_a_part_that_is_skipped_is_told() -> None:
    rig = Rig(OPEN)
    read, asked = Outcome(rig.part.read()), rig.ask()
    assert isinstance(read.error, MisuseError)
    assert not asked.fired


def test_a_sink_of_a_part_that_is_skipped_is_failed() -> None:
    rig, sink = Rig(OPEN), RecordingSink()
    written = Outcome(rig.part.write_to(sink))
    rig.ask()
    assert isinstance(written.error, MisuseError)
    assert sink.calls == ["register", "fail", "unregister"]


def test_a_part_that_was_read_to_its_end_was_not_skipped() -> None:
    reader = whole()
    part = next_of(reader)
    assert value_of(part.read()) == b"1"
    reader.next_part()
    assert value_of(part.read_chunk()) == b""
    with pytest.raises(MisuseError, match="read to its end already"):
        part.read()


def test_whoever_is_told_of_the_skipping_may_not_ask_as_well() -> None:
    rig, errors = Rig(OPEN), list[Any]()

    def ask_too(failure: Failure) -> None:
        with pytest.raises(MisuseError, match="waits for the next part already"):
            rig.reader.next_part()
        errors.append(failure.value)

    rig.part.read().addErrback(ask_too)
    asked = rig.ask()
    rig.reader.write(b"\r\n" + BEGIN)
    assert isinstance(asked.value, BodyPart)
    assert len(errors) == 1


def test_the_next_part_may_be_asked_for_from_the_end_of_the_one_before() -> None:
    rig, names = Rig(), list[str | None]()

    def got(part: BodyPart | None) -> Any:
        if part is None:
            return None
        names.append(part.name)
        return (
            part.read().addCallback(lambda _: rig.reader.next_part()).addCallback(got)
        )

    done = Outcome(rig.reader.next_part().addCallback(got))
    rig.reader.write(WHOLE)
    rig.reader.unregisterProducer()
    assert done.value is None
    assert names == ["x", "y", "z"]


def test_a_source_that_writes_when_it_is_resumed_is_no_trouble() -> None:
    pieces = cut(WHOLE, [7])
    reader = MultipartReader(FORM_TYPE)

    def write_on() -> None:
        while pieces and upstream.running:
            reader.write(pieces.pop(0))
        if not pieces:
            reader.unregisterProducer()

    upstream = Upstream(resume=write_on)
    reader.registerProducer(upstream, True)
    assert value_of(reader.for_each(lambda part: part.read())) == 3


# What it is made of ------------------------------------------------------------------

TYPES: dict[str, tuple[str | bytes | None, str]] = {
    "none": (None, "no-content-type"),
    "another": ("text/plain", "not-multipart"),
    "no boundary": (b"multipart/mixed", "no-boundary"),
    "an empty boundary": ("multipart/form-data; boundary=", "bad-boundary"),
}


@pytest.mark.parametrize(("content_type", "code"), TYPES.values(), ids=TYPES)
def test_what_is_no_multipart(content_type: str | bytes | None, code: str) -> None:
    with pytest.raises(NotMultipart) as caught:
        MultipartReader(content_type)
    assert (caught.value.code, caught.value.http_status) == (code, 415)


PROFILES = {"form-data": FORM_DATA, "mixed": MIME, "x-mixed-replace": REPLACE}


@pytest.mark.parametrize(("subtype", "profile"), PROFILES.items(), ids=PROFILES)
def test_the_profile_follows_from_the_subtype(subtype: str, profile: Any) -> None:
    content_type = f"multipart/{subtype}; boundary=b"
    assert MultipartReader(content_type).profile is profile
    assert MultipartReader(content_type, profile=MIME).profile is MIME


def test_an_endless_body_needs_no_boundary() -> None:
    reader = MultipartReader("multipart/x-mixed-replace")
    reader.write(b"--frame\r\nContent-Length: 3\r\n\r\nabc")
    part = next_of(reader)
    assert value_of(part.read()) == b"abc"


def test_parameters_are_kept() -> None:
    kind, params = read_content_type('Multipart/Related; boundary=b; start="<a>"')
    assert (kind, params["start"]) == ("multipart/related", "<a>")


def test_what_was_tolerated_is_told() -> None:
    reader = whole(b"preamble\r\n" + WHOLE, MIXED_TYPE)
    value_of(reader.for_each(lambda part: part.discard()))
    assert [anomaly.code for anomaly in reader.anomalies] == ["preamble"]
