"""MultipartParser: bytes in, events out. No I/O, no clock, no Twisted.

What comes out is a function of the bytes alone, never of how they were cut: the
events, the events before an error, the error and its offset.
"""

from __future__ import annotations

from txmultipart.errors import (
    LimitExceeded,
    MisuseError,
    MultipartError,
    TruncatedMultipart,
)
from txmultipart.sansio.admission import Budget
from txmultipart.sansio.delimiter import CLOSE, LONG, MAX_PADDING
from txmultipart.sansio.events import Event, PartData
from txmultipart.sansio.machine import (
    BETWEEN,
    BODY,
    COUNTED,
    EPILOGUE,
    FAILED,
    HEADERS,
    PREAMBLE,
)
from txmultipart.sansio.octets import octets
from txmultipart.sansio.shortcut import WHOLE, ShortcutMachine, new

_WHERE = {
    PREAMBLE: "before the first delimiter",
    HEADERS: "in the headers of a part",
    BODY: "in a part, before a close delimiter",
    BETWEEN: "behind a part, before a close delimiter",
    COUNTED: "in a part, before its declared length",
}


class MultipartParser(ShortcutMachine):
    """Turns the bytes of one multipart body into events.

    ``boundary`` is the parameter of the Content-Type, without quotes; with the
    profile ``REPLACE`` it may be empty and is then read off the body. Feed with
    ``receive_data``, and call ``receive_eof`` when the input has ended: only
    then is it known to be whole.

    ``limits`` are ``ENDLESS`` by default for ``REPLACE``, and ``Limits()`` for
    the others. A parser of a nested multipart is given the ``budget`` of the one
    around it.

    Raises ``NotMultipart`` for a boundary that cannot be used, ``LimitExceeded``
    for one that is too long.
    """

    @property
    def parts(self) -> int:
        """How many parts have begun so far."""
        return self._admission.parts

    @property
    def budget(self) -> Budget:
        """What may still come, to be shared with nested multiparts."""
        return self._admission.budget

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """The events that ``data``, the next bytes of the body, completes.

        What is not ``bytes`` but holds them is copied. Raises ``MalformedMultipart``
        or ``LimitExceeded``; the events before the error can then be had from
        ``take_events``. Every later call raises the same error. Raises ``MisuseError``
        after ``receive_eof``, and for what holds no bytes, which changes nothing.
        """
        if type(data) is not bytes:
            data = octets(data, "receive_data takes bytes")
        size = len(data)
        if 0 < size <= self._plain:
            # In a large part: this is where the time goes. ``_plain`` is granted where a
            # chunk has ended in BODY, for as many bytes as no limit is near; any other
            # way through here takes it back (``_settle``). One byte is found faster than
            # anything else, and no line begins without it.
            delimiter = self._delimiter
            needle = delimiter.line if size >= LONG else delimiter.dash
            if 10 not in data or data.find(needle) < 0:
                begun, tail = b"", data[delimiter.tail :]
                if delimiter.first in tail:
                    begun = tail[tail.rfind(delimiter.first) :]
                    begun = begun if delimiter.line.startswith(begun) else b""
                if not begun and not self._scanner.held:
                    self._plain -= size
                    event = new(PartData)
                    event.data = data
                    return [event]
                if events := self._take_seam(data, begun):
                    return events
        elif size <= WHOLE and not self._end and (events := self._take_whole(data)):
            return events
        if not self._usable:
            self._refuse()
        if self._granted:
            self._settle()
        try:
            if self._end + size > self.limits.max_body_size:
                self._run_out(data)
            self._run(data)
        except MultipartError as error:
            raise self._failed(error) from None
        events, self._events = self._events, []
        return events

    def receive_eof(self) -> list[Event]:
        """The input has ended: the last events, if there are any.

        Raises ``TruncatedMultipart`` unless the close delimiter was seen. With
        ``loose_ends`` an opening delimiter may be the last thing, and an
        endless body may end behind any part; both are recorded.
        """
        if not self._usable:
            self._refuse()
        self._usable = False
        if self._granted:
            self._settle()
        if self.state is EPILOGUE:
            return []
        if not self._ends_loosely():
            message = f"the body ended {_WHERE[self.state]}"
            raise self._failed(TruncatedMultipart(message, offset=self.received))
        if self.state is BODY:
            self._end_content()
        self._tolerate("no-close-delimiter", self.received)
        self._meet(CLOSE, 0)
        return self.take_events()

    def take_events(self) -> list[Event]:
        """The events that no call has returned yet: those right before an error."""
        events, self._events = self._events, []
        return events

    @property
    def held(self) -> int:
        """How many bytes are kept between two calls, never more than ``most_held``."""
        if self._opening is not None:
            return len(self._opening.held)
        if not hasattr(self, "_scanner"):  # there was no delimiter, or all at once
            return 0
        return len(self._blocks.held) + len(self._scanner.held)

    @property
    def most_held(self) -> int:
        """The bound on the bytes kept: one header block, and one delimiter line."""
        boundary = len(self._boundary) or self.limits.max_boundary_length
        delimiter = len(b"\r\n--") + boundary + len(b"--") + MAX_PADDING
        return self.limits.max_header_bytes + delimiter

    def _run_out(self, data: bytes) -> None:
        """``data`` passes the bound on the body: take what does not, then say so."""
        bound = self.limits.max_body_size
        self._run(data[: bound - self._end])
        raise LimitExceeded("max_body_size", bound, offset=bound)

    def _refuse(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)
        raise MisuseError("the end of the input was told before", code="after-eof")

    def _failed(self, error: MultipartError) -> MultipartError:
        self.state, self._error, self._usable = FAILED, error, False
        error.part = self.parts
        return error
