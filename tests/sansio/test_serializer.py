"""The serializer: what it writes, what it refuses, and that the parser reads it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sansio.runs import bytewise, run
from txmultipart.errors import MisuseError
from txmultipart.sansio import (
    FORM_DATA,
    MIME,
    REPLACE,
    EndOfMultipart,
    Event,
    MultipartSerializer,
    PartBegin,
    PartData,
    PartEnd,
    PartHeaders,
    Profile,
)
from txmultipart.sansio.parameters import form_parameter, quoted_parameter

Parts = list[tuple[PartHeaders, bytes]]
HEAD = PartHeaders([("Content-Disposition", 'form-data; name="a"'), ("X", "ü")])
BEGIN, DATA, END, LAST = PartBegin(HEAD), PartData(b"x"), PartEnd(), EndOfMultipart()


def events(parts: Parts) -> Iterable[Event]:
    for headers, content in parts:
        yield PartBegin(headers)
        if content:
            yield PartData(content)
        yield PartEnd()
    yield EndOfMultipart()


def write(serializer: MultipartSerializer, parts: Parts) -> bytes:
    return b"".join(map(serializer.send, events(parts)))


def test_a_body_byte_for_byte() -> None:
    parts = [(HEAD, b"one"), (PartHeaders(), b""), (PartHeaders({"A": ""}), b"\r\n")]
    assert write(MultipartSerializer("B"), parts) == (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\nX: \xc3\xbc\r\n\r\none\r\n'
        b"--B\r\n\r\n\r\n"
        b"--B\r\nA: \r\n\r\n\r\n\r\n"
        b"--B--\r\n"
    )


def test_a_body_without_parts() -> None:
    assert write(MultipartSerializer("B"), []) == b"--B--\r\n"
    assert MultipartSerializer("B").length([]) == 7


def test_an_endless_body_has_no_close_delimiter() -> None:
    serializer = MultipartSerializer("B", close_boundary=False)
    assert write(serializer, [(PartHeaders(), b"x")]) == b"--B\r\n\r\nx\r\n"
    assert serializer.length([(PartHeaders(), 1)]) == 10


def test_content_may_come_in_pieces() -> None:
    serializer = MultipartSerializer("B")
    serializer.send(BEGIN)
    pieces = [serializer.send(PartData(piece)) for piece in (b"a", b"", b"b")]
    assert pieces == [b"a", b"", b"b"]


def test_a_boundary_is_made_up_each_time() -> None:
    assert MultipartSerializer().boundary != MultipartSerializer().boundary


@pytest.mark.parametrize("boundary", ["", "a\r\nb", "a\n", "a\0", "ü", "x" * 71, "x "])
def test_a_boundary_that_is_none(boundary: str) -> None:
    with pytest.raises(MisuseError) as caught:
        MultipartSerializer(boundary)
    assert caught.value.code == "bad-boundary"


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([], DATA),
        ([], END),
        ([BEGIN], BEGIN),
        ([BEGIN], LAST),
        ([BEGIN, DATA], BEGIN),
        ([BEGIN, DATA], LAST),
        ([BEGIN, END], DATA),
        ([BEGIN, END], END),
        ([LAST], BEGIN),
        ([LAST], DATA),
        ([LAST], END),
        ([LAST], LAST),
        ([BEGIN], b"bytes"),
        ([], None),
    ],
)
def test_an_event_out_of_its_order(before: list[Event], event: Event) -> None:
    serializer = MultipartSerializer("B")
    _ = [serializer.send(earlier) for earlier in before]
    with pytest.raises(MisuseError) as caught:
        serializer.send(event)
    assert caught.value.http_status == 500
    assert str(caught.value) == f"{type(event).__name__} is not what comes next"


def test_after_a_misuse_what_comes_next_still_may() -> None:
    serializer = MultipartSerializer("B")
    with pytest.raises(MisuseError):
        serializer.send(END)
    assert serializer.send(LAST) == b"--B--\r\n"


@pytest.mark.parametrize("data", ["text", [45], 3, None])
def test_content_is_bytes(data: Any) -> None:
    serializer = MultipartSerializer("B")
    serializer.send(BEGIN)
    with pytest.raises(MisuseError) as caught:
        serializer.send(PartData(data))
    kind = type(data).__name__
    assert str(caught.value) == f"PartData has bytes, not {kind}"
    assert serializer.send(PartData(b"x")) == b"x"


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_content_that_could_change_is_copied(kind: Callable[[bytes], Any]) -> None:
    serializer = MultipartSerializer("B")
    serializer.send(BEGIN)
    sent = serializer.send(PartData(kind(b"x")))
    assert (type(sent), sent) == (bytes, b"x")


# There and back -------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=20)
TOKEN = st.text("abcXYZ-019!#$%&'*+.^_`|~", min_size=1, max_size=10)
CONTENT = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([b"\r", b"\n", b"--", b"-", b"--x", b"\r\n--x"])).map(
        b"".join
    ),
)


Write = Callable[[str, str], str]


EXTRA = st.lists(st.tuples(TOKEN.map("X-{}".format), TEXT), max_size=3)


def parts_with(parameter: Write) -> st.SearchStrategy[Parts]:
    def headers(name: str, extra: list[tuple[str, str]]) -> PartHeaders:
        disposition = "form-data; " + parameter("name", name)
        return PartHeaders([("Content-Disposition", disposition), *extra])

    made = st.builds(headers, TEXT, EXTRA)
    return st.lists(st.tuples(made, CONTENT), max_size=4)


PARTS = parts_with(form_parameter)
#: The parts for each profile, written in its own dialect.
FOR_PROFILES = st.one_of(
    st.tuples(st.just(FORM_DATA), PARTS),
    st.tuples(st.sampled_from([MIME, REPLACE]), parts_with(quoted_parameter)),
)


@settings(max_examples=300, deadline=None)
@given(FOR_PROFILES, st.sampled_from(["made-up", "=_:", "0 " * 34 + "01"]))
def test_what_is_written_is_what_is_read(
    chosen: tuple[Profile, Parts], boundary: str
) -> None:
    profile, parts = chosen
    body = write(MultipartSerializer(boundary), parts)
    outcome = run([body], boundary, profile)
    assert outcome.problem is None
    assert outcome.parts == parts
    assert not outcome.anomalies
    assert run(bytewise(body), boundary, profile) == outcome


@settings(max_examples=300, deadline=None)
@given(PARTS, st.booleans())
def test_the_length_is_known_before_the_first_byte(parts: Parts, close: bool) -> None:
    serializer = MultipartSerializer(close_boundary=close)
    length = serializer.length((headers, len(content)) for headers, content in parts)
    assert length == len(write(serializer, parts))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    head = PartHeaders(
        {"Content-Disposition": "form-data; " + form_parameter("name", name)}
    )
    body = write(MultipartSerializer("B"), [(head, b"x")])
    outcome = run([body])
    assert outcome.parts == [(head, b"x")]
    assert len(outcome.parts[0][0].raw) == 1


@pytest.mark.parametrize("profile", [FORM_DATA, MIME], ids=lambda p: p.name)
def test_nested_bodies_whose_boundaries_extend_each_other(profile: Profile) -> None:
    content = b"deepest"
    for boundary in ("B-in-in", "B-in", "B"):
        content = write(MultipartSerializer(boundary), [(HEAD, content)])
    for boundary in ("B", "B-in", "B-in-in"):
        outcome = run([content], boundary, profile)
        assert outcome.problem is None
        [content] = outcome.contents
    assert content == b"deepest"
