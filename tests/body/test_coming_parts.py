"""ComingParts, LiveWriter and RelayedParts: parts that come while the body is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.web.iweb import UNKNOWN_LENGTH

from tests.body.doubles import Outcome
from txmultipart import (
    LivePayload,
    MemorySink,
    MisuseError,
    MultipartReader,
    PayloadError,
)
from txmultipart.body.coming_parts import ComingParts
from txmultipart.body.live_writer import LiveWriter
from txmultipart.body.relayed import RelayedParts
from txmultipart.limits import UNLIMITED


class Coming:
    """Parts that a test gives when it likes."""

    def __init__(self, *ready: object) -> None:
        self.ready = list(ready)
        self.asked: Deferred[Any] | None = None

    def __aiter__(self) -> Coming:
        return self

    async def __anext__(self) -> Any:
        if not self.ready:
            self.asked = Deferred()
            return await self.asked
        part = self.ready.pop(0)
        if part is None:
            raise StopAsyncIteration
        if isinstance(part, Exception):
            raise part
        return part


class Sink(MemorySink):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(UNLIMITED)


def sent(body: Any) -> tuple[Sink, Deferred[None]]:
    sink = Sink()
    return sink, body.startProducing(sink)


def test_parts_are_asked_for_one_by_one() -> None:
    coming = Coming(b"one")
    body = ComingParts(coming, boundary="b")
    sink, done = sent(body)
    assert sink.getvalue().endswith(b"\r\n\r\none\r\n")
    assert coming.asked is not None
    coming.ready = [None]
    coming.asked.callback("two")
    assert sink.getvalue().endswith(b"two\r\n--b--\r\n")
    assert done.called


async def test_what_was_appended_stands_before_it() -> None:
    body = ComingParts(Coming(b"two", None), boundary="b")
    body.append(b"one")
    data = await body.as_bytes()
    assert data.index(b"one") < data.index(b"two")
    assert body.length is UNKNOWN_LENGTH
    assert not body.replayable


async def test_no_parts_at_all() -> None:
    assert await ComingParts(Coming(None), boundary="b").as_bytes() == b"--b--\r\n"
    prompt = ComingParts(Coming(None), boundary="b", prompt=True)
    assert await prompt.as_bytes() == b"--b\r\n\r\n\r\n--b--\r\n"


async def test_it_can_be_sent_once() -> None:
    body = ComingParts(Coming(None))
    await body.as_bytes()
    with pytest.raises(PayloadError):
        body.startProducing(Sink())


async def test_what_breaks_the_parts_breaks_the_body() -> None:
    body = ComingParts(Coming(b"one", ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await body.as_bytes()


async def test_what_cannot_be_a_part_is_named() -> None:
    body = ComingParts(Coming(b"one", 17))
    with pytest.raises(MisuseError) as caught:
        await body.as_bytes()
    assert caught.value.part == 2


@pytest.mark.parametrize("stop", ["stopProducing", "cancel"])
def test_given_up_while_nothing_comes(stop: str) -> None:
    coming = Coming()
    body = ComingParts(coming)
    _, done = sent(body)
    done.addErrback(lambda reason: reason.trap(CancelledError))
    assert coming.asked is not None
    if stop == "cancel":
        done.cancel()
    else:
        body.stopProducing()
    assert coming.asked.called  # cancelled


def test_prompt_delimiters() -> None:
    channel = LiveWriter("related", "b")
    sink, done = sent(channel)
    assert sink.getvalue() == b"--b\r\n"  # before there is a part
    channel.append_json({"a": 1})
    head = b"Content-Type: application/json\r\n\r\n"
    assert sink.getvalue() == b"--b\r\n" + head + b'{"a": 1}\r\n--b\r\n'
    channel.append_json([])
    assert sink.getvalue().endswith(b"\r\n--b\r\n" + head + b"[]\r\n--b\r\n")
    channel.finish()
    channel.finish()
    assert sink.getvalue().endswith(b"[]\r\n--b\r\n\r\n\r\n--b--\r\n")
    assert done.called
    assert channel.closed
    with pytest.raises(MisuseError):
        channel.append(b"late")


async def test_a_reader_has_each_part_at_once() -> None:
    channel = LiveWriter("related")
    reader = MultipartReader(channel.content_type, endless=True)
    sending = channel.startProducing(reader)
    for number in range(3):
        channel.append_json(number)
        part: Any = await reader.next_part()
        read = part.json()
        assert read.called
        assert await read == number
    channel.finish()
    await sending
    reader.unregisterProducer()
    last: Any = await reader.next_part()
    assert await last.read() == b""
    assert await reader.next_part() is None


def test_a_slow_reader_makes_parts_wait() -> None:
    channel = LiveWriter()
    channel.append(b"one")
    channel.append(b"two")
    assert channel.waiting == 2
    _, done = sent(channel)
    channel.pauseProducing()
    channel.append(b"three")
    channel.append(b"four")
    assert channel.waiting >= 1
    channel.stopProducing()
    assert channel.closed
    before = channel.waiting
    channel.append(b"five")
    assert channel.waiting == before
    assert not done.called


# Relayed ---------------------------------------------------------------------------------

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="b"\r\nContent-Length: 1\r\n\r\n2\r\n'
    b"--x--\r\n"
)


async def relayed(change: Callable[..., object], data: bytes = FORM) -> bytes:
    """FORM, sent on."""
    reader = MultipartReader("multipart/form-data; boundary=x; charset=utf-8")
    body = RelayedParts(reader, change, boundary="y")
    assert body.content_type == 'multipart/form-data; boundary=y; charset="utf-8"'
    whole = body.as_bytes()
    reader.write(data)
    reader.unregisterProducer()
    return await whole


async def test_unchanged_but_for_the_boundary() -> None:
    data = await relayed(lambda part, payload: payload)
    assert data == FORM.replace(b"--x", b"--y")


async def test_left_out() -> None:
    data = await relayed(lambda part, payload: None if part.name == "a" else payload)
    assert b'name="a"' not in data
    assert b'name="b"' in data


async def test_another_content_has_no_length() -> None:
    data = await relayed(lambda part, payload: b"other")
    assert data.count(b"other") == 2
    assert b"Content-Length" not in data
    assert b'name="b"' in data


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
async def test_a_change_cannot_end_the_body(kind: type[Exception]) -> None:
    def stops(part: Any, payload: Any) -> Any:
        raise kind

    async def stops_later(part: Any, payload: Any) -> Any:
        raise kind

    for change in (stops, stops_later):
        with pytest.raises(RuntimeError, match="raised"):
            await relayed(change)


async def test_what_is_left_of_a_part_is_not_the_part() -> None:
    async def sniff(part: Any, payload: Any) -> Any:
        assert await part.read_chunk() == b"1"
        return payload

    async def sniff_part(part: Any, payload: Any) -> Any:
        return await sniff(part, part)

    data = FORM.replace(b"\r\n2\r\n", b"\r\n2" + bytes(200) + b"\r\n")
    for change in (sniff, sniff_part):
        with pytest.raises(MisuseError):
            await relayed(change, data)


async def test_the_part_itself_is_its_payload() -> None:
    data = await relayed(lambda part, payload: part)
    assert data == FORM.replace(b"--x", b"--y")


async def test_a_part_cut_anywhere() -> None:
    reader = MultipartReader("multipart/form-data; boundary=x")
    body = RelayedParts(reader, boundary="y")
    whole = body.as_bytes()
    for place in range(len(FORM)):
        reader.write(FORM[place : place + 1])
    reader.unregisterProducer()
    assert await whole == FORM.replace(b"--x", b"--y")


async def test_a_parameter_that_cannot_be_written_is_left_out() -> None:
    reader = MultipartReader('multipart/mixed; boundary=b; a(b="1"; c=2')
    reader.write(b"--b--")
    reader.unregisterProducer()
    body = RelayedParts(reader, boundary="n")
    assert body.content_type == 'multipart/mixed; boundary=n; c="2"'
    assert await body.as_bytes() == b"--n--\r\n"


def test_a_part_that_waits_is_told_when_nobody_takes_any_more() -> None:
    writer, first, second, late = LiveWriter(), *(LivePayload() for _ in range(3))
    writer.append(first)
    writer.append(second)
    waiting = [Outcome(payload.write(b"x")) for payload in (first, second)]
    writer.stopProducing()
    writer.append(late)
    assert [outcome.fired for outcome in waiting] == [True, True]
    assert all(payload.closed for payload in (first, second, late))
