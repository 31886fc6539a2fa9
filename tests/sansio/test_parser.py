"""The parser itself: its events, its errors, its bounds, its memory and its work."""

from __future__ import annotations

import dataclasses
import tracemalloc
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from tests.sansio.bodies import FIELD, PLAIN
from tests.sansio.runs import bytewise, calls, run, whole
from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MisuseError,
    MultipartError,
    NotMultipart,
    TruncatedMultipart,
)
from txmultipart.limits import ENDLESS, UNLIMITED, KiB, Limits, MiB
from txmultipart.sansio import (
    FORM_DATA,
    MIME,
    REPLACE,
    Anomaly,
    EndOfMultipart,
    MultipartParser,
    PartBegin,
    PartData,
    PartEnd,
    Profile,
)
from txmultipart.sansio.delimiter import MAX_PADDING
from txmultipart.sansio.machine import MAX_ANOMALIES, State

HEAD = b"--B\r\n" + FIELD + b"\r\n\r\n"
each_profile = pytest.mark.parametrize(
    "profile", [FORM_DATA, MIME, REPLACE], ids=lambda p: p.name
)


# Events ---------------------------------------------------------------------------


def test_events_come_as_soon_as_their_bytes_have_come() -> None:
    parser = MultipartParser("B")
    assert parser.receive_data(HEAD[:-1]) == []
    [begin] = parser.receive_data(HEAD[-1:])
    assert isinstance(begin, PartBegin)
    assert begin.headers.name == "a"
    assert parser.receive_data(b"x") == [PartData(b"x")]
    assert parser.receive_data(b"\r\n--B-") == []
    assert parser.receive_data(b"-") == [PartEnd(), EndOfMultipart()]
    assert parser.receive_data(b"\r\n") == []
    assert parser.receive_eof() == []
    assert parser.take_events() == []


def test_a_part_that_declares_its_length_ends_without_its_delimiter() -> None:
    parser = MultipartParser("B", profile=REPLACE)
    events = parser.receive_data(b"--B\r\nContent-Length: 2\r\n\r\nxy")
    assert events[1:] == [PartData(b"xy"), PartEnd()]
    assert parser.state is State.BETWEEN


def test_a_chunk_of_content_is_passed_on_as_it_is() -> None:
    parser = MultipartParser("B")
    parser.receive_data(HEAD + b"x")
    chunk = b"y" * 1000
    [event] = parser.receive_data(chunk)
    assert isinstance(event, PartData)
    assert event.data is chunk


def test_it_counts_what_it_received() -> None:
    parser = MultipartParser("B")
    assert (parser.received, parser.parts) == (0, 0)
    parser.receive_data(PLAIN)
    assert (parser.received, parser.parts) == (len(PLAIN), 2)


def test_an_endless_body_may_go_on_for_ever() -> None:
    parser = MultipartParser("B", profile=REPLACE)
    for _ in range(2000):
        assert len(parser.receive_data(b"--B\r\nA: b\r\n\r\nx\r\n")) in (2, 3)
    assert parser.parts == 2000


def test_but_not_if_it_was_given_bounds() -> None:
    parser = MultipartParser("B", profile=REPLACE, limits=Limits(max_parts=2))
    with pytest.raises(LimitExceeded, match="max_parts"):
        parser.receive_data(b"--B\r\nA: b\r\n\r\nx\r\n" * 3)


@pytest.mark.parametrize(
    ("profile", "unit"),
    [
        (MIME, b"--B\r\na:\r\n"),
        (REPLACE, b"--B\r\na:\r\n"),
        (FORM_DATA, b"\r\n--Bx"),
        (MIME, b"\r\n--Bx"),
    ],
)
def test_the_work_for_a_large_chunk_is_linear(profile: Profile, unit: bytes) -> None:
    class Counting(bytes):
        """Counts how many bytes are handled by copying slices."""

        copied = 0

        def __getitem__(self, key: Any) -> Any:
            piece = bytes.__getitem__(self, key)
            Counting.copied += len(piece) if isinstance(key, slice) else 0
            return piece

    copied = []
    for count in (4_000, 8_000):
        Counting.copied = 0
        parser = MultipartParser(b"B", profile=profile, limits=ENDLESS)
        parser.receive_data(HEAD)
        parser._run(Counting(unit * count))
        copied.append(Counting.copied)
    assert copied[1] < 2.5 * copied[0] + 1000


@pytest.mark.parametrize(
    "boundary", ["", b"", "ü", b"\xff", "a\r\n", "\udcff"], ids=ascii
)
def test_a_boundary_that_cannot_be_used(boundary: str | bytes) -> None:
    with pytest.raises(NotMultipart) as caught:
        MultipartParser(boundary)
    assert (caught.value.code, caught.value.http_status) == ("bad-boundary", 415)


@pytest.mark.parametrize("length", [1, 69, 70, 200])
def test_a_boundary_of_any_length_up_to_the_bound(length: int) -> None:
    boundary = b"b" * length
    body = PLAIN.replace(b"--B", b"--" + boundary)
    expected = whole(body, boundary)
    assert expected.contents == [b"one", b"two"]
    assert run(bytewise(body), boundary) == expected


# Errors ---------------------------------------------------------------------------


def test_the_events_before_an_error_can_be_had() -> None:
    parser = MultipartParser("B")
    with pytest.raises(MalformedMultipart):
        parser.receive_data(HEAD + b"x\r\n--B\r\nno colon\r\n\r\n")
    begin, *others = parser.take_events()
    assert isinstance(begin, PartBegin)
    assert others == [PartData(b"x"), PartEnd()]
    assert parser.take_events() == []


def test_an_error_is_for_ever() -> None:
    parser = MultipartParser("B")
    with pytest.raises(MalformedMultipart) as first:
        parser.receive_data(b"x")
    assert parser.state is State.FAILED
    for again in (parser.receive_eof, lambda: parser.receive_data(PLAIN)):
        with pytest.raises(MalformedMultipart) as caught:
            again()
        assert caught.value is first.value
    assert parser.take_events() == []


def test_the_end_is_for_ever_too() -> None:
    parser = MultipartParser("B")
    with pytest.raises(TruncatedMultipart) as first:
        parser.receive_eof()
    with pytest.raises(TruncatedMultipart) as caught:
        parser.receive_data(PLAIN)
    assert caught.value is first.value


@pytest.mark.parametrize(
    ("body", "where", "part"),
    [
        (b"", "before the first delimiter", 0),
        (b"--B", "before the first delimiter", 0),
        (b"--B\r\n" + FIELD, "in the headers of a part", 0),
        (HEAD, "in a part, before a close delimiter", 1),
        (HEAD + b"x\r\n--B", "in a part, before a close delimiter", 1),
        (HEAD + b"x\r\n--B\r\n", "in the headers of a part", 1),
    ],
)
def test_a_truncated_body_says_where_it_ended(
    body: bytes, where: str, part: int
) -> None:
    problem = whole(body).problem
    assert problem is not None
    assert (problem.kind, problem.code) == ("TruncatedMultipart", "truncated")
    assert problem.text.startswith(f"the body ended {where} (")
    assert (problem.offset, problem.part, problem.http_status) == (len(body), part, 400)


def test_a_truncated_counted_part_says_so() -> None:
    problem = whole(b"--B\r\nContent-Length: 2\r\n\r\nx", profile=REPLACE).problem
    assert problem is not None
    assert "before its declared length" in problem.text


def test_no_prefix_of_a_form_is_taken_for_the_whole() -> None:
    end = PLAIN.rindex(b"--") + 2
    for length in range(len(PLAIN)):
        outcome = whole(PLAIN[:length])
        assert outcome.code == ("truncated" if length < end else "")


def test_what_is_tolerated_is_recorded_up_to_a_number() -> None:
    fold = b"--B\r\nA: b\r\n c\r\n\r\nx\r\n"
    parser = MultipartParser("B", profile=MIME)
    parser.receive_data(fold * (MAX_ANOMALIES + 5))
    assert len(parser.anomalies) == MAX_ANOMALIES
    assert parser.anomalies[1] == Anomaly("header-folding", len(fold) + 11)


# Bounds ---------------------------------------------------------------------------

TWO_LINES = FIELD + b"\r\nAb: c"

#: A bound, a body that reaches it and one that passes it by one, and where.
BOUNDS: dict[str, tuple[int, bytes, bytes, int]] = {
    "max_header_line": (
        len(FIELD) + 1,
        HEAD.replace(b'"a"', b'"aa"') + b"x\r\n--B--",
        HEAD.replace(b'"a"', b'"aaa"') + b"x\r\n--B--",
        5,
    ),
    "max_headers": (
        2,
        b"--B\r\n" + FIELD + b"\r\nA: b\r\n\r\n\r\n--B--",
        b"--B\r\n" + FIELD + b"\r\nA: b\r\nC: d\r\n\r\n\r\n--B--",
        5,
    ),
    "max_header_bytes": (
        len(TWO_LINES),
        b"--B\r\n" + TWO_LINES + b"\r\n\r\n\r\n--B--",
        b"--B\r\n" + TWO_LINES + b"d\r\n\r\n\r\n--B--",
        5 + len(TWO_LINES),
    ),
    "max_total_header_bytes": (
        2 * len(FIELD) + 1,
        HEAD + b"\r\n" + HEAD.replace(b'"a"', b'"aa"') + b"\r\n--B--",
        HEAD + b"\r\n" + HEAD.replace(b'"a"', b'"aaa"') + b"\r\n--B--",
        len(HEAD) + 2 + 5 + len(FIELD) + 1,
    ),
    "max_parts": (
        2,
        HEAD + b"\r\n" + HEAD + b"\r\n--B--",
        HEAD + b"\r\n" + HEAD + b"\r\n" + HEAD + b"\r\n--B--",
        2 * len(HEAD) + 4 + len(b"--B\r\n"),
    ),
    "max_part_size": (
        5,
        HEAD + b"12345\r\n--B--",
        HEAD + b"123456\r\n--B--",
        len(HEAD) + 5,
    ),
    "max_body_size": (
        len(HEAD) + 9,
        HEAD + b"\r\n--B--\r\n",
        HEAD + b"\r\n--B--\r\n\r\n",
        len(HEAD) + 9,
    ),
    "max_preamble": (
        4,
        b"\r\n\r\n" + HEAD + b"\r\n--B--",
        b"\r\n\r\n\r\n" + HEAD + b"\r\n--B--",
        4,
    ),
    "max_epilogue": (
        2,
        HEAD + b"\r\n--B--\r\n",
        HEAD + b"\r\n--B--\r\n\r\n",
        len(HEAD) + 9,
    ),
}

HEADER_BOUNDS = {
    "max_header_line",
    "max_headers",
    "max_header_bytes",
    "max_total_header_bytes",
}
#: Fields of ``Limits`` that are for whoever reads parts, decodes or nests.
OF_OTHERS = {"max_field_size", "max_memory", "max_depth", "max_ratio"}


def test_every_bound_has_a_row() -> None:
    names = {field.name for field in dataclasses.fields(Limits)}
    assert names == {*BOUNDS, *OF_OTHERS, "max_boundary_length"}


@each_profile
@pytest.mark.parametrize("limit", BOUNDS)
def test_a_bound_is_reached_and_then_passed(limit: str, profile: Profile) -> None:
    bound, reaching, passing, offset = BOUNDS[limit]
    limits = Limits(**{limit: bound})
    for cut in (lambda body: [body], bytewise):
        assert run(cut(reaching), profile=profile, limits=limits).problem is None
        problem = run(cut(passing), profile=profile, limits=limits).problem
        assert problem is not None
        assert (problem.kind, problem.code) == ("LimitExceeded", "limit-exceeded")
        assert (problem.limit, problem.offset) == (limit, offset)
        assert problem.http_status == (431 if limit in HEADER_BOUNDS else 413)
        assert problem.text.startswith(f"{limit} is {bound}, and the input has more (")


@pytest.mark.parametrize("boundary", ["x" * 201, b"x" * 201], ids=["str", "bytes"])
def test_a_boundary_has_a_bound(boundary: str | bytes) -> None:
    with pytest.raises(LimitExceeded) as caught:
        MultipartParser(boundary)
    assert (caught.value.limit, caught.value.bound) == ("max_boundary_length", 200)


def test_a_boundary_that_nobody_declared_has_the_same() -> None:
    for length, limit in ((200, ""), (201, "max_boundary_length")):
        body = b"--" + b"x" * length + b"\r\n\r\ny\r\n--" + b"x" * length + b"--"
        problem = whole(body, b"", REPLACE).problem
        assert (problem.limit if problem else "") == limit


def test_a_part_of_the_bound_is_handed_out_before_the_error() -> None:
    body = HEAD + b"123456789"
    for chunks in ([body], bytewise(body)):
        outcome = run(chunks, limits=Limits(max_part_size=4))
        assert outcome.contents == [b"1234"]
        outcome = run(chunks, limits=Limits(max_body_size=len(HEAD) + 3))
        assert outcome.contents == [b"123"]


def test_no_content_at_all_may_be_allowed() -> None:
    limits = Limits(max_part_size=0)
    assert whole(HEAD + b"\r\n--B--", limits=limits).problem is None
    assert whole(HEAD + b"x\r\n--B--", limits=limits).contents == [b""]


def test_a_counted_part_has_the_same_bound() -> None:
    body = b"--B\r\nContent-Length: 999999999999\r\n\r\n12345"
    outcome = whole(body, profile=REPLACE, limits=Limits(max_part_size=4))
    assert outcome.contents == [b"1234"]
    assert outcome.problem is not None
    assert outcome.problem.limit == "max_part_size"


# Memory and work ------------------------------------------------------------------

WIDE = Limits(
    max_preamble=UNLIMITED,
    max_epilogue=UNLIMITED,
    max_header_bytes=UNLIMITED,
    max_header_line=UNLIMITED,
    max_total_header_bytes=UNLIMITED,
)

#: For each state: what comes before, and what can then come without end.
STATES: dict[str, tuple[bytes, bytes]] = {
    "preamble, one line": (b"", b"x"),
    "preamble, lines": (b"", b"\r\n"),
    "preamble, dashes": (b"", b"--\r\n"),
    "headers": (b"--B\r\n", b"A: b\r\n"),
    "one header": (b"--B\r\nA: ", b"b"),
    "header lines that begin like a delimiter": (b"--B\r\nA: b", b"\r\n--Bx: y"),
    "body": (HEAD, b"x"),
    "body of CR": (HEAD, b"\r"),
    "body of LF": (HEAD, b"\n"),
    "body of CRLF": (HEAD, b"\r\n"),
    "body of dashes": (HEAD, b"-"),
    "body of lines with dashes": (HEAD, b"\r\n--"),
    "body of half delimiters": (HEAD, b"\r\n--Bx"),
    "body of padding": (HEAD, b"\r\n--B" + b" " * 129),
    "counted body": (b"--B\r\nContent-Length: 99999999\r\n\r\n", b"x"),
    "behind a counted body": (b"--B\r\nContent-Length: 0\r\n\r\n", b"x\r\n"),
    "epilogue": (b"--B--", b"x"),
    "epilogue of CRLF": (b"--B--", b"\r\n"),
}
each_state = pytest.mark.parametrize(("before", "ever"), STATES.values(), ids=STATES)


def feeder(before: bytes, ever: bytes, size: int) -> Callable[[], None]:
    """Feeds what comes before, and then ``size`` single bytes of the rest."""
    parser = MultipartParser("B", profile=REPLACE, limits=WIDE)
    parser.receive_data(before)
    pieces = bytewise((ever * (size // len(ever) + 1))[:size])

    def feed() -> None:
        for piece in pieces:
            parser.receive_data(piece)

    return feed


@each_state
def test_single_bytes_are_as_much_work_late_as_early(
    before: bytes, ever: bytes
) -> None:
    # Calls, not seconds: they are the same each time. That no call does more and
    # more is what the bound on ``held`` is for, and the search test of header blocks.
    half = calls(feeder(before, ever, 16 * KiB))
    full = calls(feeder(before, ever, 32 * KiB))
    assert half < full < 2.5 * half


@each_profile
@each_state
def test_what_is_held_has_a_bound(before: bytes, ever: bytes, profile: Profile) -> None:
    # ``run`` looks after each chunk.
    rest = (ever * (8 * KiB // len(ever)))[: 8 * KiB]
    tight = Limits(max_header_bytes=100, max_preamble=100 * MiB)
    for size in (1, 7, 1000, 8 * KiB):
        pieces = [rest[i : i + size] for i in range(0, len(rest), size)]
        run([before, *pieces], profile=profile, limits=tight)


def test_a_megabyte_of_content_in_single_bytes_holds_next_to_nothing() -> None:
    parser = MultipartParser("B")
    parser.receive_data(HEAD)
    for byte in bytewise(b"\r\n--" * 4 * KiB):
        parser.receive_data(byte)
        assert parser.held <= len(b"\r\n--B") + 2


def test_nothing_that_a_stranger_sends_makes_another_error() -> None:
    for first in range(256):
        parser = MultipartParser("B", profile=MIME)
        for second in (
            b"\r\n",
            bytes([first]),
            b"--B\r\n",
            bytes([first]),
            b"\r\n\r\n",
        ):
            try:
                parser.receive_data(bytes([first]) + second)
            except MultipartError:
                break


def test_nothing_comes_after_the_end() -> None:
    parser = MultipartParser(b"B")
    parser.receive_data(b"--B--")
    parser.receive_eof()
    for call in (lambda: parser.receive_data(b"\r\n"), parser.receive_eof):
        with pytest.raises(MisuseError) as caught:
            call()
        assert caught.value.code == "after-eof"


class OwnBytes(bytes):
    """Of somebody else's making."""


#: What holds the bytes it is made of.
KINDS: dict[str, Callable[[bytes], Any]] = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "with gaps": lambda data: memoryview(bytes(i for b in data for i in (b, 0)))[::2],
    "array": lambda data: array("B", data),
    "own": OwnBytes,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("size", [1, 7, 50, len(PLAIN)])
def test_what_holds_bytes_is_as_good(kind: Callable[[bytes], Any], size: int) -> None:
    parser, data = MultipartParser("B"), []
    for start in range(0, len(PLAIN), size):
        for event in parser.receive_data(kind(PLAIN[start : start + size])):
            data += [event.data] if isinstance(event, PartData) else []
    assert parser.receive_eof() == []
    assert {type(piece) for piece in data} == {bytes}
    assert b"".join(data) == b"".join(whole(PLAIN, b"B").contents)


@pytest.mark.parametrize("size", [1, 7, 50, 200])
def test_what_is_given_may_change_afterwards(size: int) -> None:
    parser, data = MultipartParser("B"), b""
    body = HEAD + b"content" * 30 + b"\r\n--B--"
    for start in range(0, len(body), size):
        given = bytearray(body[start : start + size])
        events = parser.receive_data(given)
        given[:] = bytes(len(given))
        data += b"".join(event.data for event in events if isinstance(event, PartData))
    assert data == b"content" * 30
    assert parser.receive_eof() == []


@pytest.mark.parametrize(
    "data",
    ["text", "", [45, 45], [], 3, None, range(3)],
    ids=lambda data: type(data).__name__,
)
@pytest.mark.parametrize("before", [b"", HEAD, HEAD + b"content"])
def test_what_holds_no_bytes_is_refused_at_the_call(before: bytes, data: Any) -> None:
    parser = MultipartParser("B")
    parser.receive_data(before)
    with pytest.raises(MisuseError) as caught:
        parser.receive_data(data)
    kind = type(data).__name__
    assert str(caught.value) == f"receive_data takes bytes, not {kind}"
    assert caught.value.code == "not-bytes"
    # The parser is as it was.
    assert parser.received == len(before)
    parser.receive_data((HEAD + b"content\r\n--B--")[len(before) :])
    assert parser.receive_eof() == []


def test_a_boundary_that_is_read_off_the_body_has_to_be_usable() -> None:
    problem = run([b"\r\n--\xff\xfe\r\n"], b"", REPLACE).problem
    assert problem is not None
    assert (problem.kind, problem.code) == ("MalformedMultipart", "bad-boundary")
    assert problem.offset == 2


#: What is declared, and the first line, where a boundary may have ten bytes.
LONGEST: dict[str, tuple[bytes, bytes]] = {
    "not declared": (b"", b"--" + b"x" * 10),
    "declared": (b"x" * 10, b"--" + b"x" * 10),
    "with the dashes of the line": (b"--" + b"x" * 8, b"--" + b"x" * 8),
    "with dashes of its own": (b"--" + b"x" * 8, b"----" + b"x" * 8),
}


@pytest.mark.parametrize("padding", [0, 1, MAX_PADDING - 1, MAX_PADDING])
@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_boundary_of_a_camera(
    name: str, newline: bytes, padding: int
) -> None:
    declared, line = LONGEST[name]
    limits = Limits(max_boundary_length=10)
    body = newline.join([line + b" " * padding, b"A: b", b"", b"one", line + b"--"])
    for chunks in ([body], bytewise(body)):
        result = run(chunks, declared, REPLACE, limits)
        assert result.problem is None
        assert result.contents == [b"one"]


@pytest.mark.parametrize("extra", [1, 2, 3, MAX_PADDING])
@pytest.mark.parametrize("before", [b"", b"\r\n", b"text\r\n"])
def test_a_boundary_that_is_read_off_the_body_has_a_bound(
    before: bytes, extra: int
) -> None:
    limits = Limits(max_boundary_length=10)
    body = before + b"--" + b"x" * (10 + extra) + b"\r\nA: b\r\n\r\n"
    for chunks in ([body], bytewise(body)):
        problem = run(chunks, b"", REPLACE, limits).problem
        assert problem is not None
        assert (problem.kind, problem.limit) == ("LimitExceeded", "max_boundary_length")
        assert problem.offset == len(before)


@pytest.mark.parametrize("dashes", [b"", b"--"])
def test_a_boundary_that_was_declared_has_the_same_bound(dashes: bytes) -> None:
    limits = Limits(max_boundary_length=10)
    declared = dashes + b"x" * (10 - len(dashes))
    MultipartParser(declared, profile=REPLACE, limits=limits)
    with pytest.raises(LimitExceeded, match="max_boundary_length is 10"):
        MultipartParser(declared + b"x", profile=REPLACE, limits=limits)


def test_a_nested_parser_spends_what_the_outer_one_may() -> None:
    outer = MultipartParser(b"B", limits=Limits(max_parts=2))
    outer.receive_data(HEAD)
    inner = MultipartParser(b"B", limits=outer.limits, budget=outer.budget)
    inner.receive_data(HEAD)
    with pytest.raises(LimitExceeded, match="max_parts"):
        outer.receive_data(b"\r\n" + HEAD)


def test_a_header_block_is_kept_no_longer_than_it_takes() -> None:
    parser = MultipartParser("B", profile=MIME)
    tracemalloc.start()
    try:
        parser.receive_data(b"--B\r\nA: " + b"x" * 7000)
        parser.receive_data(b"\r\nB: " + b"y" * 7000 + b"\r\n\r\ncontent")
        assert parser.held == 0
        assert tracemalloc.get_traced_memory()[0] < 7000
    finally:
        tracemalloc.stop()
