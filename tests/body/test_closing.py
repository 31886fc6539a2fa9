"""Giving up: a reader and a raw body that are closed, in every state, from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.body.doubles import (
    FORM_TYPE,
    MIXED_TYPE,
    Downstream,
    Outcome,
    RecordingSink,
    Upstream,
    error_of,
    multipart,
    next_of,
    value_of,
)
from tests.body.test_delivery import request_with
from tests.body.test_handout import BEGIN, Rig
from txmultipart.body.closing import Closing
from txmultipart.body.decision import ACCEPT, Decision
from txmultipart.body.delivery import BodyReader, get_body
from txmultipart.body.file_sink import FileSink
from txmultipart.body.handout import State
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import (
    LimitExceeded,
    MisuseError,
    TruncatedMultipart,
    UploadAborted,
)
from txmultipart.limits import Limits

DECIDING, OPEN, OVER = State.DECIDING, State.OPEN, State.OVER


# A reader ----------------------------------------------------------------------------


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_a_reader_is_closed_in_any_state(state: State) -> None:
    rig = Rig(state)
    rig.upstream.calls.clear()
    for _ in range(2):
        rig.reader.close()
    assert rig.reader.state is OVER
    if state is OVER:
        assert rig.upstream.calls == []
        assert value_of(rig.reader.next_part()) is None
        return
    assert rig.upstream.calls.count("stop") == 1
    assert rig.upstream.calls[-1] == "stop"
    assert isinstance(rig.waiting.error, MisuseError)
    assert str(error_of(rig.reader.next_part())) == "the reader was closed"


def test_what_comes_after_closing_is_nothing() -> None:
    rig = Rig(OPEN)
    rig.reader.close()
    rig.data()
    rig.reader.unregisterProducer()
    rig.reader.fail(Failure(UploadAborted()))
    assert str(error_of(rig.reader.next_part())) == "the reader was closed"


def test_a_producer_that_comes_after_closing_is_stopped() -> None:
    reader, upstream = MultipartReader(FORM_TYPE), Upstream()
    reader.close()
    reader.registerProducer(upstream, True)
    assert upstream.calls[-1] == "stop"


async def test_a_file_that_was_being_written_is_removed(tmp_path: Path) -> None:
    rig = Rig(OPEN)
    rig.waiting.deferred.cancel()
    written = rig.part.write_to(FileSink(tmp_path / "file"))
    rig.data()
    rig.reader.close()
    with pytest.raises(MisuseError, match="the reader was closed"):
        await written
    assert list(tmp_path.iterdir()) == []


def test_parts_that_wait_are_not_handed_out() -> None:
    reader = MultipartReader(FORM_TYPE)
    reader.write(multipart(("x", b"1"), ("y", b"2"))[:-9])
    reader.unregisterProducer()
    assert next_of(reader).name == "x"
    reader.close()
    # What broke it before is nearer to the cause.
    assert isinstance(error_of(reader.next_part()), TruncatedMultipart)


@pytest.mark.parametrize("later", [False, True])
def test_decide_itself_may_close(later: bool) -> None:
    answer: Deferred[Decision] = Deferred(lambda answer: answer.callback(ACCEPT))

    def decide(headers: object) -> Any:
        reader.close()
        return answer if later else ACCEPT

    reader = MultipartReader(FORM_TYPE, decide=decide)
    waiting: Outcome[Any] = Outcome(reader.next_part())
    reader.write(BEGIN)
    if later:
        assert reader.state is DECIDING
        answer.callback(ACCEPT)
    assert isinstance(waiting.error, MisuseError)
    assert reader.state is OVER


def test_whoever_has_got_a_part_may_close() -> None:
    reader, upstream = MultipartReader(FORM_TYPE), Upstream()
    reader.registerProducer(upstream, True)
    parts: list[Any] = []

    def got(part: Any) -> None:
        parts.append(part)
        reader.close()

    reader.next_part().addCallback(got)
    reader.write(multipart(("x", b"1"), ("y", b"2")))
    assert isinstance(error_of(parts[0].read()), MisuseError)
    assert upstream.calls[-1] == "stop"


async def test_a_block_closes_however_it_is_left() -> None:
    rig = Rig(OPEN)
    async with rig.reader as reader:
        assert reader is rig.reader
    assert rig.upstream.calls[-1] == "stop"
    rig = Rig(OPEN)
    with pytest.raises(KeyError):
        async with rig.reader:
            raise KeyError
    assert rig.upstream.calls[-1] == "stop"


def test_a_failure_from_outside_stops_the_producer_once() -> None:
    for rig in map(Rig, State):
        ended = rig.reader.state is OVER
        rig.upstream.calls.clear()
        rig.reader.fail(Failure(UploadAborted()))
        rig.reader.fail(Failure(UploadAborted()))
        assert rig.upstream.calls.count("stop") == (not ended)


def test_closing_leaves_a_response_that_is_over_alone() -> None:
    reader, upstream = MultipartReader(MIXED_TYPE), Upstream()
    reader.registerProducer(upstream, True)
    counted = Outcome(reader.release())
    reader.write(multipart(("x", b"1"), ("y", b"2")))
    assert counted.value == 2  # its connection is still reading the last few bytes
    reader.close()
    assert "stop" not in upstream.calls


# A raw body --------------------------------------------------------------------------


READING: dict[str, Callable[[BodyReader], Deferred[Any]]] = {
    "a chunk": lambda body: body.read_chunk(),
    "all": lambda body: body.read(),
    "into a sink": lambda body: body.write_to(RecordingSink()),
    "a line": lambda body: body.readline(),
}


@pytest.mark.parametrize("how", READING)
def test_who_reads_a_body_that_is_closed_is_told(how: str) -> None:
    body, upstream = BodyReader(), Upstream()
    body.registerProducer(upstream, True)
    reading = Outcome(READING[how](body))
    body.close()
    body.close()
    assert str(reading.error) == "the body was closed"
    assert str(error_of(body.read())) == "the body was closed"
    assert upstream.calls.count("stop") == 1


@pytest.mark.parametrize("ended", [False, True])
def test_what_had_come_is_dropped(ended: bool) -> None:
    body = BodyReader()
    body.write(b"abc")
    if ended:
        body.unregisterProducer()
    body.close()
    for _ in range(2):
        assert isinstance(error_of(body.read_chunk()), MisuseError)


@pytest.mark.parametrize("ended", [False, True])
def test_a_consumer_that_holds_a_body_is_told_too(ended: bool) -> None:
    body, consumer = BodyReader(), Downstream()
    body.write(b"abc")
    written = Outcome(body.write_to(consumer))
    consumer.producer.pauseProducing()
    body.write(b"def")
    if ended:
        body.unregisterProducer()
    body.close()
    assert isinstance(written.error, MisuseError)
    assert consumer.data == b"abc"


def test_a_body_that_was_read_is_closed_in_peace() -> None:
    body, upstream = BodyReader(), Upstream()
    body.registerProducer(upstream, True)
    read = Outcome(body.read())
    body.unregisterProducer()
    body.close()
    assert read.value == b""
    assert value_of(body.read_chunk()) == b""
    assert "stop" not in upstream.calls


async def test_a_block_closes_a_body() -> None:
    upstream = Upstream()
    async with BodyReader() as body:
        body.registerProducer(upstream, True)
    assert upstream.calls[-1] == "stop"


def test_a_body_that_fails_from_outside_stops_its_producer() -> None:
    body, upstream = BodyReader(), Upstream()
    body.registerProducer(upstream, True)
    body.fail(Failure(UploadAborted()))
    body.fail(Failure(UploadAborted()))
    assert upstream.calls.count("stop") == 1


def test_closing_has_to_be_written() -> None:
    with pytest.raises(NotImplementedError):
        Closing().close()


async def test_a_body_of_a_request_has_the_bounds_that_are_asked_for() -> None:
    request = request_with(b"abc")
    assert get_body(request).limits == Limits()
    limits = Limits(max_memory=2)
    assert get_body(request, limits=limits).limits is limits
    assert get_body(request).limits is limits
    with pytest.raises(LimitExceeded, match="max_memory is 2"):
        await get_body(request).read()
