"""The short ways lead where the long way leads, and stop before anything unusual."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sansio.bodies import BODIES, FIELD, GENERATED, TINY, Body
from tests.sansio.runs import DEFAULTS, Outcome, cut, run
from txmultipart.errors import MalformedMultipart
from txmultipart.limits import Limits
from txmultipart.sansio import FORM_DATA, Event, MultipartParser, PartData
from txmultipart.sansio import admission as admission_module
from txmultipart.sansio import header_lines as headers_module
from txmultipart.sansio import machine as machine_module
from txmultipart.sansio.admission import Admission
from txmultipart.sansio.delimiter import LONG, Delimiter
from txmultipart.sansio.machine import BodyMachine, State
from txmultipart.sansio.shortcut import (
    WHOLE,
    ShortcutMachine,
    small_parts,
    whole_form,
)

DELIMITER = Delimiter(b"--B", b"\r\n", padding=False)
HEAD = FIELD + b"\r\n\r\n"


class Never:
    """A pattern that matches nothing."""

    def match(self, block: bytes) -> None:
        return None


def by_the_long_way(chunks: list[bytes], boundary: bytes, bounds: Limits) -> Outcome:
    """Parse with every short way closed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShortcutMachine, "_hurry", BodyMachine._hurry)
        patch.setattr(ShortcutMachine, "_take_whole", lambda *_: [])
        patch.setattr(machine_module, "MOST_PLAIN", 0)
        patch.setattr(headers_module, "USUAL", Never())
        patch.setattr(admission_module, "_KNOWN", {})
        return run(chunks, boundary, FORM_DATA, bounds)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_long_way_leads_to_the_same(body: Body) -> None:
    for bounds in (DEFAULTS, *TINY.values()):
        whole = run([body.data], body.boundary, FORM_DATA, bounds)
        assert whole == by_the_long_way([body.data], body.boundary, bounds)


@settings(max_examples=600, deadline=None)
@given(GENERATED, st.lists(st.integers(0, 400), max_size=4))
def test_the_long_way_leads_to_the_same_for_any_body(
    body: Body, places: list[int]
) -> None:
    chunks = cut(body.data, places)
    short = run(chunks, body.boundary, FORM_DATA)
    assert short == by_the_long_way(chunks, body.boundary, DEFAULTS)


def small(data: bytes) -> tuple[int, bool, int]:
    """How far the way for small parts leads, whether to the close, past how many."""
    events: list[Event] = []
    admission = Admission(FORM_DATA, DEFAULTS)
    end, closed = small_parts(data, 0, 0, DELIMITER, admission, events)
    return end, closed, admission.parts


PART = HEAD + b"one\r\n"


@pytest.mark.parametrize(
    ("data", "end", "closed", "parts"),
    [
        (PART + b"--B\r\n" + PART + b"--B--\r\n", 2 * len(PART) + 3, True, 2),
        (PART + b"--B\r\n" + PART + b"--B\r\n", 2 * len(PART) + 10, False, 2),
        (PART + b"--B\r\n" + HEAD, len(PART) + 5, False, 1),
        (HEAD + b"x" * 5000 + b"\r\n--B--", 0, False, 0),
        (HEAD + b"x--Bx\r\n--B\r\n", 0, False, 0),
        (PART + b"--Bx\r\n--B\r\n", 0, False, 0),
        (HEAD + b"--B\r\n" + PART + b"--B\r\n", 0, False, 0),
        (b"\r\nno headers\r\n--B\r\n", 0, False, 0),
        (PART + b"--B\r\n\r\nA: b\r\n\r\nc\r\n--B\r\n", len(PART) + 5, False, 1),
    ],
)
def test_how_far_small_parts_lead(
    data: bytes, end: int, closed: bool, parts: int
) -> None:
    assert small(data) == (end, closed, parts)


def usual(data: bytes, in_content: bool) -> tuple[int, State, int]:
    """How far the way for parts of any size leads, to which state, past how many."""
    parser = MultipartParser(b"B")
    # Small parts have a way of their own, which is not tried in the same chunk again.
    begin = b"--B\r\n" + HEAD + b"0" if in_content else b"--B\r\n"
    parser.receive_data(begin)
    parser._unusual = len(begin)
    return parser._hurry(data, 0), parser.state, parser.parts


@pytest.mark.parametrize(
    ("data", "in_content", "end", "state", "parts"),
    [
        (PART + b"--B\r\nrest", False, len(PART) + 5, State.HEADERS, 1),
        (HEAD + b"abc", False, len(HEAD) + 3, State.BODY, 1),
        (HEAD + b"a", False, 0, State.HEADERS, 0),
        (HEAD + b"--B\r\n", False, 0, State.HEADERS, 0),
        (HEAD + b"--Bcdef", False, 0, State.HEADERS, 0),
        (HEAD + b"-cdef", False, len(HEAD) + 5, State.BODY, 1),
        (HEAD + b"abcdef--B", False, len(HEAD), State.BODY, 1),
        (HEAD + b"\r\n--B\r\n", False, len(HEAD) + 7, State.HEADERS, 1),
        (b"abc\r\n--B\r\nrest", True, 10, State.HEADERS, 1),
        (b"abc\r\n--B--", True, 0, State.BODY, 1),
        (b"\r\n--B\r\n", True, 7, State.HEADERS, 1),
        (b"--B\r\n", True, 0, State.BODY, 1),
        (b"abc", True, 3, State.BODY, 1),
        (b"abc\r", True, 4, State.BODY, 1),
        (b"\r\n--", True, 4, State.BODY, 1),
        (b"\r\nno headers", False, 0, State.HEADERS, 0),
        (b"\r\nno headers\r\n\r\nabc", False, 0, State.HEADERS, 0),
        (FIELD + b"\r\nA: b\r\n\r\nabc", False, len(HEAD) + 9, State.BODY, 1),
        (FIELD + b"\r\nA: b", False, 0, State.HEADERS, 0),
        (FIELD, False, 0, State.HEADERS, 0),
    ],
)
def test_how_far_usual_parts_lead(
    data: bytes, in_content: bool, end: int, state: State, parts: int
) -> None:
    assert usual(data, in_content) == (end, state, parts)


FORM = b"--B\r\n" + PART + b"--B\r\n" + PART + b"--B--\r\n"


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (FORM, 2),
        (FORM[:-2], 2),
        (b"--B--", 0),
        (FORM[:-3], None),
        (FORM + b"x", None),
        (b"\r\n" + FORM, None),
        (FORM[5:], None),
        (b"", None),
        (FORM.replace(b"one", b"x--B"), 2),
        (FORM.replace(b"one", b"--B"), None),
        (FORM.replace(b"one", b"\r\n--Bx"), None),
        (FORM.replace(HEAD, FIELD), None),
        (FORM.replace(HEAD, b"\r\n"), None),
        (FORM.replace(HEAD, b"A\r\n\r\n"), None),
        (FORM.replace(b"one\r\n", b"\r\n"), 2),
        (FORM.replace(b"one\r\n", b""), None),
    ],
)
def test_which_forms_are_taken_apart_at_once(data: bytes, parts: int | None) -> None:
    admission = Admission(FORM_DATA, DEFAULTS)
    events = whole_form(data, b"B", admission)
    assert bool(events) == (parts is not None)
    assert admission.parts == (parts or 0)
    assert events == (events and MultipartParser("B").receive_data(data))


@pytest.mark.parametrize(
    ("limit", "bound"),
    [
        ("max_parts", 2),
        ("max_total_header_bytes", 2 * len(FIELD)),
        ("max_header_bytes", len(FIELD)),
        ("max_header_line", len(FIELD)),
        ("max_headers", 1),
    ],
)
def test_a_form_is_taken_apart_at_once_up_to_its_limits(limit: str, bound: int) -> None:
    for less, events in ((0, 7), (1, 0)):
        admission = Admission(FORM_DATA, Limits(**{limit: bound - less}))
        assert len(whole_form(FORM, b"B", admission)) == events


def test_what_a_form_took_at_once_is_counted() -> None:
    parser = MultipartParser("B")
    parser.receive_data(FORM)
    assert (parser.received, parser.parts, parser.held) == (len(FORM), 2, 0)
    assert parser.budget.parts == DEFAULTS.max_parts - 2
    left = DEFAULTS.max_total_header_bytes - parser.budget.header_bytes
    assert left == 2 * len(FIELD)


def test_a_large_form_is_not_taken_apart_at_once() -> None:
    count = WHOLE // len(PART + b"--B\r\n") + 1
    body = b"--B\r\n" + b"--B\r\n".join([PART] * count) + b"--B--\r\n"
    assert run([body]) == by_the_long_way([body], b"B", DEFAULTS)


def test_a_chunk_from_the_middle_of_a_large_part_is_passed_on_as_it_is() -> None:
    parser = MultipartParser(b"B")
    parser.receive_data(b"--B\r\n" + HEAD + b"x" * 100)
    chunk = b"y\r\n" * 1000 + b"y"
    (event,) = parser.receive_data(chunk)
    assert isinstance(event, PartData)
    assert event.data is chunk


def test_a_chunk_of_another_type_is_copied() -> None:
    parser = MultipartParser(b"B")
    parser.receive_data(b"--B\r\n" + HEAD + b"x" * 100)
    chunk = bytearray(b"y" * 100)
    (event,) = parser.receive_data(chunk)
    chunk[:] = b"z" * 100
    assert event == PartData(b"y" * 100)


@pytest.mark.parametrize("size", [LONG - 1, LONG])
def test_delimiters_are_found_in_chunks_of_any_size(size: int) -> None:
    for end in (b"\r\n--B--", b"\n--B--", b"--B--", b"\r\n--B", b"\r", b"\r\n--"):
        for line in (b"", b"\n"):
            chunk = line + b"y" * (size - len(line + end)) + end
            chunks = [b"--B\r\n" + HEAD, b"x" * 10, b"x", chunk, chunk, b"x\r\n--B--"]
            assert run(chunks) == by_the_long_way(chunks, b"B", DEFAULTS)


def test_what_is_passed_on_as_it_is_counts_against_the_limits() -> None:
    head = b"--B\r\n" + HEAD + b"x"
    for name, bound in (("max_part_size", 30), ("max_body_size", len(head) + 29)):
        chunks = [head, b"x", *[b"y" * 10] * 3]
        short = run(chunks, limits=Limits(**{name: bound}))
        assert short == by_the_long_way(chunks, b"B", Limits(**{name: bound}))
        assert short.contents == [b"xx" + b"y" * 28]


def test_a_gigabyte_of_content_is_looked_at_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine_module, "MOST_PLAIN", 25)
    parser = MultipartParser("B")
    parser.receive_data(b"--B\r\n" + HEAD + b"x")
    before = parser.received
    for count in range(1, 10):
        assert parser.receive_data(b"y" * 10) == [PartData(b"y" * 10)]
        assert parser.received == before + 10 * count


def test_nothing_is_passed_on_behind_an_error() -> None:
    parser = MultipartParser("B")
    for chunk in (b"--B\r\n" + HEAD + b"x", b"y" * 10, b"y" * 10):
        parser.receive_data(chunk)
    with pytest.raises(MalformedMultipart) as first:
        parser.receive_data(b"\r\n--B\r\nbad\r\n\r\n")
    with pytest.raises(MalformedMultipart) as again:
        parser.receive_data(b"z")
    assert again.value is first.value
