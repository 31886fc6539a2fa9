"""The first delimiter line: found among what stands before it, and learned from."""

from __future__ import annotations

import pytest

from tests.sansio.runs import bytewise
from txmultipart.errors import LimitExceeded, MalformedMultipart
from txmultipart.limits import Limits
from txmultipart.sansio import FORM_DATA, MIME, REPLACE, Profile
from txmultipart.sansio.delimiter import MAX_PADDING, Found
from txmultipart.sansio.preamble import PreambleReader

OPEN, CLOSE, MORE, DATA = Found.OPEN, Found.CLOSE, Found.MORE, Found.DATA


def read(
    data: bytes, profile: Profile = MIME, boundary: bytes = b"B", **bounds: int
) -> tuple[Found, int, PreambleReader]:
    """How the preamble ends, where what follows begins, and the reader."""
    reader = PreambleReader(boundary, profile, Limits(**bounds))
    found, end = reader.feed(data, 0)
    one_by_one = PreambleReader(boundary, profile, Limits(**bounds))
    for taken, byte in enumerate(bytewise(data)):
        again, position = one_by_one.feed(byte, 0)
        if again is not MORE:
            assert taken + position == end
            break
    assert again is found
    assert one_by_one.offset == reader.offset
    return found, end, reader


@pytest.mark.parametrize(
    ("data", "found", "end", "newline"),
    [
        (b"--B\r\nx", OPEN, 5, b"\r\n"),
        (b"--B\nx", OPEN, 4, b"\n"),
        (b"--B--x", CLOSE, 5, None),
        (b"\r\n--B\r\n", OPEN, 7, b"\r\n"),
        (b"pre\n--B\r\n", OPEN, 9, b"\r\n"),
        (b"pre\r\n--B\n", OPEN, 9, b"\n"),
        (b"--Bx\r\n--B-\r\n x--B\r\n--B\r\n", OPEN, 24, b"\r\n"),
        (b"--B \t\r\n", OPEN, 7, b"\r\n"),
        (b"--B" + b" " * MAX_PADDING + b"\r\n", OPEN, 133, b"\r\n"),
        (b"--B" + b" " * MAX_PADDING + b" \r\n", MORE, 134, None),
        (b"x" * 500 + b"--B\r\n--B\r\n", OPEN, 510, b"\r\n"),
        (b"x" * 500 + b"\n--B--", CLOSE, 506, None),
        (b"nothing", MORE, 7, None),
    ],
)
def test_where_the_first_delimiter_line_is(
    data: bytes, found: Found, end: int, newline: bytes | None
) -> None:
    answer, position, reader = read(data)
    assert (answer, position) == (found, end)
    if newline:
        assert reader.delimiter is not None
        assert reader.delimiter.newline == newline


@pytest.mark.parametrize(
    ("data", "offset", "code"),
    [
        (b"pre\r\n--B\r\n", 0, "preamble"),
        (b"\r\nx", 2, "preamble"),
        (b"\n--B\r\n", 0, "preamble"),
        (b"\rx", 0, "preamble"),
        (b"--Bx", 0, "preamble"),
        (b"--B-x", 0, "preamble"),
        (b"--B \r\n", 0, "preamble"),
        (b"--A", 0, "preamble"),
        (b"--B\n", 0, "bare-lf"),
        (b"\r\n\r\n--B\n", 4, "bare-lf"),
    ],
    ids=ascii,
)
def test_what_a_form_may_not_begin_with(data: bytes, offset: int, code: str) -> None:
    for chunks in ([data], bytewise(data)):
        reader = PreambleReader(b"B", FORM_DATA, Limits())
        with pytest.raises(MalformedMultipart) as caught:
            _ = [reader.feed(chunk, 0) for chunk in chunks]
        assert (caught.value.code, caught.value.offset) == (code, offset)


@pytest.mark.parametrize(
    ("data", "boundary", "found", "dash"),
    [
        (b"--B\r\n", b"B", OPEN, b"--B"),
        (b"--B\r\n", b"--B", OPEN, b"--B"),
        (b"----B\r\n", b"--B", OPEN, b"----B"),
        (b"--B--", b"--B", CLOSE, b"--B"),
        (b"--B\r\n", b"", OPEN, b"--B"),
        (b"pre\r\n--B \t\r\n", b"", OPEN, b"--B"),
        (b"--\r\n--B--\r\n", b"", OPEN, b"--B--"),
        (b"----\r\n", b"--", OPEN, b"----"),
        (b"A: b\r\n", b"B", DATA, b"--B"),
        (b"A: b\r\n", b"--B", DATA, b"--B"),
        (b"\r\nA: b\r\n", b"B", DATA, b"--B"),
    ],
    ids=ascii,
)
def test_what_a_camera_may_begin_with(
    data: bytes, boundary: bytes, found: Found, dash: bytes
) -> None:
    answer, end, reader = read(data, REPLACE, boundary)
    assert (answer, end) == (found, len(data))
    assert reader.delimiter is not None
    assert reader.delimiter.dash == dash


@pytest.mark.parametrize(
    ("data", "profile", "boundary"),
    [
        (b"A: b\r\n", MIME, b"B"),
        (b"A: b\r\n", REPLACE, b""),
        (b"pre\r\nA: b\r\n", REPLACE, b"B"),
        (b"--A: b\r\n", REPLACE, b"B"),
        (b"no colon\r\n", REPLACE, b"B"),
        (b"A: b", REPLACE, b"B"),
        (b"--B\r\n", MIME, b"--B"),
    ],
    ids=["mime", "no boundary", "junk", "dashes", "no colon", "no line", "mime dashes"],
)
def test_what_begins_nothing(data: bytes, profile: Profile, boundary: bytes) -> None:
    assert read(data, profile, boundary)[0] is MORE


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"--B\r\n", []),
        (b"\r\n--B\r\n", []),
        (b"pre\r\n--B\r\n", ["preamble"]),
        (b"--B\n", ["bare-lf"]),
        (b"--B--\n", []),
        (b"pre\n--B\n", ["preamble", "bare-lf"]),
        (b"A: b\n", ["no-first-delimiter", "bare-lf"]),
    ],
    ids=ascii,
)
def test_what_had_to_be_tolerated(data: bytes, codes: list[str]) -> None:
    found, _, reader = read(data, REPLACE)
    assert reader.anomalies(found) == codes


@pytest.mark.parametrize(
    "line", [b"x" * 9 + b"\n", b"\r\n" * 5], ids=["text", "breaks"]
)
def test_a_preamble_at_its_bound_passes_and_one_byte_more_does_not(line: bytes) -> None:
    assert read(line + b"--B\r\n", max_preamble=10)[0] is OPEN
    with pytest.raises(LimitExceeded) as caught:
        read(b"\n" + line + b"--B\r\n", max_preamble=10)
    assert (caught.value.limit, caught.value.offset) == ("max_preamble", 10)


def test_a_line_without_end_is_not_kept() -> None:
    reader = PreambleReader(b"B", MIME, Limits())
    for _ in range(100):
        reader.feed(b"x" * 100, 0)
        assert len(reader.held) <= len(b"--B") + MAX_PADDING + 2
    assert reader.skipped + len(reader.held) == 10_000
    reader.feed(b"\r\n--B\r\n", 0)
    assert reader.held == b"--B\r\n"


def test_offsets_count_from_where_the_reader_was_told_to_begin() -> None:
    reader = PreambleReader(b"B", MIME, Limits(max_preamble=3), 1000)
    reader.feed(b"x\n", 0)
    assert reader.offset == 1002
    with pytest.raises(LimitExceeded) as caught:
        reader.feed(b"yy\n", 0)
    assert caught.value.offset == 1003
