"""Kinds: RFC 9113 sections 6 and 7, each kind of frame, and error codes."""

from __future__ import annotations

from tests.http2.conformance.basics import HELD
from tests.http2.conformance.case import (
    Acked,
    Answered,
    BreaksConnection,
    BreaksStream,
    Ponged,
    PongedOrClosed,
    Sent,
    case,
    lives,
)
from tests.http2.conformance.frames import (
    ACK,
    CLOSED,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW,
    FRAME,
    GET,
    GOAWAY,
    HEADERS,
    LARGEST_WINDOW,
    PADDED,
    PING,
    PRIORITY,
    PROTOCOL,
    PUSH,
    RST_STREAM,
    SETTINGS,
    SIZE,
    SMALLEST_FRAME,
    WINDOW,
    WINDOW_UPDATE,
    continuation,
    data,
    frame,
    get,
    goaway,
    headers,
    ping,
    post,
    priority,
    reset,
    setting,
    settings,
    update,
)

BROKEN = BreaksConnection((PROTOCOL,))
WRONG_SIZE = BreaksConnection((SIZE,))
OVERFLOW = BreaksConnection((FLOW,))
EIGHT = b"12345678"

# A pad that would be longer than what is left of its frame.
_PAD = b"\xff" + bytes(5)
_OPEN = headers(1, GET, whole=False)

_DATA = (
    case("6.1-no-stream", frame(DATA, END_STREAM, 0, EIGHT), BROKEN),
    case("6.1-closed-stream", get(), data(1), BreaksStream((CLOSED,)), greeting=HELD),
    case("6.1-too-long-pad", post(), frame(DATA, PADDED | END_STREAM, 1, _PAD), BROKEN),
)

_HEADERS = (
    case("6.2-priority-within", _OPEN + priority(1), BROKEN),
    case("6.2-another-stream-within", _OPEN + get(3), BROKEN),
    case("6.2-no-stream", frame(HEADERS, END_STREAM | END_HEADERS, 0, GET), BROKEN),
    case(
        "6.2-too-long-pad",
        frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\xff" + GET),
        BROKEN,
    ),
)

_PRIORITY = (
    case("6.3-no-stream", frame(PRIORITY, 0, 0, bytes(5)), BROKEN),
    case("6.3-size", frame(PRIORITY, 0, 1, bytes(4)), BreaksStream((SIZE,))),
)

_RST_STREAM = (
    case("6.4-no-stream", frame(RST_STREAM, 0, 0, bytes(4)), BROKEN),
    case("6.4-idle-stream", reset(1), BROKEN),
    case("6.4-size", post(), frame(RST_STREAM, 0, 1, bytes(3)), WRONG_SIZE),
)

_SETTINGS = (
    case("6.5-ack-with-a-payload", frame(SETTINGS, ACK, 0, b"\0"), WRONG_SIZE),
    case("6.5-stream", frame(SETTINGS, 0, 1, b"\0\3\0\0\0\x64"), BROKEN),
    case("6.5-size", frame(SETTINGS, 0, 0, bytes(3)), WRONG_SIZE),
    case("6.5.2-push", setting(PUSH, 2), BROKEN),
    case("6.5.2-too-large-window", setting(WINDOW, LARGEST_WINDOW + 1), OVERFLOW),
    case("6.5.2-too-small-frame", setting(FRAME, SMALLEST_FRAME - 1), BROKEN),
    case("6.5.2-too-large-frame", setting(FRAME, 1 << 24), BROKEN),
    case("6.5.2-unknown", setting(0xFF, 1), Acked(2), *lives()),
    case(
        "6.5.3-the-last-value-counts",
        frame(SETTINGS, 0, 0, b"\0\4\0\0\0\x64\0\4\0\0\0\1"),
        Acked(2),
        get(),
        Sent(1),
        *lives(),
        Sent(1),
    ),
    case("6.5.3-acknowledged", settings({}), Acked(2)),
)

_PING = (
    case("6.7-answered", ping(EIGHT), Ponged(EIGHT)),
    case("6.7-an-answer-is-not-answered", ping(b"no reply", ack=True), *lives()),
    case("6.7-stream", frame(PING, 0, 1, EIGHT), BROKEN),
    case("6.7-size", frame(PING, 0, 0, bytes(6)), WRONG_SIZE),
)

_GOAWAY = (case("6.8-stream", frame(GOAWAY, 0, 1, bytes(8)), BROKEN),)

_UPDATE = (
    case("6.9-zero", frame(WINDOW_UPDATE, 0, 0, bytes(4)), BROKEN),
    case(
        "6.9-zero-on-a-stream",
        post(),
        frame(WINDOW_UPDATE, 0, 1, bytes(4)),
        BreaksStream((PROTOCOL,)),
    ),
    case("6.9-size", frame(WINDOW_UPDATE, 0, 0, bytes(3)), WRONG_SIZE),
    case(
        "6.9.1-no-more-than-the-window",
        setting(WINDOW, 1),
        Acked(2),
        get(),
        Sent(1),
        *lives(),
        Sent(1),
    ),
    case("6.9.1-overflow", update(0, LARGEST_WINDOW) * 2, OVERFLOW),
    case(
        "6.9.1-overflow-on-a-stream",
        post() + update(1, LARGEST_WINDOW) * 2,
        BreaksStream((FLOW,)),
    ),
    case(
        "6.9.2-a-window-opens",
        get(),
        settings({WINDOW: 1}),
        Acked(2),
        Sent(1),
        greeting=HELD,
    ),
    case(
        "6.9.2-a-window-below-zero",
        get(),
        Sent(3),
        settings({WINDOW: 2}),
        Acked(2),
        update(1, 1),  # to zero
        *lives(),
        Sent(3),
        update(1, 1),
        Sent(4),
        greeting={WINDOW: 3},
    ),
    case("6.9.2-overflow", get(), setting(WINDOW, LARGEST_WINDOW + 1), OVERFLOW),
)

_PIECE = continuation(1, GET[2:], whole=False)

_CONTINUATION = (
    case(
        "6.10-some",
        headers(1, GET[:2], whole=False)
        + continuation(1, GET[2:5], whole=False)
        + continuation(1, GET[5:]),
        Answered(),
    ),
    case(
        "6.10-anything-else",
        headers(1, GET[:2], whole=False) + _PIECE + data(1),
        BROKEN,
    ),
    case(
        "6.10-no-stream",
        headers(1, GET[:2], whole=False) + frame(9, END_HEADERS, 0, GET[2:]),
        BROKEN,
    ),
    case("6.10-after-the-end", post() + continuation(1, GET), BROKEN),
    case(
        "6.10-after-the-end-in-pieces",
        headers(1, GET[:2], end=False, whole=False)
        + continuation(1, GET[2:])
        + continuation(1, GET),
        BROKEN,
    ),
    case("6.10-after-data", post() + data(1, end=False) + continuation(1, GET), BROKEN),
)

_CODES = (
    case("7-unknown-in-goaway", goaway(0xFF), ping(EIGHT), PongedOrClosed(EIGHT)),
    case("7-unknown-in-reset", post() + reset(1, 0xFF), *lives()),
)

KINDS = (
    *_DATA,
    *_HEADERS,
    *_PRIORITY,
    *_RST_STREAM,
    *_SETTINGS,
    *_PING,
    *_GOAWAY,
    *_UPDATE,
    *_CONTINUATION,
    *_CODES,
)
