"""Bodies to be parsed: small ones with a point each, and generated ones without end."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from hypothesis import strategies as st

from txmultipart.limits import Limits

FIELD = b'Content-Disposition: form-data; name="a"'
FILE = b'Content-Disposition: form-data; name="f"; filename="x"'


class Body(NamedTuple):
    """A body and the boundary that was declared for it."""

    data: bytes
    boundary: bytes = b"B"


def _part(content: bytes, head: bytes = FIELD, newline: bytes = b"\r\n") -> bytes:
    return newline.join((b"--B", head, b"", content, b""))


PLAIN = _part(b"one") + _part(b"two", FILE) + b"--B--\r\n"

#: Each with one thing that could depend on where it is cut.
BODIES: dict[str, Body] = {
    "plain": Body(PLAIN),
    "no bytes": Body(b""),
    "no parts": Body(b"--B--"),
    "no parts, bare LF": Body(b"--B--\n"),
    "no parts, with an epilogue on the line": Body(b"--B--" + b"e" * 300),
    "no CRLF behind the close delimiter": Body(PLAIN[:-2]),
    "empty part": Body(_part(b"") + b"--B--\r\n"),
    "empty part without its CRLF": Body(b"--B\r\n" + FIELD + b"\r\n\r\n--B--\r\n"),
    "part without headers": Body(b"--B\r\n\r\nx\r\n--B--\r\n"),
    "part of headers alone": Body(b"--B\r\nA: b\r\n--B\r\nC: d\r\n--B--\r\n"),
    "header that begins like a delimiter": Body(
        b"--B\r\nA: b\r\n--Bx: 1\r\nC: " + b"d" * 200 + b"\r\n--B--\r\n"
    ),
    "content of line breaks": Body(_part(b"\r\n\r\r\n\n\r") + b"--B--\r\n"),
    "content of dashes": Body(_part(b"\r\n-\r\n--\r\n---") + b"--B--\r\n"),
    "content with the boundary amid a line": Body(
        _part(b"--B x--B\r\n\n--B") + b"--B--"
    ),
    "content with lines that begin like a delimiter": Body(
        _part(b"\r\n--Bx\r\n--B-\r\n--B-x\r\n--B") + b"--B--"
    ),
    "content with a longer boundary": Body(
        _part(b"--B-in\r\n\r\nx\r\n--B-in--") + b"--B--"
    ),
    "content that begins with CR": Body(_part(b"\r" + b"x" * 40) + b"--B--"),
    "content that ends with CR": Body(_part(b"x\r") + b"--B--"),
    "boundary of one dash": Body(
        b"\r\n---\r\nA: b\r\n\r\nx\r\n----x\r\n-----\r\n", b"-"
    ),
    "boundary of dashes": Body(
        b"------\r\n\r\nx\r\n-----\r\n------\r\n\r\ny\r\n--------", b"----"
    ),
    "preamble": Body(b"pre\r\n--Bx\r\n x--B\r\n\r\n" + PLAIN),
    "preamble of a long line": Body(b"x" * 300 + b"\r\n" + PLAIN),
    "preamble of line breaks": Body(b"\r\n\r\n\r\n" + PLAIN),
    "epilogue": Body(PLAIN + b"\r\n--B\r\n\r\nepilogue"),
    "padding": Body(b"--B \t\r\n" + FIELD + b"\r\n\r\nx\r\n--B  \r\n\r\n\r\n--B--  "),
    "padding without end": Body(_part(b"x\r\n--B" + b" " * 140) + b"--B--"),
    "padding without its LF": Body(_part(b"x\r\n--B \r\r\n--B\t\r") + b"--B--"),
    "bare LF": Body(
        _part(b"one\r\n\n--Bx", newline=b"\n") + _part(b"", newline=b"\n") + b"--B--\n"
    ),
    "bare LF in the first delimiter alone": Body(b"--B\n" + PLAIN[5:]),
    "bare LF in a header": Body(_part(b"x", FIELD + b"\nA: b") + b"--B--"),
    "folded header": Body(_part(b"x", FIELD + b";\r\n\tb=c\r\n ") + b"--B--"),
    "fold before any header": Body(_part(b"x", b" " + FIELD) + b"--B--"),
    "header without a colon": Body(_part(b"one") + _part(b"x", b"nothing") + b"--B--"),
    "header with a NUL": Body(_part(b"x", FIELD + b"\r\nA: \0") + b"--B--"),
    "header twice": Body(_part(b"x", FIELD + b"\r\n" + FILE) + b"--B--"),
    "parameter twice": Body(_part(b"x", FIELD + b"; name=b") + b"--B--"),
    "parameter without its quote": Body(_part(b"x", FIELD[:-1]) + b"--B--"),
    "no disposition": Body(_part(b"x", b"A: b") + b"--B--"),
    "no final dashes": Body(PLAIN[:-4]),
    "no final dashes, no part": Body(b"--B\r\n"),
    "no final dashes but blanks": Body(_part(b"x") + b"--B \t \r"),
    "one final dash": Body(PLAIN[:-3]),
    "counted parts": Body(
        b"--B\r\nContent-Length: 5\r\n\r\n\r\n--B\r\n--B\r\nContent-Length: 0\r\n\r\n"
        b"--B\r\nContent-Length: 1\r\n\r\nx--B--\r\n"
    ),
    "count of a part of headers alone": Body(
        b"--B\r\nContent-Length: 0\r\n--B\r\nContent-Length: 9\r\n--B--\r\n"
    ),
    "count of thousands of digits": Body(
        b"--B\r\nContent-Length: " + b"1" * 5000 + b"\r\n\r\nx\r\n--B--\r\n"
    ),
    "boundary declared with its dashes": Body(
        b"--B\r\n\r\nx\r\n--B\r\n\r\ny\r\n--B--", b"--B"
    ),
    "no first delimiter": Body(b"\r\nA: b\r\nC: d\r\n\r\nx\r\n--B\r\n\r\ny\r\n--B--"),
}

#: A small bound of each kind that a parser itself watches over.
TINY: dict[str, Limits] = {
    "max_header_line": Limits(max_header_line=20),
    "max_headers": Limits(max_headers=1),
    "max_header_bytes": Limits(max_header_bytes=41),
    "max_total_header_bytes": Limits(max_total_header_bytes=60),
    "max_parts": Limits(max_parts=1),
    "max_part_size": Limits(max_part_size=2),
    "max_body_size": Limits(max_body_size=55),
    "max_preamble": Limits(max_preamble=3),
    "max_epilogue": Limits(max_epilogue=1),
}


# Generated bodies ----------------------------------------------------------------

BOUNDARIES = st.sampled_from([b"B", b"-", b"--", b"ab-cd", b"--fr", b"=_" * 35])
LINES = [b"\r\n", b"\n"]
NEWLINES = st.sampled_from([b"\r\n", b"\r\n", *LINES])
BLANKS = st.sampled_from([b" ", b"\t", b" " * 127, b" " * 128, b" " * 129])


@cache  # Hypothesis keeps what it is given, so the same must not be made twice.
def _tokens(boundary: bytes, newline: bytes) -> st.SearchStrategy[bytes]:
    """Bytes that mean something to a parser, or nearly so."""
    dash = b"--" + boundary
    return st.one_of(
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", newline, b"-", b"--", b"x", b"\0", b":"]
        ),
        st.sampled_from(
            [dash, dash + newline, dash + b"--", dash + b"-in", dash + b"x"]
        ),
        st.sampled_from(
            [newline + dash, newline + dash + newline, newline + dash + b"--"]
        ),
        st.sampled_from([dash[:-1], newline + dash[:-1], dash + b": x", dash + b"\r"]),
        st.sampled_from(
            [FIELD, FILE, FIELD + newline * 2, b"A: b", b" fold", b'; x="']
        ),
        st.integers(0, 9).map(lambda n: b"Content-Length: %d" % n + newline * 2),
        st.integers(1, 200).map(lambda n: b"z" * n),
        BLANKS,
    )


@cache
def _lists(
    boundary: bytes, newline: bytes, size: int
) -> st.SearchStrategy[list[bytes]]:
    return st.lists(_tokens(boundary, newline), max_size=size)


COUNTS = [st.integers(0, most) for most in range(4)]
FRONTS = {
    newline: st.sampled_from([b"", newline, b"pre" + newline]) for newline in LINES
}
HEADS = {
    newline: st.sampled_from([FIELD, FILE, FIELD + newline + b"A: b", b"A: b"])
    for newline in LINES
}
ENDS = st.sampled_from([b"--", b"--", b"--\r\nend", b""])
PLACES = st.integers(0, 30)


@st.composite
def soups(draw: st.DrawFn) -> Body:
    """Tokens in any order."""
    boundary, newline = draw(BOUNDARIES), draw(NEWLINES)
    return Body(b"".join(draw(_lists(boundary, newline, 14))), boundary)


@st.composite
def mutated(draw: st.DrawFn) -> Body:
    """A body as it should be, and then some tokens put in or out."""
    boundary, newline = draw(BOUNDARIES), draw(NEWLINES)
    dash = b"--" + boundary
    pieces = [draw(FRONTS[newline])]
    for _ in range(draw(COUNTS[3])):
        content = draw(_lists(boundary, newline, 3))
        pieces += [dash, newline, draw(HEADS[newline]), newline * 2, *content, newline]
    pieces += [dash, draw(ENDS)]
    for _ in range(draw(COUNTS[2])):
        place, taken = draw(PLACES) % (len(pieces) + 1), draw(COUNTS[1])
        pieces[place : place + taken] = [draw(_tokens(boundary, newline))]
    return Body(b"".join(pieces), boundary)


GENERATED = st.one_of(mutated(), soups())


def _up_to(most: int) -> st.SearchStrategy[int]:
    return st.integers(0, most)


#: The defaults, or bounds so small that they are passed all the time.
LIMITS = st.just(Limits()) | st.builds(
    Limits,
    max_header_line=_up_to(90),
    max_headers=_up_to(3),
    max_header_bytes=_up_to(120),
    max_total_header_bytes=_up_to(160),
    max_parts=_up_to(3),
    max_part_size=_up_to(12) | _up_to(300),
    max_body_size=_up_to(600),
    max_preamble=_up_to(12) | _up_to(300),
    max_epilogue=_up_to(12),
)
