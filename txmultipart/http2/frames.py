"""Frames, as far as they are read and written without h2 (RFC 9113 sections 4 and 6)."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

#: What a client sends first (section 3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#: Length in two pieces, kind, flags, stream.
HEADER = Struct(">HBBBL")

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8

# The highest bit of a stream identifier is reserved, and ignored (section 4.1).
STREAM_MASK = 0x7FFFFFFF


class Kind(IntEnum):
    """The types of frames that there are; all others are ignored (section 4.1)."""

    DATA = 0x0
    HEADERS = 0x1
    PRIORITY = 0x2
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9
    PRIORITY_UPDATE = 0x10  # RFC 9218 section 7.1


class Head(NamedTuple):
    """The nine bytes in front of every frame."""

    length: int
    kind: int
    flags: int
    stream_id: int


def parse_head(data: bytes, place: int = 0) -> Head:
    """The frame header that stands at ``place``."""
    high, low, kind, flags, stream_id = HEADER.unpack_from(data, place)
    return Head(high << 8 | low, kind, flags, stream_id & STREAM_MASK)


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A frame, as it goes over the wire."""
    size = len(payload)
    return HEADER.pack(size >> 8, size & 0xFF, kind, flags, stream_id) + payload


def goaway(last_stream_id: int, error_code: int) -> bytes:
    """A GOAWAY frame (section 6.8)."""
    payload = last_stream_id.to_bytes(4, "big") + error_code.to_bytes(4, "big")
    return frame(Kind.GOAWAY, 0, 0, payload)


def window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame (section 6.9)."""
    return frame(Kind.WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4, "big"))
