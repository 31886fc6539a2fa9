"""The short ways lead where the long way leads, and stop before anything unusual."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sansio.bodies import BODIES, FIELD, GENERATED, TINY, Body
from tests.sansio.runs import DEFAULTS, Outcome, cut, run
from txmultipart.limits import Limits
from txmultipart.sansio import FORM_DATA, Event, MultipartParser, PartData
from txmultipart.sansio import header_lines as headers_module
from txmultipart.sansio import machine as machine_module
from txmultipart.sansio.admission import Admission
from txmultipart.sansio.delimiter import Delimiter, Found
from txmultipart.sansio.shortcut import small_parts, usual_opening, usual_parts

DELIMITER = Delimiter(b"--B", b"\r\n", padding=False)
HEAD = FIELD + b"\r\n\r\n"


class Never:
    """A pattern that matches nothing."""

    def fullmatch(self, block: bytes) -> None:
        return None


def by_the_long_way(chunks: list[bytes], boundary: bytes, bounds: Limits) -> Outcome:
    """Parse with every short way closed."""
    with pytest.MonkeyPatch.context() as patch:
        no_way: Any = lambda *_: False  # noqa: E731
        patch.setattr(machine_module.BodyMachine, "_may_hurry", no_way)
        patch.setattr(machine_module, "usual_opening", lambda *_: None)
        patch.setattr(headers_module, "_USUAL", Never())
        patch.setattr(Delimiter, "content_end", lambda *_: -1)
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


@pytest.mark.parametrize(
    ("data", "usual"),
    [
        (b"--B\r\nA", True),
        (b"--B\r", False),
        (b"--B\n", False),
        (b"--B--", False),
        (b"\r\n--B\r\n", False),
        (b"--B \r\n", False),
    ],
)
def test_the_usual_opening_is_a_line_of_the_delimiter(data: bytes, usual: bool) -> None:
    assert (usual_opening(b"B", data, FORM_DATA) is not None) is usual


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


def usual(data: bytes, in_content: bool = False) -> tuple[int, Found, int]:
    """How far the way for parts of any size leads."""
    events: list[Event] = []
    admission = Admission(FORM_DATA, DEFAULTS)
    return usual_parts(data, 0, in_content, 0, DELIMITER, admission, events)


@pytest.mark.parametrize(
    ("data", "in_content", "expected"),
    [
        (PART + b"--B\r\nrest", False, (len(PART) + 5, Found.OPEN, len(HEAD))),
        (HEAD + b"abc", False, (len(HEAD), Found.MORE, len(HEAD))),
        (HEAD + b"a", False, (0, Found.OPEN, -1)),
        (HEAD + b"--B\r\n", False, (0, Found.OPEN, -1)),
        (HEAD + b"abcdef--B", False, (len(HEAD), Found.DATA, len(HEAD))),
        (b"abc\r\n--B\r\nrest", True, (10, Found.OPEN, -1)),
        (b"abc\r\n--B--", True, (0, Found.DATA, -1)),
        (b"\r\n--B\r\n", True, (7, Found.OPEN, -1)),
        (b"abc", True, (0, Found.MORE, -1)),
        (b"\r\nno headers", False, (0, Found.OPEN, -1)),
        (b"A: b\r\n--B\r\n\r\n", False, (0, Found.OPEN, -1)),
        (b"A: b", False, (0, Found.OPEN, -1)),
    ],
)
def test_how_far_usual_parts_lead(
    data: bytes, in_content: bool, expected: tuple[int, Found, int]
) -> None:
    assert usual(data, in_content) == expected


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
