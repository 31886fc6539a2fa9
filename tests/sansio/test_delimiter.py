"""Delimiter lines: what is one, and how they are found however the bytes are cut."""

from __future__ import annotations

import pytest

from tests.sansio.runs import bytewise
from txmultipart.sansio.delimiter import (
    MAX_PADDING,
    Delimiter,
    DelimiterScanner,
    Found,
)

OPEN, CLOSE, MORE, DATA = Found.OPEN, Found.CLOSE, Found.MORE, Found.DATA
CRLF, LF = b"\r\n", b"\n"
BLANK = b" " * MAX_PADDING


@pytest.mark.parametrize("begin", ["", "before "], ids=["at 0", "behind"])
@pytest.mark.parametrize(
    ("rest", "newline", "padding", "found", "taken"),
    [
        (b"\r\nx", CRLF, False, OPEN, 2),
        (b"\nx", LF, False, OPEN, 1),
        (b"--", CRLF, False, CLOSE, 2),
        (b"--x", CRLF, False, CLOSE, 2),
        (b"", CRLF, False, MORE, 0),
        (b"\r", CRLF, False, MORE, 1),
        (b"-", CRLF, False, MORE, 1),
        (b"-x", CRLF, False, DATA, None),
        (b"x", CRLF, False, DATA, None),
        (b"\n", CRLF, False, DATA, None),
        (b"\rx", CRLF, False, DATA, None),
        (b"\r\n", LF, False, DATA, None),
        (b" \r\n", CRLF, False, DATA, None),
        (b" \r\n", CRLF, True, OPEN, 3),
        (b" \t\n", LF, True, OPEN, 3),
        (b" \t ", CRLF, True, MORE, 3),
        (b" \r", CRLF, True, MORE, 2),
        (b" x", CRLF, True, DATA, None),
        (b" --", CRLF, True, DATA, None),
        (BLANK, CRLF, True, MORE, MAX_PADDING),
        (BLANK + b"\r\n", CRLF, True, OPEN, MAX_PADDING + 2),
        (BLANK + b" \r\n", CRLF, True, DATA, None),
    ],
)
def test_what_stands_behind_the_boundary(
    rest: bytes,
    newline: bytes,
    padding: bool,
    found: Found,
    taken: int | None,
    begin: str,
) -> None:
    delimiter = Delimiter(b"--B", newline, padding=padding)
    answer, end = delimiter.classify(begin.encode() + rest, len(begin))
    assert answer is found
    if taken is not None:
        assert end == len(begin) + taken


@pytest.mark.parametrize("newline", [CRLF, LF], ids=["CRLF", "LF"])
def test_no_more_is_ever_needed_than_the_longest(newline: bytes) -> None:
    delimiter = Delimiter(b"--B", newline, padding=True)
    line = delimiter.line + BLANK + newline
    assert len(line) <= delimiter.longest
    assert delimiter.classify(line, len(delimiter.line)) == (OPEN, len(line))


def scan(*chunks: bytes, fresh: bool = False) -> tuple[bytes, Found, DelimiterScanner]:
    """The content before the first delimiter line in ``chunks``, and how it ended."""
    scanner = DelimiterScanner(Delimiter(b"--B", CRLF, padding=True))
    if fresh:
        scanner.begin_line()
    pieces: list[bytes] = []
    found = MORE
    for chunk in chunks:
        found, _ = scanner.scan(chunk, 0, pieces)
        if found is not MORE:
            break
    assert all(pieces)
    return b"".join(pieces), found, scanner


@pytest.mark.parametrize(
    ("data", "content", "found"),
    [
        (b"x\r\n--B\r\n", b"x", OPEN),
        (b"x\r\n--B--", b"x", CLOSE),
        (b"\r\n--B\r\n", b"", OPEN),
        (b"--B\r\n", b"--B", MORE),
        (b"x--B\r\n--B--", b"x--B", CLOSE),
        (b"x--B\r\n", b"x--B", MORE),
        (b"\n--B\r\n", b"\n--B", MORE),
        (b"\r\r\n--B\r\n", b"\r", OPEN),
        (b"\r\n\r\n--B\r\n", b"\r\n", OPEN),
        (b"x\r\n--Bx\r\n--B--", b"x\r\n--Bx", CLOSE),
        (b"x\r\n--B \r\r\n--B--", b"x\r\n--B \r", CLOSE),
        (b"x\r\n--B\r\r\n--B--", b"x\r\n--B\r", CLOSE),
        (b"x\r\n--\r\n-\r\n", b"x\r\n--\r\n-", MORE),
    ],
    ids=ascii,
)
def test_content_ends_at_a_delimiter_line(
    data: bytes, content: bytes, found: Found
) -> None:
    for chunks in ([data], bytewise(data)):
        assert scan(*chunks)[:2] == (content, found)


@pytest.mark.parametrize(
    ("data", "content", "found"),
    [
        (b"--B--", b"", CLOSE),
        (b"--B\r\n", b"", OPEN),
        (b"--Bx\r\n--B--", b"--Bx", CLOSE),
        (b"-x\r\n--B--", b"-x", CLOSE),
        (b"\r\n--B--", b"", CLOSE),
        (b"x", b"x", MORE),
        (b"--", b"", MORE),
    ],
    ids=ascii,
)
def test_the_line_break_of_a_header_block_may_begin_one(
    data: bytes, content: bytes, found: Found
) -> None:
    for chunks in ([data], bytewise(data)):
        assert scan(*chunks, fresh=True)[:2] == (content, found)


def test_a_chunk_without_a_delimiter_is_passed_on_as_it_is() -> None:
    scanner = DelimiterScanner(Delimiter(b"--B", CRLF, padding=False))
    scanner.begin_line()
    for chunk in (b"first chunk", b"second\rchunk\nwith--B"):
        pieces: list[bytes] = []
        scanner.scan(chunk, 0, pieces)
        assert len(pieces) == 1
        assert pieces[0] is chunk


@pytest.mark.parametrize(
    ("data", "held"),
    [
        (b"x\r", b"\r"),
        (b"x\r\n--", b"\r\n--"),
        (b"x\r\n--B", b"\r\n--B"),
        (b"x\r\n--B" + BLANK, b"\r\n--B" + BLANK),
        (b"x\r\n--B" + BLANK + b" ", b""),
        (b"x\rx", b""),
        (b"x\r\n--A", b""),
    ],
    ids=["CR", "dashes", "boundary", "padding", "too much padding", "x", "A"],
)
def test_what_is_held_back(data: bytes, held: bytes) -> None:
    for chunks in ([data], bytewise(data)):
        assert scan(*chunks)[2].held == held
        assert len(held) <= scan(*chunks)[2].delimiter.longest


@pytest.mark.parametrize(
    ("data", "count"),
    [(b"x--B\r\n--B--", 0), (b"\r\n--Bx\r\n--B-\r\r\n--B--", 2)],
    ids=["none", "two"],
)
def test_lines_that_only_begin_like_one_are_counted(data: bytes, count: int) -> None:
    for chunks in ([data], bytewise(data)):
        assert scan(*chunks)[2].false_starts == count
