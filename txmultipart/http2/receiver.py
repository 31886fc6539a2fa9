"""Receiver: frames to h2, and DATA past it to the streams.

::

    DATA for                      h2 is told  the bytes       connection credit
    an open stream                yes         to the stream   by h2's count
    a stream whose length it      no          dropped         past h2
      breaks: reset
    a stream that we reset        no          dropped         past h2
    any other                     yes, and judges             by h2's count

h2 would answer each frame for a stream that we reset with another reset; what is on
its way when we reset is no fault of the peer. What h2 did not count, it must not give
back, so that credit is written past it, and both sides count the same.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event

from txmultipart.http2.credit import make_credit
from txmultipart.http2.errors import StreamReset
from txmultipart.http2.feed import make_feed
from txmultipart.http2.floods import Floods
from txmultipart.http2.frames import Head, Kind, window_update
from txmultipart.http2.inbound import Inbound
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.window import connection_lump

_REMEMBERED = 1024


class Taker(Protocol):
    """A stream, as far as it is sent to."""

    stream_id: int
    inbound: Inbound


class Streams(Protocol):
    """Whose the streams are."""

    def find(self, stream_id: int) -> Taker | None:
        """The stream of this number, if it is open."""
        ...

    def happened(self, event: Event) -> None:
        """h2 says that something has happened."""
        ...

    def window_opened(self, stream_id: int) -> None:
        """The peer takes more on this stream; 0: on any."""
        ...

    def reset(self, stream: Taker, error: StreamReset) -> None:
        """Reset a stream, for what its peer did."""
        ...

    def body_ended(self, stream: Taker) -> None:
        """The last byte of its body is here."""
        ...

    def goaway(self, last_stream_id: int, error_code: int) -> None:
        """The peer wants no more streams."""
        ...

    def priority_changed(self, stream_id: int, value: bytes) -> None:
        """The peer would have this answer earlier, or later."""
        ...


class Receiver:
    """What the splitter of one connection hands its frames to."""

    def __init__(
        self, h2: H2Connection, options: HTTP2Options, floods: Floods, streams: Streams
    ) -> None:
        self.h2 = h2
        self._feed = make_feed(h2)
        self._credit = make_credit(h2)
        self._window = options.connection_window
        self.floods = floods
        self.streams = streams
        self.reset_by_us: OrderedDict[int, None] = OrderedDict()
        self._past_h2 = 0

    def frame(self, head: Head, whole: bytes) -> None:
        """A frame other than DATA, to h2."""
        if head.kind == Kind.HEADERS and head.stream_id in self.reset_by_us:
            self.floods.resets.take()  # h2 may answer it with one more
        self._tell(self._feed.frame(whole))

    def windows_opened(self, added: dict[int, int]) -> None:
        """WINDOW_UPDATE frames; those that h2 has to judge, to h2."""
        for stream_id, increment in added.items():
            if not self._credit.opened(stream_id, increment):
                whole = window_update(stream_id, increment)
                self._tell(self._feed.frame(whole))
        for stream_id in (0,) if 0 in added else added:
            self.streams.window_opened(stream_id)

    def goaway(self, last_stream_id: int, error_code: int) -> None:
        """Not to h2, which would close for both sides."""
        self.streams.goaway(last_stream_id, error_code)

    def priority_update(self, stream_id: int, value: bytes) -> None:
        """Not to h2, which does not know it."""
        self.streams.priority_changed(stream_id, value)

    def data_header(
        self, stream_id: int, body: int, end: bool, pad: int | None
    ) -> Taker | None:
        """DATA begins; see the table above."""
        stream = self.streams.find(stream_id)
        size = body if pad is None else body + pad + 1
        if stream is None and stream_id in self.reset_by_us:
            self._drop(stream_id, size, end)
            return None
        if stream is not None and _is_too_much(stream.inbound, body, end):
            self.floods.resets.take()
            code = ErrorCodes.PROTOCOL_ERROR
            self.streams.reset(stream, StreamReset(code, message=_why(stream.inbound)))
            self._drop(stream_id, size, end)
            return None
        if stream is None:
            self.floods.resets.take()
        return self._account(stream_id, body, end, pad)

    def _account(
        self, stream_id: int, body: int, end: bool, pad: int | None
    ) -> Taker | None:
        self._tell(self._feed.account(stream_id, body, end, pad))
        stream = self.streams.find(stream_id)  # unless h2 had something against it
        if stream is not None:
            stream.inbound.announce(body, end, pad)
        return stream

    def data_body(self, target: Taker, data: bytes) -> None:
        """Some bytes of a body."""
        target.inbound.arrived(data)

    def data_end(self, target: Taker) -> None:
        """The last of them."""
        self.streams.body_ended(target)
        target.inbound.end()

    def was_reset(self, stream: Taker) -> None:
        """We reset a stream: what is still on its way for it is dropped."""
        if not stream.inbound.remote_ended:
            self.remember(stream.stream_id)

    def remember(self, stream_id: int) -> None:
        """We reset a stream of this number."""
        self.reset_by_us[stream_id] = None
        if len(self.reset_by_us) > _REMEMBERED:
            self.reset_by_us.popitem(last=False)

    def credit(self) -> bytes:
        """Give the connection's window back; what is to be written after h2's output."""
        lump = connection_lump(self._window, self.h2.inbound_flow_control_window)
        if lump:
            self.h2.increment_flow_control_window(lump)
        size = self._past_h2
        if size * 8 < self._window:
            return b""
        self._past_h2 = 0
        return window_update(0, size)

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            self.streams.happened(event)

    def _drop(self, stream_id: int, size: int, end: bool) -> None:
        self._past_h2 += size
        self.forget(stream_id, end)

    def forget(self, stream_id: int, end: bool) -> None:
        """At its end nothing more can come for a stream that we reset."""
        if end:
            self.reset_by_us.pop(stream_id, None)


def _is_too_much(body: Inbound, size: int, end: bool) -> bool:
    # After its end anything is, and h2 says so with the right code.
    return not body.remote_ended and not body.fits(size, end)


def _why(body: Inbound) -> str:
    return "not the length it said" if body.has_head else "a body before its head"
