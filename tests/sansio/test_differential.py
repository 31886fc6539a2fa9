"""Other parsers and ours: one opinion on strict bodies, and where they part company.

The oracles are three packages that people use today. On what browsers and careful
clients send, all four agree. The table further down holds what they make of bodies
beyond that, and why we do otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.sansio.bodies import FIELD
from tests.sansio.oracles import GENERAL, ORACLES, Fields, Oracle, ours
from txmultipart.sansio import (
    EndOfMultipart,
    MultipartSerializer,
    PartBegin,
    PartData,
    PartEnd,
    PartHeaders,
)
from txmultipart.sansio.parameters import form_parameter

each_oracle = pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)

# Left out are the quote, line breaks, the backslash, ``%`` and, in filenames, what
# looks like a drive: see the table. An extended value is not written at all.
NAMES = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"], exclude_characters='"\\%'
    ),
    min_size=1,
    max_size=12,
)
CONTENTS = st.one_of(
    st.binary(max_size=80),
    st.lists(st.sampled_from([b"\r", b"\n", b"--", b"-", b"x", b"\r\n--txm"])).map(
        b"".join
    ),
)
TYPES = st.sampled_from([None, "text/plain", "text/plain; charset=utf-8", "a/b"])


PARTS = st.lists(st.tuples(NAMES, st.none() | NAMES, CONTENTS, TYPES), max_size=4)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes, Fields]:
    """A body, its boundary, and what is in it."""
    serializer = MultipartSerializer()
    fields: Fields = []
    body = b""
    for name, filename, content, kind in draw(PARTS):
        headers = _headers(name, filename, kind)
        body += serializer.send(PartBegin(headers)) + serializer.send(PartData(content))
        body += serializer.send(PartEnd())
        fields.append((name, filename, content))
    body += serializer.send(EndOfMultipart())
    return body, serializer.boundary.encode(), fields


def _headers(name: str, filename: str | None, kind: str | None) -> PartHeaders:
    disposition = "form-data; " + form_parameter("name", name)
    if filename is not None:
        disposition += "; " + form_parameter("filename", filename)
    pairs = [("Content-Disposition", disposition)]
    return PartHeaders([*pairs, ("Content-Type", kind)] if kind else pairs)


# Drawn, not a parameter of the test: pytest-twisted cannot have both on one test.
@settings(max_examples=400, deadline=None)
@given(bodies(), st.sampled_from([*ORACLES.values(), *GENERAL.values()]))
def test_all_agree_on_strict_bodies(
    made: tuple[bytes, bytes, Fields], oracle: Oracle
) -> None:
    body, boundary, fields = made
    assert ours(body, boundary) == fields
    # aiohttp takes slashes off the front of a name, and splits at semicolons first.
    names = [name for *both, _ in fields for name in both if name]
    odd = any(name.startswith("/") or ";" in name for name in names)
    assume(not (odd and oracle in GENERAL.values()))
    assert oracle(body, boundary) == fields


ERROR = "refused"


class Disagreement(NamedTuple):
    """A body, our opinion, and those of the others that differ."""

    body: bytes
    ours: Fields | str
    others: dict[str, Fields | str]
    reason: str


def disposed(parameters: bytes) -> bytes:
    """A body of one part with these parameters."""
    return (
        b"--B\r\nContent-Disposition: form-data; "
        + parameters
        + b"\r\n\r\nx\r\n--B--\r\n"
    )


def one(name: str | None, filename: str | None = None, content: bytes = b"x") -> Fields:
    """What comes of a body of one part."""
    return [(name, filename, content)]


A = one("a")
HEAD = b"--B\r\n" + FIELD + b"\r\n\r\n"
END = b"--B--\r\n"
X, Y = HEAD + b"x\r\n", HEAD + b"y\r\n"
BOTH: Fields = [("a", None, b"x"), ("a", None, b"y")]
MULTIPART, PYTHON, WERKZEUG = ORACLES

DISAGREEMENTS: dict[str, Disagreement] = {
    "percent escape of a quote": Disagreement(
        disposed(b'name="a%22b"'),
        one('a"b'),
        {PYTHON: one("a%22b")},
        "browsers escape so",
    ),
    "percent escapes of a line break": Disagreement(
        disposed(b'name="a%0D%0Ab"'),
        one("a\r\nb"),
        {PYTHON: one("a%0D%0Ab"), WERKZEUG: one("a%0D%0Ab")},
        "browsers escape so",
    ),
    "backslash": Disagreement(
        disposed(b'name="a\\b"'),
        one("a\\b"),
        {WERKZEUG: one("ab")},
        "browsers do not escape it",
    ),
    "backslash at the end": Disagreement(
        disposed(b'name="a\\"'),
        one("a\\"),
        {WERKZEUG: one(None)},
        "browsers do not escape it",
    ),
    "path of Windows": Disagreement(
        disposed(b'name="a"; filename="C:\\dir\\a.txt"'),
        one("a", "C:\\dir\\a.txt"),
        {
            MULTIPART: one("a", "a.txt"),
            PYTHON: one("a", "a.txt"),
            WERKZEUG: one("a", "C:dira.txt"),
        },
        "filename is what was sent, safe_filename is for disks",
    ),
    "extended value behind the plain one": Disagreement(
        disposed(b"name=\"a\"; name*=utf-8''b"),
        A,
        {WERKZEUG: one("b")},
        "RFC 7578 section 4.2: not in forms",
    ),
    "extended value alone": Disagreement(
        disposed(b"name*=utf-8''b"),
        one(None),
        {MULTIPART: one(""), WERKZEUG: one("b")},
        "RFC 7578 section 4.2: not in forms",
    ),
    "no name": Disagreement(
        b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n",
        one(None),
        {MULTIPART: one("")},
        "no name is not an empty name",
    ),
    "continuations": Disagreement(
        disposed(b'name="a"; filename*0="b"; filename*1="c"'),
        A,
        {WERKZEUG: one("a", "bc")},
        "RFC 7578 section 4.2: not in forms",
    ),
    "parameter twice": Disagreement(
        disposed(b'name="a"; name="b"'),
        ERROR,
        dict.fromkeys(ORACLES, one("b")),
        "ambiguous",
    ),
    "no semicolon": Disagreement(
        disposed(b'name="a" filename="b"'),
        ERROR,
        {MULTIPART: A, PYTHON: one('a" filename="b'), WERKZEUG: A},
        "ambiguous",
    ),
    "quote without end": Disagreement(
        disposed(b'name="a'),
        ERROR,
        {MULTIPART: one(""), PYTHON: one('"a'), WERKZEUG: one(None)},
        "ambiguous",
    ),
    "tab before a parameter": Disagreement(
        b'--B\r\nContent-Disposition: form-data;\tname="a"\r\n\r\nx\r\n--B--',
        A,
        {MULTIPART: one("")},
        "white space",
    ),
    "a name that is not UTF-8": Disagreement(
        disposed(b'name="\xff"'),
        one("\ufffd"),
        dict.fromkeys(ORACLES, ERROR),
        "old forms send it; the raw bytes can be had",
    ),
    "another disposition": Disagreement(
        b"--B\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--B--",
        A,
        {MULTIPART: ERROR},
        "harmless",
    ),
    "disposition twice": Disagreement(
        b"--B\r\n" + FIELD + b"\r\n" + FIELD[:-2] + b'b"\r\n\r\nx\r\n' + END,
        ERROR,
        {MULTIPART: one("b"), PYTHON: one("b"), WERKZEUG: A},
        "ambiguous",
    ),
    "no disposition": Disagreement(
        b"--B\r\nA: b\r\n\r\nx\r\n--B--",
        ERROR,
        {PYTHON: one(None)},
        "no field",
    ),
    "no headers": Disagreement(
        b"--B\r\n\r\nx\r\n--B--", ERROR, {PYTHON: one(None)}, "no field"
    ),
    "a folded header": Disagreement(
        b"--B\r\n" + FIELD + b";\r\n filename=b\r\n\r\nx\r\n" + END,
        ERROR,
        {MULTIPART: one("a", "b"), WERKZEUG: one("a", "b")},
        "RFC 9112 section 5.2: obsolete",
    ),
    "a header without a colon": Disagreement(
        b"--B\r\n" + FIELD + b"\r\nnothing\r\n\r\nx\r\n" + END,
        ERROR,
        {WERKZEUG: A},
        "malformed",
    ),
    "a blank before the colon": Disagreement(
        b"--B\r\nContent-Disposition : form-data; name=a\r\n\r\nx\r\n--B--",
        ERROR,
        {MULTIPART: A, WERKZEUG: A},
        "RFC 9112 section 5.1: smuggles",
    ),
    "bare LF in a header": Disagreement(
        b"--B\r\n" + FIELD + b"\nA: b\r\n\r\nx\r\n" + END,
        ERROR,
        {MULTIPART: A, PYTHON: one('"a"\nA: b'), WERKZEUG: A},
        "injects",
    ),
    "NUL in a header": Disagreement(
        b"--B\r\n" + FIELD + b"\r\nA: \0\r\n\r\nx\r\n" + END,
        ERROR,
        dict.fromkeys(ORACLES, A),
        "injects",
    ),
    "signs in a header name": Disagreement(
        b"--B\r\n" + FIELD + b"\r\nX!#$: b\r\n\r\nx\r\n" + END,
        A,
        {MULTIPART: ERROR},
        "RFC 9110 section 5.6.2: a token",
    ),
    "nine headers": Disagreement(
        b"--B\r\n" + FIELD + b"\r\nA: b" * 8 + b"\r\n\r\nx\r\n" + END,
        A,
        {MULTIPART: ERROR, PYTHON: ERROR},
        "gateways send ten",
    ),
    "bare LF throughout": Disagreement(
        (X + END).replace(b"\r\n", b"\n"), ERROR, {WERKZEUG: A}, "not in forms"
    ),
    "bare LF before a delimiter": Disagreement(
        HEAD + b"x\n" + Y + END,
        one("a", content=b"x\n" + Y[:-2]),
        {WERKZEUG: BOTH},
        "data: anything else hides a field",
    ),
    "bare CR before a delimiter": Disagreement(
        HEAD + b"x\r" + Y + END,
        one("a", content=b"x\r" + Y[:-2]),
        {WERKZEUG: BOTH},
        "data: anything else hides a field",
    ),
    "padding of a delimiter": Disagreement(
        X + Y.replace(b"B\r\n", b"B \r\n") + END,
        one("a", content=b"x\r\n" + Y.replace(b"B\r\n", b"B \r\n")[:-2]),
        {MULTIPART: ERROR, PYTHON: BOTH, WERKZEUG: BOTH},
        "exact lines; recorded as an anomaly",
    ),
    "a line that begins like a delimiter": Disagreement(
        HEAD + b"x\r\n--Bx\r\n" + END,
        one("a", content=b"x\r\n--Bx"),
        {MULTIPART: ERROR},
        "nested boundaries extend each other",
    ),
    "an empty part without its CRLF": Disagreement(
        HEAD + X + END,
        [("a", None, b""), ("a", None, b"x")],
        dict.fromkeys([MULTIPART, PYTHON], one("a", content=X[:-2])),
        "old senders; anything else swallows a part",
    ),
    "text before": Disagreement(
        b"pre\r\n" + X + END, ERROR, {MULTIPART: A, WERKZEUG: A}, "not in forms"
    ),
    "text behind": Disagreement(
        X + END + b"post", ERROR, dict.fromkeys(ORACLES, A), "not in forms"
    ),
    "parts behind the end": Disagreement(
        X + END + Y + END, ERROR, dict.fromkeys(ORACLES, A), "not in forms"
    ),
    "no end": Disagreement(HEAD + b"x", ERROR, {PYTHON: A}, "truncated"),
    "no final dashes": Disagreement(
        X + b"--B\r\n",
        ERROR,
        {PYTHON: [("a", None, b"x"), (None, None, b"")]},
        "truncated",
    ),
}


def opinion(oracle: Oracle, body: bytes) -> Fields | str:
    try:
        return oracle(body, b"B")
    except ValueError:
        return ERROR


@pytest.mark.parametrize(
    "row",
    DISAGREEMENTS.values(),
    ids=[f"{what}: {row.reason}" for what, row in DISAGREEMENTS.items()],
)
def test_what_we_make_of_it(row: Disagreement) -> None:
    assert opinion(ours, row.body) == row.ours
    assert row.others
    assert row.ours not in row.others.values()


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("row", DISAGREEMENTS.values(), ids=DISAGREEMENTS)
def test_what_others_make_of_it(row: Disagreement, name: str) -> None:
    # Whoever comes to agree with us later is welcome.
    allowed = [row.ours, row.others.get(name, row.ours)]
    assert opinion(ORACLES[name], row.body) in allowed


@each_oracle
@pytest.mark.parametrize(
    "body",
    [
        END,
        b"\r\n" + X + END,
        X + b"--B--",
        disposed(b'name="a%20b"'),
        disposed(b'name="a\\"b"'),
        disposed(b'name="a"; filename="/dir/a.txt"'),
        disposed(b'name="a"; filename=""'),
        disposed(b'name=""'),
        disposed(b"name=a"),
        disposed(b"name*=utf-8''b; name=\"a\""),
        b"--B\r\n" + FIELD + b"\r\n--B--\r\n",
    ],
    ids=ascii,
)
def test_where_all_agree_though_one_might_doubt_it(oracle: Oracle, body: bytes) -> None:
    assert opinion(oracle, body) == opinion(ours, body)
