"""Streams as parts: an incoming part sent on, another producer, at the slower one's pace."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from tests.body.doubles import (
    FORM_TYPE,
    MIXED_TYPE,
    Downstream,
    Outcome,
    Upstream,
    error_of,
    next_of,
    value_of,
)
from txmultipart.body.delivery import BodyReader
from txmultipart.body.mixed_replace import MixedReplaceWriter
from txmultipart.body.part import BodyPart
from txmultipart.body.payloads import payload_of
from txmultipart.body.producer import RawBody
from txmultipart.body.producer_payloads import ProducerSource
from txmultipart.body.reader import MultipartReader
from txmultipart.body.relay import PartPayload
from txmultipart.body.writer import FormData, MultipartWriter
from txmultipart.errors import MisuseError, PayloadError


class Broken(Exception):
    """What a producer in these tests breaks with."""


# An incoming part --------------------------------------------------------------------


class Relay:
    """An incoming body whose first part is sent on in a body of its own."""

    def __init__(self, head: bytes = b"X: y", kind: str = MIXED_TYPE) -> None:
        self.upstream = Upstream()
        self.reader = MultipartReader(kind)
        self.reader.registerProducer(self.upstream, True)
        self.asked = Outcome(self.reader.next_part())
        self.reader.write(b"--b\r\n" + head + b"\r\n\r\n")
        part = self.asked.value
        assert part is not None
        self.part: BodyPart = part
        self.writer = MultipartWriter(boundary="o")
        self.payload = self.writer.append(self.part)
        self.consumer: Any = Downstream()

    def start(self) -> Outcome[None]:
        return Outcome(self.writer.startProducing(self.consumer))


def test_it_is_sent_on_while_it_arrives() -> None:
    relay = Relay()
    assert not relay.upstream.running
    done = relay.start()
    assert relay.upstream.running
    relay.reader.write(b"one,")
    assert relay.consumer.data == b"--o\r\nX: y\r\n\r\none,"
    relay.reader.write(b"two\r\n--b--\r\n")
    assert relay.consumer.data == b"--o\r\nX: y\r\n\r\none,two\r\n--o--\r\n"
    assert done.value is None


def test_whoever_takes_it_slowly_holds_its_sender_back() -> None:
    relay = Relay()
    relay.start()
    relay.reader.write(b"one,")
    relay.writer.pauseProducing()
    # What was asked for already may still come; then the sender is held.
    relay.reader.write(b"two,")
    assert not relay.upstream.running
    taken = len(relay.consumer.data)
    relay.reader.write(b"in spite of it,")
    assert len(relay.consumer.data) == taken
    relay.writer.resumeProducing()
    assert relay.upstream.running
    assert relay.consumer.data.endswith(b"one,two,in spite of it,")
    relay.writer.stopProducing()
    assert not relay.upstream.running


def test_what_is_left_when_sending_stops_can_still_be_read() -> None:
    relay = Relay()
    relay.start()
    relay.reader.write(b"sent,")
    relay.writer.stopProducing()
    rest = Outcome(relay.part.read())
    relay.reader.write(b"read\r\n--b--")
    relay.reader.unregisterProducer()
    assert rest.value == b"read"
    assert relay.consumer.data.endswith(b"sent,")


def test_a_sender_that_breaks_breaks_what_is_sent_on() -> None:
    relay = Relay()
    done = relay.start()
    relay.reader.fail(Failure(Broken()))
    assert isinstance(done.error, Broken)


def test_a_part_that_was_skipped_cannot_be_sent() -> None:
    relay = Relay()
    relay.reader.write(b"one\r\n--b\r\n\r\ntwo\r\n--b--")
    next_of(relay.reader)
    assert isinstance(relay.start().error, MisuseError)


def test_what_is_left_of_a_part_is_not_the_part() -> None:
    relay = Relay()
    relay.reader.write(b"one,")
    assert value_of(relay.part.read_chunk()) == b"one,"
    relay.reader.write(b"two\r\n--b--")
    done = relay.start()
    assert isinstance(done.error, MisuseError)
    assert "one" not in str(done.error)


def test_what_was_read_before_is_not_missed() -> None:
    relay, writer = Relay(), MultipartWriter(boundary="o")
    relay.reader.write(b"one,")
    assert value_of(relay.part.read_chunk()) == b"one,"
    relay.reader.write(b"two\r\n--b--")
    writer.append(relay.part)
    assert b"\r\n\r\ntwo\r\n--o--" in value_of(writer.as_bytes())


def test_it_keeps_its_headers_and_its_codings() -> None:
    packed = gzip.compress(b"content")
    relay = Relay(b"Content-Type: a/b\r\nContent-Encoding: gzip\r\nX: 1\r\nX: 2")
    relay.reader.write(packed + b"\r\n--b--")
    data = value_of(relay.writer.as_bytes())
    assert b"\r\n\r\n" + packed + b"\r\n--o--" in data
    assert relay.payload.part_headers().get_all("X") == ["1", "2"]
    assert data.count(b"Content-Encoding: gzip") == 1


def test_codings_that_nobody_knows_are_passed_on() -> None:
    relay = Relay(b"Content-Encoding: rot13\r\nContent-Transfer-Encoding: uuencode")
    relay.reader.write(b"pbagrag\r\n--b--")
    assert relay.writer.length == UNKNOWN_LENGTH
    assert b"pbagrag" in value_of(relay.writer.as_bytes())


def test_it_is_sent_once() -> None:
    relay = Relay()
    relay.reader.write(b"a\r\n--b--")
    assert not relay.writer.replayable
    relay.start()
    assert isinstance(relay.payload, PartPayload)
    with pytest.raises(PayloadError, match="only once"):
        relay.start()


PART = (
    b'Content-Disposition: form-data; name="n"; filename="a.txt"\r\nContent-Type: a/b'
)


def test_a_part_may_become_another_field() -> None:
    relay, form = Relay(PART, FORM_TYPE), FormData("o")
    relay.reader.write(b"1\r\n--b--")
    form.add_field("m", relay.part, headers={"X": "y"})
    assert value_of(form.as_bytes()) == (
        b'--o\r\nContent-Disposition: form-data; name="m"; filename="a.txt"\r\n'
        b"Content-Type: a/b\r\nX: y\r\n\r\n1\r\n--o--\r\n"
    )


def test_a_file_keeps_its_name() -> None:
    relay, form = Relay(PART, FORM_TYPE), FormData("o")
    payload = form.add_file("m", relay.part)
    assert payload.part_headers().raw == (
        (b"Content-Disposition", b'form-data; name="m"; filename="a.txt"'),
        (b"Content-Type", b"a/b"),
    )
    assert relay.payload.part_headers().get("Content-Disposition") == (
        'form-data; name="n"; filename="a.txt"'
    )


def test_what_its_sender_declared_is_no_promise_of_ours() -> None:
    relay = Relay(b"Content-Length: 1")
    relay.reader.write(b"two\r\n--b--")
    assert b"Content-Length: 1\r\n\r\ntwo\r\n" in value_of(relay.writer.as_bytes())


# Other producers ---------------------------------------------------------------------


@implementer(IBodyProducer)
class Foreign:
    """Somebody else's producer: writes when the test says so, and records what it is told."""

    def __init__(self, length: Any = UNKNOWN_LENGTH, *at_once: bytes) -> None:
        self.length = length
        self.at_once = at_once
        self.calls: list[str] = []
        self.done: Deferred[None] = Deferred()
        self.consumer: Any = None

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        self.calls.append("start")
        self.consumer = consumer
        for piece in self.at_once:
            consumer.write(piece)
        return self.done

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


def test_a_producer_is_held_at_the_pace_of_the_consumer() -> None:
    foreign, writer, consumer = Foreign(), MultipartWriter(boundary="b"), Downstream()
    writer.append(foreign, {"Content-Type": "a/b"})
    assert foreign.calls == []
    done = Outcome(writer.startProducing(cast(Any, consumer)))
    foreign.consumer.write(b"1")
    writer.pauseProducing()
    foreign.consumer.write(b"2")
    assert foreign.calls == ["start", "pause"]
    writer.resumeProducing()
    foreign.consumer.write(b"3")
    foreign.done.callback(None)
    assert done.value is None
    assert consumer.data == b"--b\r\nContent-Type: a/b\r\n\r\n123\r\n--b--\r\n"
    assert foreign.calls[:3] == ["start", "pause", "resume"]
    assert "stop" not in foreign.calls


def test_one_that_writes_at_once_can_be_paused_at_once() -> None:
    foreign = Foreign(UNKNOWN_LENGTH, b"1", b"2")
    source = ProducerSource(foreign)
    assert value_of(source.read()) == b"1"
    assert foreign.calls == ["start", "pause", "pause"]
    source.close()


def test_its_length_is_asked_when_it_is_wanted() -> None:
    foreign, writer = Foreign(), MultipartWriter()
    payload = writer.append(foreign)
    assert (payload.length, writer.length) == (UNKNOWN_LENGTH, UNKNOWN_LENGTH)
    foreign.length = 3
    assert payload.length == 3
    assert isinstance(writer.length, int)
    assert not writer.replayable


def test_one_that_does_not_know_its_length_can_be_helped() -> None:
    payload = payload_of(Foreign())
    payload.length = 7
    assert (payload.size, payload.length) == (7, 7)


def test_one_that_gives_fewer_bytes_than_it_said_is_named() -> None:
    writer = MultipartWriter()
    writer.append(b"first")
    foreign = Foreign(3, b"ab")
    writer.append(foreign)
    whole = writer.as_bytes()
    foreign.done.callback(None)
    error = error_of(whole)
    assert isinstance(error, PayloadError)
    assert error.part == 2


BREAKS: dict[str, Callable[[Foreign], object]] = {
    "at the start": lambda foreign: setattr(foreign, "startProducing", explode),
    "at once": lambda foreign: setattr(foreign, "done", fail(Broken())),
    "later": lambda foreign: foreign.done.errback(Broken()),
}


def explode(consumer: object) -> None:
    raise Broken


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_it_breaks_the_body(name: str) -> None:
    foreign = Foreign()
    body = RawBody(foreign)
    if name != "later":
        BREAKS[name](foreign)
    done = Outcome(body.startProducing(cast(Any, Downstream())))
    if name == "later":
        BREAKS[name](foreign)
    assert isinstance(done.error, Broken)
    assert "stop" not in foreign.calls


def test_one_that_was_stopped_is_left_alone() -> None:
    foreign = Foreign()
    body = RawBody(foreign)
    done = Outcome(body.startProducing(cast(Any, Downstream())))
    body.stopProducing()
    foreign.consumer.write(b"late")
    foreign.done.errback(Broken())
    assert foreign.calls == ["start", "stop"]
    assert not done.fired


def test_one_that_was_never_started_is_not_stopped() -> None:
    foreign = Foreign()
    ProducerSource(foreign).close()
    assert foreign.calls == []


def test_one_may_do_more_than_it_has_to() -> None:
    class Eager(Foreign):
        def startProducing(self, consumer: Any) -> Deferred[None]:
            consumer.write(b"all")
            consumer.unregisterProducer()
            return succeed(None)

    assert value_of(MultipartWriter().append(Eager()).open().read()) == b"all"  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["text", None, 7])
@pytest.mark.parametrize("later", [False, True])
def test_one_that_writes_no_bytes_is_stopped_and_named(bad: Any, later: bool) -> None:
    foreign = Foreign(UNKNOWN_LENGTH, *([b"ok"] if later else [bad]))
    writer = MultipartWriter(boundary="b")
    writer.append(b"first")
    writer.append(foreign)
    done = Outcome(writer.startProducing(cast(Any, consumer := Downstream())))
    if later:
        foreign.consumer.write(bad)
        foreign.consumer.write(b"and more")
    error = done.error
    assert isinstance(error, PayloadError)
    assert (error.part, error.message) == (
        2,
        f"a piece to be sent is {type(bad).__name__}, not bytes",
    )
    assert foreign.calls[-1] == "stop"
    assert consumer.data.endswith(b"ok") is later
    foreign.done.callback(None)


def test_one_may_use_its_bytes_again() -> None:
    buffer = bytearray(b"abc")
    foreign = Foreign(UNKNOWN_LENGTH)
    body = RawBody(foreign)
    body.startProducing(cast(Any, consumer := Downstream()))
    body.pauseProducing()
    foreign.consumer.write(buffer)
    buffer[:] = b"xyz"
    foreign.consumer.write(memoryview(b"abcdefgh").cast("Q"))
    body.resumeProducing()
    assert consumer.data == b"abcabcdefgh"
    body.stopProducing()


async def test_one_of_twisteds() -> None:
    file = FileBodyProducer(io.BytesIO(b"x" * 200_000))
    form = FormData("b")
    form.add_file("f", file, filename="f.bin")
    assert isinstance(form.length, int)
    data = await form.as_bytes()
    assert len(data) == form.length
    assert b"x" * 200_000 in data


# Bodies of ours ----------------------------------------------------------------------


def test_a_raw_body_is_its_content_with_its_headers() -> None:
    body = RawBody(payload_of("text"))
    body.payload.headers.setRawHeaders("Content-Transfer-Encoding", ["base64"])
    writer = MultipartWriter(boundary="b")
    payload = writer.append(body, {"X": "y"})
    whole = (
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\nX: y\r\n\r\ndGV4dA==\r\n--b--\r\n"
    )
    for _ in range(2):
        assert value_of(writer.as_bytes()) == whole
    assert writer.length == len(whole)
    assert (payload.length, writer.replayable) == (8, True)
    # The raw body can still be sent by itself, and has its own headers.
    assert not body.payload.headers.hasHeader("X")


def test_a_field_that_is_a_raw_body() -> None:
    form, typed = FormData("b"), MultipartWriter(boundary="i")
    form.add_field("a", RawBody("1"))
    form.add_field("b", RawBody(typed))
    kinds = [part.part_headers().content_type for part in form.parts]
    assert kinds == ["text/plain", "multipart/mixed"]


def test_a_stream_of_frames_may_be_a_part() -> None:
    frames, writer = MixedReplaceWriter("f", early_headers=False), MultipartWriter()
    payload = writer.append(frames)
    kind = payload.part_headers().get("Content-Type")
    assert kind == "multipart/x-mixed-replace; boundary=f"
    frames.finish(b"1")
    assert b"Content-Length: 1\r\n\r\n1\r\n--f--\r\n" in value_of(writer.as_bytes())


def test_what_they_say_of_themselves_is_asked_when_it_is_wanted() -> None:
    body, writer = RawBody([b"a"]), MultipartWriter()
    payload = writer.append(body)
    body.payload.length = 1
    assert payload.length == 1


# What was read already ----------------------------------------------------------------


def test_a_part_that_was_read_is_not_sent_as_an_empty_one() -> None:
    reader = MultipartReader(MIXED_TYPE)
    reader.write(b"--b\r\n\r\nabc\r\n--b--")
    reader.unregisterProducer()
    part = next_of(reader)
    writer = MultipartWriter("mixed")
    writer.append(part)
    assert value_of(part.read()) == b"abc"
    with pytest.raises(MisuseError, match="the part was read to its end already"):
        MultipartWriter("mixed").append(part)
    error = error_of(writer.as_bytes())
    assert "the part was read to its end already" in str(error)


def test_a_part_that_is_empty_can_be_sent() -> None:
    reader = MultipartReader(MIXED_TYPE)
    reader.write(b"--b\r\n\r\n\r\n--b--")
    reader.unregisterProducer()
    writer = MultipartWriter("mixed", "o")
    writer.append(next_of(reader))
    assert value_of(writer.as_bytes()) == b"--o\r\n\r\n\r\n--o--\r\n"


@pytest.mark.parametrize("length", [None, 5])
def test_a_body_that_is_received_is_sent_on_with_its_length(length: int | None) -> None:
    incoming = BodyReader(length=length)
    incoming.write(b"ab")
    assert value_of(incoming.read_chunk()) == b"ab"
    body = RawBody(incoming)
    assert body.length == (UNKNOWN_LENGTH if length is None else 3)
    consumer = Downstream()
    sent = Outcome(body.startProducing(consumer))
    incoming.write(b"cde")
    incoming.unregisterProducer()
    assert sent.value is None
    assert consumer.data == b"cde"
    with pytest.raises(MisuseError, match="the body was read to its end already"):
        RawBody(incoming)
