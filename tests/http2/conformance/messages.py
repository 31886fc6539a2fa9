"""Messages: RFC 9113 section 8, requests that are none."""

from __future__ import annotations

from tests.http2.conformance.case import (
    BreaksConnection,
    BreaksStream,
    Case,
    case,
    refuses,
)
from tests.http2.conformance.frames import (
    END_HEADERS,
    GET,
    PROTOCOL,
    PUSH_PROMISE,
    Field,
    block,
    data,
    frame,
    headers,
    malformed,
    post,
    request,
)

_METHOD, _SCHEME, _PATH, _AUTHORITY = request("GET")
_GET: list[Field] = request("GET")

_FIELDS: dict[str, list[Field]] = {
    "8.2.1-upper-case": [*_GET, ("X-TEST", "ok")],
    "8.2.2-of-a-connection": [*_GET, ("connection", "keep-alive")],
    "8.2.2-te": [*_GET, ("trailers", "test"), ("te", "trailers, deflate")],
    "8.3-unknown": [*_GET, (":test", "ok")],
    "8.3-of-an-answer": [*_GET, (":status", "200")],
    "8.3-after-others": [_METHOD, _SCHEME, _AUTHORITY, ("x-test", "ok"), _PATH],
    "8.3.1-empty-path": request("GET", path=""),
    "8.3.1-no-method": [_SCHEME, _PATH, _AUTHORITY],
    "8.3.1-no-scheme": [_METHOD, _PATH, _AUTHORITY],
    "8.3.1-no-path": [_METHOD, _SCHEME, _AUTHORITY],
    "8.3.1-two-methods": [*_GET, _METHOD],
    "8.3.1-two-schemes": [*_GET, _SCHEME],
    "8.3.1-two-paths": [*_GET, _PATH],
}


def _with_length(length: int) -> bytes:
    fields = request("POST", ("content-length", str(length)))
    return headers(1, block(*fields), end=False)


_MALFORMED: tuple[Case, ...] = (
    *(case(name, malformed(*f), *refuses(PROTOCOL)) for name, f in _FIELDS.items()),
    case(
        "8.3-in-trailers",
        post(),
        data(1, end=False),
        headers(1, block((":method", "200"), ("x-test", "ok"))),
        *refuses(PROTOCOL),
    ),
    case("8.1.1-another-length", _with_length(1), data(1, b"test"), *refuses(PROTOCOL)),
    case(
        "8.1.1-another-length-in-pieces",
        _with_length(1),
        data(1, b"test", end=False),
        data(1, b"test"),
        *refuses(PROTOCOL),
    ),
)

MESSAGES = (
    case(
        "8.1-headers-between",
        post(),
        headers(1, block(("x-test", "ok")), end=False),
        BreaksStream((PROTOCOL,)),
    ),
    *_MALFORMED,
    case(
        "8.4-push",
        frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + GET),
        BreaksConnection((PROTOCOL,)),
    ),
)
