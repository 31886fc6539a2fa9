"""HTTP2Options: every figure of a connection, and why it is that large."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

KiB = 1 << 10
MiB = 1 << 20

#: What a figure must be at least, where that is not 0. RFC 9113 sections 6.5.2, 6.9.2.
_LEAST = {
    "max_frame": 1 << 14,
} | dict.fromkeys(
    (
        *("max_streams", "streams_at_first", "most_requests", "retire_after"),
        *("first_window", "largest_window", "connection_window"),
        *("quantum", "batch", "high_water", "per_second", "least_rate"),
    ),
    1,
)

#: And at most, where a frame has so many bits for it.
_MOST = {
    "max_frame": (1 << 24) - 1,
    "first_window": (1 << 31) - 1,
    "largest_window": (1 << 31) - 1,
    "connection_window": (1 << 31) - 1,
    "max_streams": (1 << 31) - 1,
    "max_header_list": (1 << 32) - 1,
}

#: Times of which 0 would mean: again and again.
_NOT_ZERO = {"ping_interval", "ping_time", "stall_time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTP2Options:
    """What one connection may hold, take and wait for.

    Sizes are in bytes, times in seconds. ``dataclasses.replace`` makes variants;
    ``ValueError`` for figures that no connection could live with.
    """

    #: Requests at a time. More are refused, in a way that lets the peer try again.
    max_streams: int = 100

    #: What a peer may send of a body before anybody has taken a byte. Of less than 65,535
    #: it has to hear first: so much is taken of any (section 6.9.2).
    first_window: int = 128 * KiB

    #: What that grows to, fourfold, each time the consumer has kept up.
    largest_window: int = 4 * MiB

    #: The windows of all streams together stay under this: it is what a connection
    #: can make us hold. Windows do not grow beyond it, and all first ones fit.
    windows_together: int = 32 * MiB

    #: The same for all connections of a site, each of which could have the sum above.
    #: When half of it is promised windows do not grow. When all is, requests with bodies
    #: are refused in a way that lets the peer try again, but for one on each connection:
    #: so the sum is this, and a first window for each connection.
    windows_of_site: int = 256 * MiB

    #: The connection's own window, given back on receipt: it bounds nothing but
    #: what is under way, so that no stalled stream delays another.
    connection_window: int = 16 * MiB

    #: The least that may be announced. Common clients send no larger frames anyway.
    max_frame: int = 16 * KiB

    #: One request's fields, decoded: bytes as section 6.5.2 counts them, and lines,
    #: each piece of a split cookie among them.
    max_header_list: int = 32 * KiB
    max_header_fields: int = 100

    #: One request's fields as they come, and the CONTINUATION frames they may take.
    max_header_block: int = 48 * KiB
    max_continuations: int = 8

    #: Settings in one frame; ten are defined.
    max_settings: int = 32

    #: What a stream may send before it is the next one's turn, and at most in one
    #: frame, whatever its priority; and what is written to the transport at once.
    quantum: int = 64 * KiB
    batch: int = 64 * KiB

    #: A producer is paused when this much of its output waits, and resumed below half. Its
    #: last write counts whole: a file comes in blocks of up to 1 MiB.
    high_water: int = 64 * KiB

    #: Bytes of answers to a peer that does not read them, before nothing more
    #: is read from it.
    max_unread_control: int = 32 * KiB

    #: How often a peer may make us do something for nothing: so often at once, and
    #: ``per_second`` times a second in the long run.
    max_resets: int = 200
    max_refusals: int = 1000
    max_pings: int = 1000
    max_settings_frames: int = 100
    max_priorities: int = 1000
    max_empty_frames: int = 100
    max_window_updates: int = 100
    per_second: int = 33

    #: Until the preface and the first SETTINGS are there.
    preface_time: float = 10.0

    #: From a peer's first SETTINGS until it has agreed to ours (section 6.5.3).
    settings_time: float = 10.0

    #: From the first byte of a request's fields to the last: nobody types them.
    header_time: float = 10.0

    #: Bytes a second that a body has to come at, and an answer to be taken at, in the
    #: long run: no line is so slow. For as long as the site's timeout either may come
    #: to nothing, and every byte adds to that time, but not without end: so a byte now
    #: and then is not enough. All bodies of a connection together have to reach it, and
    #: as long as they do none is too slow. Where the site has no timeout it is not asked.
    least_rate: int = 500

    #: Requests on one connection, all in all. It is then closed in peace, and the peer
    #: makes a new one: so load spreads, and what a connection has piled up is let go.
    most_requests: int = 10_000

    #: Between our word that we leave and our last word, if the peer does not answer the
    #: first: requests on their way have arrived by then (section 6.8).
    farewell_time: float = 2.0

    #: Between an early answer and the reset that ends the upload: some clients
    #: throw away an answer that a reset follows closely.
    linger_time: float = 0.5

    #: Between the last word on a connection and its end, read or not.
    abort_time: float = 2.0

    #: The same for a server that leaves in peace: its last answer may be on its way, and
    #: its peer a slow reader.
    leave_time: float = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            kind, value = str(field.type), getattr(self, field.name)
            if kind == "int":
                _check_number(field.name, value)
            elif value is not None or "None" not in kind:
                _check_time(field.name, value)
        first = self.max_streams * self.first_window
        if first > self.windows_together:
            raise ValueError(
                "max_streams times first_window must be no more than windows_together, "
                f"and is {first}"
            )


def _check_number(name: str, value: Any) -> None:
    least, most = _LEAST.get(name, 0), _MOST.get(name, math.inf)
    if type(value) is not int or not least <= value <= most:
        bound = f" to {most}" if name in _MOST else " or more"
        raise ValueError(f"{name} must be a whole number, {least}{bound}")


def _check_time(name: str, value: Any) -> None:
    is_number = type(value) in (int, float) and 0 <= value < math.inf
    if not is_number or (name in _NOT_ZERO and not value):
        least = "more than 0" if name in _NOT_ZERO else "0 or more"
        raise ValueError(f"{name} must be a number of seconds, {least}")
