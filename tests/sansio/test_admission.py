"""Admission: parts are counted, and known header blocks are read once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from txmultipart.errors import LimitExceeded, MalformedMultipart
from txmultipart.limits import ENDLESS, Limits
from txmultipart.sansio import FORM_DATA, MIME, REPLACE, PartHeaders
from txmultipart.sansio.admission import MOST_KNOWN, Admission

FIELD = b'Content-Disposition: form-data; name="a"'
FILE = FIELD + b'; filename="b.bin"\r\nContent-Type: application/octet-stream'


def test_a_known_block_gives_the_event_that_it_gave_before() -> None:
    events = [Admission(FORM_DATA, Limits()).admit(FIELD, b"\r\n", 0) for _ in "ab"]
    assert events[0] is events[1]


def test_only_so_many_blocks_are_known() -> None:
    admission = Admission(FORM_DATA, ENDLESS)
    for count in range(2 * MOST_KNOWN):
        admission.admit(FIELD + b"; filename=%d" % count, b"\r\n", 0)
        assert len(admission.known or ()) <= MOST_KNOWN
    assert admission.admit(FIELD, b"\r\n", 0) is admission.admit(FIELD, b"\r\n", 0)


def test_a_block_of_nobody_else_is_not_known() -> None:
    rules = replace(FORM_DATA, name="mine")
    assert Admission(rules, Limits()).known is None


def test_a_long_block_is_read_anew() -> None:
    events = [Admission(FORM_DATA, Limits()).admit(FILE, b"\r\n", 0) for _ in "ab"]
    assert events[0] == events[1]
    assert events[0] is not events[1]


def test_a_known_block_is_still_held_against_tighter_limits() -> None:
    Admission(FORM_DATA, Limits()).admit(FIELD, b"\r\n", 0)
    for bound in ("max_header_line", "max_header_bytes", "max_total_header_bytes"):
        admission = Admission(FORM_DATA, Limits(**{bound: len(FIELD) - 1}))
        with pytest.raises(LimitExceeded, match=bound):
            admission.admit(FIELD, b"\r\n", 0)
    with pytest.raises(LimitExceeded, match="max_headers"):
        Admission(FORM_DATA, Limits(max_headers=0)).admit(FIELD, b"\r\n", 0)


@pytest.mark.parametrize("bound", range(2, 28))
def test_no_short_block_has_too_many_headers(bound: int) -> None:
    for newline in (b"\n", b"\r\n"):
        admission = Admission(MIME, Limits(max_headers=bound))
        admission.admit(newline.join([b"a:"] * bound), newline, 0)
        with pytest.raises(LimitExceeded, match="max_headers"):
            admission.admit(newline.join([b"a:"] * (bound + 1)), newline, 0)


def test_one_body_cannot_change_what_the_next_one_sees() -> None:
    begin = Admission(FORM_DATA, Limits()).admit(FIELD, b"\r\n", 0)
    with pytest.raises(AttributeError):
        begin.headers = PartHeaders()  # type: ignore[misc]
    for name in ("name", "raw", "anomalies", "else"):
        with pytest.raises(AttributeError):
            setattr(begin.headers, name, "evil")
    with pytest.raises(TypeError):
        begin.headers.disposition[1]["filename"] = "evil"  # type: ignore[index]


def test_parts_are_counted_and_the_one_too_many_is_refused_where_it_begins() -> None:
    admission = Admission(FORM_DATA, Limits(max_parts=2))
    for offset in (0, 100):
        admission.admit(FIELD, b"\r\n", offset)
    with pytest.raises(LimitExceeded) as caught:
        admission.admit(FIELD, b"\r\n", 200)
    assert (caught.value.limit, caught.value.offset) == ("max_parts", 200)
    assert admission.parts == 3


def test_an_endless_body_has_any_number_of_parts() -> None:
    admission = Admission(REPLACE, ENDLESS)
    for _ in range(3):
        admission.admit(b"A: b", b"\r\n", 0)
    assert admission.parts == 3


def test_a_body_and_those_nested_in_it_share_what_is_allowed() -> None:
    limits = Limits(max_parts=3, max_total_header_bytes=100)
    outer = Admission(FORM_DATA, limits)
    outer.admit(FIELD, b"\r\n", 0)
    inner = Admission(FORM_DATA, limits, outer.budget)
    inner.admit(FIELD, b"\r\n", 0)
    assert (outer.parts, inner.parts) == (1, 1)
    assert outer.room == inner.room == 100 - 2 * len(FIELD)
    with pytest.raises(LimitExceeded, match="max_total_header_bytes"):
        outer.admit(FIELD, b"\r\n", 0)


def test_what_is_wrong_with_a_block_is_told_each_time_at_its_own_offset() -> None:
    admission = Admission(FORM_DATA, Limits())
    for offset in (10, 20):
        with pytest.raises(MalformedMultipart) as caught:
            admission.admit(b"A", b"\r\n", offset)
        assert caught.value.offset == offset
