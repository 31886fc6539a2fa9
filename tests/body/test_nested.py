"""What may not be in a multipart: itself, by whatever way, one thing twice, or too much."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred

from tests.body.doubles import Downstream, Outcome, value_of
from txmultipart.body.coming_parts import ComingParts
from txmultipart.body.live import LivePayload
from txmultipart.body.live_writer import LiveWriter
from txmultipart.body.nested import MAX_NESTING
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


# How deep -----------------------------------------------------------------------------


def inside_out(depth: int, wrap: Callable[[Any], Any]) -> Any:
    """Bodies in one another; what is innermost is made first."""
    body: Any = MultipartWriter()
    body.append(b"x")
    for _ in range(depth - 1):
        body = wrap(body)
    return body


def outside_in(depth: int) -> MultipartWriter:
    """The same of writers, the outermost first."""
    outermost = writer = MultipartWriter()
    for _ in range(depth - 1):
        inner = MultipartWriter()
        writer.append(inner)
        writer = inner
    writer.append(b"x")
    return outermost


DEEP: dict[str, Callable[[int], Any]] = {
    "inside out": lambda depth: inside_out(depth, nested),
    "outside in": outside_in,
    "raw bodies": lambda depth: inside_out(depth, RawBody),
}


@pytest.mark.parametrize("name", DEEP)
def test_so_many_may_be_in_one_another(name: str) -> None:
    body, consumer = DEEP[name](MAX_NESTING), Downstream()
    assert body.replayable
    value_of(body.startProducing(consumer))
    assert len(consumer.data) == body.length
    body.give_up()


def test_what_comes_late_goes_through_all_of_them() -> None:
    late: Deferred[bytes] = Deferred()
    body = MultipartWriter()
    body.append([late])
    for _ in range(MAX_NESTING - 1):
        inner, body = body, MultipartWriter()
        body.append(inner, {"Content-Transfer-Encoding": "8bit"})
    outcome = Outcome(body.as_bytes())
    assert not outcome.fired
    late.callback(b"content")
    assert b"\r\n\r\ncontent\r\n" in outcome.value


@pytest.mark.parametrize("depth", [MAX_NESTING + 1, 400, 2000])
@pytest.mark.parametrize("name", DEEP)
def test_and_no_more(name: str, depth: int) -> None:
    with pytest.raises(MisuseError, match=f"more than {MAX_NESTING} bodies"):
        DEEP[name](depth)


def test_two_halves_are_refused_when_they_are_joined() -> None:
    half = MAX_NESTING // 2
    above = MultipartWriter()
    for _ in range(half - 1):
        outer, above = above, MultipartWriter()
        outer.append(above)
    below = outside_in(half)
    with pytest.raises(MisuseError, match="bodies are in one another"):
        above.append(RawBody(below))
    assert above.parts == []
    below.append(outside_in(half))  # what was refused stands nowhere deep
    above.append(outside_in(half))


async def endless() -> AsyncIterator[object]:
    yield ComingParts(endless())


def test_parts_that_come_are_counted_too() -> None:
    outcome = Outcome(ComingParts(endless()).as_bytes())
    assert "bodies are in one another" in str(outcome.error)
    assert isinstance(outcome.error, MisuseError)


def test_a_cycle_of_three() -> None:
    one, two, three = MultipartWriter(), MultipartWriter(), MultipartWriter()
    one.append(two)
    two.append(three)
    for body in (one, two, three):
        with pytest.raises(MisuseError, match="part of itself"):
            three.append(body)
    assert three.parts == []


def test_a_cycle_of_writers_whose_parts_wait() -> None:
    one, two = LiveWriter(), LiveWriter()
    one.append(two)
    with pytest.raises(MisuseError, match="part of itself"):
        two.append(one)
    one.stopProducing()


async def brings(bodies: list[object]) -> AsyncIterator[object]:
    yield bodies.pop()


def test_a_cycle_by_way_of_parts_that_come() -> None:
    bodies: list[object] = []
    coming = ComingParts(brings(bodies))
    bodies.append(nested(coming))
    outcome = Outcome(coming.as_bytes())
    assert "part of itself" in str(outcome.error)


ENTRANCES: dict[str, Callable[[MultipartWriter], object]] = {
    "length": lambda writer: writer.length,
    "replayable": lambda writer: writer.replayable,
    "startProducing": lambda writer: writer.startProducing(cast(Any, Downstream())),
}


@pytest.mark.parametrize("name", ENTRANCES)
def test_a_cycle_past_append(name: str) -> None:
    one, two = MultipartWriter(), MultipartWriter()
    one.parts.append(payload_of(two))
    two.parts.append(payload_of(one))
    with pytest.raises(MisuseError, match="bodies are in one another"):
        ENTRANCES[name](one)


def test_a_cycle_past_append_before_parts_that_come() -> None:
    writer = ComingParts(endless())
    writer.parts.append(payload_of(writer))
    with pytest.raises(MisuseError, match="bodies are in one another"):
        writer.startProducing(cast(Any, Downstream()))
