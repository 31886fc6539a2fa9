"""Floods: counts what a peer makes us do for nothing, and puts an end to it.

::

    counted                               allowed
    all bytes, 64 at least for a frame    8 times the useful ones, and 8 MiB
    PING, SETTINGS, PRIORITY and          a bucket each
    PRIORITY_UPDATE
    DATA and header frames without bytes  a bucket
    resets, whoever sent them             a bucket
    refused streams                       a bucket
    WINDOW_UPDATE                         2 for each stream, 20 for each DATA frame sent
                                          and one for each 512 bytes in it

A bucket holds its number and is filled again at so many a second. Useful are the
bytes of bodies, both ways, and of header blocks, and each request.
"""

from __future__ import annotations

from collections.abc import Callable

from h2.errors import ErrorCodes

from txmultipart.http2.errors import ConnectionBroken
from txmultipart.http2.frames import END_HEADERS, HEADER, Head, Kind
from txmultipart.http2.options import HTTP2Options

# A peer that does something useful needs far less than that for its frames.
_OVERHEAD = 8
_FREE = 8 << 20

# What a frame costs us at least, in bytes of a peer that sends in bulk. So frames
# with less than an eighth of that in them are not what a connection may live on.
_FRAME = 64


class Bucket:
    """So many at once, and so many a second."""

    def __init__(self, size: int, rate: int, seconds: Callable[[], float]) -> None:
        self._size = self._left = float(size)
        self._rate = rate
        self._seconds = seconds
        self._then = seconds()

    def take(self) -> None:
        """Take one; ``ConnectionBroken`` if there is none."""
        if self._left < 1:
            self._fill()
        self._left -= 1
        if self._left < 0:
            raise calm("a flood")

    def _fill(self) -> None:
        now = self._seconds()
        self._left += (now - self._then) * self._rate
        self._left, self._then = min(self._left, self._size), now


class Floods:
    """The counters of one connection; each method may raise ``ConnectionBroken``."""

    def __init__(self, options: HTTP2Options, seconds: Callable[[], float]) -> None:
        def bucket(size: int) -> Bucket:
            return Bucket(size, options.per_second, seconds)

        self.resets = bucket(options.max_resets)
        self.refusals = bucket(options.max_refusals)
        self._empty = bucket(options.max_empty_frames)
        self._kinds: dict[int, Bucket] = {
            Kind.PING: bucket(options.max_pings),
            Kind.SETTINGS: bucket(options.max_settings_frames),
            Kind.PRIORITY: bucket(options.max_priorities),
            Kind.PRIORITY_UPDATE: bucket(options.max_priorities),
        }
        self._updates = options.max_window_updates
        self._total = self._useful = 0

    def received(self, size: int) -> None:
        """So many bytes have come."""
        self._total += size

    def check(self) -> None:
        """Compare the two; called when the bytes that came have been looked at."""
        if self._total - _FREE > self._useful * _OVERHEAD:
            raise calm("too many bytes for nothing")

    def stream_opened(self) -> None:
        """Its window may be updated. A request is of use, however short HPACK made it."""
        self._updates += 2
        self._useful += _FRAME

    def data_sent(self, frames: int, size: int) -> None:
        """So may the windows that they took from: what answers us is of use."""
        self._updates += 20 * frames + (size >> 9)
        self._useful += size

    def frame(self, head: Head) -> None:
        """A frame begins."""
        self.frames(1, head.length)
        if head.kind == Kind.WINDOW_UPDATE:
            self._window_updates(1)
        elif head.kind in self._kinds:
            self._kinds[head.kind].take()
        elif head.kind in (Kind.HEADERS, Kind.CONTINUATION):
            self.body(head.length, bool(head.flags & END_HEADERS))
        elif head.kind != Kind.DATA and not head.length:
            self._empty.take()

    def frames(self, count: int, size: int) -> None:
        """So many frames with so many bytes in all."""
        self._total += max(0, count * (_FRAME - HEADER.size) - size)

    def body(self, size: int, end: bool) -> None:
        """A frame brings so many bytes, or is there for the end that it marks."""
        self._useful += size
        if not size and not end:
            self._empty.take()

    def updates(self, count: int) -> None:
        """So many WINDOW_UPDATE frames."""
        self.frames(count, 4 * count)
        self._window_updates(count)

    def _window_updates(self, count: int) -> None:
        self._updates -= count
        if self._updates < 0:
            raise calm("too many updates of windows")


def calm(message: str) -> ConnectionBroken:
    """The peer asks for too much."""
    return ConnectionBroken(ErrorCodes.ENHANCE_YOUR_CALM, message)
