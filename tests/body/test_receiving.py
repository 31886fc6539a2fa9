"""Receiving: progress, subclasses of readers and parts, and bodies without an end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from tests.body.doubles import (
    FORM_TYPE,
    MIXED_TYPE,
    Downstream,
    Outcome,
    Upstream,
    cut,
    error_of,
    multipart,
    next_of,
    value_of,
)
from txmultipart.body import intake
from txmultipart.body.delivery import ResponseBody
from txmultipart.body.part import BodyPart
from txmultipart.body.progress import Progress
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import (
    LimitExceeded,
    MisuseError,
    NotMultipart,
    TruncatedMultipart,
    UploadAborted,
)
from txmultipart.limits import Limits

WHOLE = multipart(("x", b"1"), ("y", b"22"))


# Progress ----------------------------------------------------------------------------

Told = list[tuple[int, int | None, Any]]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is told at every write."""

    def make(callback: Any, total: Any) -> Progress:
        return Progress(callback, total, interval=0)

    monkeypatch.setattr(intake, "Progress", make)


@pytest.mark.usefixtures("always")
def test_progress_tells_bytes_total_and_part() -> None:
    told: Told = []
    reader = MultipartReader(FORM_TYPE, progress=lambda *args: told.append(args))
    reader.length = len(WHOLE)
    counted = Outcome(reader.for_each(lambda part: part.discard()))
    for piece in cut(WHOLE, [len(WHOLE) // 4]):
        reader.write(piece)
    reader.unregisterProducer()
    assert counted.value == 2
    counts = [count for count, _, _ in told]
    assert counts == sorted(counts)
    assert counts[-1] == len(WHOLE)
    assert {total for _, total, _ in told} == {len(WHOLE)}
    names = [part and part.name for _, _, part in told]
    assert "x" in names
    assert names[-1] is None


def test_progress_is_throttled_and_told_at_the_end() -> None:
    told: Told = []
    reader = MultipartReader(FORM_TYPE, progress=lambda *args: told.append(args))
    for piece in cut(WHOLE, [1]):
        reader.write(piece)
    reader.unregisterProducer()
    assert [count for count, _, _ in told] == [1, len(WHOLE)]
    assert reader.received == len(WHOLE)


def test_a_body_that_breaks_is_not_told_to_be_complete() -> None:
    told: Told = []
    reader = MultipartReader(FORM_TYPE, progress=lambda *args: told.append(args))
    reader.write(WHOLE[:9])
    reader.fail(Failure(UploadAborted()))
    assert [count for count, _, _ in told] == [9]


def test_what_the_callback_raises_breaks_the_body() -> None:
    upstream = Upstream()
    reader = MultipartReader(FORM_TYPE, progress=lambda *args: 1 / 0)
    reader.registerProducer(upstream, True)
    reader.write(WHOLE)
    assert upstream.calls[-1] == "stop"
    assert next_of(reader).name == "x"
    reader.next_part()
    assert isinstance(error_of(reader.next_part()), ZeroDivisionError)


# Subclasses --------------------------------------------------------------------------


class Shouting(BodyPart):
    """A part that can do more than others."""

    def shout(self) -> Deferred[str]:
        return self.text().addCallback(str.upper)


class Pairs(MultipartReader):
    """Gives parts two at a time."""

    part_class = Shouting

    async def next_part(self) -> Any:  # type: ignore[override]
        first = await super().next_part()
        if first is None:
            return None
        text = await first.text()
        return text, await super().next_part()


class PairsWithin(MultipartReader):
    """A body whose nested ones hold pairs."""

    reader_class = Pairs


def filled(kind: type[MultipartReader], body: bytes) -> MultipartReader:
    reader = kind(MIXED_TYPE)
    reader.write(body)
    reader.unregisterProducer()
    return reader


FOUR = multipart(("a", b"1"), ("b", b"x"), ("c", b"2"), ("d", b"y"))


async def test_next_part_may_be_overridden() -> None:
    pairs: list[Any] = []
    reader: Any = filled(Pairs, FOUR)
    async for text, part in reader:
        pairs.append((text, part.name, await part.shout()))
    assert pairs == [("1", "b", "X"), ("2", "d", "Y")]


def test_for_each_takes_what_a_subclass_gives() -> None:
    seen: list[Any] = []
    assert value_of(filled(Pairs, FOUR).for_each(seen.append)) == 2
    assert [text for text, _ in seen] == ["1", "2"]


async def test_nested_readers_may_be_of_another_class() -> None:
    kind = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    inner = FOUR.replace(b"--b", b"--c")
    reader = filled(PairsWithin, kind + inner + b"\r\n--b--\r\n")
    nested: Any = next_of(reader).parts()
    assert type(nested).__name__ == "Pairs"
    assert nested.depth == 2
    assert [text async for text, _ in nested] == ["1", "2"]


def test_a_nested_reader_of_a_subclass_is_a_plain_one() -> None:
    assert Pairs.reader_class is MultipartReader


# Bodies without an end ---------------------------------------------------------------

ENDLESS = "multipart/x-mixed-replace; boundary=f"
FRAME = b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"


class Camera:
    """A response that never ends by itself."""

    def __init__(self, content_type: str = ENDLESS) -> None:
        self.transport = Upstream()
        self.reader = MultipartReader(content_type)
        self.body = ResponseBody(self.reader)
        self.body.done.addErrback(lambda _: None)
        self.body.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.body.dataReceived(data)

    def frame(self, content: bytes) -> None:
        self.send(FRAME % (len(content), content))


def test_each_part_is_whole_as_soon_as_its_bytes_are_here() -> None:
    camera = Camera()
    for number in range(3):
        asked = Outcome(camera.reader.next_part())
        content = b"frame %d" % number
        camera.send((FRAME % (len(content), content))[:-2])  # nothing behind its bytes
        part: Any = asked.value
        assert value_of(part.read()) == content
        camera.send(b"\r\n")


def test_the_bytes_of_a_part_come_as_they_come() -> None:
    camera, consumer = Camera("multipart/mixed; boundary=f"), Downstream()
    asked = Outcome(camera.reader.next_part())
    camera.send(b"--f\r\n\r\n")
    part: Any = asked.value
    part.write_to(consumer)
    for word in (b"some ", b"words "):
        camera.send(word)
        assert consumer.pieces[-1] == word
    assert camera.transport.running


class Response:
    """As much of an ``IResponse`` as is looked at."""

    code = 200

    def __init__(self, content_type: str = ENDLESS) -> None:
        self.headers = Headers({"Content-Type": [content_type]})
        self.protocol: Any = None

    def deliverBody(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.makeConnection(Upstream())


def test_a_response_without_end_has_no_bound_on_the_whole() -> None:
    response = Response()
    reader = MultipartReader.from_response(response)
    for _ in range(2000):
        response.protocol.dataReceived(FRAME % (9999, b"x" * 9999))
        assert len(value_of(next_of(reader).read())) == 9999


def test_and_has_one_if_that_is_asked_for() -> None:
    response = Response()
    reader = MultipartReader.from_response(response, limits=Limits(max_parts=1))
    for _ in range(2):
        response.protocol.dataReceived(FRAME % (1, b"x"))
    next_of(reader)
    assert isinstance(error_of(reader.next_part()), LimitExceeded)


DOWNCHANNEL = "multipart/related; boundary=d"


def directive(content: bytes, *headers: bytes) -> bytes:
    """One part behind its delimiter, and the delimiter behind it, as services send it."""
    lines = (b"Content-Type: application/json", *headers)
    return b"".join(b"%s\r\n" % line for line in lines) + b"\r\n%s\r\n--d\r\n" % content


def downchannel(**options: Any) -> tuple[MultipartReader, Callable[[bytes], None]]:
    """A reader of a response that begins, and what sends more of it."""
    response = Response(DOWNCHANNEL)
    reader = MultipartReader.from_response(response, **options)
    response.protocol.dataReceived(b"--d\r\n")
    return reader, response.protocol.dataReceived


def test_a_downchannel_is_read_for_days() -> None:
    reader, send = downchannel(endless=True)
    for number in range(5000):
        asked: Outcome[Any] = Outcome(reader.next_part())
        content = b'{"number": %d, "x": "%s"}' % (number, b"x" * 4000)
        send(directive(content, b"X-Padding: " + b"x" * 300))
        assert value_of(asked.value.json())["number"] == number
    bounds = Limits()
    assert reader.limits == bounds
    assert reader.number > bounds.max_parts
    assert reader.received > bounds.max_memory
    assert reader.number * 300 > bounds.max_total_header_bytes


def test_and_is_not_unless_it_is_said_to_have_no_end() -> None:
    reader, send = downchannel()
    for _ in range(1000):
        send(directive(b"1"))
        next_of(reader)
    send(directive(b"1"))
    error = error_of(reader.next_part())
    assert isinstance(error, LimitExceeded)
    assert error.limit == "max_parts"


PARTS: dict[str, bytes] = {
    "max_part_size": directive(b"x" * 101),
    "max_header_bytes": directive(b"", b"X: " + b"x" * 200),
    "max_headers": directive(b"", *[b"X: y"] * 5),
    "max_field_size": directive(b"x" * 51),
    "max_memory": directive(b"x" * 41),
}


@pytest.mark.parametrize("name", PARTS)
def test_the_bounds_on_each_part_stay(name: str) -> None:
    limits = Limits(
        max_part_size=100, max_header_bytes=200, max_headers=5, max_field_size=50
    )
    if name == "max_memory":
        limits = replace(limits, max_memory=40)
    reader, send = downchannel(endless=True, limits=limits)
    for _ in range(20):
        send(directive(b"x" * 40))
        assert len(value_of(next_of(reader).read())) == 40
    send(PARTS[name])
    read = BodyPart.discard if name == "max_part_size" else BodyPart.read
    failed = Outcome(reader.for_each(read))
    assert isinstance(failed.error, LimitExceeded)
    assert failed.error.limit == name


def test_what_is_nested_counts_for_each_part_anew() -> None:
    reader, send = downchannel(endless=True, limits=Limits(max_parts=4, max_memory=4))
    kind = b"Content-Type: multipart/mixed; boundary=b"
    nested = FOUR.removesuffix(b"\r\n")
    for _ in range(3):
        send(directive(nested).replace(b"Content-Type: application/json", kind))
        assert value_of(next_of(reader).parts().for_each(BodyPart.read)) == 4
    nested = nested.replace(b"--b--", b"--b\r\n\r\n5\r\n--b--")
    send(directive(nested).replace(b"Content-Type: application/json", kind))
    error = error_of(next_of(reader).parts().for_each(BodyPart.discard))
    assert isinstance(error, LimitExceeded)
    assert (error.limit, error.part) == ("max_parts", 5)


def test_frames_may_have_bounds_without_an_end() -> None:
    response = Response()
    limits = Limits(max_parts=1, max_part_size=9)
    reader = MultipartReader.from_response(response, limits=limits, endless=True)
    for _ in range(3):
        response.protocol.dataReceived(FRAME % (9, b"x" * 9))
        assert len(value_of(next_of(reader).read())) == 9
    response.protocol.dataReceived(FRAME % (10, b"x" * 10))
    failed = Outcome(reader.for_each(BodyPart.read))
    assert isinstance(failed.error, LimitExceeded)
    assert failed.error.limit == "max_part_size"


def test_a_response_may_be_of_another_type_than_it_says() -> None:
    """What ffmpeg sends has no boundary, which is then read off the body."""
    response = Response("application/octet-stream")
    with pytest.raises(NotMultipart):
        MultipartReader.from_response(response)
    reader = MultipartReader.from_response(
        response, content_type="multipart/x-mixed-replace"
    )
    for _ in range(1200):
        response.protocol.dataReceived(FRAME % (1, b"x"))
        assert value_of(next_of(reader).read()) == b"x"


def test_nested_bodies_share_one_budget() -> None:
    kind = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    inner = FOUR.replace(b"--b", b"--c")
    reader = MultipartReader(MIXED_TYPE, limits=Limits(max_parts=4))
    reader.write(kind + inner + b"\r\n--b--\r\n")
    counted = next_of(reader).parts().for_each(lambda part: part.discard())
    assert isinstance(error_of(counted), LimitExceeded)


def test_a_body_that_is_sent_to_us_chooses_no_limits() -> None:
    reader = MultipartReader(ENDLESS, limits=Limits(max_parts=2))
    reader.write((FRAME % (1, b"x")) * 3)
    assert isinstance(
        error_of(reader.for_each(lambda part: part.discard())), LimitExceeded
    )


def test_the_last_frame_of_a_camera_that_hangs_up_is_whole() -> None:
    for reason in (ResponseDone(), PotentialDataLoss()):
        camera = Camera()
        camera.frame(b"last")
        camera.body.connectionLost(Failure(reason))
        assert value_of(next_of(camera.reader).read()) == b"last"
        assert value_of(camera.reader.next_part()) is None


def test_a_frame_that_was_cut_short_is_not() -> None:
    camera = Camera()
    camera.send((FRAME % (9, b"123456789"))[:-5])
    camera.body.connectionLost(Failure(PotentialDataLoss()))
    part = next_of(camera.reader)
    assert isinstance(error_of(part.read()), TruncatedMultipart)


Reads: dict[str, Callable[[BodyPart], Deferred[Any]]] = {
    "read": lambda part: part.read(),
    "text": lambda part: part.text(),
    "json": lambda part: part.json(),
    "form": lambda part: part.form(),
    "readline": lambda part: part.readline(),
    "read_chunk": lambda part: part.read_chunk(),
    "write_to": lambda part: part.write_to(Downstream()),
    "decoded": lambda part: part.write_to(Downstream(), decode=True),
}


@pytest.mark.parametrize("read", Reads.values(), ids=Reads)
def test_a_stale_part_is_refused_at_the_call(
    read: Callable[[BodyPart], Deferred[Any]],
) -> None:
    reader = filled(MultipartReader, FOUR)
    part = next_of(reader)
    next_of(reader)
    with pytest.raises(MisuseError, match="was skipped"):
        read(part)
