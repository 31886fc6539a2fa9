"""What may not be in a multipart: itself, by whatever way, or one thing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred

from tests.body.doubles import Downstream, value_of
from txmultipart.body.live import LivePayload
from txmultipart.body.payload import Payload
from txmultipart.body.payloads import payload_of
from txmultipart.body.producer import RawBody
from txmultipart.body.writer import FormData, MultipartWriter
from txmultipart.errors import MisuseError, PayloadError


def raw(writer: object) -> RawBody:
    return RawBody(writer)


def raw_raw(writer: object) -> RawBody:
    return RawBody(RawBody(writer))


@pytest.mark.parametrize("wrap", [raw, raw_raw])
def test_a_writer_is_no_part_of_itself_by_way_of_a_raw_body(
    wrap: Callable[[object], RawBody],
) -> None:
    one, two = MultipartWriter(), MultipartWriter()
    one.append(wrap(two))
    for writer, content in ((one, one), (two, one), (two, wrap(one))):
        with pytest.raises(MisuseError, match="part of itself"):
            writer.append(wrap(content))
    assert (len(one.parts), len(two.parts)) == (1, 0)


def test_a_payload_is_in_a_body_once() -> None:
    payload, form = payload_of(b"a"), FormData("b")
    form.add_field("one", payload)
    for add in (
        lambda: form.add_field("two", payload),
        lambda: form.add_file("two", payload),
        lambda: form.append(payload),
    ):
        with pytest.raises(MisuseError, match="part of this body already"):
            add()
    assert b'name="one"' in value_of(form.as_bytes())
    other = FormData("b")
    other.append(payload)
    assert value_of(other.as_bytes()) == value_of(form.as_bytes())


def test_one_that_was_taken_out_may_come_back() -> None:
    writer = MultipartWriter()
    payload = writer.append(b"a")
    writer.parts.clear()
    assert writer.append(payload) is payload


def nested(thing: object) -> MultipartWriter:
    writer = MultipartWriter()
    writer.append(thing)
    return writer


def inside(thing: Any) -> list[object]:
    return [thing, nested(thing)]


def beside(thing: object) -> list[object]:
    return [thing, thing]


def by_way_of_raw(thing: object) -> list[object]:
    body = RawBody(thing)
    return [body, body]


ONE_SHOTS: dict[str, Callable[[], object]] = {
    "generator": lambda: iter([b"a"]),
    "live": LivePayload,
    "writer": lambda: nested(iter([b"a"])),
}


@pytest.mark.parametrize("name", ONE_SHOTS)
@pytest.mark.parametrize("way", [beside, inside, by_way_of_raw])
def test_what_can_be_sent_once_is_in_one_part(
    way: Callable[[object], list[object]], name: str
) -> None:
    writer, consumer = MultipartWriter(), Downstream()
    writer.append(b"first")
    first, second = way(ONE_SHOTS[name]())
    writer.append(first)
    if first is second and isinstance(first, Payload):
        with pytest.raises(MisuseError, match="part of this body already"):
            writer.append(second)
        return
    writer.append(second)
    with pytest.raises(PayloadError, match="in two parts") as caught:
        writer.startProducing(cast(Any, consumer))
    assert (caught.value.code, caught.value.part) == ("consumed", 3)
    # It is told before the first byte.
    assert consumer.data == b""


def test_what_can_be_sent_again_may_be_in_two() -> None:
    pieces, inner = [b"a"], nested(b"b")
    writer = MultipartWriter()
    for obj in (pieces, pieces, inner, inner):
        writer.append(obj)
    assert value_of(writer.as_bytes()).count(b"\r\n\r\na\r\n") == 2


def test_two_things_that_can_be_sent_once() -> None:
    writer = MultipartWriter()
    for _ in range(2):
        writer.append([Deferred[bytes]()])
        writer.append(iter([b"a"]))
    writer.startProducing(cast(Any, Downstream()))
    writer.stopProducing()
