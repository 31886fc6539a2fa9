"""HTTP2Options: every figure of a connection, and why it is that large."""

from __future__ import annotations

from dataclasses import dataclass

KiB = 1 << 10
MiB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTP2Options:
    """What one connection may hold, take and wait for.

    Sizes are in bytes, times in seconds. ``dataclasses.replace`` makes variants.
    """

    #: Requests at a time. More are refused, in a way that lets the peer try again.
    max_streams: int = 100

    #: What a peer may send of a body before anybody has taken a byte.
    first_window: int = 128 * KiB

    #: What that grows to, fourfold, each time the consumer has kept up.
    largest_window: int = 4 * MiB

    #: The windows of all streams together stay under this: it is what a connection
    #: can make us hold. Windows do not grow beyond it, and all first ones fit.
    windows_together: int = 32 * MiB

    #: The same for all connections of a site, each of which could have the sum above.
    #: When so much is promised, windows do not grow, and requests with bodies are
    #: refused in a way that lets the peer try again.
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

    #: A producer is paused when this much of its output waits, and resumed below half.
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
