"""Framing: RFC 9113 sections 3 to 5, the preface, frames, and the states of a stream."""

from __future__ import annotations

from tests.http2.conformance.basics import HELD
from tests.http2.conformance.case import (
    Answered,
    BreaksConnection,
    BreaksStream,
    Case,
    Closed,
    Greeted,
    Ponged,
    SaysGoodbye,
    Step,
    case,
    lives,
)
from tests.http2.conformance.frames import (
    CLOSED,
    COMPRESSION,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    FRAME,
    GET,
    HEADERS,
    PING,
    PREFACE,
    PRIORITIZED,
    PRIORITY,
    PROTOCOL,
    REFUSED,
    SIZE,
    SMALLEST_FRAME,
    STREAMS,
    UNKNOWN,
    block,
    continuation,
    data,
    frame,
    get,
    headers,
    ping,
    post,
    priority,
    request,
    reset,
    settings,
    update,
)
from tests.http2.conformance.log import Log

EIGHT = b"12345678"
RESERVED = 0x8000_0000
BROKEN = BreaksConnection((PROTOCOL,))
LATE = BreaksStream((CLOSED,))
LATE_CONTINUATION = BreaksStream((CLOSED, PROTOCOL))


def longest(log: Log) -> int:
    """The longest frame that the server takes."""
    return log.settings.get(FRAME, SMALLEST_FRAME)


def too_long_data(log: Log) -> bytes:
    """DATA one byte longer than that."""
    return data(1, bytes(longest(log) + 1), end=False)


def too_long_headers(log: Log) -> bytes:
    """HEADERS that are longer than that."""
    given = block(*request("GET", ("x-long", "0" * 2 * longest(log))))
    assert len(given) > longest(log)
    return frame(HEADERS, END_STREAM | END_HEADERS, 1, given)


def one_request_too_many(log: Log) -> bytes:
    """One more than the server takes at a time, none of which can be answered."""
    return b"".join(get(2 * n + 1) for n in range(log.settings[STREAMS] + 1))


_PREFACE = (
    Case("3.4-valid-preface", (PREFACE + settings({}), Greeted()), None),
    Case(
        "3.4-invalid-preface", (b"INVALID CONNECTION PREFACE\r\n\r\n", Closed()), None
    ),
)

_FORMAT = (
    case("4.1-unknown-kind", frame(UNKNOWN, 0, 0, bytes(8)), *lives()),
    case("4.1-unknown-flag", frame(PING, 0x16, 0, EIGHT), Ponged(EIGHT)),
    case("4.1-reserved-bit", frame(PING, 0, RESERVED, EIGHT), Ponged(EIGHT)),
    case(
        "4.2-data-as-long-as-it-may-be",
        post(),
        data(1, bytes(SMALLEST_FRAME)),
        Answered(size=SMALLEST_FRAME),
    ),
    case("4.2-too-long-data", post(), too_long_data, BreaksStream((SIZE,))),
    case("4.2-too-long-headers", too_long_headers, BreaksConnection((SIZE,))),
    case("4.3-bad-block", headers(1, b"\x40" * 10), BreaksConnection((COMPRESSION,))),
    case(
        "4.3-priority-within-a-block",
        headers(1, GET, whole=False) + priority(1),
        BROKEN,
    ),
    case(
        "4.3-another-stream-within-a-block",
        headers(1, GET, whole=False) + get(3),
        BROKEN,
    ),
)

_IDLE = (
    case("5.1-idle-data", data(1), BROKEN),
    case("5.1-idle-reset", reset(1), BROKEN),
    case("5.1-idle-update", update(1, 100), BROKEN),
    case("5.1-idle-continuation", continuation(1, GET), BROKEN),
)


def after(
    state: str, *steps: Step, greeting: dict[int, int] | None = None
) -> list[Case]:
    """What nobody may send any more once a stream is in this state."""
    headers_are = LATE if state != "closed" else BreaksConnection((CLOSED,))
    late = {
        "data": (data(1), LATE),
        "headers": (get(), headers_are),
        "continuation": (continuation(1, GET), LATE_CONTINUATION),
    }
    return [
        case(f"5.1-{state}-{name}", *steps, *sent, greeting=greeting)
        for name, sent in late.items()
    ]


_STATES = (
    *_IDLE,
    *after("half-closed", get(), greeting=HELD),
    *after("reset", post() + reset(1)),
    *after("closed", get(), Answered()),
)

_STREAMS = (
    case("5.1.1-even-number", get(2), BROKEN),
    case("5.1.1-smaller-number", get(5) + get(3), BROKEN),
    case(
        "5.1.2-too-many",
        one_request_too_many,
        BreaksStream((PROTOCOL, REFUSED)),
        greeting=HELD,
    ),
    case(
        "5.3-headers-that-depend-on-themselves",
        frame(HEADERS, 0x5 | PRIORITIZED, 1, b"\0\0\0\1\xff" + GET),
        BreaksStream((PROTOCOL,)),
    ),
    case(
        "5.3-priority-that-depends-on-itself",
        frame(PRIORITY, 0, 1, b"\0\0\0\1\xff"),
        BreaksStream((PROTOCOL,)),
    ),
)

_SHORT_PING = frame(PING, 0, 0, bytes(6))

_ERRORS = (
    case("5.4.1-closed", _SHORT_PING, Closed()),
    case("5.4.1-goaway-first", _SHORT_PING, SaysGoodbye((SIZE,))),
    case("5.5-extension", frame(UNKNOWN, 0, 0, EIGHT), ping(EIGHT), Ponged(EIGHT)),
    case(
        "5.5-extension-within-a-block",
        headers(1, GET[:2], whole=False)
        + frame(UNKNOWN, 0, 0, EIGHT)
        + frame(CONTINUATION, END_HEADERS, 1, GET[2:]),
        BROKEN,
    ),
)

FRAMING = (*_PREFACE, *_FORMAT, *_STATES, *_STREAMS, *_ERRORS)
