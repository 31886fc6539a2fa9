"""Inputs that broke other implementations, by the name of the advisory or the bug.

Each row says what comes of the input here, and in a word why. What concerns no bytes
of the format (temporary files, event loops, codings) is listed at the end.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.sansio.bodies import FIELD
from tests.sansio.runs import DEFAULTS, bytewise, run
from txmultipart.errors import LimitExceeded, MisuseError
from txmultipart.limits import KiB, Limits, MiB
from txmultipart.sansio import (
    FORM_DATA,
    MIME,
    MalformedMultipart,
    MultipartParser,
    MultipartSerializer,
    PartBegin,
    PartHeaders,
    Profile,
    make_boundary,
    parse_content_disposition,
    parse_content_type,
    safe_filename,
)
from txmultipart.sansio.parameters import form_parameter

HEAD = b"--B\r\n" + FIELD + b"\r\n\r\n"
ONE = HEAD + b"x\r\n"
END = b"--B--\r\n"


class Row(NamedTuple):
    """A body, and what comes of it: the contents of its parts, or an error.

    An error is told by its code, or by the bound that was passed.
    """

    ids: str
    body: Callable[[], bytes]
    result: list[bytes] | str
    reason: str
    profile: Profile = FORM_DATA
    boundary: bytes = b"B"
    limits: Limits = DEFAULTS


def part(head: bytes, content: bytes = b"x", boundary: bytes = b"B") -> bytes:
    return b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


LONG = b"b" * 300
WIDE = Limits(max_boundary_length=8 * KiB)
X = [b"x"]

BODIES = [
    # Before and behind the parts.
    Row(
        "CVE-2024-53981 CVE-2026-40347 GHSA-mj87-hwqh-73pj preamble of CRLF",
        lambda: b"\r\n" * MiB + ONE + END,
        "max_preamble",
        "bounded",
    ),
    Row(
        "CVE-2024-53981 CVE-2026-40347 epilogue of CRLF",
        lambda: ONE + END + b"\r\n" * MiB,
        "max_epilogue",
        "bounded",
    ),
    Row(
        "CVE-2024-53981 epilogue of text",
        lambda: ONE + END + b"x" * MiB,
        "epilogue",
        "strict",
    ),
    Row(
        "CVE-2025-61770 CVE-2026-8468 CVE-2026-8466 preamble without end",
        lambda: b"x" * MiB,
        "max_preamble",
        "bounded",
        MIME,
    ),
    Row("CVE-2025-61770 in a form", lambda: b"x" * MiB, "preamble", "strict"),
    Row(
        "baize preamble, quadratic",
        lambda: b"x\n" * (8 * KiB) + ONE + END,
        X,
        "linear",
        MIME,
    ),
    Row("busboy #228 epilogue hang", lambda: ONE + END + b"e" * 99, X, "ignored", MIME),
    Row(
        "streaming-form-data epilogue in the chunk of the end",
        lambda: ONE + END + b"x" * 2000,
        X,
        "ignored",
        MIME,
    ),
    Row("multipart strict, remix: CRLF behind the end", lambda: ONE + END, X, "usual"),
    Row(
        "Django parts behind the end",
        lambda: ONE + END + ONE + END,
        "epilogue",
        "strict",
    ),
    # Too many, too long.
    Row(
        "CVE-2026-42561 GHSA-pp6c-gr5w-3c5g CVE-2026-34516 many short headers",
        lambda: part(FIELD + b"\r\na:b" * 3000) + END,
        "max_headers",
        "bounded",
    ),
    Row(
        "CVE-2026-42561 CVE-2026-34516 GHSA-m5qp-6w8w-w647 a million headers",
        lambda: part(FIELD + b"\r\na:b" * MiB) + END,
        "max_header_bytes",
        "bounded",
    ),
    Row(
        "CVE-2026-42561 CVE-2023-45290 one endless header",
        lambda: part(FIELD + b"\r\na:" + b"b" * 4 * MiB) + END,
        "max_header_bytes",
        "bounded",
    ),
    Row(
        "CVE-2025-61772 CVE-2026-8468 multer-rs headers without a blank line",
        lambda: b"--B\r\n" + b"a: b\r\n" * MiB,
        "max_header_bytes",
        "bounded",
        MIME,
    ),
    Row(
        "CVE-2023-30798 CVE-2023-25577 CVE-2026-31958 CVE-2023-25576 CVE-2023-24998 "
        "CVE-2023-0662 GHSA-54hq-v5wp-fqgv many parts",
        lambda: part(FIELD, b"") * 20_000 + END,
        "max_parts",
        "bounded",
    ),
    Row(
        "CVE-2023-24580 CVE-2017-1000098 many files",
        lambda: part(FIELD + b'; filename="f"') * 10_000 + END,
        "max_parts",
        "bounded",
    ),
    Row(
        "CVE-2022-41725 CVE-2023-24536 long names in many parts",
        lambda: part(FIELD[:-1] + b"n" * 7000 + b'"') * 900 + END,
        "max_total_header_bytes",
        "bounded",
    ),
    Row(
        "CVE-2025-48976 large headers in many parts",
        lambda: part(FIELD + b"\r\nX: " + b"x" * 8000) * 900 + END,
        "max_total_header_bytes",
        "bounded",
    ),
    Row(
        "CVE-2025-69228 many fields under the bound of each",
        lambda: part(FIELD, b"x" * 1000) * 100 + END,
        "max_body_size",
        "summed",
        limits=Limits(max_part_size=1000, max_body_size=50_000),
    ),
    Row(
        "CVE-2025-47287 many malformed parts",
        lambda: part(b"nothing") * 10_000 + END,
        "bad-header",
        "final",
    ),
    # Boundaries.
    Row(
        "CVE-2014-0050 CVE-2016-3092 a boundary as long as a buffer",
        lambda: part(FIELD, boundary=b"b" * 4092) + b"--" + b"b" * 4092 + b"--",
        X,
        "allowed",
        boundary=b"b" * 4092,
        limits=WIDE,
    ),
    Row(
        "CVE-2024-8925 a boundary of 5 kB",
        lambda: (
            part(FIELD, b"\r\n--" + b"b" * 5119, b"b" * 5120)
            + b"--"
            + b"b" * 5120
            + b"--"
        ),
        [b"\r\n--" + b"b" * 5119],
        "exact",
        boundary=b"b" * 5120,
        limits=WIDE,
    ),
    Row(
        "busboy a boundary of 252 bytes and more",
        lambda: part(FIELD, boundary=LONG) + b"--" + LONG + b"--",
        X,
        "allowed",
        boundary=LONG,
        limits=WIDE,
    ),
    Row(
        "Twisted a colon in the boundary",
        lambda: (
            part(FIELD, boundary=b"gc0pJq0M:08jU534c0p") + b"--gc0pJq0M:08jU534c0p--"
        ),
        X,
        "allowed",
        boundary=b"gc0pJq0M:08jU534c0p",
    ),
    Row("Twisted no part at all", lambda: END, [], "legal"),
    # Truncation.
    Row(
        "CVE-2024-30251 CVE-2025-69227 no end", lambda: HEAD + b"x", "truncated", "told"
    ),
    Row(
        "CVE-2022-24434 no blank line",
        lambda: b"--B\r\n" + FIELD + b"\r\n" + END,
        "truncated",
        "told",
    ),
    Row(
        "CVE-2025-47944 CVE-2025-7338 boundary, then the end",
        lambda: b"--B",
        "truncated",
        "told",
    ),
    Row(
        "CVE-2025-47935 CVE-2026-3304 half a file",
        lambda: HEAD + b"x" * 9999,
        "truncated",
        "told",
    ),
    Row(
        "Go an end in the headers",
        lambda: ONE + b"--B\r\nContent-Disposition: form-da",
        "truncated",
        "told",
        MIME,
    ),
    Row(
        "python-multipart an end anywhere",
        lambda: ONE + HEAD + b"y\r\n--B",
        "truncated",
        "told",
    ),
    # Content.
    Row(
        "CVE-2023-46136 content that begins with CR",
        lambda: HEAD + b"\r" + b"x" * MiB + b"\r\n" + END,
        [b"\r" + b"x" * MiB],
        "linear",
    ),
    Row(
        "CVE-2024-47874 CVE-2024-49767 CVE-2026-34517 CVE-2025-61771 a huge field",
        lambda: part(FIELD, b"x" * 8 * MiB) + END,
        [b"x" * 8 * MiB],
        "streamed",
    ),
    Row(
        "CVE-2025-69229 single bytes",
        lambda: part(FIELD, b"x" * 3000) + END,
        [b"x" * 3000],
        "linear",
    ),
    Row("werkzeug #3285", lambda: part(FIELD, b"DATA") + END, [b"DATA"], "exact"),
    Row(
        "undici the boundary in a line",
        lambda: part(FIELD, b"x\r\nB\r\ny") + END,
        [b"x\r\nB\r\ny"],
        "data",
    ),
    Row(
        "Django the delimiter amid a line",
        lambda: part(FIELD, b"foo--B\r\nbar") + END,
        [b"foo--B\r\nbar"],
        "data",
    ),
    Row(
        "busboy, Django a line that begins like a delimiter",
        lambda: part(FIELD, b"x\r\n--Bx\r\ny") + END,
        [b"x\r\n--Bx\r\ny"],
        "data",
    ),
    Row(
        "Django, baize, werkzeug, Twisted bare LF before a delimiter",
        lambda: part(FIELD, b"x\n" + ONE) + END,
        [b"x\n" + ONE],
        "data",
    ),
    Row(
        "baize, werkzeug, Twisted bare CR before a delimiter",
        lambda: part(FIELD, b"x\r" + ONE) + END,
        [b"x\r" + ONE],
        "data",
    ),
    Row(
        "Synapse #20035 JSON in two reads",
        lambda: (
            part(b"Content-Type: application/json", b'{"a":1}')
            + part(b"A: b", b"F")
            + END
        ),
        [b'{"a":1}', b"F"],
        "exact",
        MIME,
    ),
    Row(
        "multipart, python-multipart an empty part without its CRLF",
        lambda: HEAD + ONE + END,
        [b"", b"x"],
        "legal",
    ),
    Row(
        "aiohttp #13640 _charset_ first",
        lambda: part(FIELD.replace(b'"a"', b'"_charset_"'), b"UTF-8") + ONE + END,
        [b"UTF-8", b"x"],
        "plain",
    ),
    # Headers.
    Row(
        "busboy bare CR", lambda: part(FIELD + b"; x=\ry") + END, "bad-header", "strict"
    ),
    Row(
        "busboy bare LF", lambda: part(FIELD + b"; x=\ny") + END, "bad-header", "strict"
    ),
    Row(
        "busboy names of prototypes",
        lambda: part(FIELD + b"\r\n__proto__: a\r\nconstructor: b") + END,
        X,
        "plain",
    ),
    Row(
        "multiparty, formidable a line without a colon",
        lambda: part(FIELD + b"\r\nnothing") + END,
        "bad-header",
        "strict",
    ),
    Row(
        "multiparty digits, multipart signs in a name",
        lambda: part(FIELD + b"\r\nX-0: a\r\nX!#$%&'*+.^_`|~: b") + END,
        X,
        "legal",
    ),
    Row(
        "Twisted #10084 no disposition",
        lambda: part(b"A: b") + END,
        "no-disposition",
        "strict",
    ),
    Row("Twisted #12423 one name twice", lambda: ONE + ONE + END, [b"x", b"x"], "kept"),
    Row(
        "CVE-2025-48997 an empty name",
        lambda: part(FIELD[:-3] + b'""') + END,
        X,
        "legal",
    ),
]


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize(
    "row", BODIES, ids=[f"{row.ids}: {row.reason}" for row in BODIES]
)
def test_a_body(row: Row) -> None:
    data = row.body()
    cuts = [[data], pieces(data, 64 * KiB), pieces(data, 4093)]
    if len(data) < 24 * KiB:
        cuts += [pieces(data, 7), bytewise(data)]
    for chunks in cuts:
        outcome = run(chunks, row.boundary, row.profile, row.limits)
        if outcome.problem is None:
            assert outcome.contents == row.result
        else:
            assert row.result in (outcome.problem.code, outcome.problem.limit)


def test_cve_2014_0050_by_default_such_a_boundary_is_refused() -> None:
    with pytest.raises(LimitExceeded) as caught:
        MultipartParser(b"b" * 4092)
    assert caught.value.limit == "max_boundary_length"


# Header values --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "profile", "expected"),
    [
        pytest.param(
            "name=\"a\"; name*=utf-8''b",
            FORM_DATA,
            {"name": "a", "name*": "utf-8''b"},
            id="GHSA-vffw-93wf-4j4q ignored",
        ),
        pytest.param(
            "name*=utf-8''%C3%A1",
            FORM_DATA,
            {"name*": "utf-8''%C3%A1"},
            id="aiohttp to python-multipart visible",
        ),
        pytest.param('name=""', FORM_DATA, {"name": ""}, id="CVE-2025-48997 legal"),
        pytest.param(
            'name="__proto__"',
            FORM_DATA,
            {"name": "__proto__"},
            id="CVE-2026-8161 plain",
        ),
        pytest.param(
            "filename*=utf-8''%FF",
            MIME,
            {"filename*": "utf-8''%FF"},
            id="CVE-2026-8162 undecodable",
        ),
        pytest.param(
            'filename="; name=\\"evil\\""; name="a"',
            FORM_DATA,
            {"filename": '; name="evil"', "name": "a"},
            id="multiparty name in a filename quoted",
        ),
        pytest.param('\tname="a"', FORM_DATA, {"name": "a"}, id="multipart tab legal"),
    ],
)
def test_parameters(text: str, profile: Profile, expected: dict[str, str]) -> None:
    value = "form-data;" + text
    assert parse_content_disposition(value, profile=profile)[1] == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(
            'application/x-www-form-urlencoded; !="' + "\\" * 100_000,
            "bad-parameter",
            id="CVE-2024-24762 linear",
        ),
        pytest.param(
            'form-data; a="' + '\\"' * 100_000,
            "bad-parameter",
            id="CVE-2026-28356 GHSA-p2m9-wcp5-6qw3 linear",
        ),
        pytest.param(
            'form-data; filename="' + "a\\" * 100_000 + '"x',
            "bad-parameter",
            id="CVE-2026-8159 linear",
        ),
        pytest.param(
            "multipart/mixed; boundary=safe; boundary=evil",
            "duplicate-parameter",
            id="CVE-2026-26961 ambiguous",
        ),
    ],
)
def test_malformed_parameters(value: str, code: str) -> None:
    for read in (parse_content_type, parse_content_disposition):
        with pytest.raises(MalformedMultipart) as caught:
            read(value)
        assert caught.value.code == code


def test_cve_2026_34827_quoted_pairs_in_many_parts() -> None:
    head = FIELD[:-2] + b"a\\\\" * 2000 + b'"'
    body = part(head) * 100 + END
    assert run([body], profile=MIME).contents == [b"x"] * 100


@pytest.mark.parametrize(
    ("filename", "safe"),
    [
        pytest.param("/etc/x", "x", id="CVE-2026-24486"),
        pytest.param("../../x", "x", id="CVE-2021-28658"),
        pytest.param("..%2f", "%2f", id="CVE-2021-31542"),
        pytest.param("..\\x", "x", id="CVE-2021-31542 backslash"),
    ],
)
def test_filenames(filename: str, safe: str) -> None:
    head = PartHeaders(
        {"Content-Disposition": f'form-data; name=a; filename="{filename}"'}
    )
    assert (head.filename, head.safe_filename) == (filename, safe)
    assert safe_filename(filename) == safe


# Writing --------------------------------------------------------------------------

INJECTED = "text/plain\r\nX-Injected: 1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("Content-Type", INJECTED, id="CVE-2026-34514 GHSA-2vrm-gr82-f7m5"),
        pytest.param("X", INJECTED, id="CVE-2026-50269 GHSA-m6qw-4cw2-hm4m"),
        pytest.param("Content-Type", "a/b\nX: 1", id="urllib3 #5082 form-data #612"),
        pytest.param("X\r\nY", "z", id="httpx, requests-toolbelt, Go a name"),
    ],
)
def test_headers_that_would_inject_others(name: str, value: str) -> None:
    with pytest.raises(MisuseError):
        PartHeaders({name: value})


@pytest.mark.parametrize("parameter", ["name", "filename"])
def test_cve_2026_12143_line_breaks_in_names_are_escaped(parameter: str) -> None:
    written = form_parameter(parameter, "a\r\nX: 1")
    head = PartHeaders({"Content-Disposition": "form-data; " + written})
    lines = MultipartSerializer("B").send(PartBegin(head)).split(b"\r\n")
    assert len(lines) == 4
    assert b"a%0D%0AX: 1" in lines[1]


@pytest.mark.parametrize("advisory", ["CVE-2025-7783", "CVE-2025-22150"])
def test_boundaries_do_not_come_from_a_predictable_source(advisory: str) -> None:
    made = set()
    for _ in range(2):
        random.seed(advisory)
        made |= {make_boundary(), MultipartSerializer().boundary}
    assert len(made) == 4


#: Not about bytes of the format; the tests of these live with the code concerned.
ELSEWHERE = {
    "CVE-2022-23833": "base64",
    "CVE-2026-33033": "base64",
    "CVE-2026-108147": "base64",
    "CVE-2026-54278": "compression",
    "CVE-2026-33034": "Content-Length of a request",
    "GHSA-v9pg-7xvm-68hf": "Content-Length of a request",
    "CVE-2026-53538": "urlencoded forms",
    "CVE-2026-53539": "urlencoded forms",
    "CVE-2026-54283": "urlencoded forms",
    "CVE-2025-54121": "files",
    "CVE-2025-24033": "files",
    "CVE-2026-2359": "connections that drop",
    "vert.x #370": "connections that drop",
    "treq #323": "flow control",
    "CVE-2026-3520": "no input is known",
}


def test_nothing_is_listed_both_here_and_elsewhere() -> None:
    here = {word for row in BODIES for word in row.ids.split()}
    assert not here & set(ELSEWHERE)
