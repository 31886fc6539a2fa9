"""ClientOptions: the figures of a client's connection, where they are its own."""

from __future__ import annotations

from dataclasses import dataclass

from txmultipart.http2.options import HTTP2Options, KiB, MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions(HTTP2Options):
    """What one connection of a client may hold, take and wait for.

    Sizes are in bytes, times in seconds; None: no limit. ``dataclasses.replace`` makes
    variants. What bounds a server's peer bounds a client's peer too, but a client chose
    its peer: the figures are so wide that no honest server meets them.
    """

    #: Requests at a time, if the server allows as many.
    max_streams: int = 256

    #: The same until the server has said what it allows. A pool takes fewer if the last
    #: connection to it allowed no more.
    streams_at_first: int = 100

    #: The windows of all streams together, as for a server: more is under way here.
    windows_together: int = 64 * MiB

    #: One answer's fields, decoded: bytes as section 6.5.2 counts them, and lines.
    max_header_list: int = 256 * KiB
    max_header_fields: int = 1000

    #: One answer's fields as they come, and the CONTINUATION frames they may take.
    max_header_block: int = 256 * KiB
    max_continuations: int = 32

    #: Interim answers (1xx) to one request: how many, and bytes of all their fields.
    max_informational: int = 1000
    max_informational_bytes: int = 256 * KiB

    #: How often a server may make us do something for nothing; see ``HTTP2Options``.
    max_resets: int = 10_000
    max_settings_frames: int = 1000
    max_empty_frames: int = 1000
    max_window_updates: int = 1000

    #: Until the server's first SETTINGS are there.
    preface_time: float = 30.0

    #: After so many requests no more are begun, and the connection is closed after the
    #: last of them: servers behind a balancer want to be chosen anew now and then.
    retire_after: int = 10_000

    #: A reset stream counts as open until the server answers a PING that was sent with
    #: it; after that time without an answer no new requests are begun.
    reset_time: float = 10.0

    #: After so long a silence, while requests are under way, the server is asked with
    #: a PING whether it is there, and given up if it does not say a word in time.
    ping_interval: float | None = None
    ping_time: float = 20.0

    #: A request for which the server does nothing for so long is given up.
    stall_time: float | None = None
