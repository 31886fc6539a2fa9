"""Frames, right ones by hyperframe and hpack, and wrong ones by hand."""

from __future__ import annotations

import struct

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Kinds of frames and their flags (RFC 9113 section 6).
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
UNKNOWN = 0x16
ACK, END_STREAM, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 0x20

# Error codes (section 7).
NO_ERROR, PROTOCOL, FLOW, SIZE, CLOSED = 0, 1, 3, 6, 5
REFUSED, CANCEL, COMPRESSION = 7, 8, 9

# Settings (section 6.5.2).
TABLE, PUSH, STREAMS, WINDOW, FRAME = 1, 2, 3, 4, 5

LARGEST_WINDOW = 0x7FFFFFFF
SMALLEST_FRAME = 1 << 14

Field = tuple[str, str]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Any frame, as wrong as can be."""
    length = struct.pack(">I", len(payload))[1:]
    return length + struct.pack(">BBI", kind, flags, stream) + payload


def block(*fields: Field) -> bytes:
    """A header block that needs no other before it."""
    return Encoder().encode(list(fields))


def request(method: str, *more: Field, path: str = "/") -> list[Field]:
    """The fields of a request."""
    return [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "example.test"),
        *more,
    ]


GET = block(*request("GET"))
POST = block(*request("POST"))


def headers(
    stream: int, given: bytes, *, end: bool = True, whole: bool = True, pad: int = 0
) -> bytes:
    """HEADERS with the block ``given``."""
    made = HeadersFrame(stream, given, pad_length=pad)
    made.flags |= {
        name
        for name, on in (("END_STREAM", end), ("END_HEADERS", whole), ("PADDED", pad))
        if on
    }
    return made.serialize()


def get(stream: int = 1) -> bytes:
    """A whole GET."""
    return headers(stream, GET)


def post(stream: int = 1) -> bytes:
    """The beginning of a POST; its body is to follow."""
    return headers(stream, POST, end=False)


def malformed(*fields: Field) -> bytes:
    """A whole request of these fields."""
    return headers(1, block(*fields))


def continuation(stream: int, given: bytes, *, whole: bool = True) -> bytes:
    """CONTINUATION."""
    flags = ["END_HEADERS"] if whole else []
    return ContinuationFrame(stream, given, flags=flags).serialize()


def data(
    stream: int, given: bytes = b"test", *, end: bool = True, pad: int = 0
) -> bytes:
    """DATA."""
    made = DataFrame(stream, given, pad_length=pad)
    if end:
        made.flags.add("END_STREAM")
    if pad:
        made.flags.add("PADDED")
    return made.serialize()


def priority(
    stream: int, depends_on: int = 0, weight: int = 15, *, exclusive: bool = False
) -> bytes:
    """PRIORITY; the ``weight`` is one more than what is sent."""
    made = PriorityFrame(
        stream, depends_on=depends_on, stream_weight=weight, exclusive=exclusive
    )
    return made.serialize()


def reset(stream: int, code: int = CANCEL) -> bytes:
    """RST_STREAM."""
    return RstStreamFrame(stream, code).serialize()


def settings(given: dict[int, int]) -> bytes:
    """SETTINGS."""
    return SettingsFrame(0, given).serialize()


def setting(name: int, value: int) -> bytes:
    """SETTINGS of one entry, whatever it is."""
    return frame(SETTINGS, 0, 0, struct.pack(">HI", name, value))


SETTINGS_ACK = SettingsFrame(flags=["ACK"]).serialize()


def ping(given: bytes, *, ack: bool = False) -> bytes:
    """PING, or the answer to one."""
    return PingFrame(0, given, flags=["ACK"] if ack else []).serialize()


def goaway(code: int) -> bytes:
    """GOAWAY."""
    return frame(GOAWAY, 0, 0, struct.pack(">II", 0, code))


def update(stream: int, increment: int) -> bytes:
    """WINDOW_UPDATE."""
    return WindowUpdateFrame(stream, increment).serialize()
